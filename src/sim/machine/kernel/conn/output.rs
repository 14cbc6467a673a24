//! What leaves: segments are taken out of smoltcp when our timers and windows say so, and booked.

use std::time::Duration;

use smoltcp::iface::PollResult;
use smoltcp::socket::tcp::State;
use smoltcp::time::Instant;

use super::{ANY_TIMEOUT, Conn};
use crate::packet::Segment;
use crate::sim::machine::kernel::segment::{before as seq_before, resequenced};

impl Conn {
    /// smoltcp's clock follows ours while nothing of smoltcp's is pending, and else stands still.
    pub(super) fn follow(&mut self, now: Duration) {
        if self.iface.poll_at(self.clock, &self.sockets).is_none() {
            let micros = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
            self.clock = self.clock.max(Instant::from_micros(micros));
        }
    }

    /// Our timer fired: smoltcp's clock jumps to its own deadline, once or, where an acknowledgement was pending
    /// before it, twice. Returns whether anything was sent that asks for an answer.
    pub(super) fn provoke(&mut self, now: Duration) -> bool {
        for _ in 0..3 {
            let Some(at) = self.iface.poll_at(self.clock, &self.sockets) else {
                return false;
            };
            // Data that the congestion window holds back make smoltcp want to run at once, and hide its deadline.
            let held_back = at <= self.clock && self.xmit.in_flight();
            self.clock = if held_back { self.clock + ANY_TIMEOUT } else { self.clock.max(at) };
            if self.emit(now, true) {
                return true;
            }
        }
        false
    }

    /// Takes the segments out of smoltcp that it wants to send just now, as many as the congestion window allows;
    /// `owing`: one at least, because an acknowledgement may be among them. Returns whether one of them was more than an
    /// acknowledgement.
    pub(super) fn emit(&mut self, now: Duration, owing: bool) -> bool {
        let mut substantial = false;
        let mut owing = owing;
        while owing || self.slow_start.allows(self.xmit.segments_in_flight()) {
            owing = false;
            let first = self.wire.leaving.len();
            let result = self.iface.poll_egress(self.clock, &mut self.wire, &mut self.sockets);
            for i in first..self.wire.leaving.len() {
                substantial |= self.account(now, i);
            }
            if result != PollResult::SocketStateChanged {
                break;
            }
        }
        // Data are there, nothing is under way, and smoltcp does not send them: to it the window is closed.
        let closed = self.is_open() && self.socket().send_queue() > 0 && !self.xmit.in_flight();
        self.xmit.window_closed(now, closed);
        if self.orphan && self.state() == State::FinWait2 && self.fin_wait_2.is_none() {
            self.fin_wait_2 = Some(now + self.fin_timeout);
        }
        substantial
    }

    /// Takes note of a segment that leaves. Returns whether it is more than an acknowledgement.
    pub(super) fn account(&mut self, now: Duration, i: usize) -> bool {
        // Shared, not copied: the segment is read where it lies while its connection changes.
        let bytes = self.wire.leaving[i].bytes.clone();
        let Ok(segment) = Segment::parse(&bytes) else {
            return false;
        };
        let keepalive = self.wire.leaving[i].marks.keepalive;
        self.last_window_sent = segment.window;
        if segment.flags.syn {
            self.scale = segment.options.window_scale.unwrap_or(0);
        }
        if let Some(ack) = segment.ack {
            self.last_ack_sent = ack;
            self.acks.sent(now, !segment.data.is_empty() && !keepalive);
        }
        if segment.flags.rst {
            return false;
        }
        if segment.sequence_len() == 0 {
            self.resequence(i, segment.seq);
            return false;
        }
        if keepalive {
            return true;
        }
        // A probe of a closed window stays unsent as far as the sequence is concerned.
        if self.wire.leaving[i].marks.window_probe && segment.data_len() == 1 && !segment.flags.fin {
            return true;
        }
        self.wire.leaving[i].marks.window_probe = false;
        if !seq_before(segment.end(), self.xmit.next_seq()) && !segment.flags.syn {
            self.tail = Some(bytes.clone());
        }
        self.wire.leaving[i].marks.retransmission = self.xmit.sent(now, &segment);
        true
    }

    /// An acknowledgement goes out under the highest sequence number sent, as far as the peer's window reaches
    /// (tcp_acceptable_seq()). smoltcp uses the one it is about to send again after a timeout, which the peer may be past:
    /// it would ignore the acknowledgement, and two sides that both retransmit would do so for ever.
    pub(super) fn resequence(&mut self, i: usize, seq: u32) {
        let window_ends = self.xmit.first_unacknowledged().wrapping_add(self.peer_window);
        let next = self.xmit.next_seq();
        let acceptable = if seq_before(window_ends, next) { window_ends } else { next };
        if self.xmit.in_flight() && seq != acceptable {
            let out = &mut self.wire.leaving[i];
            out.bytes = resequenced(&out.bytes, acceptable);
        }
    }
}
