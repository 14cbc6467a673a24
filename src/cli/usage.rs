//! A usage error in one line that says what is valid.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{Command, CommandFactory};

use super::args::Cli;

/// What clap says on several lines, on one, with the names that are valid where it does not give them.
pub fn one_line(error: &clap::Error, arguments: &[OsString]) -> String {
    let rendered = error.render().to_string();
    let said: Vec<&str> = rendered
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .filter(|line| !line.is_empty())
        .collect();
    let mut line = said.join("; ");
    line = line.strip_prefix("error: ").map_or(line.clone(), str::to_owned);
    let cli = Cli::command();
    let command = innermost(&cli, arguments);
    let valid = match error.kind() {
        ErrorKind::InvalidSubcommand => subcommands(command),
        ErrorKind::UnknownArgument => flags(command),
        _ => return line,
    };
    if valid.is_empty() { line } else { format!("{line}; valid: {}", valid.join(", ")) }
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
