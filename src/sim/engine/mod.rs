//! The engines: what drives the groups of a world through virtual time and carries parcels between them.
//!
//! A engine starts each group inside a local task set of a paused tokio runtime, calls `Group::handle` at its deadlines,
//! when a parcel has come and when its doorbell rings, and moves parcels between groups. What happens to a packet on its
//! way was decided when it was sent (`crate::sim::path::link`); a engine only has to keep the time.

pub(in crate::sim) mod doorbell;
pub(in crate::sim) mod group;
mod on_events;
#[cfg(feature = "turmoil")]
mod on_turmoil;

use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::sleep_until;

use crate::parameter::Choice;
use crate::sim::path::{Network, Parcel};
use group::Group;

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
    /// Whether machines need groups of their own.
    pub(in crate::sim) fn separates_machines(self) -> bool {
        self != Engine::Event
    }
}

/// A world, ready to run.
pub(in crate::sim) struct Built {
    pub groups: Vec<Group>,
    #[cfg_attr(not(feature = "turmoil"), expect(dead_code, reason = "for engines with several groups"))]
    pub network: Arc<Mutex<Network>>,
    /// How long it runs.
    pub lasts: Duration,
    /// How far hosts may run ahead of each other: shorter than the shortest latency, or what a scenario has set.
    #[cfg_attr(not(feature = "turmoil"), expect(dead_code, reason = "for engines with several groups"))]
    pub tick: Duration,
    pub seed: u64,
}

/// Runs a world to its end and answers what `finish` makes of it, called before anything is torn down: that sockets are
/// closed when a simulation is dropped is no part of its story.
///
/// # Errors
/// When the engine fails.
pub(in crate::sim) fn run<T>(engine: Engine, built: Built, finish: impl FnOnce() -> T) -> Result<T, String> {
    match engine {
        Engine::Event => on_events::run(built, finish),
        #[cfg(feature = "turmoil")]
        Engine::Turmoil => on_turmoil::run(built, finish),
    }
}

/// What carries parcels between groups.
trait Carrier {
    /// Takes a parcel for another group.
    fn carry(&mut self, parcel: &Parcel) -> io::Result<()>;
    /// Waits until parcels have come, and delivers them.
    fn arrived(&mut self, group: &mut Group) -> impl Future<Output = io::Result<()>>;
}

/// Drives a group for ever.
async fn drive(mut group: Group, mut carrier: impl Carrier) -> io::Result<()> {
    group.start();
    let doorbell = group.doorbell.clone();
    loop {
        group.handle(group.clock.now());
        for parcel in group.sent() {
            carrier.carry(&parcel)?;
        }
        let deadline = group.deadline().map(|at| group.clock.instant(at));
        let due = async {
            match deadline {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! { biased;
            arrived = carrier.arrived(&mut group) => arrived?,
            () = doorbell.notify.notified() => {}
            () = due => {}
        }
    }
}
