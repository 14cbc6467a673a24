//! The same conversation, seen layer by layer.

use crate::net::Network;
use crate::net::memory::MemoryNetwork;
use crate::net::time::{Instant, sleep_until};
use crate::scenario::prelude::*;
use crate::sim::fault::SegmentKind;
use crate::trace::Event;

parameters! {
    /// Parameters of `websocket/layers`.
    #[derive(Copy)]
    pub struct Layers {
        /// How long a packet takes from one machine to the other.
        one_way: Duration = ms(25), in ms(1)..=secs(5);
        /// The size of a large message.
        large: ByteSize = ByteSize(10_000), in ByteSize(2_000)..=ByteSize(60_000);
        /// How many small messages are sent at once.
        small: u32 = 50, in 2..=1_000;
        /// How often the segment of the last message is lost before it gets through.
        lost: u32 = 3, in 0..=8;
    }
}

/// What a 5-byte message weighs on the way down: RFC 6455 section 5.2 (2 bytes and a 4-byte mask), RFC 9293, RFC 791.
const SMALL: [usize; 4] = [5, 2 + 4, 20 + 12, 20];

/// When what is said: one small message, a large one, a burst of small ones, one while packets get lost.
const SMALL_AT: Duration = secs(10);
const LARGE_AT: Duration = secs(20);
const BURST_AT: Duration = secs(30);
const LOSSY_AT: Duration = secs(40);
const END: Duration = mins(4);

/// What the client does, on any network.
async fn converse<N: Network>(p: Layers, net: N) -> std::io::Result<()> {
    // With Nagle's algorithm, small messages share segments.
    let options = SocketOptions { no_delay: false, ..SocketOptions::default() };
    let begin = Instant::now();
    let opens = websocket::client("ws://server/feed").socket(options);
    let mut channel = opens.open(&net).await.map_err(std::io::Error::other)?;
    let size = usize::try_from(p.large.0).unwrap_or(usize::MAX);
    for (at, size, count) in [(SMALL_AT, 5, 1), (LARGE_AT, size, 1), (BURST_AT, 5, p.small), (LOSSY_AT, 5, 1)]
    {
        sleep_until(begin + at).await;
        for _ in 0..count {
            channel.send(Message::Data(vec![b'x'; size].into())).await.map_err(std::io::Error::other)?;
            note!(bytes = size, "one call to send");
        }
    }
    std::future::pending().await
}

/// `websocket/layers`
pub static SCENARIO: Experiment<Layers> = Experiment {
    name: "websocket/layers",
    question: "What becomes of a message in the socket, in TCP, in IP? And what does one call hide?",
    kernel: Sysctls::default,
    needs: Recording::Packets,
    run: |p, mut world| {
        let [client, server, alone] = world.machines(["client", "server", "alone"]);
        world.links().one_way(p.one_way);
        world.notes(["one call to send"]);

        // No update in all the time: what passes is what the client says.
        let silent = websocket::server(Feed::every(hours(1)));
        server.runs(silent.clone());
        client.does(async move |net| converse(p, net).await);
        // The same two in one process, over pipes instead of TCP.
        let pipes = MemoryNetwork::new(1, 1 << 16);
        let alone_on = pipes.clone();
        alone.does(async move |net| {
            let inside = alone_on.in_process(net.spawner());
            let serve = silent.clone().run(inside.clone());
            tokio::select! { biased; end = serve => end, end = converse(p, inside.clone()) => end }
        });

        if p.lost > 0 {
            let _until_so_many_are_lost =
                world.at(LOSSY_AT).lose_next(&client, &server, p.lost, SegmentKind::Data);
        }

        let trace = world.run(END)?;
        // What is said above TCP, whoever says it first.
        let said = |hosts: &[&str]| {
            let events = hosts.iter().flat_map(|host| trace.any().on(host).events());
            let above = events.filter(|event| event.layer != Layer::Tcp);
            // But for whom a server speaks to: that is another address.
            let fields = |event: &Event| {
                event.fields.iter().filter(|(name, _)| *name != "peer").cloned().collect::<Vec<_>>()
            };
            let mut said: Vec<String> =
                above.map(|event| format!("{} {:?}", event.name, fields(event))).collect();
            said.sort();
            said
        };
        let written: usize = trace
            .packets_from("client")
            .with_data()
            .filter(|packet| !packet.marks.retransmission)
            .data_bytes();
        let sent = |from, until| trace.packets_from("client").with_data().between(from, until);
        let arrived = |from, until| trace.all("unreadable message").on("server").between(from, until).count();
        let small_packet = sent(SMALL_AT, LARGE_AT).bytes();
        let (large, burst) = (sent(LARGE_AT, BURST_AT).count(), sent(BURST_AT, LOSSY_AT).count());
        let calls = trace.all("one call to send").on("client").after(LOSSY_AT).count();
        let again = trace.packets_from("client").retransmissions().count();
        Ok(Report::new()
            .measure("payload_bytes", "bytes of the small message", SMALL[0])
            .measure("frame_bytes", "bytes of the frame around it", SMALL[..2].iter().sum::<usize>())
            .measure("segment_bytes", "bytes of the segment around that", SMALL[..3].iter().sum::<usize>())
            .measure("packet_bytes", "bytes of the packet that carries it", small_packet)
            .measure("large_segments_count", "segments that carry the large message", large)
            .measure("burst_segments_count", "segments that carry the many small ones", burst)
            .measure("lossy_segments_count", "transmissions of the last message", sent(LOSSY_AT, END).count())
            .measure("lossy_retransmissions_count", "of them, retransmissions", again)
            .claim(
                "G-01",
                "a socket is an interface: over pipes inside one process the same client and server say the same, in as many bytes",
                said(&["client", "server"]) == said(&["alone"]) && pipes.written(0).len() == written,
            )
            .claim(
                "G-02",
                "one call to send, one message received: segments, losses and retransmissions stay below the socket",
                calls == 1 && arrived(LOSSY_AT, END) == 1 && again == p.lost as usize,
            )
            .claim(
                "G-03",
                "a message is wrapped in a frame, a segment and a packet, each with its header",
                small_packet == SMALL.iter().sum::<usize>(),
            )
            .claim(
                "G-04",
                "messages are WebSocket's, not the socket's: one takes many segments, and many share one",
                large as u64 >= p.large.0.div_ceil(1460)
                    && arrived(LARGE_AT, BURST_AT) == 1
                    && burst < p.small as usize
                    && arrived(BURST_AT, LOSSY_AT) == p.small as usize,
            )
            .of(trace))
    },
};
