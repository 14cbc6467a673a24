//! What lies between the two: packets are lost, delayed, repeated and overtaken, as a seed says.

use std::ops::Range;
use std::time::Duration;

use halfopen::packet::Segment;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Who sent a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    Linux,
    Us,
}

/// Which segments are lost.
type Loses = Box<dyn FnMut(From, &Segment) -> bool>;

/// The path, the same both ways.
pub struct Path {
    rng: ChaCha8Rng,
    pub one_way: Duration,
    /// Shares of the packets.
    pub loss: f64,
    pub duplicate: f64,
    pub reorder: f64,
    /// When nothing gets through.
    pub outages: Vec<Range<Duration>>,
    /// What is lost besides.
    pub loses: Loses,
    /// When the last packet of each direction that keeps its place arrives.
    last: [Duration; 2],
}

impl Path {
    /// A good path, of a seed.
    pub fn new(seed: u64) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            one_way: Duration::from_millis(2),
            loss: 0.0,
            duplicate: 0.0,
            reorder: 0.0,
            outages: Vec::new(),
            loses: Box::new(|_, _| false),
            last: [Duration::ZERO; 2],
        }
    }

    /// When the copies of a packet arrive, if any does.
    pub fn arrivals(&mut self, now: Duration, from: From, segment: &Segment) -> Vec<Duration> {
        // Each packet takes as many draws as any other.
        let [lost, repeated, overtaken, late]: [f64; 4] = std::array::from_fn(|_| self.rng.random());
        if self.outages.iter().any(|outage| outage.contains(&now))
            || lost < self.loss
            || (self.loses)(from, segment)
        {
            return Vec::new();
        }
        let last = &mut self.last[usize::from(from == From::Us)];
        let at = if overtaken < self.reorder {
            now + self.one_way + self.one_way.mul_f64(3.0 * late)
        } else {
            *last = (*last).max(now + self.one_way);
            *last
        };
        if repeated < self.duplicate { vec![at, at] } else { vec![at] }
    }
}
