//! Who runs the processes of a group: in rounds, after everything else that is due at an instant.
//!
//! tokio's own schedulers run tasks in the order in which they were woken, and of two that wait for the same instant, one
//! for a timer and one for a packet, that is the order in which an engine happens to look. Here it does not matter who
//! was woken first: whoever is awake when a round begins takes part in it, process by process, in the order in which
//! their tasks were started.

use std::any::Any;
use std::collections::BTreeMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::coop::{Unconstrained, unconstrained};

use super::attention::Attention;
use super::ending::Failure;
use crate::net::{Task, time};
use crate::sim::machine::process::{Process, ProcessId};
use crate::trace::collect::{self, on_behalf_of};

/// How often a task may be polled at one and the same instant before it counts as one that spins. A crowd's busiest
/// task is polled some thousand times.
const MOST_POLLS: u32 = 1_000_000;

/// A task: its process, and its number, which is not used again.
pub(in crate::sim) type TaskId = (ProcessId, u64);

/// The tasks of the processes of a group.
pub(in crate::sim) struct Executor {
    tasks: BTreeMap<TaskId, Entry>,
    queue: Arc<Queue>,
}

struct Entry {
    process: Arc<Process>,
    waker: Arc<TaskWaker>,
    /// How often it was polled at which instant.
    polled: (Duration, u32),
    /// Without tokio's budget, which all tasks of a group would share.
    task: Unconstrained<Pin<Box<dyn Future<Output = ()>>>>,
}

/// What reaches an executor from outside: wakers, new tasks, aborted ones.
pub(in crate::sim) struct Queue {
    attention: Arc<Attention>,
    next: AtomicU64,
    woken: Mutex<Vec<TaskId>>,
    spawned: Mutex<Vec<(TaskId, Arc<Process>, Task)>>,
    aborted: Mutex<Vec<TaskId>>,
}

struct TaskWaker {
    id: TaskId,
    /// Whether it is in the queue already.
    woken: AtomicBool,
    queue: Arc<Queue>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.woken.swap(true, Ordering::Relaxed) {
            lock(&self.queue.woken).push(self.id);
            self.queue.attention.notify.notify_one();
        }
    }
}

impl Queue {
    pub fn new(attention: Arc<Attention>) -> Arc<Self> {
        let (woken, spawned, aborted) = Default::default();
        Arc::new(Self { attention, next: AtomicU64::new(0), woken, spawned, aborted })
    }

    /// Starts a task of a process; it is first polled in the next round.
    pub fn spawn(&self, process: Arc<Process>, task: Task) -> TaskId {
        let id = (process.id, self.next.fetch_add(1, Ordering::Relaxed));
        process.shared.tasks.fetch_add(1, Ordering::Relaxed);
        lock(&self.spawned).push((id, process, task));
        self.attention.notify.notify_one();
        id
    }

    /// Ends a task; it is dropped before the next round.
    pub fn abort(&self, id: TaskId) {
        lock(&self.aborted).push(id);
        self.attention.notify.notify_one();
    }
}

impl Executor {
    /// An executor of nothing, that takes from `queue`.
    pub fn new(queue: Arc<Queue>) -> Self {
        Self { tasks: BTreeMap::new(), queue }
    }

    /// Where processes put their tasks.
    pub fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    /// Starts the program of a process.
    pub fn start(&mut self, process: Arc<Process>, program: Pin<Box<dyn Future<Output = ()>>>) {
        let id = (process.id, self.queue.next.fetch_add(1, Ordering::Relaxed));
        process.shared.tasks.fetch_add(1, Ordering::Relaxed);
        self.add(id, process, program);
    }

    fn add(&mut self, id: TaskId, process: Arc<Process>, task: Pin<Box<dyn Future<Output = ()>>>) {
        let waker = Arc::new(TaskWaker { id, woken: AtomicBool::new(false), queue: self.queue.clone() });
        waker.wake_by_ref();
        let entry = Entry { process, waker, polled: (Duration::MAX, 0), task: unconstrained(task) };
        self.tasks.insert(id, entry);
    }

