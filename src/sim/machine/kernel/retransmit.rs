//! When a connection sends again, probes, or gives up.
//!
//! Pure: it is told what was sent and acknowledged and what time it is; it answers with a deadline and, when that has
//! come, with what to do. [`super::conn`] makes smoltcp do it.

use std::collections::VecDeque;
use std::time::Duration;

use super::rtt::{INITIAL_RTO, Rtt};
use super::segment::before;
use super::sysctl::{Sysctls, TimerPolicy};
use super::wheel;
use crate::packet::Segment;

/// Linux's `TCP_TIMEOUT_MIN`: two jiffies, added to a probe timeout when several segments are under way.
const TIMEOUT_MIN: Duration = Duration::from_millis(8);

/// What the connection is doing, as far as its timers care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// SYN sent.
    Connecting,
    /// SYN received, SYN-ACK sent.
    Accepting,
    /// Data and FIN.
    Open,
}

/// What a timer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// The tail-loss probe (RFC 8985 section 7).
    LossProbe,
    /// The retransmission timeout.
    Retransmission,
    /// The zero-window probe (RFC 9293 section 3.8.6.1).
    WindowProbe,
}

/// What to do when the timer has fired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnTimeout {
    /// Send the first unacknowledged segment again.
    Retransmit,
    /// Send the last segment again (RFC 8985 section 7.3), whose acknowledgement tells whether anything is missing.
    ProbeTail,
    /// Probe the closed window.
    ProbeWindow,
    /// Give the connection up: timed out.
    GiveUp,
}

#[derive(Debug)]
struct Sent {
    end: u32,
    at: Duration,
    again: bool,
}

/// The sender's clockwork.
#[derive(Debug)]
pub(super) struct Retransmit {
    sysctls: Sysctls,
    pub rtt: Rtt,
    pub user_timeout: Option<Duration>,
    phase: Phase,
    /// Nobody holds the socket any more.
    pub orphan: bool,
    flight: VecDeque<Sent>,
    una: u32,
    max: u32,
    wait: Option<(Wait, Duration)>,
    /// Doublings since the last progress.
    backoff: u32,
    /// Timeouts since the last progress.
    pub timeouts: u32,
    /// When the first of them retransmitted (`retrans_stamp`).
    first_again: Option<Duration>,
    /// When the window was first probed (`icsk_probes_tstamp`).
    first_probe: Option<Duration>,
    probes_unanswered: u32,
    /// A tail-loss probe is under way.
    tail_probed: bool,
}

impl Retransmit {
    pub fn new(sysctls: &Sysctls, phase: Phase) -> Self {
        Self {
            rtt: Rtt::new(sysctls),
            sysctls: *sysctls,
            user_timeout: None,
            phase,
            orphan: false,
            flight: VecDeque::new(),
            una: 0,
            max: 0,
            wait: None,
            backoff: 0,
            timeouts: 0,
            first_again: None,
            first_probe: None,
            probes_unanswered: 0,
            tail_probed: false,
        }
    }

    /// When to call [`Self::fire`].
    pub fn deadline(&self) -> Option<Duration> {
        self.wait.map(|(_, at)| at)
    }

    /// What the deadline is for.
    pub fn waiting_for(&self) -> Option<(Wait, Duration)> {
        self.wait
    }

    /// Whether anything sent is unacknowledged.
    pub fn in_flight(&self) -> bool {
        !self.flight.is_empty()
    }

    /// How many segments are unacknowledged.
    pub fn segments_in_flight(&self) -> usize {
        self.flight.len()
    }

    /// Whether a tail-loss probe is under way.
    pub fn tail_probed(&self) -> bool {
        self.tail_probed
    }

    /// The first sequence number that is not acknowledged.
    pub fn first_unacknowledged(&self) -> u32 {
        self.una
    }

    /// The highest sequence number sent, plus one.
    pub fn next_seq(&self) -> u32 {
        self.max
    }

    /// A segment that takes sequence space was sent. Returns whether any of it was sent before.
    pub fn sent(&mut self, now: Duration, segment: &Segment) -> bool {
        let first = self.flight.is_empty() && self.max == 0 && self.una == 0;
        if first || (self.flight.is_empty() && !before(segment.seq, self.max)) {
            self.una = segment.seq;
            if first {
                self.max = segment.seq;
            }
        }
        let again = before(segment.seq, self.max);
        for sent in &mut self.flight {
            if before(segment.seq, sent.end) && !before(segment.end(), sent.end) {
                sent.at = now;
                sent.again = true;
            }
        }
        if first && self.phase == Phase::Connecting {
            // A SYN's time is counted from its first transmission (tcp_connect() sets retrans_stamp), not from the second.
            self.first_again = Some(now);
        }
        if before(self.max, segment.end()) {
            self.max = segment.end();
            self.flight.push_back(Sent { end: segment.end(), at: now, again });
            // New data starts the timer, or pushes the loss probe back; a running timeout stays (RFC 6298 5.1).
            match self.wait {
                Some((Wait::Retransmission, _)) => {}
                _ => self.arm(now),
            }
        }
        again
    }

