//! The command line: reads it, calls the library, prints what comes back, and says by the exit status how it went.
//!
//! Exit status: 0; 1 a claim failed at the default parameters; 2 a usage error, told in one line.
//!
//! A crate with scenarios of its own gets all of it, in `main`:
//!
//! ```no_run
//! use halfopen::explore::Registry;
//! use halfopen::scenario::Scenario;
//!
//! static SCENARIOS: &[&dyn Scenario] = &[/* &hello::SCENARIO */];
//!
//! fn main() -> std::process::ExitCode {
//!     halfopen::cli::main(Registry::of(SCENARIOS).run_by("my-scenarios"))
//! }
//! ```

mod args;
mod capture;
#[cfg(feature = "os")]
mod live;
mod run;
mod sweep;
mod usage;

use std::ffi::OsString;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::Instant;

use crate::explore::claims::ClaimsError;
use crate::explore::sweep::SweepError;
use crate::explore::view::ViewError;
use crate::explore::{Registry, Runs, claims, list};
use crate::parameter::{Given, Parameters as _};
use crate::scenario::RunError;
use crate::sim::Limits;
use crate::sim::engine::ending::Failure as GaveUp;
use crate::sim::engine::limits::real_time_is;
use clap::{CommandFactory as _, FromArgMatches as _};
use serde::Serialize;

use args::{Cli, Command, Format};

/// How a command ended that did what it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Fine,
    AClaimFailed,
}

/// Why a command did not do what it was asked for.
#[derive(Debug)]
enum Failure {
    /// It was asked wrongly, or of the wrong machine.
    Usage(String),
    /// The scenarios or the simulation are wrong, not the question.
    Broken(String),
    /// What came out could not be printed.
    Output(io::Error),
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Parameter(_)
            | RunError::Faults(_)
            | RunError::UnknownScenario { .. }
            | RunError::Engine(_)
            | RunError::Failed(GaveUp::Limit { .. }) => Failure::Usage(error.to_string()),
            RunError::Failed(_) | RunError::Simulation(_) => Failure::Broken(error.to_string()),
        }
    }
}

impl From<SweepError> for Failure {
    fn from(error: SweepError) -> Self {
        match error {
            SweepError::Run(error) => error.into(),
            error => Failure::Usage(error.to_string()),
        }
    }
}

impl From<ViewError> for Failure {
    fn from(error: ViewError) -> Self {
        Failure::Usage(error.to_string())
    }
}

impl From<ClaimsError> for Failure {
    fn from(error: ClaimsError) -> Self {
        // Nothing but the scenarios themselves went into it.
        Failure::Broken(error.to_string())
    }
}

#[cfg(feature = "book")]
impl From<crate::book::BuildError> for Failure {
    fn from(error: crate::book::BuildError) -> Self {
        Failure::Usage(error.to_string())
    }
}

#[cfg(feature = "book")]
impl From<crate::lab::LabError> for Failure {
    fn from(error: crate::lab::LabError) -> Self {
        Failure::Usage(error.to_string())
    }
}

/// Does what the process was started for, with these scenarios.
pub fn main(registry: Registry) -> ExitCode {
    // Whoever waits for a run has a clock; the simulation has none.
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    real_time_is(|| BEGAN.get_or_init(Instant::now).elapsed());
    let arguments: Vec<_> = std::env::args_os().collect();
    let coloured = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let (mut out, mut err) = (io::stdout().lock(), io::stderr());
    ExitCode::from(command_line(registry, &arguments, coloured, &mut out, &mut err))
}

/// What a command line printed, and its exit status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Printed {
    /// The exit status.
    pub status: u8,
    /// Its output.
    pub stdout: Vec<u8>,
    /// What it had to say besides.
    pub stderr: Vec<u8>,
}

/// Does what a command line says (its words, without the program's name), within this process.
///
/// What a command does besides printing, it does: packets are written to files, a book is built, a server serves.
pub fn printed(registry: Registry, words: &[String]) -> Printed {
    let program = std::iter::once(registry.program().into());
    let arguments: Vec<OsString> = program.chain(words.iter().map(OsString::from)).collect();
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let status = command_line(registry, &arguments, false, &mut stdout, &mut stderr);
    Printed { status, stdout, stderr }
}

