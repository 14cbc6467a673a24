//! A value of a parameter, read by its declaration alone: for those who do not know the struct it belongs to.

use super::unit::{Amount, Scale};
use super::{BitRate, ByteSize, ParameterError, Probability, Scalar, Spec, Unit};

/// A value that a declaration allows.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// The value, as it would be typed.
    pub text: String,
    /// Where it stands on a scale, in seconds, bytes, bits a second or as the number it is; `None` for words, texts and
    /// lists.
    pub position: Option<f64>,
}

impl Value {
    /// A value known to be valid.
    pub(super) fn of(unit: Unit, text: String) -> Self {
        let position = unit.scale().and_then(|scale| Some(scale.position((scale.read)(&text)?)));
        Self { text, position }
    }
}

/// How the values of a parameter are spread over a slider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// Evenly.
    Linear,
    /// A decade takes as much room as the next one. Where the range begins at 0, the first point is 0 and the next ones begin
    /// at a millionth of its end, or at the smallest whole amount.
    Logarithmic,
}

impl Spec {
    /// Reads a value.
    ///
    /// # Errors
    /// [`ParameterError::Invalid`] when it cannot be read or is out of range.
    pub fn value(&self, text: &str) -> Result<Value, ParameterError> {
        let word = |text: String| Value { text, position: None };
        match self.unit {
            Unit::List(of) => {
                let one = Spec { unit: *of, ..self.clone() };
                let values = items(text).map(|item| Ok(one.value(item)?.text));
                Ok(word(values.collect::<Result<Vec<_>, ParameterError>>()?.join(",")))
            }
            Unit::Flag | Unit::Choice => match (self.word(text.trim()), self.unit) {
                (Some(listed), _) => Ok(word(listed.to_owned())),
                (None, Unit::Flag) => Err(self.invalid(text, format!("not a flag; valid: {}", self.valid()))),
                (None, _) => Err(self.invalid(text, format!("no such choice; valid: {}", self.valid()))),
            },
            Unit::Text => match String::parse(text.trim()) {
                Some(text) => Ok(word(text)),
                None => Err(self.invalid(text, format!("not a text; valid: {}", self.valid()))),
            },
            Unit::Duration | Unit::Bytes | Unit::Count | Unit::Probability | Unit::BitRate => {
                let scale = self.scale(text)?;
                let amount = self.amount(&scale, text)?;
                shown(&scale, amount).ok_or_else(|| self.invalid(text, "cannot be shown".to_owned()))
            }
        }
    }

    /// `count` values, evenly spaced, the first `from` and the last `to`. Where they would not be whole they are rounded to
    /// the nearest (durations to the microsecond).
    ///
    /// # Errors
    /// [`ParameterError::Invalid`] when an end is not valid, when there are words and no scale, when `count` is below 2, or
    /// when there are not so many values.
    pub fn between(&self, from: &str, to: &str, count: u32) -> Result<Vec<Value>, ParameterError> {
        let whole = format!("{from}..{to}/{count}");
        let scale = self.scale(&whole)?;
        if count < 2 {
            return Err(self.invalid(&whole, "a range has 2 values or more".to_owned()));
        }
        let (from, to) = (self.amount(&scale, from)?, self.amount(&scale, to)?);
        let values: Option<Vec<Value>> =
            (0..count).map(|n| shown(&scale, Amount::step(from, to, n, count - 1))).collect();
        let values = values.ok_or_else(|| self.invalid(&whole, "cannot be shown".to_owned()))?;
        match values.windows(2).any(|pair| pair[0].text == pair[1].text) {
            true => Err(self.invalid(&whole, format!("there are no {count} different values in it"))),
            false => Ok(values),
        }
    }

    /// Whether its values stand on a scale, and on which; `None` where they are words, texts or lists, or have no two ends.
    /// It is logarithmic where the range spans more than two decades.
    pub fn course(&self) -> Option<Course> {
        let ends = self.min.as_ref().zip(self.max.as_ref())?;
        let (min, max) = (ends.0.position?, ends.1.position?);
        Some(if max > 100.0 * min { Course::Logarithmic } else { Course::Linear })
    }

    /// The value at a share, 0 to 1, of the way along its range, rounded to the nearest that there is; of words the one that
    /// stands there in their list. `None` for texts, lists, and where there is no range.
    pub fn at(&self, share: f64) -> Option<Value> {
        let share = share.clamp(0.0, 1.0);
        if !self.choices.is_empty() {
            let place = (share * self.choices.len() as f64) as usize;
            let word = self.choices[place.min(self.choices.len() - 1)];
            return Some(Value { text: word.to_owned(), position: None });
        }
        let scale = self.unit.scale()?;
        let read = |value: &Option<Value>| (scale.read)(&value.as_ref()?.text);
        let (min, max) = (read(&self.min)?, read(&self.max)?);
        let amount = match self.course()? {
            Course::Linear => Amount::along(min, max, share),
            Course::Logarithmic => Amount::along_decades(min, max, share),
        };
        shown(&scale, amount)
    }

    fn scale(&self, range: &str) -> Result<Scale, ParameterError> {
        let words = || format!("words have no range; list them; valid: {}", self.valid());
        self.unit.scale().ok_or_else(|| self.invalid(range, words()))
    }

