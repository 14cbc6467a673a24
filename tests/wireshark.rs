//! What Wireshark sees in the packets of every scenario and of generated worlds: nothing malformed, no window of zero
//! that Linux would not send, and the same retransmissions and keepalives as the trace reports.

use std::collections::BTreeMap;
use std::time::Duration;

use common::tshark::{self, Frame};
use common::worlds::Generated;
use halfopen::net::{Datagrams as _, ListenOptions, Listener as _, Network as _, SocketOptions};
use halfopen::packet::Transport;
use halfopen::parameter::{BitRate, ByteSize, Probability, mins, ms};
use halfopen::scenario::{REGISTRY, Settings};
use halfopen::sim::fault::{Between, Entry, Fault, Script};
use halfopen::sim::{Engine, RouterOptions, Sysctls, World};
use halfopen::trace::{Packet, Span, Trace};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

mod common;

/// `PI_ERROR`, the severity of what Wireshark calls an error (its `epan/proto.h`).
const ERROR: u32 = 0x0080_0000;
/// FIN and SYN in the byte of flags (RFC 9293 section 3.1).
const FIN: u32 = 0x1;
const SYN: u32 = 0x2;
/// FIN, SYN and RST (RFC 9293 section 3.1).
const FIN_SYN_RST: u32 = 0x7;
/// No buffer with its default size fills with less, in bytes.
const UNREAD: u32 = 20_000;
/// A window's edge moves less than this while nobody reads, in bytes.
const NEAR: u32 = 8_192;

/// A run, and what to call it when something is wrong with it.
struct Run {
    name: String,
    trace: Trace,
}

fn scenarios() -> impl Iterator<Item = Run> {
    REGISTRY.iter().map(|scenario| {
        let outcome = scenario.run(&Settings::default()).expect("defaults are valid");
        Run { name: scenario.name().to_owned(), trace: outcome.trace }
    })
}

fn worlds(seeds: std::ops::Range<u64>) -> impl Iterator<Item = Run> {
    seeds.map(|seed| {
        let (trace, faults, _) = Generated::new(seed).run(Engine::default());
        Run { name: format!("world {seed}, faults `{faults}`"), trace }
    })
}

/// A transfer of some hundred KiB each way over a link with faults, the reader of one side stopped for a while.
fn bulk(seed: u64) -> Run {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut share = |most: f64| Probability(rng.random_range(0.0..most));
    let (loss, reorder, duplicate) = (share(0.05), share(0.05), share(0.02));
    let one_way = ms(rng.random_range(1..100));
    let between = Between { a: "a".into(), b: "b".into(), one_way: false };
    let stalled = if rng.random_bool(0.5) { "a" } else { "b" };
    let mut entry = |fault, lasts| Entry {
        at: ms(rng.random_range(0..1_500)),
        fault,
        lasting: Some(ms(rng.random_range(lasts))),
    };
    let mut faults = vec![entry(Fault::Stall(stalled.into()), 0..20_000)];
    match seed % 3 {
        0 => faults.push(entry(Fault::Partition(between), 0..5_000)),
        1 => faults.push(entry(Fault::Rate(between, BitRate(4_000_000), ByteSize(30_000)), 0..5_000)),
        _ => {}
    }
    let script = Script(faults);
    let name = format!("bulk transfer {seed}, faults `{script}`");
    let mut world = World::new(seed, Engine::default(), Sysctls::default(), Some(script.into()));
    let [a, b] = world.machines(["a", "b"]);
    world.link(&a, &b).one_way(one_way).loss(loss).reorder(reorder).duplicate(duplicate);
    let len = rng.random_range(100_000..600_000);
    b.does(async move |net| {
        let (mut stream, _) = net.listen(80, &ListenOptions::default()).await?.accept().await?;
        let mut buffer = vec![0; 16_384];
        loop {
            match stream.read(&mut buffer).await? {
                0 => return stream.shutdown().await,
                n => stream.write_all(&buffer[..n]).await?,
            }
        }
    });
    a.does(async move |net| {
        let stream = net.connect("b:80", &SocketOptions::default()).await?;
        let (mut reader, mut writer) = tokio::io::split(stream);
        let write = async {
            writer.write_all(&vec![7; len]).await?;
            writer.shutdown().await
        };
        let mut echoed = Vec::new();
        tokio::try_join!(biased; write, reader.read_to_end(&mut echoed))?;
        assert_eq!(echoed.len(), len);
        Ok(())
    });
    let trace = world.run(mins(10)).expect("the world runs");
    assert_eq!(trace.all("process failed").count(), 0, "{name}");
    Run { name, trace }
}

