//! What Wireshark sees in the packets of every scenario: nothing malformed, and the same retransmissions and keepalives
//! as the trace reports.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use halfopen::net::{Datagrams as _, Network as _};
use halfopen::packet::Transport;
use halfopen::scenario::{REGISTRY, Settings};
use halfopen::sim::{Engine, RouterOptions, Sysctls, World};
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
            "-o",
            "ip.check_checksum:TRUE",
            "-o",
            "tcp.check_checksum:TRUE",
            "-o",
            "udp.check_checksum:TRUE",
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
fn our_own_reader_finds_every_packet_of_every_scenario_sound() {
    for scenario in REGISTRY {
        let outcome = scenario.run(&Settings::default()).expect("defaults are valid");
        for packet in &outcome.trace.packets {
            let read = Transport::received(&packet.transport.emit());
            assert!(read.is_ok(), "{}: {read:?}, {packet:?}", scenario.name());
        }
    }
}

#[test]
fn tshark_reads_datagrams_and_finds_their_checksums_right() {
    if !common::have("tshark") {
        return;
    }
    let mut world = World::new(0, Engine::default(), Sysctls::default(), None);
    let [phone, server] = world.machines(["phone", "server"]);
    // A router makes the checksums anew.
    phone.interface_behind("wifi", RouterOptions::default());
    server.does(async |net| {
        let socket = net.bind(7_000).await?;
        let mut buffer = [0; 1_472];
        loop {
            let (n, from) = socket.recv_from(&mut buffer).await?;
            socket.send_to(&buffer[..n], from).await?;
        }
    });
    phone.does(async |net| {
        let socket = net.bind(0).await?;
        for len in [0, 1, 2, 333, 1_472] {
            socket.send_to(&vec![7; len], net.lookup("server:7000").await?).await?;
        }
        std::future::pending().await
    });
    let trace = world.run(Duration::from_secs(1)).expect("runs");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("run.pcap");
    pcap::write(&trace, std::fs::File::create(&file).expect("a new file")).expect("written");
    assert_eq!(frames(&file, "udp").len(), 10);
    assert_eq!(frames(&file, "udp.checksum.status == \"Good\" && ip.checksum.status == \"Good\"").len(), 10);
    assert_eq!(frames(&file, "udp.length == 1480").len(), 2);
    assert!(frames(&file, "_ws.malformed").is_empty());
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

        let marked = |keep: &dyn Fn(&halfopen::packet::Marks) -> bool| -> BTreeSet<usize> {
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
