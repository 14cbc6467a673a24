//! The engines: what drives the nodes of a world through virtual time and carries parcels between them.
//!
//! A fabric starts each node inside a local task set of a paused tokio runtime, calls `Node::handle` at its deadlines,
//! when a parcel has come and when its doorbell rings, and moves parcels between nodes. What happens to a packet on its
//! way was decided when it was sent (`super::link`); a fabric only has to keep the time.

mod on_events;
#[cfg(feature = "turmoil")]
mod on_turmoil;

use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::sleep_until;

use super::network::{Network, Parcel};
use super::node::Node;
use crate::parameter::Choice;

/// Which engine runs a world. Both tell the same story.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Engine {
    /// From event to event.
    #[default]
    Event,
    /// turmoil: every host steps through every tick. The reference.
    #[cfg(feature = "turmoil")]
    Turmoil,
}

impl Choice for Engine {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("event", Engine::Event),
        #[cfg(feature = "turmoil")]
        ("turmoil", Engine::Turmoil),
    ];
}

impl Engine {
    /// Whether machines need nodes of their own.
    pub(super) fn separates_machines(self) -> bool {
        self != Engine::Event
    }
}

/// A world, ready to run.
pub(super) struct Built {
    pub nodes: Vec<Node>,
    #[cfg_attr(not(feature = "turmoil"), expect(dead_code, reason = "for engines with several nodes"))]
    pub network: Arc<Mutex<Network>>,
    /// How long it runs.
    pub lasts: Duration,
    /// How far hosts may run ahead of each other: shorter than the shortest latency, or what a scenario has set.
    #[cfg_attr(not(feature = "turmoil"), expect(dead_code, reason = "for engines with several nodes"))]
    pub tick: Duration,
    pub seed: u64,
}

/// Runs a world to its end and answers what `finish` makes of it, called before anything is torn down: that sockets are
/// closed when a simulation is dropped is no part of its story.
///
/// # Errors
/// When the engine fails.
pub(super) fn run<T>(engine: Engine, built: Built, finish: impl FnOnce() -> T) -> Result<T, String> {
    match engine {
        Engine::Event => on_events::run(built, finish),
        #[cfg(feature = "turmoil")]
        Engine::Turmoil => on_turmoil::run(built, finish),
    }
}

/// What carries parcels between nodes.
trait Wire {
    /// Takes a parcel for another node.
    fn carry(&mut self, parcel: &Parcel) -> io::Result<()>;
    /// Waits until parcels have come, and delivers them.
    fn arrived(&mut self, node: &mut Node) -> impl Future<Output = io::Result<()>>;
}

/// Drives a node for ever.
async fn drive(mut node: Node, mut wire: impl Wire) -> io::Result<()> {
    node.start();
    let doorbell = node.doorbell.clone();
    loop {
        node.handle(node.clock.now());
        for parcel in node.sent() {
            wire.carry(&parcel)?;
        }
        let deadline = node.deadline().map(|at| node.clock.instant(at));
        let due = async {
            match deadline {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! { biased;
            arrived = wire.arrived(&mut node) => arrived?,
            () = doorbell.notify.notified() => {}
            () = due => {}
        }
    }
}
