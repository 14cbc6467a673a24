//! A connection as a script sees it: its numbers count from the initial ones, its addresses are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddrV4;

use bytes::Bytes;
use halfopen::packet::{Flags, SackBlocks, Segment, TcpOptions};

use super::script::{Micros, Packet};
use super::settings::Settings;

/// How far the handshake of a connection has come in the script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    New,
    Listening,
    /// An incoming SYN made it
    Arrived,
    SynAckSent,
    Connecting,
    SynSent,
    Open,
}

/// A socket of the script and the numbers of its connection.
#[derive(Debug, Clone)]
pub struct Link {
    pub stage: Stage,
    pub local: SocketAddrV4,
    pub remote: SocketAddrV4,
    /// The number on our SYN, as the script says and as it is.
    script_isn: u32,
    live_isn: u32,
    /// The number on the peer's SYN, which the script chooses.
    remote_isn: u32,
    /// Outgoing timestamps: what the script calls them, and what they are.
    echoes: BTreeMap<u32, u32>,
    first_timestamp: Option<(u32, u32)>,
    /// Ends of what Linux sent as one long segment. It sets PSH on each of these, and on what is left of it when it is
    /// sent again; who sends without segmentation offload does not.
    long_ends: BTreeSet<u32>,
    /// When the segment before left, its end and its length.
    before: Option<(Micros, u32, u32)>,
}

impl Link {
    pub fn new(stage: Stage, local: SocketAddrV4, remote: SocketAddrV4) -> Self {
        Self {
            stage,
            local,
            remote,
            script_isn: 0,
            live_isn: 0,
            remote_isn: 0,
            echoes: BTreeMap::new(),
            first_timestamp: None,
            long_ends: BTreeSet::new(),
            before: None,
        }
    }

    /// The packet of the script as it goes to the TCP.
    ///
    /// # Errors
    /// It echoes a timestamp that the script has not seen.
    pub fn inbound(&mut self, packet: &Packet, settings: &Settings) -> Result<Segment, String> {
        let flags = packet.flags;
        match self.stage {
            Stage::Arrived if flags.syn => self.remote_isn = packet.seq,
            Stage::SynAckSent if flags.ack => self.stage = Stage::Open,
            Stage::SynSent if flags.syn && flags.ack => {
                self.remote_isn = packet.seq;
                self.stage = Stage::Open;
            }
            _ => {}
        }
        // On a SYN the numbers are the script's own.
        let seq = packet.seq.wrapping_add(if flags.syn { 0 } else { self.remote_isn });
        let local = self.live_isn.wrapping_sub(if flags.syn { self.script_isn } else { 0 });
        let mut options = packet.options.unwrap_or_default();
        options.sack = moved(&options.sack, local);
        if let Some((value, echo)) = options.timestamps
            && flags.ack
        {
            let live = match (self.echoes.get(&echo), self.first_timestamp) {
                (Some(live), _) => *live,
                (None, Some((script, live))) if settings.scaled_echoes => {
                    echo.wrapping_sub(script).wrapping_add(live)
                }
                _ => return Err(format!("no packet with `TS val {echo}` was sent, which this one echoes")),
            };
            options.timestamps = Some((value, live));
        }
        let (mut src, mut dst) = (self.remote, self.local);
        if let Some((from, to)) = packet.ports {
            src.set_port(from);
            dst.set_port(to);
        }
        Ok(Segment {
            src,
            dst,
            flags,
            seq,
            ack: flags.ack.then(|| packet.ack.wrapping_add(local)),
            window: packet.window.unwrap_or(0),
            options,
            data: Bytes::from(vec![0; packet.len as usize]),
        })
    }

    /// Whether this left from here.
    pub fn sent(&self, segment: &Segment) -> bool {
        segment.src == self.local && segment.dst == self.remote
    }

    /// The script expects this packet next.
    pub fn expecting(&mut self, packet: &Packet) {
        let Flags { syn, ack, .. } = packet.flags;
        match self.stage {
            Stage::Connecting if syn && !ack => {
                self.stage = Stage::SynSent;
                self.script_isn = packet.seq;
            }
            Stage::Arrived if syn && ack => self.script_isn = packet.seq,
            _ => {}
        }
    }

