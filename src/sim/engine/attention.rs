//! The dirty set of a group: which machines a system call, or the end of a process, has left with something to do.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// The machines of a group that want to be looked at, and what wakes the group to look.
#[derive(Debug, Default)]
pub(in crate::sim) struct Attention {
    /// Whether the group was woken since it last waited.
    woken: AtomicBool,
    /// Wakes the group.
    waker: Mutex<Option<Waker>>,
    /// Whether the group is at work: then it looks by itself before it rests.
    at_work: AtomicBool,
    wanted: AtomicBool,
    dirty: Mutex<Dirty>,
}

#[derive(Debug, Default)]
struct Dirty {
    machines: Vec<usize>,
    /// Whether each of them is among those.
    is_among: Vec<bool>,
}

impl Attention {
    /// A machine has something to do.
    pub fn ring(&self, machine: usize) {
        let mut dirty = self.dirty();
        if dirty.is_among.len() <= machine {
            dirty.is_among.resize(machine + 1, false);
        }
        if !std::mem::replace(&mut dirty.is_among[machine], true) {
            dirty.machines.push(machine);
            self.wanted.store(true, Ordering::Relaxed);
            self.wake();
        }
    }

    /// There is something to do for the group.
    pub fn wake(&self) {
        if !self.at_work.load(Ordering::Relaxed) {
            self.woken.store(true, Ordering::Relaxed);
            if let Some(waker) = &*self.waker() {
                waker.wake_by_ref();
            }
        }
    }

    /// Waits until somebody wakes the group.
    pub async fn woken(&self) {
        poll_fn(|cx| {
            if self.woken.swap(false, Ordering::Relaxed) {
                return Poll::Ready(());
            }
            let waker = &mut *self.waker();
            if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                *waker = Some(cx.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }

    /// The group is at work from now on, or rests: then nothing is left to do.
    pub fn set_at_work(&self, at_work: bool) {
        self.at_work.store(at_work, Ordering::Relaxed);
    }

    /// Whether there are machines with something to do.
    pub fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }

    /// Adds the machines with something to do to an empty list, in order.
    pub fn take(&self, machines: &mut Vec<usize>) {
        let mut dirty = self.dirty();
        self.wanted.store(false, Ordering::Relaxed);
        std::mem::swap(&mut dirty.machines, machines);
        for machine in &*machines {
            dirty.is_among[*machine] = false;
        }
        machines.sort_unstable();
    }

    fn waker(&self) -> MutexGuard<'_, Option<Waker>> {
        // A waker is sound after a panic elsewhere.
        self.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn dirty(&self) -> MutexGuard<'_, Dirty> {
        // A list is sound after a panic elsewhere.
        self.dirty.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