    /// Ends every task of a process.
    pub fn kill(&mut self, process: &Process) {
        self.take_in();
        let its: Vec<TaskId> =
            self.tasks.range((process.id, 0)..=(process.id, u64::MAX)).map(|(id, _)| *id).collect();
        for id in its {
            self.end(id);
        }
    }

    /// What was stalled has CPU again.
    pub fn wake(&mut self, tasks: Vec<TaskId>) {
        let mut woken = lock(&self.queue.woken);
        woken.extend(tasks);
        self.queue.attention.notify.notify_one();
    }

    /// Polls every task that is awake, once; returns whether there was any.
    pub fn round(&mut self, now: Duration) -> bool {
        self.take_in();
        let mut round = std::mem::take(&mut *lock(&self.queue.woken));
        round.sort_unstable();
        round.dedup();
        for id in &round {
            self.poll(*id, now);
        }
        !round.is_empty()
    }

    /// Takes in what was spawned, and drops what was aborted.
    fn take_in(&mut self) {
        let spawned = std::mem::take(&mut *lock(&self.queue.spawned));
        for (id, process, task) in spawned {
            self.add(id, process, task);
        }
        let aborted = std::mem::take(&mut *lock(&self.queue.aborted));
        for id in aborted {
            self.end(id);
        }
    }

    fn poll(&mut self, id: TaskId, now: Duration) {
        let Some(entry) = self.tasks.get_mut(&id) else { return };
        let shared = &entry.process.shared;
        if !shared.cpu.runs() {
            // It stays marked as awake: whoever gives it CPU puts it into the queue again.
            return shared.cpu.wants(id);
        }
        entry.waker.woken.store(false, Ordering::Relaxed);
        entry.polled = if entry.polled.0 == now { (now, entry.polled.1 + 1) } else { (now, 1) };
        if entry.polled.1 > MOST_POLLS {
            return entry.process.fail(|machine, at| Failure::Spins { machine, at });
        }
        let waker = Waker::from(entry.waker.clone());
        let Entry { process, task, .. } = entry;
        let before = alive();
        let ended = as_process(process, || Pin::new(task).poll(&mut Context::from_waker(&waker)));
        if alive() > before {
            process.fail(|machine, at| Failure::Escaped { machine, at });
        }
        match ended {
            Ok(Poll::Pending) => {}
            Ok(Poll::Ready(())) => self.end(id),
            Err(panic) => {
                let message = message(&*panic);
                process.event("process panicked", message.clone());
                process.fail(|machine, at| Failure::Panicked { machine, at, message });
                self.end(id);
            }
        }
    }

    fn end(&mut self, id: TaskId) {
        if let Some(Entry { process, task, .. }) = self.tasks.remove(&id) {
            process.shared.tasks.fetch_sub(1, Ordering::Relaxed);
            // What a panic of its destructors has to say, the panic that ends the run has said before.
            let _ = as_process(&process, || drop(task));
        }
    }
}

/// Runs code of a process: on its machine's clock, recorded as its machine's; a panic is caught.
fn as_process<R>(process: &Process, f: impl FnOnce() -> R) -> Result<R, Box<dyn Any + Send>> {
    let shared = &process.shared;
    let context = collect::Context { host: shared.host, epoch: shared.clock.epoch() };
    // A task that panicked is not polled again, and the run ends: nobody sees what it has left half-done.
    time::behind(shared.behind(), || on_behalf_of(context, || catch_unwind(AssertUnwindSafe(f))))
}

/// How many tasks were started by `tokio::spawn`, outside of any process.
fn alive() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

/// What a panic has to say, in one line.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").lines().map(str::trim).collect::<Vec<_>>().join("; ")
}

/// Lists are sound after a panic elsewhere.
fn lock<T>(list: &Mutex<Vec<T>>) -> MutexGuard<'_, Vec<T>> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}
