//! Some machines that share a clock, and what happens to them: packets, kernel timers, faults.
//!
//! A group owns no clock of the engine's and no wire: a fabric tells it what time it is ([`Group::handle`]), brings it the
//! parcels for its machines ([`Group::deliver`]) and takes those it sends.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::future::Future;
use std::io;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::doorbell::Doorbell;
use crate::net::{Change, Gate as _};
use crate::sim::fault::in_force::{Beginning, Condition, Timeline};
use crate::sim::machine::clock::Clock;
use crate::sim::machine::cpu::{ProcessId, Turnstile};
use crate::sim::machine::socket::{Shared, SimNet};
use crate::sim::path::router::Router;
use crate::sim::path::{InterfaceId, Network, Parcel};
use crate::trace::collect::Recorder;
use crate::trace::{Layer, Value};

/// What a machine runs, from every start anew.
pub(in crate::sim) type Program = Rc<dyn Fn(SimNet) -> Pin<Box<dyn Future<Output = io::Result<()>>>>>;

/// A machine at run time.
pub(in crate::sim) struct RunningMachine {
    pub shared: Arc<Shared>,
    pub interfaces: Vec<InterfaceId>,
    pub programs: Vec<Program>,
    running: Vec<(ProcessId, JoinHandle<()>)>,
    /// When its kernel wants to be looked at, as the group's calendar has it.
    scheduled: Option<Duration>,
    timeline: Timeline,
    condition: Condition,
    /// Whether its kernel runs.
    powered: bool,
    /// Whether its processes were started, even if they have ended since.
    started: bool,
    in_use: Vec<InterfaceId>,
}

impl RunningMachine {
    pub fn new(
        shared: Arc<Shared>,
        interfaces: Vec<InterfaceId>,
        programs: Vec<Program>,
        timeline: Timeline,
    ) -> Self {
        let in_use = interfaces.iter().copied().take(1).collect();
        Self {
            shared,
            interfaces,
            programs,
            running: Vec::new(),
            scheduled: None,
            timeline,
            condition: Condition::default(),
            powered: true,
            started: false,
            in_use,
        }
    }
}

/// Machines that share a clock.
pub(in crate::sim) struct Group {
    #[cfg_attr(not(feature = "turmoil"), expect(dead_code, reason = "for engines with several groups"))]
    pub name: String,
    /// Its place in the list of groups.
    pub index: usize,
    pub clock: Clock,
    pub doorbell: Arc<Doorbell>,
    machines: Vec<RunningMachine>,
    network: Arc<Mutex<Network>>,
    recorder: Recorder,
    /// When something changes next at a machine.
    changes: BTreeSet<(Duration, usize)>,
    inbox: BinaryHeap<Reverse<Parcel>>,
    calendar: BTreeSet<(Duration, usize)>,
    outbox: Vec<Parcel>,
    processes: u32,
    /// The time up to which everything was done.
    handled: Duration,
}

impl Group {
    pub fn new(
        (index, name): (usize, String),
        clock: Clock,
        doorbell: Arc<Doorbell>,
        machines: Vec<RunningMachine>,
        network: Arc<Mutex<Network>>,
        recorder: Recorder,
    ) -> Self {
        let changes = machines.iter().enumerate();
        let changes = changes.filter_map(|(i, machine)| Some((machine.timeline.next()?, i))).collect();
        Self {
            name,
            index,
            clock,
            doorbell,
            machines,
            network,
            recorder,
            changes,
            inbox: BinaryHeap::new(),
            calendar: BTreeSet::new(),
            outbox: Vec::new(),
            processes: 0,
            handled: Duration::ZERO,
        }
    }

    /// Starts the clock and every process. To be called inside the local task set that runs them.
    pub fn start(&mut self) {
        self.clock.start();
        for i in 0..self.machines.len() {
            self.address(i, Duration::ZERO, false);
            self.start_processes(i);
        }
    }

