//! What a segment acknowledges (Linux's `tcp_ack()`): what has arrived, how long it took, how much more may be sent.

use super::*;
use crate::tcp::seq::{after, before, distance};

/// What an acknowledgement tells.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Told {
    /// Something new is acknowledged.
    pub advanced: bool,
    /// Data, not only a SYN, are among it.
    pub data: bool,
    /// What was sent again is among it.
    pub retransmission: bool,
    /// The segment carries data itself, or changes the window: it is no duplicate acknowledgement.
    pub carries: bool,
    pub window: bool,
    /// Something new is selectively acknowledged.
    pub sacked: bool,
    /// Something arrived twice (RFC 2883).
    pub duplicate: bool,
    /// And that was the tail-loss probe.
    pub duplicate_probe: bool,
    /// Something that was sent once only has arrived, although all had seemed lost (RFC 5682).
    pub original: bool,
    /// The sender's timer begins anew.
    pub rearm: bool,
    /// A retransmission was lost again.
    pub lost_again: bool,
}

impl Told {
    /// Whether it cannot be a duplicate acknowledgement (RFC 5681 section 2).
    fn is_no_duplicate(self) -> bool {
        self.carries || self.window || self.advanced
    }
}

/// What is to be sent in answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Nothing,
    /// What is lost.
    Lost,
    /// Something new, to see whether it arrives (RFC 5682, step 2b).
    New,
}

impl Connection {
    /// Takes the acknowledgement of a segment. Returns whether the rest of the segment counts.
    pub(super) fn acknowledged(&mut self, cx: &mut Cx<'_>, segment: &Segment) -> bool {
        let Some(ack) = segment.ack else { return false };
        self.echo = segment.options.timestamps.map(|(_, echo)| echo);
        let before_una = self.send.una;
        if before(ack, before_una) {
            // Nor can it acknowledge what was sent before the connection began.
            let oldest = self.largest_window.min(self.acknowledged_len);
            if before(ack, before_una.wrapping_sub(oldest)) {
                return false;
            }
            self.take_timestamp(cx.now, segment);
            if !segment.options.sack.is_empty() {
                let mut told = Told::default();
                let delivered = self.recovery.delivered;
                self.take_sack(cx.now, segment, ack, &mut told);
                let answer = self.judge(cx, before_una, 0, &mut told);
                self.adapt_window(cx.now, delivered, 0, told);
                self.answer(cx, answer);
            }
            return true;
        }
        if after(ack, self.send.nxt) {
            return false;
        }
        self.take_timestamp(cx.now, segment);
        let mut told = Told { carries: segment.sequence_len() > 0, ..Told::default() };
        let (delivered, lost) = (self.recovery.delivered, self.recovery.lost);
        if after(ack, before_una) {
            told.advanced = true;
            self.acknowledged_len = self.acknowledged_len.saturating_add(distance(before_una, ack));
            self.retransmits = 0;
        }
        self.take_window(cx, segment, ack, &mut told);
        let highest = self.send.highest_sacked();
        if self.sack && !segment.options.sack.is_empty() {
            self.take_sack(cx.now, segment, ack, &mut told);
        }
        let probed = std::mem::take(&mut self.probes_out) > 0;
        if probed && !told.carries && self.timers.waiting_for() != Some(Wait::WindowProbe) {
            self.happened(cx, What::KeepaliveAnswered);
        }
        self.last_heard = cx.now;
        // Something gets through.
        self.soft_error = None;
        if self.send.flight.is_empty() {
            self.send.una = ack;
            if told.duplicate {
                let answer = self.judge(cx, before_una, 0, &mut told);
                self.answer(cx, answer);
            }
            self.window_probe_answered(cx.now);
            self.resolve_tail_probe(ack, told);
            return true;
        }
        self.take_from_flight(cx, segment, ack, highest, &mut told);
        self.adjust_reordering_window();
        self.resolve_tail_probe(ack, told);
        let mut answer = Answer::Nothing;
        let dubious = !told.is_no_duplicate()
            || told.sacked
            || told.duplicate
            || self.recovery.phase != super::super::recovery::Phase::Open;
        if dubious {
            let repeated = u32::from(!(told.is_no_duplicate() || told.duplicate));
            answer = self.judge(cx, before_una, repeated, &mut told);
        }
        if told.rearm {
            self.arm_probe_or_timeout(cx.now);
        }
        let lost = self.recovery.lost.wrapping_sub(lost);
        self.adapt_window(cx.now, delivered, lost, told);
        self.note_pace();
        self.answer(cx, answer);
        true
    }

