//! A scenario run again and again with changed parameters: how what is measured moves.
//!
//! - [`run`] makes the runs of a [`Plan`], side by side where there are threads; the outcome is the same without.
//! - [`Prepared`] makes them in slices, for whoever wants to stop between them or has other hands than threads.
//! - [`text`], [`csv`], [`json`], [`svg`], [`standalone_svg`]: its forms.

mod chart;
mod forms;
mod kept;
mod parallel;
mod prepared;
#[cfg(test)]
mod tests;
mod vary;

use std::num::{NonZeroU32, NonZeroUsize};

use super::Registry;
use crate::parameter::{Choice as _, ParameterError, Spec, quoted, suggestion};
use crate::scenario::{RunError, Settings};
use crate::sim::Engine;
use crate::trace::statistics;

pub(super) use chart::unit_of_measure;
pub use chart::{Form, standalone_svg, svg};
pub use forms::{csv, json, text};
pub use kept::Kept;
pub use parallel::threads;
pub use prepared::Prepared;
pub use vary::{MOST_RUNS, Vary, is_varied};

/// What to run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The scenario's name.
    pub scenario: String,
    /// The varied parameters, each with its values as typed: `1s,5s,10s..60s/6`. All combinations are run.
    pub vary: Vec<(String, String)>,
    /// The measures wanted, in this order; none: all of them.
    pub measures: Vec<String>,
    /// How often each point is run, each time with the next seed.
    pub seeds: NonZeroU32,
    /// How a chart of it is drawn.
    pub form: Form,
    /// What all runs share; its seed is the first one.
    pub settings: Settings,
}

/// What came out.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// The scenario's name.
    pub scenario: &'static str,
    /// What it asks.
    pub question: &'static str,
    /// The command that does it again.
    pub command: String,
    /// The first seed.
    pub seed: u64,
    /// How often each point was run.
    pub seeds: NonZeroU32,
    /// The parameters that were set for all runs, as they would be typed.
    pub set: Vec<(String, String)>,
    /// The fault script, if it is not the scenario's own.
    pub faults: Option<String>,
    /// The varied parameters.
    pub vary: Vec<Vary>,
    /// The measures, in order.
    pub measures: Vec<String>,
    /// The rows of the ledger that were claimed, in order.
    pub claims: Vec<String>,
    /// All combinations; the last parameter varies fastest.
    pub points: Vec<Point>,
    /// How a chart of it is drawn.
    pub form: Form,
    /// Whether a claim failed in a run in which nothing was changed.
    pub failed_at_the_defaults: bool,
}

/// One combination of values.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// The value of each varied parameter: its place in [`Vary::values`].
    pub values: Vec<usize>,
    /// What was measured, in the order of [`Sweep::measures`]; `None`: it happened in no run.
    pub measures: Vec<Option<Spread>>,
    /// The rows of the ledger whose claim did not hold in every run.
    pub claims_failed: Vec<String>,
}

/// A measure over several runs, those in which it happened.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The smallest value.
    pub min: f64,
    /// The median, by nearest rank: it is one of the values.
    pub median: f64,
    /// The largest value.
    pub max: f64,
    /// The number of runs in which it happened.
    pub happened: u32,
}

/// A sweep cannot be made. Its text is one line that says what is valid.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// A run cannot be made.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Nothing is varied.
    #[error("nothing is varied; valid: {}", .0.join(", "))]
    Nothing(Vec<String>),
    /// A parameter is given more than once.
    #[error("the parameter `{0}` is given twice")]
    Twice(String),
    /// More runs than [`MOST_RUNS`].
    #[error("more than {MOST_RUNS} runs; vary less, or with fewer seeds")]
    TooMany,
    /// The last seed is larger than seeds can be.
    #[error(
        "{seeds} seeds from {seed} on: the largest seed is {}; begin lower, or with fewer seeds",
        u64::MAX
    )]
    Seeds {
        /// The first.
        seed: u64,
        /// How many.
        seeds: NonZeroU32,
    },
    /// What was kept is not of these runs.
    #[error("{given} kept results for a sweep of {runs} runs; valid: one for each run, in order")]
    Kept {
        /// How many there are.
        given: usize,
        /// How many there should be.
        runs: usize,
    },
    /// Whoever asked does not want it any more, or has waited too long.
    #[error("stopped after {done} of {runs} runs")]
    Stopped {
        /// The runs that were made.
        done: usize,
        /// How many it would have been.
        runs: usize,
    },
    /// The scenario does not measure this.
    #[error("no measure `{name}`{}; valid: {}", suggestion(.name, .valid), .valid.join(", "))]
    NoMeasure {
        /// The name given.
        name: String,
        /// The measures there are.
        valid: Vec<String>,
    },
}

