//! `examples/scenario-crate`: whoever writes scenarios in a crate of their own finds everything in the library.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use halfopen::explore::Registry;
use halfopen::page;
use serde_json::{Value, json};

/// Runs cargo on that crate, in this crate's target folder, so that nothing is built twice; what it printed.
fn cargo(command: &str, arguments: &[&str]) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/scenario-crate");
    cargo_in(&folder, &[&[command, "--locked"], arguments].concat())
}

/// The same on a crate like it.
fn cargo_in(folder: &Path, arguments: &[&str]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // The target folder, three levels above this test's program (`target/debug/deps/NAME`).
    let program = std::env::current_exe().expect("this program");
    let target = program.ancestors().nth(3).expect("a target folder");
    let output = Command::new("cargo")
        .args(&arguments[..1])
        .args(["--quiet", "--offline", "--manifest-path"])
        .arg(folder.join("Cargo.toml"))
        .args(&arguments[1..])
        .env("CARGO_TARGET_DIR", target)
        .current_dir(root)
        .stdin(Stdio::null())
        .output()
        .expect("cargo runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {}: {said}", arguments.join(" "));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn a_crate_with_scenarios_of_its_own_lists_runs_sweeps_and_tests_them() {
    if !common::have("cargo") {
        return;
    }
    let list = cargo("run", &["--", "list"]);
    assert!(list.starts_with("crowd/herd  ") && list.contains("\ncrowd/reader  "), "{list}");

    let run = cargo("run", &["--", "run", "crowd/herd", "--set", "clients=30"]);
    for part in
        ["\nstory\n", "\nstory: spread\n", "wait_s_p99", "\nscenario-crate run crowd/herd --set clients=30\n"]
    {
        assert!(run.contains(part), "{part:?}: {run}");
    }
    let json: Value =
        serde_json::from_str(&cargo("run", &["--", "run", "crowd/herd", "--format", "json"])).expect("JSON");
    assert_eq!(json["distributions"]["spread_wait_s"].as_array().map(Vec::len), Some(60));
    assert_eq!(json["others"][0]["title"], "spread");

    let sweep =
        cargo("run", &["--", "sweep", "crowd/herd", "--vary", "clients=10,40", "--measure", "longer_s"]);
    assert!(
        sweep.ends_with("\nscenario-crate sweep crowd/herd --vary clients=10,40 --measure longer_s\n"),
        "{sweep}"
    );

    let tested = cargo("test", &[]);
    assert!(tested.contains("3 passed"), "{tested}");
}

#[test]
fn a_run_that_is_taken_along_as_a_test_compiles_as_it_stands_in_such_a_crate_and_passes() {
    if !common::have("cargo") {
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crate_of_it = root.join("examples/scenario-crate");
    let folder = tempfile::tempdir().unwrap();
    let manifest = fs::read_to_string(crate_of_it.join("Cargo.toml")).unwrap();
    let lock = fs::read_to_string(crate_of_it.join("Cargo.lock")).unwrap();
    let manifest = manifest.replace("path = \"../..\"", &format!("path = {:?}", root.display().to_string()));
    // Another name: both build into one folder.
    for (file, text) in [("Cargo.toml", manifest), ("Cargo.lock", lock)] {
        let text = text.replace("name = \"scenario-crate\"", "name = \"taken-along\"");
        fs::write(folder.path().join(file), text).unwrap();
    }
    for name in ["src", "tests"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    fs::write(folder.path().join("src/lib.rs"), "//! Nothing.\n").unwrap();

    let runs = [
        json!({"scenario": "tcp/handshake", "take": "rust"}),
        // Where a claim does not hold, and with a script.
        json!({"scenario": "websocket/partition", "set": {"partition": "1s"}, "seed": 7, "take": "rust"}),
        json!({"scenario": "websocket/stalled-server", "faults": "+ at 1m stall server for 5m", "take": "rust"}),
    ];
    for run in &runs {
        let taken: Value = serde_json::from_str(&page::ask(Registry::all(), &run.to_string())).unwrap();
        let [name, text] =
            ["name", "text"].map(|part| taken[part].as_str().unwrap_or_else(|| panic!("{taken}")));
        fs::write(folder.path().join("tests").join(name), text).unwrap();
    }
    let tested = cargo_in(folder.path(), &["test", "--tests"]);
    assert_eq!(tested.matches("1 passed").count(), runs.len(), "{tested}");
}
