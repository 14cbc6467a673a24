//! What a page is told.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::fragment::{self, Shown};
use super::request::{Part, Request};
use crate::explore::Registry;
use crate::explore::goal::Goal;
use crate::explore::run::{human, number};
use crate::explore::sweep::Sweep;
use crate::scenario::{Outcome, Scenario};

/// The pieces of a run that were asked for, and what moves with them.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Answer {
    /// The command that does it again.
    pub command: String,
    /// The parameters that differ from their defaults, as they would be typed.
    pub changed: Vec<(String, String)>,
    /// The pieces, by the names of [`Part`].
    pub parts: Map<String, Value>,
    /// What was measured: `{name, label, value, text}`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub measures: Vec<Value>,
    /// What was claimed: `{id, statement, holds}`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<Value>,
    /// The numbers wanted, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub numbers: Vec<String>,
    /// Which conditions of the goal are met: `{text, met}`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub goal: Vec<Value>,
    /// When the run ended, in seconds of virtual time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_s: Option<f64>,
}

impl Answer {
    /// The piece of this name; empty if it was not asked for.
    pub fn part(&self, part: Part) -> &str {
        self.parts.get(part.name()).and_then(Value::as_str).unwrap_or_default()
    }
}

/// What is said of a run: `scenario` is the request's, `outcome` what came of its settings.
///
/// # Errors
/// One line that says what is valid.
pub fn of_run(
    registry: Registry,
    scenario: &dyn Scenario,
    outcome: &Outcome,
    request: &Request,
) -> Result<Answer, String> {
    let view = request.view.read().map_err(|error| error.to_string())?;
    view.fits(outcome).map_err(|error| error.to_string())?;
    let shown = Shown::new(outcome, scenario.question(), registry.program(), &view, request);
    let parts = request.parts.iter().filter(|part| **part != Part::Chart);
    let goal =
        request.goal.as_deref().map(str::parse::<Goal>).transpose().map_err(|error| error.to_string())?;
    let goal = match goal {
        None => Vec::new(),
        Some(goal) => {
            let met = goal.judge(outcome).map_err(|error| error.to_string())?;
            let texts = goal.0.iter().map(|wanted| fragment::condition(outcome, wanted));
            texts.zip(met).map(|(text, met)| json!({"text": text, "met": met})).collect()
        }
    };
    let measure = |m: &crate::scenario::Measure| json!({"name": m.name, "label": m.label, "value": m.value.map_or(Value::Null, number), "text": human(m)});
    let claim = |c: &crate::scenario::Claim| json!({"id": c.id, "statement": c.statement, "holds": c.holds});
    Ok(Answer {
        command: shown.command(),
        changed: outcome.changed.clone(),
        parts: parts.map(|part| (part.name().to_owned(), Value::from(shown.part(*part)))).collect(),
        measures: outcome.measures.iter().map(measure).collect(),
        claims: outcome.claims.iter().map(claim).collect(),
        numbers: request.numbers.iter().map(|n| fragment::number(outcome, n)).collect::<Result<_, _>>()?,
        goal,
        ended_s: Some(outcome.trace.ended.as_secs_f64()),
    })
}

/// What is said of a sweep.
pub fn of_sweep(sweep: &Sweep, request: &Request) -> Answer {
    let parts = request
        .parts
        .iter()
        .map(|part| (part.name().to_owned(), Value::from(fragment::of_sweep(sweep, request, *part))));
    Answer {
        command: format!("{} --format svg", sweep.command),
        changed: sweep.set.clone(),
        parts: parts.collect(),
        ..Answer::default()
    }
}