fn command_line(
    registry: Registry,
    arguments: &[OsString],
    coloured: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> u8 {
    let command = Cli::command().name(registry.program()).bin_name(registry.program());
    let parsed =
        command.clone().try_get_matches_from(arguments).and_then(|found| Cli::from_arg_matches(&found));
    let result = match parsed {
        Ok(cli) => execute(cli, registry, out),
        Err(error) if !error.use_stderr() => {
            // `--help`, `--version`: asked for, so not an error, wherever the output goes.
            let text = error.render();
            let text = if coloured { text.ansi().to_string() } else { text.to_string() };
            let _ = out.write_all(text.as_bytes());
            return 0;
        }
        Err(error) => Err(Failure::Usage(usage::one_line(&error, &command, arguments))),
    };
    let (text, status) = match result {
        Ok(Status::Fine) => return 0,
        Ok(Status::AClaimFailed) => return 1,
        Err(Failure::Usage(text)) => (text, 2),
        Err(Failure::Broken(text)) => (text, 1),
        Err(Failure::Output(error)) => (format!("cannot print: {error}"), 2),
    };
    // Nobody is left to be told.
    let _ = writeln!(err, "{}: {text}", registry.program());
    status
}

fn execute(cli: Cli, registry: Registry, out: &mut dyn Write) -> Result<Status, Failure> {
    let Some(command) = cli.command else {
        return match registry.program() {
            "halfopen" => serve(cli.port, registry),
            // The book is that of this crate's scenarios.
            _ => Err(Failure::Usage("no command; valid: list, run, sweep, claims".to_owned())),
        };
    };
    match command {
        Command::List { format: Format::Text } => print(out, &list::text(registry)),
        Command::List { format: Format::Json } => print_json(out, &list::json(registry)),
        Command::Run(args) => run::run(args, registry, out),
        Command::Sweep(args) => sweep::sweep(args, registry, out),
        Command::Claims { format, engine } => {
            let ledger = claims::collect(&Runs::new(registry), engine.engine)?;
            match format {
                Format::Text => print(out, &claims::text(&ledger))?,
                Format::Json => print_json(out, &claims::json(&ledger))?,
            };
            Ok(if claims::all_hold(&ledger) { Status::Fine } else { Status::AClaimFailed })
        }
        #[cfg(feature = "os")]
        Command::Live { mechanism, addr } => live::live(&mechanism, addr),
        #[cfg(feature = "book")]
        Command::Book(command) => book(command, registry, out),
    }
}

#[cfg(feature = "book")]
fn book(command: args::Book, registry: Registry, out: &mut dyn Write) -> Result<Status, Failure> {
    use crate::book;
    match command {
        args::Book::Build { dest } => {
            let root = std::path::Path::new(".");
            // A signal ends what is being built, not this process in the middle of it.
            let stop = listen()?;
            make_module(root, &stop);
            if stop.is_told() {
                return Err(Failure::Usage("stopped; nothing was built".to_owned()));
            }
            book::build(root, &dest, &Runs::new(registry))?;
            print(out, &format!("{}\n", dest.join("index.html").display()))
        }
        args::Book::Serve { port } => serve(port, registry),
        args::Book::Preprocess { question: None } => {
            let mut answer = Vec::new();
            book::preprocess(io::stdin().lock(), &mut answer, &Runs::new(registry))?;
            write(out, &answer)
        }
        args::Book::Preprocess { question: Some(args::Preprocess::Supports { renderer }) } => {
            match book::supports(&renderer) {
                true => Ok(Status::Fine),
                false => Err(Failure::Usage(format!("no figures for `{renderer}`; valid: html, markdown"))),
            }
        }
    }
}

/// Listens for the signals that end this process.
#[cfg(feature = "book")]
fn listen() -> Result<crate::lab::stop::Stop, Failure> {
    crate::lab::stop::Stop::listen()
        .map_err(|error| Failure::Usage(format!("cannot listen for signals: {error}")))
}

/// Makes the page's module if it is wanting, and says how to get it where it cannot be made; answers whether there is a new one.
#[cfg(feature = "book")]
fn make_module(root: &std::path::Path, stop: &crate::lab::stop::Stop) -> bool {
    use crate::book::live::{NotMade, is_wanted, make};
    // Not by a program under test or in the making, whose sources change all the time: `.ci/wasm` makes it then.
    if cfg!(debug_assertions) || !is_wanted(root) {
        return false;
    }
    match make(
        root,
        || !stop.is_told(),
        || eprintln!("halfopen: making the page's module, about a minute, once"),
    ) {
        Ok(()) => {
            eprintln!("halfopen: the page's module is made");
            true
        }
        Err(NotMade::Stopped) => false,
        Err(why) => {
            eprintln!("halfopen: {why}");
            false
        }
    }
}

/// Serves the book until Ctrl-C.
#[cfg(feature = "book")]
fn serve(port: Option<u16>, registry: Registry) -> Result<Status, Failure> {
    use crate::lab::{DEFAULT_PORT, Lab, Port};
    let root = std::path::Path::new(".");
    let port = port.map_or(DEFAULT_PORT, Port::Exactly);
    let rebuilt = |result: Result<u64, _>| match result {
        Ok(_) => eprintln!("halfopen: built anew"),
        Err(error) => eprintln!("halfopen: not built anew; the last good book is served\n{error}"),
    };
    // Before anything is built: what is half done when the signal comes is ended and put away.
    let stop = listen()?;
    let lab = Lab::open(root, port, Runs::new(registry), rebuilt)?;
    // Printed, not returned: the command goes on. A reader that went away does not want the address.
    let _ = writeln!(io::stdout(), "the book is at http://{} (Ctrl-C ends)", lab.address());
    // Meanwhile this process answers.
    let (shelf, stop_making) = (lab.shelf(), stop.clone());
    let making = std::thread::spawn(move || {
        if make_module(root, &stop_making)
            && let Err(error) = shelf.take_module(root)
        {
            eprintln!("halfopen: the page's module cannot be put into the book: {error}");
        }
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let served = runtime.and_then(|runtime| {
        let served = runtime.block_on(lab.serve(stop.told()));
        // A run that nobody waits for any more has its own end; the process does not wait for it.
        runtime.shutdown_background();
        served
    });
    // It was told to stop, too; if it panicked, that was printed then.
    let _ = making.join();
    served.map(|()| Status::Fine).map_err(|error| Failure::Usage(format!("cannot serve the book: {error}")))
}

#[cfg(not(feature = "book"))]
fn serve(_: Option<u16>, _: Registry) -> Result<Status, Failure> {
    Err(Failure::Usage(
        "this build has no book in it (feature `book`); valid: list, run, sweep, claims".to_owned(),
    ))
}

/// What was given with `--limit`.
fn limits(given: Vec<(String, String)>) -> Result<Limits, Failure> {
    Ok(Limits::from_given(&self::given(given)?).map_err(RunError::Parameter)?)
}

/// What was given with `--set`, each parameter once.
fn given(set: Vec<(String, String)>) -> Result<Given, Failure> {
    let mut given = Given::new();
    for (name, value) in set {
        if given.contains_key(&name) {
            return Err(Failure::Usage(format!("the parameter `{name}` is given twice")));
        }
        given.insert(name, value);
    }
    Ok(given)
}

fn print(out: &mut dyn Write, text: &str) -> Result<Status, Failure> {
    write(out, text.as_bytes())
}

/// Prints all of it. A reader that has seen enough (`| head`) is not an error.
fn write(out: &mut dyn Write, bytes: &[u8]) -> Result<Status, Failure> {
    ended(out.write_all(bytes).and_then(|()| out.flush()))
}

/// Prints JSON while it is put together, so that it is never held as a whole.
fn print_json(out: &mut dyn Write, json: &impl Serialize) -> Result<Status, Failure> {
    let mut out = BufWriter::new(out);
    let written = serde_json::to_writer_pretty(&mut out, json).map_err(io::Error::from);
    ended(written.and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()))
}

fn ended(printed: io::Result<()>) -> Result<Status, Failure> {
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Output(error)),
        _ => Ok(Status::Fine),
    }
}

#[cfg(test)]
mod tests;
