//! How a scenario builds its world: machines, links, processes, faults; then it runs.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use tokio::sync::broadcast;

use super::clock::Clock;
use super::fabric::{self, Built, Engine};
use super::faults::{Between, Entry, Fault, Script, ScriptError};
use super::kernel::{Kernel, LONGEST_RUN, Sysctls, mix};
use super::link::Quality;
use super::network::{InterfaceId, Network};
use super::node::{Machine as Running, Node, Program};
use super::plan::{self, Place};
use super::router::RouterOptions;
use super::socket::{Doorbell, Shared, SimNet};
use crate::net::Process;
use crate::parameter::{BitRate, ByteSize, Probability};
use crate::trace::Trace;
use crate::trace::collect::{Collector, Recorder};

/// Ticks longer than this would make a fabric that steps through them no faster.
const LONGEST_TICK: Duration = Duration::from_millis(100);
/// tokio's timers know no less.
const SHORTEST_TICK: Duration = Duration::from_millis(1);
/// How many network changes a process may fall behind; see [`crate::net::Changes`].
const CHANGES_KEPT: usize = 16;

/// A world could not be run.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The fault script names what is not there.
    #[error(transparent)]
    Faults(#[from] ScriptError),
    /// The engine failed.
    #[error("{0}")]
    Engine(String),
}

/// A world to be built and run once.
pub struct World {
    plan: Rc<RefCell<Plan>>,
}

struct Plan {
    seed: u64,
    engine: Engine,
    sysctls: Sysctls,
    machines: Vec<MachinePlan>,
    links: Vec<(End, End, Quality)>,
    default_link: Quality,
    faults: Script,
    /// Faults given from outside take the place of the scenario's.
    given_faults: Option<Script>,
    tick: Option<Duration>,
    lasts: Duration,
}

struct MachinePlan {
    name: String,
    sysctls: Sysctls,
    interfaces: Vec<(String, Option<RouterOptions>)>,
    programs: Vec<Program>,
    /// Machines of one group share a node.
    group: Option<String>,
}

/// One end of a link: a machine, or one interface of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    machine: usize,
    interface: Option<String>,
}

/// A machine of a world under construction.
#[derive(Clone)]
pub struct Machine {
    plan: Rc<RefCell<Plan>>,
    index: usize,
}

impl World {
    /// An empty world, whose machines' kernels have these settings.
    pub fn new(seed: u64, engine: Engine, sysctls: Sysctls, faults: Option<Script>) -> Self {
        let plan = Plan {
            seed,
            engine,
            sysctls,
            machines: Vec::new(),
            links: Vec::new(),
            default_link: Quality::default(),
            faults: Script::default(),
            given_faults: faults,
            tick: None,
            lasts: Duration::ZERO,
        };
        Self { plan: Rc::new(RefCell::new(plan)) }
    }

    /// The settings of its machines' kernels.
    pub fn kernel(&self) -> Sysctls {
        self.plan.borrow().sysctls
    }

    /// Adds machines, each with one interface and a public address.
    pub fn machines<const N: usize>(&mut self, names: [&str; N]) -> [Machine; N] {
        names.map(|name| self.machine(name))
    }

    /// Adds a machine with one interface and a public address.
    pub fn machine(&mut self, name: &str) -> Machine {
        let mut plan = self.plan.borrow_mut();
        let sysctls = plan.sysctls;
        plan.machines.push(MachinePlan {
            name: name.to_owned(),
            sysctls,
            interfaces: Vec::new(),
            programs: Vec::new(),
            group: None,
        });
        Machine { plan: self.plan.clone(), index: plan.machines.len() - 1 }
    }

    /// Adds `n` machines `name-1` to `name-n`. They share an engine's host, so that there may be thousands.
    pub fn crowd(&mut self, name: &str, n: usize) -> Vec<Machine> {
        (1..=n)
            .map(|i| {
                let machine = self.machine(&format!("{name}-{i}"));
                self.plan.borrow_mut().machines[machine.index].group = Some(name.to_owned());
                machine
            })
            .collect()
    }

    /// What every link is like that is not described by [`Self::link`].
    pub fn links(&mut self) -> LinkPlan {
        LinkPlan { plan: self.plan.clone(), link: None }
    }

    /// Describes the link between two machines (or interfaces of theirs), both ways.
    pub fn link(&mut self, a: impl Into<End>, b: impl Into<End>) -> LinkPlan {
        let mut plan = self.plan.borrow_mut();
        let quality = plan.default_link;
        plan.links.push((a.into(), b.into(), quality));
        LinkPlan { plan: self.plan.clone(), link: Some(plan.links.len() - 1) }
    }