    /// SND.WND (RFC 9293 section 3.10.7.4), unless the segment is an old one.
    fn take_window(&mut self, cx: &mut Cx<'_>, segment: &Segment, ack: u32, told: &mut Told) {
        let window = u32::from(segment.window) << if segment.flags.syn { 0 } else { self.send_scale };
        let newer = told.advanced
            || after(segment.seq, self.window_told_at)
            || (segment.seq == self.window_told_at && (window > self.send_window || window == 0));
        if !newer {
            return;
        }
        self.window_told_at = segment.seq;
        if window != self.send_window {
            told.window = true;
            self.send_window = window;
            self.largest_window = self.largest_window.max(window);
            if self.send.has_unsent() {
                self.restart_if_idle(cx.now);
            }
        }
        if told.advanced && self.send.flight.is_empty() {
            self.send.una = ack;
        }
    }

    /// What is acknowledged leaves the queue; what it measures is measured (Linux's `tcp_clean_rtx_queue()`).
    fn take_from_flight(
        &mut self,
        cx: &mut Cx<'_>,
        segment: &Segment,
        ack: u32,
        highest: u32,
        told: &mut Told,
    ) {
        let now = cx.now;
        let (mut first, mut last) = (None, None);
        let (mut segments, mut bytes, mut syn) = (0, 0, false);
        let mut overtaken: Option<u32> = None;
        while let Some(front) = self.send.flight.front_mut() {
            if after(front.end, ack) {
                if before(front.seq, ack) && !front.syn {
                    // A part of it: the rest is what is under way.
                    let part = ack.wrapping_sub(front.seq) as usize;
                    bytes += part;
                    let part = part.min(front.data.len());
                    front.data = front.data.slice(part..);
                    front.seq = ack;
                }
                break;
            }
            let Some(sent) = self.send.flight.pop_front() else { break };
            self.send.retrans_out -= u32::from(sent.retransmitted);
            if sent.ever_retransmitted {
                told.retransmission = true;
            } else if !sent.sacked {
                last = Some(sent.at);
                first = first.or(last);
                overtaken = Some(overtaken.map_or(sent.seq, |o| super::super::seq::earliest(o, sent.seq)));
                told.original |= !after(sent.end, self.recovery.high);
            }
            if sent.sacked {
                self.send.sacked_out = self.send.sacked_out.saturating_sub(1);
            } else if self.sack {
                self.recovery.delivered += 1;
                self.rack_advance(now, sent.at, sent.end, sent.ever_retransmitted);
            }
            self.send.lost_out -= u32::from(sent.lost);
            bytes += sent.data.len();
            segments += 1;
            syn |= sent.syn;
        }
        self.send.una = ack;
        if syn {
            self.recovery.first_retransmission = None;
        }
        if bytes > 0 {
            self.send_memory.acknowledged(bytes as u64);
        }
        told.data = segments > u32::from(syn);
        // Only what was sent once measures (Karn), unless timestamps tell which transmission is acknowledged (RFC 7323
        // section 4.1).
        let mut rtt = first.filter(|_| !told.retransmission).map(|at| now.saturating_sub(at));
        let newest = last.filter(|_| !told.retransmission).map(|at| now.saturating_sub(at));
        if rtt.is_none() && segments > 0 {
            rtt = self.round_trip_by_timestamp(now, segment);
        }
        if let Some(rtt) = rtt {
            self.measured(now, rtt);
        }
        if segments > 0 {
            told.rearm = true;
            if !self.sack {
                self.take_from_duplicates(segments);
            } else if let Some(seq) = overtaken.filter(|seq| before(*seq, highest)) {
                self.overtaken(seq);
            }
        }
        if let Some(rtt) = newest.or(rtt).filter(|_| told.data) {
            self.congestion.rtt_sample(now, rtt, self.send.una, self.send.nxt);
        }
    }

