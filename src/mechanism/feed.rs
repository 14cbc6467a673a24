//! The common job, on the server's side: numbered updates appended at a rate, and a log of them that every connection
//! reads from its own place.
//!
//! The log is bounded, and a connection keeps a number rather than a queue. So a client that reads slowly, or not
//! at all, costs the server nothing more than its connection: when the log has moved on, the reader goes on at
//! the oldest update still there and is told how many it has lost.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tracing::debug;

use crate::channel::{Channel, ChannelError, Message, Numbered};
use crate::net::time::{self, interval_at};

/// How many updates a log keeps, unless told otherwise.
const KEEP: usize = 1024;

/// What a server appends, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    every: Duration,
    keep: usize,
}

impl Feed {
    /// One update every `period`, the first one `period` after the server has started. What happens in the world
    /// does not wait for a server without CPU: the updates of that time are appended at once afterwards.
    ///
    /// # Panics
    /// When `period` is zero.
    pub fn every(period: Duration) -> Self {
        assert!(!period.is_zero(), "a feed needs some time between its updates");
        Self { every: period, keep: KEEP }
    }

    /// How many updates the log keeps for clients that have fallen behind; the default is 1024.
    ///
    /// # Panics
    /// When it is zero.
    pub fn keep(mut self, updates: usize) -> Self {
        assert!(updates > 0, "a log keeps at least its newest update");
        self.keep = updates;
        self
    }

    /// An empty log for this feed.
    pub fn log(&self) -> Log {
        Log::new(self.keep)
    }

    /// Appends to the log, for ever.
    pub async fn publish(self, log: Log) {
        // `Burst`, the default: no update is left out.
        let mut ticks = interval_at(time::now() + self.every, self.every);
        loop {
            ticks.tick().await;
            let n = log.append(|n| Numbered { n }.to_bytes());
            debug!(target: "halfopen::app", n, "update published");
        }
    }
}

/// A bounded log of numbered updates. A clone is another handle to it.
#[derive(Debug, Clone)]
pub struct Log(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    keep: usize,
    updates: Mutex<Updates>,
    /// Wakes the readers in the order in which they wait, which a `watch` would not: equal runs shall be equal.
    appended: Notify,
}

#[derive(Debug, Default)]
struct Updates {
    /// The newest ones, in order.
    kept: VecDeque<Bytes>,
    /// The number of the last of them.
    newest: u64,
}

impl Log {
    /// A log that keeps the newest `keep` updates.
    pub fn new(keep: usize) -> Self {
        Self(Arc::new(Shared { keep, updates: Mutex::default(), appended: Notify::new() }))
    }

    /// Appends the update that `make` makes for its number, and returns the number.
    pub fn append(&self, make: impl FnOnce(u64) -> Bytes) -> u64 {
        let n = {
            let mut updates = self.updates();
            updates.newest += 1;
            let n = updates.newest;
            if updates.kept.len() == self.0.keep {
                updates.kept.pop_front();
            }
            updates.kept.push_back(make(n));
            n
        };
        self.0.appended.notify_waiters();
        n
    }

    /// A reader of everything appended from now on.
    pub fn reader(&self) -> Reader {
        let read = self.updates().newest;
        Reader { log: self.clone(), read }
    }

    fn updates(&self) -> MutexGuard<'_, Updates> {
        // A panic in `make` leaves a number without its update, of which readers are told as of one they have lost.
        self.0.updates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in a log.
#[derive(Debug)]
pub struct Reader {
    log: Log,
    /// The number of the last update read or lost.
    read: u64,
}

/// What a reader finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// The next update.
    Update {
        /// Its number.
        n: u64,
        /// As it goes on the wire; shared with all readers.
        bytes: Bytes,
    },
    /// The reader was overtaken; it goes on with the oldest update still there.
    Lost {
        /// How many updates it will not see.
        missing: u64,
    },
}

impl Reader {
    /// Waits for the next update. Cancel safe.
    pub async fn next(&mut self) -> Next {
        if let Some(next) = self.look() {
            return next;
        }
        let log = self.log.clone();
        loop {
            // Waiting begins before looking, so that nothing is appended unseen between the two.
            let mut appended = pin!(log.0.appended.notified());
            appended.as_mut().enable();
            if let Some(next) = self.look() {
                return next;
            }
            appended.await;
        }
    }

    /// The next update, and the reader behind it.
    async fn advanced(mut self) -> (Self, Next) {
        let next = self.next().await;
        (self, next)
    }

    fn look(&mut self) -> Option<Next> {
        let updates = self.log.updates();
        let newest = updates.newest;
        let oldest = newest + 1 - updates.kept.len() as u64;
        if self.read == newest {
            return None;
        }
        if self.read + 1 < oldest {
            let missing = oldest - self.read - 1;
            self.read += missing;
            return Some(Next::Lost { missing });
        }
        self.read += 1;
        let bytes = updates.kept[(self.read - oldest) as usize].clone();
        Some(Next::Update { n: self.read, bytes })
    }
}

