//! When an acknowledgement leaves: at once, with data, or after a while.

use std::time::Duration;

/// Linux's `TCP_MAX_QUICKACKS`.
pub(super) const MAX_QUICK: u32 = 16;
/// Linux's `TCP_DELACK_MAX`: no acknowledgement waits longer (RFC 1122 section 4.2.3.2 allows 500 ms).
const LONGEST: Duration = Duration::from_millis(200);
/// The most that a connection waits which was not seen to answer with data of its own (`tcp_send_delayed_ack()`: HZ/2).
const LONGEST_SILENT: Duration = Duration::from_millis(500);

/// The receiver's clockwork, after what Linux does in `tcp_event_data_recv()` and `tcp_send_delayed_ack()`: the first
/// segments of a connection, and of a burst after a pause, are acknowledged at once; a connection that answers with data
/// of its own is interactive ("pingpong"), and its acknowledgements wait for that data.
#[derive(Debug)]
pub(super) struct Acks {
    /// The shortest delay (`TCP_DELACK_MIN`), also the first estimate; zero: never wait.
    shortest: Duration,
    /// Something is to be acknowledged.
    pub owed: bool,
    /// It must not wait.
    pub now: bool,
    /// A segment that was not a full one arrived: whoever reads it may be waited for by the sender.
    pushed: u32,
    /// How many acknowledgements more leave at once.
    quick: u32,
    interactive: bool,
    /// How far apart segments arrive; `None`: no data yet (`icsk_ack.ato`).
    ato: Option<Duration>,
    pub last_data: Option<Duration>,
    /// The size of a full segment, as far as seen (`icsk_ack.rcv_mss`).
    pub segment_len: u32,
}

impl Acks {
    pub fn new(shortest: Duration) -> Self {
        Self {
            shortest,
            owed: false,
            now: false,
            pushed: 0,
            quick: 0,
            interactive: false,
            ato: None,
            last_data: None,
            // Linux's TCP_MSS_DEFAULT: the guess before anything has arrived.
            segment_len: 536,
        }
    }

    /// Data arrived.
    pub fn data_arrived(&mut self, now: Duration, len: u32, rto: Duration, window: u32) {
        self.owed = true;
        // tcp_measure_rcv_mss(): a segment as long as the longest is a full one.
        if len >= self.segment_len {
            self.segment_len = len.min(1460);
        } else {
            self.pushed = (self.pushed + 1).min(2);
        }
        let half = self.shortest / 2;
        self.ato = Some(match (self.ato, self.last_data) {
            (Some(ato), Some(last)) => {
                let gap = now.saturating_sub(last);
                if gap <= half {
                    ato / 2 + half
                } else if gap < ato {
                    (ato / 2 + gap).min(rto)
                } else {
                    if gap > rto {
                        // The sender has paused, and begins anew.
                        self.quicken(window, MAX_QUICK);
                    }
                    ato
                }
            }
            _ => {
                self.quicken(window, MAX_QUICK);
                self.shortest
            }
        });
        self.last_data = Some(now);
    }

    /// The next acknowledgements leave at once, for up to half a window of segments.
    fn quicken(&mut self, window: u32, most: u32) {
        let quick = match window / (2 * self.segment_len) {
            0 => 2,
            n => n.min(most),
        };
        self.quick = self.quick.max(quick);
    }

    /// The window grows with what arrives: another acknowledgement leaves at once (`tcp_grow_window()` sets the lowest bit
    /// of their number).
    pub fn window_grew(&mut self) {
        self.quick |= 1;
    }

    /// Something is out of order: the sender needs to know at once.
    pub fn urge(&mut self, window: u32) {
        self.quicken(window, MAX_QUICK);
        self.interactive = false;
        self.ato = Some(self.shortest);
        self.owed = true;
    }

    /// The receive buffer is half full: nothing is gained by haste.
    pub fn slow_down(&mut self) {
        self.quick = 0;
    }

    /// Whether acknowledgements leave at once just now.
    pub fn is_quick(&self) -> bool {
        self.shortest.is_zero() || (self.quick > 0 && !self.interactive)
    }

