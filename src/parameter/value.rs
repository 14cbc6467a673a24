//! A value of a parameter, read by its declaration alone: for those who do not know the struct it belongs to.

use std::time::Duration;

use super::types::valid_values;
use super::{BitRate, ByteSize, ParameterError, Probability, Scalar, Spec};

/// A value that a declaration allows.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// It, as it would be typed.
    pub text: String,
    /// Where it stands on a scale, in seconds, bytes, bits a second or as the number it is; `None` for a word.
    pub position: Option<f64>,
}

/// What can be counted with.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
enum Amount {
    /// Nanoseconds, bytes, bits a second, or things.
    Whole(u128),
    /// A probability.
    Share(f64),
}

/// How the values of one unit are read and shown.
struct Unit {
    read: fn(&str) -> Option<Amount>,
    show: fn(Amount) -> Option<String>,
    example: &'static str,
    /// What stands for 1 on the scale.
    one: f64,
    /// Amounts between two multiples of this are rounded to multiples of it.
    grain: u128,
}

impl Spec {
    /// Reads a value.
    ///
    /// # Errors
    /// [`ParameterError::Invalid`] when it cannot be read or is out of range.
    pub fn value(&self, text: &str) -> Result<Value, ParameterError> {
        let Some(unit) = unit(self.unit) else {
            let word = self.word(text.trim());
            return match word {
                Some(word) => Ok(Value { text: word.to_owned(), position: None }),
                None if self.unit == <bool as Scalar>::UNIT => {
                    Err(self.invalid(text, format!("not a {}; valid: {}", self.unit, self.valid(""))))
                }
                None => Err(self.invalid(text, format!("no such choice; valid: {}", self.valid("")))),
            };
        };
        let amount = self.amount(&unit, text)?;
        self.shown(&unit, amount).ok_or_else(|| self.invalid(text, "cannot be shown".to_owned()))
    }

    /// `count` values, evenly spaced, the first `from` and the last `to`. Where they would not be whole they are rounded to
    /// the nearest (durations to the microsecond).
    ///
    /// # Errors
    /// [`ParameterError::Invalid`] when an end is not valid, when there are words and no scale, when `count` is below 2, or
    /// when there are not so many values.
    pub fn between(&self, from: &str, to: &str, count: u32) -> Result<Vec<Value>, ParameterError> {
        let whole = format!("{from}..{to}/{count}");
        let Some(unit) = unit(self.unit) else {
            let valid = self.valid("");
            return Err(self.invalid(&whole, format!("words have no range; list them; valid: {valid}")));
        };
        if count < 2 {
            return Err(self.invalid(&whole, "a range has 2 values or more".to_owned()));
        }
        let (from, to) = (self.amount(&unit, from)?, self.amount(&unit, to)?);
        let values: Option<Vec<Value>> =
            (0..count).map(|n| self.shown(&unit, step(from, to, n, count - 1, unit.grain))).collect();
        let values = values.ok_or_else(|| self.invalid(&whole, "cannot be shown".to_owned()))?;
        match values.windows(2).any(|pair| pair[0].text == pair[1].text) {
            true => Err(self.invalid(&whole, format!("there are no {count} different values in it"))),
            false => Ok(values),
        }
    }

    /// The valid word that is meant: as they are listed, or another word for the same flag.
    fn word(&self, text: &str) -> Option<&'static str> {
        let listed = |text: &str| self.choices.iter().find(|word| **word == text).copied();
        match self.unit {
            <bool as Scalar>::UNIT => listed(&bool::parse(text)?.show()),
            _ => listed(text),
        }
    }

    fn amount(&self, unit: &Unit, text: &str) -> Result<Amount, ParameterError> {
        let bound = |bound: &Option<String>| bound.as_deref().and_then(unit.read);
        let Some(amount) = (unit.read)(text.trim()) else {
            let problem = format!("not a {}; valid: {}", self.unit, self.valid(unit.example));
            return Err(self.invalid(text, problem));
        };
        if bound(&self.min).is_some_and(|min| amount < min)
            || bound(&self.max).is_some_and(|max| amount > max)
        {
            let problem = format!("out of range; valid: {}", self.valid(unit.example));
            return Err(self.invalid(text, problem));
        }
        Ok(amount)
    }

    fn shown(&self, unit: &Unit, amount: Amount) -> Option<Value> {
        let position = match amount {
            // Nanoseconds of a century stay well below what a float holds to the microsecond.
            Amount::Whole(n) => n as f64 / unit.one,
            Amount::Share(p) => p,
        };
        Some(Value { text: (unit.show)(amount)?, position: Some(position) })
    }

    fn valid(&self, example: &str) -> String {
        let bounds = self.min.as_deref().zip(self.max.as_deref());
        valid_values(&self.choices, bounds, example)
    }

    fn invalid(&self, value: &str, problem: String) -> ParameterError {
        ParameterError::Invalid { name: self.name.clone(), value: value.to_owned(), problem }
    }
}

