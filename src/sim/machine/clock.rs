//! Virtual time.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::Instant;

/// The clock of a group: virtual time since the start of the run. It starts with the group.
#[derive(Debug, Clone, Default)]
pub(in crate::sim) struct Clock(Arc<OnceLock<Instant>>);

impl Clock {
    /// Virtual time is zero now.
    pub fn start(&self) {
        // A group starts once.
        let _ = self.0.set(Instant::now());
    }

    /// The tokio instant of virtual time zero.
    pub fn epoch(&self) -> Instant {
        *self.0.get_or_init(Instant::now)
    }

    /// Virtual time.
    pub fn now(&self) -> Duration {
        Instant::now().saturating_duration_since(self.epoch())
    }

    /// The tokio instant of a virtual time.
    pub fn instant(&self, at: Duration) -> Instant {
        self.epoch() + at
    }
}
