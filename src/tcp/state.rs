//! The states of a connection (RFC 9293 section 3.3.2), but for LISTEN and CLOSED, which have none.

use std::fmt;

/// Where a connection is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Its SYN is under way.
    SynSent,
    /// A SYN arrived and was answered by one.
    SynReceived,
    /// Both directions are open.
    Established,
    /// Closed here; the FIN is not acknowledged yet.
    FinWait1,
    /// Closed here, the FIN acknowledged; the peer may still send.
    FinWait2,
    /// Closed by the peer; this side may still send.
    CloseWait,
    /// Closed by both at once; the FIN is not acknowledged yet.
    Closing,
    /// Closed by the peer, then here; the FIN is not acknowledged yet.
    LastAck,
    /// Closed by both, here first: kept for a while, so that what is late finds it.
    TimeWait,
    /// Gone.
    Closed,
}

impl State {
    /// Whether the handshake is over, and the connection is not.
    pub fn is_synchronized(self) -> bool {
        !matches!(self, State::SynSent | State::SynReceived | State::Closed)
    }

    /// Whether its process may still send.
    pub fn may_send(self) -> bool {
        matches!(self, State::Established | State::CloseWait)
    }

    /// Whether the peer may still send.
    pub fn may_receive(self) -> bool {
        matches!(self, State::Established | State::FinWait1 | State::FinWait2)
    }
}

/// As RFC 9293 writes it: `SYN-SENT`.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            State::SynSent => "SYN-SENT",
            State::SynReceived => "SYN-RECEIVED",
            State::Established => "ESTABLISHED",
            State::FinWait1 => "FIN-WAIT-1",
            State::FinWait2 => "FIN-WAIT-2",
            State::CloseWait => "CLOSE-WAIT",
            State::Closing => "CLOSING",
            State::LastAck => "LAST-ACK",
            State::TimeWait => "TIME-WAIT",
            State::Closed => "CLOSED",
        })
    }
}