/// The `n`-th of `steps` even steps from one amount to the other.
fn step(from: Amount, to: Amount, n: u32, steps: u32, grain: u128) -> Amount {
    match (from, to) {
        (Amount::Whole(from), Amount::Whole(to)) => {
            let coarse = from.is_multiple_of(grain) && to.is_multiple_of(grain);
            let grain = if coarse { grain } else { 1 };
            let (n, steps) = (u128::from(n), u128::from(steps));
            let way = (from.abs_diff(to) / grain * n * 2 + steps) / (steps * 2) * grain;
            Amount::Whole(if to >= from { from + way } else { from - way })
        }
        (Amount::Share(from), Amount::Share(to)) => {
            Amount::Share(from + (to - from) * f64::from(n) / f64::from(steps))
        }
        _ => from,
    }
}

fn unit(name: &str) -> Option<Unit> {
    fn whole(amount: Amount) -> Option<u64> {
        match amount {
            Amount::Whole(n) => u64::try_from(n).ok(),
            Amount::Share(_) => None,
        }
    }
    match name {
        <Duration as Scalar>::UNIT => Some(Unit {
            read: |text| Duration::parse(text).map(|d| Amount::Whole(d.as_nanos())),
            show: |amount| whole(amount).map(|n| Duration::from_nanos(n).show()),
            example: Duration::EXAMPLE,
            one: 1e9,
            // Microseconds: the network knows nothing finer.
            grain: 1000,
        }),
        <u64 as Scalar>::UNIT => Some(Unit {
            read: |text| u64::parse(text).map(|n| Amount::Whole(n.into())),
            show: |amount| whole(amount).map(|n| n.show()),
            example: u64::EXAMPLE,
            one: 1.0,
            grain: 1,
        }),
        ByteSize::UNIT => Some(Unit {
            read: |text| ByteSize::parse(text).map(|n| Amount::Whole(n.0.into())),
            show: |amount| whole(amount).map(|n| ByteSize(n).show()),
            example: ByteSize::EXAMPLE,
            one: 1.0,
            grain: 1,
        }),
        BitRate::UNIT => Some(Unit {
            read: |text| BitRate::parse(text).map(|n| Amount::Whole(n.0.into())),
            show: |amount| whole(amount).map(|n| BitRate(n).show()),
            example: BitRate::EXAMPLE,
            one: 1.0,
            grain: 1,
        }),
        Probability::UNIT => Some(Unit {
            read: |text| Probability::parse(text).map(|p| Amount::Share(p.0)),
            show: |amount| match amount {
                Amount::Share(p) => Some(Probability(p).show()),
                Amount::Whole(_) => None,
            },
            example: Probability::EXAMPLE,
            one: 1.0,
            grain: 1,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameter::{Parameters, hours, ms, secs};
    use proptest::prelude::*;

    crate::parameters! {
        /// One of each.
        struct All {
            /// A duration.
            wait: Duration = secs(30), in ms(0)..=hours(1);
            /// A count.
            tries: u32 = 3, in 1..=100;
            /// A number of bytes.
            size: ByteSize = ByteSize(1500);
            /// A probability.
            loss: Probability = Probability(0.0);
            /// A line rate.
            rate: BitRate = BitRate(1000);
            /// A flag.
            eager: bool = true;
        }
    }

    fn spec(name: &str) -> Spec {
        All::specs().into_iter().find(|spec| spec.name == name).unwrap()
    }

    fn texts(name: &str, from: &str, to: &str, count: u32) -> Vec<String> {
        let values = spec(name).between(from, to, count).unwrap();
        values.into_iter().map(|value| value.text).collect()
    }

    fn error(name: &str, from: &str, to: &str, count: u32) -> String {
        spec(name).between(from, to, count).unwrap_err().to_string()
    }

    #[test]
    fn a_declaration_reads_what_the_struct_reads_and_says_the_same_of_what_it_does_not() {
        for (name, text) in [
            ("wait", " 1m30s "),
            ("wait", "2h"),
            ("wait", "soon"),
            ("tries", "7"),
            ("tries", "0"),
            ("size", "64 KiB"),
            ("size", "much"),
            ("loss", "5%"),
            ("loss", "1.5"),
            ("rate", "1Mbit/s"),
            ("eager", "on"),
            ("eager", "perhaps"),
        ] {
            let given = [(name.to_owned(), text.to_owned())].into();
            let typed = All::from_given(&given).map(|all| {
                all.settings().into_iter().find(|(n, _)| n == name).map(|(_, value)| value).unwrap()
            });
            assert_eq!(spec(name).value(text).map(|value| value.text), typed, "{name}={text}");
        }
    }

    #[test]
    fn positions_are_in_seconds_bytes_and_shares() {
        let position = |name, text| spec(name).value(text).unwrap().position;
        assert_eq!(position("wait", "1m 30s"), Some(90.0));
        assert_eq!(position("size", "2KiB"), Some(2048.0));
        assert_eq!(position("loss", "5%"), Some(0.05));
        assert_eq!(position("rate", "1kbit/s"), Some(1000.0));
        assert_eq!(position("eager", "on"), None);
    }

    #[test]
    fn a_range_is_even_and_has_both_ends() {
        assert_eq!(texts("wait", "1s", "120s", 120)[58..62], ["59s", "1m", "1m 1s", "1m 2s"]);
        assert_eq!(texts("wait", "1s", "0s", 4), ["1s", "666ms 667µs", "333ms 333µs", "0s"]);
        assert_eq!(texts("tries", "1", "10", 4), ["1", "4", "7", "10"]);
        assert_eq!(texts("size", "0B", "1MiB", 3), ["0B", "512KiB", "1MiB"]);
        assert_eq!(texts("loss", "0%", "10%", 3), ["0%", "5%", "10%"]);
    }

    #[test]
    fn a_range_that_is_none_is_told_in_one_line() {
        assert_eq!(error("tries", "1", "3", 4), "tries=1..3/4: there are no 4 different values in it");
        assert_eq!(error("tries", "2", "2", 2), "tries=2..2/2: there are no 2 different values in it");
        assert_eq!(error("tries", "1", "3", 1), "tries=1..3/1: a range has 2 values or more");
        assert_eq!(error("tries", "1", "300", 3), "tries=300: out of range; valid: 1 to 100 (like 3)");
        assert_eq!(
            error("eager", "false", "true", 2),
            "eager=false..true/2: words have no range; list them; valid: true, false"
        );
    }

    proptest! {
        #[test]
        fn every_value_of_a_range_is_valid_and_the_gaps_differ_by_a_microsecond_at_most(
            from in 0u64..3_600_000_000, to in 0u64..3_600_000_000, count in 2u32..200,
        ) {
            let spec = spec("wait");
            let text = |us| Duration::from_micros(us).show();
            // So many different values there are.
            prop_assume!(from.abs_diff(to) >= u64::from(count));
            let values = spec.between(&text(from), &text(to), count).unwrap();
            prop_assert_eq!(values.len(), count as usize);
            prop_assert_eq!(&values[0].text, &text(from));
            prop_assert_eq!(&values[values.len() - 1].text, &text(to));
            let micros = |value: &Value| Duration::parse(&value.text).unwrap().as_micros() as i128;
            for value in &values {
                prop_assert_eq!(&spec.value(&value.text).unwrap(), value);
            }
            let gaps: Vec<i128> = values.windows(2).map(|pair| micros(&pair[1]) - micros(&pair[0])).collect();
            let (least, most) = (gaps.iter().min().unwrap(), gaps.iter().max().unwrap());
            prop_assert!(most - least <= 1, "{least} {most}");
        }
    }
}
