//! What can stand at a place of a fault script, and what is wrong with it, in the names of a scenario's world.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Bounds, Request};
use crate::explore::Registry;
use crate::scenario::{RunError, Scenario, Settings};
use crate::sim::fault::complete::{Names, complete};
use crate::trace::Recording;

/// A script that is being written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    script: String,
    /// Counted as a page counts: in units of UTF-16.
    cursor: usize,
}

/// `{from, words, error: null|{at, message}}`; places are counted as a page counts.
pub fn answer(
    registry: Registry,
    request: &Request,
    words: &Words,
    bounds: &Bounds<'_>,
) -> Result<Value, String> {
    let scenario = registry.find(&request.scenario).map_err(|error| error.to_string())?;
    let settings = Settings { recording: Recording::Counters, ..bounds.settings(request) };
    let script = words.script.as_str();
    let found = complete(script, in_bytes(script, words.cursor), &World { scenario, settings });
    let at = |bytes: usize| script[..bytes].encode_utf16().count();
    let error = found.error.map(|wrong| json!({"at": at(wrong.at), "message": wrong.message}));
    Ok(json!({"from": at(found.from), "words": found.words, "error": error}))
}

/// Where a place that is counted in UTF-16 lies.
fn in_bytes(text: &str, units: usize) -> usize {
    let mut passed = 0;
    let letter = text.char_indices().find(|(_, letter)| {
        passed += letter.len_utf16();
        passed > units
    });
    letter.map_or(text.len(), |(at, _)| at)
}

/// The world of a scenario under some settings.
struct World {
    scenario: &'static dyn Scenario,
    settings: Settings,
}

impl World {
    /// The names that could stand in place of one that no machine and no interface has: a world refuses such a script
    /// before anything runs in it, and says what it has.
    fn instead_of(&self, script: String) -> Vec<String> {
        let asked = Settings { faults: Some(script), ..self.settings.clone() };
        let told = match self.scenario.run(&asked) {
            // A parameter that is just being changed says nothing about the script.
            Err(RunError::Parameter(_)) => {
                self.scenario.run(&Settings { given: Default::default(), ..asked })
            }
            told => told,
        };
        match told {
            Err(RunError::Faults(error)) => error.there,
            Ok(outcome) => outcome.trace.hosts.to_vec(),
            Err(_) => Vec::new(),
        }
    }
}

impl Names for World {
    fn machines(&self) -> Vec<String> {
        self.instead_of("at 0s stall ?".to_owned())
    }

    fn interfaces(&self, machine: &str) -> Vec<String> {
        // Of a machine that is not there, the machines would be told.
        match self.machines().iter().any(|there| there == machine) {
            true => self.instead_of(format!("at 0s switch {machine} ?")),
            false => Vec::new(),
        }
    }
}
