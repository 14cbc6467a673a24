//! What a segment carries: data and a FIN (RFC 9293 section 3.10.7.4, seventh and eighth step).

use super::*;
use crate::tcp::seq::{after, before, distance, latest};

/// So many duplicate acknowledgements leave at once, since a sender without RACK counts to three (RFC 5681 section 3.2).
const TOLD_AT_ONCE: u32 = 3;
/// Linux's `tcp_comp_sack_nr`: an acknowledgement stands for no more than so many.
const MOST_COMPRESSED: u32 = 44;
/// Linux's `tcp_comp_sack_delay_ns`: it waits no longer than this, nor than a twentieth of a round trip.
const COMPRESSED_DELAY: Duration = Duration::from_millis(1);

impl Connection {
    /// Takes the data and the FIN of a segment that is in its place.
    pub(super) fn take_data(&mut self, cx: &mut Cx<'_>, segment: &Segment) {
        let end = segment.seq.wrapping_add(segment.data_len());
        if segment.data.is_empty() && !segment.flags.fin {
            return;
        }
        if !self.state.may_receive() {
            if before(segment.seq, self.receive_next) {
                // The FIN, or what was before it, again.
                self.acks.owed = true;
                self.acks.now = true;
            }
            return;
        }
        if !after(segment.end(), self.receive_next) {
            return self.is_repeated(segment.seq, segment.end());
        }
        let window = self.open_window();
        let bare_fin = segment.data.is_empty();
        if (window == 0 && !(bare_fin && segment.seq == self.receive_next))
            || !before(segment.seq, self.receive_next.wrapping_add(window.max(1)))
        {
            return self.acks.urge(self.receive_window);
        }
        self.receive_memory.piece = cx.piece;
        if after(segment.seq, self.receive_next) {
            return self.take_beyond(cx.now, segment);
        }
        let next = self.receive_next;
        let old = next.wrapping_sub(segment.seq) as usize;
        if old > 0 {
            self.tell_duplicate(segment.seq, self.receive_next);
        }
        let data = segment.data.slice(old.min(segment.data.len())..);
        if !data.is_empty() {
            self.measure_as_receiver(cx.now, segment);
            let mut taken = self.receive_memory.arrived(cx.now, data.len(), segment.flags.psh, 0);
            if !taken && self.reassembly.has_gap() {
                // What lies beyond a gap goes before what is in order is refused (Linux's `tcp_prune_ofo_queue()`).
                let thrown = self.reassembly.throw_beyond();
                self.receive_memory.dropped(thrown);
                taken = self.receive_memory.arrived(cx.now, data.len(), segment.flags.psh, 0);
            }
            if !taken {
                self.acks.owed = true;
                self.acks.now = true;
                return self.wake_reader(cx);
            }
            self.arrived(cx.now, data.len());
            self.reassembly.push(data);
            self.receive_next = end;
        }
        if segment.flags.fin {
            self.fin_beyond = Some(segment.end());
            // A bare FIN is taken even if there is no memory for it, but then it is told at once.
            self.acks.now |= bare_fin && !self.receive_memory.find_space();
        }
        if self.reassembly.has_gap() {
            let (next, twice) = self.reassembly.fill(self.receive_next);
            self.receive_next = next;
            self.receive_memory.dropped(twice);
            if !self.sack {
                self.reassembly.duplicate = None;
            }
            // RFC 5681 section 4.2: a gap that is filled is told at once.
            self.acks.now |= !self.reassembly.has_gap();
        }
        self.bytes_received += u64::from(distance(next, self.receive_next));
        if self.fin_beyond == Some(self.receive_next.wrapping_add(1)) {
            self.take_fin(cx);
        }
        self.wake_reader(cx);
    }

    /// Data arrived in order, or beyond a gap: for the clock of acknowledgements, and the round trip as a receiver sees
    /// it.
    fn arrived(&mut self, now: Duration, len: usize) {
        // A segment is shorter than 64 KiB.
        let piece = self.receive_memory.piece.map_or(len as u32, |piece| (len as u32).min(piece.into()));
        self.acks.data_arrived(now, piece, self.rto, self.receive_window);
        if self.receive_memory.take_growth() {
            self.acks.window_grew();
        }
    }

