//! Tasks that end with their owner.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::task::JoinSet;

/// Decides whether the tasks of a process may run just now. A real machine's scheduler does this unseen; a simulated
/// machine without CPU does it here.
pub trait Gate: Send + Sync + 'static {
    /// Runs `poll` on behalf of the process, or remembers the waker and runs it when there is CPU again.
    fn enter(&self, cx: &mut Context<'_>, poll: &mut dyn FnMut(&mut Context<'_>) -> Poll<()>) -> Poll<()>;
}

/// A set of tasks owned by whoever holds it: dropping it ends them all, wherever they are.
///
/// Servers spawn one task a connection into such a set and reap the finished ones with [`Tasks::reap`], so that no
/// task outlives its server.
pub struct Tasks {
    set: JoinSet<()>,
    gate: Option<Arc<dyn Gate>>,
}

impl Tasks {
    /// A set on the current tokio runtime.
    pub fn new() -> Self {
        Self { set: JoinSet::new(), gate: None }
    }

    /// A set whose tasks run only when `gate` lets them.
    pub fn gated(gate: Arc<dyn Gate>) -> Self {
        Self { set: JoinSet::new(), gate: Some(gate) }
    }

    /// Starts a task.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        match &self.gate {
            None => self.set.spawn(task),
            Some(gate) => self.set.spawn(Gated { gate: gate.clone(), task: Box::pin(task) }),
        };
    }

    /// Waits until some task has ended and forgets it; never returns while the set is empty, so that it can stand in a
    /// `select!` beside an accept loop. Cancel safe. A task's panic is passed on to the caller.
    pub async fn reap(&mut self) {
        match self.set.join_next().await {
            None => std::future::pending().await,
            Some(Err(e)) if e.is_panic() => std::panic::resume_unwind(e.into_panic()),
            Some(_) => {}
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

impl Default for Tasks {
    fn default() -> Self {
        Self::new()
    }
}

struct Gated {
    gate: Arc<dyn Gate>,
    task: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Future for Gated {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { gate, task } = &mut *self;
        gate.enter(cx, &mut |cx| task.as_mut().poll(cx))
    }
}
