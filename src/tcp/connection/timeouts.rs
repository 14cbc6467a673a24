//! What is due: timeouts and the giving up after too many of them (Linux's `tcp_timer.c`).

use super::*;
use crate::packet::Marks;
use crate::tcp::seq::{before, distance};

impl Connection {
    /// Does what is due.
    pub fn on_timeout(&mut self, cx: &mut Cx<'_>) {
        let now = cx.now;
        if Timers::take(&mut self.timers.compressed_ack, now) && self.compressed.waiting > 0 {
            self.send_ack(cx);
        }
        if Timers::take(&mut self.timers.delayed_ack, now) && self.acks.owed {
            self.acks.waited(self.rto);
            self.send_ack(cx);
        }
        if Timers::take(&mut self.timers.fin_wait_2, now) {
            self.happened(cx, What::Closed);
            return self.end(cx, None);
        }
        if Timers::take(&mut self.timers.keepalive, now) {
            self.keepalive_timed_out(cx);
        }
        let Some((wait, _)) = self.timers.transmission.take_if(|(_, at)| *at <= now) else { return };
        match wait {
            Wait::Retransmission if self.state == State::SynReceived && self.passive => {
                self.request_timed_out(cx);
            }
            Wait::Retransmission => self.retransmission_timed_out(cx),
            // As Linux does: what a timer was for is known to whoever arms the next one.
            Wait::LossProbe => {
                self.timers.transmission = Some((wait, now));
                self.send_tail_probe(cx);
            }
            Wait::Reordering => {
                self.timers.transmission = Some((wait, now));
                self.reordering_timed_out(cx);
            }
            Wait::WindowProbe => self.window_probe_timed_out(cx),
        }
    }

    /// Nothing was acknowledged for an RTO (Linux's `tcp_retransmit_timer()`).
    pub(super) fn retransmission_timed_out(&mut self, cx: &mut Cx<'_>) {
        if self.send.flight.is_empty() {
            return;
        }
        let closed = self.send_window == 0 && !self.orphan && self.state.is_synchronized();
        if closed {
            // The peer has closed its window over what is under way: this is a probe, and answers keep it alive.
            if self.is_silent_behind_closed_window(cx.now) {
                return self.give_up(cx, false);
            }
            self.enter_loss(cx.now);
            self.retransmit_marked(cx, 0);
        } else {
            if self.has_waited_enough(cx.now) {
                return self.give_up(cx, false);
            }
            self.enter_loss(cx.now);
            self.retransmits += 1;
            self.happened(cx, What::Retransmitted(self.retransmits));
            self.retransmit_marked(cx, 0);
        }
        // A SYN's first retransmissions come one a second (tcp_syn_linear_timeouts).
        let linear = self.state == State::SynSent
            && self.is_linux()
            && self.retransmits <= self.sysctls().syn_linear_timeouts;
        if !linear {
            self.backoff += 1;
            self.rto = (self.rto * 2).min(self.sysctls().rto_cap());
        }
        let delay = self.clamped(cx.now, self.rto, self.recovery.first_retransmission);
        self.arm(cx.now, Wait::Retransmission, delay);
    }

    /// `tcp_rtx_probe0_timed_out()`: for how long the peer has said nothing at all.
    fn is_silent_behind_closed_window(&self, now: Duration) -> bool {
        let limit = self.options.user_timeout.unwrap_or(self.sysctls().rto_cap() * 2);
        let since = self.recovery.first_retransmission.unwrap_or(now);
        now.saturating_sub(self.last_heard) > limit && now.saturating_sub(since) > limit
    }

    /// A request's SYN-ACK is not acknowledged (Linux's `reqsk_timer_handler()`).
    fn request_timed_out(&mut self, cx: &mut Cx<'_>) {
        // What was held back lives one doubling longer (measured: 127 s and not 63).
        let limit = self.sysctls().synack_retries + u32::from(self.held_back);
        if self.retransmits >= limit {
            return self.end(cx, None);
        }
        self.retransmits += 1;
        // Whoever has acknowledged the SYN-ACK needs no other.
        if !self.held_back {
            self.happened(cx, What::Retransmitted(self.retransmits));
            self.retransmit(cx, 0, Marks { retransmission: true, ..Marks::default() });
        }
        self.arm_request(cx.now);
    }

    /// Have there been enough retransmissions, or enough time for them (Linux's `tcp_write_timeout()`)?
    fn has_waited_enough(&self, now: Duration) -> bool {
        let s = self.sysctls();
        let (retries, most, base) = match self.state {
            State::SynSent | State::SynReceived => {
                let linear = if self.is_linux() { s.syn_linear_timeouts } else { 0 };
                (s.syn_retries, Some(s.syn_retries + linear), INITIAL_RTO)
            }
            _ if self.orphan => (self.orphan_retries(self.rto), None, s.rto_min),
            _ => (s.retries2, None, s.rto_min),
        };
        if most.is_some_and(|most| self.retransmits >= most) {
            return true;
        }
        let Some(since) = self.recovery.first_retransmission.filter(|_| self.retransmits > 0) else {
            return false;
        };
        if !self.is_linux() {
            // RFC 9293 section 3.8.3 leaves the limit open; ours is the same number of retransmissions.
            let impatient = self.options.user_timeout.is_some_and(|limit| now - since >= limit);
            return self.retransmits >= retries || impatient;
        }
        let limit = self.options.user_timeout.unwrap_or_else(|| model_timeout(retries, base, s.rto_max));
        now - since >= limit
    }