    /// The round trip as a receiver sees it: how old the echo of its own timestamp is (Linux's
    /// `tcp_rcv_rtt_measure_ts()`).
    fn measure_as_receiver(&mut self, now: Duration, segment: &Segment) {
        let Some((_, echo)) = segment.options.timestamps.filter(|(_, echo)| self.timestamps && *echo != 0)
        else {
            return;
        };
        if self.echo_measured == Some(echo) {
            return;
        }
        self.echo_measured = Some(echo);
        let age = Duration::from_millis(u64::from(self.timestamp(now).wrapping_sub(echo)));
        self.receive_memory.rtt(age, segment.data.len(), self.reassembly.unread());
    }

    /// All of it was there before.
    fn is_repeated(&mut self, from: u32, end: u32) {
        self.tell_duplicate(from, end);
        self.acks.urge(self.receive_window);
    }

    fn tell_duplicate(&mut self, from: u32, end: u32) {
        if self.sack {
            self.reassembly.duplicate = Some((from, end));
        }
    }

    fn take_beyond(&mut self, now: Duration, segment: &Segment) {
        self.acks.owed = true;
        if segment.flags.fin {
            self.fin_beyond = Some(segment.end());
            self.reassembly.fin_at(segment.end());
        }
        if segment.data.is_empty() {
            return;
        }
        let missing = self.reassembly.missing(segment.seq, segment.data.len());
        let furthest = self.reassembly.highest_block().unwrap_or(segment.end());
        let beyond = distance(self.receive_next, latest(furthest, segment.end()));
        if missing > 0 && !self.receive_memory.arrived(now, missing, segment.flags.psh, beyond) {
            return;
        }
        self.reassembly.insert(segment.seq, segment.data.clone());
        if !self.sack {
            self.reassembly.duplicate = None;
        }
    }

    /// The peer says no more (Linux's `tcp_fin()`).
    fn take_fin(&mut self, cx: &mut Cx<'_>) {
        self.receive_next = self.receive_next.wrapping_add(1);
        self.fin_beyond = None;
        self.reassembly.forget_blocks();
        self.fin_taken = true;
        self.happened(cx, What::FinReceived);
        self.acks.owed = true;
        match self.state {
            State::Established => {
                self.state = State::CloseWait;
                self.acks.fin_arrived();
            }
            State::FinWait1 => {
                self.state = State::Closing;
                self.send_ack(cx);
            }
            State::FinWait2 => {
                self.send_ack(cx);
                self.enter_time_wait(cx);
            }
            _ => {}
        }
    }

    /// Acknowledges at once, or later (Linux's `__tcp_ack_snd_check()`).
    pub(super) fn check_ack(&mut self, cx: &mut Cx<'_>) {
        if !self.acks.owed {
            return;
        }
        let since = self.receive_next.wrapping_sub(self.window_told);
        let full = since > self.receive_memory.segment() && {
            // Whoever looks whether the window can grow finds out that haste gains nothing.
            if self.receive_memory.is_half_full() {
                self.acks.slow_down();
            }
            self.receive_memory.can_advance()
        };
        if self.acks.now || full || self.acks.is_quick() {
            return self.send_ack(cx);
        }
        if !self.reassembly.has_gap() {
            return self.delay_ack(cx);
        }
        if !self.sack || self.compressed.waiting >= MOST_COMPRESSED {
            return self.send_ack(cx);
        }
        if self.compressed.gap_at != self.receive_next {
            self.compressed =
                Compressed { gap_at: self.receive_next, told: 0, waiting: self.compressed.waiting };
        }
        if self.compressed.told < TOLD_AT_ONCE {
            self.compressed.told += 1;
            return self.send_ack(cx);
        }
        self.compressed.waiting += 1;
        if self.timers.compressed_ack.is_none() {
            let rtt = self.rtt.smoothed().unwrap_or(COMPRESSED_DELAY * 20);
            // Linux runs it on a high-resolution timer: it is not rounded by the wheel.
            self.timers.compressed_ack = Some(cx.now + COMPRESSED_DELAY.min(rtt / 20));
        }
    }

    fn delay_ack(&mut self, cx: &mut Cx<'_>) {
        let delay = self.acks.delay(self.rtt.smoothed());
        let at = self.fires_at(cx.now, delay);
        match self.timers.delayed_ack {
            // About to run out: not worth the wait.
            Some(running) if running <= cx.now + delay / 4 => self.send_ack(cx),
            Some(running) => self.timers.delayed_ack = Some(running.min(at)),
            None => self.timers.delayed_ack = Some(at),
        }
    }
}