    /// A segment left; returns it with the script's numbers.
    pub fn outbound(&mut self, segment: &Segment) -> Packet {
        let flags = segment.flags;
        if flags.syn {
            match self.stage {
                Stage::Arrived if flags.ack => {
                    self.stage = Stage::SynAckSent;
                    self.live_isn = segment.seq;
                }
                Stage::SynSent => self.live_isn = segment.seq,
                _ => {}
            }
        }
        let local = self.live_isn.wrapping_sub(if flags.syn { self.script_isn } else { 0 });
        let remote = if flags.syn { 0 } else { self.remote_isn };
        let options =
            TcpOptions { sack: moved(&segment.options.sack, remote.wrapping_neg()), ..segment.options };
        Packet {
            flags,
            seq: segment.seq.wrapping_sub(local),
            len: segment.data_len(),
            ack: segment.ack.map_or(0, |ack| ack.wrapping_sub(remote)),
            window: Some(segment.window),
            options: Some(options),
            ports: None,
        }
    }

    /// What of the packet, which left at `sent`, is not as expected; `pieces`: how many segments it was joined from.
    pub fn difference(
        &mut self,
        expected: &Packet,
        actual: &mut Packet,
        pieces: usize,
        at: Micros,
        sent: Micros,
        settings: &Settings,
    ) -> Option<&'static str> {
        if let Some(options) = &mut actual.options {
            self.rename_timestamp(expected, options);
        }
        let end = expected.seq.wrapping_add(expected.len);
        let long = pieces > 1 || self.long_ends.contains(&end);
        // Without offload by the device, the kernel cuts the long segment itself: then its last piece alone has PSH.
        let last_piece = self.before == Some((sent, expected.seq, expected.len)) && expected.flags.psh;
        let long = long || last_piece;
        self.before = Some((sent, end, expected.len));
        if pieces > 1 || last_piece {
            self.long_ends.insert(end);
        }
        let (e, a) = (expected.flags, actual.flags);
        if (e.syn, e.fin, e.rst, e.ack) != (a.syn, a.fin, a.rst, a.ack) || (e.psh != a.psh && !long) {
            return Some("flags");
        }
        if expected.seq != actual.seq {
            return Some("sequence number");
        }
        if expected.len != actual.len {
            return Some("length");
        }
        if expected.ack != actual.ack {
            return Some("acknowledgement number");
        }
        if expected.window.is_some() && expected.window != actual.window {
            return Some("window");
        }
        let (Some(e), Some(a)) = (&expected.options, &actual.options) else { return None };
        if (e.mss, e.window_scale, e.sack_permitted) != (a.mss, a.window_scale, a.sack_permitted) {
            return Some("options");
        }
        if e.sack != a.sack {
            return Some("SACK blocks");
        }
        match (e.timestamps, a.timestamps) {
            (None, None) => None,
            (Some((value, echo)), Some((actual_value, actual_echo))) => {
                let apart = i64::from(actual_value.wrapping_sub(value) as i32).abs();
                let part = (settings.tolerance_percent / 100.0 * at as f64) as Micros;
                let late = apart.saturating_mul(settings.timestamp_tick) > settings.tolerance.max(part);
                (late || (settings.echoes_compared && echo != actual_echo)).then_some("timestamps")
            }
            _ => Some("timestamps"),
        }
    }

    /// Remembers what the script calls an outgoing timestamp; shows it as the script counts.
    fn rename_timestamp(&mut self, expected: &Packet, actual: &mut TcpOptions) {
        let script = expected.options.and_then(|o| o.timestamps);
        if let (Some((script, _)), Some((live, echo))) = (script, actual.timestamps) {
            self.echoes.insert(script, live);
            let (first_script, first_live) = *self.first_timestamp.get_or_insert((script, live));
            actual.timestamps = Some((first_script.wrapping_add(live.wrapping_sub(first_live)), echo));
        }
    }
}

fn moved(blocks: &SackBlocks, by: u32) -> SackBlocks {
    blocks.iter().map(|(from, to)| (from.wrapping_add(by), to.wrapping_add(by))).collect()
}
