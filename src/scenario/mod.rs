//! The experiments.
//!
//! A scenario is one file that reads like its question: world, processes, faults, measures, claims. [`REGISTRY`] lists
//! them; [`crate::explore`] runs them.

pub mod experiment;
pub mod prelude;
mod report;
pub mod tcp;
pub mod websocket;

use crate::parameter::{Choice as _, Given, ParameterError, Spec, quoted};
use crate::sim::engine::ending::Failure;
use crate::sim::fault::ScriptError;
use crate::sim::{Engine, Limits};
use crate::trace::{Recording, Trace};

/// How to run a scenario.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The seed of everything random.
    pub seed: u64,
    /// Parameters that differ from their defaults.
    pub given: Given,
    /// A fault script that takes the place of the scenario's own, or comes to them if it begins with `+`
    /// ([`GivenFaults`](crate::sim::fault::GivenFaults)).
    pub faults: Option<String>,
    /// The engine to run it on.
    pub engine: Engine,
    /// What the run may use before it is ended.
    pub limits: Limits,
    /// What is kept of the run besides what the scenario's measures need: what is to be shown of it.
    pub recording: Recording,
}

/// A measured quantity. Its name carries its unit (`detect_time_s`); `None`: it did not happen.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    /// The name, with its unit.
    pub name: &'static str,
    /// What it is, in a few words; of a time, since when.
    pub label: &'static str,
    /// The value.
    pub value: Option<f64>,
}

/// Many values of one kind, in order of size.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    /// The name, with its unit: `connect_s`.
    pub name: &'static str,
    /// What it is, in a few words.
    pub label: &'static str,
    /// The values, the smallest first.
    pub values: Vec<f64>,
}

/// What happened in another world of the same experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// What is different in that world: `without keepalive`.
    pub title: String,
    /// What happened there.
    pub trace: Trace,
}

/// A statement checked on an outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// The row of the ledger: `I-01`.
    pub id: &'static str,
    /// What this scenario claims about it.
    pub statement: String,
    /// Whether it holds in this run.
    pub holds: bool,
}

/// What came out of a run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outcome {
    /// The scenario's name.
    pub scenario: &'static str,
    /// The seed it ran with.
    pub seed: u64,
    /// The engine it ran on.
    pub engine: Engine,
    /// All its parameters, as they would be typed, in order of declaration.
    pub parameters: Vec<(String, String)>,
    /// Those that differ from their defaults.
    pub changed: Vec<(String, String)>,
    /// The fault script, as it would be typed, if it is not the scenario's own.
    pub faults: Option<String>,
    /// The limits that differ from their defaults, as they would be typed.
    pub limits: Vec<(String, String)>,
    /// What was measured.
    pub measures: Vec<Measure>,
    /// The values behind those measures that stand for many.
    pub distributions: Vec<Distribution>,
    /// What was claimed.
    pub claims: Vec<Claim>,
    /// What happened.
    pub trace: Trace,
    /// What happened in the other worlds of the experiment, if it has any.
    pub others: Vec<Told>,
}

impl Outcome {
    /// The value of a measure: outer `None` if there is no such measure, inner `None` if it did not happen.
    pub fn measure(&self, name: &str) -> Option<Option<f64>> {
        self.measures.iter().find(|m| m.name == name).map(|m| m.value)
    }

    /// The command that reproduces this run.
    pub fn command(&self) -> String {
        self.command_of("halfopen")
    }

    /// The same where the program that has this scenario has another name.
    pub fn command_of(&self, program: &str) -> String {
        let mut out = format!("{program} run {}", self.scenario);
        for (name, value) in &self.changed {
            out += &format!(" --set {name}={}", quoted(value));
        }
        if self.seed != 0 {
            out += &format!(" --seed {}", self.seed);
        }
        if let Some(script) = &self.faults {
            out += &format!(" --faults '{script}'");
        }
        if self.engine != Engine::default() {
            out += &format!(" --engine {}", self.engine.word());
        }
        for (name, value) in &self.limits {
            out += &format!(" --limit {name}={}", quoted(value));
        }
        out
    }
}

/// A run could not be made. Its text is one line that says what is valid.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A parameter is wrong.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// The fault script is wrong.
    #[error(transparent)]
    Faults(#[from] ScriptError),
    /// No scenario has this name.
    #[error("no scenario `{name}`{}; valid: {}", crate::parameter::suggestion(.name, .valid), .valid.join(", "))]
    UnknownScenario {
        /// The name given.
        name: String,
        /// The names there are.
        valid: Vec<String>,
    },
    /// The engine cannot run this.
    #[error("{0}")]
    Engine(String),
    /// The run was given up: a process panicked, or a bound was reached.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// The simulation itself failed, which is an error in this crate.
    #[error("the simulation failed: {0}")]
    Simulation(String),
}

/// A scenario, as the registry knows it.
pub trait Scenario: Sync {
    /// `topic/experiment`.
    fn name(&self) -> &'static str;
    /// What it asks.
    fn question(&self) -> &'static str;
    /// Its parameters.
    fn parameters(&self) -> Vec<Spec>;
    /// Runs it. Same settings, same bytes.
    ///
    /// # Errors
    /// [`RunError`] when the settings are wrong.
    fn run(&self, settings: &Settings) -> Result<Outcome, RunError>;
}

/// Every scenario, in the order of `halfopen list`.
pub static REGISTRY: &[&dyn Scenario] = &[
    &tcp::handshake::SCENARIO,
    &tcp::outage_tail::SCENARIO,
    &tcp::user_timeout::SCENARIO,
    &tcp::keepalive_power_loss::SCENARIO,
    &tcp::backlog::SCENARIO,
    &tcp::write_says_nothing::SCENARIO,
    &tcp::rebind::SCENARIO,
    &tcp::half_open_discovery::SCENARIO,
    &tcp::connect_says_nothing::SCENARIO,
    &tcp::orphans::SCENARIO,
    &tcp::stalled_reader::SCENARIO,
    &tcp::lossy_pushes::SCENARIO,
    &tcp::longer_path::SCENARIO,
    &tcp::idle_restart::SCENARIO,
    &websocket::layers::SCENARIO,
    &websocket::stalled_server::SCENARIO,
    &websocket::partition::SCENARIO,
    &websocket::wifi_switch::SCENARIO,
    &websocket::suspend::SCENARIO,
    &websocket::deploy::SCENARIO,
    &websocket::heartbeat_day::SCENARIO,
];
