//! What several tests need.

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
        let required = std::env::var("HALFOPEN_TOOLS").is_ok_and(|v| v == "required");
        assert!(!required, "{program} is not installed, and HALFOPEN_TOOLS=required");
        eprintln!("\n*** SKIPPED: {program} is not installed, so this test has tested nothing ***\n");
    }
    found
}
