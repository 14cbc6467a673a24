//! Provisional.
use std::time::Duration;

/// What is in force at a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sim) struct Condition {
    pub powered: bool,
    pub asleep: Option<Asleep>,
    pub crashed: bool,
    pub running: bool,
    pub interface: Option<usize>,
    pub destroys: bool,
    pub dns: Dns,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asleep {
    ClockStops,
    ClockRuns,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dns {
    Fine,
    Slow(Duration),
    Dead,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sim) enum Beginning {
    Crash,
    PowerLoss,
    Deploy { grace: Duration, pause: Duration },
    Forget,
    Rebind,
}

pub(in crate::sim) struct Timeline {
    entries: Vec<(super::Entry, Option<usize>)>,
    edges: std::collections::VecDeque<Duration>,
    now: Duration,
}
impl Timeline {
    pub fn new(entries: Vec<(super::Entry, Option<usize>)>) -> Self {
        let mut edges: Vec<Duration> =
            entries.iter().flat_map(|(e, _)| [Some(e.at), e.until()]).flatten().collect();
        edges.sort();
        edges.dedup();
        Self { entries, edges: edges.into(), now: Duration::ZERO }
    }
    pub fn next(&self) -> Option<Duration> {
        self.edges.front().copied()
    }
    pub fn advance(&mut self, to: Duration) -> Vec<Beginning> {
        let mut out = Vec::new();
        while self.edges.front().is_some_and(|e| *e <= to) {
            self.edges.pop_front();
        }
        self.now = to;
        for (e, _) in &self.entries {
            if e.at == to {
                match e.fault {
                    super::Fault::Crash(_) => out.push(Beginning::Crash),
                    super::Fault::PowerLoss(_) => out.push(Beginning::PowerLoss),
                    super::Fault::Forget(_) => out.push(Beginning::Forget),
                    _ => {}
                }
            }
        }
        out
    }
    pub fn condition(&self) -> Condition {
        use super::Fault::*;
        let now = self.now;
        let mut c = Condition {
            powered: true,
            asleep: None,
            crashed: false,
            running: true,
            interface: Some(0),
            destroys: false,
            dns: Dns::Fine,
        };
        for (e, interface) in &self.entries {
            if let Switch { destroy, .. } = &e.fault
                && (e.at == now || e.until() == Some(now))
            {
                c.destroys |= *destroy;
            }
            if e.at > now || e.until().is_some_and(|u| u <= now) {
                continue;
            }
            match &e.fault {
                Stall(_) => c.running = false,
                Crash(_) => c.crashed = true,
                PowerLoss(_) => c.powered = false,
                Switch { .. } => c.interface = *interface,
                _ => {}
            }
        }
        for (e, _) in &self.entries {
            if matches!(e.fault, Offline(_)) && e.at <= now && e.until().is_none_or(|u| u > now) {
                c.interface = None;
            }
        }
        c
    }
}
