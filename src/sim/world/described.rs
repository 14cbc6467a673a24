//! A described world, as data: what `crate::sim::build` makes a running one of.

use std::time::Duration;

use crate::sim::engine::Engine;
use crate::sim::engine::ending::Until;
use crate::sim::engine::limits::Limits;
use crate::sim::fault::{GivenFaults, Script};
use crate::sim::machine::running::Program;
use crate::sim::path::link::Quality;
use crate::sim::path::router::RouterOptions;
use crate::tcp::Sysctls;
use crate::trace::Recording;

/// A world, as it was described.
pub(in crate::sim) struct Described {
    pub(in crate::sim) seed: u64,
    pub(in crate::sim) engine: Engine,
    pub(in crate::sim) sysctls: Sysctls,
    pub(in crate::sim) recording: Recording,
    /// What its processes may note.
    pub(in crate::sim) notes: Vec<&'static str>,
    pub(in crate::sim) machines: Vec<MachineDescribed>,
    pub(in crate::sim) links: Vec<(LinkEnd, LinkEnd, Quality)>,
    pub(in crate::sim) default_link: Quality,
    pub(in crate::sim) faults: Script,
    /// Faults given from outside take the place of the scenario's, or come to them.
    pub(in crate::sim) given_faults: Option<GivenFaults>,
    pub(in crate::sim) tick: Option<Duration>,
    /// Whether its programs may use timers of tokio's own.
    pub(in crate::sim) tokio_timers: bool,
    pub(in crate::sim) lasts: Duration,
    pub(in crate::sim) until: Option<Until>,
    pub(in crate::sim) limits: Limits,
}

/// A machine, as it was described.
pub(in crate::sim) struct MachineDescribed {
    pub(in crate::sim) name: String,
    pub(in crate::sim) sysctls: Sysctls,
    pub(in crate::sim) interfaces: Vec<(String, Option<RouterOptions>)>,
    pub(in crate::sim) programs: Vec<Program>,
    /// Machines of one group share a group.
    pub(in crate::sim) group: Option<String>,
}

/// One end of a link: a machine, or one interface of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkEnd {
    pub(in crate::sim) machine: usize,
    pub(in crate::sim) interface: Option<String>,
}
