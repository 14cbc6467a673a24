//! A whole exchange, packet for packet, as a real kernel's was: what left when, how long, and which window was told.

use std::time::Duration;

use halfopen::net::time::sleep;
use halfopen::net::{ListenOptions, Listener as _, Network as _, SocketOptions};
use halfopen::note;
use halfopen::packet::Transport;
use halfopen::parameter::{ByteSize, ms, secs};
use halfopen::sim::{Engine, Sysctls, World};
use halfopen::trace::Trace;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Half of the shortest round trip that was measured beside the relay's delay of 20 ms.
const ONE_WAY: Duration = Duration::from_micros(10_300);
/// How far times may be apart after all the reads and acknowledgements of a second: the relay's way was never the same twice.
const APART_S: f64 = 0.02;

/// A packet: when, by whom, and what of it.
#[derive(Debug, PartialEq)]
struct Seen {
    at_s: f64,
    what: String,
}

fn measured() -> Vec<Seen> {
    include_str!("groundtruth/slow-reader.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (at, what) = line.split_once(' ').expect("a time and a packet");
            Seen { at_s: at.parse().expect("seconds"), what: what.to_owned() }
        })
        .collect()
}

/// The packets from the first write on, numbered from it.
fn seen(trace: &Trace) -> Vec<Seen> {
    let begins = trace.all("begins").time().expect("it begins");
    let mut first = None;
    let mut seen = Vec::new();
    for packet in trace.packets.iter().filter(|packet| packet.sent >= begins) {
        let Transport::Tcp(segment) = &packet.transport else { continue };
        let first = *first.get_or_insert(segment.seq);
        let what = if packet.from == trace.host("writer") {
            format!("a {} +{}", segment.seq.wrapping_sub(first), segment.data.len())
        } else {
            let ack = segment.ack.expect("an acknowledgement").wrapping_sub(first);
            format!("b ack {ack} win {}", segment.window)
        };
        seen.push(Seen { at_s: (packet.sent - begins).as_secs_f64(), what });
    }
    seen
}

/// A writer, and a reader that does not keep up with it.
struct Exchange {
    one_way: Duration,
    /// SO_RCVBUF and SO_SNDBUF.
    receive_buffer: Option<ByteSize>,
    send_buffer: Option<ByteSize>,
    /// How much is written at a time.
    chunk: usize,
    /// How often, 50 ms apart, the reader reads 16,384 bytes, from a second after the last echo on.
    reads: u32,
}

impl Exchange {
    /// After twenty echoes of one byte the writer writes whenever there is room.
    fn run(self) -> Trace {
        let Self { one_way, receive_buffer, send_buffer, chunk, reads } = self;
        let mut world = World::new(0, Engine::default(), Sysctls::default(), None);
        world.notes(["begins", "taken"]);
        let [writer, reader] = world.machines(["writer", "reader"]);
        world.links().one_way(one_way);
        reader.does(async move |net| {
            let accepted = SocketOptions { receive_buffer, ..SocketOptions::default() };
            let mut listener =
                net.listen(80, &ListenOptions { accepted, ..ListenOptions::default() }).await?;
            let (mut stream, _) = listener.accept().await?;
            for _ in 0..20 {
                let byte = stream.read_u8().await?;
                stream.write_u8(byte).await?;
            }
            sleep(secs(1)).await;
            for _ in 0..reads {
                sleep(ms(50)).await;
                let _what_there_is = stream.read(&mut vec![0; 16_384]).await?;
            }
            std::future::pending().await
        });
        writer.does(async move |net| {
            sleep(ms(300)).await;
            let options = SocketOptions { no_delay: false, send_buffer, ..SocketOptions::default() };
            let mut stream = net.connect("reader:80", &options).await?;
            sleep(ms(500)).await;
            for _ in 0..20 {
                stream.write_u8(0).await?;
                stream.read_u8().await?;
                sleep(ms(20)).await;
            }
            sleep(ms(300)).await;
            note!("begins");
            loop {
                let bytes = stream.write(&vec![0; chunk]).await?;
                note!(bytes, "taken");
            }
        });
        world.run(secs(6)).expect("the world runs")
    }
}

#[test]
fn a_slow_reader_is_served_packet_for_packet_as_by_linux() {
    let trace = Exchange {
        one_way: ONE_WAY,
        receive_buffer: Some(ByteSize(65_536)),
        send_buffer: None,
        chunk: 4096,
        reads: 60,
    }
    .run();
    let (linux, ours) = (measured(), seen(&trace));
    assert!(linux.len() == 320 && ours.len() >= 320);
    for (n, (there, here)) in linux.iter().zip(&ours).enumerate() {
        assert_eq!(there.what, here.what, "packet {n}, at {} s there and {} s here", there.at_s, here.at_s);
        assert!((there.at_s - here.at_s).abs() < APART_S, "packet {n}: {there:?} there, {here:?} here");
    }
}

/// The same kernel in the same set-up; each four times the same, but for the way of 50 ms, which once took more.
#[test]
fn a_reader_that_has_stopped_swallows_as_much_as_on_linux_to_the_byte() {
    let near = Duration::from_micros(150);
    for (one_way, buffers, chunk, linux) in
        [(near, Some(65_536), 4096, 241_568), (near, Some(4096), 512, 12_096), (ms(50), None, 4096, 428_104)]
    {
        let buffer = buffers.map(ByteSize);
        let trace = Exchange { one_way, receive_buffer: buffer, send_buffer: buffer, chunk, reads: 0 }.run();
        let taken: i64 = trace.all("taken").values("bytes").iter().sum();
        assert_eq!(taken, linux, "{buffers:?}, {one_way:?} away");
    }
}
