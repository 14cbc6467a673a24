//! The types a parameter may have. Each knows how its values are typed and shown.

use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::fmt::friendly::{Designator, Spacing, SpanParser, SpanPrinter};

use super::{LONGEST, Unit, micros};

/// A value that is typed as text.
pub trait Scalar: Sized + Clone {
    /// What its values are written in.
    const UNIT: Unit;
    /// What a value looks like, for error messages.
    const EXAMPLE: &'static str;
    /// Reads a value; `None` if it cannot be read or is beyond [`Self::limits`].
    fn parse(text: &str) -> Option<Self>;
    /// The value, as it would be typed.
    fn show(&self) -> String;
    /// The values there are, where they are words.
    fn choices() -> Vec<&'static str> {
        Vec::new()
    }
    /// The smallest and the largest value of the type, where a person should know them.
    fn limits() -> Option<RangeInclusive<Self>> {
        None
    }
}

crate::scalar_field!(Duration, u32, u64, bool, String, ByteSize, Probability, BitRate);

/// Typed as people write them: `250ms`, `1m 30s`, `2h`. Read to the nearest microsecond, the resolution of a run, and shown
/// so: `25.0003ms` is `25ms`. No longer than [`LONGEST`].
impl Scalar for Duration {
    const UNIT: Unit = Unit::Duration;
    const EXAMPLE: &'static str = "250ms, 1m 30s, 2h";
    fn parse(text: &str) -> Option<Self> {
        duration(text).map(micros).filter(|d| *d <= LONGEST)
    }
    fn show(&self) -> String {
        SpanPrinter::new()
            .designator(Designator::Compact)
            .spacing(Spacing::BetweenUnits)
            .unsigned_duration_to_string(self)
    }
    fn limits() -> Option<RangeInclusive<Self>> {
        Some(Duration::ZERO..=LONGEST)
    }
}

/// A duration of any length and resolution.
pub(super) fn duration(text: &str) -> Option<Duration> {
    SpanParser::new().parse_unsigned_duration(text).ok()
}

impl Scalar for u32 {
    const UNIT: Unit = Unit::Count;
    const EXAMPLE: &'static str = "3";
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
    fn show(&self) -> String {
        self.to_string()
    }
    fn limits() -> Option<RangeInclusive<Self>> {
        Some(0..=u32::MAX)
    }
}

impl Scalar for u64 {
    const UNIT: Unit = Unit::Count;
    const EXAMPLE: &'static str = "3";
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

impl Scalar for bool {
    const UNIT: Unit = Unit::Flag;
    const EXAMPLE: &'static str = "true";
    fn parse(text: &str) -> Option<Self> {
        match text {
            "true" | "on" | "yes" => Some(true),
            "false" | "off" | "no" => Some(false),
            _ => None,
        }
    }
    fn show(&self) -> String {
        self.to_string()
    }
    fn choices() -> Vec<&'static str> {
        vec!["true", "false"]
    }
}

/// Any text on one line but `'`, so that it can stand in a command.
impl Scalar for String {
    const UNIT: Unit = Unit::Text;
    const EXAMPLE: &'static str = "any text without '";
    fn parse(text: &str) -> Option<Self> {
        (!text.contains(|c: char| c == '\'' || c.is_control())).then(|| text.to_owned())
    }
    fn show(&self) -> String {
        self.clone()
    }
}

/// A number of bytes: `1500B`, `64KiB`, `4MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

