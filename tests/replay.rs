//! Every scenario, at its defaults, tells the story that is stored in `tests/snapshots`, and its claims hold.
//!
//! One named test a scenario. After a change that is meant, look at the difference and accept it: `cargo insta review`,
//! or `INSTA_UPDATE=always cargo test --test replay` and a look at `git diff`.

use halfopen::explore::run::{Telling, text};
use halfopen::scenario::{REGISTRY, Scenario, Settings};
use halfopen::trace::Recording;
use libtest_mimic::{Arguments, Failed, Trial};

fn replay(scenario: &dyn Scenario) -> Result<(), Failed> {
    let outcome = scenario.run(&Settings { recording: Recording::Story, ..Settings::default() })?;
    let broken: Vec<&str> = outcome.claims.iter().filter(|c| !c.holds).map(|c| c.id).collect();
    if !broken.is_empty() {
        return Err(
            format!("at the default parameters these claims do not hold: {}", broken.join(", ")).into()
        );
    }
    let name = scenario.name().replace('/', "__");
    insta::with_settings!({ snapshot_path => "snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, text(&outcome, &Telling::default()));
    });
    Ok(())
}

/// A story of a scenario that is no more would never fail.
fn every_stored_story_has_its_scenario() -> Result<(), Failed> {
    let names: Vec<String> = REGISTRY.iter().map(|s| s.name().replace('/', "__")).collect();
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots"))? {
        let file = entry?.file_name().into_string().map_err(|f| format!("{f:?} is no name"))?;
        let known = file.strip_suffix(".snap").is_some_and(|stem| names.iter().any(|n| n == stem));
        if !known {
            return Err(format!("tests/snapshots/{file} belongs to no scenario").into());
        }
    }
    Ok(())
}

fn main() {
    let arguments = Arguments::from_args();
    let mut trials: Vec<Trial> = REGISTRY.iter().map(|s| Trial::test(s.name(), move || replay(*s))).collect();
    trials.push(Trial::test("every_stored_story_has_its_scenario", every_stored_story_has_its_scenario));
    libtest_mimic::run(&arguments, trials).exit();
}
