//! The types a parameter may have. Each knows how its values are typed and shown.

use std::time::Duration;

use jiff::fmt::friendly::{Designator, Spacing, SpanParser, SpanPrinter};

use super::field::{Field, Range};
use super::{Given, ParameterError, Spec};

/// Milliseconds.
pub const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}
/// Seconds.
pub const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}
/// Minutes.
pub const fn mins(n: u64) -> Duration {
    Duration::from_secs(n * 60)
}
/// Hours.
pub const fn hours(n: u64) -> Duration {
    Duration::from_secs(n * 3600)
}

/// A value that is typed as text.
pub trait Scalar: Sized + Clone + PartialOrd {
    /// What its values are written in.
    const UNIT: &'static str;
    /// What a value looks like, for error messages.
    const EXAMPLE: &'static str;
    /// Reads a value.
    fn parse(text: &str) -> Option<Self>;
    /// The value, as it would be typed.
    fn show(&self) -> String;
    /// The values there are, where they are words.
    fn choices() -> Vec<&'static str> {
        Vec::new()
    }
}

fn declare<T: Scalar>(name: &str, default: &T, range: Range<T>, help: &'static str, out: &mut Vec<Spec>) {
    out.push(Spec {
        name: name.to_owned(),
        unit: T::UNIT,
        default: default.show(),
        min: range.as_ref().map(|r| r.start().show()),
        max: range.as_ref().map(|r| r.end().show()),
        choices: T::choices(),
        help,
    });
}

fn read<T: Scalar>(name: &str, default: &T, range: Range<T>, given: &mut Given) -> Result<T, ParameterError> {
    let Some(text) = given.remove(name) else {
        return Ok(default.clone());
    };
    let invalid =
        |problem: String| ParameterError::Invalid { name: name.to_owned(), value: text.clone(), problem };
    let bounds = range.as_ref().map(|r| (r.start().show(), r.end().show()));
    let bounds = bounds.as_ref().map(|(min, max)| (min.as_str(), max.as_str()));
    let valid = valid_values(&T::choices(), bounds, T::EXAMPLE);
    match T::parse(text.trim()) {
        None => Err(invalid(format!("not a {}; valid: {valid}", T::UNIT))),
        Some(v) if range.as_ref().is_some_and(|r| !r.contains(&v)) => {
            Err(invalid(format!("out of range; valid: {valid}")))
        }
        Some(v) => Ok(v),
    }
}

/// The values allowed, in words.
pub(super) fn valid_values(choices: &[&str], bounds: Option<(&str, &str)>, example: &str) -> String {
    match bounds {
        _ if !choices.is_empty() => choices.join(", "),
        Some((min, max)) => format!("{min} to {max} (like {example})"),
        None => format!("a value like {example}"),
    }
}

macro_rules! scalar_field {
    ($($ty:ty),*) => { $(
        impl Field for $ty {
            fn declare(name: &str, default: &Self, range: Range<Self>, help: &'static str, out: &mut Vec<Spec>) {
                declare(name, default, range, help, out);
            }
            fn read(name: &str, default: &Self, range: Range<Self>, given: &mut Given) -> Result<Self, ParameterError> {
                read(name, default, range, given)
            }
            fn show(&self, name: &str, out: &mut Vec<(String, String)>) {
                out.push((name.to_owned(), Scalar::show(self)));
            }
        }
    )* };
}
scalar_field!(Duration, u32, u64, bool, ByteSize, Probability, BitRate);

impl Scalar for Duration {
    const UNIT: &'static str = "duration";
    const EXAMPLE: &'static str = "250ms, 1m 30s, 2h";
    fn parse(text: &str) -> Option<Self> {
        SpanParser::new().parse_unsigned_duration(text).ok()
    }
    fn show(&self) -> String {
        SpanPrinter::new()
            .designator(Designator::Compact)
            .spacing(Spacing::BetweenUnits)
            .unsigned_duration_to_string(self)
    }
}

