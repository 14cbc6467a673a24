//! When an acknowledgement leaves: at once, with data, or after a while.

use std::time::Duration;

use super::sysctl::{Sysctls, TimerPolicy};
use super::wheel;

/// Linux's `TCP_MAX_QUICKACKS`.
const MAX_QUICK: u32 = 16;

/// The receiver's clockwork, after Linux's `tcp_event_data_recv()` and `tcp_send_delayed_ack()`: the first segments of
/// a connection, and of a burst after a pause, are acknowledged at once; a connection that answers with data of its own
/// is interactive, and its acknowledgements wait for that data.
#[derive(Debug)]
pub(super) struct AckTimer {
    policy: TimerPolicy,
    delay: Duration,
    at: Option<Duration>,
    quick: u32,
    interactive: bool,
    last_data: Option<Duration>,
}

impl AckTimer {
    pub fn new(sysctls: &Sysctls) -> Self {
        Self {
            policy: sysctls.timers,
            delay: sysctls.delayed_ack,
            at: None,
            quick: 0,
            interactive: false,
            last_data: None,
        }
    }

    pub fn deadline(&self) -> Option<Duration> {
        self.at
    }

    /// Data arrived. Returns whether to acknowledge at once.
    pub fn data_arrived(&mut self, now: Duration, rto: Duration) -> bool {
        if self.last_data.is_none_or(|last| now - last > rto) {
            self.quick = MAX_QUICK;
        }
        self.last_data = Some(now);
        let at_once = self.delay.is_zero()
            || (self.policy == TimerPolicy::Linux && self.quick > 0 && !self.interactive);
        if !at_once && self.at.is_none() {
            self.at = Some(match self.policy {
                TimerPolicy::Linux => wheel::fires_at(now, self.delay),
                TimerPolicy::Rfc6298 => now + self.delay,
            });
        }
        at_once
    }

    /// An acknowledgement left, alone or with data.
    pub fn sent(&mut self, now: Duration, with_data: bool) {
        self.at = None;
        self.quick = self.quick.saturating_sub(1);
        if with_data && self.last_data.is_some_and(|last| now - last < self.delay) {
            self.interactive = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_reader_acknowledges_a_trickle_at_once_and_a_talker_waits_for_its_own_data() {
        let mut acks = AckTimer::new(&Sysctls::default());
        let rto = Duration::from_millis(250);
        for s in 1..100 {
            assert!(acks.data_arrived(Duration::from_secs(s), rto));
            acks.sent(Duration::from_secs(s), false);
        }
        let now = Duration::from_secs(100);
        assert!(acks.data_arrived(now, rto));
        acks.sent(now + Duration::from_millis(1), true);
        assert!(!acks.data_arrived(Duration::from_secs(101), rto));
        assert_eq!(acks.deadline(), Some(Duration::from_millis(101_044)));
    }
}
