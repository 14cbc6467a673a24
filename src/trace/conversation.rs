//! Reading packets as a conversation: sequence numbers told from the start of their connection, windows in bytes,
//! and what the data says.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;

use super::{Packet, Trace, message};
use crate::packet::Segment;

/// A segment as its connection sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View<'a> {
    /// The headers, as on the wire.
    pub segment: &'a Segment,
    /// The sequence number of the first byte, relative: the SYN is 0, the first byte of data 1.
    pub seq: u32,
    /// The acknowledgement number, relative; `None` without the flag ACK.
    pub ack: Option<u32>,
    /// The window in bytes: scaled, when both SYNs were seen (RFC 7323, 2.2), else as on the wire.
    pub window: u32,
    /// Selectively acknowledged stretches, relative.
    pub sack: Vec<(u32, u32)>,
    /// What the data says, where it can be told: `GET /feed`, `ws ping`.
    pub message: Option<String>,
}

impl View<'_> {
    /// The sequence number behind the last byte, relative.
    pub fn end(&self) -> u32 {
        self.seq.wrapping_add(self.segment.sequence_len())
    }
}

/// What is known of one direction of a connection.
#[derive(Debug, Clone, Default)]
struct Direction {
    /// The sequence number that is told as 0.
    zero: Option<u32>,
    /// The window scale option of its SYN; outer `None`: no SYN seen.
    window_scale: Option<Option<u8>>,
    /// It carries WebSocket frames from now on.
    frames: bool,
}

/// The connections of a trace; give it the packets in the order in which they were sent.
#[derive(Debug, Clone, Default)]
pub struct Conversations {
    directions: BTreeMap<(SocketAddrV4, SocketAddrV4), Direction>,
}

impl Conversations {
    /// Reads the next packet; `None` if it is not a TCP segment.
    pub fn view<'a>(&mut self, packet: &'a Packet) -> Option<View<'a>> {
        let segment = packet.transport.segment()?;
        let there = (segment.src, segment.dst);
        let back = (segment.dst, segment.src);
        if segment.flags.syn {
            let known = self.directions.get(&there).and_then(|d| d.zero);
            if known.is_some_and(|zero| zero != segment.seq) {
                // Another initial sequence number: the same ports are used for another connection.
                self.directions.remove(&there);
                if !segment.flags.ack {
                    self.directions.remove(&back);
                }
            }
            let direction = self.directions.entry(there).or_default();
            direction.zero = Some(segment.seq);
            direction.window_scale = Some(segment.options.window_scale);
        }
        // Without a SYN the first number seen counts as 1, as packet analysers do.
        let zero = *self.directions.entry(there).or_default().zero.get_or_insert(segment.seq.wrapping_sub(1));
        let acked = segment.ack.map(|ack| {
            (ack, *self.directions.entry(back).or_default().zero.get_or_insert(ack.wrapping_sub(1)))
        });
        let ack = acked.map(|(ack, zero)| ack.wrapping_sub(zero));
        let sack = acked.map_or_else(Vec::new, |(_, zero)| {
            let blocks = segment.options.sack.iter();
            blocks.map(|(a, b)| (a.wrapping_sub(zero), b.wrapping_sub(zero))).collect()
        });
        Some(View {
            seq: segment.seq.wrapping_sub(zero),
            ack,
            window: self.window(segment),
            sack,
            message: self.message(segment),
            segment,
        })
    }

    fn window(&self, segment: &Segment) -> u32 {
        let scale = |key| self.directions.get(&key).and_then(|d: &Direction| d.window_scale).flatten();
        let ours = scale((segment.src, segment.dst));
        let theirs = scale((segment.dst, segment.src));
        match (ours, theirs) {
            // The window of a SYN is never scaled, and both sides must have offered to.
            (Some(shift), Some(_)) if !segment.flags.syn => u32::from(segment.window) << shift,
            _ => u32::from(segment.window),
        }
    }

    fn message(&mut self, segment: &Segment) -> Option<String> {
        let data = &segment.data;
        let there = (segment.src, segment.dst);
        if self.directions.get(&there).is_some_and(|d| d.frames) {
            return message::frames(data);
        }
        let message = message::http(data)?;
        if message::switches_to_websocket(data) {
            for key in [there, (segment.dst, segment.src)] {
                self.directions.entry(key).or_default().frames = true;
            }
        }
        Some(message)
    }
}

