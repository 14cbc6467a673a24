//! What the sender makes of an acknowledgement that is out of the ordinary, and of a timeout (Linux's
//! `tcp_fastretrans_alert()` and `tcp_enter_loss()`; RFC 5681, 6582, 6675, 5682).

use super::acked::{Answer, Told};
use super::*;
use crate::tcp::recovery::Phase;
use crate::tcp::seq::{after, before};

impl Connection {
    /// Judges an acknowledgement that came while something is amiss, or that tells of it; `repeated`: how many duplicate
    /// acknowledgements it counts for.
    pub(super) fn judge(
        &mut self,
        cx: &mut Cx<'_>,
        before_una: u32,
        repeated: u32,
        told: &mut Told,
    ) -> Answer {
        if self.send.flight.is_empty() {
            self.send.sacked_out = 0;
        }
        if self.send.flight.front().is_some_and(|oldest| oldest.sacked) && self.recovery.phase != Phase::Loss
        {
            // The receiver has dropped what it had told of (RFC 2018 section 8): after a pause, all is sent again.
            let delay = (self.rtt.smoothed().unwrap_or_default() / 2).max(Duration::from_millis(10));
            self.arm(cx.now, Wait::Retransmission, delay);
            return Answer::Nothing;
        }
        if self.recovery.phase == Phase::Open {
            self.recovery.first_retransmission = None;
        } else if !before(self.send.una, self.recovery.high) {
            match self.recovery.phase {
                Phase::Reduction if self.send.una != self.recovery.high => {
                    self.end_reduction();
                    self.recovery.phase = Phase::Open;
                }
                Phase::Recovery => {
                    if !self.sack {
                        self.send.sacked_out = 0;
                    }
                    if self.undo_recovery(cx) {
                        return Answer::Nothing;
                    }
                    self.end_reduction();
                }
                _ => {}
            }
        }
        match self.recovery.phase {
            Phase::Recovery => {
                if !told.advanced {
                    self.count_duplicate(repeated);
                } else if self.undo_partial(cx, before_una) {
                    return Answer::Nothing;
                }
                if self.undo_by_duplicates(cx) {
                    self.try_to_open();
                }
                self.identify_losses(cx.now, told);
                if self.recovery.phase != Phase::Recovery {
                    if self.send.lost_out == 0 {
                        return Answer::Nothing;
                    }
                    self.enter_recovery(cx);
                }
            }
            Phase::Loss => {
                let answer = self.judge_after_timeout(cx, repeated, told);
                self.identify_losses(cx.now, told);
                if !(self.recovery.phase == Phase::Open || told.lost_again) {
                    return answer;
                }
                return self.judge_in_order(cx, repeated, told).max_of(answer);
            }
            _ => return self.judge_in_order(cx, repeated, told),
        }
        Answer::Lost
    }

    fn judge_in_order(&mut self, cx: &mut Cx<'_>, repeated: u32, told: &mut Told) -> Answer {
        if !self.sack {
            if told.advanced {
                self.send.sacked_out = 0;
            }
            self.count_duplicate(repeated);
        }
        if self.recovery.phase <= Phase::Disorder {
            self.undo_by_duplicates(cx);
        }
        self.identify_losses(cx.now, told);
        if self.send.lost_out == 0 {
            self.try_to_open();
            return Answer::Nothing;
        }
        self.enter_recovery(cx);
        Answer::Lost
    }

    /// Something was lost: it is sent again, and the window is reduced.
    pub(super) fn enter_recovery(&mut self, cx: &mut Cx<'_>) {
        self.recovery.may_restore = false;
        self.mark_undo();
        if !self.recovery.is_reducing() {
            self.recovery.may_restore = true;
            self.begin_reduction();
        }
        self.recovery.phase = Phase::Recovery;
        self.happened(cx, What::LossDetected);
    }

    /// The window begins to shrink (Linux's `tcp_init_cwnd_reduction()`).
    pub(super) fn begin_reduction(&mut self) {
        self.recovery.high = self.send.nxt;
        self.recovery.probe_high = None;
        self.recovery.prior_window = self.congestion.cwnd();
        (self.recovery.prr_delivered, self.recovery.prr_out) = (0, 0);
        self.congestion.loss_ssthresh();
    }

