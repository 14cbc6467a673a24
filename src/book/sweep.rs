//! A sweep as it stands in a chapter.

use std::num::NonZeroU32;

use super::grammar::Checked;
use super::html::{command, dense};
use crate::explore::Registry;
use crate::explore::run::verdict;
use crate::explore::sweep::{self, Plan, Sweep};

/// A chart, the command that reproduces it, and at how many points each claim holds; `up` leads to the book's root, `row`
/// names a row of the ledger.
pub fn chart(
    checked: &Checked<'_>,
    registry: Registry,
    id: &str,
    up: &str,
    row: impl Fn(&str) -> String,
) -> Result<String, String> {
    let (vary, set): (Vec<_>, Vec<_>) =
        checked.parameters().iter().cloned().partition(|(_, value)| sweep::is_varied(value));
    let seeds = checked.number("seeds")?.unwrap_or(1);
    let seeds = u32::try_from(seeds).ok().and_then(NonZeroU32::new);
    let mut settings = checked.settings.clone();
    settings.given = set.into_iter().collect();
    let measures = checked.list("measure").unwrap_or_default();
    let plan = Plan {
        scenario: checked.word(0).to_owned(),
        vary,
        measures: measures.into_iter().map(str::to_owned).collect(),
        seeds: seeds.ok_or("--seeds: not valid; valid: a whole number from 1 on")?,
        settings,
    };
    let sweep = sweep::run(registry, &plan, sweep::threads()).map_err(|error| error.to_string())?;
    let drawing = dense(&sweep::svg(&sweep, checked.option("title"), id));
    let claims = if checked.flag("claims")?.unwrap_or(true) { claims(&sweep, row) } else { String::new() };
    Ok(format!(
        "<figure class=\"halfopen\">\n<div class=\"halfopen-drawing\">\n{drawing}</div>\n<figcaption>\n\
         {}\n{claims}</figcaption>\n</figure>\n",
        command(&sweep.command, up)
    ))
}

fn claims(sweep: &Sweep, row: impl Fn(&str) -> String) -> String {
    if sweep.claims.is_empty() {
        return String::new();
    }
    let mut out = "<ul class=\"halfopen-claims\">\n".to_owned();
    for id in &sweep.claims {
        let all = sweep.points.len();
        let failed = sweep.points.iter().filter(|point| point.claims_failed.contains(id)).count();
        let (class, points) = match failed {
            0 => ("holds", format!("at all {all} points")),
            _ => ("fails", format!("at {failed} of {all} points")),
        };
        let says = verdict(failed == 0);
        out += &format!("<li>{} <strong class=\"{class}\">{says}</strong> {points}</li>\n", row(id));
    }
    out + "</ul>\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::directive::{Piece, pieces};
    use crate::book::grammar::check;
    use crate::explore::fake;

    fn drawn(text: &str) -> Result<String, String> {
        let pieces = pieces(text);
        let [Piece::Directive(directive)] = pieces.as_slice() else { panic!("{pieces:?}") };
        chart(&check(directive)?, fake::REGISTRY, "one-1", "", |id| format!("<i>{id}</i>"))
    }

    #[test]
    fn lists_and_ranges_are_varied_and_single_values_set() {
        let text = drawn(
            "{{#sweep fake/stall stall=1s..19s/10 updates=7 timers=slow,fast --measure=detect_time_s}}",
        );
        let text = text.unwrap();
        assert!(text.contains(
            "<code>halfopen sweep fake/stall --vary stall=1s..19s/10 --vary timers=slow,fast --set updates=7 \
             --measure detect_time_s</code>"
        ));
        assert!(text.contains("id=\"one-1\"") && text.contains(">Does anybody notice a stall?</title>"));
        assert!(!text.contains("\n\n"), "an empty line would end the HTML in Markdown");
        assert!(
            text.contains("<li><i>I-01</i> <strong class=\"holds\">holds</strong> at all 20 points</li>")
        );
        assert!(text.contains(
            "<li><i>X-13</i> <strong class=\"fails\">does not hold</strong> at 10 of 20 points</li>"
        ));
        assert!(!drawn("{{#sweep fake/stall stall=1s,2s --claims=no}}").unwrap().contains("<li>"));
    }

    #[test]
    fn a_wrong_sweep_is_answered_with_what_is_valid() {
        let error = |text| drawn(text).unwrap_err();
        assert_eq!(error("{{#sweep fake/stall}}"), "nothing is varied; valid: stall, timers, updates");
        assert!(error("{{#sweep fake/stall stall=1s,2h}}").contains("out of range; valid: 1ms to 1h"));
        assert!(error("{{#sweep fake/stall stall=1s,2s --measure=x}}").starts_with("no measure `x`; valid:"));
        assert!(error("{{#sweep fake/stall stall=1s,2s --seeds=0}}").contains("from 1 on"));
    }
}
