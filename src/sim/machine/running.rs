//! A machine at run time: what the faults in force make of it, and the processes it runs.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::process::{Process, ProcessId};
use super::socket::{Shared, SimNet};
use crate::net::Change;
use crate::sim::engine::executor::Executor;
use crate::sim::fault::SuspendedClock;
use crate::sim::fault::in_force::{Beginning, Condition};
use crate::sim::path::router::Router;
use crate::sim::path::{InterfaceId, Paths};
use crate::trace::Layer;

/// What a machine runs, from every start anew.
pub(in crate::sim) type Program = Rc<dyn Fn(SimNet) -> Pin<Box<dyn Future<Output = io::Result<()>>>>>;

/// A machine at run time.
pub(in crate::sim) struct RunningMachine {
    pub shared: Arc<Shared>,
    pub interfaces: Vec<InterfaceId>,
    programs: Vec<Program>,
    processes: Vec<Arc<Process>>,
    /// What was made of it.
    condition: Condition,
    /// Whether its processes were started since they were last killed, or the machine booted.
    started: bool,
    /// A deploy under way.
    deploy: Option<Deploy>,
    /// What happened to its processes while it was asleep, and will when it wakes.
    deferred: Vec<Beginning>,
}

/// A deploy: the old processes have been told to stop; the new ones are yet to be started.
#[derive(Debug, Clone, Copy)]
struct Deploy {
    /// When the old ones are killed; `None`: they have ended.
    kill_at: Option<Duration>,
    /// When the new ones are started, once the old ones have ended.
    start_at: Option<Duration>,
    /// Between the end of the old ones and the start of the new ones.
    pause: Duration,
}

/// What a machine at run time needs of its group.
pub(in crate::sim) struct Surroundings<'a> {
    pub now: Duration,
    pub paths: &'a mut Paths,
    pub executor: &'a mut Executor,
    /// The number of the next process.
    pub next_process: &'a mut u32,
}

impl RunningMachine {
    pub fn new(shared: Arc<Shared>, interfaces: Vec<InterfaceId>, programs: Vec<Program>) -> Self {
        Self {
            shared,
            interfaces,
            programs,
            processes: Vec::new(),
            condition: Condition::default(),
            started: false,
            deploy: None,
            deferred: Vec::new(),
        }
    }

    /// The run begins: it gets its address, and its processes start.
    pub fn begin(&mut self, around: &mut Surroundings<'_>) {
        self.address(around, false);
        self.start_if_due(around);
    }

    pub fn is_powered(&self) -> bool {
        self.condition.powered
    }

    pub fn is_asleep(&self) -> bool {
        self.condition.asleep.is_some()
    }

    /// Something begins, and from now on `target` is in force.
    pub fn change(&mut self, around: &mut Surroundings<'_>, begins: Vec<Beginning>, target: Condition) {
        if target.asleep.is_none() {
            self.wake(around);
        }
        for beginning in begins {
            self.meet(around, beginning);
        }
        if !target.powered {
            self.power_off(around);
        } else if !self.condition.powered {
            self.condition.powered = true;
            self.shared.kernel().power_on();
        }
        if target.interface != self.condition.interface {
            let was = std::mem::replace(&mut self.condition.interface, target.interface);
            self.address(around, target.destroys);
            let change = match (was, target.interface) {
                (_, None) => Change::Offline,
                (None, Some(_)) => Change::Online,
                (Some(_), Some(_)) => Change::AddressChanged,
            };
            // Nobody listening is no error.
            let _ = self.shared.changes.send(change);
        }
        self.shared.set_dns(target.dns);
        if let (Some(asleep), None) = (target.asleep, self.condition.asleep) {
            self.shared.kernel().suspend(around.now, asleep == SuspendedClock::Stops);
        }
        let Condition { running, crashed, asleep, .. } = target;
        self.condition = Condition { running, crashed, asleep, ..self.condition };
        if crashed && asleep.is_none() {
            self.kill(around);
        }
        let running = running && asleep.is_none() && self.condition.powered;
        around.executor.wake(self.shared.cpu.set_running(running));
        self.start_if_due(around);
    }

    /// What happens at an instant, as opposed to what is in force from it on.
    fn meet(&mut self, around: &mut Surroundings<'_>, beginning: Beginning) {
        match beginning {
            // The router is another machine: it does not sleep.
            Beginning::Forget(interface) => self.at_router(around, interface, Router::forget),
            Beginning::Rebind(interface) => self.at_router(around, interface, Router::rebind),
            Beginning::PowerLoss => {
                self.power_off(around);
                self.deferred.clear();
            }
            _ if self.is_asleep() => self.deferred.push(beginning),
            Beginning::Crash => self.kill(around),
            Beginning::Deploy { grace, pause } => {
                for process in &self.processes {
                    process.stop.cancel();
                }
                self.deploy = Some(Deploy { kill_at: Some(around.now + grace), start_at: None, pause });
                self.go_on_with_deploy(around);
            }
        }
    }

