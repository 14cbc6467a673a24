//! What happens to connections: for whoever waits, and for the log.

use std::net::SocketAddrV4;

use super::ConnId;
use crate::packet::Code;

/// Something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A reader that found nothing would now find something: data, an end, an error.
    Readable(ConnId),
    /// A writer that found no room would now find some, or an error; a connecting process that the handshake is over.
    Writable(ConnId),
    /// A connection waits to be accepted on this port.
    Acceptable(u16),
    /// The connection is no more: nobody holds it, and no segment of it passes.
    Gone(ConnId),
    /// Something worth a line in a log.
    Happened {
        /// The other end.
        peer: SocketAddrV4,
        /// What.
        what: What,
    },
}

/// What is worth a line in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A SYN was sent.
    Connecting,
    /// A SYN found no room in the accept queue.
    SynDropped,
    /// The ACK that would have ended a handshake found no room in the accept queue. Told once a handshake: what the peer
    /// sends after it is dropped as well.
    AckDropped,
    /// The handshake is over.
    Established,
    /// This side said its last byte.
    FinSent,
    /// The peer said its last byte.
    FinReceived,
    /// A RST was sent, because of what.
    ResetSent(&'static str),
    /// The peer ended the connection.
    ResetReceived,
    /// A router said that a segment did not get through.
    Unreachable(Code),
    /// A timeout: the first unacknowledged segment was sent again, for the how manyth time.
    Retransmitted(u32),
    /// Something was lost, and is sent again without waiting for a timeout (RFC 5681 section 3.2, RFC 8985).
    LossDetected,
    /// A reduction of the window was taken back: nothing had been lost (RFC 3522, RFC 5682, RFC 3708).
    LossUndone,
    /// A tail-loss probe was sent.
    TailProbe,
    /// A keepalive probe was sent; so many before it are unanswered.
    Keepalive(u32),
    /// Something arrived while a keepalive probe was unanswered.
    KeepaliveAnswered,
    /// The closed window of the peer was probed.
    WindowProbe,
    /// A segment that is out of place was answered by an acknowledgement (RFC 5961).
    ChallengeAck,
    /// Given up: nothing was heard for too long. Whether a RST was sent.
    TimedOut(bool),
    /// The address is no more, and the system ended its connections.
    Destroyed,
    /// The connection is over.
    Closed,
    /// Closed by both, here first.
    EnteredTimeWait,
    /// TIME-WAIT is over.
    LeftTimeWait,
}