impl Scalar for u32 {
    const UNIT: &'static str = "count";
    const EXAMPLE: &'static str = "3";
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

impl Scalar for u64 {
    const UNIT: &'static str = "count";
    const EXAMPLE: &'static str = "3";
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

impl Scalar for bool {
    const UNIT: &'static str = "flag";
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

/// A number of bytes: `1500B`, `64KiB`, `4MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

const BINARY: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
const DECIMAL: [(&str, u64); 4] = [("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1000), ("B", 1)];

impl Scalar for ByteSize {
    const UNIT: &'static str = "bytes";
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
    const UNIT: &'static str = "probability";
    const EXAMPLE: &'static str = "5%, 0.05";
    fn parse(text: &str) -> Option<Self> {
        let p = match text.strip_suffix('%') {
            // To a millionth of a percent, so that what is shown reads back as the same number.
            Some(percent) => (percent.trim().parse::<f64>().ok()? * 1e6).round() / 1e8,
            None => text.parse().ok()?,
        };
        (0.0..=1.0).contains(&p).then_some(Probability(p))
    }
    fn show(&self) -> String {
        format!("{}%", (self.0 * 1e8).round() / 1e6)
    }
}

/// A line rate: `1Mbit/s`, `64kbit/s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BitRate(pub u64);

const RATES: [(&str, u64); 4] =
    [("Gbit/s", 1_000_000_000), ("Mbit/s", 1_000_000), ("kbit/s", 1000), ("bit/s", 1)];

impl Scalar for BitRate {
    const UNIT: &'static str = "bit/s";
    const EXAMPLE: &'static str = "64kbit/s, 10Mbit/s";
    fn parse(text: &str) -> Option<Self> {
        let (suffix, factor) = RATES.iter().find(|(suffix, _)| text.ends_with(suffix))?;
        let n: u64 = text.strip_suffix(suffix)?.trim().parse().ok()?;
        Some(BitRate(n.checked_mul(*factor)?))
    }
    fn show(&self) -> String {
        match RATES.iter().find(|(_, factor)| self.0 > 0 && self.0.is_multiple_of(*factor)) {
            Some((suffix, factor)) => format!("{}{suffix}", self.0 / factor),
            None => format!("{}bit/s", self.0),
        }
    }
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

/// Makes a [`Choice`] usable as a parameter.
#[macro_export]
macro_rules! choice_parameter {
    ($ty:ty) => {
        impl $crate::parameter::Field for $ty {
            fn declare(
                name: &str,
                default: &Self,
                _: $crate::parameter::Range<Self>,
                help: &'static str,
                out: &mut Vec<$crate::parameter::Spec>,
            ) {
                use $crate::parameter::Choice;
                out.push($crate::parameter::Spec {
                    name: name.to_owned(),
                    unit: "choice",
                    default: default.word().to_owned(),
                    min: None,
                    max: None,
                    choices: Self::WORDS.iter().map(|(w, _)| *w).collect(),
                    help,
                });
            }
            fn read(
                name: &str,
                default: &Self,
                _: $crate::parameter::Range<Self>,
                given: &mut $crate::parameter::Given,
            ) -> Result<Self, $crate::parameter::ParameterError> {
                use $crate::parameter::Choice;
                let Some(text) = given.remove(name) else {
                    return Ok(*default);
                };
                match Self::WORDS.iter().find(|(w, _)| *w == text.trim()) {
                    Some((_, v)) => Ok(*v),
                    None => Err($crate::parameter::ParameterError::Invalid {
                        name: name.to_owned(),
                        value: text,
                        problem: format!(
                            "no such choice; valid: {}",
                            Self::WORDS.iter().map(|(w, _)| *w).collect::<Vec<_>>().join(", ")
                        ),
                    }),
                }
            }
            fn show(&self, name: &str, out: &mut Vec<(String, String)>) {
                use $crate::parameter::Choice;
                out.push((name.to_owned(), self.word().to_owned()));
            }
        }
    };
}
