//! What a mechanism offers to a session.
//!
//! - [`Channel`]: what a conversation looks like above a mechanism: messages, pings and pongs in order;
//!   [`Opens`]: who opens one; [`ChannelLayer`]: what may be put around one.
//! - [`Numbered`]: what is said in the common job.

mod numbered;

use std::future::{Future, poll_fn};
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;

pub use numbered::Numbered;

use crate::net::Network;

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
    /// A detector gave the other side up, although the connection has not failed.
    #[error("the peer is presumed dead: nothing heard for {silence:?} ({by})")]
    Dead {
        /// Which detector.
        by: &'static str,
        /// How long nothing had been heard.
        silence: Duration,
    },
    /// The message to be sent is larger than the channel allows. It was not sent, and the conversation is *not* over.
    #[error("a message of {size} bytes; at most {max} are allowed")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The largest size allowed, in bytes.
        max: usize,
    },
}

/// A two-way conversation, opened by a mechanism and used by a session.
///
/// It is driven by whoever polls it; there is no task behind it. So a channel that is not received from answers no
/// pings and notices nothing. Use [`exchange`](Channel::exchange) to send without becoming deaf.
pub trait Channel: Send {
    /// The next message; also moves along what is still to be written.
    ///
    /// # Errors
    /// Once the conversation is over; it stays over.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, ChannelError>>;

    /// Takes the message out of `outgoing` as soon as the connection below has room for it: the channel keeps at
    /// most one message of its own, whatever the peer does. `Ok` says nothing about its arrival. With nothing in
    /// `outgoing`, waits until there would be room.
    ///
    /// # Errors
    /// Once the conversation is over; [`ChannelError::TooLarge`] without consequences.
    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        outgoing: &mut Option<Message>,
    ) -> Poll<Result<(), ChannelError>>;

    /// How many bytes were received so far, whole messages or not. A peer that is half way through a large
    /// message on a slow link is alive, and this is how to see it.
    fn received_bytes(&self) -> u64;

    /// Says goodbye and lets go of the connection, waiting no longer than the mechanism's close timeout.
    /// Cancelling it lets go at once.
    fn close(&mut self, code: u16, reason: &str) -> impl Future<Output = ()> + Send;

    /// The next message. Cancel safe: a message is either returned or still there.
    ///
    /// # Errors
    /// Once the conversation is over; it stays over.
    fn receive(&mut self) -> impl Future<Output = Result<Message, ChannelError>> + Send {
        poll_fn(|cx| self.poll_receive(cx))
    }

    /// Hands a message over to the connection below. `Ok` says nothing about its arrival. Waits while the
    /// connection's buffers are full, and receives nothing meanwhile; a message whose sending was cancelled is
    /// sent whole, or not at all.
    ///
    /// # Errors
    /// Once the conversation is over; [`ChannelError::TooLarge`] without consequences.
    fn send(&mut self, message: Message) -> impl Future<Output = Result<(), ChannelError>> + Send {
        let mut outgoing = Some(message);
        poll_fn(move |cx| self.poll_send(cx, &mut outgoing))
    }

    /// Receives while it sends: returns when a message was received, or when `outgoing` was handed over (it is
    /// `None` then), or both. With nothing in `outgoing` it only receives. Neither direction starves the other,
    /// and a blocked send blocks no reception. Cancel safe: the message is either in `outgoing` or handed over
    /// whole.
    ///
    /// # Errors
    /// Once the conversation is over; [`ChannelError::TooLarge`] without consequences, the message still in
    /// `outgoing`.
    fn exchange(
        &mut self,
        outgoing: &mut Option<Message>,
    ) -> impl Future<Output = Result<Option<Message>, ChannelError>> + Send {
        poll_fn(move |cx| {
            // Receiving first: when both directions fail, the peer's last words explain it best.
            let received = self.poll_receive(cx)?;
            let sent = match outgoing {
                None => Poll::Pending,
                Some(_) => self.poll_send(cx, outgoing),
            };
            match (received, sent) {
                // An error of the sending side comes again; the message would not.
                (Poll::Ready(message), _) => Poll::Ready(Ok(Some(message))),
                (Poll::Pending, Poll::Ready(sent)) => Poll::Ready(sent.map(|()| None)),
                (Poll::Pending, Poll::Pending) => Poll::Pending,
            }
        })
    }
}

/// Something that opens a channel on a network: the client of a mechanism. A session opens as many as it needs.
pub trait Opens: Clone + Send + Sync + 'static {
    /// What it opens.
    type Channel<N: Network>: Channel;

    /// Opens a channel. Cancel safe: nothing stays behind.
    ///
    /// # Errors
    /// [`OpenError`], when there is no channel.
    fn open<N: Network>(&self, net: &N) -> impl Future<Output = Result<Self::Channel<N>, OpenError>> + Send;
}

/// Why a channel could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL cannot be used.
    #[error("{url}: {problem}")]
    Url {
        /// As it was given.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// No connection, or it was lost before the channel was open.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The server answered, but not with a channel.
    #[error("refused with status {status}")]
    Refused {
        /// The HTTP status.
        status: u16,
    },
    /// Not open in time.
    #[error("not open within {after:?}")]
    TimedOut {
        /// How long it was tried.
        after: Duration,
    },
    /// The server broke the mechanism's rules.
    #[error("protocol violation: {0}")]
    Protocol(String),
}

/// Something to put around every channel, such as a heartbeat. `()` puts nothing around it.
pub trait ChannelLayer: Clone + Send + Sync + 'static {
    /// A channel with the layer around it.
    type Channel<C: Channel>: Channel;

    /// Puts the layer around a channel that was just opened.
    fn wrap<C: Channel>(&self, channel: C) -> Self::Channel<C>;
}

impl ChannelLayer for () {
    type Channel<C: Channel> = C;

    fn wrap<C: Channel>(&self, channel: C) -> C {
        channel
    }
}
