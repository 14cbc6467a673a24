//! Small scenarios for tests, with nothing simulated.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::Registry;
use crate::parameter::{Choice, Parameters, Spec, ms, secs};
use crate::scenario::{Claim, Measure, Outcome, RunError, Scenario, Settings};
use crate::sim::fault::ScriptError;
use crate::trace::{Event, HostId, Layer, Trace};

pub(crate) const REGISTRY: Registry = Registry::of(&[&Stall, &Quiet]);

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Timers {
    Slow,
    Fast,
}
impl Choice for Timers {
    const WORDS: &'static [(&'static str, Self)] = &[("slow", Timers::Slow), ("fast", Timers::Fast)];
}
crate::choice_parameter!(Timers);

crate::parameters! {
    /// Of the fake scenario.
    pub(crate) struct StallParameters {
        /// How long the server stalls.
        stall: Duration = secs(30), in ms(1)..=secs(3600);
        /// Whose timers.
        timers: Timers = Timers::Slow;
        /// Updates sent.
        updates: u32 = 3, in 1..=100;
    }
}

/// Two hosts, one stall; measures follow the parameters.
pub(crate) struct Stall;

impl Scenario for Stall {
    fn name(&self) -> &'static str {
        "fake/stall"
    }
    fn question(&self) -> &'static str {
        "Does anybody notice a stall?"
    }
    fn parameters(&self) -> Vec<Spec> {
        StallParameters::specs()
    }
    fn run(&self, settings: &Settings) -> Result<Outcome, RunError> {
        let p = StallParameters::from_given(&settings.given)?;
        if settings.faults.as_deref().is_some_and(|script| !script.starts_with("at ")) {
            return Err(ScriptError {
                entry: String::new(),
                problem: "a fault script starts with `at`".to_owned(),
                there: Vec::new(),
            }
            .into());
        }
        let defaults = StallParameters::default().settings();
        let parameters = p.settings();
        let changed = parameters.iter().filter(|v| !defaults.contains(v)).cloned().collect();
        let event = |at, host, name| Event {
            at,
            host: Some(HostId(host)),
            layer: Layer::App,
            name,
            fields: [("updates", u64::from(p.updates).into())].into_iter().collect(),
        };
        Ok(Outcome {
            scenario: "fake/stall",
            seed: settings.seed,
            parameters,
            changed,
            faults: settings.faults.clone(),
            engine: settings.engine,
            measures: vec![
                Measure {
                    name: "detect_time_s",
                    label: "noticed after",
                    value: Some(p.stall.as_secs_f64() / 2.0 + 0.04),
                },
                Measure { name: "updates_lost", label: "updates lost", value: Some(0.0) },
                Measure { name: "keepalive_verdict_s", label: "the verdict of keepalive", value: None },
            ],
            claims: vec![
                Claim {
                    id: "I-01",
                    statement: "keepalives are answered for as long as the process stalls".to_owned(),
                    holds: true,
                },
                Claim {
                    id: "X-13",
                    statement: "a stall of `10s` or more is noticed".to_owned(),
                    holds: p.stall >= secs(10),
                },
            ],
            trace: Trace {
                hosts: vec!["phone".to_owned(), "server".to_owned()].into(),
                events: vec![
                    event(Duration::ZERO, 0, "connected"),
                    event(secs(1), 1, "stalled"),
                    event(p.stall, 0, "verdict"),
                ],
                ended: p.stall + secs(1),
                ..Trace::default()
            },
            ..Outcome::default()
        })
    }
}

/// Nothing happens, nothing is claimed.
pub(crate) struct Quiet;

impl Scenario for Quiet {
    fn name(&self) -> &'static str {
        "fake/quiet"
    }
    fn question(&self) -> &'static str {
        "Does nothing happen?"
    }
    fn parameters(&self) -> Vec<Spec> {
        Vec::new()
    }
    fn run(&self, settings: &Settings) -> Result<Outcome, RunError> {
        Ok(quiet("fake/quiet", settings.seed))
    }
}

fn quiet(scenario: &'static str, seed: u64) -> Outcome {
    Outcome { scenario, seed, ..Outcome::default() }
}

/// Counts how often it is run.
pub(crate) struct Counted(AtomicUsize);

pub(crate) static COUNTED: Counted = Counted(AtomicUsize::new(0));

impl Counted {
    pub(crate) fn runs(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Scenario for Counted {
    fn name(&self) -> &'static str {
        "fake/counted"
    }
    fn question(&self) -> &'static str {
        "How often?"
    }
    fn parameters(&self) -> Vec<Spec> {
        Vec::new()
    }
    fn run(&self, settings: &Settings) -> Result<Outcome, RunError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(quiet("fake/counted", settings.seed))
    }
}

/// Claims a row that the ledger does not have.
pub(crate) struct Stray;

impl Scenario for Stray {
    fn name(&self) -> &'static str {
        "fake/stray"
    }
    fn question(&self) -> &'static str {
        "Which row?"
    }
    fn parameters(&self) -> Vec<Spec> {
        Vec::new()
    }
    fn run(&self, settings: &Settings) -> Result<Outcome, RunError> {
        let claim = Claim { id: "Z-99", statement: "none".to_owned(), holds: true };
        Ok(Outcome { claims: vec![claim], ..quiet("fake/stray", settings.seed) })
    }
}
