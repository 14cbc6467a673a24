//! Some machines that share a clock, and what happens to them: packets, kernel timers, faults.
//!
//! A group owns no clock of the engine's and no wire: an engine tells it what time it is ([`Group::run`]), brings it
//! the parcels for its machines ([`Group::deliver`]) and takes those it sends.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::attention::Attention;
use super::ending::Ending;
use super::executor::{Executor, Queue};
use crate::sim::fault::in_force::Timeline;
use crate::sim::machine::clock::Clock;
use crate::sim::machine::running::{RunningMachine, Surroundings};
use crate::sim::path::{Parcel, Paths};

/// Machines that share a clock.
pub(in crate::sim) struct Group {
    #[cfg_attr(not(feature = "turmoil"), expect(dead_code, reason = "for engines with several groups"))]
    pub name: String,
    /// Its place in the list of groups.
    pub index: usize,
    pub clock: Clock,
    pub attention: Arc<Attention>,
    pub ending: Arc<Ending>,
    machines: Vec<Member>,
    paths: Arc<Mutex<Paths>>,
    inbox: BinaryHeap<Reverse<Parcel>>,
    /// When a machine wants to be looked at, and why.
    calendar: BTreeSet<(Duration, Why, usize)>,
    outbox: Vec<Parcel>,
    next_process: u32,
    executor: Executor,
    /// The time up to which everything was done.
    handled: Duration,
}

/// Why a machine wants to be looked at. At one and the same time faults come first; packets stand between them and
/// the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    /// A fault begins or ends.
    Fault,
    /// A step of a deploy.
    Step,
    /// A timer of its kernel.
    Timer,
}

/// A machine of a group.
struct Member {
    machine: RunningMachine,
    timeline: Timeline,
    /// When the calendar has it, by reason.
    scheduled: [Option<Duration>; 3],
}

impl Group {
    pub fn new(
        (index, name): (usize, String),
        clock: Clock,
        attention: Arc<Attention>,
        ending: Arc<Ending>,
        machines: Vec<(RunningMachine, Timeline)>,
        paths: Arc<Mutex<Paths>>,
    ) -> Self {
        let member = |(machine, timeline)| Member { machine, timeline, scheduled: [None; 3] };
        Self {
            name,
            index,
            clock,
            attention: attention.clone(),
            ending,
            machines: machines.into_iter().map(member).collect(),
            paths,
            inbox: BinaryHeap::new(),
            calendar: BTreeSet::new(),
            outbox: Vec::new(),
            next_process: 0,
            executor: Executor::new(Queue::new(attention)),
            handled: Duration::ZERO,
        }
    }

    /// Starts the clock and every process.
    pub fn start(&mut self) {
        self.clock.start();
        for i in 0..self.machines.len() {
            self.with(i, Duration::ZERO, |member, around| member.machine.begin(around));
            self.flush(i);
        }
    }

    /// When to call [`Self::handle`] next, if nothing comes before.
    pub fn deadline(&self) -> Option<Duration> {
        let parcel = self.inbox.peek().map(|Reverse(p)| p.due);
        let scheduled = self.calendar.first().map(|(at, ..)| *at);
        [parcel, scheduled].into_iter().flatten().min()
    }

    /// A parcel for one of the machines; it is looked at when it is due.
    #[cfg_attr(not(feature = "turmoil"), expect(dead_code, reason = "for engines with several groups"))]
    pub fn deliver(&mut self, parcel: Parcel) {
        self.inbox.push(Reverse(parcel));
    }

    /// Does everything that is due by `now`, and lets the processes run until none of them has anything more to do.
    pub fn run(&mut self, now: Duration) {
        loop {
            // What falls on the end of the run is no part of it.
            let last = self.ending.time().saturating_sub(Duration::from_micros(1));
            self.handle(now.min(last));
            if self.ending.is_over(now) || !self.executor.round(now) {
                return;
            }
        }
    }

