//! A machine's CPU, as far as its processes care: it runs them, or it does not.
//!
//! A stalled process is not polled: no system call of its returns, and its timers find themselves overdue afterwards.
//! Tasks of libraries that spawn by themselves are stopped at their next system call, so that nothing outside the
//! process can tell the difference. The kernel needs no CPU.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::clock::Clock;
use crate::net::Gate;
use crate::sim::engine::doorbell::Doorbell;
use crate::trace::HostId;
use crate::trace::collect::{self, on_behalf_of};

/// A process of a machine; numbers are not used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProcessId(pub(in crate::sim) u32);

/// The CPU of a machine.
#[derive(Debug, Default)]
pub struct Cpu {
    stalled: AtomicBool,
    /// Who wants to run.
    waiting: Mutex<Vec<Waker>>,
}

impl Cpu {
    /// From now on no process runs.
    pub fn stall(&self) {
        self.stalled.store(true, Ordering::Relaxed);
    }

    /// From now on processes run again.
    pub fn resume(&self) {
        self.stalled.store(false, Ordering::Relaxed);
        for waker in std::mem::take(&mut *self.waiting()) {
            waker.wake();
        }
    }

    /// Ready while processes run; else wakes when they do again.
    pub fn poll_running(&self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.stalled.load(Ordering::Relaxed) {
            return Poll::Ready(());
        }
        let mut waiting = self.waiting();
        if !waiting.iter().any(|w| w.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waker>> {
        // A list is sound after a panic elsewhere.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the tasks of a process run through.
#[derive(Debug)]
pub(in crate::sim) struct Turnstile {
    pub cpu: Arc<Cpu>,
    pub host: HostId,
    pub clock: Clock,
    pub doorbell: Arc<Doorbell>,
}

impl Gate for Turnstile {
    fn enter(&self, cx: &mut Context<'_>, poll: &mut dyn FnMut(&mut Context<'_>) -> Poll<()>) -> Poll<()> {
        if self.doorbell.hold(self.clock.now(), cx.waker()) || self.cpu.poll_running(cx).is_pending() {
            return Poll::Pending;
        }
        let context = collect::Context { host: self.host, epoch: self.clock.epoch() };
        on_behalf_of(context, || poll(cx))
    }
}