impl From<ParameterError> for SweepError {
    fn from(error: ParameterError) -> Self {
        Self::Run(error.into())
    }
}

/// Makes the runs on so many threads ([`threads`] knows how many are worth having). The number of threads changes
/// nothing of what comes out.
///
/// # Errors
/// [`SweepError`]; wrong names and values of parameters before the first run, wrong measures after it.
pub fn run(registry: Registry, plan: &Plan, threads: NonZeroUsize) -> Result<Sweep, SweepError> {
    run_while(registry, plan, threads, &|| true)
}

/// The same as long as `go_on`, which is asked before every run.
///
/// # Errors
/// As [`run`], and [`SweepError::Stopped`].
pub fn run_while(
    registry: Registry,
    plan: &Plan,
    threads: NonZeroUsize,
    go_on: &(dyn Fn() -> bool + Sync),
) -> Result<Sweep, SweepError> {
    let prepared = Prepared::new(registry, plan)?;
    // The first run alone: it tells what is measured.
    let first = prepared.one(0)?;
    prepared.measures(&first)?;
    let one = |n: usize| match go_on() {
        true => Ok(prepared.one(n + 1)?),
        false => Err(SweepError::Stopped { done: n + 1, runs: prepared.runs() }),
    };
    let rest = parallel::in_order(prepared.runs() - 1, threads, one)?;
    let runs: Vec<Kept> = std::iter::once(first).chain(rest).collect();
    prepared.drawn_from(&runs)
}

fn spec<'a>(specs: &'a [Spec], name: &str) -> Result<&'a Spec, ParameterError> {
    specs.iter().find(|spec| spec.name == name).ok_or_else(|| ParameterError::Unknown {
        name: name.to_owned(),
        valid: specs.iter().map(|spec| spec.name.clone()).collect(),
    })
}

/// What all runs share, checked, in order of declaration.
fn set(plan: &Plan, specs: &[Spec]) -> Result<Vec<(String, String)>, SweepError> {
    let given = &plan.settings.given;
    if let Some(name) = given.keys().find(|name| !specs.iter().any(|spec| spec.name == **name)) {
        spec(specs, name)?;
    }
    let set = specs.iter().filter_map(|spec| Some((spec, given.get(&spec.name)?)));
    let set = set.map(|(spec, text)| Ok((spec.name.clone(), spec.value(text)?.text)));
    set.collect()
}

fn vary(plan: &Plan, specs: &[Spec]) -> Result<Vec<Vary>, SweepError> {
    if plan.vary.is_empty() {
        return Err(SweepError::Nothing(specs.iter().map(|spec| spec.name.clone()).collect()));
    }
    let mut out: Vec<Vary> = Vec::new();
    for (name, text) in &plan.vary {
        if plan.settings.given.contains_key(name) || out.iter().any(|vary| vary.name == *name) {
            return Err(SweepError::Twice(name.clone()));
        }
        out.push(Vary::read(spec(specs, name)?, text)?);
    }
    Ok(out)
}

/// The places of the values of the `n`-th combination; the last parameter varies fastest.
fn places(vary: &[Vary], n: usize) -> Vec<usize> {
    let mut rest = n;
    let mut places: Vec<usize> = Vec::new();
    for vary in vary.iter().rev() {
        places.push(rest % vary.values.len());
        rest /= vary.values.len();
    }
    places.reverse();
    places
}

fn spread(runs: &[Kept], name: &str) -> Option<Spread> {
    let of = |run: &Kept| run.measure(name);
    let values: Vec<f64> = runs.iter().filter_map(of).collect();
    let s = statistics(&values)?;
    let happened = u32::try_from(values.len()).expect("no more than there are seeds");
    Some(Spread { min: s.min, median: s.median, max: s.max, happened })
}

fn command(plan: &Plan, program: &str, scenario: &str) -> String {
    let mut out = format!("{program} sweep {scenario}");
    for (name, values) in &plan.vary {
        out += &format!(" --vary {name}={}", quoted(values.trim()));
    }
    for (name, value) in &plan.settings.given {
        out += &format!(" --set {name}={}", quoted(value.trim()));
    }
    if !plan.measures.is_empty() {
        out += &format!(" --measure {}", plan.measures.join(","));
    }
    if plan.settings.seed != 0 {
        out += &format!(" --seed {}", plan.settings.seed);
    }
    if plan.seeds.get() != 1 {
        out += &format!(" --seeds {}", plan.seeds);
    }
    if plan.form != Form::default() {
        out += &format!(" --form {}", plan.form.word());
    }
    if let Some(script) = &plan.settings.faults {
        out += &format!(" --faults '{script}'");
    }
    if plan.settings.engine != Engine::default() {
        out += &format!(" --engine {}", plan.settings.engine.word());
    }
    out
}
