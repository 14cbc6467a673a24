//! What is kept of a run of a sweep; its trace is not.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::scenario::{Outcome, RunError, Scenario, Settings};

/// What is kept of a run.
///
/// As JSON `{measures: [[NAME, TEXT|null]], claims: [[ROW, HOLDS]], changed}`: numbers are texts, so that a number that was
/// written and read again is the same to the last bit, whoever passed it on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    pub(super) measures: Vec<(String, Number)>,
    pub(super) claims: Vec<(String, bool)>,
    /// Whether a parameter differed from its default.
    pub(super) changed: bool,
}

/// A measured number; `None`: it did not happen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Number(pub Option<f64>);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The shortest text that reads back as the same number.
        self.0.map(|number| number.to_string()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        let number = text.map(|text| text.parse().map_err(serde::de::Error::custom)).transpose()?;
        Ok(Self(number))
    }
}

impl Kept {
    /// Makes a run, and keeps of it what its numbers are.
    pub(super) fn of(scenario: &dyn Scenario, settings: &Settings) -> Result<Self, RunError> {
        let outcome: Outcome = scenario.run(settings)?;
        Ok(Self {
            measures: outcome.measures.iter().map(|m| (m.name.to_owned(), Number(m.value))).collect(),
            claims: outcome.claims.iter().map(|c| (c.id.to_owned(), c.holds)).collect(),
            changed: !outcome.changed.is_empty(),
        })
    }

    /// What was measured under this name, if it was and happened.
    pub(super) fn measure(&self, name: &str) -> Option<f64> {
        self.measures.iter().find(|(measured, _)| measured == name)?.1.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_number_that_was_kept_as_json_is_the_same_to_the_last_bit(bits in any::<u64>(), happened in any::<bool>()) {
            let number = f64::from_bits(bits);
            prop_assume!(!number.is_nan());
            let kept = Kept {
                measures: vec![("a_s".to_owned(), Number(happened.then_some(number)))],
                claims: vec![("I-01".to_owned(), happened)],
                changed: happened,
            };
            let text = serde_json::to_string(&kept).unwrap();
            let read: Kept = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(read.measure("a_s").map(f64::to_bits), happened.then_some(bits));
            prop_assert_eq!(read, kept);
        }
    }
}
