//! The claims of this crate's scenarios hold, and they say the same each time.

use halfopen::scenario::prelude::*;

#[test]
fn every_claim_holds_at_the_defaults_and_a_run_is_repeated_to_the_byte() {
    for scenario in scenario_crate::registry().scenarios() {
        let run = || scenario.run(&Settings::default()).expect("defaults are valid");
        let outcome = run();
        for claim in &outcome.claims {
            assert!(claim.holds, "{}: {}", scenario.name(), claim.statement);
        }
        assert_eq!(outcome, run(), "{}", scenario.name());
    }
}

#[test]
fn both_worlds_of_the_herd_are_there_and_have_the_same_machines() {
    let outcome = scenario_crate::crowd::SCENARIO.run(&Settings::default()).expect("defaults are valid");
    assert_eq!(outcome.others[0].title, "spread");
    assert_eq!(outcome.trace.hosts, outcome.others[0].trace.hosts);
    let waits = &outcome.distributions[0];
    let let_in = outcome.trace.all("let in").count();
    assert_eq!((waits.name, waits.values.len()), ("wait_s", let_in));
    assert_eq!(outcome.measure("wait_s_max"), Some(waits.values.last().copied()));
}

#[test]
#[should_panic(expected = "did you mean `let in`?")]
fn a_misspelt_note_is_a_mistake() {
    let outcome = scenario_crate::crowd::SCENARIO.run(&Settings::default()).expect("defaults are valid");
    let _ = outcome.trace.all("let inn").count();
}
