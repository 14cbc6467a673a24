//! A goal for the reader to meet by changing a few parameters; it is held to be hard enough, and not too hard.

use std::path::Path;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::block::json;
use super::directive::{Piece, pieces};
use super::grammar::{Checked, Kind, check};
use super::{BuildError, sources};
use crate::explore::goal::Goal;
use crate::explore::{Registry, Runs};
use crate::page::html::{attribute, escape, inline};
use crate::page::{Request, condition};
use crate::parameter::{Given, ParameterError, Probability, Scalar as _, Spec};
use crate::scenario::{Outcome, Settings};

/// A challenge of the book.
#[derive(Debug, Clone)]
pub struct Challenge {
    /// Its title.
    pub title: String,
    /// What is run before anything is changed.
    pub request: Request,
    /// The goal.
    pub goal: Goal,
    /// The parameters that may be changed.
    pub change: Vec<Spec>,
    /// A solution, known to the book and not shown.
    pub solution: Given,
    /// The share of random attempts that may meet the goal.
    pub luck: f64,
}

impl Challenge {
    /// Reads the directive.
    ///
    /// # Errors
    /// One line that says what is valid.
    pub(super) fn of(
        checked: &Checked<'_>,
        mut request: Request,
        registry: Registry,
    ) -> Result<Self, String> {
        let scenario = registry.find(checked.word(0)).map_err(|error| error.to_string())?;
        let specs = scenario.parameters();
        let goal = checked.required("goal")?;
        request.goal = Some(goal.to_owned());
        let spec = |name: &str| {
            let valid = || specs.iter().map(|spec| spec.name.clone()).collect();
            let unknown = || ParameterError::Unknown { name: name.to_owned(), valid: valid() };
            specs
                .iter()
                .find(|spec| spec.name == name)
                .cloned()
                .ok_or_else(|| format!("--change: {}", unknown()))
        };
        checked.required("change")?;
        let change: Vec<Spec> =
            checked.list("change").unwrap_or_default().into_iter().map(spec).collect::<Result<_, _>>()?;
        let pair = |word: &str| {
            let (name, value) =
                word.split_once('=').ok_or_else(|| format!("--solution: `{word}` is not KEY=VALUE"))?;
            match change.iter().any(|spec| spec.name == name) {
                true => Ok((name.to_owned(), value.to_owned())),
                false => Err(format!("--solution: `{name}` is not one of those that may be changed")),
            }
        };
        let solution =
            checked.required("solution")?.split_whitespace().map(pair).collect::<Result<_, _>>()?;
        let luck = checked.option("luck").unwrap_or("10%");
        let luck = Probability::parse(luck)
            .ok_or_else(|| format!("--luck={luck}: not valid; valid: a share like 10%"))?;
        Ok(Self {
            title: checked.required("title")?.to_owned(),
            goal: goal.parse().map_err(|error: crate::explore::goal::GoalError| error.to_string())?,
            request,
            change,
            solution,
            luck: luck.0,
        })
    }

    /// Whether an attempt meets the goal; what is not changed is as the challenge has it.
    ///
    /// # Errors
    /// One line that says what is valid.
    pub fn is_met_by(&self, attempt: &Given, runs: &Runs) -> Result<bool, String> {
        let mut settings: Settings = self.request.settings();
        settings.given.extend(attempt.clone());
        let outcome = runs.run(&self.request.scenario, &settings).map_err(|error| error.to_string())?;
        let met = self.goal.judge(&outcome).map_err(|error| error.to_string())?;
        Ok(met.into_iter().all(|met| met))
    }

    /// A random attempt: every parameter that may be changed somewhere along its range.
    pub fn random_attempt(&self, seed: u64) -> Given {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let value = |spec: &Spec| Some((spec.name.clone(), spec.at(random.random_range(0.0..=1.0))?.text));
        self.change.iter().filter_map(value).collect()
    }

    /// The challenge as it stands in a chapter; `text` is HTML.
    ///
    /// # Errors
    /// One line: the defaults meet the goal, or the solution does not.
    pub(super) fn html(
        &self,
        text: &str,
        outcome: &Outcome,
        runs: &Runs,
        id: &str,
    ) -> Result<String, String> {
        if self.is_met_by(&Given::new(), runs)? {
            return Err("the goal is met before anything is changed".to_owned());
        }
        if !self.is_met_by(&self.solution, runs)? {
            return Err("the solution does not meet the goal".to_owned());
        }
        let met = self.goal.judge(outcome).map_err(|error| error.to_string())?;
        let conditions = self.goal.0.iter().zip(met).enumerate().map(|(n, (wanted, met))| {
            let class = if met { "met" } else { "unmet" };
            format!(
                "<li data-condition=\"{n}\" class=\"{class}\">{}</li>\n",
                inline(&condition(outcome, wanted))
            )
        });
        let names: Vec<&str> = self.change.iter().map(|spec| spec.name.as_str()).collect();
        let change: Vec<String> = self
            .change
            .iter()
            .map(|spec| format!("<li><code>{}</code>: {}</li>", escape(&spec.name), inline(spec.help)))
            .collect();
        Ok(format!(
            "<section class=\"ho-challenge\" id=\"{id}\" data-ask='{}' data-controls=\"{}\">\n\
             <h3>Challenge: {}</h3>\n<p>{}</p>\n<p>All of this:</p>\n<ul class=\"ho-conditions\">\n{}</ul>\n\
             <p>By changing nothing but:</p>\n<ul class=\"ho-change\">{}</ul>\n</section>\n",
            attribute(&json(&self.request)),
            escape(&names.join(",")),
            inline(&self.title),
            text,
            conditions.collect::<String>(),
            change.concat(),
        ))
    }
}

/// All challenges of the book in `root`, in the order of its files.
///
/// # Errors
/// [`BuildError`] when there is no book or it cannot be read; what is wrong in a challenge is what a build says of it.
pub fn challenges(root: &Path, registry: Registry) -> Result<Vec<Challenge>, BuildError> {
    let [_, chapters, _] = sources(root)?;
    let mut files: Vec<_> = std::fs::read_dir(chapters)?.collect::<Result<Vec<_>, _>>()?;
    files.sort_by_key(std::fs::DirEntry::file_name);
    let mut out = Vec::new();
    for file in
        files.iter().map(std::fs::DirEntry::path).filter(|path| path.extension().is_some_and(|e| e == "md"))
    {
        let text = std::fs::read_to_string(file)?;
        for piece in pieces(&text) {
            if let Piece::Directive(directive) = piece
                && let Ok(checked) = check(&directive)
                && checked.kind == Kind::Challenge
            {
                let request = checked.request();
                out.push(Challenge::of(&checked, request, registry).map_err(BuildError::MdBook)?);
            }
        }
    }
    Ok(out)
}