    /// The valid word that is meant: as they are listed, or another word for the same flag.
    fn word(&self, text: &str) -> Option<&'static str> {
        let listed = |text: &str| self.choices.iter().find(|word| **word == text).copied();
        match self.unit {
            Unit::Flag => listed(&bool::parse(text)?.show()),
            _ => listed(text),
        }
    }

    fn amount(&self, scale: &Scale, text: &str) -> Result<Amount, ParameterError> {
        let bound = |bound: &Option<Value>| bound.as_ref().and_then(|value| (scale.read)(&value.text));
        let Some(amount) = (scale.read)(text.trim()) else {
            return Err(self.invalid(text, format!("not a {}; valid: {}", self.unit, self.valid())));
        };
        if bound(&self.min).is_some_and(|min| amount < min)
            || bound(&self.max).is_some_and(|max| amount > max)
        {
            return Err(self.invalid(text, format!("out of range; valid: {}", self.valid())));
        }
        Ok(amount)
    }

    /// The values allowed, in words.
    fn valid(&self) -> String {
        let bounds = self.min.as_ref().zip(self.max.as_ref());
        let bounds = bounds.map(|(min, max)| (min.text.as_str(), max.text.as_str()));
        valid_values(&self.choices, bounds, self.unit.example())
    }

    pub(super) fn invalid(&self, value: &str, problem: String) -> ParameterError {
        ParameterError::Invalid { name: self.name.clone(), value: value.to_owned(), problem }
    }
}

fn shown(scale: &Scale, amount: Amount) -> Option<Value> {
    Some(Value { text: (scale.show)(amount)?, position: Some(scale.position(amount)) })
}

/// The values in a list; in a blank text there are none.
pub(super) fn items(list: &str) -> impl Iterator<Item = &str> {
    let some = !list.trim().is_empty();
    list.split(',').filter(move |_| some).map(str::trim)
}

/// The values allowed, in words.
pub(super) fn valid_values(choices: &[&str], bounds: Option<(&str, &str)>, example: &str) -> String {
    match bounds {
        _ if !choices.is_empty() => choices.join(", "),
        Some((min, max)) => format!("{min} to {max} (like {example})"),
        None => format!("a value like {example}"),
    }
}

impl Unit {
    /// What a value looks like.
    fn example(self) -> &'static str {
        match self {
            Unit::Duration => std::time::Duration::EXAMPLE,
            Unit::Bytes => ByteSize::EXAMPLE,
            Unit::Count => u64::EXAMPLE,
            Unit::Probability => Probability::EXAMPLE,
            Unit::BitRate => BitRate::EXAMPLE,
            Unit::Flag => bool::EXAMPLE,
            Unit::Choice => "",
            Unit::Text => String::EXAMPLE,
            Unit::List(of) => of.example(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
            /// Several durations.
            pauses: Vec<Duration> = vec![secs(1), secs(5)], in ms(1)..=hours(1);
            /// A text.
            note: String = "none".to_owned();
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
            ("tries", "99999999999999999999"),
            ("pauses", " 1s, 1m 30s,250ms "),
            ("pauses", "1s,2h"),
            ("pauses", "1s,,2s"),
            ("pauses", ""),
            ("note", "two words"),
            ("note", "it's"),
        ] {
            let given = [(name.to_owned(), text.to_owned())].into();
            let typed = All::from_given(&given).map(|all| {
                all.settings().into_iter().find(|(n, _)| n == name).map(|(_, value)| value).unwrap()
            });
            assert_eq!(spec(name).value(text).map(|value| value.text), typed, "{name}={text}");
        }
    }

    fn said(name: &str, text: &str) -> String {
        spec(name).value(text).map_or_else(|error| error.to_string(), |value| value.text)
    }

    #[test]
    fn durations_are_read_to_the_nearest_microsecond_and_no_longer_than_a_run_can_be() {
        assert_eq!(said("wait", "25.0003ms"), "25ms");
        assert_eq!(said("wait", "1ms1ns"), "1ms");
        assert_eq!(said("wait", "1500ns"), "2µs");
        for long in ["18446744073709551615s", "5124095576030431h", "8784h 1us"] {
            let read = crate::parameter::scalar::<Duration>(long);
            assert_eq!(
                read.unwrap_err(),
                "out of range; valid: 0s to 8784h (like 250ms, 1m 30s, 2h)",
                "{long}"
            );
        }
        assert_eq!(crate::parameter::scalar("8784h"), Ok(crate::parameter::LONGEST));
    }

    #[test]
    fn minus_nothing_is_nothing() {
        assert_eq!(said("loss", "-0"), "0%");
        assert_eq!(said("loss", "-0%"), "0%");
        assert_eq!(Probability(-0.0).show(), "0%");
        assert_eq!(said("loss", "150%"), "loss=150%: out of range; valid: 0% to 100% (like 5%, 0.05)");
        assert_eq!(said("loss", "nan"), "loss=nan: not a probability; valid: 0% to 100% (like 5%, 0.05)");
    }

    #[test]
    fn a_line_that_carries_nothing_is_no_line_rate() {
        assert!(said("rate", "0bit/s").contains("out of range; valid: 1bit/s to 1000Gbit/s"));
    }

    #[test]
    fn the_values_of_a_list_are_checked_one_by_one() {
        assert_eq!(said("pauses", "90s, 1ms"), "1m 30s,1ms");
        assert_eq!(
            said("pauses", "1s,2h"),
            "pauses=2h: out of range; valid: 1ms to 1h (like 250ms, 1m 30s, 2h)"
        );
        assert_eq!(spec("pauses").unit.to_string(), "list of durations");
        assert_eq!(spec("pauses").default.text, "1s,5s");
        let given = [("pauses".to_owned(), "90s, 1ms".to_owned())].into();
        assert_eq!(All::from_given(&given).unwrap().pauses, [secs(90), ms(1)]);
    }

    #[test]
    fn a_declaration_carries_its_default_and_bounds_as_numbers() {
        let wait = spec("wait");
        assert_eq!(wait.default, Value { text: "30s".to_owned(), position: Some(30.0) });
        assert_eq!(wait.max.and_then(|max| max.position), Some(3600.0));
        assert_eq!(spec("loss").max.and_then(|max| max.position), Some(1.0));
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
