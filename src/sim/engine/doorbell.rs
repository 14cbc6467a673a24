//! What a node and the processes on its machines tell each other.
//!
//! Processes ring when a system call has left their kernel with something to do. And before a process runs, the node must
//! have done what was due: packets and timers first, then whoever waits for them, as interrupts come before processes.
//! That decides what would else be decided by which of two tasks an engine happens to wake first.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::Waker;
use std::time::Duration;

use tokio::sync::Notify;

/// Nothing is due.
const NEVER: u64 = u64::MAX;

/// Between a node and the processes on its machines.
#[derive(Debug)]
pub(in crate::sim) struct Doorbell {
    /// The machines whose kernels have something to send or a new deadline.
    rung: Mutex<BTreeSet<usize>>,
    pub notify: Notify,
    /// When the node's next deadline is, in microseconds.
    due_us: AtomicU64,
    /// Who waits for the node to meet it.
    held: Mutex<Vec<Waker>>,
}

impl Default for Doorbell {
    fn default() -> Self {
        Self {
            rung: Mutex::default(),
            notify: Notify::new(),
            due_us: AtomicU64::new(NEVER),
            held: Mutex::default(),
        }
    }
}

impl Doorbell {
    /// The kernel of a machine has something to do.
    pub fn ring(&self, machine: usize) {
        if self.rung.lock().unwrap_or_else(PoisonError::into_inner).insert(machine) {
            self.notify.notify_one();
        }
    }

    /// The machines whose kernels have something to do.
    pub fn take(&self) -> BTreeSet<usize> {
        std::mem::take(&mut self.rung.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the node has yet to do what is due by `now`; then the waker is woken when it has.
    pub fn hold(&self, now: Duration, waker: &Waker) -> bool {
        if u128::from(self.due_us.load(Ordering::Relaxed)) > now.as_micros() {
            return false;
        }
        self.held.lock().unwrap_or_else(PoisonError::into_inner).push(waker.clone());
        self.notify.notify_one();
        true
    }

    /// The node has done what was due; next it is due at that time.
    pub fn done(&self, next: Option<Duration>) {
        let next_us = next.map_or(NEVER, |at| u64::try_from(at.as_micros()).unwrap_or(NEVER));
        self.due_us.store(next_us, Ordering::Relaxed);
        for waker in std::mem::take(&mut *self.held.lock().unwrap_or_else(PoisonError::into_inner)) {
            waker.wake();
        }
    }
}
