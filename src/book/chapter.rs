//! A chapter, its directives replaced by what the runs say.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::block::{self, Block};
use super::challenge::Challenge;
use super::comparison;
use super::directive::{Directive, Piece, pieces};
use super::glossary::Glossary;
use super::grammar::{Checked, Kind, check};
use super::later::Later;
use super::ledger;
use super::markdown;
use super::predict;
use crate::explore::forms;
use crate::explore::run;
use crate::explore::{Runs, list};
use crate::fidelity;
use crate::page::html::{attribute, code, dense, escape, inline, link_to, table};
use crate::page::{self, Request};
use crate::parameter::ParameterError;
use crate::scenario::Outcome;

/// A place in a chapter and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {message}")]
pub struct Problem {
    /// The chapter's file, from the root of the book.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong and what is valid.
    pub message: String,
}

/// What a chapter's directives need to know.
pub struct Chapter<'a> {
    /// The runs made so far.
    pub runs: &'a Runs,
    /// The chapter's file, relative to the chapters' folder.
    pub path: &'a Path,
    /// The chapters' folder, as problems name it.
    pub folder: &'a Path,
    /// Where the book stands.
    pub root: &'a Path,
    /// The chapter that holds the ledger, if there is one: claims link to it.
    pub ledger: Option<&'a Path>,
    /// The chapter's number in the book, `2`, if it has one.
    pub number: Option<String>,
    /// How many predictions and challenges the book has.
    pub tasks: [usize; 2],
    /// Where bulk is put off until mdBook is done; without it all stands in the chapter.
    pub later: Option<&'a Later>,
    /// The words that open where they are used.
    pub glossary: &'a Glossary,
}

/// What is counted through a chapter.
#[derive(Debug, Default)]
struct Counts {
    blocks: usize,
    /// Those of them that have a number.
    figures: usize,
    /// Predictions and challenges.
    tasks: usize,
    terms: usize,
    /// The entries of the glossary that the chapter opens; they stand at its end.
    entries: String,
    /// Whether the page's program has something to do.
    is_alive: bool,
}

