//! How a scenario builds its world: machines, links, processes, faults; then it runs.

mod builders;
pub(in crate::sim) mod described;

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

pub use builders::{FaultPlan, Lasting, LastingOnLink, LinkPlan};
use described::Described;
pub use described::LinkEnd;

use super::engine::ending::{Failure, Until};
use super::engine::limits::Limits;
use super::engine::{self, Engine};
use super::fault::{GivenFaults, Script, ScriptError};
use super::machine::running::Program;
use super::machine::socket::SimNet;
use super::path::link::Quality;
use super::path::router::RouterOptions;
use crate::net::Process;
use crate::parameter::{LONGEST, Scalar as _, micros};
use crate::tcp::Sysctls;
use crate::trace::collect::Collector;
use crate::trace::recorder::Recorder;
use crate::trace::{Recording, Trace};
use described::MachineDescribed;

/// A world could not be run.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The fault script names what is not there.
    #[error(transparent)]
    Faults(#[from] ScriptError),
    /// Two machines have one name.
    #[error("two machines are called `{0}`")]
    SameName(String),
    /// A fault script could not name the machine.
    #[error(
        "a machine cannot be called `{0}`; valid: a word without blanks, `;` and `->`, but not `at` and `for`"
    )]
    Name(String),
    /// The reference engine steps by milliseconds.
    #[error("with turmoil a packet takes 1ms or more, not {}; valid: a longer latency, or --engine event", .0.show())]
    TooFast(Duration),
    /// The run was given up.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// There are more machines, or more interfaces of one, than addresses.
    #[error("a world has addresses for {machines} machines with {interfaces} interfaces each, and no more")]
    NoAddress {
        /// The most machines.
        machines: usize,
        /// The most interfaces of a machine.
        interfaces: usize,
    },
    /// The engine failed.
    #[error("{0}")]
    Engine(String),
}

/// A world to be built and run once.
pub struct World {
    plan: Rc<RefCell<Described>>,
}

/// A machine of a world under construction.
#[derive(Clone)]
pub struct Machine {
    plan: Rc<RefCell<Described>>,
    index: usize,
}

impl World {
    /// An empty world, whose machines' kernels have these settings. `faults` take the place of those it will be given by
    /// [`Self::at`], or come to them.
    pub fn new(seed: u64, engine: Engine, sysctls: Sysctls, faults: Option<GivenFaults>) -> Self {
        let plan = Described {
            seed,
            engine,
            sysctls,
            recording: Recording::default(),
            notes: Vec::new(),
            machines: Vec::new(),
            links: Vec::new(),
            default_link: Quality::default(),
            faults: Script::default(),
            given_faults: faults,
            tick: None,
            tokio_timers: true,
            lasts: Duration::ZERO,
            until: None,
            limits: Limits::default(),
        };
        Self { plan: Rc::new(RefCell::new(plan)) }
    }

    /// Another world, as this one was at first: the same seed, engine, kernel settings, given faults and recording, no
    /// machine yet. For an experiment that compares two.
    pub fn another(&self) -> Self {
        let plan = self.plan.borrow();
        let mut world = Self::new(plan.seed, plan.engine, plan.sysctls, plan.given_faults.clone());
        world.records(plan.recording);
        world.limits(plan.limits);
        world.plan.borrow_mut().tokio_timers = plan.tokio_timers;
        world.notes(plan.notes.iter().copied());
        world
    }

    /// Sets how much of the run is kept; all of it unless told otherwise.
    pub fn records(&mut self, recording: Recording) {
        self.plan.borrow_mut().recording = recording;
    }

    /// Declares what its processes may note (`note!`), so that a question about a note is not taken for a misspelt one
    /// when it never happens.
    pub fn notes(&mut self, names: impl IntoIterator<Item = &'static str>) {
        self.plan.borrow_mut().notes.extend(names);
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
        plan.machines.push(MachineDescribed {
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
    pub fn link(&mut self, a: impl Into<LinkEnd>, b: impl Into<LinkEnd>) -> LinkPlan {
        let mut plan = self.plan.borrow_mut();
        let quality = plan.default_link;
        plan.links.push((a.into(), b.into(), quality));
        LinkPlan { plan: self.plan.clone(), link: Some(plan.links.len() - 1) }
    }

    /// At that time something goes wrong.
    pub fn at(&mut self, at: Duration) -> FaultPlan {
        FaultPlan { plan: self.plan.clone(), at }
    }

    /// The faults described so far.
    pub fn faults(&self) -> Script {
        self.plan.borrow().faults.clone()
    }

    /// Sets what the run may use before it is ended.
    pub fn limits(&mut self, limits: Limits) {
        self.plan.borrow_mut().limits = limits;
    }

    /// Sets the engine's tick instead of deriving it from the shortest latency.
    pub fn tick(&mut self, tick: Duration) {
        self.plan.borrow_mut().tick = Some(tick);
    }

    /// Promises that its programs wait with [`net::time`](crate::net::time) alone, and never with a timer of tokio's: the
    /// event engine then need not ask tokio what comes next, which an idle world spends a quarter of its time with. A program
    /// that breaks the promise panics, and the run fails.
    pub fn without_tokio_timers(&mut self) {
        self.plan.borrow_mut().tokio_timers = false;
    }

    /// Runs the world for that long and returns what happened.
    ///
    /// # Errors
    /// [`WorldError`] when the fault script names machines that are not there, a process panics, a bound of the run is
    /// reached, or the engine fails.
    pub fn run(self, lasts: Duration) -> Result<Trace, WorldError> {
        self.run_to(lasts, None)
    }

    /// Runs the world until something has happened, but no longer than `at_most`, and returns what happened.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn run_until(self, until: Until, at_most: Duration) -> Result<Trace, WorldError> {
        self.run_to(at_most, Some(until))
    }

    fn run_to(self, lasts: Duration, until: Option<Until>) -> Result<Trace, WorldError> {
        let lasts = micros(lasts).min(LONGEST);
        let recorder = {
            let plan = self.plan.borrow();
            Recorder::bounded(plan.recording, lasts, plan.limits.bounds())
        };
        let (engine, built) = {
            let mut plan = self.plan.borrow_mut();
            plan.lasts = lasts;
            recorder.notes(&plan.notes);
            plan.until = until;
            (plan.engine, plan.build(&recorder)?)
        };
        let (ending, machines) = (built.ending.clone(), built.machines.clone());
        let finish = || Trace {
            left: machines.iter().map(|machine| machine.left()).collect(),
            ..recorder.finish(ending.time())
        };
        let run = Collector::new(recorder.clone()).collect(|| engine::run(engine, built, finish));
        match ending.failure() {
            Some(failure) => Err(failure.into()),
            None => run.map_err(WorldError::Engine),
        }
    }
}

impl Machine {
    /// Its name.
    pub fn name(&self) -> String {
        self.plan.borrow().machines[self.index].name.clone()
    }

    /// Runs a process on it, from every start of the machine (or of its processes) anew.
    pub fn runs(&self, process: impl Process) {
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
    pub fn on(&self, interface: &str) -> LinkEnd {
        LinkEnd { machine: self.index, interface: Some(interface.to_owned()) }
    }

    /// Gives its kernel settings of its own.
    pub fn sysctls(&self, change: impl FnOnce(&mut Sysctls)) -> &Self {
        change(&mut self.plan.borrow_mut().machines[self.index].sysctls);
        self
    }
}

impl From<&Machine> for LinkEnd {
    fn from(machine: &Machine) -> Self {
        LinkEnd { machine: machine.index, interface: None }
    }
}
