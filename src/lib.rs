//! **Half-Open**: an executable book about real-time web connections.
//!
//! The map of the house. A room imports only from rooms above it in this list; `mechanism` and `session` know
//! neither the simulator nor each other.
//!
//! - [`parameter`]: typed parameters, declared once: name, unit, default, range, help.
//! - [`net`]: what an application sees of a network (connect, listen, streams, datagrams, socket options, network
//!   changes), and the operating system's implementation of it.
//! - [`packet`]: what travels: segments and datagrams, as values and as bytes.
//! - [`tcp`]: TCP, as a state machine without input and output.
//! - [`trace`]: what happened, in order, and its forms: story, packets, JSON, pcap.
//! - [`figure`]: a trace, or numbers, drawn.
//! - [`sim`]: simulated machines, the paths between them, the faults, and the engines that drive it all; implements
//!   [`net`].
//! - [`channel`]: what a mechanism offers to a session.
//! - [`mechanism`]: one folder a mechanism, each with its client and its server.
//! - [`session`]: what outlives a connection: heartbeat and detection.
//! - [`scenario`]: the experiments: world, processes, faults, measures, claims; and their registry.
//! - [`explore`]: running a scenario with changed parameters, once or in a sweep; the ledger of claims.
//! - [`page`]: a run as pieces of a page, asked for in JSON.
//! - `fidelity`: the simulated kernel held against Linux, measurement by measurement.
//! - `book`: directives in chapters turned into figures (an mdBook preprocessor, linked in).
//! - `lab`: the book, served.
//! - [`cli`]: the command line, of this crate's scenarios or of another one's.
//! - [`module`]: all of it as a WebAssembly module for a page.

pub mod channel;
pub mod cli;
pub mod explore;
#[cfg(feature = "fidelity")]
pub mod fidelity;
pub mod figure;
#[cfg(test)]
mod logbook;
pub mod mechanism;
pub mod module;
pub mod net;
pub mod packet;
pub mod page;
pub mod parameter;
pub mod scenario;
pub mod session;
pub mod sim;
pub mod tcp;
pub mod trace;

#[cfg(feature = "book")]
pub mod book;
#[cfg(feature = "book")]
pub mod lab;

/// SplitMix64's finaliser: a fixed, well-mixing permutation of 64 bits.
pub(crate) fn mix(x: u64) -> u64 {
    let mut z = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// For the macro `note!`, which expands in other crates, too.
#[doc(hidden)]
pub use tracing;

/// The examples in the README compile and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
