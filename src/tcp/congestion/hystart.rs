//! HyStart as Linux's CUBIC has it: slow start ends when a train of acknowledgements, or a growing delay, says that the
//! path is full (Ha and Rhee 2011; tcp_cubic.c `hystart_update`).

use std::time::Duration;

/// Below this window slow start is left alone (hystart_low_window); its rounds are counted all the same, as measured.
const LOW_WINDOW: u32 = 16;
/// Acknowledgements closer than this to one another are one train (hystart_ack_delta_us).
const TRAIN_GAP: Duration = Duration::from_millis(2);
/// Round trips looked at in a round before its fastest is judged (HYSTART_MIN_SAMPLES).
const SAMPLES: u32 = 8;
/// A delay has grown when it is an eighth above the fastest, but at least and at most this much
/// (HYSTART_DELAY_MIN, HYSTART_DELAY_MAX).
const DELAY_MARGIN: (Duration, Duration) = (Duration::from_millis(4), Duration::from_millis(16));
/// What Linux grants an aggregating receiver on top of the fastest round trip, at most: four of the largest bursts at
/// the pacing rate (hystart_ack_delay). It is less only above some 2 Gbit/s.
const ACK_DELAY: Duration = Duration::from_millis(1);

/// One round of slow start, from a segment to its acknowledgement.
#[derive(Debug, Clone, Default)]
pub(super) struct HyStart {
    found: bool,
    round: Option<Round>,
}

#[derive(Debug, Clone)]
struct Round {
    start: Duration,
    /// The round ends when this sequence number is passed.
    end: u32,
    last_in_train: Duration,
    fastest: Option<Duration>,
    samples: u32,
}

impl HyStart {
    /// Whether this round trip, the last of those whose fastest is `fastest`, ends slow start.
    pub(super) fn ends_slow_start(
        &mut self,
        now: Duration,
        rtt: Duration,
        fastest: Duration,
        window: u32,
        una: u32,
        nxt: u32,
    ) -> bool {
        if self.found {
            return false;
        }
        let over = |round: &Round| (una.wrapping_sub(round.end) as i32) > 0;
        let round = match &mut self.round {
            Some(round) if !over(round) => round,
            round => {
                round.insert(Round { start: now, end: nxt, last_in_train: now, fastest: None, samples: 0 })
            }
        };
        if window < LOW_WINDOW {
            return false;
        }
        self.found = round.train_is_long(now, fastest) | round.delay_has_grown(rtt, fastest);
        self.found
    }
}

impl Round {
    /// A train of acknowledgements that lasts half a round trip: its segments fill the path one way.
    fn train_is_long(&mut self, now: Duration, fastest: Duration) -> bool {
        if now.saturating_sub(self.last_in_train) > TRAIN_GAP {
            return false;
        }
        self.last_in_train = now;
        // Without pacing the acknowledgements come as tightly as the segments left, so half is enough.
        now.saturating_sub(self.start) > (fastest + ACK_DELAY) / 2
    }

    /// The fastest of this round's first round trips is clearly above the fastest of all.
    fn delay_has_grown(&mut self, rtt: Duration, fastest: Duration) -> bool {
        let of_round = self.fastest.map_or(rtt, |of_round| of_round.min(rtt));
        self.fastest = Some(of_round);
        if self.samples < SAMPLES {
            self.samples += 1;
            return false;
        }
        let (least, most) = DELAY_MARGIN;
        of_round > fastest + (fastest / 8).clamp(least, most)
    }
}