const BINARY: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
const DECIMAL: [(&str, u64); 4] = [("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1000), ("B", 1)];

impl Scalar for ByteSize {
    const UNIT: Unit = Unit::Bytes;
    const EXAMPLE: &'static str = "1500B, 64KiB";
    fn parse(text: &str) -> Option<Self> {
        if let Ok(n) = text.parse() {
            return Some(ByteSize(n));
        }
        let (suffix, factor) = BINARY.iter().chain(&DECIMAL).find(|(suffix, _)| text.ends_with(suffix))?;
        let n: u64 = text.strip_suffix(suffix)?.trim().parse().ok()?;
        Some(ByteSize(n.checked_mul(*factor)?))
    }
    fn show(&self) -> String {
        match BINARY.iter().find(|(_, factor)| self.0 > 0 && self.0.is_multiple_of(*factor)) {
            Some((suffix, factor)) => format!("{}{suffix}", self.0 / factor),
            None => format!("{}B", self.0),
        }
    }
}

/// A probability: `0.05` or `5%`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Probability(pub f64);

impl Scalar for Probability {
    const UNIT: Unit = Unit::Probability;
    const EXAMPLE: &'static str = "5%, 0.05";
    fn parse(text: &str) -> Option<Self> {
        share(text).filter(|p| (0.0..=1.0).contains(p)).map(Probability)
    }
    fn show(&self) -> String {
        // Plus 0.0, so that -0.0 is 0.0.
        format!("{}%", (self.0 * 1e8).round() / 1e6 + 0.0)
    }
    fn limits() -> Option<RangeInclusive<Self>> {
        Some(Probability(0.0)..=Probability(1.0))
    }
}

/// A number or a percentage, to a millionth of a percent, so that what is shown reads back as the same number.
pub(super) fn share(text: &str) -> Option<f64> {
    let hundred_millionths = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().ok()? * 1e6,
        None => text.parse::<f64>().ok()? * 1e8,
    };
    (!hundred_millionths.is_nan()).then(|| hundred_millionths.round() / 1e8 + 0.0)
}

/// A line rate: `1Mbit/s`, `64kbit/s`; typed, from 1 bit/s to 1000 Gbit/s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BitRate(pub u64);

const RATES: [(&str, u64); 4] =
    [("Gbit/s", 1_000_000_000), ("Mbit/s", 1_000_000), ("kbit/s", 1000), ("bit/s", 1)];

impl Scalar for BitRate {
    const UNIT: Unit = Unit::BitRate;
    const EXAMPLE: &'static str = "64kbit/s, 10Mbit/s";
    fn parse(text: &str) -> Option<Self> {
        bit_rate(text).map(BitRate).filter(|rate| (SLOWEST..=FASTEST).contains(rate))
    }
    fn show(&self) -> String {
        match RATES.iter().find(|(_, factor)| self.0 > 0 && self.0.is_multiple_of(*factor)) {
            Some((suffix, factor)) => format!("{}{suffix}", self.0 / factor),
            None => format!("{}bit/s", self.0),
        }
    }
    fn limits() -> Option<RangeInclusive<Self>> {
        Some(SLOWEST..=FASTEST)
    }
}

/// A line that carries nothing is a partition.
const SLOWEST: BitRate = BitRate(1);
/// As fast as any line that is sold.
const FASTEST: BitRate = BitRate(1_000_000_000_000);

/// Any number of bits a second.
pub(super) fn bit_rate(text: &str) -> Option<u64> {
    let (suffix, factor) = RATES.iter().find(|(suffix, _)| text.ends_with(suffix))?;
    let n: u64 = text.strip_suffix(suffix)?.trim().parse().ok()?;
    n.checked_mul(*factor)
}

/// An enumeration whose values are words.
pub trait Choice: Copy + PartialEq + 'static {
    /// Every value with its word.
    const WORDS: &'static [(&'static str, Self)];

    /// The word of this value.
    fn word(self) -> &'static str {
        // Every value is in the table: implementing the trait means listing them.
        Self::WORDS.iter().find(|(_, v)| *v == self).map_or("?", |(w, _)| w)
    }
}

/// Makes a [`Choice`] usable as a parameter, and in lists of them.
#[macro_export]
macro_rules! choice_parameter {
    ($ty:ty) => {
        impl $crate::parameter::Scalar for $ty {
            const UNIT: $crate::parameter::Unit = $crate::parameter::Unit::Choice;
            const EXAMPLE: &'static str = "one of its words";
            fn parse(text: &str) -> Option<Self> {
                let words = <$ty as $crate::parameter::Choice>::WORDS;
                words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value)
            }
            fn show(&self) -> String {
                $crate::parameter::Choice::word(*self).to_owned()
            }
            fn choices() -> Vec<&'static str> {
                <$ty as $crate::parameter::Choice>::WORDS.iter().map(|(word, _)| *word).collect()
            }
        }
        $crate::scalar_field!($ty);
    };
}
