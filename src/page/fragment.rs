//! The pieces of a block as HTML: the same from the book's builder and in the reader's browser.

use std::cell::OnceCell;

use super::html::{code, command, dense, escape, inline, table};
use super::request::{Number, Part, Request};
use crate::explore::forms::{self, Drawing, FigureLine};
use crate::explore::goal::Condition;
use crate::explore::run::{human, plain, verdict};
use crate::explore::sweep::{self, Sweep};
use crate::explore::view::View;
use crate::parameter::suggestion;
use crate::scenario::{Measure, Outcome};

/// What the pieces of a run are made from; a drawing is made once, whichever pieces want it.
#[derive(Debug)]
pub struct Shown<'a> {
    /// The run.
    outcome: &'a Outcome,
    /// What the scenario asks.
    question: &'a str,
    /// The program that the command names.
    program: &'a str,
    /// What is shown of it.
    view: &'a View,
    /// What was asked.
    request: &'a Request,
    /// The figure for a wide page, once it is drawn.
    wide: OnceCell<Drawing>,
    /// The figure for a narrow page, once it is drawn.
    narrow: OnceCell<Drawing>,
}

impl<'a> Shown<'a> {
    /// Of a run by `program` of the scenario that asks `question`.
    pub fn new(
        outcome: &'a Outcome,
        question: &'a str,
        program: &'a str,
        view: &'a View,
        request: &'a Request,
    ) -> Self {
        Self { outcome, question, program, view, request, wide: OnceCell::new(), narrow: OnceCell::new() }
    }

    /// One piece.
    pub fn part(&self, part: Part) -> String {
        let trace = &self.outcome.trace;
        match part {
            Part::Figure | Part::Narrow | Part::Lines => self.drawn(part),
            Part::Chart => String::new(),
            Part::Story => lines("", &forms::story_of(trace, self.view)),
            Part::Packets => lines(" halfopen-packets", &forms::packets_of(trace, self.view)),
            Part::Measures => measures(self.outcome),
            Part::Claims => self.claims(),
            Part::Command => command(&self.command(), &self.request.up),
        }
    }

    fn drawn(&self, part: Part) -> String {
        let asked = |part| self.request.parts.contains(&part);
        // Both have the same rows: a page that shows only one of them needs no other for the list.
        let is_narrow =
            part == Part::Narrow || (part == Part::Lines && !asked(Part::Figure) && asked(Part::Narrow));
        let drawing = if is_narrow { &self.narrow } else { &self.wide };
        let drawing = drawing.get_or_init(|| {
            let mut figure = self.view.figure(self.question, &self.request.id);
            if is_narrow {
                figure.id += "-narrow";
                figure.width = forms::NARROW;
            }
            forms::drawing(&self.outcome.trace, &figure)
        });
        match part {
            Part::Lines => rows(&drawing.lines),
            _ => dense(&format!("{}\n{}", drawing.heads, drawing.svg)),
        }
    }

    /// The command that makes what is shown.
    pub fn command(&self) -> String {
        let mut out = self.outcome.command_of(self.program);
        let shows = |part: Part| self.request.parts.contains(&part);
        let draws = [Part::Figure, Part::Narrow, Part::Lines].into_iter().any(shows);
        if draws || shows(Part::Story) || shows(Part::Packets) {
            out += &self.view.arguments();
        }
        if shows(Part::Packets) {
            out += " --packets";
        }
        if draws {
            out += " --format svg";
        }
        out
    }

    fn claims(&self) -> String {
        let claims = self.outcome.claims.iter().map(|claim| {
            let row = row(self.request, claim.id);
            format!("<li>{} {row} {}</li>\n", badge(claim.holds), inline(&claim.statement))
        });
        list(claims)
    }
}

