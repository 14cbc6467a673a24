//! The round-trip time of a connection, and the retransmission timeout that follows from it.

use std::time::Duration;

use super::sysctl::{Sysctls, TimerPolicy};

/// RFC 6298 section 2.1: RTO before the first measurement (also Linux's `TCP_TIMEOUT_INIT`).
pub(super) const INITIAL_RTO: Duration = Duration::from_secs(1);
/// RFC 6298 section 2.4: the smallest RTO.
const RFC6298_MIN_RTO: Duration = Duration::from_secs(1);

/// The resolution of Linux's timeouts.
const JIFFY_US: i64 = 4_000;

/// Smoothed round-trip time and its variation, in microseconds, as the policy keeps them.
#[derive(Debug, Clone)]
pub(super) struct Rtt {
    policy: TimerPolicy,
    rto_min_us: i64,
    cap: Duration,
    /// Eight times the smoothed round-trip time (Linux scales so; so do we, for both policies).
    srtt8_us: i64,
    /// Four times the mean deviation.
    mdev4_us: i64,
    /// Linux: the largest `mdev4_us` of this round trip.
    mdev4_max_us: i64,
    /// Linux: what is added to the round-trip time: at least `rto_min`.
    rttvar_us: i64,
    /// Linux: when this round trip ends, as a sequence number.
    round_ends: u32,
    measured: bool,
    /// The shortest round trip of late, and when it was measured.
    shortest: Option<(Duration, Duration)>,
}

/// Linux's `tcp_min_rtt_wlen`: the shortest round trip counts for so long.
const SHORTEST_COUNTS: Duration = Duration::from_secs(300);

impl Rtt {
    pub fn new(sysctls: &Sysctls) -> Self {
        Self {
            policy: sysctls.timers,
            rto_min_us: i64::try_from(sysctls.rto_min.as_micros()).unwrap_or(i64::MAX),
            cap: sysctls.rto_cap(),
            srtt8_us: 0,
            mdev4_us: 0,
            mdev4_max_us: 0,
            rttvar_us: 0,
            round_ends: 0,
            measured: false,
            shortest: None,
        }
    }

    /// Takes a measurement: an acknowledgement up to `acked` came `sample` after the segment was sent, while the
    /// sender had got to `next`.
    pub fn measure(&mut self, now: Duration, sample: Duration, acked: u32, next: u32) {
        if self.shortest.is_none_or(|(least, at)| sample <= least || now.saturating_sub(at) > SHORTEST_COUNTS)
        {
            self.shortest = Some((sample, now));
        }
        let sample_us = i64::try_from(sample.as_micros()).unwrap_or(i64::MAX / 16).max(1);
        if !self.measured {
            self.measured = true;
            self.srtt8_us = sample_us * 8;
            self.mdev4_us = sample_us * 2;
            self.rttvar_us = self.mdev4_us.max(self.rto_min_us);
            self.mdev4_max_us = self.rttvar_us;
            self.round_ends = next;
            return;
        }
        // RFC 6298 section 2.3, in the integer form of Linux's tcp_rtt_estimator().
        let error = sample_us - self.srtt8_us / 8;
        self.srtt8_us += error;
        let mut deviation = error.abs() - self.mdev4_us / 4;
        if error < 0 && deviation > 0 && self.policy == TimerPolicy::Linux {
            // A sudden improvement is no reason for a longer timeout.
            deviation /= 8;
        }
        self.mdev4_us += deviation;
        if self.mdev4_us > self.mdev4_max_us {
            self.mdev4_max_us = self.mdev4_us;
            self.rttvar_us = self.rttvar_us.max(self.mdev4_max_us);
        }
        // Once a round trip the variation may shrink, but not below rto_min.
        if !super::seq::before(acked, self.round_ends) {
            if self.mdev4_max_us < self.rttvar_us {
                self.rttvar_us -= (self.rttvar_us - self.mdev4_max_us) / 4;
            }
            self.round_ends = next;
            self.mdev4_max_us = self.rto_min_us;
        }
    }

    /// Whether any round trip was measured.
    pub fn is_measured(&self) -> bool {
        self.measured
    }

    /// The shortest round trip of late.
    pub fn shortest(&self) -> Option<Duration> {
        self.shortest.map(|(rtt, _)| rtt)
    }

    /// The smoothed round-trip time, once measured.
    pub fn smoothed(&self) -> Option<Duration> {
        self.measured.then(|| micros(self.srtt8_us / 8))
    }

    /// The retransmission timeout, without backoff.
    pub fn timeout(&self) -> Duration {
        if !self.measured {
            return INITIAL_RTO;
        }
        match self.policy {
            // In whole jiffies, and always one more: a real round trip is never exactly what its link takes
            // (measured: 204 ms at RTT 0, 224 at 20, 304 at 100).
            TimerPolicy::Linux => {
                let jiffies = (self.srtt8_us / 8 + self.rttvar_us) / JIFFY_US + 1;
                micros(jiffies * JIFFY_US).min(self.cap)
            }
            TimerPolicy::Rfc6298 => {
                micros(self.srtt8_us / 8 + self.mdev4_us).clamp(RFC6298_MIN_RTO, self.cap)
            }
        }
    }
}

fn micros(us: i64) -> Duration {
    Duration::from_micros(us.max(0).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(samples: &[u64], timers: TimerPolicy) -> Duration {
        let mut rtt = Rtt::new(&Sysctls { timers, ..Sysctls::default() });
        for (i, ms) in (1u32..).zip(samples) {
            rtt.measure(Duration::ZERO, Duration::from_millis(*ms), i, i);
        }
        rtt.timeout()
    }

    #[test]
    fn linux_waits_two_hundred_milliseconds_longer_than_the_round_trip() {
        assert_eq!(after(&[100; 20], TimerPolicy::Linux), Duration::from_millis(304));
        assert_eq!(after(&[20; 20], TimerPolicy::Linux), Duration::from_millis(224));
    }

    #[test]
    fn rfc6298_waits_at_least_a_second() {
        assert_eq!(after(&[20; 20], TimerPolicy::Rfc6298), Duration::from_secs(1));
        // One measurement R: SRTT = R, RTTVAR = R/2, RTO = SRTT + 4 RTTVAR = 3 R.
        assert_eq!(after(&[500], TimerPolicy::Rfc6298), Duration::from_millis(1500));
    }
}
