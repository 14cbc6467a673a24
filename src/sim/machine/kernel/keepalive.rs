//! Keepalive probes (RFC 9293 section 3.8.4), as Linux's `tcp_keepalive_timer()` runs them.

use std::time::Duration;

use crate::net::Keepalive;

/// What to do when the timer has fired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnSilence {
    /// Nothing: not silent for long enough, or data are under way.
    Nothing,
    /// Send a probe.
    Probe,
    /// Give the connection up, with a RST.
    GiveUp,
}

/// The keepalive timer of a connection.
///
/// Exact: Linux's is rounded by the timer wheel like every other (at two hours that is up to 131 s), but what
/// `tcp(7)` documents is idle + interval x count, and that is what this book measures.
#[derive(Debug)]
pub(super) struct KeepaliveTimer {
    options: Keepalive,
    at: Duration,
    pub unanswered: u32,
}

impl KeepaliveTimer {
    /// Starts counting at `last_heard`, the last arrival on the connection.
    pub fn new(options: Keepalive, last_heard: Duration) -> Self {
        Self { options, at: last_heard + options.idle, unanswered: 0 }
    }

    pub fn deadline(&self) -> Duration {
        self.at
    }

    /// The deadline has come. `busy`: data are unacknowledged or unsent, and keepalive does not run (claim X-08).
    pub fn fire(
        &mut self,
        now: Duration,
        last_heard: Duration,
        busy: bool,
        user_timeout: Option<Duration>,
    ) -> OnSilence {
        if busy {
            self.at = now + self.options.idle;
            return OnSilence::Nothing;
        }
        let silent = now - last_heard;
        if silent < self.options.idle {
            self.at = last_heard + self.options.idle;
            return OnSilence::Nothing;
        }
        // TCP_USER_TIMEOUT takes the place of the count (tcp(7)).
        let enough = match user_timeout {
            Some(limit) => silent >= limit && self.unanswered > 0,
            None => self.unanswered >= self.options.count,
        };
        if enough {
            return OnSilence::GiveUp;
        }
        self.unanswered += 1;
        self.at = now + self.options.interval;
        OnSilence::Probe
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probes(user_timeout: Option<Duration>) -> (Vec<u64>, u64) {
        let options = Keepalive { idle: Duration::from_secs(5), interval: Duration::from_secs(2), count: 3 };
        let mut t = KeepaliveTimer::new(options, Duration::ZERO);
        let mut probes = Vec::new();
        loop {
            let at = t.deadline();
            match t.fire(at, Duration::ZERO, false, user_timeout) {
                OnSilence::Probe => probes.push(at.as_secs()),
                OnSilence::GiveUp => return (probes, at.as_secs()),
                OnSilence::Nothing => {}
            }
        }
    }

    #[test]
    fn three_unanswered_probes_and_one_more_interval_end_it() {
        assert_eq!(probes(None), (vec![5, 7, 9], 11));
    }

    #[test]
    fn the_user_timeout_takes_the_place_of_the_count() {
        assert_eq!(probes(Some(Duration::from_secs(8))), (vec![5, 7], 9));
        assert_eq!(probes(Some(Duration::from_secs(20))).1, 21);
    }

    #[test]
    fn no_probe_while_data_are_unacknowledged() {
        let mut t = KeepaliveTimer::new(Keepalive::default(), Duration::ZERO);
        let at = t.deadline();
        assert_eq!(t.fire(at, Duration::ZERO, true, None), OnSilence::Nothing);
        assert_eq!(t.deadline(), at + Duration::from_secs(7200));
    }
}