/// Serves the feed on a two-way channel: sends every update from the reader's place on, and takes note of the
/// numbered messages of the client. Says goodbye with `code` and `reason` when `stop` comes to its end.
///
/// # Errors
/// Why the conversation ended otherwise; the connection is let go of by then.
pub(crate) async fn converse<C: Channel>(
    mut channel: C,
    updates: Reader,
    stop: impl Future<Output = (u16, &'static str)>,
) -> Result<(), ChannelError> {
    let mut stop = pin!(stop);
    let mut next = pin!(updates.advanced());
    // The one update between the log and the channel.
    let mut outgoing = None;
    let mut sending = 0;
    let end = poll_fn(|cx| {
        // A channel that had nothing to receive wakes this task when it has: nobody has to ask it twice.
        let mut silent = false;
        loop {
            if let Poll::Ready(goodbye) = stop.as_mut().poll(cx) {
                return Poll::Ready(Ok(goodbye));
            }
            if outgoing.is_none()
                && let Poll::Ready((updates, found)) = next.as_mut().poll(cx)
            {
                next.set(updates.advanced());
                match found {
                    Next::Update { n, bytes } => {
                        sending = n;
                        outgoing = Some(Message::Data(bytes));
                    }
                    Next::Lost { missing } => {
                        tracing::warn!(target: "halfopen::app", missing, "updates skipped");
                    }
                }
                continue;
            }
            // Receiving first: when both directions fail, the peer's last words explain it best.
            let received = if silent { Poll::Pending } else { channel.poll_receive(cx)? };
            let sent = match outgoing {
                None => Poll::Pending,
                Some(_) => channel.poll_send(cx, &mut outgoing),
            };
            if sent.is_ready() && outgoing.is_none() {
                debug!(target: "halfopen::app", n = sending, "update sent");
            }
            match (received, sent) {
                // An error of the sending side comes again; the message would not.
                (Poll::Ready(Message::Data(bytes)), _) => match Numbered::read(&bytes) {
                    Some(Numbered { n }) => debug!(target: "halfopen::app", n, "message received"),
                    None => debug!(target: "halfopen::app", bytes = bytes.len(), "unreadable message"),
                },
                (Poll::Ready(_), _) => {}
                (Poll::Pending, Poll::Ready(sent)) => {
                    sent?;
                    silent = true;
                }
                (Poll::Pending, Poll::Pending) => return Poll::Pending,
            }
        }
    });
    let error = match end.await {
        Ok((code, reason)) => {
            channel.close(code, reason).await;
            return Ok(());
        }
        Err(error) => error,
    };
    // A dead peer would not answer a goodbye.
    if !matches!(error, ChannelError::Dead { .. }) {
        channel.close(1000, "").await;
    }
    Err(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(n: u64) -> Next {
        Next::Update { n, bytes: Numbered { n }.to_bytes() }
    }

    fn append(log: &Log, count: u64) {
        for _ in 0..count {
            log.append(|n| Numbered { n }.to_bytes());
        }
    }

    #[tokio::test]
    async fn a_reader_sees_what_is_appended_after_it_came() {
        let log = Log::new(8);
        append(&log, 3);
        let mut reader = log.reader();
        append(&log, 2);
        assert_eq!(reader.next().await, update(4));
        assert_eq!(reader.next().await, update(5));
        let mut waiting = tokio_test::task::spawn(reader.next());
        tokio_test::assert_pending!(waiting.poll());
        append(&log, 1);
        assert!(waiting.is_woken());
        assert_eq!(tokio_test::assert_ready!(waiting.poll()), update(6));
    }

    #[tokio::test]
    async fn an_overtaken_reader_is_told_its_loss_and_goes_on_with_the_oldest() {
        let log = Log::new(4);
        let mut slow = log.reader();
        append(&log, 10);
        assert_eq!(slow.next().await, Next::Lost { missing: 6 });
        for n in 7..=10 {
            assert_eq!(slow.next().await, update(n));
        }
    }

    #[tokio::test]
    async fn nothing_is_lost_as_long_as_the_log_holds_it() {
        let log = Log::new(4);
        let mut reader = log.reader();
        append(&log, 4);
        assert_eq!(reader.next().await, update(1));
    }

    #[test]
    fn a_slow_reader_does_not_make_the_log_grow() {
        let log = Log::new(4);
        let _slow = log.reader();
        append(&log, 10_000);
        assert_eq!(log.updates().kept.len(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_feed_appends_at_its_rate() {
        let feed = Feed::every(Duration::from_secs(2));
        let log = feed.log();
        let mut reader = log.reader();
        let start = time::now();
        let mut publishing = tokio_test::task::spawn(feed.publish(log));
        for n in 1..=3 {
            tokio::select! {
                biased;
                next = reader.next() => assert_eq!(next, update(n)),
                () = &mut publishing => unreachable!("a feed has no end"),
            }
            assert_eq!(start.elapsed(), Duration::from_secs(2 * n));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_feed_catches_up_after_a_stall() {
        let feed = Feed::every(Duration::from_secs(1));
        let log = feed.log();
        let mut reader = log.reader();
        let mut publishing = tokio_test::task::spawn(feed.publish(log));
        tokio_test::assert_pending!(publishing.poll());
        tokio::time::advance(Duration::from_secs(60)).await;
        tokio_test::assert_pending!(publishing.poll());
        for n in 1..=60 {
            assert_eq!(tokio_test::assert_ready!(tokio_test::task::spawn(reader.next()).poll()), update(n));
        }
    }
}