/// What is wrong with a frame, whoever sent it.
fn unsound(frame: &Frame) -> Option<&'static str> {
    let severities = frame.get("_ws.expert.severity").split(',');
    let error = severities.filter(|s| !s.is_empty()).any(|s| s.parse::<u32>().expect("a number") >= ERROR);
    // 1 is "good"; 0 is "bad", 2 "unverified".
    let protocols = frame.get("frame.protocols");
    let bad = |protocol: &str| {
        protocols.split(':').any(|p| p == protocol)
            && frame.get(&format!("{protocol}.checksum.status")).split(',').any(|status| status != "1")
    };
    // Of what an error quotes there is only the beginning, which no checksum covers.
    let quotes = protocols.split(':').any(|p| p == "icmp");
    match () {
        () if frame.has("_ws.malformed") => Some("malformed"),
        () if error => Some("an error"),
        () if bad("ip") || bad("icmp") => Some("a wrong checksum"),
        () if !quotes && (bad("tcp") || bad("udp")) => Some("a wrong checksum"),
        () => None,
    }
}

/// How often what was compared.
#[derive(Debug, Default)]
struct Seen {
    frames: usize,
    retransmissions: usize,
    keepalives: usize,
    window_probes: usize,
    closed_windows: usize,
    unknown: usize,
    messages: usize,
}

/// What Wireshark says of a frame that the trace does not, or the other way round.
fn otherwise_than_told(frame: &Frame, packet: &Packet, seen: &mut Seen) -> Option<&'static str> {
    let marks = packet.marks;
    let data = frame.number("tcp.len");
    let numbered = data > 0 || frame.number("tcp.flags") & 0x3 != 0;
    // What a sender puts on its wire is in order, but for what it sends again: to Wireshark it is "out of order" when it
    // comes within a round trip of newer data.
    let again = ["retransmission", "fast_retransmission", "spurious_retransmission", "out_of_order"]
        .iter()
        .any(|kind| frame.has(&format!("tcp.analysis.{kind}")));
    let keepalive = frame.has("tcp.analysis.keep_alive");
    // A link's copy is a retransmission to Wireshark, if it has sequence numbers that may be seen twice.
    let sent_again = marks.retransmission || (marks.duplicate && numbered && !marks.keepalive);
    seen.retransmissions += usize::from(marks.retransmission && again);
    seen.keepalives += usize::from(marks.keepalive && keepalive);
    seen.window_probes += usize::from(marks.window_probe);
    match () {
        // A keepalive and a probe of a closed window are the same segment: one number before what is due.
        () if keepalive && (marks.keepalive || marks.window_probe) => None,
        // So is the last byte, alone and sent again.
        () if keepalive && sent_again && data == 1 => None,
        () if keepalive => Some("a keepalive to Wireshark only"),
        () if marks.keepalive => Some("a keepalive to the trace only"),
        () if again && !sent_again && !marks.window_probe => Some("a retransmission to Wireshark only"),
        () if sent_again && !again => Some("a retransmission to the trace only"),
        () => None,
    }
}

/// Which frames Wireshark cannot judge, for it has missed what went before: a router has changed the address of a
/// connection in its midst, or the interface was down and what was sent then for the first time was on no wire.
fn beginning_unseen(frames: &[Frame], run: &Run) -> Vec<bool> {
    // How far each side of a connection has come; `None`: its SYN was not seen.
    let mut sides: BTreeMap<(&str, &str), Option<u32>> = BTreeMap::new();
    let unseen = frames.iter().zip(&run.trace.packets).map(|(frame, packet)| {
        // What an error quotes is on no wire.
        packet.transport.segment()?;
        let side = sides.entry((frame.get("tcp.stream"), frame.get("ip.src"))).or_default();
        let (seq, flags) = (frame.number("tcp.seq_raw"), frame.number("tcp.flags"));
        let end = seq
            .wrapping_add(frame.number("tcp.len"))
            .wrapping_add((flags & SYN) >> 1)
            .wrapping_add(flags & FIN);
        if flags & SYN != 0 {
            *side = Some(end);
        }
        let Some(furthest) = side else { return Some(true) };
        let new = (end.wrapping_sub(*furthest) as i32) > 0;
        *furthest = if new { end } else { *furthest };
        let was_down = |span: &Span| {
            ["offline", "switch", "suspend"].contains(&span.what)
                && span.hosts.contains(&packet.from)
                && span.from <= packet.sent
        };
        Some(new && packet.marks.retransmission && run.trace.spans.iter().any(was_down))
    });
    unseen.map(Option::unwrap_or_default).collect()
}

