//! What leaves once more (Linux's `tcp_xmit_retransmit_queue()`; RFC 6675 section 5).

use super::*;
use crate::packet::{Flags, Marks};
use crate::tcp::seq::{before, distance};

impl Connection {
    /// Sends what is taken for lost, as far as the congestion window goes.
    pub(super) fn retransmit_lost(&mut self, cx: &mut Cx<'_>) {
        let mut oldest = false;
        let mut i = 0;
        while i < self.send.flight.len() && self.send.retrans_out < self.send.lost_out {
            if self.send.in_flight() >= self.congestion.cwnd() {
                break;
            }
            let sent = &self.send.flight[i];
            if sent.lost && !sent.sacked && !sent.retransmitted {
                if !self.retransmit_marked(cx, i) {
                    break;
                }
                if self.recovery.is_reducing() {
                    self.recovery.prr_out += 1;
                }
                oldest |= i == 0;
            }
            i += 1;
        }
        if oldest && self.timers.waiting_for() != Some(Wait::Reordering) {
            self.arm(cx.now, Wait::Retransmission, self.rto);
        }
        // Room in the window that nothing lost takes is for what is new (RFC 5681 section 3.2, step 4).
        self.transmit(cx);
    }

    /// Sends a segment again and counts it as under way (Linux's `tcp_retransmit_skb()`). Returns whether it was sent.
    pub(super) fn retransmit_marked(&mut self, cx: &mut Cx<'_>, i: usize) -> bool {
        let marks = Marks { retransmission: true, ..Marks::default() };
        if !self.retransmit_within_window(cx, i, marks) {
            return false;
        }
        let sent = &mut self.send.flight[i];
        if !std::mem::replace(&mut sent.retransmitted, true) {
            self.send.retrans_out += 1;
        }
        self.recovery.first_retransmission.get_or_insert(cx.now);
        self.recovery.undo_retrans = Some(self.recovery.undo_retrans.unwrap_or(0) + 1);
        true
    }

    /// Sends a segment again, unless it is beyond a window that the peer has shrunk in the meantime: of that only the
    /// oldest is sent.
    pub(super) fn retransmit_within_window(&mut self, cx: &mut Cx<'_>, i: usize, marks: Marks) -> bool {
        let Some(sent) = self.send.flight.get(i) else { return false };
        let within = before(sent.seq, self.window_end()) || sent.syn || sent.data.is_empty();
        if !within && sent.seq != self.send.una {
            return false;
        }
        self.retransmit(cx, i, marks);
        true
    }

    /// Puts a segment on the wire again, as much of it as the window has room for.
    pub(super) fn retransmit(&mut self, cx: &mut Cx<'_>, i: usize, marks: Marks) {
        let room = distance(self.send.flight.get(i).map_or(0, |s| s.seq), self.window_end()) as usize;
        let Some(sent) = self.send.flight.get_mut(i) else { return };
        if room > 0 && sent.data.len() > room {
            // The peer has shrunk its window: the rest is a segment of its own.
            let mut rest = sent.clone();
            sent.data.truncate(room);
            sent.end = sent.seq.wrapping_add(room as u32);
            (rest.seq, rest.data) = (sent.end, rest.data.slice(room..));
            (sent.fin, sent.psh) = (false, false);
            let (lost, retransmitted) = (rest.lost, rest.retransmitted);
            self.send.lost_out += u32::from(lost);
            self.send.retrans_out += u32::from(retransmitted);
            self.send.flight.insert(i + 1, rest);
        }
        self.send.collapse(i, self.mss as usize, self.window_end());
        let Some(sent) = self.send.flight.get_mut(i) else { return };
        sent.at = cx.now;
        sent.ever_retransmitted = true;
        let ack = !sent.syn || self.state != State::SynSent;
        let flags = Flags { syn: sent.syn, fin: sent.fin, psh: sent.psh, ack, rst: false };
        let (seq, data) = (sent.seq, sent.data.clone());
        self.total_retransmits += 1;
        let segment = self.segment(cx.now, seq, flags, data);
        self.leave(cx, segment, marks);
    }
}
