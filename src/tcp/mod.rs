//! TCP, as a state machine without input and output: it is told which segment arrived, what a process wants and what time
//! it is, and says which segments leave and when it wants to be asked again. It owns no clock, no task and no socket.
//!
//! - [`Endpoint`]: a machine's TCP: its listeners, connections and TIME-WAITs.
//! - `connection`: one of them: what arrives, what leaves, what is due, what its process does.
//! - `send`, `reassembly`, `memory`: its queues, and how much they may hold.
//! - `rtt`, `recovery`, `congestion`: how long a round trip takes, what was lost, how much may be under way.
//! - `timers`, `wheel`, `acks`: when something is due, when a Linux timer really fires, when an acknowledgement leaves.
//! - [`Sysctls`]: its settings, under Linux's names.
//!
//! Time is a [`Duration`](std::time::Duration) since an epoch of the caller's; it never runs backwards.

mod acks;
pub mod congestion;
mod connection;
mod endpoint;
mod event;
mod memory;
mod reassembly;
mod recovery;
mod rtt;
mod send;
pub(crate) mod seq;
mod state;
mod sysctl;
mod timers;
mod wheel;

use std::net::SocketAddrV4;

pub use connection::Info;
pub use endpoint::{ConnId, Endpoint};
pub use event::{Event, What};
pub use state::State;
pub use sysctl::{Sysctls, TimerPolicy};
pub use timers::Wait;

use crate::packet::{Marks, Segment};

/// A connection's two ends, seen from one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tuple {
    /// This end.
    pub local: SocketAddrV4,
    /// The other end.
    pub remote: SocketAddrV4,
}

/// Flags of a write (`send(2)`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriteFlags {
    /// MSG_MORE: more follows; what does not fill a segment waits for it, 200 ms at most.
    pub more: bool,
    /// MSG_EOR: a record ends here; what follows goes into segments of its own.
    pub end_of_record: bool,
}

/// A segment that wants to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Transmit {
    /// The segment.
    pub segment: Segment,
    /// Why it is sent.
    pub marks: Marks,
}