    /// When to call [`Self::handle`] next, if nothing comes before.
    pub fn deadline(&self) -> Option<Duration> {
        let change = self.changes.first().map(|(at, _)| *at);
        let parcel = self.inbox.peek().map(|Reverse(p)| p.due);
        let timer = self.calendar.first().map(|(at, _)| *at);
        [change, parcel, timer].into_iter().flatten().min()
    }

    /// A parcel for one of the machines; it is looked at when it is due.
    #[cfg_attr(not(feature = "turmoil"), expect(dead_code, reason = "for engines with several groups"))]
    pub fn deliver(&mut self, parcel: Parcel) {
        self.inbox.push(Reverse(parcel));
    }

    /// Does everything that is due by `now`, in order of time; at one and the same time faults first, then packets, then
    /// timers. What is due between two ticks of the applications' clock happens at its own time, not at the tick's.
    pub fn handle(&mut self, now: Duration) {
        loop {
            for machine in self.doorbell.take() {
                self.flush(machine);
            }
            let Some(due) = self.deadline().filter(|due| *due <= now) else { break };
            // What comes too late, because its latency is shorter than the engine's tick, comes now.
            let at = due.max(self.handled);
            self.handled = at;
            if let Some(&(changes, machine)) = self.changes.first().filter(|(changes, _)| *changes <= due) {
                self.changes.remove(&(changes, machine));
                self.change(machine, at);
                self.flush(machine);
            } else if self.inbox.peek().is_some_and(|Reverse(p)| p.due <= due) {
                let Some(Reverse(parcel)) = self.inbox.pop() else { continue };
                self.arrive(at, parcel);
            } else if let Some(&(timer, machine)) = self.calendar.first() {
                self.calendar.remove(&(timer, machine));
                self.machines[machine].scheduled = None;
                self.machines[machine].shared.kernel().expire(at);
                self.flush(machine);
            }
        }
        self.doorbell.done(self.deadline());
    }

