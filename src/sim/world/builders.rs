//! The words in which a scenario describes links and faults.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::Machine;
use super::described::Described;
use crate::parameter::{BitRate, ByteSize, Probability, micros};
use crate::sim::fault::{Between, Dns, Entry, Fault, SegmentKind, SuspendedClock};
use crate::sim::path::link::Quality;

/// A link under construction.
pub struct LinkPlan {
    pub(super) plan: Rc<RefCell<Described>>,
    pub(super) link: Option<usize>,
}

impl LinkPlan {
    fn set(&self, change: impl FnOnce(&mut Quality)) -> &Self {
        let mut plan = self.plan.borrow_mut();
        match self.link {
            None => change(&mut plan.default_link),
            Some(i) => change(&mut plan.links[i].2),
        }
        drop(plan);
        self
    }

    /// How long a packet takes, one way.
    pub fn one_way(&self, latency: Duration) -> &Self {
        self.set(|q| q.one_way = micros(latency))
    }
    /// Up to this much longer.
    pub fn jitter(&self, jitter: Duration) -> &Self {
        self.set(|q| q.jitter = micros(jitter))
    }
    /// How many packets get lost.
    pub fn loss(&self, loss: Probability) -> &Self {
        self.set(|q| q.loss = loss)
    }
    /// How many packets arrive twice.
    pub fn duplicate(&self, duplicate: Probability) -> &Self {
        self.set(|q| q.duplicate = duplicate)
    }
    /// How many packets are overtaken.
    pub fn reorder(&self, reorder: Probability) -> &Self {
        self.set(|q| q.reorder = reorder)
    }
    /// The line rate, and how many bytes may wait for the line.
    pub fn rate(&self, rate: BitRate, queue: ByteSize) -> &Self {
        self.set(|q| (q.rate, q.queue) = (Some(rate), queue))
    }
}

/// A fault under construction: what goes wrong at that time. It says all that a fault script can say ([`crate::sim::fault`]).
pub struct FaultPlan {
    pub(super) plan: Rc<RefCell<Described>>,
    pub(super) at: Duration,
}

/// A fault that lasts for good, unless it is told otherwise.
pub struct Lasting {
    plan: Rc<RefCell<Described>>,
    /// Which of the faults it is.
    place: usize,
}

impl Lasting {
    /// It is over after that time.
    pub fn lasting(&self, duration: Duration) {
        self.change(|entry| entry.lasting = Some(micros(duration)));
    }

    fn change(&self, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.plan.borrow_mut().faults.0.get_mut(self.place) {
            change(entry);
        }
    }
}

/// A fault of a link, both ways and for good, unless it is told otherwise.
pub struct LastingOnLink(Lasting);

impl LastingOnLink {
    /// It is over after that time.
    pub fn lasting(&self, duration: Duration) {
        self.0.lasting(duration);
    }

    /// Only what goes from the first machine to the second is concerned.
    pub fn one_way(self) -> Lasting {
        self.0.change(|entry| {
            if let Some(link) = entry.fault.link_mut() {
                link.one_way = true;
            }
        });
        self.0
    }
}

impl FaultPlan {
    fn push(self, fault: Fault) -> Lasting {
        let mut plan = self.plan.borrow_mut();
        plan.faults.0.push(Entry { at: self.at, fault, lasting: None }.rounded());
        let place = plan.faults.0.len() - 1;
        drop(plan);
        Lasting { plan: self.plan, place }
    }

    fn on_link(self, a: &Machine, b: &Machine, fault: impl FnOnce(Between) -> Fault) -> LastingOnLink {
        LastingOnLink(self.push(fault(Between { a: a.name(), b: b.name(), one_way: false })))
    }

