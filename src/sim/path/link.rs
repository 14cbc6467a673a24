//! What a link does to a packet: one small verdict.
//!
//! The faults of a run are known before it starts, so that a link's state is a function of time, and the verdict over a
//! packet a function of the time at which it is sent and of the link's own random numbers. Nothing here depends on the
//! engine, nor on which host happens to run first.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rand::{Rng as _, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::rejecting::Budget;
use crate::parameter::{BitRate, ByteSize, Probability, micros};
use crate::sim::fault::SegmentKind;

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
#[derive(Debug, Clone)]
pub(in crate::sim) enum Trouble {
    /// What enters is lost.
    Partition,
    /// What enters is turned away by the router at the other end, which says so.
    Reject,
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
    /// The next packets of that kind are lost. How many is shared by all paths between two machines, one way.
    LoseNext {
        kind: SegmentKind,
        left: Arc<AtomicU32>,
    },
}

/// A trouble and when.
#[derive(Debug, Clone)]
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
    quality: Quality,
    /// In the order of their beginnings: where they contradict each other the last one stands.
    troubles: Vec<Window>,
    rng: ChaCha8Rng,
    /// When the line is free again.
    free_at: Duration,
    /// When the last packet arrives, for first in, first out.
    last_arrival: Duration,
    /// What the router at its end may say of packets that it turns away.
    pub(super) messages: Budget,
}

impl Direction {
    pub fn new(quality: Quality, mut troubles: Vec<Window>, seed: u64) -> Self {
        troubles.sort_by_key(|window| window.from);
        Self {
            quality,
            troubles,
            rng: ChaCha8Rng::seed_from_u64(seed),
            free_at: Duration::ZERO,
            last_arrival: Duration::ZERO,
            messages: Budget::FULL,
        }
    }

    /// Whether a packet that enters at `now`, and is not lost, is turned away at the end.
    pub fn rejects(&self, now: Duration) -> bool {
        let rejects = |window: &Window| matches!(window.trouble, Trouble::Reject) && window.covers(now);
        self.troubles.iter().any(rejects)
    }

    /// Judges a packet of `length` bytes that enters at `now`; `is` says of what kinds it is.
    pub fn judge(&mut self, now: Duration, length: usize, is: impl Fn(SegmentKind) -> bool) -> Verdict {
        // Whatever happens, a packet draws the same random numbers, so that one fault does not shift all later chances.
        let [lost, twice, late] = std::array::from_fn(|_| self.rng.random::<f64>());
        let jitter = self.rng.next_u32();
        let mut quality = self.quality;
        let mut partitioned = false;
        for window in self.troubles.iter().filter(|window| window.covers(now)) {
            match window.trouble {
                Trouble::Partition => partitioned = true,
                Trouble::Reject | Trouble::Hold | Trouble::LoseNext { .. } => {}
                Trouble::Loss(p) => quality.loss = p,
                Trouble::Latency { one_way, jitter } => (quality.one_way, quality.jitter) = (one_way, jitter),
                Trouble::Rate { rate, queue } => (quality.rate, quality.queue) = (Some(rate), queue),
                Trouble::Duplicate(p) => quality.duplicate = p,
                Trouble::Reorder(p) => quality.reorder = p,
            }
        }
        if partitioned {
            return Verdict::Lost("partition");
        }
        if self.is_next(now, is) {
            return Verdict::Lost("lose next");
        }
        let Some(released) = self.released(now) else {
            return Verdict::Held;
        };
        if lost < quality.loss.0 {
            return Verdict::Lost("loss");
        }
        let Some(departs) = self.line(released, length, &quality) else {
            return Verdict::Lost("queue full");
        };
        let one_way = micros(quality.one_way);
        let jitter = micros(quality.jitter).mul_f64(f64::from(jitter) / f64::from(u32::MAX));
        let mut arrives = departs.saturating_add(one_way).saturating_add(micros(jitter));
        if late < quality.reorder.0 {
            arrives = arrives.saturating_add(one_way);
        } else {
            arrives = arrives.max(self.last_arrival);
            self.last_arrival = arrives;
        }
        Verdict::Arrives(arrives, (twice < quality.duplicate.0).then_some(arrives))
    }

    /// Whether the packet is one of the next that are to be lost; then it is counted.
    fn is_next(&self, now: Duration, is: impl Fn(SegmentKind) -> bool) -> bool {
        self.troubles.iter().filter(|window| window.covers(now)).any(|window| match &window.trouble {
            Trouble::LoseNext { kind, left } => {
                is(*kind)
                    && left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok()
            }
            _ => false,
        })
    }

