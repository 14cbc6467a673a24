//! The dirty set of a group: which machines a system call, or the end of a process, has left with something to do.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The machines of a group that want to be looked at, and what wakes the group to look.
#[derive(Debug, Default)]
pub(in crate::sim) struct Attention {
    /// Wakes the group.
    pub notify: Notify,
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
            self.notify.notify_one();
        }
    }

    /// The machines with something to do, in order.
    pub fn take(&self) -> Vec<usize> {
        let mut dirty = self.dirty();
        let mut machines = std::mem::take(&mut dirty.machines);
        for machine in &machines {
            dirty.is_among[*machine] = false;
        }
        machines.sort_unstable();
        machines
    }

    fn dirty(&self) -> MutexGuard<'_, Dirty> {
        // A list is sound after a panic elsewhere.
        self.dirty.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