    /// Does everything that is due by `now`, in order of time; at one and the same time faults first, then packets, then
    /// timers. What is due between two ticks of the applications' clock happens at its own time, not at the tick's.
    fn handle(&mut self, now: Duration) {
        loop {
            for i in self.attention.take() {
                if self.machines[i].machine.wants_a_look() {
                    self.with(i, now, |member, around| member.machine.look(around));
                }
                self.flush(i);
            }
            let Some(due) = self.deadline().filter(|due| *due <= now) else { break };
            // What comes too late, because its latency is shorter than the engine's tick, comes now.
            let at = due.max(self.handled);
            self.handled = at;
            match self.calendar.first().copied().filter(|(when, ..)| *when <= due) {
                Some((_, Why::Fault, i)) => self.fault(i, at),
                _ if self.inbox.peek().is_some_and(|Reverse(p)| p.due <= due) => {
                    if let Some(Reverse(parcel)) = self.inbox.pop() {
                        self.arrive(at, parcel);
                    }
                }
                Some((_, Why::Step, i)) => {
                    self.with(i, at, |member, around| member.machine.look(around));
                    self.flush(i);
                }
                Some((when, Why::Timer, i)) => {
                    self.calendar.remove(&(when, Why::Timer, i));
                    let member = &mut self.machines[i];
                    member.scheduled[Why::Timer as usize] = None;
                    member.machine.shared.kernel().expire(at);
                    self.flush(i);
                }
                // Whatever is due is either in the calendar or in the inbox.
                None => break,
            }
        }
    }

    /// The run ends: takes down what there is on the machines, before anything is torn down.
    pub fn leave(&self) {
        for Member { machine, .. } in &self.machines {
            machine.shared.left.get_or_init(|| machine.shared.state());
        }
    }

    /// The parcels for other groups that the machines have sent since the last call.
    pub fn sent(&mut self) -> impl Iterator<Item = Parcel> + '_ {
        self.outbox.drain(..)
    }

    fn with<R>(
        &mut self,
        i: usize,
        now: Duration,
        f: impl FnOnce(&mut Member, &mut Surroundings<'_>) -> R,
    ) -> R {
        let mut paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        let Self { next_process, executor, machines, .. } = self;
        f(&mut machines[i], &mut Surroundings { now, paths: &mut paths, executor, next_process })
    }

    /// Faults begin or end.
    fn fault(&mut self, i: usize, now: Duration) {
        self.with(i, now, |member, around| {
            if let Some(moment) = member.timeline.pass() {
                member.machine.change(around, moment.begins, moment.condition);
            }
        });
        self.flush(i);
    }

    fn arrive(&mut self, now: Duration, parcel: Parcel) {
        let mut paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        let i = paths.interface(parcel.to).place;
        let machine = &self.machines[i].machine;
        if !machine.is_powered() {
            return paths.nobody_there(now, &parcel, "host down");
        }
        if machine.is_asleep() {
            return paths.nobody_there(now, &parcel, "host asleep");
        }
        match paths.arrive(now, parcel) {
            Ok(packet) => {
                drop(paths);
                machine.shared.kernel().receive(now, &packet);
                self.flush(i);
            }
            Err(answers) => {
                Self::post(&paths, self.index, &mut self.inbox, &mut self.outbox, answers);
            }
        }
    }

    /// A parcel goes to a machine of this group, or to another group.
    fn post(
        paths: &Paths,
        index: usize,
        inbox: &mut BinaryHeap<Reverse<Parcel>>,
        outbox: &mut Vec<Parcel>,
        parcels: impl IntoIterator<Item = Parcel>,
    ) {
        for parcel in parcels {
            if paths.interface(parcel.to).group == index {
                inbox.push(Reverse(parcel));
            } else {
                outbox.push(parcel);
            }
        }
    }

    /// Puts what the machine's kernel wants to send on the wire, and what is due next into the calendar.
    fn flush(&mut self, i: usize) {
        let Self { machines, paths, inbox, outbox, calendar, index, .. } = self;
        let Member { machine, timeline, scheduled } = &mut machines[i];
        let mut kernel = machine.shared.kernel();
        if kernel.has_departures() {
            let mut paths = paths.lock().unwrap_or_else(PoisonError::into_inner);
            while let Some(departure) = kernel.departure() {
                let parcels = paths.send(&machine.interfaces, departure);
                Self::post(&paths, *index, inbox, outbox, parcels);
            }
        }
        let due = [timeline.next(), machine.due(), kernel.deadline()];
        for (why, (at, scheduled)) in
            [Why::Fault, Why::Step, Why::Timer].into_iter().zip(due.into_iter().zip(scheduled))
        {
            if at != *scheduled {
                if let Some(before) = *scheduled {
                    calendar.remove(&(before, why, i));
                }
                if let Some(at) = at {
                    calendar.insert((at, why, i));
                }
                *scheduled = at;
            }
        }
    }
}
