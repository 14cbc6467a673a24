//! A usage error in one line that says what is valid.

use std::ffi::OsString;

use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// What clap says on several lines, on one, with the names that are valid where it does not give them.
pub fn one_line(error: &clap::Error, cli: &Command, arguments: &[OsString]) -> String {
    if let Some(line) = told_better(error) {
        return line;
    }
    let rendered = error.render().to_string();
    let said: Vec<&str> = rendered
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .filter(|line| !line.is_empty())
        .collect();
    let mut line = said.join("; ");
    line = line.strip_prefix("error: ").map_or(line.clone(), str::to_owned);
    let command = innermost(cli, arguments);
    let valid = match error.kind() {
        ErrorKind::InvalidSubcommand => subcommands(command),
        ErrorKind::UnknownArgument => flags(command),
        _ => return line,
    };
    if valid.is_empty() { line } else { format!("{line}; valid: {}", valid.join(", ")) }
}

/// What clap says in a way that misleads on one line.
fn told_better(error: &clap::Error) -> Option<String> {
    match (error.kind(), error.get(ContextKind::InvalidArg)?) {
        (ErrorKind::MissingRequiredArgument, ContextValue::Strings(missing)) => {
            Some(format!("not given: {}", missing.join(", ")))
        }
        // A number below zero, where a value is wanted: clap takes it for an option, and advises to write `-- -1`.
        (ErrorKind::UnknownArgument, ContextValue::String(argument)) => {
            let number = argument.strip_prefix('-')?;
            let below_zero = number.starts_with(|c: char| c.is_ascii_digit());
            below_zero.then(|| format!("`{argument}` is no value: no number here is below 0"))
        }
        _ => None,
    }
}

/// The subcommand that the arguments lead to.
fn innermost<'a>(cli: &'a Command, arguments: &[OsString]) -> &'a Command {
    let words = arguments.iter().skip(1).filter_map(|argument| argument.to_str());
    words.fold(cli, |command, word| command.find_subcommand(word).unwrap_or(command))
}

fn subcommands(command: &Command) -> Vec<String> {
    command.get_subcommands().filter(|c| !c.is_hide_set()).map(|c| c.get_name().to_owned()).collect()
}

fn flags(command: &Command) -> Vec<String> {
    command.get_arguments().filter_map(|a| a.get_long()).map(|long| format!("--{long}")).collect()
}