    /// Packets between the two are lost.
    pub fn partition(self, a: &Machine, b: &Machine) -> LastingOnLink {
        self.on_link(a, b, Fault::Partition)
    }
    /// Packets between the two are turned away by a router, which tells their sender that the host is unreachable.
    pub fn reject(self, a: &Machine, b: &Machine) -> LastingOnLink {
        self.on_link(a, b, Fault::Reject)
    }
    /// Packets between the two are held back until the fault is over.
    pub fn hold(self, a: &Machine, b: &Machine) -> LastingOnLink {
        self.on_link(a, b, Fault::Hold)
    }
    /// So many packets between the two get lost.
    pub fn loss(self, a: &Machine, b: &Machine, loss: Probability) -> LastingOnLink {
        self.on_link(a, b, |link| Fault::Loss(link, loss))
    }
    /// So many packets between the two arrive twice.
    pub fn duplicate(self, a: &Machine, b: &Machine, duplicate: Probability) -> LastingOnLink {
        self.on_link(a, b, |link| Fault::Duplicate(link, duplicate))
    }
    /// So many packets between the two are overtaken.
    pub fn reorder(self, a: &Machine, b: &Machine, reorder: Probability) -> LastingOnLink {
        self.on_link(a, b, |link| Fault::Reorder(link, reorder))
    }
    /// Packets between the two take that long, and up to `jitter` longer.
    pub fn latency(self, a: &Machine, b: &Machine, one_way: Duration, jitter: Duration) -> LastingOnLink {
        self.on_link(a, b, |link| Fault::Latency(link, one_way, jitter))
    }
    /// The line between the two has this rate; so many bytes may wait for it.
    pub fn rate(self, a: &Machine, b: &Machine, rate: BitRate, queue: ByteSize) -> LastingOnLink {
        self.on_link(a, b, |link| Fault::Rate(link, rate, queue))
    }
    /// The next `count` segments of that kind between the two are lost, in each direction.
    pub fn lose_next(self, a: &Machine, b: &Machine, count: u32, kind: SegmentKind) -> LastingOnLink {
        self.on_link(a, b, |link| Fault::LoseNext(link, count, kind))
    }

    /// The machine's processes get no CPU.
    pub fn stall(self, machine: &Machine) -> Lasting {
        self.push(Fault::Stall(machine.name()))
    }
    /// The machine's processes get this share of the CPU's time, the first of every 100 ms: more than none (that is a stall)
    /// and less than all.
    pub fn slow(self, machine: &Machine, share: Probability) -> Lasting {
        self.push(Fault::Slow(machine.name(), share))
    }
    /// The machine sleeps, and its monotonic clock stops or runs on.
    pub fn suspend(self, machine: &Machine, clock: SuspendedClock) -> Lasting {
        self.push(Fault::Suspend(machine.name(), clock))
    }
    /// The machine's processes die; once that is over they are started again.
    pub fn crash(self, machine: &Machine) -> Lasting {
        self.push(Fault::Crash(machine.name()))
    }
    /// The machine is off; once that is over it boots.
    pub fn power_loss(self, machine: &Machine) -> Lasting {
        self.push(Fault::PowerLoss(machine.name()))
    }
    /// The machine's processes get the stop signal; those that run after `grace` are killed. When all have ended new ones
    /// start, after `pause`.
    pub fn deploy(self, machine: &Machine, grace: Duration, pause: Duration) {
        self.push(Fault::Deploy { machine: machine.name(), grace, pause });
    }
    /// The machine goes over to another of its interfaces.
    pub fn switch(self, machine: &Machine, to: &str, destroy: bool) -> Lasting {
        self.push(Fault::Switch { machine: machine.name(), to: to.to_owned(), destroy })
    }
    /// The machine has no interface.
    pub fn offline(self, machine: &Machine) -> Lasting {
        self.push(Fault::Offline(machine.name()))
    }
    /// The router before the machine forgets its translations.
    pub fn forget(self, machine: &Machine) {
        self.push(Fault::Forget(machine.name()));
    }
    /// The router before the machine gives every translation another outside port.
    pub fn rebind(self, machine: &Machine) {
        self.push(Fault::Rebind(machine.name()));
    }
    /// The machine's name lookups are slow or dead.
    pub fn dns(self, machine: &Machine, dns: Dns) -> Lasting {
        self.push(Fault::Dns(machine.name(), dns))
    }
}
