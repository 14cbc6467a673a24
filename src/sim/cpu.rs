//! A machine's CPU, as far as its processes care: it runs them, or it does not.
//!
//! A stalled process is not polled: no system call of its returns, and its timers find themselves overdue afterwards.
//! Tasks of libraries that spawn by themselves are stopped at their next system call, so that nothing outside the
//! process can tell the difference. The kernel needs no CPU.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::clock::Clock;
use super::doorbell::Doorbell;
use crate::net::Gate;
use crate::trace::HostId;
use crate::trace::collect::{self, on_behalf_of};

/// A process of a machine; numbers are not used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProcessId(pub(super) u32);

/// The CPU of a machine.
#[derive(Debug, Default)]
pub struct Cpu(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    stalled: bool,
    waiting: Vec<Waker>,
}

impl Cpu {
    /// From now on no process runs.
    pub fn stall(&self) {
        self.lock().stalled = true;
    }

    /// From now on processes run again.
    pub fn resume(&self) {
        let waiting = {
            let mut state = self.lock();
            state.stalled = false;
            std::mem::take(&mut state.waiting)
        };
        for waker in waiting {
            waker.wake();
        }
    }

    /// Ready while processes run; else wakes when they do again.
    pub fn poll_running(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if !state.stalled {
            return Poll::Ready(());
        }
        if !state.waiting.iter().any(|w| w.will_wake(cx.waker())) {
            state.waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Two fields, written together: a panic elsewhere leaves them sound.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the tasks of a process run through.
#[derive(Debug)]
pub(super) struct Turnstile {
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
