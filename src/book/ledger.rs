//! The ledger as it stands in a chapter: every row with its verdict, its condition, its sources, and who shows it.

use crate::explore::ledger::{Row, groups};
use crate::explore::{Runs, claims};
use crate::page::badge;
use crate::page::html::{code, escape, inline};
use crate::sim::Engine;

/// All rows, group by group.
///
/// # Errors
/// One line: a scenario claims a row that there is not, or cannot be run.
pub fn rows(runs: &Runs) -> Result<String, String> {
    let shown = claims::collect(runs, Engine::default()).map_err(|error| error.to_string())?;
    let mut out = format!("{}.\n", claims::count(&shown));
    for group in groups() {
        out += &format!("\n## {}. {}\n\n<ul class=\"halfopen-ledger\">\n", group.letter, group.title);
        for shown in shown.iter().filter(|shown| shown.row.id.starts_with(group.letter)) {
            out += &ledger_row(shown.row, &shown.by);
        }
        out += "</ul>\n";
    }
    Ok(out)
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
