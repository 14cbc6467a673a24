//! Faults are data: a script of times and faults, which can be printed, parsed, generated and shrunk.
//!
#![doc = include_str!("verbs.md")]
//!
//! Entries are separated by `;` or line ends. A fault without `for` lasts for good. A duration after `at` or `for` is written
//! as anywhere (`1m 30s`); within a fault, where another may follow, as one word (`1m30s`). Durations are whole microseconds
//! and at most 8784h.
//!
//! **Overlaps mean what they say**, on machines and links alike. A machine is off while any power loss is in force, without
//! processes while any crash is, stalled, asleep or offline likewise. Of faults that say different things of one thing
//! (switch, slow, dns, latency, rate, loss, ...) the one that began last holds, of those that began together the one that
//! stands last; when it ends the earlier one holds again. A fault `for 0s` does what it does in a moment: processes die and
//! start again, a machine reboots.
//!
//! **A script that begins with `+`** adds to a scenario's own faults; any other takes their place ([`GivenFaults`]).

pub mod complete;
mod grammar;
pub(in crate::sim) mod in_force;
pub(in crate::sim) mod plan;
mod print;

use std::time::Duration;

use crate::parameter::{BitRate, ByteSize, Choice, Probability, micros, ms, secs};

/// The two ends of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Between {
    /// One machine.
    pub a: String,
    /// The other.
    pub b: String,
    /// Only what goes from `a` to `b`.
    pub one_way: bool,
}

/// Which segments a fault is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentKind {
    /// Every packet.
    Any,
    /// Segments that carry data.
    Data,
    /// Segments with SYN (of both sides).
    Syn,
    /// Segments without data, SYN, FIN and RST.
    Ack,
    /// Segments with FIN.
    Fin,
    /// Segments with RST.
    Rst,
}

impl Choice for SegmentKind {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("any", SegmentKind::Any),
        ("data", SegmentKind::Data),
        ("syn", SegmentKind::Syn),
        ("ack", SegmentKind::Ack),
        ("fin", SegmentKind::Fin),
        ("rst", SegmentKind::Rst),
    ];
}
crate::choice_parameter!(SegmentKind);

/// What the monotonic clock of a suspended machine does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SuspendedClock {
    /// It stops, as Linux's `CLOCK_MONOTONIC` (`clock_gettime(2)`): timers are late by the suspension.
    Stops,
    /// It runs on, as Windows' tick count: timers that came due meanwhile fire at once.
    Runs,
}

impl Choice for SuspendedClock {
    const WORDS: &'static [(&'static str, Self)] =
        &[("stops", SuspendedClock::Stops), ("runs", SuspendedClock::Runs)];
}
crate::choice_parameter!(SuspendedClock);

/// What has become of a machine's name lookups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dns {
    /// They take that long.
    Takes(Duration),
    /// They get no answer.
    Dead,
}

/// Something that goes wrong.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// Packets that enter the link are lost.
    Partition(Between),
    /// Packets that enter the link are turned away at its other end, by a router that tells their sender.
    Reject(Between),
    /// Packets that enter the link stay there until the end of the fault.
    Hold(Between),
    /// This share of the packets is lost.
    Loss(Between, Probability),
    /// This share of the packets arrives twice.
    Duplicate(Between, Probability),
    /// This share of the packets is overtaken.
    Reorder(Between, Probability),
    /// Another latency, and up to so much jitter.
    Latency(Between, Duration, Duration),
    /// A line rate, and a queue before it.
    Rate(Between, BitRate, ByteSize),
    /// The next so many segments of that kind are lost, in each direction of the link that is meant.
    LoseNext(Between, u32, SegmentKind),
    /// The machine's processes get no CPU.
    Stall(String),
    /// The machine's processes get this share of the CPU's time: the first of every [`SLOW_PERIOD`].
    Slow(String, Probability),
    /// The machine sleeps: kernel, clock and processes stop; their state survives.
    Suspend(String, SuspendedClock),
    /// The machine's processes die; its kernel closes what they held.
    Crash(String),
    /// The machine is off.
    PowerLoss(String),
    /// The machine's processes are told to stop, and replaced by new ones.
    Deploy {
        /// Which machine.
        machine: String,
        /// Those that still run after so long are killed.
        grace: Duration,
        /// So long after the last has ended the new ones start.
        pause: Duration,
    },
    /// The machine goes over to another interface; `destroy`: its system destroys the sockets of the old one.
    Switch {
        /// Which machine.
        machine: String,
        /// The name of the interface.
        to: String,
        /// Whether the system destroys the sockets of the old one.
        destroy: bool,
    },
    /// The machine has no interface.
    Offline(String),
    /// The router before the machine forgets its translations.
    Forget(String),
    /// The router before the machine gives every translation another outside port.
    Rebind(String),
    /// The machine's name lookups are slow or dead.
    Dns(String, Dns),
}

