//! The heartbeat: asks a silent peer for a sign of life, and gives it up when none comes.
//!
//! The monitor owns no clock and no connection; it is told when something was received, and asked what to do. Two
//! rules:
//!
//! - It counts from the last thing *received*, whatever it was, so that a busy connection needs no pings. What
//!   was *sent* is no sign of life: a dead path swallows it.
//! - The timeout runs from the decision to ask, not from the moment at which the connection takes the ping. A
//!   connection whose buffers are full may never take it.
//!
//! So the verdict comes within `interval` + `timeout` of the last sign of life, as long as this side gets to run.

use std::time::Duration;

use tokio::time::Instant;

use crate::parameter::{hours, ms, secs};

crate::parameters! {
    /// How a peer is asked for signs of life.
    #[derive(Copy)]
    pub struct Heartbeat {
        /// Silence before the peer is asked for a sign of life.
        interval: Duration = secs(30), in ms(1)..=hours(24);
        /// How long it may take to give one before it is declared dead.
        timeout: Duration = secs(15), in ms(1)..=hours(24);
    }
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Send a ping, then ask again.
    SendPing,
    /// Nothing before this time, unless something is received.
    Wait(Instant),
    /// Give the peer up: nothing was heard of it for so long. Asked again, the monitor says so again.
    Dead {
        /// Since its last sign of life.
        silence: Duration,
    },
}

/// The state of one heartbeat.
#[derive(Debug, Clone)]
pub struct Monitor {
    heartbeat: Heartbeat,
    received: Instant,
    /// When it was decided to ask, if nothing was received since.
    asked: Option<Instant>,
}

impl Monitor {
    /// A monitor for a connection that is open from `now` on; being open is a sign of life.
    pub fn new(heartbeat: Heartbeat, now: Instant) -> Self {
        Self { heartbeat, received: now, asked: None }
    }

    /// Something of the peer was received.
    pub fn on_received(&mut self, now: Instant) {
        self.received = now;
        self.asked = None;
    }

    /// What to do. Everything that has been received by `now` should have been told before: after a stall of this
    /// side, the peer's answer may have been waiting for long.
    pub fn poll(&mut self, now: Instant) -> Action {
        match self.asked {
            None => {
                let due = self.received + self.heartbeat.interval;
                if now < due {
                    return Action::Wait(due);
                }
                self.asked = Some(now);
                Action::SendPing
            }
            Some(asked) => {
                let due = asked + self.heartbeat.timeout;
                if now < due {
                    return Action::Wait(due);
                }
                Action::Dead { silence: now - self.received }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn monitor() -> (Monitor, Instant) {
        let start = Instant::now();
        (Monitor::new(Heartbeat { interval: secs(30), timeout: secs(15) }, start), start)
    }

    #[test]
    fn a_silent_peer_is_asked_after_the_interval_and_dead_after_the_timeout() {
        let (mut m, start) = monitor();
        assert_eq!(m.poll(start), Action::Wait(start + secs(30)));
        assert_eq!(m.poll(start + ms(29_999)), Action::Wait(start + secs(30)));
        assert_eq!(m.poll(start + secs(30)), Action::SendPing);
        assert_eq!(m.poll(start + secs(30)), Action::Wait(start + secs(45)));
        assert_eq!(m.poll(start + ms(44_999)), Action::Wait(start + secs(45)));
        assert_eq!(m.poll(start + secs(45)), Action::Dead { silence: secs(45) });
        assert_eq!(m.poll(start + secs(46)), Action::Dead { silence: secs(46) });
    }

    #[test]
    fn a_talking_peer_is_never_asked() {
        let (mut m, start) = monitor();
        for n in 1..1000 {
            let now = start + secs(29) * n;
            assert!(matches!(m.poll(now), Action::Wait(_)));
            m.on_received(now);
        }
    }

    #[test]
    fn any_message_is_a_sign_of_life_not_only_the_pong() {
        let (mut m, start) = monitor();
        assert_eq!(m.poll(start + secs(30)), Action::SendPing);
        m.on_received(start + secs(44));
        assert_eq!(m.poll(start + secs(45)), Action::Wait(start + secs(74)));
    }

    #[test]
    fn one_ping_is_asked_for_not_one_a_poll() {
        let (mut m, start) = monitor();
        assert_eq!(m.poll(start + secs(30)), Action::SendPing);
        for s in 30..45 {
            assert_ne!(m.poll(start + secs(s)), Action::SendPing);
        }
    }

    #[test]
    fn after_a_stall_of_its_own_it_asks_before_it_judges() {
        let (mut m, start) = monitor();
        // It should have asked at 30 s, and would have judged at 45 s; it got to run at 100 s.
        assert_eq!(m.poll(start + secs(100)), Action::SendPing);
        assert_eq!(m.poll(start + secs(100)), Action::Wait(start + secs(115)));
    }

    #[test]
    fn an_answer_that_waited_out_a_stall_counts() {
        let (mut m, start) = monitor();
        assert_eq!(m.poll(start + secs(30)), Action::SendPing);
        m.on_received(start + secs(100));
        assert_eq!(m.poll(start + secs(100)), Action::Wait(start + secs(130)));
    }
}
