//! A client's session: opens a channel, follows the updates, says something of its own, notices the end.

use std::io;
use std::time::Duration;

use crate::net::time::{self, Interval, Missed, interval_at};
use tracing::{debug, info, warn};

use super::heartbeat::Heartbeat;
use super::watched::Watched;
use crate::channel::{Channel, ChannelError, Message, Numbered, OpenError, Opens};
use crate::net::{Network, Process};

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
pub enum SessionEnd {
    /// There was no channel.
    #[error(transparent)]
    NotOpened(#[from] OpenError),
    /// The conversation came to an end.
    #[error(transparent)]
    Over(#[from] ChannelError),
}

/// A client's session on whatever mechanism opens its channels.
#[derive(Debug, Clone)]
pub struct Session<O> {
    opens: O,
    heartbeat: Option<Heartbeat>,
    publish: Option<Duration>,
}

impl<O: Opens> Session<O> {
    /// A session over the channel that `opens` opens: it only listens, and notices the end of the conversation
    /// when the connection does.
    pub fn over(opens: O) -> Self {
        Self { opens, heartbeat: None, publish: None }
    }

    /// With a heartbeat, or without.
    pub fn heartbeat(mut self, heartbeat: impl Into<Option<Heartbeat>>) -> Self {
        self.heartbeat = heartbeat.into();
        self
    }

    /// Says something every `period`, the first time one `period` after the channel is open; or says nothing.
    /// Nothing piles up while the connection takes nothing: what would be said while the message before it still
    /// waits is left out.
    ///
    /// # Panics
    /// When the period is zero.
    pub fn publish_every(mut self, period: impl Into<Option<Duration>>) -> Self {
        self.publish = period.into();
        assert!(self.publish != Some(Duration::ZERO), "a session needs some time between its messages");
        self
    }

    /// Opens a channel and stays on it until it ends. Dropping the future lets go of the connection at once.
    pub async fn converse<N: Network>(&self, net: &N) -> SessionEnd {
        let end = match self.opens.open(net).await {
            Err(error) => SessionEnd::NotOpened(error),
            Ok(channel) => {
                let mut channel = Watched::new(channel, self.heartbeat);
                let end = self.follow(&mut channel).await;
                // A dead peer would not answer a goodbye.
                if !matches!(end, ChannelError::Dead { .. }) {
                    channel.close(1000, "").await;
                }
                SessionEnd::Over(end)
            }
        };
        info!(target: "halfopen::app", reason = kind(&end), "session ended");
        end
    }

    async fn follow<C: Channel>(&self, channel: &mut C) -> ChannelError {
        let mut ticks = self.publish.map(ticks);
        let mut outgoing: Option<Message> = None;
        let mut sent = 0;
        let mut last_received = None;
        loop {
            let had = outgoing.is_some();
            tokio::select! {
                biased;
                // A message that still waits is replaced by its equal.
                () = tick(&mut ticks) => outgoing = Some(Message::Data(Numbered { n: sent + 1 }.to_bytes())),
                received = async {
                    let received = channel.exchange(&mut outgoing).await;
                    if had && outgoing.is_none() {
                        sent += 1;
                        debug!(target: "halfopen::app", n = sent, "message sent");
                    }
                    received
                } => match received {
                    Ok(Some(Message::Data(bytes))) => note(&bytes, &mut last_received),
                    Ok(_) => {}
                    Err(error) => return error,
                },
            }
        }
    }
}

impl<O: Opens> Process for Session<O> {
    /// Runs the session once. Its end is an outcome, not a failure of the process.
    async fn run<N: Network>(self, net: N) -> io::Result<()> {
        self.converse(&net).await;
        Ok(())
    }
}

/// Takes note of an update and of those missing before it.
fn note(bytes: &[u8], last: &mut Option<u64>) {
    let Some(Numbered { n }) = Numbered::read(bytes) else {
        debug!(target: "halfopen::app", bytes = bytes.len(), "unreadable message");
        return;
    };
    // The first update may have any number: the feed is older than the session.
    if let Some(missing) = last.and_then(|last| n.checked_sub(last + 1)).filter(|missing| *missing > 0) {
        warn!(target: "halfopen::app", missing, "gap noticed");
    }
    debug!(target: "halfopen::app", n, "update received");
    *last = Some(last.map_or(n, |last| last.max(n)));
}

fn ticks(period: Duration) -> Interval {
    interval_at(time::now() + period, period).missed(Missed::Skip)
}

async fn tick(ticks: &mut Option<Interval>) {
    match ticks {
        Some(ticks) => {
            ticks.tick().await;
        }
        None => std::future::pending().await,
    }
}

/// One word for an end.
fn kind(end: &SessionEnd) -> &'static str {
    match end {
        SessionEnd::NotOpened(_) => "not opened",
        SessionEnd::Over(ChannelError::Closed { .. }) => "closed",
        SessionEnd::Over(ChannelError::Io(_)) => "lost",
        SessionEnd::Over(ChannelError::Protocol(_)) => "violated",
        SessionEnd::Over(ChannelError::Dead { .. }) => "dead",
        SessionEnd::Over(ChannelError::TooLarge { .. }) => "too large",
    }
}

#[cfg(test)]
mod tests;
