//! The book's challenges can be met, are not met before anything is changed, and hardly ever by accident.
#![cfg(feature = "book")]

use std::path::Path;

use halfopen::book::{Challenge, challenges};
use halfopen::explore::{Registry, Runs};
use halfopen::parameter::Given;

/// Random attempts at each.
const ATTEMPTS: u64 = 60;

fn all() -> Vec<Challenge> {
    challenges(Path::new(env!("CARGO_MANIFEST_DIR")), Registry::all()).unwrap()
}

#[test]
fn every_challenge_can_be_met_and_is_not_met_at_first() {
    let runs = Runs::new(Registry::all());
    for challenge in all() {
        let title = &challenge.title;
        assert!(!challenge.is_met_by(&Given::new(), &runs).unwrap(), "{title}: nothing has to be done");
        assert!(challenge.is_met_by(&challenge.solution, &runs).unwrap(), "{title}: its solution is none");
    }
}

#[test]
fn no_challenge_is_met_by_accident() {
    let runs = Runs::new(Registry::all());
    for challenge in all() {
        let met = (0..ATTEMPTS)
            .filter(|seed| challenge.is_met_by(&challenge.random_attempt(*seed), &runs).unwrap())
            .count();
        let share = met as f64 / ATTEMPTS as f64;
        assert!(share <= challenge.luck, "{}: {met} of {ATTEMPTS} random attempts meet it", challenge.title);
    }
}

#[test]
fn every_chapter_that_runs_something_has_a_challenge_and_a_prediction() {
    let chapters = Path::new(env!("CARGO_MANIFEST_DIR")).join("chapters");
    for chapter in ["belief", "alive", "faults", "half-open", "late"] {
        let text = std::fs::read_to_string(chapters.join(format!("{chapter}.md"))).unwrap();
        for directive in ["{{#challenge ", "{{#predict "] {
            assert!(text.contains(directive), "{chapter} has no `{directive}..`");
        }
    }
}
