//! How much memory a run takes: no more than what is kept of it.

#![cfg(target_os = "linux")]

use std::io::Read;
use std::process::{Command, Stdio};

/// The most memory that a process has had so far, in bytes; `None` when it has ended.
fn peak(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? << 10)
}

/// Runs the program; how many bytes it printed, and the most memory that it had while it did.
fn printed(arguments: &[&str]) -> (u64, u64) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_halfopen"))
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut out = child.stdout.take().expect("a pipe");
    let (mut bytes, mut most) = (0, 0);
    let mut buffer = vec![0; 1 << 16];
    // A pipe holds 64 KiB: the child is still there for all but the last of it.
    loop {
        let n = out.read(&mut buffer).expect("readable");
        bytes += n as u64;
        most = most.max(peak(child.id()).unwrap_or(0));
        if n == 0 {
            break;
        }
    }
    assert!(child.wait().expect("it ends").success());
    (bytes, most)
}

/// Some 400,000 events. As a tree of JSON values they take ten times the memory of the trace.
#[test]
fn the_json_of_a_long_run_is_written_without_being_held() {
    let long = [
        "run",
        "websocket/stalled-server",
        "--set",
        "update_every=10ms",
        "--set",
        "stall=20m",
        "--format",
        "json",
    ];
    let (bytes, most) = printed(&long);
    assert!(bytes > 20 << 20, "long enough to tell: {bytes} bytes");
    // The trace itself takes about twice as many bytes as its JSON.
    assert!(most < 4 * bytes, "{bytes} bytes of JSON took {most} bytes of memory");
}
