//! `cargo run --release --example packetdrill -- [--OPTION=VALUE]... FILE.pkt...`: runs scripts in packetdrill's notation
//! against `halfopen::tcp` and says of each, on one line, whether it passes, fails or is skipped, and why.

mod drill;

fn main() {}