    /// When nothing holds the packet back any more; `None`: never. What is released into another hold waits for that one,
    /// too.
    fn released(&self, now: Duration) -> Option<Duration> {
        let mut at = now;
        let holds = |at| {
            let hold = |window: &&Window| matches!(window.trouble, Trouble::Hold) && window.covers(at);
            self.troubles.iter().find(hold)
        };
        while let Some(hold) = holds(at) {
            // Later than `at`, since the hold covers that: this comes to an end.
            at = hold.until?;
        }
        Some(at)
    }

    /// When the last bit of a packet is on the line; `None` when the queue before it is full.
    fn line(&mut self, now: Duration, length: usize, quality: &Quality) -> Option<Duration> {
        let Some(BitRate(rate)) = quality.rate.filter(|r| r.0 > 0) else {
            return Some(now);
        };
        let waiting = self.free_at.saturating_sub(now);
        let waiting_bytes = waiting.as_micros().saturating_mul(u128::from(rate)) / 8_000_000;
        if waiting_bytes > u128::from(quality.queue.0) {
            return None;
        }
        let bits = u64::try_from(length).unwrap_or(u64::MAX).saturating_mul(8);
        let takes = Duration::from_micros(bits.saturating_mul(1_000_000).div_ceil(rate));
        self.free_at = self.free_at.max(now).saturating_add(takes);
        Some(self.free_at)
    }
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

    fn like(quality: Quality, seed: u64) -> Direction {
        Direction::new(quality, Vec::new(), seed)
    }

    fn troubled<const N: usize>(troubles: [(u64, Option<u64>, Trouble); N]) -> Direction {
        let window = |(from, until, trouble): (u64, Option<u64>, Trouble)| Window {
            from: MS(from),
            until: until.map(MS),
            trouble,
        };
        Direction::new(Quality::default(), troubles.map(window).into(), 1)
    }

    fn latency(ms: u64) -> Trouble {
        Trouble::Latency { one_way: MS(ms), jitter: Duration::ZERO }
    }

    /// A segment with data.
    fn data(kind: SegmentKind) -> bool {
        matches!(kind, SegmentKind::Any | SegmentKind::Data)
    }

    /// A bare acknowledgement.
    fn ack(kind: SegmentKind) -> bool {
        matches!(kind, SegmentKind::Any | SegmentKind::Ack)
    }

    #[test]
    fn a_slow_line_makes_packets_wait_for_each_other() {
        // 1 Mbit/s: 1,500 bytes take 12 ms.
        let quality = Quality { rate: Some(BitRate(1_000_000)), ..Quality::default() };
        let mut link = like(quality, 1);
        let arrivals: Vec<_> = (0..3).map(|_| arrival(link.judge(MS(0), 1500, data))).collect();
        assert_eq!(arrivals, [MS(37), MS(49), MS(61)]);
    }

    #[test]
    fn a_full_queue_loses_what_comes_next() {
        let quality = Quality { rate: Some(BitRate(8_000)), queue: ByteSize(2000), ..Quality::default() };
        let mut link = like(quality, 1);
        let verdicts: Vec<_> = (0..4).map(|_| link.judge(MS(0), 1500, data)).collect();
        assert!(matches!(verdicts[1], Verdict::Arrives(..)));
        assert_eq!(verdicts[2], Verdict::Lost("queue full"));
        // A second later 1,000 of the 3,000 bytes are gone: there is room again.
        assert!(matches!(link.judge(MS(1000), 1500, data), Verdict::Arrives(..)));
    }

    #[test]
    fn a_partition_takes_what_enters_and_leaves_what_is_under_way() {
        let mut link = troubled([(10, Some(20), Trouble::Partition)]);
        assert_eq!(arrival(link.judge(MS(9), 40, data)), MS(34));
        assert_eq!(link.judge(MS(10), 40, data), Verdict::Lost("partition"));
        assert_eq!(arrival(link.judge(MS(20), 40, data)), MS(45));
    }

    #[test]
    fn what_is_rejected_goes_all_the_way_first() {
        let mut link = troubled([(10, Some(20), Trouble::Reject)]);
        assert_eq!([9, 10, 19, 20].map(|t| link.rejects(MS(t))), [false, true, true, false]);
        assert_eq!(arrival(link.judge(MS(10), 40, data)), MS(35));
    }

    #[test]
    fn a_hold_keeps_packets_and_their_order() {
        let mut link = troubled([(10, Some(100), Trouble::Hold)]);
        let arrivals: Vec<_> = [0, 10, 50, 110].map(|t| arrival(link.judge(MS(t), 40, data))).into();
        assert_eq!(arrivals, [MS(25), MS(125), MS(125), MS(135)]);
    }

