//! Segments without data: acknowledgements, challenges, resets, probes.

use bytes::Bytes;

use super::*;
use crate::packet::{Flags, Marks};
use crate::tcp::seq::{after, before};

/// Linux's `tcp_invalid_ratelimit`: no more than one answer to what is out of place in this time (against loops of two
/// ends that both think so).
const ANSWER_INTERVAL: Duration = Duration::from_millis(500);

impl Connection {
    /// The sequence number of a segment without data: what comes next, as far as the peer's window reaches (Linux's
    /// `tcp_acceptable_seq()`).
    fn acceptable_seq(&self) -> u32 {
        let end = self.window_end();
        if !before(end, self.send.nxt) || self.send.nxt.wrapping_sub(end) < 1 << self.send_scale {
            self.send.nxt
        } else {
            end
        }
    }

    /// Acknowledges.
    pub(super) fn send_ack(&mut self, cx: &mut Cx<'_>) {
        let seq = self.acceptable_seq();
        let segment = self.segment(cx.now, seq, Flags { ack: true, ..Flags::default() }, Bytes::new());
        self.leave(cx, segment, Marks::default());
    }

    /// Asks the peer whether it means what it sent (RFC 5961): an acknowledgement that a peer who has forgotten the
    /// connection answers by a RST.
    pub(super) fn challenge(&mut self, cx: &mut Cx<'_>) {
        if !self.sysctls().challenge_ack {
            return;
        }
        if self.last_challenge.is_some_and(|last| cx.now - last < ANSWER_INTERVAL) {
            return;
        }
        self.last_challenge = Some(cx.now);
        self.happened(cx, What::ChallengeAck);
        self.send_ack(cx);
    }

    /// Whether what is out of place may be answered again.
    pub(super) fn may_answer_out_of_window(&mut self, now: Duration) -> bool {
        let may = self.last_out_of_window.is_none_or(|last| now - last >= ANSWER_INTERVAL);
        if may {
            self.last_out_of_window = Some(now);
        }
        may
    }

    /// Answers a segment that lies outside of the window (RFC 9293 section 3.10.7.4, first step), with what it repeats
    /// (RFC 2883).
    pub(super) fn answer_out_of_window(&mut self, cx: &mut Cx<'_>, segment: &Segment) {
        // Data are no part of a loop of acknowledgements.
        if segment.data.is_empty() && !self.may_answer_out_of_window(cx.now) {
            return;
        }
        if segment.sequence_len() > 0 && before(segment.seq, self.receive_next) {
            self.acks.urge(self.receive_window);
            if self.sack {
                let end = segment.end();
                let end = if after(end, self.receive_next) { self.receive_next } else { end };
                self.reassembly.duplicate = Some((segment.seq, end));
            }
        }
        self.send_ack(cx);
    }

    /// Answers a segment by the RST that says that it belongs to nothing (RFC 9293 section 3.10.7.1).
    pub(super) fn refuse(&mut self, cx: &mut Cx<'_>, segment: &Segment, reason: &'static str) {
        self.happened(cx, What::ResetSent(reason));
        cx.out.push_back(Transmit { segment: reset_for(segment), marks: Marks::default() });
    }

    /// Data for a socket that is closed: the connection ends.
    pub(super) fn refuse_data(&mut self, cx: &mut Cx<'_>, segment: &Segment) {
        self.refuse(cx, segment, "data for a closed socket");
        self.end(cx, Some(io::ErrorKind::ConnectionReset));
    }

    /// Ends the connection by a RST of its own accord (Linux's `tcp_send_active_reset()`).
    pub(super) fn send_reset(&mut self, cx: &mut Cx<'_>) {
        let seq = self.acceptable_seq();
        let flags = Flags { rst: true, ack: true, ..Flags::default() };
        let mut segment = self.segment(cx.now, seq, flags, Bytes::new());
        segment.window = 0;
        self.leave(cx, segment, Marks::default());
    }

    /// Asks whether the peer is there, or its window open: one number below what it expects, without data (Linux's
    /// `tcp_xmit_probe_skb()`).
    pub(super) fn send_probe(&mut self, cx: &mut Cx<'_>, marks: Marks) {
        let seq = self.send.una.wrapping_sub(1);
        let segment = self.segment(cx.now, seq, Flags { ack: true, ..Flags::default() }, Bytes::new());
        self.leave(cx, segment, marks);
    }
}

/// The RST that answers a segment that belongs to nothing (RFC 9293 section 3.10.7.1).
pub(in crate::tcp) fn reset_for(segment: &Segment) -> Segment {
    let (seq, ack) = match segment.ack {
        Some(ack) => (ack, None),
        None => (0, Some(segment.end())),
    };
    Segment {
        src: segment.dst,
        dst: segment.src,
        flags: Flags { rst: true, ack: ack.is_some(), ..Flags::default() },
        seq,
        ack,
        window: 0,
        options: Default::default(),
        data: Bytes::new(),
    }
}