/// One piece of a sweep; nothing for those that it does not have.
pub fn of_sweep(sweep: &Sweep, request: &Request, part: Part) -> String {
    match part {
        Part::Chart => dense(&sweep::svg(sweep, None, &request.id)),
        Part::Narrow => {
            let id = format!("{}-narrow", request.id);
            dense(&sweep::drawn(sweep, None, &id, forms::NARROW, sweep::Form::Lines))
        }
        Part::Command => command(&format!("{} --format svg", sweep.command), &request.up),
        Part::Claims => {
            let all = sweep.points.len();
            list(sweep.claims.iter().map(|id| {
                let failed = sweep.points.iter().filter(|point| point.claims_failed.contains(id)).count();
                let points = match failed {
                    0 => format!("at all {all} points"),
                    _ => format!("at {failed} of {all} points"),
                };
                format!("<li>{} {} {points}</li>\n", badge(failed == 0), row(request, id))
            }))
        }
        _ => String::new(),
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    let items: String = items.collect();
    match items.is_empty() {
        true => items,
        false => format!("<ul class=\"halfopen-claims\">\n{items}</ul>\n"),
    }
}

/// Lines of text, as they are.
fn lines(class: &str, text: &str) -> String {
    format!(
        "<pre tabindex=\"0\"><code class=\"language-text halfopen-story{class}\">{}</code></pre>\n",
        escaped(text)
    )
}

/// The rows of a figure as a list; `data-r` is the number of the row that the figure draws.
fn rows(lines: &[FigureLine]) -> String {
    let mut out = "<ol>\n".to_owned();
    for line in lines {
        let row = line.row.map_or_else(String::new, |row| format!(" data-r=\"{row}\" tabindex=\"0\""));
        out += &format!(
            "<li{row}><span class=\"ho-at\">{}</span> <b>{}</b> {}</li>\n",
            escape(&line.time),
            escape(&line.who),
            escape(&line.text)
        );
    }
    out + "</ol>\n"
}

/// Text as HTML, its line ends kept.
fn escaped(text: &str) -> String {
    text.lines().flat_map(|line| [escape(line), "\n".to_owned()]).collect()
}

fn measures(outcome: &Outcome) -> String {
    let cells = |m: &Measure| {
        let exact = m.value.map_or_else(|| "did not happen".to_owned(), plain);
        let value = format!(
            "<data value=\"{}\" title=\"{exact}\">{}</data>",
            m.value.map_or_else(String::new, plain),
            escape(&human(m))
        );
        vec![escape(m.label), value, code(m.name)]
    };
    let rows: Vec<Vec<String>> = outcome.measures.iter().map(cells).collect();
    table("measures", &["measured", "value", "name"], &rows)
}

/// Whether a claim holds, in words, a sign and a colour.
pub fn badge(holds: bool) -> String {
    let class = if holds { "holds" } else { "fails" };
    format!("<strong class=\"{class}\">{}</strong>", verdict(holds))
}

/// A row of the ledger by its name, linked if the book has the ledger.
fn row(request: &Request, id: &str) -> String {
    match &request.ledger {
        Some(page) => {
            format!(
                "<a class=\"ho-row\" href=\"{}{}#{}\">{id}</a>",
                escape(&request.up),
                escape(page),
                id.to_lowercase()
            )
        }
        None => id.to_owned(),
    }
}

/// A condition in words: what it measures, and how much of it.
pub fn condition(outcome: &Outcome, condition: &Condition) -> String {
    let measure = |name: &str| outcome.measures.iter().find(|m| m.name == name);
    match condition {
        Condition::Compares { measure: name, how, number } => match measure(name) {
            Some(m) => {
                let number = human(&Measure { value: Some(*number), ..m.clone() });
                format!("{} {} {number}", m.label, how.words())
            }
            None => condition.to_string(),
        },
        Condition::Happens { measure: name, wanted } => {
            let label = measure(name).map_or(name.as_str(), |m| m.label);
            format!("{label}: {}", if *wanted { "happens" } else { "never" })
        }
        Condition::Claims { row, wanted } => {
            let claims = outcome.claims.iter().filter(|claim| claim.id == row);
            let statements: Vec<&str> = claims.map(|claim| claim.statement.as_str()).collect();
            format!("{row} {}: {}", verdict(*wanted), statements.join("; "))
        }
    }
}

/// A number of a run as it stands in running text.
///
/// # Errors
/// One line that says what is valid: for a measure that there is not, for one that did not happen and of which it is not
/// said what to say then, and for too many digits.
pub fn number(outcome: &Outcome, wanted: &Number) -> Result<String, String> {
    let name = &wanted.name;
    let Some(value) = outcome.measure(name) else {
        let valid: Vec<String> = outcome.measures.iter().map(|m| m.name.to_owned()).collect();
        return Err(format!("no measure `{name}`{}; valid: {}", suggestion(name, &valid), valid.join(", ")));
    };
    match (value, &wanted.none) {
        (Some(value), _) => match wanted.precision {
            Some(digits @ 0..=9) => Ok(format!("{value:.*}", usize::from(digits))),
            Some(digits) => Err(format!("--precision={digits}: not valid; valid: 0 to 9")),
            None => Ok(plain(value)),
        },
        (None, Some(word)) => Ok(word.clone()),
        // A sentence with a number that is not there would be nonsense.
        (None, None) => Err(format!("`{name}` did not happen in this run; say so with `--none=WORD`")),
    }
}