    /// How often a connection without a process tries (Linux's `tcp_orphan_retries()`): not at all any more once its
    /// pause has reached the cap.
    fn orphan_retries(&self, pause: Duration) -> u32 {
        match self.sysctls().orphan_retries {
            0 if pause < self.sysctls().rto_cap() => 8,
            n => n,
        }
    }

    /// The pause is no longer than what the process is willing to wait (`tcp_clamp_rto_to_user_timeout()`).
    fn clamped(&self, now: Duration, delay: Duration, since: Option<Duration>) -> Duration {
        match (self.options.user_timeout, since) {
            (Some(limit), Some(since)) => {
                let left = (since + limit).saturating_sub(now).max(Duration::from_millis(4));
                delay.min(left)
            }
            _ => delay,
        }
    }

    /// Nothing was heard for too long (Linux's `tcp_write_err()`). If a router has said why, that is the error.
    pub(super) fn give_up(&mut self, cx: &mut Cx<'_>, reset_sent: bool) {
        self.happened(cx, What::TimedOut(reset_sent));
        self.end(cx, Some(self.soft_error.unwrap_or(io::ErrorKind::TimedOut)));
    }

    /// How long until the next probe of a closed window.
    fn window_probe_delay(&self) -> Duration {
        let base = self.rto.max(self.sysctls().rto_min);
        base.saturating_mul(1 << self.backoff.min(30)).min(self.sysctls().rto_cap())
    }

    pub(super) fn arm_window_probe(&mut self, now: Duration) {
        let delay = self.clamped(now, self.window_probe_delay(), self.probes_since);
        self.arm(now, Wait::WindowProbe, delay);
    }

    /// The window is still closed (Linux's `tcp_probe_timer()`): RFC 9293 section 3.8.6.1 wants it probed for as long as
    /// the peer answers.
    fn window_probe_timed_out(&mut self, cx: &mut Cx<'_>) {
        if !self.send.flight.is_empty() || !self.send.has_unsent() {
            (self.probes_out, self.probes_since) = (0, None);
            return;
        }
        match self.probes_since {
            None => self.probes_since = Some(cx.now),
            Some(since) if self.options.user_timeout.is_some_and(|limit| cx.now - since >= limit) => {
                return self.give_up(cx, false);
            }
            _ => {}
        }
        let mut limit = self.sysctls().retries2;
        if self.orphan {
            let pause = self.rto.saturating_mul(1 << self.backoff.min(30));
            let alive = pause < self.sysctls().rto_cap();
            limit = self.orphan_retries(pause);
            if !alive && self.backoff >= limit {
                return self.give_up(cx, false);
            }
        }
        if self.probes_out >= limit {
            return self.give_up(cx, false);
        }
        self.probe_window(cx);
    }

    fn probe_window(&mut self, cx: &mut Cx<'_>) {
        let room = distance(self.send.nxt, self.window_end());
        if !cx.routable {
            // Nothing leaves; it counts as a probe all the same.
        } else if room > 0 && before(self.send.nxt, self.window_end()) && self.send.unsent_len() > 0 {
            // Not closed, only too small for a segment worth sending: what fits is sent after all.
            let len = room.min(self.next_len()) as usize;
            self.transmit_next(cx, len, true);
        } else {
            self.happened(cx, What::WindowProbe);
            self.send_probe(cx, Marks { window_probe: true, ..Marks::default() });
        }
        if !self.send.flight.is_empty() || !self.send.has_unsent() {
            (self.probes_out, self.probes_since, self.backoff) = (0, None, 0);
            return;
        }
        self.probes_out += 1;
        if self.backoff < self.sysctls().retries2 {
            self.backoff += 1;
        }
        self.arm_window_probe(cx.now);
    }
}

/// Linux's tcp_model_timeout(): how long `retries` retransmissions with doubling from `base` would take, plus the last
/// wait. Fifteen at 200 ms and a cap of 120 s: 924.6 s.
fn model_timeout(retries: u32, base: Duration, cap: Duration) -> Duration {
    let doublings = (cap.as_micros() / base.as_micros().max(1)).checked_ilog2().unwrap_or(0);
    if retries <= doublings {
        base * ((2 << retries) - 1)
    } else {
        base * ((2 << doublings) - 1) + cap * (retries - doublings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifteen_retries_take_at_least_924_seconds() {
        let time = model_timeout(15, Duration::from_millis(200), Duration::from_secs(120));
        assert_eq!(time, Duration::from_millis(924_600));
    }
}
