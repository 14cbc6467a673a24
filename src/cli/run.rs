//! `halfopen run`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use halfopen::explore::forms::{self, Figure};
use halfopen::explore::{Registry, run};
use halfopen::scenario::{Outcome, Settings};
use halfopen::trace::Trace;

use super::args::{Run, RunFormat};
use super::{Failure, Status, given, pretty, print};

pub fn run(args: Run, registry: Registry, out: &mut dyn Write) -> Result<Status, Failure> {
    let scenario = registry.find(&args.scenario)?;
    let settings = Settings {
        seed: args.seed,
        given: given(args.set)?,
        faults: args.faults,
        engine: args.engine.engine,
    };
    // Opened before the run, which may be long; touched only after it.
    let capture = args.pcap.map(Capture::open).transpose()?;
    let outcome = match scenario.run(&settings) {
        Ok(outcome) => outcome,
        Err(error) => {
            if let Some(capture) = capture {
                capture.abandon();
            }
            return Err(error.into());
        }
    };
    if let Some(capture) = capture {
        capture.write(&outcome.trace)?;
    }
    let text = match args.format {
        RunFormat::Text => run::text(&outcome, args.packets),
        RunFormat::Json => pretty(&run::json(&outcome, args.packets)),
        RunFormat::Svg => {
            let figure = Figure {
                title: scenario.question().to_owned(),
                id: "figure".to_owned(),
                ..Figure::default()
            };
            forms::standalone_svg(&outcome.trace, &figure)
        }
    };
    print(out, &text)?;
    Ok(status(&outcome))
}

/// Under changed parameters or other faults a claim that fails is the lesson, not an error.
fn status(outcome: &Outcome) -> Status {
    let at_the_defaults = outcome.changed.is_empty() && outcome.faults.is_none();
    let failed = outcome.claims.iter().any(|claim| !claim.holds);
    if at_the_defaults && failed { Status::AClaimFailed } else { Status::Fine }
}

/// A file for packets. What was in it stays until there is something to put in its place.
struct Capture {
    file: File,
    path: PathBuf,
    /// Whether the file was not there before.
    new: bool,
}

impl Capture {
    fn open(path: PathBuf) -> Result<Self, Failure> {
        let open = |new| OpenOptions::new().write(true).create_new(new).open(&path);
        let opened = match open(true) {
            Ok(file) => Ok((file, true)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                open(false).map(|file| (file, false))
            }
            Err(error) => Err(error),
        };
        match opened {
            Ok((file, new)) => Ok(Self { file, path, new }),
            Err(error) => Err(failed(&path, &error)),
        }
    }

    fn abandon(self) {
        if self.new {
            // It is empty; if it cannot be removed, nothing is lost.
            let _ = fs::remove_file(&self.path);
        }
    }

    fn write(self, trace: &Trace) -> Result<(), Failure> {
        let write = || {
            // A pipe or a terminal has no length.
            if self.file.metadata()?.is_file() {
                self.file.set_len(0)?;
            }
            let mut out = BufWriter::new(&self.file);
            forms::pcap(trace, &mut out)?;
            out.flush()
        };
        write().map_err(|error| failed(&self.path, &error))
    }
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    Failure::Usage(format!("cannot write {}: {error}", path.display()))
}
