//! A machine's CPU, as far as its processes care: it runs them, or it does not.
//!
//! A stalled process is not polled: no system call of its returns, and its timers find themselves overdue afterwards.
//! The kernel needs no CPU.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::sim::engine::executor::TaskId;

/// The CPU of a machine.
#[derive(Debug, Default)]
pub struct Cpu {
    stalled: AtomicBool,
    /// The tasks that would run.
    waiting: Mutex<Vec<TaskId>>,
}

impl Cpu {
    /// Whether processes run.
    pub(in crate::sim) fn runs(&self) -> bool {
        !self.stalled.load(Ordering::Relaxed)
    }

    /// From now on processes run, or do not. Returns the tasks that have waited for it.
    pub(in crate::sim) fn set_running(&self, runs: bool) -> Vec<TaskId> {
        self.stalled.store(!runs, Ordering::Relaxed);
        // A list is sound after a panic elsewhere.
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if runs { std::mem::take(&mut *waiting) } else { Vec::new() }
    }

    /// A task would run if it could.
    pub(in crate::sim) fn wants(&self, task: TaskId) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(task);
    }
}