impl Chapter<'_> {
    /// The text with every directive replaced.
    ///
    /// # Errors
    /// All that is wrong in the chapter, in order.
    pub fn expand(&self, text: &str) -> Result<String, Vec<Problem>> {
        let mut out = String::new();
        let mut problems = Vec::new();
        let mut counts = Counts::default();
        for piece in pieces(text) {
            let (at, result) = match piece {
                Piece::Text(text) => {
                    out += text;
                    continue;
                }
                Piece::OfMdBook { start, file, text } => {
                    (start, self.present(file).map(|()| text.to_owned()))
                }
                Piece::Malformed(at, malformed) => (at, Err(malformed.to_string())),
                Piece::Directive(directive) => (directive.start, self.replace(&directive, text, &mut counts)),
            };
            match result {
                Ok(replacement) => out += &replacement,
                Err(message) => problems.push(self.problem(text, at, message)),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        if counts.blocks > 0 {
            out = format!("<style>\n{}</style>\n\n{out}", dense(forms::FIGURE_CSS));
        }
        if !counts.entries.is_empty() {
            out += &format!("\n\n{}\n", counts.entries);
        }
        if counts.is_alive {
            out += &format!(
                // The second one, which is no module, says what to do where modules are not loaded: from `file:`.
                "\n\n<script type=\"module\" src=\"{0}live/main.js\"></script>\n\
                 <script defer src=\"{0}live/file.js\"></script>\n",
                self.up()
            );
        }
        Ok(out)
    }

    fn problem(&self, text: &str, at: usize, message: String) -> Problem {
        let line = text[..at].matches('\n').count() + 1;
        Problem { file: self.folder.join(self.path).display().to_string(), line, message }
    }

    /// mdBook goes on without a file that is not there; a reader would miss it.
    fn present(&self, file: Option<&str>) -> Result<(), String> {
        let here = self.root.join(self.folder).join(self.path);
        match file {
            Some(file) if !here.with_file_name(file).is_file() => {
                Err(format!("no file `{file}`, seen from the chapter"))
            }
            _ => Ok(()),
        }
    }

    fn replace(&self, directive: &Directive, text: &str, counts: &mut Counts) -> Result<String, String> {
        let checked = check(directive)?;
        if checked.block && !alone(text, directive) {
            return Err(format!(
                "`{0}` makes a paragraph of its own: it stands alone on its line, from the first column \
                 (to show a directive as it is, write `\\{{{{#{0}`)",
                directive.name
            ));
        }
        let runs = self.runs.registry();
        counts.is_alive |= checked.runs;
        match checked.kind {
            Kind::Legend => legend(checked.word(0)).map(block),
            Kind::List => Ok(block(self.list())),
            Kind::Ledger => ledger::rows(self.runs).map(block),
            Kind::Fidelity => Ok(block(comparison::tables(
                &fidelity::rows(fidelity::Table::First),
                &fidelity::rows(fidelity::Table::Second),
            ))),
            Kind::Parameters | Kind::Parameter => self.parameters(&checked),
            Kind::Story
            | Kind::Figure
            | Kind::Distribution
            | Kind::Packets
            | Kind::Measures
            | Kind::Claims
            | Kind::Sweep => {
                counts.blocks += 1;
                counts.figures += usize::from(checked.kind != Kind::Claims);
                self.block(&checked, counts).map(block)
            }
            Kind::Measure => self.measure(&checked),
            Kind::Command => self.command(&checked),
            Kind::Predict => {
                let (request, outcome) = self.bare_run(&checked)?;
                let ask = self.sentence(checked.required("ask")?, counts)?;
                predict::html(&checked, request, &outcome, &ask, &self.task(counts)).map(block)
            }
            Kind::Challenge => {
                let challenge = Challenge::of(&checked, self.request(&checked), runs)?;
                let (_, outcome) = self.bare_run(&checked)?;
                let text = self.sentence(checked.required("text")?, counts)?;
                challenge.html(&text, &outcome, self.runs, &self.task(counts)).map(block)
            }
            Kind::Progress => {
                let [predictions, challenges] = self.tasks;
                Ok(block(format!(
                    "<p class=\"ho-progress\" data-progress='{{\"predictions\":{predictions},\"challenges\":{challenges}}}'>\
                     There are {predictions} guesses to make and {challenges} challenges to meet.</p>"
                )))
            }
            Kind::Term => {
                counts.terms += 1;
                let (word, entry) =
                    self.glossary.term(&checked.phrase(), &format!("term-{}", counts.terms))?;
                counts.entries += &entry;
                Ok(word)
            }
            Kind::Note => Ok(block(format!(
                "<blockquote class=\"ho-note\">\n<p lang=\"zh\">{}</p>\n<p>{}</p>\n\
                 <footer>The notes, <cite>{}</cite></footer>\n</blockquote>",
                escape(checked.required("zh")?),
                self.sentence(checked.required("en")?, counts)?,
                escape(&checked.phrase()),
            ))),
        }
    }

    /// A text of an option as HTML: Markdown of one paragraph, in which directives of running text may stand.
    fn sentence(&self, text: &str, counts: &mut Counts) -> Result<String, String> {
        let mut out = String::new();
        for piece in pieces(text) {
            match piece {
                Piece::Text(text) => out += text,
                Piece::Directive(directive) => out += &self.replace(&directive, text, counts)?,
                Piece::Malformed(_, malformed) => return Err(malformed.to_string()),
                Piece::OfMdBook { text, .. } => return Err(format!("`{text}` cannot stand in an option")),
            }
        }
        Ok(markdown::sentence(&out))
    }

    /// The id of the next prediction or challenge.
    fn task(&self, counts: &mut Counts) -> String {
        counts.tasks += 1;
        format!("task-{}-{}", slug(self.path), counts.tasks)
    }

    /// What a directive asks for, with the links out of this page.
    pub fn request(&self, checked: &Checked<'_>) -> Request {
        Request {
            up: self.up(),
            ledger: self.ledger.map(|ledger| page_of(ledger).display().to_string()),
            ..checked.request()
        }
    }

    /// The run of a directive that shows no trace, and what asks for it again.
    fn bare_run(&self, checked: &Checked<'_>) -> Result<(Request, Arc<Outcome>), String> {
        let request = checked.request();
        let outcome =
            self.runs.run(&request.scenario, &request.settings()).map_err(|error| error.to_string())?;
        Ok((request, outcome))
    }

    fn block(&self, checked: &Checked<'_>, counts: &Counts) -> Result<String, String> {
        let registry = self.runs.registry();
        let block = Block::of(checked, self, format!("{}-{}", slug(self.path), counts.blocks))?;
        let request = &block.request;
        let scenario = registry.find(&request.scenario).map_err(|error| error.to_string())?;
        let answer = match request.sweep {
            Some(_) => page::answer(registry, request)?,
            None => {
                let outcome = self.runs.run(&request.scenario, &request.settings());
                let outcome = outcome.map_err(|error| error.to_string())?;
                page::of_run(registry, scenario, &outcome, request)?
            }
        };
        let n = counts.figures;
        let number = self.number.as_ref().map_or_else(|| n.to_string(), |chapter| format!("{chapter}.{n}"));
        Ok(block.html(&answer, &number, scenario.question(), self.later))
    }

    fn measure(&self, checked: &Checked<'_>) -> Result<String, String> {
        let (mut request, outcome) = self.bare_run(checked)?;
        let name = checked.word(1);
        request.numbers = vec![checked.wanted()?];
        let scenario = self.runs.registry().find(&request.scenario).map_err(|error| error.to_string())?;
        let answer = page::of_run(self.runs.registry(), scenario, &outcome, &request)?;
        Ok(block::number(&request, &answer, outcome.measure(name).flatten()))
    }

    /// The command that does a run, and a link to the workbench.
    fn command(&self, checked: &Checked<'_>) -> Result<String, String> {
        let (request, outcome) = self.bare_run(checked)?;
        let command = outcome.command_of(self.runs.registry().program());
        Ok(format!(
            "<a class=\"ho-command\" href=\"{}\" data-ask='{}'>{}</a>",
            link_to(&command, &self.up()),
            attribute(&block::json(&request)),
            code(&command)
        ))
    }

    /// From this chapter's page to the root of the book.
    fn up(&self) -> String {
        "../".repeat(self.path.components().count().saturating_sub(1))
    }

    fn parameters(&self, checked: &Checked<'_>) -> Result<String, String> {
        let scenario = self.runs.registry().find(checked.word(0)).map_err(|error| error.to_string())?;
        let specs = scenario.parameters();
        if checked.kind == Kind::Parameter {
            let name = checked.word(1);
            return match specs.iter().find(|spec| spec.name == name) {
                Some(spec) => Ok(escape(&run::human_value(spec.unit, &spec.default))),
                None => {
                    let valid = specs.into_iter().map(|spec| spec.name).collect();
                    Err(ParameterError::Unknown { name: name.to_owned(), valid }.to_string())
                }
            };
        }
        let row = |s: &crate::parameter::Spec| {
            vec![
                code(&s.name),
                escape(&s.default.text),
                escape(&s.unit.to_string()),
                escape(&list::range(s)),
                inline(s.help),
            ]
        };
        let rows: Vec<Vec<String>> = specs.iter().map(row).collect();
        Ok(block(table("parameters", &["parameter", "default", "unit", "range", "meaning"], &rows)))
    }

    fn list(&self) -> String {
        let rows: Vec<Vec<String>> = self
            .runs
            .registry()
            .scenarios()
            .iter()
            .map(|scenario| vec![code(scenario.name()), inline(scenario.question())])
            .collect();
        table("list", &["scenario", "question"], &rows)
    }
}

fn legend(form: &str) -> Result<String, String> {
    match form {
        "story" => Ok(forms::STORY_LEGEND.to_owned()),
        "packets" => Ok(forms::PACKETS_LEGEND.to_owned()),
        _ => Err(format!("no legend for `{form}`; valid: story, packets")),
    }
}

/// A block with the empty lines around it that Markdown wants.
fn block(text: String) -> String {
    format!("\n{text}\n")
}

/// Whether nothing else stands on the line(s) of the directive.
fn alone(text: &str, directive: &Directive) -> bool {
    let before = &text[..directive.start];
    let after = text[directive.end..].lines().next().unwrap_or("");
    (before.is_empty() || before.ends_with('\n')) && after.trim().is_empty()
}

/// The page that mdBook makes of a chapter.
fn page_of(chapter: &Path) -> PathBuf {
    match chapter.file_stem() {
        Some(stem) if stem.eq_ignore_ascii_case("readme") => chapter.with_file_name("index.html"),
        _ => chapter.with_extension("html"),
    }
}

/// A chapter's path as the beginning of an id.
fn slug(path: &Path) -> String {
    let path = path.with_extension("").display().to_string();
    path.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect()
}

/// How many directives of this name that are not escaped the text holds.
pub fn count(text: &str, name: &str) -> usize {
    match text.contains(name) {
        true => pieces(text).iter().filter(|p| matches!(p, Piece::Directive(d) if d.name == name)).count(),
        false => 0,
    }
}

#[cfg(test)]
mod tests;
