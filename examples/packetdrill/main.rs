//! `cargo run --release --example packetdrill -- [--OPTION=VALUE]... FILE.pkt...`: runs scripts in packetdrill's notation
//! against `halfopen::tcp` and says of each, on one line, whether it passes, fails or is skipped, and why.
//!
//! Exit status: 0 when none failed, 1 when one did, 2 when it was called in a wrong way.

mod drill;
mod endpoint;

use std::process::ExitCode;

use drill::settings::Settings;
use drill::{Outcome, Stop};

const USAGE: &str = "usage: packetdrill [--OPTION=VALUE]... FILE.pkt...
options as in the head of a script: --tolerance_usecs=N, --tolerance_percent=N, --local_ip=A, --remote_ip=A, --mtu=N, ...";

fn main() -> ExitCode {
    let mut settings = Settings::default();
    let mut files = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "-D" {
            // A definition of packetdrill's, for what is skipped here.
            arguments.next();
        } else if let Some(flag) = argument.strip_prefix("--") {
            let (name, value) = flag.split_once('=').map_or((flag, None), |(n, v)| (n, Some(v)));
            match settings.flag(0, name, value) {
                Ok(()) => {}
                Err(Stop::Fail(fault)) => return usage(&fault.why),
                Err(Stop::Skip(why)) => return usage(&format!("unsupported: {why}")),
            }
        } else if !argument.starts_with('-') {
            files.push(argument);
        }
    }
    if files.is_empty() {
        return usage("no script is named");
    }
    let mut failed = false;
    for file in files {
        let outcome = match std::fs::read_to_string(&file) {
            Ok(text) => drill::run(&text, settings.clone(), endpoint::endpoint),
            Err(error) => return usage(&format!("{file}: {error}")),
        };
        match outcome {
            Outcome::Pass => println!("pass {file}"),
            Outcome::Skip(why) => println!("skip {file}: {why}"),
            Outcome::Fail(fault) => {
                failed = true;
                println!("fail {file}:{}: {}", fault.line, fault.why);
            }
        }
    }
    ExitCode::from(u8::from(failed))
}

fn usage(why: &str) -> ExitCode {
    eprintln!("packetdrill: {why}\n{USAGE}");
    ExitCode::from(2)
}
