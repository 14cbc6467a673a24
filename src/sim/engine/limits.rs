//! What a run may use before it is ended: a simulation of a day can fill any memory, and a slip of the pen makes one.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::parameter::{ByteSize, hours, secs};

crate::parameters! {
    /// The bounds of a run, generous for everything in this book. Beyond one of them the run ends with
    /// [`Failure::Limit`](super::ending::Failure).
    pub struct Limits {
        /// Events told, on all machines together.
        events: u64 = 2_000_000, in 1..=1_000_000_000;
        /// Packets sent, by all machines together.
        packets: u64 = 5_000_000, in 1..=1_000_000_000;
        /// Memory for what is recorded and for the buffers of sockets, in bytes, as far as it is accounted.
        memory: ByteSize = ByteSize(1536 << 20), in ByteSize(1 << 20)..=ByteSize(1 << 40);
        /// Time on the reader's clock.
        real_time: Duration = secs(600), in secs(1)..=hours(24);
    }
}

/// Says how much real time has passed since the run began. Only the command line knows a clock.
#[derive(Clone)]
pub struct Stopwatch(Arc<dyn Fn() -> Duration + Send + Sync>);

impl Stopwatch {
    /// A stopwatch that is read by `elapsed`.
    pub fn new(elapsed: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self(Arc::new(elapsed))
    }

    /// What it shows.
    pub fn elapsed(&self) -> Duration {
        (self.0)()
    }
}

impl fmt::Debug for Stopwatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stopwatch")
    }
}
