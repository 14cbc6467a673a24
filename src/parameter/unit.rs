//! What the values of a parameter are written in, and how they stand on a scale.

use std::fmt;
use std::time::Duration;

use super::{BitRate, ByteSize, Probability, Scalar, micros, types};

/// What the values of a parameter are written in. Its text is its name in `halfopen list`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A duration: `250ms`, `1m 30s`. On a scale: seconds.
    Duration,
    /// A number of bytes: `64KiB`. On a scale: bytes.
    Bytes,
    /// A number of things. On a scale: itself.
    Count,
    /// A probability: `5%`. On a scale: 0 to 1.
    Probability,
    /// A line rate: `1Mbit/s`. On a scale: bits a second.
    BitRate,
    /// Yes or no.
    Flag,
    /// One of a few words.
    Choice,
    /// Any text.
    Text,
    /// Several values of one unit, separated by commas.
    List(&'static Unit),
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Unit::Duration => "duration",
            Unit::Bytes => "bytes",
            Unit::Count => "count",
            Unit::Probability => "probability",
            Unit::BitRate => "bit/s",
            Unit::Flag => "flag",
            Unit::Choice => "choice",
            Unit::Text => "text",
            Unit::List(of) => return write!(f, "list of {}", of.plural()),
        };
        f.pad(name)
    }
}

impl Unit {
    fn plural(self) -> &'static str {
        match self {
            Unit::Duration => "durations",
            Unit::Bytes => "byte sizes",
            Unit::Count => "counts",
            Unit::Probability => "probabilities",
            Unit::BitRate => "line rates",
            Unit::Flag => "flags",
            Unit::Choice => "choices",
            Unit::Text => "texts",
            Unit::List(_) => "lists",
        }
    }

    /// How its values stand on a scale; `None` where they are words, texts or lists.
    pub(super) fn scale(self) -> Option<Scale> {
        let whole = |read, show, one| Some(Scale { read, show, one });
        match self {
            // Unlike `Duration::parse` it reads those that are too long, too: they are out of range, not unreadable.
            Unit::Duration => whole(
                |text| types::duration(text).map(|d| Amount::Whole(micros(d).as_micros())),
                |amount| amount.whole().map(|us| Duration::from_micros(us).show()),
                1e6,
            ),
            Unit::Count => whole(
                |text| u64::parse(text).map(|n| Amount::Whole(n.into())),
                |amount| amount.whole().map(|n| n.show()),
                1.0,
            ),
            Unit::Bytes => whole(
                |text| ByteSize::parse(text).map(|n| Amount::Whole(n.0.into())),
                |amount| amount.whole().map(|n| ByteSize(n).show()),
                1.0,
            ),
            Unit::BitRate => whole(
                |text| types::bit_rate(text).map(|n| Amount::Whole(n.into())),
                |amount| amount.whole().map(|n| BitRate(n).show()),
                1.0,
            ),
            Unit::Probability => whole(
                |text| types::share(text).map(Amount::Share),
                |amount| match amount {
                    Amount::Share(p) => Some(Probability(p).show()),
                    Amount::Whole(_) => None,
                },
                1.0,
            ),
            Unit::Flag | Unit::Choice | Unit::Text | Unit::List(_) => None,
        }
    }
}

/// What can be counted with, exactly.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(super) enum Amount {
    /// Microseconds, bytes, bits a second, or things.
    Whole(u128),
    /// A probability.
    Share(f64),
}

impl Amount {
    fn whole(self) -> Option<u64> {
        match self {
            Amount::Whole(n) => u64::try_from(n).ok(),
            Amount::Share(_) => None,
        }
    }

    /// The amount at a share of the way from one to the other, rounded to the nearest there is.
    pub(super) fn along(from: Amount, to: Amount, share: f64) -> Amount {
        let between = |from: f64, to: f64| from + (to - from) * share;
        match (from, to) {
            (Amount::Whole(from), Amount::Whole(to)) => {
                Amount::Whole((between(from as f64, to as f64).round() as u128).clamp(from, to.max(from)))
            }
            (Amount::Share(from), Amount::Share(to)) => Amount::Share(between(from, to)),
            _ => from,
        }
    }

    /// The same on a logarithmic scale. It has no zero: where the way begins at 0, its first point is 0, and the others begin at
    /// a millionth of the end, or at the smallest whole amount.
    pub(super) fn along_decades(from: Amount, to: Amount, share: f64) -> Amount {
        if share <= 0.0 {
            return from;
        }
        let between = |from: f64, to: f64, least: f64| {
            let from = if from > 0.0 { from } else { (to * 1e-6).max(least) };
            from * (to / from).powf(share)
        };
        match (from, to) {
            (Amount::Whole(a), Amount::Whole(b)) => {
                Amount::Whole((between(a as f64, b as f64, 1.0).round() as u128).clamp(a, b.max(a)))
            }
            (Amount::Share(a), Amount::Share(b)) => Amount::Share(between(a, b, 0.0)),
            _ => from,
        }
    }

    /// The `n`-th of `steps` even steps from one amount to the other, rounded to the nearest amount there is.
    pub(super) fn step(from: Amount, to: Amount, n: u32, steps: u32) -> Amount {
        match (from, to) {
            (Amount::Whole(from), Amount::Whole(to)) => {
                let (n, steps) = (u128::from(n), u128::from(steps));
                let way = (from.abs_diff(to) * n * 2 + steps) / (steps * 2);
                Amount::Whole(if to >= from { from + way } else { from - way })
            }
            (Amount::Share(from), Amount::Share(to)) => {
                Amount::Share(from + (to - from) * f64::from(n) / f64::from(steps))
            }
            _ => from,
        }
    }
}

/// How the values of one unit are read, shown and placed on a scale.
pub(super) struct Scale {
    pub read: fn(&str) -> Option<Amount>,
    pub show: fn(Amount) -> Option<String>,
    /// What stands for 1 on the scale.
    one: f64,
}

impl Scale {
    pub(super) fn position(&self, amount: Amount) -> f64 {
        match amount {
            // Microseconds of a year stay well below what a float holds exactly.
            Amount::Whole(n) => n as f64 / self.one,
            Amount::Share(p) => p,
        }
    }
}
