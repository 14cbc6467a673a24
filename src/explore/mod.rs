//! Running scenarios, and what comes out of it as text, JSON or a figure; the ledger of claims.
//!
//! - [`Registry`] and [`Runs`]: which scenarios there are, and each run made once.
//! - [`run`], [`sweep`], [`list`], [`claims`]: the commands of those names, as functions from data to text or JSON.
//! - [`view`]: what of a run is shown.
//! - [`goal`]: conditions over measures and claims.
//! - [`ledger`]: every row of the ledger of claims.

pub mod claims;
pub mod forms;
pub mod goal;
pub mod ledger;
pub mod list;
pub mod run;
pub mod sweep;
pub mod view;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::parameter::Choice as _;
use crate::parameter::Given;
use crate::scenario::{Outcome, REGISTRY, RunError, Scenario, Settings};

/// The scenarios there are, in the order of `halfopen list`.
#[derive(Clone, Copy)]
pub struct Registry {
    scenarios: &'static [&'static dyn Scenario],
    program: &'static str,
}

impl Registry {
    /// Every scenario of this crate.
    pub fn all() -> Self {
        Self::of(REGISTRY)
    }

    /// These scenarios.
    pub const fn of(scenarios: &'static [&'static dyn Scenario]) -> Self {
        Self { scenarios, program: "halfopen" }
    }

    /// The same, run by the program of this name: what the printed commands begin with.
    pub const fn run_by(self, program: &'static str) -> Self {
        Self { program, ..self }
    }

    /// The scenarios, in order.
    pub fn scenarios(self) -> &'static [&'static dyn Scenario] {
        self.scenarios
    }

    /// The name of the program that runs them.
    pub fn program(self) -> &'static str {
        self.program
    }

    /// Finds a scenario by its name.
    ///
    /// # Errors
    /// [`RunError::UnknownScenario`], naming those there are.
    pub fn find(self, name: &str) -> Result<&'static dyn Scenario, RunError> {
        self.scenarios.iter().find(|s| s.name() == name).copied().ok_or_else(|| RunError::UnknownScenario {
            name: name.to_owned(),
            valid: self.scenarios.iter().map(|s| s.name().to_owned()).collect(),
        })
    }
}

/// What makes two runs the same: scenario, seed, parameters, fault script.
type Key = (&'static str, &'static str, u64, Given, Option<String>);

/// Runs of scenarios, each made once: same settings, same outcome, so there is no need for a second one.
///
/// A clone shares the outcomes.
#[derive(Clone)]
pub struct Runs {
    registry: Registry,
    done: Arc<Mutex<BTreeMap<Key, Arc<Outcome>>>>,
}

impl Runs {
    /// No run made yet.
    pub fn new(registry: Registry) -> Self {
        Self { registry, done: Arc::default() }
    }

    /// The scenarios that can be run.
    pub fn registry(&self) -> Registry {
        self.registry
    }

    /// The outcome of a scenario under these settings, of which no less was recorded than they ask for, but perhaps more.
    ///
    /// # Errors
    /// As [`Registry::find`] and [`Scenario::run`].
    pub fn run(&self, scenario: &str, settings: &Settings) -> Result<Arc<Outcome>, RunError> {
        let scenario = self.registry.find(scenario)?;
        let key = (
            scenario.name(),
            settings.engine.word(),
            settings.seed,
            settings.given.clone(),
            settings.faults.clone(),
        );
        // Whoever panicked while holding the lock left the map whole: an outcome is put into it in one step.
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(outcome) = done.get(&key).filter(|done| done.trace.recording >= settings.recording) {
            return Ok(Arc::clone(outcome));
        }
        let outcome = Arc::new(scenario.run(settings)?);
        done.insert(key, Arc::clone(&outcome));
        Ok(outcome)
    }
}

#[cfg(test)]
pub(crate) mod fake;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::fake;
    use crate::trace::Recording;

    #[test]
    fn the_same_settings_are_run_once_and_others_again() {
        static COUNTED: &[&dyn Scenario] = &[&fake::COUNTED];
        let runs = Runs::new(Registry::of(COUNTED));
        let settings = Settings::default();
        let first = runs.run("fake/counted", &settings).unwrap();
        let again = runs.clone().run("fake/counted", &settings).unwrap();
        assert_eq!(fake::COUNTED.runs(), 1);
        assert!(Arc::ptr_eq(&first, &again));
        runs.run("fake/counted", &Settings { seed: 1, ..settings }).unwrap();
        assert_eq!(fake::COUNTED.runs(), 2);
    }

    #[test]
    fn a_run_is_made_again_only_to_keep_more_of_it() {
        let runs = Runs::new(Registry::all());
        let run = |recording| {
            runs.run("websocket/heartbeat-day", &Settings { recording, ..Settings::default() }).unwrap()
        };
        let counted = run(Recording::Counters);
        assert!(counted.trace.events.is_empty() && counted.trace.packets.is_empty());
        let told = run(Recording::Story);
        assert!(!told.trace.events.is_empty() && told.trace.packets.is_empty());
        assert_eq!(told.measures, counted.measures);
        assert!(Arc::ptr_eq(&told, &run(Recording::Counters)));
    }

    #[test]
    fn an_unknown_scenario_is_answered_with_those_there_are() {
        let error = fake::REGISTRY.find("fake/stal").map(|s| s.name()).unwrap_err().to_string();
        assert_eq!(
            error,
            "no scenario `fake/stal`; did you mean `fake/stall`?; valid: fake/stall, fake/quiet"
        );
    }
}
