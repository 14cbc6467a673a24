//! A goal over the measures and claims of a run: `detect_time_s <= 20; X-03 holds; verdict_s never`.

use std::fmt;
use std::str::FromStr;

use super::run::plain;
use crate::parameter::suggestion;
use crate::scenario::Outcome;

/// Conditions, all of which must be met.
#[derive(Debug, Clone, PartialEq)]
pub struct Goal(pub Vec<Condition>);

/// One of them.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// A measure compares so with a number; one that did not happen meets no comparison.
    Compares {
        /// The measure.
        measure: String,
        /// How.
        how: Comparison,
        /// The number, in the measure's unit.
        number: f64,
    },
    /// What a measure stands for happened, or did not.
    Happens {
        /// The measure.
        measure: String,
        /// Whether it is to happen.
        wanted: bool,
    },
    /// Every claim about a row of the ledger holds, or one of them does not.
    Claims {
        /// The row.
        row: String,
        /// Whether it is to hold.
        wanted: bool,
    },
}

/// How a measure compares with a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `<=`
    AtMost,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `>`
    Above,
    /// `=`
    Equal,
}

impl Comparison {
    /// Their signs; one that another begins with stands behind it.
    const SIGNS: [(&'static str, Comparison); 5] = [
        ("<=", Comparison::AtMost),
        (">=", Comparison::AtLeast),
        ("<", Comparison::Below),
        (">", Comparison::Above),
        ("=", Comparison::Equal),
    ];

    fn of(self, left: f64, right: f64) -> bool {
        match self {
            Comparison::AtMost => left <= right,
            Comparison::AtLeast => left >= right,
            Comparison::Below => left < right,
            Comparison::Above => left > right,
            Comparison::Equal => left == right,
        }
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Comparison::AtMost => "at most",
            Comparison::AtLeast => "at least",
            Comparison::Below => "below",
            Comparison::Above => "above",
            Comparison::Equal => "exactly",
        }
    }

    fn sign(self) -> &'static str {
        Self::SIGNS.iter().find(|(_, how)| *how == self).map_or("", |(sign, _)| sign)
    }
}

/// A goal cannot be judged. Its text is one line that says what is valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GoalError {
    /// A condition cannot be read.
    #[error(
        "`{0}` is no condition; valid: MEASURE <= NUMBER (or >=, <, >, =), MEASURE happens, MEASURE never, ROW holds, ROW fails"
    )]
    Condition(String),
    /// The run does not measure or claim this.
    #[error("no {what} `{name}`{}; valid: {}", suggestion(.name, .valid), .valid.join(", "))]
    Unknown {
        /// `measure` or `claim`.
        what: &'static str,
        /// The name given.
        name: String,
        /// The names there are.
        valid: Vec<String>,
    },
}

impl FromStr for Goal {
    type Err = GoalError;

    fn from_str(text: &str) -> Result<Self, GoalError> {
        let conditions: Vec<&str> = text.split(';').map(str::trim).filter(|c| !c.is_empty()).collect();
        if conditions.is_empty() {
            return Err(GoalError::Condition(text.trim().to_owned()));
        }
        conditions.into_iter().map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl FromStr for Condition {
    type Err = GoalError;

    fn from_str(text: &str) -> Result<Self, GoalError> {
        let invalid = || GoalError::Condition(text.to_owned());
        let found = Comparison::SIGNS
            .iter()
            .find_map(|(sign, how)| text.split_once(sign).map(|(left, right)| (left, *how, right)));
        if let Some((measure, how, number)) = found {
            let number: f64 = number.trim().parse().map_err(|_| invalid())?;
            let measure = measure.trim();
            let is_name = !measure.is_empty() && !measure.contains(char::is_whitespace) && number.is_finite();
            let compares = Condition::Compares { measure: measure.to_owned(), how, number };
            return if is_name { Ok(compares) } else { Err(invalid()) };
        }
        let (name, word) = text.rsplit_once(char::is_whitespace).ok_or_else(invalid)?;
        let name = name.trim().to_owned();
        match word {
            "happens" | "never" => Ok(Condition::Happens { measure: name, wanted: word == "happens" }),
            "holds" | "fails" => Ok(Condition::Claims { row: name, wanted: word == "holds" }),
            _ => Err(invalid()),
        }
    }
}

/// As it is typed.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Condition::Compares { measure, how, number } => {
                write!(f, "{measure} {} {}", how.sign(), plain(*number))
            }
            Condition::Happens { measure, wanted } => {
                write!(f, "{measure} {}", if *wanted { "happens" } else { "never" })
            }
            Condition::Claims { row, wanted } => {
                write!(f, "{row} {}", if *wanted { "holds" } else { "fails" })
            }
        }
    }
}

