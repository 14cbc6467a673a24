//! The words in which a scenario describes links and faults.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::Machine;
use super::described::Described;
use crate::parameter::{BitRate, ByteSize, Probability};
use crate::sim::fault::{Between, Entry, Fault};
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
        self.set(|q| q.one_way = latency)
    }
    /// Up to this much longer.
    pub fn jitter(&self, jitter: Duration) -> &Self {
        self.set(|q| q.jitter = jitter)
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

/// A fault under construction.
pub struct FaultPlan {
    pub(super) plan: Rc<RefCell<Described>>,
    pub(super) at: Duration,
}

/// A fault that lasts for good, unless it is told otherwise.
pub struct Lasting {
    plan: Rc<RefCell<Described>>,
}

impl Lasting {
    /// It is over after that time.
    pub fn lasting(&self, duration: Duration) {
        if let Some(entry) = self.plan.borrow_mut().faults.0.last_mut() {
            entry.lasting = Some(duration);
        }
    }
}

impl FaultPlan {
    fn push(self, fault: Fault) -> Lasting {
        self.plan.borrow_mut().faults.0.push(Entry { at: self.at, fault, lasting: None });
        Lasting { plan: self.plan }
    }

    fn between(a: &Machine, b: &Machine, one_way: bool) -> Between {
        Between { a: a.name(), b: b.name(), one_way }
    }

    /// Packets between the two are lost.
    pub fn partition(self, a: &Machine, b: &Machine) -> Lasting {
        let link = Self::between(a, b, false);
        self.push(Fault::Partition(link))
    }
    /// Packets from one to the other are lost.
    pub fn partition_one_way(self, from: &Machine, to: &Machine) -> Lasting {
        let link = Self::between(from, to, true);
        self.push(Fault::Partition(link))
    }
    /// Packets between the two are held back.
    pub fn hold(self, a: &Machine, b: &Machine) -> Lasting {
        let link = Self::between(a, b, false);
        self.push(Fault::Hold(link))
    }
    /// Packets from one to the other get lost, in this share.
    pub fn loss(self, a: &Machine, b: &Machine, loss: Probability) -> Lasting {
        let link = Self::between(a, b, false);
        self.push(Fault::Loss(link, loss))
    }
    /// The machine's processes get no CPU.
    pub fn stall(self, machine: &Machine) -> Lasting {
        let fault = Fault::Stall(machine.name());
        self.push(fault)
    }
    /// The machine's processes die; once that is over they are started again.
    pub fn crash(self, machine: &Machine) -> Lasting {
        let fault = Fault::Crash(machine.name());
        self.push(fault)
    }
    /// The machine is off; once that is over it boots.
    pub fn power_loss(self, machine: &Machine) -> Lasting {
        let fault = Fault::PowerLoss(machine.name());
        self.push(fault)
    }
    /// The machine goes over to another of its interfaces.
    pub fn switch(self, machine: &Machine, to: &str, destroy: bool) -> Lasting {
        let fault = Fault::Switch { machine: machine.name(), to: to.to_owned(), destroy };
        self.push(fault)
    }
    /// The machine has no interface.
    pub fn offline(self, machine: &Machine) -> Lasting {
        let fault = Fault::Offline(machine.name());
        self.push(fault)
    }
    /// The router before the machine forgets its translations.
    pub fn forget(self, machine: &Machine) -> Lasting {
        let fault = Fault::Forget(machine.name());
        self.push(fault)
    }
}
