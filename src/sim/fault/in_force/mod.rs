//! What state a machine is in at a time: derived from the faults in force, never toggled by them, so that faults overlap and
//! nest and still mean what they say.
//!
//! A [`Timeline`] knows no engine. An engine asks it when something changes next ([`Timeline::next`]), and then what begins
//! and what holds from that moment on ([`Timeline::pass`]), and makes the machine so.

use std::time::Duration;

use super::{Dns, Entry, Fault, SLOW_PERIOD, Script, ScriptError, SuspendedClock, slow_share};
use crate::parameter::listed;

/// What holds at a machine from an instant on, until the timeline's next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sim) struct Condition {
    /// Whether it is on.
    pub powered: bool,
    /// Whether it sleeps, and what its monotonic clock does meanwhile.
    pub asleep: Option<SuspendedClock>,
    /// Whether it is without processes, because they have crashed.
    pub crashed: bool,
    /// Whether its CPU runs processes.
    pub running: bool,
    /// The interface it uses, as a place in the machine's list; `None`: it is offline.
    pub interface: Option<usize>,
    /// The interface it uses, or would use if it were not offline.
    pub chosen: usize,
    /// Whether the system destroys the sockets of addresses that are gone by the change at this very instant.
    pub destroys: bool,
    /// What its name lookups come to; `None`: as always.
    pub dns: Option<Dns>,
}

impl Default for Condition {
    fn default() -> Self {
        Self {
            powered: true,
            asleep: None,
            crashed: false,
            running: true,
            interface: Some(0),
            chosen: 0,
            destroys: false,
            dns: None,
        }
    }
}

/// What happens at an instant, beside what holds from then on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sim) enum Beginning {
    /// The processes die.
    Crash,
    /// The power is lost, if only for a moment.
    PowerLoss,
    /// The processes are to stop within `grace`; new ones start `pause` after the last has ended.
    Deploy { grace: Duration, pause: Duration },
    /// The router before this interface forgets its translations.
    Forget(usize),
    /// The router before this interface gives every translation another port.
    Rebind(usize),
}

/// An instant at which something changes.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::sim) struct Moment {
    pub at: Duration,
    /// What happens, in the order of the script.
    pub begins: Vec<Beginning>,
    /// What holds from now on.
    pub condition: Condition,
}

/// A fault of one machine, ready to be asked.
#[derive(Debug, Clone)]
struct Planned {
    entry: Entry,
    /// Of a switch: the interface it goes to.
    interface: usize,
    /// Of a slow CPU: for how much of every period processes run.
    on: Duration,
}

/// Everything that happens to one machine.
#[derive(Debug, Clone, Default)]
pub(in crate::sim) struct Timeline {
    /// In the order of their beginnings; those that begin together in the order of the script.
    faults: Vec<Planned>,
    /// When one begins or ends, in order.
    edges: Vec<Duration>,
    /// The last instant that was passed.
    passed: Option<Duration>,
}

impl Timeline {
    /// What `script` means for the machine of that name, which has these interfaces.
    ///
    /// # Errors
    /// When the machine is to switch to an interface that it does not have.
    pub fn new(script: &Script, machine: &str, interfaces: &[&str]) -> Result<Self, ScriptError> {
        let mut faults = Vec::new();
        for entry in script.0.iter().filter(|entry| entry.fault.machine() == Some(machine)) {
            let entry = entry.clone().rounded();
            let (mut interface, mut on) = (0, SLOW_PERIOD);
            match &entry.fault {
                Fault::Switch { to, .. } => {
                    let found = interfaces.iter().position(|name| name == to);
                    interface = found.ok_or_else(|| ScriptError {
                        entry: entry.to_string(),
                        problem: format!(
                            "{machine} has no interface `{to}`; valid: {}",
                            listed(interfaces.iter().copied())
                        ),
                        there: interfaces.iter().map(|name| (*name).to_owned()).collect(),
                    })?;
                }
                Fault::Slow(_, share) => on = slow_share(*share).unwrap_or(SLOW_PERIOD),
                _ => {}
            }
            faults.push(Planned { entry, interface, on });
        }
        faults.sort_by_key(|planned| planned.entry.at);
        let edges = faults.iter().flat_map(|planned| [Some(planned.entry.at), planned.entry.until()]);
        let mut edges: Vec<Duration> = edges.flatten().collect();
        edges.sort_unstable();
        edges.dedup();
        Ok(Self { faults, edges, passed: None })
    }

    /// When something changes next.
    pub fn next(&self) -> Option<Duration> {
        let Some(passed) = self.passed else {
            return self.edges.first().copied();
        };
        let edge = self.edges.get(self.edges.partition_point(|edge| *edge <= passed)).copied();
        // A fault of the CPU's share has edges of its own, without end.
        let turn = self.slow_at(passed).map(|slow| {
            let phase = phase(slow, passed);
            passed - phase + if phase < slow.on { slow.on } else { SLOW_PERIOD }
        });
        edge.into_iter().chain(turn).min()
    }

    /// Passes the next instant: what happens at it, and what holds from then on.
    pub fn pass(&mut self) -> Option<Moment> {
        let at = self.next()?;
        self.passed = Some(at);
        let condition = self.condition(at);
        let begins = self.faults.iter().filter(|planned| planned.entry.at == at);
        let begins = begins.filter_map(|planned| match planned.entry.fault {
            Fault::Crash(_) => Some(Beginning::Crash),
            Fault::PowerLoss(_) => Some(Beginning::PowerLoss),
            Fault::Deploy { grace, pause, .. } => Some(Beginning::Deploy { grace, pause }),
            Fault::Forget(_) => Some(Beginning::Forget(condition.chosen)),
            Fault::Rebind(_) => Some(Beginning::Rebind(condition.chosen)),
            _ => None,
        });
        Some(Moment { at, begins: begins.collect(), condition })
    }

    /// What holds at that time.
    pub fn condition(&self, at: Duration) -> Condition {
        let mut condition = Condition::default();
        let mut offline = false;
        // In the order of their beginnings: where faults contradict each other the last one stands.
        for Planned { entry, interface, .. } in &self.faults {
            if let Fault::Switch { destroy: true, .. } = entry.fault {
                condition.destroys |= entry.at == at || entry.until() == Some(at);
            }
            if !entry.covers(at) {
                continue;
            }
            match &entry.fault {
                Fault::PowerLoss(_) => condition.powered = false,
                Fault::Crash(_) => condition.crashed = true,
                Fault::Stall(_) => condition.running = false,
                Fault::Suspend(_, clock) => condition.asleep = Some(*clock),
                Fault::Switch { .. } => condition.chosen = *interface,
                Fault::Offline(_) => offline = true,
                Fault::Dns(_, dns) => condition.dns = Some(*dns),
                _ => {}
            }
        }
        condition.interface = (!offline).then_some(condition.chosen);
        condition.running &= self.slow_at(at).is_none_or(|slow| phase(slow, at) < slow.on);
        condition
    }

    /// The fault that says what share of the CPU there is.
    fn slow_at(&self, at: Duration) -> Option<&Planned> {
        let slow =
            |planned: &&Planned| matches!(planned.entry.fault, Fault::Slow(..)) && planned.entry.covers(at);
        self.faults.iter().rfind(slow)
    }
}

/// How long ago the period began that a slow CPU is in.
fn phase(slow: &Planned, at: Duration) -> Duration {
    let since = (at - slow.entry.at).as_micros() % SLOW_PERIOD.as_micros();
    // Less than a period.
    Duration::from_micros(u64::try_from(since).unwrap_or(0))
}

#[cfg(test)]
mod tests;
