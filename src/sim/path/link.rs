//! What a link does to a packet: one small verdict.
//!
//! The faults of a run are known before it starts, so that a link's state is a function of time, and the verdict over a
//! packet a function of the time at which it is sent and of the link's own random numbers. Nothing here depends on the
//! engine, nor on which host happens to run first.

use std::time::Duration;

use rand::{Rng as _, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::parameter::{BitRate, ByteSize, Probability};

/// What a link is like, in one direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// How long a packet takes, apart from waiting for the line.
    pub one_way: Duration,
    /// Up to this much longer, uniformly. Packets do not overtake each other by it.
    pub jitter: Duration,
    /// How many packets get lost.
    pub loss: Probability,
    /// How many packets arrive twice.
    pub duplicate: Probability,
    /// How many packets are delayed by another `one_way`, and overtaken.
    pub reorder: Probability,
    /// The line rate; `None`: a packet takes no time to be sent.
    pub rate: Option<BitRate>,
    /// How many bytes may wait for the line; those that find the queue full are lost.
    pub queue: ByteSize,
}

impl Default for Quality {
    fn default() -> Self {
        Self {
            one_way: Duration::from_millis(25),
            jitter: Duration::ZERO,
            loss: Probability(0.0),
            duplicate: Probability(0.0),
            reorder: Probability(0.0),
            rate: None,
            queue: ByteSize(256 << 10),
        }
    }
}

/// Something that is wrong with a link for a while.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::sim) enum Trouble {
    /// What enters is lost.
    Partition,
    /// What enters stays until the end of it.
    Hold,
    /// Other numbers; `None`: as they were.
    Loss(Probability),
    Latency {
        one_way: Duration,
        jitter: Duration,
    },
    Rate {
        rate: BitRate,
        queue: ByteSize,
    },
    Duplicate(Probability),
    Reorder(Probability),
}

/// A trouble and when.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::sim) struct Window {
    pub from: Duration,
    /// `None`: for ever.
    pub until: Option<Duration>,
    pub trouble: Trouble,
}

impl Window {
    fn covers(&self, at: Duration) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }
}

/// What becomes of a packet.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::sim) enum Verdict {
    /// It dies, for that reason.
    Lost(&'static str),
    /// It arrives at that time, and perhaps once more.
    Arrives(Duration, Option<Duration>),
    /// It is never seen again, though not lost: held by a link that is never released.
    Held,
}

/// One direction of a link.
#[derive(Debug)]
pub(in crate::sim) struct Direction {
    pub quality: Quality,
    pub troubles: Vec<Window>,
    rng: ChaCha8Rng,
    /// When the line is free again.
    free_at: Duration,
    /// When the last packet arrives, for first in, first out.
    last_arrival: Duration,
}

impl Direction {
    pub fn new(quality: Quality, seed: u64) -> Self {
        Self {
            quality,
            troubles: Vec::new(),
            rng: ChaCha8Rng::seed_from_u64(seed),
            free_at: Duration::ZERO,
            last_arrival: Duration::ZERO,
        }
    }

    /// Judges a packet of `length` bytes that enters at `now`.
    pub fn judge(&mut self, now: Duration, length: usize) -> Verdict {
        let mut quality = self.quality;
        let mut released = now;
        // Whatever happens, a packet draws the same random numbers, so that one fault does not shift all later chances.
        let [lost, twice, late] = std::array::from_fn(|_| self.rng.random::<f64>());
        let jitter = self.rng.next_u32();
        for window in &self.troubles {
            if !window.covers(now) {
                continue;
            }
            match window.trouble {
                Trouble::Partition => return Verdict::Lost("partition"),
                Trouble::Hold => match window.until {
                    Some(until) => released = released.max(until),
                    None => return Verdict::Held,
                },
                Trouble::Loss(p) => quality.loss = p,
                Trouble::Latency { one_way, jitter } => (quality.one_way, quality.jitter) = (one_way, jitter),
                Trouble::Rate { rate, queue } => (quality.rate, quality.queue) = (Some(rate), queue),
                Trouble::Duplicate(p) => quality.duplicate = p,
                Trouble::Reorder(p) => quality.reorder = p,
            }
        }
        if lost < quality.loss.0 {
            return Verdict::Lost("loss");
        }
        let Some(departs) = self.line(released, length, &quality) else {
            return Verdict::Lost("queue full");
        };
        let jitter = quality.jitter.mul_f64(f64::from(jitter) / f64::from(u32::MAX));
        let mut arrives = departs + quality.one_way + micros(jitter);
        if late < quality.reorder.0 {
            arrives += quality.one_way;
        } else {
            arrives = arrives.max(self.last_arrival);
            self.last_arrival = arrives;
        }
        Verdict::Arrives(arrives, (twice < quality.duplicate.0).then_some(arrives))
    }

