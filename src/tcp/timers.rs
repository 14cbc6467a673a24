//! The timers of a connection, in one table.

use std::time::Duration;

/// What the transmission timer runs for: only one of these at a time, as in Linux (`icsk_pending`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// The retransmission timeout (RFC 6298 section 5).
    Retransmission,
    /// The tail-loss probe (RFC 8985 section 7).
    LossProbe,
    /// Reordering: what RACK will take for lost then (RFC 8985 section 6.2, step 5).
    Reordering,
    /// The zero-window probe (RFC 9293 section 3.8.6.1).
    WindowProbe,
}

/// When what is due.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Timers {
    /// The sender's.
    pub transmission: Option<(Wait, Duration)>,
    /// The acknowledgement that waits for data to ride on (RFC 9293 section 3.8.6.3).
    pub delayed_ack: Option<Duration>,
    /// The acknowledgement that stands for several, while a gap lasts (Linux's `compressed_ack_timer`).
    pub compressed_ack: Option<Duration>,
    /// Keepalive (RFC 9293 section 3.8.4).
    pub keepalive: Option<Duration>,
    /// How long an orphan in FIN-WAIT-2 waits for the peer's FIN (Linux's `tcp_fin_timeout`).
    pub fin_wait_2: Option<Duration>,
}

impl Timers {
    /// The earliest of them.
    pub fn next(&self) -> Option<Duration> {
        [
            self.transmission.map(|(_, at)| at),
            self.delayed_ack,
            self.compressed_ack,
            self.keepalive,
            self.fin_wait_2,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// What the sender waits for.
    pub fn waiting_for(&self) -> Option<Wait> {
        self.transmission.map(|(wait, _)| wait)
    }

    /// Takes a timer that is due by `now`.
    pub fn take(timer: &mut Option<Duration>, now: Duration) -> bool {
        timer.take_if(|at| *at <= now).is_some()
    }
}
