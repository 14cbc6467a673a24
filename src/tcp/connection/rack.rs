//! RACK (RFC 8985): a segment is lost if one that was sent after it has arrived, and a little time has passed; and its
//! tail-loss probe.

use super::acked::Told;
use super::*;
use crate::tcp::recovery::Phase;
use crate::tcp::seq::{after, before};

/// Linux's `TCP_TIMEOUT_MIN_US`.
const TIMEOUT_MIN: Duration = Duration::from_millis(2);
/// RFC 8985 section 6.2, step 4: so many recoveries the larger window is kept.
const PERSIST: u32 = 16;

impl Connection {
    /// A segment has arrived.
    pub(super) fn rack_advance(&mut self, now: Duration, sent: Duration, end: u32, again: bool) {
        let rtt = now.saturating_sub(sent);
        if again && self.rtt.shortest().is_some_and(|shortest| rtt < shortest) {
            // Its first transmission is what has arrived (RFC 8985 section 6.2, step 2).
            return;
        }
        let rack = &mut self.recovery.rack;
        rack.advanced = true;
        rack.rtt = rtt;
        if sent > rack.sent || (sent == rack.sent && after(end, rack.end)) {
            (rack.sent, rack.end) = (sent, end);
        }
    }

    /// How long a segment that may have been overtaken is given.
    fn reordering_window(&self) -> Duration {
        let r = &self.recovery;
        if !r.reordering_seen && (r.phase >= Phase::Recovery || self.send.sacked_out >= r.reordering) {
            return Duration::ZERO;
        }
        let quarter = self.rtt.shortest().unwrap_or_default() / 4;
        (quarter * r.rack.steps).min(self.rtt.smoothed().unwrap_or_default())
    }

    /// Marks what is lost. Returns when the next segment would count as lost, if one may.
    fn detect_losses(&mut self, now: Duration) -> Option<Duration> {
        let window = self.reordering_window();
        let rack = self.recovery.rack;
        let mut wait: Option<Duration> = None;
        for i in 0..self.send.flight.len() {
            let sent = &self.send.flight[i];
            if sent.sacked || (sent.lost && !sent.retransmitted) || !rack.is_after(sent.at, sent.end) {
                continue;
            }
            let until = sent.at + rack.rtt + window;
            if until <= now {
                if self.send.mark_lost(i) {
                    self.recovery.lost += 1;
                }
            } else {
                let left = until - now;
                wait = Some(wait.map_or(left, |w| w.max(left)));
            }
        }
        wait
    }

    /// Looks for losses after an acknowledgement (Linux's `tcp_identify_packet_loss()`).
    pub(super) fn identify_losses(&mut self, now: Duration, told: &mut Told) {
        if self.send.flight.is_empty() {
            return;
        }
        if !self.sack {
            let r = &self.recovery;
            let third = r.phase < Phase::Recovery && self.send.sacked_out >= r.reordering;
            if (third || (r.phase == Phase::Recovery && told.advanced)) && self.send.mark_lost(0) {
                self.recovery.lost += 1;
            }
            return;
        }
        if !std::mem::take(&mut self.recovery.rack.advanced) {
            return;
        }
        let retransmissions = self.send.retrans_out;
        if let Some(wait) = self.detect_losses(now) {
            let delay = wait + TIMEOUT_MIN;
            self.arm(now, Wait::Reordering, delay.min(self.rto));
            told.rearm = false;
        }
        told.lost_again |= self.send.retrans_out < retransmissions;
    }

    /// What might only have been overtaken was not (Linux's `tcp_rack_reo_timeout()`).
    pub(super) fn reordering_timed_out(&mut self, cx: &mut Cx<'_>) {
        let in_flight = self.send.in_flight();
        self.detect_losses(cx.now);
        if self.send.in_flight() != in_flight {
            if self.recovery.phase != Phase::Recovery {
                self.enter_recovery(cx);
                let ssthresh = self.congestion.ssthresh();
                let now_flying = self.send.in_flight();
                let more = self.recovery.proportional(ssthresh, now_flying, 1, false, 0);
                self.congestion.set_cwnd(now_flying + more);
            }
            self.retransmit_lost(cx);
        }
        if self.timers.waiting_for() != Some(Wait::Retransmission) {
            self.rearm_timeout(cx.now);
        }
    }