    /// Whether the read that emptied the buffer asks for an acknowledgement (`tcp_cleanup_rbuf()`).
    pub fn wants_one_after_reading(&self, emptied: bool) -> bool {
        self.owed && emptied && (self.pushed >= 2 || (self.pushed == 1 && !self.interactive))
    }

    /// How long an acknowledgement waits.
    pub fn delay(&self, srtt: Option<Duration>) -> Duration {
        // Nothing but a FIN has come: that is acknowledged with the next tick.
        let ato = self.ato.unwrap_or_default();
        if ato.is_zero() {
            return ato;
        }
        if ato <= self.shortest {
            return self.shortest;
        }
        let most = if self.interactive || self.pushed > 0 { LONGEST } else { LONGEST_SILENT };
        let most = srtt.map_or(most, |srtt| most.min(srtt.max(self.shortest)));
        ato.min(most).min(LONGEST)
    }

    /// The peer closes: what this side has to say may carry the acknowledgement (`tcp_fin()`).
    pub fn fin_arrived(&mut self) {
        self.owed = true;
        self.interactive = true;
    }

    /// It has waited in vain (`tcp_delack_timer_handler()`).
    pub fn waited(&mut self, rto: Duration) {
        if self.interactive {
            self.interactive = false;
            self.ato = Some(self.shortest);
        } else {
            self.ato = self.ato.map(|ato| (ato * 2).min(rto));
        }
    }

    /// Data of this side left: in time to count as an answer?
    pub fn data_sent(&mut self, now: Duration) {
        let (Some(last), Some(ato)) = (self.last_data, self.ato) else { return };
        if now.saturating_sub(last) < ato {
            self.interactive = true;
        }
    }

    /// An acknowledgement left, alone or with data.
    pub fn sent(&mut self) {
        (self.owed, self.now, self.pushed) = (false, false, 0);
        if self.quick > 0 {
            self.quick -= 1;
            if self.quick == 0 {
                self.ato = self.ato.map(|_| self.shortest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTO: Duration = Duration::from_millis(250);

    fn arrives(acks: &mut Acks, ms: u64) -> bool {
        acks.data_arrived(Duration::from_millis(ms), 100, RTO, 64_000);
        let at_once = acks.is_quick();
        if at_once {
            acks.sent();
        }
        at_once
    }

    #[test]
    fn a_silent_reader_acknowledges_a_trickle_at_once_and_a_talker_waits_for_its_own_data() {
        let mut acks = Acks::new(Duration::from_millis(40));
        assert!((1..100).all(|s| arrives(&mut acks, s * 1000)));
        assert!(arrives(&mut acks, 100_000));
        acks.data_sent(Duration::from_millis(100_001));
        assert!(!arrives(&mut acks, 101_000));
        assert_eq!(acks.delay(None), Duration::from_millis(40));
    }

    #[test]
    fn an_interactive_connection_that_waited_in_vain_once_waits_no_more_after_its_reads() {
        let mut acks = Acks::new(Duration::from_millis(40));
        arrives(&mut acks, 0);
        acks.data_sent(Duration::from_millis(1));
        acks.data_arrived(Duration::from_millis(100), 100, RTO, 64_000);
        assert!(!acks.wants_one_after_reading(true), "its own data may carry it");
        acks.waited(RTO);
        acks.sent();
        acks.data_arrived(Duration::from_millis(200), 100, RTO, 64_000);
        assert!(acks.wants_one_after_reading(true) && !acks.wants_one_after_reading(false));
    }

    #[test]
    fn a_growing_window_is_told_one_acknowledgement_longer() {
        let mut acks = Acks::new(Duration::from_millis(40));
        let quick = |acks: &mut Acks| (0..40).take_while(|n| arrives(acks, *n)).count();
        let plainly = quick(&mut acks);
        assert_eq!(plainly, 16, "half a window of segments, but no more than 16");
        acks.window_grew();
        acks.window_grew();
        assert_eq!(quick(&mut acks), 1, "the lowest bit is set, however often it grew");
    }
}
