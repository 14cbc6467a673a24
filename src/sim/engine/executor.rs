//! Who runs the processes of a group: in rounds, after everything else that is due at an instant.
//!
//! tokio's own schedulers run tasks in the order in which they were woken, and of two that wait for the same instant, one
//! for a timer and one for a packet, that is the order in which an engine happens to look. Here it does not matter who
//! was woken first: whoever is awake when a round begins takes part in it, process by process, in the order in which
//! their tasks were started.

use std::any::Any;
use std::collections::BTreeSet;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::runtime::{Handle, RuntimeMetrics};
use tokio::task::coop::{Unconstrained, unconstrained};

use super::attention::Attention;
use super::ending::Failure;
use crate::net::{Task, time};
use crate::sim::machine::process::{Process, ProcessId};
use crate::trace::collect::{self, on_behalf_of};

/// How often a task may be polled at one and the same instant before it counts as one that spins. A crowd's busiest
/// task is polled some thousand times.
const MOST_POLLS: u32 = 1_000_000;

/// What tokio says to one who sets a timer of its where there are none
/// ([`World::without_tokio_timers`](crate::sim::World::without_tokio_timers)).
const NO_TIMERS: &str = "timers are disabled";

/// A task: its process, and its number, which is not used again.
pub(in crate::sim) type TaskId = (ProcessId, u64);

/// The tasks of the processes of a group.
pub(in crate::sim) struct Executor {
    /// By number; never gone through.
    tasks: FxHashMap<u64, Entry>,
    /// All of them, process by process.
    in_order: BTreeSet<TaskId>,
    queue: Arc<Queue>,
    /// The tasks that take part in a round: kept for its memory only.
    round: Vec<TaskId>,
    /// How many tasks of tokio's there are.
    tokios: Option<RuntimeMetrics>,
}

struct Entry {
    process: Arc<Process>,
    awake: Arc<TaskWaker>,
    waker: Waker,
    /// How often it was polled at which instant.
    polled: (Duration, u32),
    /// Without tokio's budget, which all tasks of a group would share.
    task: Unconstrained<Pin<Box<dyn Future<Output = ()>>>>,
}

/// What reaches an executor from outside: wakers, new tasks, aborted ones.
pub(in crate::sim) struct Queue {
    attention: Arc<Attention>,
    next: AtomicU64,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    woken: Vec<TaskId>,
    spawned: Vec<(TaskId, Arc<Process>, Task)>,
    aborted: Vec<TaskId>,
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
            self.queue.waiting().woken.push(self.id);
            self.queue.attention.wake();
        }
    }
}

impl Queue {
    pub fn new(attention: Arc<Attention>) -> Arc<Self> {
        Arc::new(Self { attention, next: AtomicU64::new(0), waiting: Mutex::default() })
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Lists are sound after a panic elsewhere.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a task of a process; it is first polled in the next round.
    pub fn spawn(&self, process: Arc<Process>, task: Task) -> TaskId {
        let id = (process.id, self.next.fetch_add(1, Ordering::Relaxed));
        process.shared.tasks.fetch_add(1, Ordering::Relaxed);
        self.waiting().spawned.push((id, process, task));
        self.attention.wake();
        id
    }

    /// Ends a task; it is dropped before the next round.
    pub fn abort(&self, id: TaskId) {
        self.waiting().aborted.push(id);
        self.attention.wake();
    }
}

impl Executor {
    /// An executor of nothing, that takes from `queue`.
    pub fn new(queue: Arc<Queue>) -> Self {
        let (tasks, in_order, round) = Default::default();
        Self { tasks, in_order, queue, round, tokios: None }
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
        let awake = Arc::new(TaskWaker { id, woken: AtomicBool::new(false), queue: self.queue.clone() });
        awake.wake_by_ref();
        let waker = Waker::from(awake.clone());
        let entry = Entry { process, awake, waker, polled: (Duration::MAX, 0), task: unconstrained(task) };
        self.tasks.insert(id.1, entry);
        self.in_order.insert(id);
    }

