//! The engines: what drives the nodes of a world through virtual time and carries parcels between them.
//!
//! A fabric starts each node inside a local task set of a paused tokio runtime, calls `Node::handle` at its deadlines,
//! when a parcel has come and when its doorbell rings, and moves parcels. What happens to a packet on its way was
//! decided when it was sent (`super::link`); a fabric only has to keep the time.

#[cfg(feature = "turmoil")]
mod on_turmoil;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::network::Network;
use super::node::Node;

/// Which engine runs a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Engine {
    /// turmoil: every host steps through every tick.
    #[default]
    Turmoil,
}

/// A world, ready to run.
pub(super) struct Built {
    pub nodes: Vec<Node>,
    pub network: Arc<Mutex<Network>>,
    /// How long it runs.
    pub lasts: Duration,
    /// How far hosts may run ahead of each other: no longer than the shortest latency.
    pub tick: Duration,
    pub seed: u64,
}

/// Runs a world to its end and answers what `finish` makes of it, called before anything is torn down: that sockets are
/// closed when a simulation is dropped is no part of its story.
///
/// # Errors
/// When the engine fails, or is not built in.
pub(super) fn run<T>(engine: Engine, built: Built, finish: impl FnOnce() -> T) -> Result<T, String> {
    match engine {
        #[cfg(feature = "turmoil")]
        Engine::Turmoil => on_turmoil::run(built, finish),
        #[cfg(not(feature = "turmoil"))]
        Engine::Turmoil => {
            drop((built, finish));
            Err("this build has no engine: build it with the feature `turmoil`".into())
        }
    }
}
