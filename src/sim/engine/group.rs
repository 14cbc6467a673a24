//! Some machines that share a clock, and what happens to them: packets, kernel timers, faults.
//!
//! A group owns no clock of the engine's and no wire: an engine tells it what time it is ([`Group::run`]), brings it
//! the parcels for its machines ([`Group::deliver`]) and takes those it sends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::attention::Attention;
use super::calendar::{Calendar, Why};
use super::ending::Ending;
use super::executor::{Executor, Queue};
use super::inbox::Inbox;
use crate::net::time::Alarms;
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
    inbox: Inbox,
    calendar: Calendar,
    /// The timers of the processes; `None`: tokio keeps them.
    alarms: Option<Arc<Alarms>>,
    outbox: Vec<Parcel>,
    /// What was sent just now and is yet to go into one of the boxes.
    posted: Vec<Parcel>,
    /// Machines that are being looked at: kept for its memory only.
    looked_at: Vec<usize>,
    next_process: u32,
    executor: Executor,
    /// The time up to which everything was done.
    handled: Duration,
}

/// A machine of a group.
struct Member {
    machine: RunningMachine,
    timeline: Timeline,
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
        let member = |(machine, timeline)| Member { machine, timeline };
        Self {
            name,
            index,
            clock,
            attention: attention.clone(),
            ending,
            machines: machines.into_iter().map(member).collect(),
            paths,
            inbox: Inbox::default(),
            calendar: Calendar::default(),
            alarms: None,
            outbox: Vec::new(),
            posted: Vec::new(),
            looked_at: Vec::new(),
            next_process: 0,
            executor: Executor::new(Queue::new(attention)),
            handled: Duration::ZERO,
        }
    }

    /// Starts the clock and every process.
    pub fn start(&mut self) {
        self.clock.start();
        let paths = self.paths.clone();
        let paths = &mut *locked(&paths);
        for i in 0..self.machines.len() {
            self.with(paths, i, Duration::ZERO, |member, around| member.machine.begin(around));
            self.flush(paths, i);
        }
    }

    /// The timers of its processes are its own from now on: for an engine with a single group, whose time does not pass
    /// in ticks.
    pub fn keep_alarms(&mut self) {
        self.clock.start();
        self.alarms = Some(Alarms::new(self.clock.epoch()));
    }

    /// When to call [`Self::run`] next, if nothing comes before.
    pub fn wants_to_run(&mut self) -> Option<Duration> {
        let alarm = self.alarms.as_ref().and_then(|alarms| alarms.next());
        [self.deadline(), alarm].into_iter().flatten().min()
    }

    /// When something happens on one of the machines.
    fn deadline(&mut self) -> Option<Duration> {
        let scheduled = self.calendar.first().map(|(at, ..)| at);
        [self.inbox.due(), scheduled].into_iter().flatten().min()
    }

    /// A parcel for one of the machines; it is looked at when it is due.
    #[cfg_attr(not(feature = "turmoil"), expect(dead_code, reason = "for engines with several groups"))]
    pub fn deliver(&mut self, parcel: Parcel) {
        self.inbox.push(parcel);
    }

    /// Does everything that is due by `now`, and lets the processes run until none of them has anything more to do.
    pub fn run(&mut self, now: Duration) {
        self.attention.set_at_work(true);
        self.clock.stop(now);
        match self.alarms.take() {
            Some(alarms) => {
                alarms.ring(now);
                alarms.keep(|| self.run_at(now));
                self.alarms = Some(alarms);
            }
            None => self.run_at(now),
        }
        self.clock.go_on();
        self.attention.set_at_work(false);
    }

    fn run_at(&mut self, now: Duration) {
        loop {
            // What falls on the end of the run is no part of it.
            let last = self.ending.time().saturating_sub(Duration::from_micros(1));
            self.handle(now.min(last));
            if self.ending.is_over(now) || (!self.executor.round(now) && !self.attention.is_wanted()) {
                return;
            }
        }
    }

    /// Does everything that is due by `now`, in order of time; at one and the same time faults first, then packets, then
    /// timers. What is due between two ticks of the applications' clock happens at its own time, not at the tick's.
    fn handle(&mut self, now: Duration) {
        // Nobody else wants the paths in the meantime: processes run in rounds, not here.
        let paths = self.paths.clone();
        let paths = &mut *locked(&paths);
        loop {
            self.look(paths, now);
            let Some(due) = self.deadline().filter(|due| *due <= now) else { break };
            // What comes too late, because its latency is shorter than the engine's tick, comes now.
            let at = due.max(self.handled);
            self.handled = at;
            match self.calendar.first().filter(|(when, ..)| *when <= due) {
                Some((_, Why::Fault, i)) => self.fault(paths, i, at),
                _ if self.inbox.due().is_some_and(|parcel| parcel <= due) => {
                    if let Some(parcel) = self.inbox.pop() {
                        self.arrive(paths, at, parcel);
                    }
                }
                Some((_, Why::Step, i)) => {
                    self.with(paths, i, at, |member, around| member.machine.look(around));
                    self.flush(paths, i);
                }
                Some((_, Why::Timer, i)) => {
                    self.machines[i].machine.shared.kernel().expire(at);
                    self.flush(paths, i);
                }
                // Whatever is due is either in the calendar or in the inbox.
                None => break,
            }
        }
    }

    /// Looks after the machines that have rung.
    fn look(&mut self, paths: &mut Paths, now: Duration) {
        if !self.attention.is_wanted() {
            return;
        }
        let mut machines = std::mem::take(&mut self.looked_at);
        self.attention.take(&mut machines);
        for i in machines.drain(..) {
            if self.machines[i].machine.wants_a_look() {
                self.with(paths, i, now, |member, around| member.machine.look(around));
            }
            self.flush(paths, i);
        }
        self.looked_at = machines;
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
        paths: &mut Paths,
        i: usize,
        now: Duration,
        f: impl FnOnce(&mut Member, &mut Surroundings<'_>) -> R,
    ) -> R {
        let Self { next_process, executor, machines, .. } = self;
        f(&mut machines[i], &mut Surroundings { now, paths, executor, next_process })
    }

    /// Faults begin or end.
    fn fault(&mut self, paths: &mut Paths, i: usize, now: Duration) {
        self.with(paths, i, now, |member, around| {
            if let Some(moment) = member.timeline.pass() {
                member.machine.change(around, moment.begins, moment.condition);
            }
        });
        self.flush(paths, i);
    }

    fn arrive(&mut self, paths: &mut Paths, now: Duration, parcel: Parcel) {
        // A router turns packets away whatever has become of the machine behind it.
        if parcel.rejected {
            paths.turn_away(now, &parcel, &mut self.posted);
            return self.post(paths);
        }
        let i = paths.interface(parcel.to).place;
        let machine = &self.machines[i].machine;
        if !machine.is_powered() {
            return paths.nobody_there(now, &parcel, "host down");
        }
        if machine.is_asleep() {
            return paths.nobody_there(now, &parcel, "host asleep");
        }
        match paths.arrive(now, parcel, &mut self.posted) {
            Some(packet) => {
                machine.shared.kernel().receive(now, &packet);
                self.flush(paths, i);
            }
            None => self.post(paths),
        }
    }

    /// Parcels go to the machines of this group, or to other groups.
    fn post(&mut self, paths: &Paths) {
        for parcel in self.posted.drain(..) {
            if paths.interface(parcel.to).group == self.index {
                self.inbox.push(parcel);
            } else {
                self.outbox.push(parcel);
            }
        }
    }

    /// Puts what the machine's kernel wants to send on the wire, and what is due next into the calendar.
    fn flush(&mut self, paths: &mut Paths, i: usize) {
        let Member { machine, timeline } = &self.machines[i];
        let mut kernel = machine.shared.kernel();
        while let Some(departure) = kernel.departure() {
            paths.send(&machine.interfaces, departure, &mut self.posted);
        }
        self.calendar.set(i, Why::Fault, timeline.next());
        self.calendar.set(i, Why::Step, machine.due());
        self.calendar.set(i, Why::Timer, kernel.deadline());
        drop(kernel);
        self.post(paths);
    }
}

fn locked(paths: &Mutex<Paths>) -> MutexGuard<'_, Paths> {
    // A panic while a packet is judged ends the run; its trace is not used.
    paths.lock().unwrap_or_else(PoisonError::into_inner)
}