/// The period in which a slow machine's processes get their share: that of Linux's CFS bandwidth control
/// (`cpu.cfs_period_us`, Documentation/scheduler/sched-bwc.rst).
pub const SLOW_PERIOD: Duration = ms(100);
/// How long a deploy waits for processes to end by themselves, unless told: Kubernetes' `terminationGracePeriodSeconds`.
pub const GRACE: Duration = secs(30);

impl Fault {
    /// The word for it.
    pub const fn verb(&self) -> &'static str {
        match self {
            Fault::Partition(_) => "partition",
            Fault::Reject(_) => "reject",
            Fault::Hold(_) => "hold",
            Fault::Loss(..) => "loss",
            Fault::Duplicate(..) => "duplicate",
            Fault::Reorder(..) => "reorder",
            Fault::Latency(..) => "latency",
            Fault::Rate(..) => "rate",
            Fault::LoseNext(..) => "lose",
            Fault::Stall(_) => "stall",
            Fault::Slow(..) => "slow",
            Fault::Suspend(..) => "suspend",
            Fault::Crash(_) => "crash",
            Fault::PowerLoss(_) => "power-loss",
            Fault::Deploy { .. } => "deploy",
            Fault::Switch { .. } => "switch",
            Fault::Offline(_) => "offline",
            Fault::Forget(_) => "forget",
            Fault::Rebind(_) => "rebind",
            Fault::Dns(..) => "dns",
        }
    }

    /// The link it is about, if it is about one.
    pub const fn link(&self) -> Option<&Between> {
        match self {
            Fault::Partition(l)
            | Fault::Reject(l)
            | Fault::Hold(l)
            | Fault::Loss(l, _)
            | Fault::Duplicate(l, _)
            | Fault::Reorder(l, _)
            | Fault::Latency(l, ..)
            | Fault::Rate(l, ..)
            | Fault::LoseNext(l, ..) => Some(l),
            _ => None,
        }
    }

    /// The same, to be changed.
    pub(in crate::sim) const fn link_mut(&mut self) -> Option<&mut Between> {
        match self {
            Fault::Partition(l)
            | Fault::Reject(l)
            | Fault::Hold(l)
            | Fault::Loss(l, _)
            | Fault::Duplicate(l, _)
            | Fault::Reorder(l, _)
            | Fault::Latency(l, ..)
            | Fault::Rate(l, ..)
            | Fault::LoseNext(l, ..) => Some(l),
            _ => None,
        }
    }

    /// The machine it is about, if it is about one.
    pub fn machine(&self) -> Option<&str> {
        match self {
            Fault::Stall(m)
            | Fault::Slow(m, _)
            | Fault::Suspend(m, _)
            | Fault::Crash(m)
            | Fault::PowerLoss(m)
            | Fault::Deploy { machine: m, .. }
            | Fault::Switch { machine: m, .. }
            | Fault::Offline(m)
            | Fault::Forget(m)
            | Fault::Rebind(m)
            | Fault::Dns(m, _) => Some(m),
            _ => None,
        }
    }

    /// The machines it names.
    pub fn machines(&self) -> Vec<&str> {
        match self.link() {
            Some(link) => vec![&link.a, &link.b],
            None => self.machine().into_iter().collect(),
        }
    }

    /// Whether it is over as soon as it has begun, so that it cannot last.
    pub const fn is_momentary(&self) -> bool {
        matches!(self, Fault::Deploy { .. } | Fault::Forget(_) | Fault::Rebind(_))
    }

    /// The same with its durations in whole microseconds.
    fn rounded(mut self) -> Self {
        match &mut self {
            Fault::Latency(_, a, b) | Fault::Deploy { grace: a, pause: b, .. } => {
                (*a, *b) = (micros(*a), micros(*b));
            }
            Fault::Dns(_, Dns::Takes(d)) => *d = micros(*d),
            _ => {}
        }
        self
    }
}

/// A fault and when.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Virtual time of its beginning.
    pub at: Duration,
    /// What goes wrong.
    pub fault: Fault,
    /// How long; `None`: for good.
    pub lasting: Option<Duration>,
}

impl Entry {
    /// When it is over.
    pub fn until(&self) -> Option<Duration> {
        self.lasting.map(|d| self.at.saturating_add(d))
    }

