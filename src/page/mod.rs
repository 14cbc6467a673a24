//! A run as pieces of a page: what is asked in JSON, and the HTML and numbers that take their places in the page.
//!
//! Three ask: the book's builder, the program in the reader's browser, and the server of the book for readers without it.
//! All of them get the same bytes, so what a page redraws is what the builder wrote.
//!
//! - [`Request`]: a scenario, what is changed of it, what is shown of it.
//! - [`answer`]: to a request that was read; [`ask`]: from JSON to JSON, and there also:
//!   - `{sweep, .., slice: [FIRST, COUNT]}`: those runs of a sweep, as `{kept: [..], runs: ALL}`; `{sweep, .., kept: [..]}`: the sweep
//!     drawn from what was kept of all its runs, without running any;
//!   - `{list: true}`: the scenarios; `{take: FORM, ..}`: a run as a file; `{complete: {script, cursor}, scenario}`: what can stand
//!     at a place of a fault script.
//! - `web`: the page's own program.

mod answer;
mod complete;
mod fragment;
pub(crate) mod html;
mod request;
mod take;
#[cfg(test)]
mod tests;
#[cfg(feature = "book")]
pub mod web;

use std::num::{NonZeroU32, NonZeroUsize};

use serde_json::{Map, Value, json};

pub use answer::{Answer, of_run};
pub use fragment::{badge, condition, number};
pub use request::{Number, Part, Request, SweepWords};

use crate::explore::sweep::{self, Form, Kept, Plan, Prepared};
use crate::explore::{Registry, list};
use crate::parameter::Choice as _;
use crate::scenario::{Outcome, Settings};
use crate::sim::Limits;
use crate::sim::fault::complete::verbs;

/// What an answer may cost whoever gives it.
#[derive(Clone, Copy)]
pub struct Bounds<'a> {
    /// What each run may use.
    pub limits: Limits,
    /// Asked before every run of a sweep: whether it is still wanted.
    pub go_on: &'a (dyn Fn() -> bool + Sync),
    /// On how many threads a sweep is run.
    pub threads: NonZeroUsize,
}

/// As a command would run it.
impl Default for Bounds<'_> {
    fn default() -> Self {
        Self { limits: Limits::default(), go_on: &|| true, threads: sweep::threads() }
    }
}

impl Bounds<'_> {
    fn settings(&self, request: &Request) -> Settings {
        Settings { limits: self.limits, ..request.settings() }
    }

    /// The run of a request. Bounds that it kept to are not told: they are not the reader's.
    fn run(&self, registry: Registry, request: &Request, settings: &Settings) -> Result<Outcome, String> {
        let scenario = registry.find(&request.scenario).map_err(|error| error.to_string())?;
        let outcome = scenario.run(settings).map_err(|error| error.to_string())?;
        Ok(Outcome { limits: Vec::new(), ..outcome })
    }

    fn plan(&self, request: &Request, words: &SweepWords) -> Plan {
        Plan {
            scenario: request.scenario.clone(),
            vary: words.vary.clone(),
            measures: words.measures.clone(),
            seeds: NonZeroU32::new(words.seeds).unwrap_or(NonZeroU32::MIN),
            form: Form::WORDS
                .iter()
                .find(|(word, _)| words.form.as_deref() == Some(*word))
                .map(|(_, form)| *form)
                .unwrap_or_default(),
            settings: self.settings(request),
        }
    }
}

/// Answers a request.
///
/// # Errors
/// One line that says what is valid.
pub fn answer(registry: Registry, request: &Request) -> Result<Answer, String> {
    answer_within(registry, request, &Bounds::default())
}

fn answer_within(registry: Registry, request: &Request, bounds: &Bounds<'_>) -> Result<Answer, String> {
    if let Some(words) = &request.sweep {
        let plan = bounds.plan(request, words);
        let sweep = sweep::run_while(registry, &plan, bounds.threads, bounds.go_on);
        return Ok(answer::of_sweep(&sweep.map_err(|error| error.to_string())?, request));
    }
    let scenario = registry.find(&request.scenario).map_err(|error| error.to_string())?;
    let outcome = bounds.run(registry, request, &bounds.settings(request))?;
    of_run(registry, scenario, &outcome, request)
}

/// The answer to a request in JSON, in JSON; `{"error": LINE}` where there is none.
pub fn ask(registry: Registry, request: &str) -> String {
    ask_within(registry, request, &Bounds::default())
}

/// The same, as long as it keeps to the bounds.
pub fn ask_within(registry: Registry, request: &str, bounds: &Bounds<'_>) -> String {
    answered(registry, request, bounds).unwrap_or_else(|error| json!({"error": error}).to_string())
}

fn answered(registry: Registry, request: &str, bounds: &Bounds<'_>) -> Result<String, String> {
    let mut asked: Map<String, Value> = serde_json::from_str(request).map_err(unread)?;
    if asked.contains_key("args") {
        // It could write files, or serve for ever: only a module may, which has neither files nor sockets.
        return Err("a whole command line is answered by the page's module, or in a terminal".to_owned());
    }
    if asked.contains_key("list") {
        return Ok(scenarios(registry));
    }
    let [take, complete, slice, kept] =
        ["take", "complete", "slice", "kept"].map(|name| asked.shift_remove(name));
    let request: Request = read(Value::Object(asked))?;
    if let Some(words) = complete {
        return Ok(complete::answer(registry, &request, &read(words)?, bounds)?.to_string());
    }
    if let Some(form) = take {
        return Ok(take::answer(registry, &request, read(form)?, bounds)?.to_string());
    }
    match (&request.sweep, slice, kept) {
        (Some(words), Some(slice), None) => {
            let (first, count): (usize, usize) = read(slice)?;
            let plan = bounds.plan(&request, words);
            let sweep = Prepared::new(registry, &plan).map_err(|error| error.to_string())?;
            let kept = sweep.slice(first..first.saturating_add(count), bounds.go_on);
            let kept = kept.map_err(|error| error.to_string())?;
            written(&json!({"kept": kept, "runs": sweep.runs()}))
        }
        (Some(words), None, Some(kept)) => {
            let kept: Vec<Kept> = read(kept)?;
            let plan = bounds.plan(&request, words);
            let sweep = Prepared::new(registry, &plan).and_then(|sweep| sweep.drawn_from(&kept));
            written(&answer::of_sweep(&sweep.map_err(|error| error.to_string())?, &request))
        }
        (_, None, None) => written(&answer_within(registry, &request, bounds)?),
        _ => Err("`slice` and `kept` are of a sweep, one of them at a time".to_owned()),
    }
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(unread)
}

fn unread(error: serde_json::Error) -> String {
    format!("the request cannot be read: {error}")
}

fn written(answer: &impl serde::Serialize) -> Result<String, String> {
    serde_json::to_string(answer).map_err(|error| error.to_string())
}

/// `{scenarios: [..]}` as [`list::json`] has them, each with the verbs of its faults.
fn scenarios(registry: Registry) -> String {
    let mut scenarios = list::json(registry);
    for scenario in scenarios.as_array_mut().into_iter().flatten() {
        scenario["faults"] = json!(verbs());
    }
    json!({"scenarios": scenarios}).to_string()
}