    fn at_router(&self, around: &mut Surroundings<'_>, interface: usize, act: fn(&mut Router)) {
        if let Some(router) = around.paths.router(self.interfaces[interface]) {
            act(router);
        }
    }

    fn wake(&mut self, around: &mut Surroundings<'_>) {
        if self.condition.asleep.take().is_none() {
            return;
        }
        let behind = self.shared.kernel().resume(around.now);
        self.shared.behind_us.store(u64::try_from(behind.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        for beginning in std::mem::take(&mut self.deferred) {
            self.meet(around, beginning);
        }
    }

    fn power_off(&mut self, around: &mut Surroundings<'_>) {
        if !std::mem::replace(&mut self.condition.powered, false) {
            return;
        }
        self.shared.kernel().power_off();
        for process in self.processes.drain(..) {
            around.executor.kill(&process);
        }
        self.condition.asleep = None;
        self.deploy = None;
        self.started = false;
    }

    /// The processes die; the kernel closes what they held.
    fn kill(&mut self, around: &mut Surroundings<'_>) {
        for process in self.processes.drain(..) {
            self.shared.kernel().process_died(around.now, process.id);
            around.executor.kill(&process);
        }
        self.started = false;
    }

    /// When something of the machine's own is due: a step of a deploy.
    pub fn due(&self) -> Option<Duration> {
        let deploy = self.deploy.filter(|_| !self.is_asleep())?;
        deploy.start_at.or(deploy.kill_at)
    }

    /// Whether there may be something to look after: a process has ended, or a deploy goes on.
    pub fn wants_a_look(&self) -> bool {
        self.deploy.is_some() || self.processes.iter().any(|process| process.has_ended())
    }

    /// Looks after processes that have ended by themselves, and after what is due.
    pub fn look(&mut self, around: &mut Surroundings<'_>) {
        let shared = &self.shared;
        self.processes.retain(|process| {
            if process.has_ended() {
                // What it has left open, and the tasks it has left behind, end with it.
                shared.kernel().process_died(around.now, process.id);
                around.executor.kill(process);
            }
            !process.has_ended()
        });
        self.go_on_with_deploy(around);
    }

    fn go_on_with_deploy(&mut self, around: &mut Surroundings<'_>) {
        let Some(mut deploy) = self.deploy.filter(|_| !self.is_asleep()) else { return };
        if deploy.kill_at.is_some_and(|at| at <= around.now) && !self.processes.is_empty() {
            self.tell(around.now, "processes killed");
            self.kill(around);
        }
        if deploy.kill_at.is_some() && self.processes.is_empty() {
            deploy.kill_at = None;
            deploy.start_at = Some(around.now + deploy.pause);
        }
        if deploy.start_at.is_some_and(|at| at <= around.now) {
            self.deploy = None;
            self.started = false;
            self.tell(around.now, "new processes start");
            return self.start_if_due(around);
        }
        self.deploy = Some(deploy);
    }

    /// Tells the trace how a deploy goes on.
    fn tell(&self, now: Duration, name: &'static str) {
        self.shared.recorder.event(now, Some(self.shared.host), Layer::Fault, name, Vec::new());
    }

    fn start_if_due(&mut self, around: &mut Surroundings<'_>) {
        let Condition { powered, crashed, asleep, .. } = self.condition;
        if self.started || !powered || crashed || asleep.is_some() || self.deploy.is_some() {
            return;
        }
        self.started = true;
        for program in &self.programs {
            let queue = around.executor.queue().clone();
            let process = Process::new(ProcessId(*around.next_process), self.shared.clone(), queue);
            *around.next_process += 1;
            let program = program(SimNet::new(process.clone()));
            around.executor.start(process.clone(), Box::pin(process.clone().run(program)));
            self.processes.push(process);
        }
    }

    /// Gives the machine the address of the interface it uses.
    fn address(&mut self, around: &mut Surroundings<'_>, destroy: bool) {
        let used = self.condition.interface.and_then(|i| self.interfaces.get(i).copied());
        for interface in &self.interfaces {
            around.paths.interface_mut(*interface).up = used == Some(*interface);
        }
        let addresses = used.map(|id| around.paths.interface(id).inside).into_iter().collect();
        self.shared.kernel().set_addresses(around.now, addresses, destroy);
    }
}
