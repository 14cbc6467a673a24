//! A channel with a heartbeat around it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::net::time::{self, Sleep, sleep_until};
use bytes::Bytes;
use tracing::warn;

use super::heartbeat::{Action, Heartbeat, Monitor};
use crate::channel::{Channel, ChannelError, ChannelLayer, Message};

/// The name under which a heartbeat gives its verdict.
pub const BY: &str = "heartbeat";

/// A channel that asks a silent peer for signs of life while it is received from, and ends with
/// [`ChannelError::Dead`] when none comes. Every byte received is one, not only whole messages.
pub struct Watched<C> {
    channel: C,
    watch: Option<Watch>,
}

struct Watch {
    monitor: Monitor,
    /// [`Channel::received_bytes`] when the monitor was last told.
    received_bytes: u64,
    /// A ping that the connection has not taken yet.
    ping: Option<Message>,
    timer: Sleep,
    /// The verdict, once it was given; it is given again to whoever asks again.
    dead: Option<Duration>,
}

impl<C: Channel> Watched<C> {
    /// Puts a heartbeat around a channel that was just opened; `None`: the channel as it is.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn new(channel: C, heartbeat: Option<Heartbeat>) -> Self {
        let watch = heartbeat.map(|heartbeat| {
            let now = time::now();
            Watch {
                monitor: Monitor::new(heartbeat, now),
                received_bytes: channel.received_bytes(),
                ping: None,
                timer: sleep_until(now),
                dead: None,
            }
        });
        Self { channel, watch }
    }
}

impl Watch {
    fn on_received(&mut self, received_bytes: u64) {
        self.monitor.on_received(time::now());
        self.received_bytes = received_bytes;
        // Not needed any more, if it has not left yet.
        self.ping = None;
    }

    fn verdict(silence: Duration) -> ChannelError {
        ChannelError::Dead { by: BY, silence }
    }
}

impl<C: Channel> Channel for Watched<C> {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, ChannelError>> {
        let Some(watch) = &mut self.watch else {
            return self.channel.poll_receive(cx);
        };
        if let Some(silence) = watch.dead {
            return Poll::Ready(Err(Watch::verdict(silence)));
        }
        // A channel that had nothing to receive wakes the task when it has: nobody has to ask it twice.
        let mut silent = false;
        loop {
            // What was received first of all: it may speak for the peer.
            if !silent && let Poll::Ready(message) = self.channel.poll_receive(cx)? {
                watch.on_received(self.channel.received_bytes());
                return Poll::Ready(Ok(message));
            }
            silent = true;
            if self.channel.received_bytes() != watch.received_bytes {
                watch.on_received(self.channel.received_bytes());
            }
            if watch.ping.is_some() {
                // A connection that does not take it does not stop the clock.
                let _ = self.channel.poll_send(cx, &mut watch.ping)?;
            }
            match watch.monitor.poll(time::now()) {
                Action::SendPing => watch.ping = Some(Message::Ping(Bytes::new())),
                Action::Wait(until) => {
                    // Setting a timer anew costs something, and mostly it stands right.
                    if watch.timer.deadline() != until {
                        watch.timer.reset(until);
                    }
                    ready!(Pin::new(&mut watch.timer).poll(cx));
                }
                Action::Dead { silence } => {
                    let silence_s = silence.as_secs_f64();
                    warn!(target: "halfopen::app", by = BY, silence_s, "peer declared dead");
                    watch.dead = Some(silence);
                    return Poll::Ready(Err(Watch::verdict(silence)));
                }
            }
        }
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        outgoing: &mut Option<Message>,
    ) -> Poll<Result<(), ChannelError>> {
        self.channel.poll_send(cx, outgoing)
    }

    fn received_bytes(&self) -> u64 {
        self.channel.received_bytes()
    }

    async fn close(&mut self, code: u16, reason: &str) {
        self.channel.close(code, reason).await;
    }
}

impl ChannelLayer for Heartbeat {
    type Channel<C: Channel> = Watched<C>;

    fn wrap<C: Channel>(&self, channel: C) -> Watched<C> {
        Watched::new(channel, Some(*self))
    }
}

/// `None`: no heartbeat.
impl ChannelLayer for Option<Heartbeat> {
    type Channel<C: Channel> = Watched<C>;

    fn wrap<C: Channel>(&self, channel: C) -> Watched<C> {
        Watched::new(channel, *self)
    }
}

#[cfg(test)]
mod tests;