/// Reads all packets of a trace; the n-th view belongs to the n-th packet, `None` where it is not a TCP segment.
pub fn views(trace: &Trace) -> Vec<Option<View<'_>>> {
    let mut conversations = Conversations::default();
    trace.packets.iter().map(|p| conversations.view(p)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::testing::{Tcp, TraceBuilder};

    fn all<T>(packets: Vec<Tcp>, ask: impl Fn(View<'_>) -> T) -> Vec<T> {
        let mut b = TraceBuilder::new(&["a", "b"]);
        for p in packets {
            b.packet(0, "a", "b", p);
        }
        views(&b.build()).into_iter().map(|view| ask(view.unwrap())).collect()
    }

    fn numbers(packets: Vec<Tcp>) -> Vec<(u32, u32, Option<u32>)> {
        all(packets, |v| (v.seq, v.end(), v.ack))
    }

    const SCALE_7: &[u8] = &[1, 3, 3, 7];

    #[test]
    fn numbers_are_told_from_the_syn_of_each_direction() {
        let v = numbers(vec![
            Tcp::new(1000, 80).syn().seq(u32::MAX),
            Tcp::new(80, 1000).syn().seq(500).ack(0),
            Tcp::new(1000, 80).seq(0).ack(501).data(b"abc"),
            Tcp::new(80, 1000).seq(501).ack(3),
        ]);
        assert_eq!(v, [(0, 1, None), (0, 1, Some(1)), (1, 4, Some(1)), (1, 1, Some(4))]);
    }

    #[test]
    fn windows_are_scaled_only_when_both_sides_offered_it_and_never_on_a_syn() {
        let handshake = |server: &'static [u8]| {
            let packets = vec![
                Tcp::new(1000, 80).syn().seq(9).window(100).options(SCALE_7),
                Tcp::new(80, 1000).syn().seq(5).ack(10).window(100).options(server),
                Tcp::new(1000, 80).seq(10).ack(6).window(100),
            ];
            all(packets, |v| v.window)
        };
        assert_eq!(handshake(SCALE_7), [100, 100, 12_800]);
        assert_eq!(handshake(&[]), [100, 100, 100]);
    }

    #[test]
    fn a_new_connection_on_the_same_ports_starts_from_zero_again() {
        let v = numbers(vec![
            Tcp::new(1000, 80).syn().seq(10),
            Tcp::new(80, 1000).syn().seq(20).ack(11),
            Tcp::new(1000, 80).syn().seq(7000),
            Tcp::new(80, 1000).syn().seq(90).ack(7001),
            Tcp::new(1000, 80).seq(7001).ack(91),
        ]);
        assert_eq!(v[2..], [(0, 1, None), (0, 1, Some(1)), (1, 1, Some(1))]);
    }

    #[test]
    fn a_refusal_counts_from_one_though_no_syn_came_from_there() {
        let v = numbers(vec![Tcp::new(1000, 80).syn().seq(10), Tcp::new(80, 1000).rst().seq(0).ack(11)]);
        assert_eq!(v[1], (1, 1, Some(1)));
    }

    #[test]
    fn after_the_upgrade_the_data_is_read_as_frames() {
        let packets = vec![
            Tcp::new(1000, 80).seq(1).ack(1).data(b"GET /feed HTTP/1.1\r\n\r\n"),
            Tcp::new(80, 1000)
                .seq(1)
                .ack(23)
                .data(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"),
            Tcp::new(80, 1000).seq(60).ack(23).data(&[0x89, 0]),
        ];
        let said = all(packets, |v| v.message.unwrap());
        assert_eq!(said, ["GET /feed", "101 Switching Protocols", "ws ping"]);
    }
}
