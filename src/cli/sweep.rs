//! `halfopen sweep`.

use std::io::Write;

use crate::explore::Registry;
use crate::explore::sweep::{self, Plan};
use crate::scenario::Settings;

use super::args::{Sweep, SweepFormat};
use super::{Failure, Status, given, limits, print, print_json};

pub fn sweep(args: Sweep, registry: Registry, out: &mut dyn Write) -> Result<Status, Failure> {
    let plan = Plan {
        scenario: args.scenario,
        vary: args.vary,
        measures: args.measures,
        seeds: args.seeds,
        form: args.form,
        settings: Settings {
            seed: args.seed,
            given: given(args.set)?,
            faults: args.faults,
            engine: args.engine.engine,
            limits: limits(args.engine.limits)?,
            ..Settings::default()
        },
    };
    let sweep = sweep::run(registry, &plan, sweep::threads())?;
    match args.format {
        SweepFormat::Table => print(out, &sweep::text(&sweep)),
        SweepFormat::Csv => print(out, &sweep::csv(&sweep)),
        SweepFormat::Json => print_json(out, &sweep::json(&sweep)),
        SweepFormat::Svg => print(out, &sweep::standalone_svg(&sweep)),
    }?;
    // Under changed parameters a claim that fails is the lesson, not an error.
    Ok(if sweep.failed_at_the_defaults { Status::AClaimFailed } else { Status::Fine })
}