    /// What is under way was sent again, for another reason than a timeout: the timeout begins anew.
    pub fn restart(&mut self, now: Duration) {
        self.tail_probed = false;
        let timeout = self.rtt.timeout_backed_off(self.backoff);
        self.wait = Some((Wait::Retransmission, self.fires_at(now, timeout)));
    }

    /// An acknowledgement arrived. Returns whether it acknowledged anything new.
    pub fn acknowledged(&mut self, now: Duration, ack: u32) -> bool {
        self.probes_unanswered = 0;
        if let Some((Wait::WindowProbe, _)) = self.wait {
            // An answer to a probe: the pause to the next one begins with it (tcp_ack_probe()).
            let delay = self.clamp(now, self.rtt.timeout_backed_off(self.backoff), self.first_probe);
            self.wait = Some((Wait::WindowProbe, self.fires_at(now, delay)));
        }
        if self.flight.is_empty() || !before(self.una, ack) || before(self.max, ack) {
            return false;
        }
        self.una = ack;
        let mut sample = None;
        let mut ambiguous = false;
        while self.flight.front().is_some_and(|s| !before(ack, s.end)) {
            // Karn: a segment sent twice measures nothing (RFC 6298 section 3).
            let sent = self.flight.pop_front().expect("front() was Some");
            ambiguous |= sent.again;
            sample.get_or_insert(now.saturating_sub(sent.at));
        }
        if let (Some(sample), false) = (sample, ambiguous) {
            self.rtt.measure(sample, ack, self.max);
        }
        self.progress();
        // RFC 6298 5.2, 5.3: all acknowledged stops the timer, progress restarts it.
        if self.flight.is_empty() {
            self.wait = None;
        } else {
            self.arm(now);
        }
        true
    }

    /// The handshake is over.
    pub fn established(&mut self) {
        self.phase = Phase::Open;
    }

    /// Data wait behind a closed window and nothing is under way (`true`), or no longer so.
    pub fn window_closed(&mut self, now: Duration, closed: bool) {
        match (closed, self.wait) {
            (true, None) => {
                let delay = self.rtt.timeout_backed_off(self.backoff);
                self.wait = Some((Wait::WindowProbe, self.fires_at(now, delay)));
            }
            (false, Some((Wait::WindowProbe, _))) => {
                self.wait = None;
                self.progress();
            }
            _ => {}
        }
    }

    /// The deadline has come: what to do. The timer is armed anew.
    pub fn fire(&mut self, now: Duration) -> OnTimeout {
        let Some((wait, _)) = self.wait.take() else {
            return OnTimeout::GiveUp;
        };
        match wait {
            Wait::LossProbe => {
                // After the probe a full timeout (tcp_send_loss_probe() -> tcp_rearm_rto()).
                self.restart(now);
                self.tail_probed = true;
                OnTimeout::ProbeTail
            }
            Wait::Retransmission => self.timed_out(now),
            Wait::WindowProbe => {
                let since = *self.first_probe.get_or_insert(now);
                let gave_up = self.user_timeout.is_some_and(|limit| now - since >= limit && now > since);
                let limit = if self.orphan { self.sysctls.orphan_limit() } else { self.sysctls.retries2 };
                if gave_up || self.probes_unanswered >= limit {
                    return OnTimeout::GiveUp;
                }
                self.probes_unanswered += 1;
                self.backoff += 1;
                let delay = self.clamp(now, self.rtt.timeout_backed_off(self.backoff), Some(since));
                self.wait = Some((Wait::WindowProbe, self.fires_at(now, delay)));
                OnTimeout::ProbeWindow
            }
        }
    }

    fn timed_out(&mut self, now: Duration) -> OnTimeout {
        if self.expired(now) {
            return OnTimeout::GiveUp;
        }
        self.tail_probed = false;
        self.timeouts += 1;
        let since = *self.first_again.get_or_insert(now);
        // A SYN's first retransmissions come one a second (tcp_syn_linear_timeouts).
        let linear = self.phase == Phase::Connecting
            && self.sysctls.timers == TimerPolicy::Linux
            && self.timeouts <= self.sysctls.syn_linear_timeouts;
        if !linear {
            self.backoff += 1;
        }
        let delay = self.clamp(now, self.rtt.timeout_backed_off(self.backoff), Some(since));
        self.wait = Some((Wait::Retransmission, self.fires_at(now, delay)));
        OnTimeout::Retransmit
    }

