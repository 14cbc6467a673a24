//! `list`, `run`, `sweep` for the scenarios of this crate.

fn main() -> std::process::ExitCode {
    halfopen::cli::main(scenario_crate::registry())
}
