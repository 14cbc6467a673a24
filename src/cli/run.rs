//! `halfopen run`.

use std::io::Write;

use super::args::{Run, RunFormat, ViewArgs};
use super::capture::Capture;
use super::{Failure, Status, given, limits, print, print_json};
use crate::explore::Registry;
use crate::explore::forms;
use crate::explore::run::{self, Telling};
use crate::explore::view::ViewWords;
use crate::scenario::{Outcome, Settings};
use crate::trace::Recording;

pub fn run(args: Run, registry: Registry, out: &mut dyn Write) -> Result<Status, Failure> {
    let scenario = registry.find(&args.scenario)?;
    let view = words(args.view).read()?;
    // Before the run, which may be long.
    let capture = args.pcap.map(Capture::open).transpose()?;
    let shows_packets = args.packets || capture.is_some() || args.format == RunFormat::Svg;
    let settings = Settings {
        seed: args.seed,
        given: given(args.set)?,
        faults: args.faults,
        engine: args.engine.engine,
        limits: limits(args.engine.limits)?,
        recording: if shows_packets { Recording::Packets } else { Recording::Story },
    };
    let outcome = scenario.run(&settings)?;
    view.fits(&outcome)?;
    if let Some(capture) = capture {
        capture.write(&outcome.trace)?;
    }
    match args.format {
        RunFormat::Text => {
            let telling = Telling {
                view,
                packets: args.packets,
                all_parameters: args.parameters,
                program: registry.program(),
            };
            print(out, &run::text(&outcome, &telling))
        }
        RunFormat::Json => print_json(out, &run::json(&outcome, args.packets)),
        RunFormat::Svg => print(out, &forms::standalone_svg(&outcome, &view, scenario.question())),
    }?;
    Ok(status(&outcome))
}

fn words(args: ViewArgs) -> ViewWords {
    ViewWords {
        from: args.from,
        until: args.until,
        hosts: args.hosts,
        layers: args.layers,
        packets: args.no_arrows.then_some(false),
        fold: args.whole.then_some(false),
        distribution: args.distribution,
        look: args.look,
    }
}

/// Under changed parameters or other faults a claim that fails is the lesson, not an error.
fn status(outcome: &Outcome) -> Status {
    let at_the_defaults = outcome.changed.is_empty() && outcome.faults.is_none();
    let failed = outcome.claims.iter().any(|claim| !claim.holds);
    if at_the_defaults && failed { Status::AClaimFailed } else { Status::Fine }
}