    /// Linux's tcp_write_timeout(): have there been enough retransmissions, or enough time for them?
    fn expired(&self, now: Duration) -> bool {
        let linear = match self.sysctls.timers {
            TimerPolicy::Linux => self.sysctls.syn_linear_timeouts,
            TimerPolicy::Rfc6298 => 0,
        };
        let (retries, most, base) = match self.phase {
            Phase::Connecting => {
                let retries = self.sysctls.syn_retries;
                (retries, Some(retries + linear), INITIAL_RTO)
            }
            Phase::Accepting => {
                // A half-open request is dropped after its retries, whatever the clock says.
                return self.timeouts >= self.sysctls.synack_retries;
            }
            Phase::Open if self.orphan => (self.sysctls.orphan_limit(), None, self.sysctls.rto_min),
            Phase::Open => (self.sysctls.retries2, None, self.sysctls.rto_min),
        };
        if most.is_some_and(|most| self.timeouts >= most) {
            return true;
        }
        if self.sysctls.timers == TimerPolicy::Rfc6298 {
            // RFC 9293 section 3.8.3 leaves the limit open; ours is the same number of retransmissions.
            let patience = self.user_timeout.zip(self.first_again);
            return self.timeouts >= retries || patience.is_some_and(|(limit, since)| now - since >= limit);
        }
        let Some(since) = self.first_again else {
            return false;
        };
        let limit = self.user_timeout.unwrap_or_else(|| model_timeout(retries, base, self.sysctls.rto_max));
        now - since >= limit
    }

    /// tcp_clamp_rto_to_user_timeout(): do not sleep past the user timeout.
    fn clamp(&self, now: Duration, delay: Duration, since: Option<Duration>) -> Duration {
        match (self.user_timeout, since) {
            (Some(limit), Some(since)) => {
                let left = (since + limit).saturating_sub(now).max(Duration::from_millis(1));
                delay.min(left)
            }
            _ => delay,
        }
    }

    fn progress(&mut self) {
        self.tail_probed = false;
        self.backoff = 0;
        self.timeouts = 0;
        self.first_again = None;
        self.first_probe = None;
        self.probes_unanswered = 0;
    }

    fn arm(&mut self, now: Duration) {
        let timeout = self.rtt.timeout_backed_off(self.backoff);
        let probing = self.sysctls.timers == TimerPolicy::Linux
            && self.sysctls.tail_loss_probe
            && self.phase == Phase::Open
            && self.timeouts == 0;
        // tcp_schedule_loss_probe(): two round trips and a margin, but no later than the timeout itself.
        let probe = self.rtt.smoothed().filter(|_| probing).map(|srtt| {
            let margin = if self.flight.len() == 1 { self.sysctls.rto_min } else { TIMEOUT_MIN };
            let oldest = self.flight.front().map_or(now, |s| s.at);
            (srtt * 2 + margin).min((oldest + timeout).saturating_sub(now).max(Duration::from_millis(1)))
        });
        self.wait = Some(match probe {
            Some(delay) => (Wait::LossProbe, self.fires_at(now, delay)),
            None => (Wait::Retransmission, self.fires_at(now, timeout)),
        });
    }

    fn fires_at(&self, now: Duration, delay: Duration) -> Duration {
        match self.sysctls.timers {
            TimerPolicy::Linux => wheel::fires_at(now, delay),
            TimerPolicy::Rfc6298 => now + delay,
        }
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
    use crate::packet::{Flags, TcpOptions};
    use bytes::Bytes;
    use std::net::{Ipv4Addr, SocketAddrV4};

    static DATA: [u8; 65_000] = [0; 65_000];

    fn segment(seq: u32, len: u32) -> Segment {
        let a = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1);
        Segment {
            src: a,
            dst: a,
            seq,
            ack: Some(1),
            flags: Flags { ack: true, ..Flags::default() },
            window: 100,
            options: TcpOptions::default(),
            data: Bytes::from_static(&DATA[..len as usize]),
        }
    }

    /// Sends a byte at `start` after `warm` exchanges with that round trip; returns the times it goes out again, then
    /// the time of giving up.
    fn ladder(sysctls: &Sysctls, rtt_ms: u64, user_timeout: Option<Duration>) -> (Vec<f64>, f64) {
        let mut t = Retransmit::new(sysctls, Phase::Open);
        t.user_timeout = user_timeout;
        let mut now = Duration::from_secs(1);
        let mut seq = 1000;
        for _ in 0..20 {
            t.sent(now, &segment(seq, 1));
            seq += 1;
            now += Duration::from_millis(rtt_ms);
            t.acknowledged(now, seq);
        }
        let start = now + Duration::from_millis(300);
        t.sent(start, &segment(seq, 1));
        let mut again = Vec::new();
        loop {
            let at = t.deadline().expect("the timer runs");
            let elapsed = (at - start).as_secs_f64();
            match t.fire(at) {
                OnTimeout::Retransmit | OnTimeout::ProbeTail => again.push(elapsed),
                OnTimeout::GiveUp => return (again, elapsed),
                OnTimeout::ProbeWindow => panic!("the window is open"),
            }
            t.sent(at, &segment(seq, 1));
        }
    }