    /// The window has shrunk.
    pub(super) fn end_reduction(&mut self) {
        let ssthresh = self.congestion.ssthresh();
        let counts = self.recovery.phase == Phase::Reduction || self.recovery.undo_marker.is_some();
        if ssthresh < super::super::congestion::INFINITE_THRESHOLD && counts {
            self.congestion.set_cwnd(ssthresh);
        }
    }

    /// From here on a reduction can be taken back.
    fn mark_undo(&mut self) {
        self.recovery.undo_marker = Some(self.send.una);
        let mut under_way = self.send.retrans_out;
        // The probe is a retransmission that is not counted.
        if self.recovery.probe_high.is_some() && self.recovery.probe_repeats {
            under_way += 1;
        }
        self.recovery.undo_retrans = (under_way > 0).then_some(under_way);
    }

    /// The retransmission timer ran out: all that is old enough counts as lost (Linux's `tcp_enter_loss()`).
    pub(super) fn enter_loss(&mut self, now: Duration) {
        self.mark_all_lost(now);
        let fresh = self.recovery.phase < Phase::Recovery;
        let reduce = self.recovery.phase <= Phase::Disorder
            || !after(self.recovery.high, self.send.una)
            || (self.recovery.phase == Phase::Loss && self.retransmits == 0);
        if reduce {
            self.recovery.may_restore = true;
            self.recovery.prior_window = self.congestion.cwnd();
            self.congestion.loss_ssthresh();
            self.congestion.on_timeout();
            self.mark_undo();
        }
        self.congestion.set_cwnd(self.send.in_flight() + 1);
        if self.recovery.phase <= Phase::Disorder && self.send.sacked_out >= self.sysctls().reordering {
            self.recovery.reordering = self.recovery.reordering.min(self.sysctls().reordering);
        }
        let frto = self.sysctls().frto && (fresh || self.retransmits > 0);
        self.recovery.phase = Phase::Loss;
        self.recovery.high = self.send.nxt;
        self.recovery.probe_high = None;
        self.recovery.frto = frto;
    }

    fn mark_all_lost(&mut self, now: Duration) {
        let reneged = self.send.flight.front().is_some_and(|oldest| oldest.sacked);
        if reneged || !self.sack {
            self.send.sacked_out = 0;
        }
        let rack_rtt = self.recovery.rack.rtt;
        for i in 0..self.send.flight.len() {
            let sent = &mut self.send.flight[i];
            if reneged {
                sent.sacked = false;
            } else if self.sack && i > 0 && !rack_rtt.is_zero() && sent.at + rack_rtt > now {
                // Sent within the last round trip: nothing can be known of it.
                continue;
            }
            if self.send.mark_lost(i) {
                self.recovery.lost += 1;
            }
        }
    }

    /// An acknowledgement after a timeout: was it spurious (RFC 5682)? (Linux's `tcp_process_loss()`.)
    fn judge_after_timeout(&mut self, cx: &mut Cx<'_>, repeated: u32, told: &mut Told) -> Answer {
        let recovered = !before(self.send.una, self.recovery.high);
        if told.advanced && self.undo_loss(cx, false) {
            return Answer::Nothing;
        }
        if self.recovery.frto {
            if told.original && self.undo_loss(cx, true) {
                return Answer::Nothing;
            }
            if after(self.send.nxt, self.recovery.high) {
                if told.sacked || repeated > 0 {
                    self.recovery.frto = false;
                }
            } else if told.advanced && !recovered {
                self.recovery.high = self.send.nxt;
                if self.send.has_unsent() && after(self.window_end(), self.send.nxt) {
                    return Answer::New;
                }
                self.recovery.frto = false;
            }
        }
        if recovered {
            self.undo_recovery(cx);
            return Answer::Nothing;
        }
        if !self.sack {
            if after(self.send.nxt, self.recovery.high) && repeated > 0 {
                self.count_duplicate(repeated);
            } else if told.advanced {
                self.send.sacked_out = 0;
            }
        }
        Answer::Lost
    }
}

impl Answer {
    /// The one that sends more.
    fn max_of(self, other: Self) -> Self {
        if self == Answer::Nothing { other } else { self }
    }
}