    /// Ends every task of a process.
    pub fn kill(&mut self, process: &Process) {
        self.take_in();
        let its: Vec<TaskId> =
            self.in_order.range((process.id, 0)..=(process.id, u64::MAX)).copied().collect();
        for id in its {
            self.end(id);
        }
    }

    /// What was stalled has CPU again.
    pub fn wake(&mut self, tasks: Vec<TaskId>) {
        if !tasks.is_empty() {
            self.queue.waiting().woken.extend(tasks);
            self.queue.attention.wake();
        }
    }

    /// Polls every task that is awake, once; returns whether there was any.
    pub fn round(&mut self, now: Duration) -> bool {
        let mut round = std::mem::take(&mut self.round);
        let mut waiting = self.queue.waiting();
        if !waiting.spawned.is_empty() || !waiting.aborted.is_empty() {
            drop(waiting);
            self.take_in();
            waiting = self.queue.waiting();
        }
        std::mem::swap(&mut waiting.woken, &mut round);
        drop(waiting);
        round.sort_unstable();
        round.dedup();
        let any = !round.is_empty();
        for id in round.drain(..) {
            self.poll(id, now);
        }
        self.round = round;
        any
    }

    /// Takes in what was spawned, and drops what was aborted.
    fn take_in(&mut self) {
        loop {
            let mut waiting = self.queue.waiting();
            let spawned = std::mem::take(&mut waiting.spawned);
            let aborted = std::mem::take(&mut waiting.aborted);
            drop(waiting);
            if spawned.is_empty() && aborted.is_empty() {
                return;
            }
            for (id, process, task) in spawned {
                self.add(id, process, task);
            }
            // What is dropped may spawn and abort in its turn.
            for id in aborted {
                self.end(id);
            }
        }
    }

    fn poll(&mut self, id: TaskId, now: Duration) {
        let Self { tasks, tokios, .. } = self;
        let Some(entry) = tasks.get_mut(&id.1) else { return };
        let shared = &entry.process.shared;
        if !shared.cpu.runs() {
            // It stays marked as awake: whoever gives it CPU puts it into the queue again.
            return shared.cpu.wants(id);
        }
        entry.awake.woken.store(false, Ordering::Relaxed);
        entry.polled = if entry.polled.0 == now { (now, entry.polled.1 + 1) } else { (now, 1) };
        if entry.polled.1 > MOST_POLLS {
            return entry.process.fail(|machine, at| Failure::Spins { machine, at });
        }
        let Entry { process, task, waker, .. } = entry;
        // Tasks that were started by `tokio::spawn`, outside of any process.
        let tokios = tokios.get_or_insert_with(|| Handle::current().metrics());
        let before = tokios.num_alive_tasks();
        let ended = as_process(process, || Pin::new(task).poll(&mut Context::from_waker(waker)));
        if tokios.num_alive_tasks() > before {
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
        self.in_order.remove(&id);
        if let Some(Entry { process, task, .. }) = self.tasks.remove(&id.1) {
            process.shared.tasks.fetch_sub(1, Ordering::Relaxed);
            // What a panic of its destructors has to say, the panic that ends the run has said before.
            let _ = as_process(&process, || drop(task));
        }
    }
}

/// Runs code of a process: on its machine's clock, recorded as its machine's; a panic is caught.
fn as_process<R>(process: &Process, f: impl FnOnce() -> R) -> Result<R, Box<dyn Any + Send>> {
    let shared = &process.shared;
    let context = collect::Context { host: shared.host, now: shared.clock.now() };
    // A task that panicked is not polled again, and the run ends: nobody sees what it has left half-done.
    time::behind(shared.behind(), || on_behalf_of(context, || catch_unwind(AssertUnwindSafe(f))))
}

/// What a panic has to say, in one line.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let text = text.unwrap_or("no message").lines().map(str::trim).collect::<Vec<_>>().join("; ");
    match text.contains(NO_TIMERS) {
        true => text + " Or wait with `halfopen::net::time`.",
        false => text,
    }
}
