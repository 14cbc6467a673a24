//! A process of a machine.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::socket::Shared;
use crate::net::{Abort, Spawn, Task};
use crate::sim::engine::ending::Failure;
use crate::sim::engine::executor::Queue;
use crate::trace::Layer;

/// A process of a machine; numbers are not used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProcessId(pub(in crate::sim) u32);

/// What a process, its tasks and its machine share.
pub(in crate::sim) struct Process {
    pub id: ProcessId,
    pub shared: Arc<Shared>,
    /// The stop signal.
    pub stop: CancellationToken,
    queue: Arc<Queue>,
    /// Whether its program has come to its end.
    ended: AtomicBool,
}

impl Process {
    /// A process whose tasks go into `queue`.
    pub fn new(id: ProcessId, shared: Arc<Shared>, queue: Arc<Queue>) -> Arc<Self> {
        Arc::new(Self { id, shared, stop: CancellationToken::new(), queue, ended: AtomicBool::new(false) })
    }

    /// Its program, which tells how it ended.
    pub async fn run(self: Arc<Self>, program: impl Future<Output = io::Result<()>>) {
        if let Err(e) = program.await {
            self.event("process failed", e.to_string());
        }
        self.ended.store(true, Ordering::Relaxed);
        // So that somebody looks after what it leaves behind.
        self.shared.attention.ring(self.shared.index);
    }

    /// Whether its program has come to its end by itself.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Tells the trace what has become of it.
    pub fn event(&self, name: &'static str, error: String) {
        let shared = &self.shared;
        let fields = vec![("error", error.into())];
        shared.recorder.event(shared.clock.now(), Some(shared.host), Layer::App, name, fields);
    }

    /// Ends the run.
    pub fn fail(&self, failure: impl FnOnce(String, Duration) -> Failure) {
        let shared = &self.shared;
        shared.ending.fail(failure(shared.name.clone(), shared.clock.now()));
        shared.attention.ring(shared.index);
    }
}

/// Starts tasks of a process.
pub(in crate::sim) struct ProcessSpawner(pub Arc<Process>);

impl Spawn for ProcessSpawner {
    fn spawn(&self, task: Task) -> Abort {
        let queue = self.0.queue.clone();
        let id = queue.spawn(self.0.clone(), task);
        Abort::new(move || queue.abort(id))
    }
}
