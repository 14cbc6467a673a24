//! What a conversation looks like above the mechanism that carries it.

use std::future::Future;
use std::io;

use bytes::Bytes;

/// One message of a conversation, either way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Something the application said.
    Data(Bytes),
    /// A question of the heartbeat; a channel answers it by itself when it is read.
    Ping(Bytes),
    /// The answer to a ping, with its content.
    Pong(Bytes),
}

/// Why a conversation is over.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// The other side closed in order.
    #[error("closed by the peer ({code}{}{reason})", if reason.is_empty() { "" } else { ": " })]
    Closed {
        /// The mechanism's close code (RFC 6455 section 7.4 for WebSocket; 1005: none was given).
        code: u16,
        /// The reason given, or nothing.
        reason: String,
    },
    /// The connection under it failed.
    #[error("connection lost: {0}")]
    Io(#[from] io::Error),
    /// The other side broke the mechanism's rules.
    #[error("protocol violation: {0}")]
    Protocol(String),
}

/// A two-way conversation, opened by a mechanism and used by a session.
pub trait Channel: Send {
    /// The next message. Cancel safe: a message is either returned or still there.
    ///
    /// # Errors
    /// Once the conversation is over; it stays over.
    fn receive(&mut self) -> impl Future<Output = Result<Message, ChannelError>> + Send;

    /// Hands a message over to the connection below. `Ok` says nothing about its arrival. Waits while the
    /// connection's buffers are full; a message whose sending was cancelled is sent whole, later, or not at all.
    ///
    /// # Errors
    /// Once the conversation is over.
    fn send(&mut self, message: Message) -> impl Future<Output = Result<(), ChannelError>> + Send;

    /// Says goodbye and lets go of the connection, waiting no longer than the mechanism's close timeout.
    fn close(&mut self, code: u16, reason: &str) -> impl Future<Output = ()> + Send;
}