    /// When the last bit of a packet is on the line; `None` when the queue before it is full.
    fn line(&mut self, now: Duration, length: usize, quality: &Quality) -> Option<Duration> {
        let Some(BitRate(rate)) = quality.rate.filter(|r| r.0 > 0) else {
            return Some(now);
        };
        let waiting = self.free_at.saturating_sub(now);
        let waiting_bytes = waiting.as_micros() * u128::from(rate) / 8_000_000;
        if waiting_bytes > u128::from(quality.queue.0) {
            return None;
        }
        let bits = u64::try_from(length).unwrap_or(u64::MAX).saturating_mul(8);
        let takes = Duration::from_micros(bits.saturating_mul(1_000_000).div_ceil(rate));
        self.free_at = self.free_at.max(now) + takes;
        Some(self.free_at)
    }
}

/// Cut to whole microseconds, the resolution of every trace.
fn micros(d: Duration) -> Duration {
    Duration::from_micros(u64::try_from(d.as_micros()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn arrival(verdict: Verdict) -> Duration {
        match verdict {
            Verdict::Arrives(at, _) => at,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_slow_line_makes_packets_wait_for_each_other() {
        // 1 Mbit/s: 1,500 bytes take 12 ms.
        let quality = Quality { rate: Some(BitRate(1_000_000)), ..Quality::default() };
        let mut link = Direction::new(quality, 1);
        let arrivals: Vec<_> = (0..3).map(|_| arrival(link.judge(MS(0), 1500))).collect();
        assert_eq!(arrivals, [MS(37), MS(49), MS(61)]);
    }

    #[test]
    fn a_full_queue_loses_what_comes_next() {
        let quality = Quality { rate: Some(BitRate(8_000)), queue: ByteSize(2000), ..Quality::default() };
        let mut link = Direction::new(quality, 1);
        let verdicts: Vec<_> = (0..4).map(|_| link.judge(MS(0), 1500)).collect();
        assert!(matches!(verdicts[1], Verdict::Arrives(..)));
        assert_eq!(verdicts[2], Verdict::Lost("queue full"));
        // A second later 1,000 of the 3,000 bytes are gone: there is room again.
        assert!(matches!(link.judge(MS(1000), 1500), Verdict::Arrives(..)));
    }

    #[test]
    fn a_partition_takes_what_enters_and_leaves_what_is_under_way() {
        let mut link = Direction::new(Quality::default(), 1);
        link.troubles.push(Window { from: MS(10), until: Some(MS(20)), trouble: Trouble::Partition });
        assert_eq!(arrival(link.judge(MS(9), 40)), MS(34));
        assert_eq!(link.judge(MS(10), 40), Verdict::Lost("partition"));
        assert_eq!(arrival(link.judge(MS(20), 40)), MS(45));
    }

    #[test]
    fn a_hold_keeps_packets_and_their_order() {
        let mut link = Direction::new(Quality::default(), 1);
        link.troubles.push(Window { from: MS(10), until: Some(MS(100)), trouble: Trouble::Hold });
        let arrivals: Vec<_> = [0, 10, 50, 110].map(|t| arrival(link.judge(MS(t), 40))).into();
        assert_eq!(arrivals, [MS(25), MS(125), MS(125), MS(135)]);
    }

    #[test]
    fn jitter_does_not_reorder_and_reordering_does() {
        let quality = Quality { jitter: MS(20), ..Quality::default() };
        let mut link = Direction::new(quality, 7);
        let arrivals: Vec<_> = (0..200).map(|t| arrival(link.judge(MS(t), 40))).collect();
        assert!(arrivals.is_sorted());
        let mut link = Direction::new(Quality { reorder: Probability(0.2), ..Quality::default() }, 7);
        let arrivals: Vec<_> = (0..200).map(|t| arrival(link.judge(MS(t), 40))).collect();
        assert!(!arrivals.is_sorted());
    }

    #[test]
    fn loss_comes_as_often_as_it_should_and_with_the_seed() {
        let count = |seed| {
            let mut link = Direction::new(Quality { loss: Probability(0.3), ..Quality::default() }, seed);
            (0..10_000).filter(|_| link.judge(MS(0), 40) == Verdict::Lost("loss")).count()
        };
        assert!((2_800..3_200).contains(&count(1)));
        assert_eq!(count(1), count(1));
        assert_ne!(count(1), count(2));
    }
}