    /// At that time something goes wrong.
    pub fn at(&mut self, at: Duration) -> FaultPlan {
        FaultPlan { plan: self.plan.clone(), at }
    }

    /// Sets the engine's tick instead of deriving it from the shortest latency.
    pub fn tick(&mut self, tick: Duration) {
        self.plan.borrow_mut().tick = Some(tick);
    }

    /// Runs the world for that long and answers what happened.
    ///
    /// # Errors
    /// [`WorldError`] when the fault script names machines that are not there, or the engine fails.
    pub fn run(self, lasts: Duration) -> Result<Trace, WorldError> {
        let recorder = Recorder::new();
        let (engine, built) = {
            let mut plan = self.plan.borrow_mut();
            plan.lasts = lasts.min(LONGEST_RUN);
            (plan.engine, plan.build(&recorder)?)
        };
        let lasts = built.lasts;
        let run = Collector::new(recorder.clone())
            .collect(|| fabric::run(engine, built, || recorder.finish(lasts)));
        run.map_err(WorldError::Engine)
    }
}

impl Machine {
    /// Its name.
    pub fn name(&self) -> String {
        self.plan.borrow().machines[self.index].name.clone()
    }

    /// Runs a process on it, from every start of the machine (or of its processes) anew.
    pub fn runs(&self, process: impl Process + Clone) {
        self.does(async move |net| process.clone().run(net).await);
    }

    /// The same for a process that is written down on the spot.
    pub fn does<F>(&self, program: F)
    where
        F: AsyncFn(SimNet) -> io::Result<()> + 'static,
    {
        let program = Rc::new(program);
        let program: Program = Rc::new(move |net| {
            let program = program.clone();
            Box::pin(async move { program(net).await })
        });
        self.plan.borrow_mut().machines[self.index].programs.push(program);
    }

    /// Gives it an interface instead of the one it has by default; the first is the one it uses.
    pub fn interface(&self, name: &str) -> &Self {
        self.plan.borrow_mut().machines[self.index].interfaces.push((name.to_owned(), None));
        self
    }

    /// Gives it an interface behind a router that translates addresses.
    pub fn interface_behind(&self, name: &str, router: RouterOptions) -> &Self {
        self.plan.borrow_mut().machines[self.index].interfaces.push((name.to_owned(), Some(router)));
        self
    }

    /// One of its interfaces, as the end of a link.
    pub fn on(&self, interface: &str) -> End {
        End { machine: self.index, interface: Some(interface.to_owned()) }
    }

    /// Gives its kernel settings of its own.
    pub fn sysctls(&self, change: impl FnOnce(&mut Sysctls)) -> &Self {
        change(&mut self.plan.borrow_mut().machines[self.index].sysctls);
        self
    }
}

impl From<&Machine> for End {
    fn from(machine: &Machine) -> Self {
        End { machine: machine.index, interface: None }
    }
}

/// A link under construction.
pub struct LinkPlan {
    plan: Rc<RefCell<Plan>>,
    link: Option<usize>,
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
    plan: Rc<RefCell<Plan>>,
    at: Duration,
}