    /// RFC 8985 section 6.2, step 4: who sends again in vain waits longer.
    pub(super) fn adjust_reordering_window(&mut self) {
        let rack = &mut self.recovery.rack;
        if before(self.send.una, rack.adjusted_at) {
            rack.duplicate_seen = false;
        }
        if std::mem::take(&mut rack.duplicate_seen) {
            rack.steps = (rack.steps + 1).min(255);
            rack.persist = PERSIST;
            rack.adjusted_at = self.send.nxt;
        } else if rack.persist == 0 {
            rack.steps = 1;
        }
    }

    /// Arms the tail-loss probe, or else the timeout (Linux's `tcp_set_xmit_timer()`).
    pub(super) fn arm_probe_or_timeout(&mut self, now: Duration) {
        if !self.arm_tail_probe(now, true) {
            self.rearm_timeout(now);
        }
    }

    /// Arms the tail-loss probe (RFC 8985 section 7.2), if one may be sent.
    pub(super) fn arm_tail_probe(&mut self, now: Duration, advancing: bool) -> bool {
        let may = self.is_linux()
            && self.sysctls().tail_loss_probe
            && self.sack
            && !self.send.flight.is_empty()
            && self.state.is_synchronized()
            && matches!(self.recovery.phase, Phase::Open | Phase::Reduction);
        if !may {
            return false;
        }
        let delay = match self.rtt.smoothed() {
            // A lone segment's acknowledgement may be delayed.
            Some(srtt) if self.send.flight.len() == 1 => srtt * 2 + self.sysctls().rto_min,
            Some(srtt) => srtt * 2 + TIMEOUT_MIN,
            None => super::super::rtt::INITIAL_RTO,
        };
        let timeout = if advancing { self.rto } else { self.until_timeout(now) };
        let delay = if timeout.is_zero() { delay } else { delay.min(timeout) };
        self.arm(now, Wait::LossProbe, delay);
        true
    }

    /// How long until the oldest segment has waited for an RTO.
    fn until_timeout(&self, now: Duration) -> Duration {
        self.send.flight.front().map_or(Duration::ZERO, |oldest| (oldest.at + self.rto).saturating_sub(now))
    }

    /// Arms the timeout, counted from when the oldest segment was sent if a shorter timer ran before (Linux's
    /// `tcp_rearm_rto()`).
    pub(super) fn rearm_timeout(&mut self, now: Duration) {
        if self.send.flight.is_empty() {
            if self.timers.waiting_for() != Some(Wait::WindowProbe) {
                self.timers.transmission = None;
            }
            return;
        }
        let delay = match self.timers.waiting_for() {
            Some(Wait::Reordering | Wait::LossProbe) => self.until_timeout(now).max(Duration::from_micros(1)),
            _ => self.rto,
        };
        self.arm(now, Wait::Retransmission, delay);
    }

    /// Two round trips without a word: sends something new, or the last segment again (RFC 8985 section 7.3).
    pub(super) fn send_tail_probe(&mut self, cx: &mut Cx<'_>) {
        if self.recovery.probe_high.is_none() {
            self.recovery.probe_repeats = false;
            let sent = if self.send.has_unsent() && self.next_fits() {
                self.transmit_forced(cx)
            } else {
                let last = self.send.flight.len() - 1;
                let marks = crate::packet::Marks { retransmission: true, ..Default::default() };
                let sent = self.retransmit_within_window(cx, last, marks);
                self.recovery.probe_repeats = sent;
                sent
            };
            if sent {
                self.recovery.probe_high = Some(self.send.nxt);
                self.happened(cx, What::TailProbe);
                // The timeout is counted from now.
                self.timers.transmission = None;
            }
        }
        self.rearm_timeout(cx.now);
    }

    /// Whether the tail-loss probe has mended a loss (RFC 8985 section 7.4.2).
    pub(super) fn resolve_tail_probe(&mut self, ack: u32, told: Told) {
        let Some(high) = self.recovery.probe_high else { return };
        if before(ack, high) {
            return;
        }
        if !self.recovery.probe_repeats || told.duplicate_probe {
            self.recovery.probe_high = None;
        } else if after(ack, high) {
            // The acknowledgement is of something sent later, and no duplicate was reported: the probe mended a loss.
            self.begin_reduction();
            self.recovery.phase = Phase::Reduction;
            self.end_reduction();
            self.keep_open();
        } else if !(told.advanced || told.carries || told.window || told.sacked) {
            // Both have arrived.
            self.recovery.probe_high = None;
        }
    }
}