/// Which frames announce a window of zero for no reason. A window closes because what comes is not read: its right edge
/// stands all but still (a scaled window is rounded up) while more and more arrives, and never goes back.
fn closed_for_no_reason(frames: &[Frame], run: &Run) -> Vec<bool> {
    // Each edge beyond all before it that a side has announced, and what it had acknowledged then.
    let mut edges: BTreeMap<(&str, &str), Vec<(u32, u32)>> = BTreeMap::new();
    let judged = frames.iter().zip(&run.trace.packets).map(|(frame, packet)| {
        if packet.transport.segment().is_none() || frame.number("tcp.flags") & FIN_SYN_RST != 0 {
            return false;
        }
        let (ack, window) = (frame.number("tcp.ack_raw"), frame.number("tcp.window_size"));
        let edge = ack.wrapping_add(window);
        let edges = edges.entry((frame.get("tcp.stream"), frame.get("ip.src"))).or_default();
        if edges.last().is_none_or(|(furthest, _)| (edge.wrapping_sub(*furthest) as i32) > 0) {
            edges.push((edge, ack));
        }
        let furthest = edges.last().expect("one was just there").0;
        // What had been acknowledged when the edge came near to where it is now.
        let near = edges.iter().find(|(before, _)| furthest.wrapping_sub(*before) < NEAR);
        let since = near.map_or(0, |(_, then)| ack.wrapping_sub(*then));
        window == 0 && (edge != furthest || since < UNREAD)
    });
    judged.collect()
}

/// Everything that Wireshark finds wrong with runs, a line each, and how much it has looked at.
fn judged(runs: &[Run]) -> (Vec<String>, Seen) {
    let mut seen = Seen::default();
    let mut wrong = Vec::new();
    let traces: Vec<&Trace> = runs.iter().map(|run| &run.trace).collect();
    for (run, frames) in runs.iter().zip(tshark::frames(&traces)) {
        assert_eq!(frames.len(), run.trace.packets.len(), "{}", run.name);
        let (unknown, closed) = (beginning_unseen(&frames, run), closed_for_no_reason(&frames, run));
        for (n, (frame, packet)) in frames.iter().zip(&run.trace.packets).enumerate() {
            seen.frames += 1;
            let mut what = unsound(frame);
            let is_segment = packet.transport.segment().is_some();
            seen.messages += usize::from(packet.transport.unreachable().is_some());
            if !is_segment {
                // Numbers, if there are any, are those of another packet.
            } else if unknown[n] {
                seen.unknown += 1;
            } else {
                what = what.or(otherwise_than_told(frame, packet, &mut seen));
            }
            if is_segment
                && frame.number("tcp.window_size") == 0
                && frame.number("tcp.flags") & FIN_SYN_RST == 0
            {
                seen.closed_windows += 1;
                what = what.or(closed[n].then_some("a window closed for no reason"));
            }
            if let Some(what) = what {
                let (info, experts) = (frame.get("_ws.col.Info"), frame.get("_ws.expert.message"));
                let at = packet.sent.as_secs_f64();
                wrong.push(format!(
                    "{what}: {} frame {} at {at} s: {info} ({experts}), {:?}",
                    run.name,
                    n + 1,
                    packet.marks
                ));
            }
        }
    }
    (wrong, seen)
}

/// Fails with the first of what is wrong.
fn none(wrong: &[String]) {
    let first = wrong.iter().take(10).map(String::as_str).collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} frames, the first of them:\n{first}", wrong.len());
}

#[test]
fn wireshark_finds_nothing_wrong_in_any_scenario_and_sees_it_as_the_trace_tells_it() {
    if !common::have("tshark") {
        return;
    }
    let runs: Vec<Run> = scenarios().collect();
    let (wrong, seen) = judged(&runs);
    println!("{seen:?}");
    none(&wrong);
    // So that it cannot pass by comparing nothing.
    assert!(seen.retransmissions > 20 && seen.keepalives > 20, "{seen:?}");
    assert!(seen.unknown * 100 <= seen.frames, "{seen:?}");
}

#[test]
fn wireshark_finds_nothing_wrong_in_generated_worlds_and_sees_them_as_the_trace_tells_them() {
    if !common::have("tshark") {
        return;
    }
    let runs: Vec<Run> = worlds(0..50).chain((0..12).map(bulk)).collect();
    let (wrong, seen) = judged(&runs);
    println!("{seen:?}");
    none(&wrong);
    assert!(seen.retransmissions > 500 && seen.keepalives > 2 && seen.window_probes > 5, "{seen:?}");
    assert!(seen.closed_windows > 5 && seen.messages > 5, "{seen:?}");
    assert!(seen.unknown * 100 <= seen.frames, "{seen:?}");
}

#[test]
fn our_own_reader_reads_every_packet_of_every_scenario_as_it_was_written() {
    for run in scenarios() {
        for packet in &run.trace.packets {
            let read = Transport::received(&packet.transport.emit());
            assert_eq!(read.as_ref(), Ok(&packet.transport), "{}", run.name);
        }
    }
}

#[test]
fn wireshark_reads_datagrams_and_finds_their_checksums_right() {
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
    let frames = &tshark::frames(&[&trace])[0];
    assert_eq!(frames.len(), 10);
    assert_eq!(frames.iter().filter(|frame| frame.number("udp.length") == 8 + 1_472).count(), 2);
    for frame in frames {
        assert_eq!(unsound(frame), None, "{frame:?}");
    }
}
