//! The command line of the book.

fn main() -> std::process::ExitCode {
    halfopen::cli::main(halfopen::explore::Registry::all())
}
