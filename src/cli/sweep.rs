//! `halfopen sweep`.

use std::io::Write;

use halfopen::explore::Registry;
use halfopen::explore::sweep::{self, Plan};
use halfopen::scenario::Settings;

use super::args::{Sweep, SweepFormat};
use super::{Failure, Status, given, pretty, print};

pub fn sweep(args: Sweep, registry: Registry, out: &mut dyn Write) -> Result<Status, Failure> {
    let plan = Plan {
        scenario: args.scenario,
        vary: args.vary,
        measures: args.measures,
        seeds: args.seeds,
        settings: Settings {
            seed: args.seed,
            given: given(args.set)?,
            faults: args.faults,
            engine: args.engine.engine,
        },
    };
    let sweep = sweep::run(registry, &plan, sweep::threads())?;
    let text = match args.format {
        SweepFormat::Table => sweep::text(&sweep),
        SweepFormat::Csv => sweep::csv(&sweep),
        SweepFormat::Json => pretty(&sweep::json(&sweep)),
        SweepFormat::Svg => sweep::standalone_svg(&sweep),
    };
    print(out, &text)?;
    // Under changed parameters a claim that fails is the lesson, not an error.
    Ok(if sweep.failed_at_the_defaults { Status::AClaimFailed } else { Status::Fine })
}
