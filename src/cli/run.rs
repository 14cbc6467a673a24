//! `halfopen run`.

use std::io::Write;

use super::args::{Run, RunFormat};
use super::capture::Capture;
use super::{Failure, Status, given, print, print_json};
use crate::explore::Registry;
use crate::explore::forms::{self, Figure};
use crate::explore::run::{self, Telling};
use crate::scenario::{Outcome, Settings};
use crate::trace::Recording;

pub fn run(args: Run, registry: Registry, out: &mut dyn Write) -> Result<Status, Failure> {
    let scenario = registry.find(&args.scenario)?;
    // Before the run, which may be long.
    let capture = args.pcap.map(Capture::open).transpose()?;
    let shows_packets = args.packets || capture.is_some() || args.format == RunFormat::Svg;
    let settings = Settings {
        seed: args.seed,
        given: given(args.set)?,
        faults: args.faults,
        engine: args.engine.engine,
        recording: if shows_packets { Recording::Packets } else { Recording::Story },
    };
    let outcome = scenario.run(&settings)?;
    if let Some(capture) = capture {
        capture.write(&outcome.trace)?;
    }
    match args.format {
        RunFormat::Text => {
            let telling = Telling {
                packets: args.packets,
                all_parameters: args.parameters,
                program: registry.program(),
            };
            print(out, &run::text(&outcome, &telling))
        }
        RunFormat::Json => print_json(out, &run::json(&outcome, args.packets)),
        RunFormat::Svg => {
            let figure = Figure {
                title: scenario.question().to_owned(),
                id: "figure".to_owned(),
                ..Figure::default()
            };
            print(out, &forms::standalone_svg(&outcome.trace, &figure))
        }
    }?;
    Ok(status(&outcome))
}

/// Under changed parameters or other faults a claim that fails is the lesson, not an error.
fn status(outcome: &Outcome) -> Status {
    let at_the_defaults = outcome.changed.is_empty() && outcome.faults.is_none();
    let failed = outcome.claims.iter().any(|claim| !claim.holds);
    if at_the_defaults && failed { Status::AClaimFailed } else { Status::Fine }
}
