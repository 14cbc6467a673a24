//! A run as pieces of a page: what is asked in JSON, and the HTML and numbers that take their places in the page.
//!
//! Three ask: the book's builder, the program in the reader's browser, and the server of the book for readers without it.
//! All of them get the same bytes, so what a page redraws is what the builder wrote.
//!
//! - [`Request`]: a scenario, what is changed of it, what is shown of it.
//! - [`answer`]: to a request that was read; [`ask`]: from JSON to JSON.

mod answer;
mod fragment;
pub(crate) mod html;
mod request;

use std::num::NonZeroU32;

use serde_json::{Value, json};

pub use answer::{Answer, of_run};
pub use fragment::{badge, condition, number};
pub use request::{Number, Part, Request, SweepWords};

use crate::explore::Registry;
use crate::explore::sweep::{self, Plan};

/// Answers a request.
///
/// # Errors
/// One line that says what is valid.
pub fn answer(registry: Registry, request: &Request) -> Result<Answer, String> {
    if let Some(words) = &request.sweep {
        let plan = plan(request, words);
        let sweep = sweep::run(registry, &plan, sweep::threads()).map_err(|error| error.to_string())?;
        return Ok(answer::of_sweep(&sweep, request));
    }
    let scenario = registry.find(&request.scenario).map_err(|error| error.to_string())?;
    let outcome = scenario.run(&request.settings()).map_err(|error| error.to_string())?;
    of_run(registry, scenario, &outcome, request)
}

fn plan(request: &Request, words: &SweepWords) -> Plan {
    Plan {
        scenario: request.scenario.clone(),
        vary: words.vary.clone(),
        measures: words.measures.clone(),
        seeds: NonZeroU32::new(words.seeds).unwrap_or(NonZeroU32::MIN),
        settings: request.settings(),
    }
}

/// The answer to a request in JSON, in JSON; `{"error": LINE}` where there is none.
pub fn ask(registry: Registry, request: &str) -> String {
    let answered = serde_json::from_str::<Request>(request)
        .map_err(|error| format!("the request cannot be read: {error}"))
        .and_then(|request| answer(registry, &request))
        .and_then(|answer| serde_json::to_value(answer).map_err(|error| error.to_string()));
    let error = |error: String| json!({"error": error});
    Value::to_string(&answered.unwrap_or_else(error))
}