impl Goal {
    /// Which conditions a run meets, in their order.
    ///
    /// # Errors
    /// [`GoalError::Unknown`] for a measure or claim that the run does not have.
    pub fn judge(&self, outcome: &Outcome) -> Result<Vec<bool>, GoalError> {
        self.0.iter().map(|condition| condition.is_met(outcome)).collect()
    }
}

impl Condition {
    fn is_met(&self, outcome: &Outcome) -> Result<bool, GoalError> {
        let measured = |name: &str| {
            let valid = || outcome.measures.iter().map(|m| m.name.to_owned()).collect();
            let unknown = || GoalError::Unknown { what: "measure", name: name.to_owned(), valid: valid() };
            outcome.measure(name).ok_or_else(unknown)
        };
        match self {
            Condition::Compares { measure, how, number } => {
                Ok(measured(measure)?.is_some_and(|value| how.of(value, *number)))
            }
            Condition::Happens { measure, wanted } => Ok(measured(measure)?.is_some() == *wanted),
            Condition::Claims { row, wanted } => {
                let mut about = outcome.claims.iter().filter(|claim| claim.id == row).peekable();
                if about.peek().is_none() {
                    let mut valid: Vec<String> = outcome.claims.iter().map(|c| c.id.to_owned()).collect();
                    valid.dedup();
                    return Err(GoalError::Unknown { what: "claim", name: row.clone(), valid });
                }
                Ok(about.all(|claim| claim.holds) == *wanted)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::fake;
    use crate::scenario::Settings;

    fn judged(goal: &str) -> Result<Vec<bool>, String> {
        let outcome = fake::REGISTRY.find("fake/stall").unwrap().run(&Settings::default()).unwrap();
        let goal: Goal = goal.parse().map_err(|e: GoalError| e.to_string())?;
        goal.judge(&outcome).map_err(|e| e.to_string())
    }

    #[test]
    fn a_goal_is_judged_condition_by_condition() {
        // detect_time_s is 15.04, keepalive_verdict_s never happens, I-01 and X-13 hold.
        let goal = "detect_time_s <= 15.04; detect_time_s<15.04; detect_time_s>=16; updates_lost = 0; detect_time_s > 15";
        assert_eq!(judged(goal), Ok(vec![true, false, false, true, true]));
        let goal = "keepalive_verdict_s never; keepalive_verdict_s happens; detect_time_s happens; I-01 holds; X-13 fails";
        assert_eq!(judged(goal), Ok(vec![true, false, true, true, false]));
        assert_eq!(
            judged("keepalive_verdict_s <= 1000"),
            Ok(vec![false]),
            "what never happens is never in time"
        );
    }

    #[test]
    fn what_cannot_be_judged_is_answered_with_what_can() {
        for text in ["", "detect_time_s", "detect_time_s <= soon", "<= 3", "I-01 maybe", "a b <= 3"] {
            let error = judged(text).unwrap_err();
            assert!(error.contains("is no condition; valid: MEASURE <= NUMBER"), "{text}: {error}");
        }
        assert!(
            judged("detect_time <= 3").unwrap_err().starts_with("no measure `detect_time`; did you mean")
        );
        assert_eq!(
            judged("A-01 holds").unwrap_err(),
            "no claim `A-01`; did you mean `I-01`?; valid: I-01, X-13"
        );
    }

    #[test]
    fn a_condition_is_shown_as_it_can_be_typed() {
        for text in
            ["detect_time_s <= 20", "a_count > 0.5", "a_s never", "a_s happens", "X-03 holds", "X-03 fails"]
        {
            assert_eq!(text.parse::<Condition>().unwrap().to_string(), text);
        }
    }
}
