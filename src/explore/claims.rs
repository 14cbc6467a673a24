//! Which rows of the ledger are shown, by whom, and whether they hold.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Runs;
use super::ledger::{self, Row};
use super::run::verdict;
use crate::scenario::{RunError, Settings};
use crate::sim::Engine;
use crate::trace::Recording;
use crate::trace::text::columns;

/// A row of the ledger and the scenarios that show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The row.
    pub row: &'static Row,
    /// Those that show it, in the order of the registry, and whether everything they claim of the row holds.
    pub by: Vec<(&'static str, bool)>,
}

/// The ledger could not be checked against the scenarios.
#[derive(Debug, thiserror::Error)]
pub enum ClaimsError {
    /// A scenario could not be run.
    #[error("{scenario}: {error}")]
    Run {
        /// Its name.
        scenario: &'static str,
        /// Why not.
        error: RunError,
    },
    /// A scenario claims something of a row that there is not.
    #[error("{scenario}: its claim `{id}` is no row of the ledger; valid: A-01 to X-40")]
    NotInLedger {
        /// Its name.
        scenario: &'static str,
        /// The id.
        id: &'static str,
    },
}

/// Runs every scenario at its defaults and collects, for every row of the ledger, who shows it.
///
/// # Errors
/// [`ClaimsError`] when a scenario does not run or claims a row that there is not.
pub fn collect(runs: &Runs, engine: Engine) -> Result<Vec<Shown>, ClaimsError> {
    let mut shown: Vec<Shown> = ledger::rows().map(|row| Shown { row, by: Vec::new() }).collect();
    for scenario in runs.registry().scenarios() {
        let scenario = scenario.name();
        let outcome = runs
            .run(scenario, &Settings { engine, recording: Recording::Counters, ..Settings::default() })
            .map_err(|error| ClaimsError::Run { scenario, error })?;
        for claim in &outcome.claims {
            let Some(Shown { by, .. }) = shown.iter_mut().find(|s| s.row.id == claim.id) else {
                return Err(ClaimsError::NotInLedger { scenario, id: claim.id });
            };
            match by.last_mut().filter(|(name, _)| *name == scenario) {
                Some((_, holds)) => *holds &= claim.holds,
                None => by.push((scenario, claim.holds)),
            }
        }
    }
    Ok(shown)
}

/// Whether every claim that a scenario makes holds.
pub fn all_hold(ledger: &[Shown]) -> bool {
    ledger.iter().flat_map(|shown| &shown.by).all(|(_, holds)| *holds)
}

/// `23 of 204 rows shown by 9 scenarios, 23 hold`.
pub fn count(ledger: &[Shown]) -> String {
    let rows = ledger.iter().filter(|shown| !shown.by.is_empty());
    let holding = rows.clone().filter(|shown| shown.by.iter().all(|(_, holds)| *holds)).count();
    let scenarios: BTreeSet<&str> =
        ledger.iter().flat_map(|shown| &shown.by).map(|(name, _)| *name).collect();
    let plural = if scenarios.len() == 1 { "" } else { "s" };
    format!(
        "{} of {} rows shown by {} scenario{plural}, {holding} hold",
        rows.count(),
        ledger.len(),
        scenarios.len()
    )
}

/// The ledger for a person: row, verdict, whether the scenario's claim holds, the scenario, the statement; a line a
/// scenario that shows the row, `-` where there is none; the count last.
pub fn text(ledger: &[Shown]) -> String {
    let mut rows = Vec::new();
    for Shown { row, by } in ledger {
        let line = |holds: &str, scenario: &str| {
            [row.id, row.verdict.words(), holds, scenario, row.statement].map(str::to_owned).to_vec()
        };
        if by.is_empty() {
            rows.push(line("-", "-"));
        }
        rows.extend(by.iter().map(|(scenario, holds)| line(verdict(*holds), scenario)));
    }
    let header = ["row", "verdict", "shown", "scenario", "statement"].map(str::to_owned).to_vec();
    rows.insert(0, header);
    format!("{}\n{}\n", columns("", &rows), count(ledger))
}

/// `[{id, statement, verdict, scenario, holds}]`: an entry a scenario that shows the row; one with `scenario` and `holds`
/// null where there is none.
pub fn json(ledger: &[Shown]) -> Value {
    let mut entries = Vec::new();
    for Shown { row, by } in ledger {
        let entry = |scenario: Option<&str>, holds: Option<bool>| {
            json!({
                "id": row.id,
                "statement": row.statement,
                "verdict": row.verdict.words(),
                "scenario": scenario,
                "holds": holds,
            })
        };
        if by.is_empty() {
            entries.push(entry(None, None));
        }
        entries.extend(by.iter().map(|(scenario, holds)| entry(Some(scenario), Some(*holds))));
    }
    Value::Array(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::{Registry, fake};

    #[test]
    fn every_claim_of_every_scenario_is_a_row_of_the_ledger_and_holds() {
        let ledger = collect(&Runs::new(Registry::all()), Engine::default()).unwrap();
        for Shown { row, by } in &ledger {
            for (scenario, holds) in by {
                assert!(holds, "{scenario}: {} does not hold", row.id);
            }
        }
    }

    #[test]
    fn a_claim_of_no_row_is_an_error() {
        let error =
            collect(&Runs::new(Registry::of(&[&fake::Stray])), Engine::default()).unwrap_err().to_string();
        assert_eq!(error, "fake/stray: its claim `Z-99` is no row of the ledger; valid: A-01 to X-40");
    }

    #[test]
    fn every_row_is_printed_with_who_shows_it_or_a_dash() {
        let ledger = collect(&Runs::new(fake::REGISTRY), Engine::default()).unwrap();
        let text = text(&ledger);
        let line = |id: &str| text.lines().find(|l| l.starts_with(id)).unwrap().to_owned();
        // A header, 204 rows, an empty line, the count.
        assert_eq!(text.lines().count(), 207);
        assert!(line("I-01").contains("  holds  fake/stall  TCP keepalive checks"), "{}", line("I-01"));
        assert!(line("I-02").contains("  -      -           With the server"), "{}", line("I-02"));
        assert!(text.ends_with("\n2 of 204 rows shown by 1 scenario, 2 hold\n"));
    }

    #[test]
    fn the_json_has_null_where_no_scenario_shows_the_row_and_an_entry_for_each_that_does() {
        let twice = Registry::of(&[&fake::Stall, &fake::Stall]);
        let json = json(&collect(&Runs::new(twice), Engine::default()).unwrap());
        let of = |id: &str| json.as_array().unwrap().iter().filter(|e| e["id"] == id).collect::<Vec<_>>();
        assert_eq!(json.as_array().unwrap().len(), 204);
        assert_eq!(of("I-01").len(), 1, "the same scenario is one entry");
        assert_eq!(of("I-01")[0]["scenario"], "fake/stall");
        assert_eq!(of("I-01")[0]["holds"], true);
        assert_eq!(of("A-06")[0]["verdict"], "holds with conditions");
        assert!(of("A-06")[0]["scenario"].is_null() && of("A-06")[0]["holds"].is_null());

        let two = [("a/b", true), ("c/d", false)];
        let shown = Shown { row: ledger::find("I-01").unwrap(), by: two.to_vec() };
        assert_eq!(super::json(std::slice::from_ref(&shown)).as_array().unwrap().len(), 2);
        assert!(!all_hold(&[shown]));
    }
}