    fn close(got: &[f64], measured: &[f64]) {
        assert!(got.len() >= measured.len(), "{got:?}");
        for (g, m) in got.iter().zip(measured) {
            assert!((g - m).abs() <= 0.05 + 0.09 * m, "{g} against Linux's {m}: {got:?}");
        }
    }

    #[test]
    fn the_linux_ladder_is_the_measured_one() {
        let (rtt0, end) = ladder(&Sysctls::default(), 0, None);
        close(&rtt0, &[0.206, 0.414, 0.846, 1.678, 3.342, 6.671, 13.326, 26.638, 53.774, 107.026, 213.518]);
        close(&[end], &[938.51]);
        let (rtt100, _) = ladder(&Sysctls::default(), 100, None);
        close(&rtt100, &[0.332, 0.648, 1.288, 2.54, 5.001, 10.12, 20.104, 41.096, 82.056]);
    }

    #[test]
    fn without_the_loss_probe_the_second_transmission_is_the_timeout_itself() {
        let (got, _) = ladder(&Sysctls { tail_loss_probe: false, ..Sysctls::default() }, 100, None);
        close(&got, &[0.313, 0.958, 2.205, 4.702, 9.818, 19.806]);
    }

    #[test]
    fn rfc6298_doubles_from_one_second_exactly() {
        let (got, _) = ladder(&Sysctls { timers: TimerPolicy::Rfc6298, ..Sysctls::default() }, 50, None);
        assert_eq!(&got[..8], &[1.0, 3.0, 7.0, 15.0, 31.0, 63.0, 123.0, 183.0]);
    }

    #[test]
    fn the_user_timeout_counts_from_the_first_retransmission() {
        let (_, end) = ladder(&Sysctls::default(), 0, Some(Duration::from_secs(10)));
        close(&[end], &[10.458]);
    }

    #[test]
    fn fewer_retries_give_up_sooner() {
        let (_, end) = ladder(&Sysctls { retries2: 5, ..Sysctls::default() }, 0, None);
        close(&[end], &[13.275]);
    }

    #[test]
    fn a_syn_is_sent_again_one_a_second_then_doubling() {
        let mut t = Retransmit::new(&Sysctls::default(), Phase::Connecting);
        let mut syn = segment(7, 0);
        syn.flags.syn = true;
        t.sent(Duration::ZERO, &syn);
        let mut times = Vec::new();
        let end = loop {
            let at = t.deadline().expect("the timer runs");
            if t.fire(at) == OnTimeout::GiveUp {
                break at;
            }
            t.sent(at, &syn);
            times.push(at.as_secs_f64());
        };
        close(&times, &[1.009, 2.033, 3.057, 4.081, 5.105, 7.121, 11.217, 19.409, 35.537, 69.585]);
        close(&[end.as_secs_f64()], &[135.122]);
    }

    #[test]
    fn with_two_retries_the_time_for_them_ends_it_before_their_number_does() {
        let mut t = Retransmit::new(&Sysctls { syn_retries: 2, ..Sysctls::default() }, Phase::Connecting);
        let mut syn = segment(7, 0);
        syn.flags.syn = true;
        t.sent(Duration::ZERO, &syn);
        let mut again = 0;
        let end = loop {
            let at = t.deadline().expect("the timer runs");
            if t.fire(at) == OnTimeout::GiveUp {
                break at;
            }
            t.sent(at, &syn);
            again += 1;
        };
        // Two linear retransmissions more would have been allowed (2 + 4), but 1 + 2 + 4 s are over.
        assert_eq!(again, 5);
        close(&[end.as_secs_f64()], &[7.129]);
    }

    #[test]
    fn the_pause_between_window_probes_begins_with_the_answer() {
        let mut t = Retransmit::new(&Sysctls::default(), Phase::Open);
        t.window_closed(Duration::ZERO, true);
        let at = t.deadline().expect("the timer runs");
        assert_eq!(t.fire(at), OnTimeout::ProbeWindow);
        let silent = t.deadline().expect("the timer runs");
        t.acknowledged(at + Duration::from_millis(500), 0);
        let answered = t.deadline().expect("the timer runs");
        assert!(answered >= silent + Duration::from_millis(400), "{silent:?} {answered:?}");
    }
}