/// A fault that lasts for good, unless it is told otherwise.
pub struct Lasting {
    plan: Rc<RefCell<Plan>>,
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

impl Plan {
    fn build(&mut self, recorder: &Recorder) -> Result<Built, WorldError> {
        for machine in &mut self.machines {
            if machine.interfaces.is_empty() {
                machine.interfaces.push(("net".to_owned(), None));
            }
        }
        let (nodes, places) = self.place();
        let mut network = Network::new(mix(self.seed), recorder.clone(), self.default_link);
        let mut interfaces: Vec<Vec<InterfaceId>> = Vec::new();
        let mut hosts = BTreeMap::new();
        let mut names = BTreeMap::new();
        let mut ids = Vec::new();
        for (m, machine) in self.machines.iter().enumerate() {
            let host = recorder.host(&machine.name);
            ids.push(host);
            let mut own = Vec::new();
            for (i, (_, router)) in machine.interfaces.iter().enumerate() {
                let outside = address(if router.is_some() { 100 } else { 10 }, i, m);
                let inside = router.map(|options| (address(172, i, m), options));
                own.push(network.add_interface(places[m], host, outside, inside));
                names.insert(outside, machine.name.clone());
                if let Some((inside, _)) = inside {
                    names.insert(inside, machine.name.clone());
                }
                hosts.entry(machine.name.clone()).or_insert(outside);
            }
            interfaces.push(own);
        }
        for (a, b, quality) in &self.links {
            for from in self.ends(a, &interfaces) {
                for to in self.ends(b, &interfaces) {
                    network.set_quality((from, to), *quality);
                    network.set_quality((to, from), *quality);
                }
            }
        }
        let script = self.given_faults.as_ref().unwrap_or(&self.faults);
        let described: Vec<Place> = self
            .machines
            .iter()
            .enumerate()
            .map(|(m, machine)| Place {
                name: &machine.name,
                host: ids[m],
                interfaces: machine
                    .interfaces
                    .iter()
                    .map(|(n, _)| n.as_str())
                    .zip(interfaces[m].iter().copied())
                    .collect(),
            })
            .collect();
        let happenings = plan::apply(script, &described, self.lasts, &mut network, recorder)?;
        let tick = self.tick.unwrap_or_else(|| self.shortest_latency()).clamp(SHORTEST_TICK, LONGEST_TICK);

        let network = Arc::new(Mutex::new(network));
        let (hosts, names) = (Arc::new(hosts), Arc::new(names));
        let mut built = Vec::new();
        for (n, (name, members)) in nodes.into_iter().enumerate() {
            let clock = Clock::default();
            let doorbell = Arc::new(Doorbell::default());
            let mut machines = Vec::new();
            for &m in &members {
                let secret = mix(self.seed ^ mix(m as u64 + 1));
                let kernel =
                    Kernel::new(self.machines[m].sysctls, secret, recorder.clone(), ids[m], names.clone());
                let shared = Shared {
                    kernel: Mutex::new(kernel),
                    cpu: Arc::default(),
                    host: ids[m],
                    clock: clock.clone(),
                    doorbell: doorbell.clone(),
                    index: machines.len(),
                    hosts: hosts.clone(),
                    changes: broadcast::channel(CHANGES_KEPT).0,
                    entropy: Mutex::new(ChaCha8Rng::seed_from_u64(mix(secret))),
                };
                machines.push(Running::new(
                    Arc::new(shared),
                    interfaces[m].clone(),
                    self.machines[m].programs.clone(),
                ));
            }
            let happenings = happenings
                .iter()
                .filter(|(_, m, _)| places[*m].0 == n)
                .map(|(at, m, h)| (*at, places[*m].1, h.clone()))
                .collect();
            built.push(Node::new(
                name,
                clock,
                doorbell,
                machines,
                happenings,
                network.clone(),
                recorder.clone(),
            ));
        }
        Ok(Built { nodes: built, network, lasts: self.lasts, tick, seed: self.seed })
    }

    /// Which machines share a node, and where each of them stands: (node, place).
    fn place(&self) -> (Vec<(String, Vec<usize>)>, Vec<(usize, usize)>) {
        let mut nodes: Vec<(String, Vec<usize>)> = Vec::new();
        let mut places = Vec::new();
        for (m, machine) in self.machines.iter().enumerate() {
            let name = machine.group.as_ref().unwrap_or(&machine.name);
            let n = match nodes.iter().position(|(n, _)| n == name) {
                Some(n) => n,
                None => {
                    nodes.push((name.clone(), Vec::new()));
                    nodes.len() - 1
                }
            };
            nodes[n].1.push(m);
            places.push((n, nodes[n].1.len() - 1));
        }
        (nodes, places)
    }

    fn ends(&self, end: &End, interfaces: &[Vec<InterfaceId>]) -> Vec<InterfaceId> {
        let names = &self.machines[end.machine].interfaces;
        let all = names.iter().zip(&interfaces[end.machine]);
        all.filter(|((name, _), _)| end.interface.as_ref().is_none_or(|wanted| wanted == name))
            .map(|(_, id)| *id)
            .collect()
    }

    fn shortest_latency(&self) -> Duration {
        // With two machines and a described link between them the default link does not exist.
        let described = self.links.iter().map(|(.., q)| q.one_way).min();
        match described {
            Some(latency) if self.machines.len() == 2 => latency,
            Some(latency) => latency.min(self.default_link.one_way),
            None => self.default_link.one_way,
        }
    }
}

/// The address of a machine's `i`-th interface, in the network that begins with `net`.
fn address(net: u8, i: usize, machine: usize) -> Ipv4Addr {
    // 10.0.0.0/8 stands for public addresses, 100.64.0.0/10 for routers' outsides, 172.16.0.0/12 for their insides.
    let second = match net {
        100 => 64,
        172 => 16,
        _ => 0,
    };
    let [_, _, high, low] = u32::try_from(machine + 1).unwrap_or(u32::MAX).to_be_bytes();
    Ipv4Addr::new(net, second + u8::try_from(i).unwrap_or(0), high, low)
}