    /// How old the timestamp is that the peer echoes.
    fn round_trip_by_timestamp(&self, now: Duration, segment: &Segment) -> Option<Duration> {
        let (_, echo) = segment.options.timestamps.filter(|(_, echo)| self.timestamps && *echo != 0)?;
        let age = self.timestamp(now).wrapping_sub(echo);
        // More than a quarter of the clock's range is an echo of something never sent. Less than its resolution is one tick.
        (age < 1 << 30).then(|| Duration::from_millis(u64::from(age.max(1))))
    }

    /// A round trip was measured.
    pub(super) fn measured(&mut self, now: Duration, rtt: Duration) {
        self.rtt.measure(now, rtt, self.send.una, self.send.nxt);
        self.rto = self.rtt.timeout();
        self.backoff = 0;
    }

    /// The congestion window after an acknowledgement (Linux's `tcp_cong_control()`).
    fn adapt_window(&mut self, now: Duration, delivered_before: u32, lost: u32, told: Told) {
        let delivered = self.recovery.delivered.wrapping_sub(delivered_before);
        if self.recovery.is_reducing() {
            if delivered > 0 && self.recovery.prior_window > 0 {
                let in_flight = self.send.in_flight();
                let ssthresh = self.congestion.ssthresh();
                let more = self.recovery.proportional(ssthresh, in_flight, delivered, told.advanced, lost);
                self.congestion.set_cwnd(in_flight + more);
            }
            return;
        }
        // Where much is overtaken, what arrives out of order counts as progress too (tcp_may_raise_cwnd()).
        let progress = if self.recovery.reordering > self.sysctls().reordering {
            told.data || told.sacked
        } else {
            told.data
        };
        if progress && delivered > 0 {
            self.congestion.acked(now, delivered, self.is_window_limited());
        }
    }

    /// How fast the path is thought to be, which decides how much is put into one packet of the send buffer (Linux's
    /// `tcp_update_pacing_rate()`; without a pacing queue nothing else follows from it).
    pub(super) fn note_pace(&mut self) {
        let (Some(srtt), Some(shortest)) = (self.rtt.smoothed(), self.rtt.shortest()) else { return };
        let cwnd = self.congestion.cwnd();
        let percent = if cwnd < self.congestion.ssthresh() / 2 { 200 } else { 120 };
        let window = u64::from(self.mss) * u64::from(cwnd.max(self.send.segments_out()));
        let micros = u64::try_from(srtt.as_micros()).unwrap_or(u64::MAX).max(1);
        self.send_memory.set_pace(window * percent * 10_000 / micros, shortest, cwnd);
    }

    /// Whether the congestion window is what holds the sender back (Linux's `tcp_is_cwnd_limited()`).
    pub(super) fn is_window_limited(&self) -> bool {
        self.usage.limited
            || (self.congestion.in_slow_start() && self.congestion.cwnd() < 2 * self.usage.most_out)
    }

    /// The closed window was probed, and the peer has answered (Linux's `tcp_ack_probe()`).
    fn window_probe_answered(&mut self, now: Duration) {
        if !self.send.has_unsent() {
            return;
        }
        if distance(self.send.nxt, self.window_end()) >= self.next_len() {
            self.backoff = 0;
            self.probes_since = None;
            if self.timers.waiting_for() == Some(Wait::WindowProbe) {
                self.timers.transmission = None;
            }
        } else {
            self.arm_window_probe(now);
        }
    }

    /// What a segment allowed has been sent: was room made in the send buffer?
    pub(super) fn check_space(&mut self, cx: &mut Cx<'_>) {
        if self.writer_waits && self.send_memory.check_space(self.congestion.cwnd(), self.send.in_flight()) {
            self.wake_writer(cx);
        }
    }

    fn answer(&mut self, cx: &mut Cx<'_>, answer: Answer) {
        match answer {
            Answer::Nothing => return,
            Answer::New => {
                self.transmit(cx);
                if after(self.send.nxt, self.recovery.high) {
                    return;
                }
                self.recovery.frto = false;
            }
            Answer::Lost => {}
        }
        self.retransmit_lost(cx);
    }
}
