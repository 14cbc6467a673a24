//! The engines: what drives the groups of a world through virtual time and carries parcels between them.
//!
//! An engine starts each group inside a paused tokio runtime, calls `Group::run` at its deadlines, when a parcel has come
//! and when a process is woken or rings, and moves parcels between groups. What happens to a packet on its
//! way was decided when it was sent (`crate::sim::path::link`); an engine only has to keep the time.
//!
//! - `group`: machines that share a clock. `inbox`: what is under way to them. `calendar`: when to look at them.
//!   `executor`: runs their processes. `attention`: which of them has something to do.
//! - `on_events`, `on_turmoil`: the two engines. `ending`: how a run ends before its time. `limits`: what it may use.

pub(in crate::sim) mod attention;
mod calendar;
pub mod ending;
pub(in crate::sim) mod executor;
pub(in crate::sim) mod group;
mod inbox;
pub mod limits;
mod on_events;
#[cfg(feature = "turmoil")]
mod on_turmoil;

use std::future::{Future, pending};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::sleep_until;

use crate::parameter::Choice;
use crate::sim::machine::socket::Shared;
use crate::sim::path::{Parcel, Paths};
use ending::Ending;
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
    pub paths: Arc<Mutex<Paths>>,
    /// When it ends.
    pub ending: Arc<Ending>,
    /// Its machines, in the order in which they were described.
    pub machines: Vec<Arc<Shared>>,
    /// How far groups may run ahead of each other: no longer than the shortest latency, or what a scenario has set.
    #[cfg_attr(not(feature = "turmoil"), expect(dead_code, reason = "for engines with several groups"))]
    pub tick: Duration,
    /// Whether its processes may use timers of tokio's own.
    pub tokio_timers: bool,
    pub seed: u64,
}

/// Runs a world to its end and returns what `finish` makes of it, called before anything is torn down: that sockets are
/// closed when a simulation is dropped is no part of its story.
///
/// # Errors
/// When the engine fails; that a run has failed is known to its [`Ending`].
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

/// Drives a group until the run ends.
async fn drive(mut group: Group, mut carrier: impl Carrier) -> io::Result<()> {
    group.start();
    let (attention, ending) = (group.attention.clone(), group.ending.clone());
    // One timer for all the waiting; where it stands by itself is of no account.
    let mut timer = std::pin::pin!(sleep_until(group.clock.epoch()));
    loop {
        let now = group.clock.now();
        group.run(now);
        if ending.is_over(now) {
            group.leave();
            return Ok(());
        }
        for parcel in group.sent() {
            carrier.carry(&parcel)?;
        }
        let due = group.wants_to_run().map_or(ending.time(), |at| at.min(ending.time()));
        timer.as_mut().reset(group.clock.instant(due));
        tokio::select! { biased;
            arrived = carrier.arrived(&mut group) => arrived?,
            () = attention.woken() => {}
            () = timer.as_mut() => {}
        }
    }
}

/// There is no other group.
struct Nowhere;

impl Carrier for Nowhere {
    fn carry(&mut self, _: &Parcel) -> io::Result<()> {
        Ok(())
    }

    async fn arrived(&mut self, _: &mut Group) -> io::Result<()> {
        pending().await
    }
}
