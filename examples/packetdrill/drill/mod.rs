//! An interpreter for the notation of packetdrill: short scripts of system calls, of packets that arrive and of packets
//! that must leave, with their times. It runs them against a TCP in simulated time.

mod assertion;
mod calls;
mod files;
mod link;
mod options;
mod packet;
mod parse;
mod poll;
mod preamble;
mod run;
mod script;
pub mod settings;
pub mod subject;
mod symbols;
mod token;
mod transfer;

use settings::Settings;
use subject::Subject;

/// What became of a script.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Pass,
    /// What was expected and what happened.
    Fail(Fault),
    /// What it needs and the interpreter has not.
    Skip(String),
}

/// A line of a script, and what is wrong there.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    pub line: usize,
    pub why: String,
}

impl Fault {
    pub fn new(line: usize, why: impl Into<String>) -> Self {
        Self { line, why: why.into() }
    }
}

/// Why a script does not go on.
#[derive(Debug, Clone, PartialEq)]
pub enum Stop {
    Fail(Fault),
    Skip(String),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Stop::Fail(fault)
    }
}

/// Runs a script on the TCP that `make` makes from its settings, which begin as the given ones.
pub fn run<S: Subject>(
    text: &str,
    settings: Settings,
    make: impl FnOnce(&Settings) -> Result<S, String>,
) -> Outcome {
    match parse::parse(text) {
        Ok(script) => run::run(&script, settings, make),
        Err(fault) => Outcome::Fail(fault),
    }
}
