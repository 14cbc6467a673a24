//! What Wireshark sees in the packets of every scenario: nothing malformed, and the same retransmissions and keepalives
//! as the trace reports.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use halfopen::scenario::{REGISTRY, Settings};
use halfopen::trace::pcap;

mod common;

/// The frames (counted from 1) for which `filter` holds.
fn frames(file: &Path, filter: &str) -> BTreeSet<usize> {
    let out = Command::new("tshark")
        // Sequence analysis must not be confused by what tshark knows of other protocols.
        .args([
            "-n",
            "-o",
            "tcp.desegment_tcp_streams:FALSE",
            "-T",
            "fields",
            "-e",
            "frame.number",
            "-Y",
            filter,
        ])
        .arg("-r")
        .arg(file)
        .output()
        .expect("tshark was found a moment ago");
    assert!(out.status.success(), "tshark: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).lines().map(|l| l.trim().parse().expect("a frame number")).collect()
}

#[test]
fn tshark_finds_nothing_malformed_and_the_same_retransmissions_and_keepalives() {
    if !common::have("tshark") {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    for scenario in REGISTRY {
        let outcome = scenario.run(&Settings::default()).expect("defaults are valid");
        let file = folder.path().join("run.pcap");
        pcap::write(&outcome.trace, std::fs::File::create(&file).expect("a new file")).expect("written");

        let name = scenario.name();
        let total = outcome.trace.packets.len();
        assert_eq!(frames(&file, "tcp").len(), total, "{name}: every packet is a TCP segment");
        let broken = frames(
            &file,
            "_ws.malformed || ip.checksum.status == \"Bad\" || tcp.checksum.status == \"Bad\" || tcp.len < 0",
        );
        assert!(broken.is_empty(), "{name}: malformed frames {broken:?}");

        let marked = |keep: &dyn Fn(&halfopen::trace::Marks) -> bool| -> BTreeSet<usize> {
            outcome
                .trace
                .packets
                .iter()
                .enumerate()
                .filter(|(_, p)| keep(&p.marks))
                .map(|(i, _)| i + 1)
                .collect()
        };
        // A copy of a segment is a retransmission to Wireshark, whoever made it; so is a SYN or FIN sent again.
        let again = frames(
            &file,
            "tcp.analysis.retransmission || tcp.analysis.fast_retransmission || tcp.analysis.spurious_retransmission",
        );
        assert_eq!(again, marked(&|m| m.retransmission || m.duplicate), "{name}: retransmissions");
        assert_eq!(frames(&file, "tcp.analysis.keep_alive"), marked(&|m| m.keepalive), "{name}: keepalives");
    }
}