    /// The parcels for other groups that the machines have sent since the last call.
    pub fn sent(&mut self) -> impl Iterator<Item = Parcel> + '_ {
        self.outbox.drain(..)
    }

    fn network(&self) -> MutexGuard<'_, Network> {
        self.network.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn arrive(&mut self, now: Duration, parcel: Parcel) {
        let i = self.network().interface(parcel.to).place;
        if !self.machines[i].powered {
            return self.network().nobody_there(now, &parcel);
        }
        let arrived = self.network().arrive(now, parcel);
        match arrived {
            Ok(bytes) => {
                self.machines[i].shared.kernel().receive(now, bytes);
                self.flush(i);
            }
            Err(answers) => self.post(answers),
        }
    }

    /// A parcel goes to a machine of this group, or to another group.
    fn post(&mut self, parcels: Vec<Parcel>) {
        for parcel in parcels {
            if self.network().interface(parcel.to).group == self.index {
                self.inbox.push(Reverse(parcel));
            } else {
                self.outbox.push(parcel);
            }
        }
    }

    /// Puts what the machine's kernel wants to send on the wire, and its next deadline into the calendar.
    fn flush(&mut self, i: usize) {
        let shared = self.machines[i].shared.clone();
        let mut kernel = shared.kernel();
        while let Some(departure) = kernel.departure() {
            let parcels = self.network().send(&self.machines[i].interfaces, departure);
            self.post(parcels);
        }
        let deadline = kernel.deadline();
        drop(kernel);
        let machine = &mut self.machines[i];
        if deadline != machine.scheduled {
            if let Some(at) = machine.scheduled {
                self.calendar.remove(&(at, i));
            }
            if let Some(at) = deadline {
                self.calendar.insert((at, i));
            }
            machine.scheduled = deadline;
        }
    }

    /// Something changes at a machine: what happens in a moment happens, then the machine is made what its faults in force
    /// say it is.
    fn change(&mut self, i: usize, now: Duration) {
        let Some(moment) = self.machines[i].timeline.pass() else { return };
        self.changes.extend(self.machines[i].timeline.next().map(|at| (at, i)));
        for beginning in moment.begins {
            match beginning {
                Beginning::Crash => self.stop_processes(i, now),
                Beginning::PowerLoss => self.power_off(i),
                Beginning::Forget(interface) => self.at_router(i, interface, Router::forget),
                Beginning::Rebind(interface) => self.at_router(i, interface, Router::rebind),
                Beginning::Deploy { .. } => {}
            }
        }
        let (was, is) = (self.machines[i].condition, moment.condition);
        self.machines[i].condition = is;
        if is.running != was.running {
            let cpu = &self.machines[i].shared.cpu;
            if is.running { cpu.resume() } else { cpu.stall() }
        }
        if (is.interface, is.destroys) != (was.interface, false) {
            self.use_interface(i, now, is);
        }
        if is.powered && !self.machines[i].powered {
            self.machines[i].powered = true;
            self.machines[i].shared.kernel().power_on();
        }
        if self.machines[i].powered && !is.crashed && !self.machines[i].started {
            self.start_processes(i);
        }
    }

    fn at_router(&self, i: usize, interface: usize, does: fn(&mut Router)) {
        if let Some(router) = self.network().router(self.machines[i].interfaces[interface]) {
            does(router);
        }
    }

    fn stop_processes(&mut self, i: usize, now: Duration) {
        let machine = &mut self.machines[i];
        machine.started = false;
        for (process, task) in machine.running.drain(..) {
            machine.shared.kernel().process_died(now, process);
            task.abort();
        }
    }

    fn power_off(&mut self, i: usize) {
        let machine = &mut self.machines[i];
        (machine.powered, machine.started) = (false, false);
        machine.shared.kernel().power_off();
        for (_, task) in machine.running.drain(..) {
            task.abort();
        }
    }

    fn use_interface(&mut self, i: usize, now: Duration, condition: Condition) {
        let machine = &mut self.machines[i];
        let uses = condition.interface.map(|place| machine.interfaces[place]).into_iter().collect();
        let was = std::mem::replace(&mut machine.in_use, uses);
        let uses = machine.in_use.clone();
        self.address(i, now, condition.destroys);
        let change = match (was.is_empty(), uses.is_empty()) {
            (_, true) => Change::Offline,
            (true, false) => Change::Online,
            (false, false) => Change::AddressChanged,
        };
        if was != uses {
            // Nobody listening is no error.
            let _ = self.machines[i].shared.changes.send(change);
        }
    }

    /// Gives the machine the addresses of the interfaces it uses.
    fn address(&mut self, i: usize, now: Duration, destroy: bool) {
        let machine = &self.machines[i];
        let addresses: Vec<Ipv4Addr> = {
            let mut network = self.network();
            for interface in &machine.interfaces {
                network.interface_mut(*interface).up = machine.in_use.contains(interface);
            }
            machine.in_use.iter().map(|id| network.interface(*id).inside).collect()
        };
        machine.shared.kernel().set_addresses(now, addresses, destroy);
    }

    fn start_processes(&mut self, i: usize) {
        self.machines[i].started = true;
        let programs = self.machines[i].programs.clone();
        for program in programs {
            let process = ProcessId(self.processes);
            self.processes += 1;
            let shared = self.machines[i].shared.clone();
            let task = Process {
                turnstile: Turnstile {
                    cpu: shared.cpu.clone(),
                    host: shared.host,
                    clock: shared.clock.clone(),
                    doorbell: shared.doorbell.clone(),
                },
                recorder: self.recorder.clone(),
                program: program(SimNet { shared, process }),
            };
            self.machines[i].running.push((process, tokio::task::spawn_local(task)));
        }
    }
}

/// A process: its program, run while there is CPU.
struct Process {
    turnstile: Turnstile,
    recorder: Recorder,
    program: Pin<Box<dyn Future<Output = io::Result<()>>>>,
}

impl Future for Process {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { turnstile, recorder, program } = &mut *self;
        turnstile.enter(cx, &mut |cx| {
            program.as_mut().poll(cx).map(|result| {
                if let Err(e) = result {
                    let fields = vec![("error", Value::from(e.to_string()))];
                    recorder.event(
                        turnstile.clock.now(),
                        Some(turnstile.host),
                        Layer::App,
                        "process failed",
                        fields,
                    );
                }
            })
        })
    }
}
