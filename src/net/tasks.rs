//! Tasks that belong to a process, and sets of them that end with their owner.
//!
//! A process starts its tasks through its network ([`Network::spawner`](super::Network::spawner),
//! [`Network::tasks`](super::Network::tasks)) and not by `tokio::spawn`: only so does a simulated machine know whose they
//! are, and stops, kills and records them with their process.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::oneshot;

/// What a [`Spawn`] starts.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Starts tasks of a process.
pub trait Spawn: Send + Sync + 'static {
    /// Starts a task; it ends with its process at the latest.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    fn spawn(&self, task: Task) -> Abort;
}

/// Ends a task before its time; dropping it leaves the task alone.
pub struct Abort(Box<dyn FnOnce() + Send + Sync>);

impl Abort {
    /// A task that `abort` ends.
    pub fn new(abort: impl FnOnce() + Send + Sync + 'static) -> Self {
        Self(Box::new(abort))
    }

    /// Ends the task: it is dropped where it waits.
    pub fn abort(self) {
        (self.0)();
    }
}

impl fmt::Debug for Abort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Abort")
    }
}

/// Starts tasks that live as long as their process, unless they end by themselves. A clone starts them for the same
/// process. It is the executor for what hyper spawns, such as the connections of a client's pool.
#[derive(Clone)]
pub struct Spawner(Arc<dyn Spawn>);

impl Spawner {
    /// Starts tasks by `spawn`.
    pub fn new(spawn: impl Spawn) -> Self {
        Self(Arc::new(spawn))
    }

    /// Starts tasks on the current tokio runtime, whose process is the program itself.
    pub fn tokio() -> Self {
        Self::new(OnTokio)
    }

    /// Starts a task.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> Abort {
        self.0.spawn(Box::pin(task))
    }
}

impl fmt::Debug for Spawner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Spawner")
    }
}

impl<F> hyper::rt::Executor<F> for Spawner
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, task: F) {
        self.spawn(async {
            task.await;
        });
    }
}

struct OnTokio;

impl Spawn for OnTokio {
    fn spawn(&self, task: Task) -> Abort {
        let handle = tokio::spawn(task);
        Abort::new(move || handle.abort())
    }
}

/// A set of tasks owned by whoever holds it: dropping it ends them all, wherever they are.
///
/// Servers spawn one task a connection into such a set and reap the finished ones with [`Tasks::reap`], so that no
/// task outlives its server.
#[derive(Debug)]
pub struct Tasks {
    spawner: Spawner,
    set: FuturesUnordered<Member>,
}

/// A task of a set, and how it ended.
#[derive(Debug)]
struct Member {
    ended: oneshot::Receiver<Ended>,
    abort: Option<Abort>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Done,
    Panicked,
}

impl Future for Member {
    type Output = Ended;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended> {
        // A task that was dropped with its process has no more to say.
        Pin::new(&mut self.ended).poll(cx).map(|ended| ended.unwrap_or(Ended::Done))
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if let Some(abort) = self.abort.take() {
            abort.abort();
        }
    }
}

/// Tells how a task ended, however that came about.
struct Tell(Option<oneshot::Sender<Ended>>);

impl Drop for Tell {
    fn drop(&mut self) {
        if let Some(tell) = self.0.take() {
            // A set that is gone need not know.
            let _ = tell.send(if std::thread::panicking() { Ended::Panicked } else { Ended::Done });
        }
    }
}

impl Tasks {
    /// An empty set, whose tasks `spawner` starts.
    pub fn new(spawner: Spawner) -> Self {
        Self { spawner, set: FuturesUnordered::new() }
    }

    /// Starts a task.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        let (tell, ended) = oneshot::channel();
        let tell = Tell(Some(tell));
        // In a box, or it would be there twice: as what the block below holds and as what it awaits.
        let task = Box::pin(task);
        let abort = self.spawner.spawn(async move {
            let _tell = tell;
            task.await;
        });
        self.set.push(Member { ended, abort: Some(abort) });
    }

    /// Waits until some task has ended and forgets it; never returns while the set is empty, so that it can stand in a
    /// `select!` beside an accept loop. Cancel safe.
    ///
    /// # Panics
    /// When the task panicked.
    pub async fn reap(&mut self) {
        match self.set.next().await {
            None => std::future::pending().await,
            Some(Ended::Panicked) => panic!("a task panicked"),
            Some(Ended::Done) => {}
        }
    }

    /// Waits until all tasks have ended.
    pub async fn finished(&mut self) {
        while !self.set.is_empty() {
            self.reap().await;
        }
    }

    /// How many tasks have not been reaped.
    pub fn len(&self) -> usize {
        self.set.len()
    }

    /// Whether there is no task left to reap.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }
}
