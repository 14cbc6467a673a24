//! What a receiver measures: how fast its process reads, and how long a round trip takes.

use std::time::Duration;

/// How much a process reads in a round trip (dynamic right-sizing; rcvq_space).
#[derive(Debug, Clone, Default)]
pub(super) struct Reading {
    /// When this round trip began.
    pub since: Duration,
    /// Read in it so far.
    pub copied: u64,
    /// The most so far.
    pub most: u64,
    /// When the last data arrived in order, and how much at that instant.
    pub arrived: (Duration, u64),
}

/// The round trip as a receiver sees it (rcv_rtt_est): by timestamps, or by how long a window takes to fill.
#[derive(Debug, Clone, Default)]
pub(super) struct RoundTrip {
    /// What was measured, smoothed.
    pub smoothed: Option<Duration>,
    /// Without timestamps: since when a window is being filled.
    pub window_began: Option<Duration>,
    /// How much of it has still to come.
    pub missing: u64,
}

impl Reading {
    /// Data arrived in order.
    pub fn arrives(&mut self, now: Duration, len: u32) {
        self.arrived = (now, self.arrived_at(now) + u64::from(len));
    }

    /// How much arrived at this very instant.
    pub fn arrived_at(&self, now: Duration) -> u64 {
        let (at, len) = self.arrived;
        if at == now { len } else { 0 }
    }
}

impl RoundTrip {
    /// The least is what counts; a longer one moves it by an eighth, if it is no window's and nothing lay unread.
    pub fn sample(&mut self, rtt: Duration, may_grow: bool) {
        let rtt = rtt.max(Duration::from_micros(1));
        self.smoothed = match self.smoothed {
            Some(smoothed) if rtt >= smoothed && !may_grow => Some(smoothed),
            Some(smoothed) if rtt >= smoothed => Some(smoothed - smoothed / 8 + rtt / 8),
            _ => Some(rtt),
        };
    }
}