    /// Whether it is in force at that time: from its beginning on, and no more at its end.
    pub fn covers(&self, at: Duration) -> bool {
        self.at <= at && self.until().is_none_or(|until| at < until)
    }

    /// The same in whole microseconds, the resolution of a run.
    #[must_use]
    pub fn rounded(self) -> Self {
        Self { at: micros(self.at), fault: self.fault.rounded(), lasting: self.lasting.map(micros) }
    }

    /// Says what is wrong with it in any world, and what would be valid.
    fn check(&self) -> Result<(), String> {
        if let Some(link) = self.fault.link()
            && link.a == link.b
        {
            return Err(format!("`{}` is no link; valid: two different machines", link.a));
        }
        match &self.fault {
            fault if fault.is_momentary() && self.lasting.is_some() => {
                Err(format!("`{}` does not last; valid: without `for`", fault.verb()))
            }
            Fault::Loss(_, p) | Fault::Duplicate(_, p) | Fault::Reorder(_, p)
                if !(0.0..=1.0).contains(&p.0) =>
            {
                Err("no probability; valid: 0% to 100%".to_owned())
            }
            Fault::Rate(_, BitRate(0), _) => {
                Err("a line that carries nothing is a `partition`; valid: from 1bit/s".to_owned())
            }
            Fault::LoseNext(_, 0, _) => Err("none to lose; valid: from 1".to_owned()),
            Fault::Slow(_, share) if slow_share(*share).is_none() => {
                Err("no share of the CPU to be slow with; valid: 0.001% to 99.999% (0% is `stall`)"
                    .to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// For how much of every period a slow machine's processes run; `None`: never, or always.
fn slow_share(share: Probability) -> Option<Duration> {
    if !(0.0..=1.0).contains(&share.0) {
        return None;
    }
    let on = micros(SLOW_PERIOD.mul_f64(share.0));
    (Duration::ZERO < on && on < SLOW_PERIOD).then_some(on)
}

/// A script of faults.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Script(pub Vec<Entry>);

impl Script {
    /// The shortest latency that it gives a link.
    pub fn shortest_latency(&self) -> Option<Duration> {
        let latencies = self.0.iter().filter_map(|entry| match entry.fault {
            Fault::Latency(_, one_way, _) => Some(micros(one_way)),
            _ => None,
        });
        latencies.min()
    }
}

/// Faults given from outside a scenario: `at 1m stall server` takes the place of the scenario's own, `+ at 1m stall server`
/// comes to them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GivenFaults {
    /// Whether they come to the scenario's own instead of taking their place.
    pub adds: bool,
    /// The faults.
    pub script: Script,
}

impl GivenFaults {
    /// What goes wrong in a scenario that has these faults of its own.
    #[must_use]
    pub fn over(&self, own: &Script) -> Script {
        let own = if self.adds { own.0.as_slice() } else { &[] };
        Script(own.iter().chain(&self.script.0).cloned().collect())
    }
}

/// In place of a scenario's own.
impl From<Script> for GivenFaults {
    fn from(script: Script) -> Self {
        Self { adds: false, script }
    }
}

/// A fault script could not be read, or names what is not there. Its text is one line that says what is valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("fault `{entry}`: {problem}")]
pub struct ScriptError {
    /// The entry as given.
    pub entry: String,
    /// What is wrong and what is valid.
    pub problem: String,
    /// Where it names a machine or an interface that is not there: all those that are.
    pub there: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_faults_take_the_place_of_the_scenarios_or_come_to_them() {
        let own: Script = "at 1s stall server".parse().expect("a script");
        let given = |text: &str| text.parse::<GivenFaults>().expect("a script").over(&own).to_string();
        assert_eq!(given("at 2s crash server"), "at 2s crash server");
        assert_eq!(given(" + at 2s crash server"), "at 1s stall server; at 2s crash server");
        assert_eq!(given("+"), "at 1s stall server");
        assert_eq!(given(""), "");
    }

    #[test]
    fn a_fault_that_ends_after_the_end_of_time_is_no_overflow() {
        let entry = Entry { at: Duration::MAX, fault: Fault::Stall("a".into()), lasting: Some(secs(1)) };
        assert_eq!(entry.until(), Some(Duration::MAX));
        assert!(entry.rounded().until().is_some());
    }

    #[test]
    fn the_shortest_latency_is_that_of_all_its_faults() {
        let script = |text: &str| text.parse::<Script>().expect("a script").shortest_latency();
        assert_eq!(script("at 1s latency a b 3ms; at 0s latency a->b 2ms 9ms; at 1s stall a"), Some(ms(2)));
        assert_eq!(script("at 1s stall a"), None);
    }
}
