//! Scenarios in a crate of their own: all they need is `halfopen::scenario::prelude`.

pub mod crowd;
pub mod reader;

use halfopen::explore::Registry;
use halfopen::scenario::Scenario;

/// The scenarios of this crate, in the order of `list`.
static SCENARIOS: &[&dyn Scenario] = &[&crowd::SCENARIO, &reader::SCENARIO];

/// What the command line has to offer.
pub fn registry() -> Registry {
    Registry::of(SCENARIOS).run_by("scenario-crate")
}
