//! A chapter, its directives replaced by what the runs say.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::comparison;
use super::directive::{Directive, Piece, pieces};
use super::figure;
use super::grammar::{Checked, Kind, check};
use super::html::{code, code_span, command, dense, escape, inline, table};
use super::sweep;
use crate::explore::forms;
use crate::explore::ledger::Row;
use crate::explore::run::{plain, value, verdict};
use crate::explore::{Runs, claims, list};
use crate::fidelity;
use crate::parameter::{ParameterError, suggestion};
use crate::scenario::{Outcome, Settings};
use crate::sim::Engine;
use crate::trace::Recording;

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
}

impl Chapter<'_> {
    /// The text with every directive replaced.
    ///
    /// # Errors
    /// All that is wrong in the chapter, in order.
    pub fn expand(&self, text: &str) -> Result<String, Vec<Problem>> {
        let mut out = String::new();
        let mut problems = Vec::new();
        let mut figures = 0;
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
                Piece::Directive(directive) => {
                    (directive.start, self.replace(&directive, text, &mut figures))
                }
            };
            match result {
                Ok(replacement) => out += &replacement,
                Err(message) => problems.push(self.problem(text, at, message)),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        if figures > 0 {
            out = format!("<style>\n{}</style>\n\n{out}", dense(forms::FIGURE_CSS));
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

    fn replace(&self, directive: &Directive, text: &str, figures: &mut usize) -> Result<String, String> {
        let checked = check(directive)?;
        if checked.block && !alone(text, directive) {
            return Err(format!(
                "`{0}` makes a paragraph of its own: it stands alone on its line, from the first column \
                 (to show a directive as it is, write `\\{{{{#{0}`)",
                directive.name
            ));
        }
        match checked.kind {
            Kind::Legend => legend(checked.word(0)).map(block),
            Kind::List => Ok(block(self.list())),
            Kind::Ledger => self.ledger().map(block),
            Kind::Fidelity => Ok(block(comparison::tables(
                &fidelity::rows(fidelity::Table::First),
                &fidelity::rows(fidelity::Table::Second),
            ))),
            Kind::Parameters | Kind::Parameter => self.parameters(&checked),
            Kind::Story | Kind::Figure | Kind::Packets => {
                let outcome = self.run(&checked)?;
                self.figure(&checked, &outcome, figures).map(block)
            }
            Kind::Sweep => {
                *figures += 1;
                let id = format!("{}-{figures}", slug(self.path));
                let row = |id: &str| self.row(id);
                sweep::chart(&checked, self.runs.registry(), &id, &self.up(), row).map(block)
            }
            Kind::Measures => Ok(block(measures(&*self.run(&checked)?))),
            Kind::Claims => Ok(block(self.claims(&*self.run(&checked)?))),
            Kind::Measure => measure(&checked, &*self.run(&checked)?),
            Kind::Command => Ok(code_span(&self.run(&checked)?.command())),
        }
    }

    fn run(&self, checked: &Checked<'_>) -> Result<Arc<Outcome>, String> {
        let recording = match checked.kind {
            Kind::Figure | Kind::Packets => Recording::Packets,
            Kind::Story => Recording::Story,
            _ => Recording::Counters,
        };
        let settings = Settings { recording, ..checked.settings.clone() };
        self.runs.run(checked.word(0), &settings).map_err(|error| error.to_string())
    }

    /// A form of the trace; under it the command that reproduces it, and the claims.
    fn figure(
        &self,
        checked: &Checked<'_>,
        outcome: &Outcome,
        figures: &mut usize,
    ) -> Result<String, String> {
        let body = match checked.kind {
            Kind::Figure => {
                *figures += 1;
                let scenario = self.runs.registry().find(outcome.scenario).map_err(|e| e.to_string())?;
                let id = format!("{}-{figures}", slug(self.path));
                figure::diagram(checked, &outcome.trace, scenario.question(), id)?
            }
            _ => figure::lines(checked, &outcome.trace)?,
        };
        let claims = match checked.flag("claims")?.unwrap_or(checked.kind != Kind::Packets) {
            true => self.claims(outcome),
            false => String::new(),
        };
        Ok(format!(
            "<figure class=\"halfopen\">\n{body}<figcaption>\n{}\n{claims}</figcaption>\n</figure>\n",
            command(&outcome.command(), &self.up())
        ))
    }

    fn claims(&self, outcome: &Outcome) -> String {
        if outcome.claims.is_empty() {
            return String::new();
        }
        let mut out = "<ul class=\"halfopen-claims\">\n".to_owned();
        for claim in &outcome.claims {
            let id = self.row(claim.id);
            out += &format!("<li>{id} {} {}</li>\n", inline(&claim.statement), badge(claim.holds));
        }
        out + "</ul>\n"
    }

    /// A row of the ledger by its name, linked if the book has the ledger.
    fn row(&self, id: &str) -> String {
        match self.ledger {
            Some(ledger) => format!("<a href=\"{}\">{id}</a>", self.link(ledger, id)),
            None => id.to_owned(),
        }
    }

    /// From this chapter's page to the root of the book.
    fn up(&self) -> String {
        "../".repeat(self.path.components().count().saturating_sub(1))
    }

    /// From this chapter's page to a row on the ledger's page.
    fn link(&self, ledger: &Path, id: &str) -> String {
        format!("{}{}#{}", self.up(), page(ledger).display(), id.to_lowercase())
    }

    fn parameters(&self, checked: &Checked<'_>) -> Result<String, String> {
        let scenario = self.runs.registry().find(checked.word(0)).map_err(|error| error.to_string())?;
        let specs = scenario.parameters();
        if checked.kind == Kind::Parameter {
            let name = checked.word(1);
            return match specs.iter().find(|spec| spec.name == name) {
                Some(spec) => Ok(spec.default.text.clone()),
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

    fn ledger(&self) -> Result<String, String> {
        let shown = claims::collect(self.runs, Engine::default()).map_err(|error| error.to_string())?;
        let mut out = format!("{}.\n", claims::count(&shown));
        for group in crate::explore::ledger::groups() {
            out += &format!("\n## {}. {}\n\n<ul class=\"halfopen-ledger\">\n", group.letter, group.title);
            for shown in shown.iter().filter(|shown| shown.row.id.starts_with(group.letter)) {
                out += &ledger_row(shown.row, &shown.by);
            }
            out += "</ul>\n";
        }
        Ok(out)
    }
}

/// A row of the ledger: what is said and its verdict; below that the condition, the sources, and who shows it.
fn ledger_row(row: &Row, by: &[(&str, bool)]) -> String {
    let id = row.id;
    let mut out = format!(
        "<li><p><a id=\"{}\"></a><strong>{id}</strong> {} <em class=\"ho-verdict\">{}</em></p>\n",
        id.to_lowercase(),
        inline(row.statement),
        row.verdict.words()
    );
    if !row.condition.is_empty() {
        out += &format!("<p class=\"ho-condition\">{}</p>\n", inline(row.condition));
    }
    let sources: Vec<String> = row.source.split("; ").map(source).collect();
    out += &format!("<p class=\"ho-source\">{}</p>\n", sources.join("; "));
    if !by.is_empty() {
        let by: Vec<String> =
            by.iter().map(|(scenario, holds)| format!("{} {}", code(scenario), badge(*holds))).collect();
        out += &format!("<p class=\"ho-shown\">shown by {}</p>\n", by.join(", "));
    }
    out + "</li>\n"
}

/// A source of a row, as a link if it is a section of an RFC.
fn source(text: &str) -> String {
    let section = text.strip_prefix("RFC ").and_then(|rest| rest.split_once(" section "));
    match section {
        Some((rfc, section)) => {
            format!(
                "<a href=\"https://www.rfc-editor.org/rfc/rfc{rfc}#section-{section}\">{}</a>",
                escape(text)
            )
        }
        None => inline(text),
    }
}

fn measures(outcome: &Outcome) -> String {
    let rows: Vec<Vec<String>> = outcome.measures.iter().map(|m| vec![code(m.name), value(m)]).collect();
    table("measures", &["measure", "value"], &rows)
}

fn measure(checked: &Checked<'_>, outcome: &Outcome) -> Result<String, String> {
    let name = checked.word(1);
    let Some(value) = outcome.measure(name) else {
        let valid: Vec<String> = outcome.measures.iter().map(|m| m.name.to_owned()).collect();
        return Err(format!("no measure `{name}`{}; valid: {}", suggestion(name, &valid), valid.join(", ")));
    };
    let precision = checked.number("precision")?;
    match (value, checked.option("none")) {
        (Some(value), _) => match precision {
            Some(digits @ 0..=9) => Ok(format!("{value:.*}", digits as usize)),
            Some(digits) => Err(format!("--precision={digits}: not valid; valid: 0 to 9")),
            None => Ok(plain(value)),
        },
        (None, Some(word)) => Ok(word.to_owned()),
        // A sentence with a number that is not there would be nonsense.
        (None, None) => Err(format!("`{name}` did not happen in this run; say so with `--none=WORD`")),
    }
}

fn legend(form: &str) -> Result<String, String> {
    match form {
        "story" => Ok(forms::STORY_LEGEND.to_owned()),
        "packets" => Ok(forms::PACKETS_LEGEND.to_owned()),
        _ => Err(format!("no legend for `{form}`; valid: story, packets")),
    }
}

fn badge(holds: bool) -> String {
    let class = if holds { "holds" } else { "fails" };
    format!("<strong class=\"{class}\">{}</strong>", verdict(holds))
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
fn page(chapter: &Path) -> PathBuf {
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

/// Whether the text holds a directive of this name that is not escaped.
pub fn has(text: &str, name: &str) -> bool {
    text.contains(name) && pieces(text).iter().any(|p| matches!(p, Piece::Directive(d) if d.name == name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::fake;

    fn expand(text: &str) -> Result<String, Vec<String>> {
        let runs = Runs::new(fake::REGISTRY);
        let chapter = Chapter {
            runs: &runs,
            path: Path::new("part/one.md"),
            folder: Path::new("chapters"),
            root: Path::new("."),
            ledger: Some(Path::new("ledger.md")),
        };
        chapter.expand(text).map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn numbers_in_running_text_come_from_the_run() {
        assert_eq!(
            expand(
                "after {{#measure fake/stall detect_time_s stall=10s}} s, not {{#parameter fake/stall stall}}.\n"
            ),
            Ok("after 5.04 s, not 30s.\n".to_owned())
        );
        assert_eq!(
            expand("{{#measure fake/stall detect_time_s --precision=0}}").unwrap(),
            "15",
            "rounded as asked"
        );
        assert_eq!(expand("{{#measure fake/stall keepalive_verdict_s --none=never}}").unwrap(), "never");
        assert_eq!(
            expand("{{#measure fake/stall keepalive_verdict_s}}").unwrap_err(),
            [
                "chapters/part/one.md:1: `keepalive_verdict_s` did not happen in this run; say so with `--none=WORD`"
            ]
        );
    }

    #[test]
    fn the_comparison_with_linux_is_made_when_the_book_is_built() {
        let text = expand("{{#fidelity}}\n").unwrap();
        let (agree, all) = text.trim_start().split_once(" of ").unwrap();
        let all: usize = all.split(' ').next().unwrap().parse().unwrap();
        let agree: usize = agree.parse().unwrap();
        assert!(agree > all / 2 && text.matches("<tr>").count() >= all, "{agree} of {all}");
    }

    #[test]
    fn every_problem_is_told_with_file_and_line() {
        let text = "# One\n\n{{#story fake/stal}}\n\nIn {{#measure fake/stall detect_time}} s,\n\
                    {{#measure fake/stall detect_time_s stall=0s}},\n{{#parameter fake/stall stalll}}\n\
                    {{#fgure fake/stall}}\n{{#figure fake/stall --from=soon}}\n{{#story fake/stall --faults=x}}\n\
                    {{#include no/such.rs}}\nand {{#claims fake/stall}}\n{{#story\n";
        let problems = expand(text).unwrap_err();
        let starts = [
            "3: no scenario `fake/stal`; did you mean `fake/stall`?; valid: fake/stall, fake/quiet",
            "5: no measure `detect_time`; did you mean `detect_time_s`?; valid: detect_time_s, updates_lost",
            "6: stall=0s: out of range; valid: 1ms to 1h",
            "7: no parameter `stalll`; did you mean `stall`?; valid: stall, timers, updates",
            "8: no directive `fgure`; did you mean `figure`?; valid: story, figure",
            "9: --from=soon: not valid; valid: a time",
            "10: fault ``: a fault script starts with `at`",
            "11: no file `no/such.rs`, seen from the chapter",
            "12: `claims` makes a paragraph of its own",
            "13: `{{#story` is not closed by `}}`",
        ];
        assert_eq!(problems.len(), starts.len(), "{problems:#?}");
        for (problem, start) in problems.iter().zip(starts) {
            assert!(problem.starts_with(&format!("chapters/part/one.md:{start}")), "{problem}\n{start}");
        }
    }

    #[test]
    fn under_a_figure_stand_its_command_and_its_claims() {
        let text = expand("x\n\n{{#figure fake/stall stall='1m 30s'}}\n\ny").unwrap();
        assert!(text.contains("<svg ") && text.contains(" id=\"part-one-1\""), "{text}");
        assert!(text.contains(
            "<p class=\"halfopen-command\"><code>halfopen run fake/stall --set stall=&#39;1m 30s&#39;</code> \
             <a href=\"../run/index.html?run=run%20fake%2Fstall%20%2D%2Dset%20stall%3D%271m%2030s%27\""
        ));
        assert!(text.contains(
            "<li><a href=\"../ledger.html#i-01\">I-01</a> keepalives are answered for as long as the process \
             stalls <strong class=\"holds\">holds</strong></li>"
        ));
        let failing = expand("{{#story fake/stall stall=5s}}").unwrap();
        assert!(failing.contains(
            "X-13</a> a stall of <code>10s</code> or more is noticed <strong class=\"fails\">does not hold</strong>"
        ));
        assert!(!expand("{{#story fake/stall --claims=no}}").unwrap().contains("<li>"));
    }

    #[test]
    fn a_window_of_time_cuts_the_story() {
        let story = expand("{{#story fake/stall --from=500ms --until=2s --claims=no}}").unwrap();
        assert!(story.contains("stalled") && !story.contains("connected") && !story.contains("verdict"));
    }

    #[test]
    fn tables_and_commands_are_those_of_the_command_line() {
        let parameters = expand("{{#parameters fake/stall}}").unwrap();
        assert!(parameters.contains(
            "<tr><td><code>timers</code></td><td>slow</td><td>choice</td><td>slow, fast</td><td>Whose timers.</td></tr>"
        ));
        assert!(
            expand("{{#measures fake/stall}}")
                .unwrap()
                .contains("<td><code>updates_lost</code></td><td>0</td>")
        );
        assert_eq!(
            expand("run {{#command fake/stall stall=5s timers=slow --seed=7}} now").unwrap(),
            "run `halfopen run fake/stall --set stall=5s --seed 7` now"
        );
        let ledger = expand("{{#ledger}}").unwrap();
        assert_eq!(ledger.matches("<a id=").count(), 204);
        assert!(ledger.contains("2 of 204 rows shown by 1 scenario, 2 hold."));
        let [start, end] = ["a-04", "a-05"].map(|id| ledger.find(&format!("<a id=\"{id}\">")).unwrap());
        let row = &ledger[start..end];
        for part in [
            "Both sides must send <code>Connection: keep-alive</code> for persistence <em class=\"ho-verdict\">outdated</em>",
            "<p class=\"ho-condition\">the rule of HTTP/1.0;",
            "<p class=\"ho-source\">Heartbeats 45-47, 91; Survey 160; \
             <a href=\"https://www.rfc-editor.org/rfc/rfc9112#section-9.3\">RFC 9112 section 9.3</a>; ",
        ] {
            assert!(row.contains(part), "{row}\n{part}");
        }
        assert!(!row.contains("shown by"), "nobody does in these scenarios: {row}");
        assert!(
            ledger
                .contains("<p class=\"ho-shown\">shown by <code>fake/stall</code> <strong class=\"holds\">")
        );
        assert!(ledger.contains("## X. What is rarely said"));
        assert!(expand("{{#legend story}}").unwrap().contains("virtual time"));
        assert!(expand("{{#legend sory}}").unwrap_err()[0].ends_with("valid: story, packets"));
        assert!(expand("{{#list}}").unwrap().contains("<td>Does nothing happen?</td>"));
    }

    #[test]
    fn an_escaped_directive_is_shown_and_not_run() {
        assert_eq!(expand("`\\{{#story no/such}}`").unwrap(), "`{{#story no/such}}`");
    }
}
