//! What several tests need; each takes a part of it.
#![allow(dead_code)]

#[cfg(feature = "book")]
pub mod lab;
pub mod tshark;
pub mod worlds;

use std::process::{Command, Stdio};

/// Whether a program is installed. If not, the test that asks is skipped, and says so loudly; where `HALFOPEN_TOOLS` is
/// set to `required` (as `.ci/run` does) it fails instead.
pub fn have(program: &str) -> bool {
    let found = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success());
    if !found {
        missing(&format!("{program} is not installed"));
    }
    found
}

/// Says loudly that a test is skipped for what is missing, or fails it where nothing may be.
pub fn missing(what: &str) {
    let required = std::env::var("HALFOPEN_TOOLS").is_ok_and(|v| v == "required");
    assert!(!required, "{what}, and HALFOPEN_TOOLS=required");
    eprintln!("\n*** SKIPPED: {what}, so this test has tested nothing ***\n");
}