    #[test]
    fn jitter_does_not_reorder_and_reordering_does() {
        let quality = Quality { jitter: MS(20), ..Quality::default() };
        let mut link = like(quality, 7);
        let arrivals: Vec<_> = (0..200).map(|t| arrival(link.judge(MS(t), 40, data))).collect();
        assert!(arrivals.is_sorted());
        let mut link = like(Quality { reorder: Probability(0.2), ..Quality::default() }, 7);
        let arrivals: Vec<_> = (0..200).map(|t| arrival(link.judge(MS(t), 40, data))).collect();
        assert!(!arrivals.is_sorted());
    }

    #[test]
    fn loss_comes_as_often_as_it_should_and_with_the_seed() {
        let count = |seed| {
            let mut link = like(Quality { loss: Probability(0.3), ..Quality::default() }, seed);
            (0..10_000).filter(|_| link.judge(MS(0), 40, data) == Verdict::Lost("loss")).count()
        };
        assert!((2_800..3_200).contains(&count(1)));
        assert_eq!(count(1), count(1));
        assert_ne!(count(1), count(2));
    }

    #[test]
    fn what_a_hold_releases_into_another_waits_for_that_one_too() {
        let hold = |from, until| (from, until, Trouble::Hold);
        let mut link = troubled([hold(90, Some(200)), hold(10, Some(100)), hold(200, Some(300))]);
        assert_eq!(arrival(link.judge(MS(20), 40, data)), MS(325));
        assert_eq!(troubled([hold(10, Some(100)), hold(50, None)]).judge(MS(20), 40, data), Verdict::Held);
    }

    #[test]
    fn of_two_latencies_the_one_that_began_last_holds_and_then_the_other_again() {
        // In a script they may stand in any order.
        let mut link = troubled([(200, Some(300), latency(200)), (100, Some(1000), latency(100))]);
        let arrivals: Vec<_> = [0, 150, 250, 500, 1000].map(|t| arrival(link.judge(MS(t), 40, data))).into();
        assert_eq!(arrivals, [MS(25), MS(250), MS(450), MS(600), MS(1025)]);
    }

    #[test]
    fn the_next_segments_that_match_are_lost_and_no_others() {
        let left = Arc::new(AtomicU32::new(2));
        let next = Trouble::LoseNext { kind: SegmentKind::Data, left: left.clone() };
        let mut link = troubled([(10, Some(100), next.clone())]);
        let lost = |verdict| verdict == Verdict::Lost("lose next");
        assert!(!lost(link.judge(MS(9), 40, data)), "not yet");
        assert!(!lost(link.judge(MS(10), 40, ack)), "not of that kind");
        assert!(lost(link.judge(MS(10), 40, data)));
        // The other path between the two machines counts with it.
        assert!(lost(troubled([(10, None, next)]).judge(MS(20), 40, data)));
        assert!(!lost(link.judge(MS(30), 40, data)), "two were to be lost");
        left.store(1, Ordering::Relaxed);
        assert!(!lost(link.judge(MS(100), 40, data)), "it is over");
    }

    #[test]
    fn a_fault_does_not_change_the_luck_of_other_packets() {
        let left = Arc::new(AtomicU32::new(3));
        let troubles = [
            (Trouble::Partition, "partition"),
            (Trouble::LoseNext { kind: SegmentKind::Any, left }, "lose next"),
            (Trouble::Hold, "hold"),
            (Trouble::Reject, "reject"),
        ];
        let quality = Quality { loss: Probability(0.5), ..Quality::default() };
        let fates = |link: &mut Direction| -> Vec<bool> {
            (0..50).map(|t| link.judge(MS(t), 40, data) == Verdict::Lost("loss")).skip(10).collect()
        };
        let expected = fates(&mut like(quality, 3));
        for (trouble, name) in troubles {
            let window = Window { from: MS(0), until: Some(MS(10)), trouble };
            assert_eq!(fates(&mut Direction::new(quality, vec![window], 3)), expected, "{name}");
        }
    }

    #[test]
    fn packets_travel_in_whole_microseconds_however_a_link_was_described() {
        let ns = Duration::from_nanos;
        let quality = Quality { one_way: ns(25_000_300), jitter: ns(1_700), ..Quality::default() };
        let mut link = like(quality, 1);
        for t in 0..100 {
            assert_eq!(arrival(link.judge(MS(t), 40, data)).subsec_nanos() % 1000, 0);
        }
        let endless = Quality { one_way: Duration::MAX, jitter: Duration::MAX, ..Quality::default() };
        assert!(arrival(Direction::new(endless, Vec::new(), 1).judge(MS(1), 40, data)) > MS(1));
    }
}
