//! What a scenario has to say about its run: numbers, claims, and the trace they were made from.

use std::time::Duration;

use super::{Claim, Distribution, Measure, Outcome, Told};
use crate::trace::names::intern;
use crate::trace::{Trace, statistics};

/// What a scenario has to say about its run. Measures are made from the trace first, the trace is handed over last:
///
/// ```
/// # use halfopen::scenario::experiment::Report;
/// # let trace = halfopen::trace::Trace::default();
/// let report = Report::new()
///     .measure("retransmissions_count", "segments sent again", trace.total().retransmissions)
///     .claim("X-05", "nothing is sent twice on a good network", trace.total().retransmissions == 0)
///     .of(trace);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Report<T = Trace> {
    trace: T,
    others: Vec<Told>,
    measures: Vec<Measure>,
    distributions: Vec<Distribution>,
    claims: Vec<Claim>,
}

impl Report<()> {
    /// Nothing measured yet.
    #[expect(clippy::new_without_default, reason = "a report of nothing is no use")]
    pub fn new() -> Self {
        Self {
            trace: (),
            others: Vec::new(),
            measures: Vec::new(),
            distributions: Vec::new(),
            claims: Vec::new(),
        }
    }

    /// Hands over the trace of the run.
    pub fn of(self, trace: Trace) -> Report {
        let Self { others, measures, distributions, claims, .. } = self;
        Report { trace, others, measures, distributions, claims }
    }
}

impl<T> Report<T> {
    /// Adds a measure. Its name carries its unit; the label says in a few words what it is, and of a time since when.
    /// `None`: it did not happen.
    ///
    /// # Panics
    /// If it is a [`Duration`] and the name does not end in `_s`: the number is in seconds.
    pub fn measure(mut self, name: &'static str, label: &'static str, value: impl Into<Quantity>) -> Self {
        let value = match value.into() {
            Quantity::Number(value) => value,
            Quantity::Seconds(value) => {
                assert!(name.ends_with("_s"), "the measure `{name}` is a duration: its name ends in `_s`");
                value
            }
        };
        self.measures.push(Measure { name, label, value });
        self
    }

    /// Adds many values of one kind, whose name carries their unit: the measures `NAME_min`, `NAME_median`, `NAME_p99` and
    /// `NAME_max`, and the values themselves, for charts. Without any value the measures did not happen.
    pub fn distribution(
        mut self,
        name: &'static str,
        label: &'static str,
        values: impl IntoIterator<Item = f64>,
    ) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let s = statistics(&values);
        let measures = [
            ("min", s.map(|s| s.min)),
            ("median", s.map(|s| s.median)),
            ("p99", s.map(|s| s.p99)),
            ("max", s.map(|s| s.max)),
        ];
        let measures = measures.map(|(of, value)| Measure {
            name: intern(&format!("{name}_{of}")),
            label: intern(&format!("{label}: {of}")),
            value,
        });
        self.measures.extend(measures);
        self.distributions.push(Distribution { name, label, values });
        self
    }

    /// Adds a claim about a row of the ledger.
    pub fn claim(mut self, id: &'static str, statement: impl Into<String>, holds: bool) -> Self {
        self.claims.push(Claim { id, statement: statement.into(), holds });
        self
    }

    /// Hands over the trace of another world of the same experiment, and what it is: `without keepalive`.
    pub fn also(mut self, title: impl Into<String>, trace: Trace) -> Self {
        self.others.push(Told { title: title.into(), trace });
        self
    }
}

impl Report {
    /// Puts what is reported into the outcome.
    pub(super) fn into_outcome(self, outcome: Outcome) -> Outcome {
        let Self { trace, others, measures, distributions, claims } = self;
        Outcome { trace, others, measures, distributions, claims, ..outcome }
    }
}

/// What a measure may be: a number of whatever type, a duration (in seconds), or nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Quantity {
    /// A number, if it happened.
    Number(Option<f64>),
    /// A duration in seconds, if it happened.
    Seconds(Option<f64>),
}

macro_rules! numbers {
    ($($number:ty),*) => { $(
        impl From<$number> for Quantity {
            fn from(v: $number) -> Self {
                // Counts of this book are far below 2^53, where floats begin to miss integers.
                Quantity::Number(Some(v as f64))
            }
        }
        impl From<Option<$number>> for Quantity {
            fn from(v: Option<$number>) -> Self {
                Quantity::Number(v.map(|v| v as f64))
            }
        }
    )* };
}
numbers!(f64, f32, u8, u16, u32, u64, usize, i8, i16, i32, i64, isize);

impl From<Duration> for Quantity {
    fn from(v: Duration) -> Self {
        Quantity::Seconds(Some(v.as_secs_f64()))
    }
}
impl From<Option<Duration>> for Quantity {
    fn from(v: Option<Duration>) -> Self {
        Quantity::Seconds(v.map(|v| v.as_secs_f64()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameter::{ms, secs};

    #[test]
    fn a_measure_may_be_any_number_or_a_duration_in_seconds() {
        let report = Report::new()
            .measure("bytes", "", 7_u64)
            .measure("lost_count", "", -1_i32)
            .measure("wait_s", "", ms(1500))
            .measure("never_s", "", None::<Duration>)
            .measure("share", "", Some(0.5));
        let values: Vec<_> = report.measures.iter().map(|m| m.value).collect();
        assert_eq!(values, [Some(7.0), Some(-1.0), Some(1.5), None, Some(0.5)]);
    }

    #[test]
    #[should_panic(expected = "the measure `wait` is a duration: its name ends in `_s`")]
    fn a_duration_under_a_name_without_its_unit_is_a_mistake() {
        let _ = Report::new().measure("wait", "", secs(1));
    }

    #[test]
    fn a_distribution_is_four_measures_and_its_values_in_order() {
        let report = Report::new()
            .distribution("connect_s", "time to connect", [3.0, 1.0, 2.0])
            .distribution("never_s", "", []);
        let measures: Vec<_> = report.measures.iter().map(|m| (m.name, m.value)).collect();
        assert_eq!(
            measures[..4],
            [
                ("connect_s_min", Some(1.0)),
                ("connect_s_median", Some(2.0)),
                ("connect_s_p99", Some(3.0)),
                ("connect_s_max", Some(3.0))
            ]
        );
        assert!(measures[4..].iter().all(|(_, value)| value.is_none()));
        assert_eq!(
            report.distributions[0],
            Distribution { name: "connect_s", label: "time to connect", values: vec![1.0, 2.0, 3.0] }
        );
    }
}
