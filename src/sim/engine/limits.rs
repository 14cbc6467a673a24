//! What a run may use before it is ended: a simulation of a day can fill any memory, and a slip of the pen makes one.

use std::sync::OnceLock;
use std::time::Duration;

use crate::parameter::{ByteSize, Parameters as _, hours, ms, secs};
use crate::trace::recorder::Bounds;

/// Memory for the buffers of sockets; a module in a browser has four gigabytes for everything.
const BUFFERS: ByteSize = ByteSize(if cfg!(target_family = "wasm") { 1 << 30 } else { 6 << 30 });

crate::parameters! {
    /// The limits of a run, generous for everything in this book: what is recorded within them takes less than two
    /// gigabytes. Beyond one of them the run ends with [`Failure::Limit`](super::ending::Failure::Limit).
    #[derive(Copy)]
    pub struct Limits {
        /// Events told, on all machines together.
        events: u64 = 2_000_000, in 1..=1_000_000_000_000;
        /// Packets sent, by all machines together.
        packets: u64 = 3_000_000, in 1..=1_000_000_000_000;
        /// Bytes sent, IP headers included, by all machines together.
        bytes: ByteSize = ByteSize(768 << 20), in ByteSize(1)..=ByteSize(1 << 50);
        /// Bytes for the buffers of all sockets at one time.
        buffers: ByteSize = BUFFERS, in ByteSize(1)..=ByteSize(1 << 50);
        /// Time on the clock of whoever waits for the run, where a clock is known.
        real_time: Duration = secs(600), in ms(1)..=hours(24);
    }
}

impl Limits {
    /// Those that differ from the defaults, as they would be typed.
    pub fn changed(&self) -> Vec<(String, String)> {
        let defaults = Self::default().settings();
        self.settings().into_iter().filter(|setting| !defaults.contains(setting)).collect()
    }

    /// Those of them that are counted.
    pub(in crate::sim) fn bounds(self) -> Bounds {
        let Self { events, packets, bytes, buffers, real_time: _ } = self;
        Bounds { events, packets, bytes: bytes.0, buffers: buffers.0 }
    }
}

/// How much real time has passed since some moment.
pub type RealTime = fn() -> Duration;

static REAL_TIME: OnceLock<RealTime> = OnceLock::new();

/// Tells all later runs how to read a clock. The simulation itself knows none: only whoever waits for it has one.
pub fn real_time_is(clock: RealTime) {
    // Clocks differ in nothing that matters here: the first one stays.
    let _ = REAL_TIME.set(clock);
}

/// How much real time has passed since some moment, if a clock is known.
pub(super) fn real_time() -> Option<Duration> {
    REAL_TIME.get().map(|clock| clock())
}
