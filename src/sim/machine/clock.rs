//! Virtual time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::Instant;

/// The clock of a group: virtual time since the start of the run. It starts with the group.
#[derive(Debug, Clone, Default)]
pub(in crate::sim) struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    epoch: OnceLock<Instant>,
    /// The time in nanoseconds while it stands still; else [`RUNS`].
    stands_at_ns: AtomicU64,
}

/// No run lasts half a million years.
const RUNS: u64 = u64::MAX;

impl Default for Inner {
    fn default() -> Self {
        Self { epoch: OnceLock::new(), stands_at_ns: AtomicU64::new(RUNS) }
    }
}

impl Clock {
    /// Virtual time is zero now.
    pub fn start(&self) {
        // A group starts once.
        let _ = self.0.epoch.set(Instant::now());
    }

    /// The tokio instant of virtual time zero.
    pub fn epoch(&self) -> Instant {
        *self.0.epoch.get_or_init(Instant::now)
    }

    /// Virtual time.
    pub fn now(&self) -> Duration {
        match self.0.stands_at_ns.load(Ordering::Relaxed) {
            RUNS => Instant::now().saturating_duration_since(self.epoch()),
            ns => Duration::from_nanos(ns),
        }
    }

    /// It is `now` until [`Self::go_on`], and nobody has to ask tokio, whose clock stands still while it polls.
    pub fn stop(&self, now: Duration) {
        let ns = u64::try_from(now.as_nanos()).unwrap_or(RUNS);
        self.0.stands_at_ns.store(ns, Ordering::Relaxed);
    }

    /// It is whatever tokio says again.
    pub fn go_on(&self) {
        self.0.stands_at_ns.store(RUNS, Ordering::Relaxed);
    }

    /// The tokio instant of a virtual time.
    pub fn instant(&self, at: Duration) -> Instant {
        self.epoch() + at
    }
}
