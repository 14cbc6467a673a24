//! Our simulated kernel against a real one: every measurement of Linux that there is, made again in the simulation.
//!
//! - `measured`: reads the measurements. `bench`: the two machines they are made with. `observed`: what is seen of a run,
//!   and when two such views agree.
//! - `black_hole`, `keepalive`, ...: a family of measurements each: what is done, and what is looked at.
//! - `known`: the rows that do not agree, and why.
//!
//! What is looked at is the same on both sides: when which segments leave, when and with which error a call fails, which
//! states are left behind, how much a writer may write. What the measurements also hold of Linux's inside (`tcp_info`,
//! memory accounting) has no counterpart here and is not compared.

mod bench;
mod black_hole;
mod close;
mod keepalive;
mod known;
mod lost_address;
mod measured;
mod nagle_and_loss;
mod observed;
mod others;
mod outage;
mod reboot;
mod stopped;
mod syn;

use std::sync::OnceLock;

use measured::Measured;
use observed::Observed;

use crate::sim::world::WorldError;

/// Whether a row agrees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agreement {
    /// Every time within 9 % and 50 ms, every amount within 9 %, every outcome equal.
    Agrees,
    /// Something differs.
    Differs {
        /// The observations that do not agree.
        on: Vec<&'static str>,
        /// Why, if that is known; `None`: nobody has looked yet, and a test fails.
        cause: Option<&'static str>,
    },
}

/// One measurement, and its replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The name of the measurement; its first letter names its family.
    pub id: &'static str,
    /// What was done.
    pub what: String,
    /// What Linux did.
    pub linux: String,
    /// What the simulated kernel did.
    pub ours: String,
    /// Whether the two agree.
    pub agreement: Agreement,
    /// The cause that is on record for a difference; on record for a row that agrees, it is out of date.
    pub listed: Option<&'static str>,
}

impl Row {
    /// Whether it agrees.
    pub fn agrees(&self) -> bool {
        self.agreement == Agreement::Agrees
    }
}

/// A measurement made again: what was done, what was seen there and here.
struct Replay {
    what: String,
    linux: Observed,
    ours: Observed,
}

/// All measurements, each made again in the simulation. The first call runs them, which takes seconds.
///
/// # Panics
/// When the simulation itself fails, which is an error in this crate.
pub fn rows() -> &'static [Row] {
    static ROWS: OnceLock<Vec<Row>> = OnceLock::new();
    ROWS.get_or_init(|| measured::all().map(|(id, run)| row(id, run)).collect())
}

fn row(id: &'static str, run: Measured) -> Row {
    let replay = replay(id, run).unwrap_or_else(|e| panic!("{id}: {e}"));
    let on = replay.linux.disagreements(&replay.ours);
    let listed = known::cause(id);
    let agreement = if on.is_empty() { Agreement::Agrees } else { Agreement::Differs { on, cause: listed } };
    Row {
        id,
        what: replay.what,
        linux: replay.linux.to_string(),
        ours: replay.ours.to_string(),
        agreement,
        listed,
    }
}

fn replay(id: &str, run: Measured) -> Result<Replay, WorldError> {
    let (family, _) = id.split_once('_').unwrap_or((id, ""));
    match family {
        "a" => black_hole::replay(run),
        "b" => keepalive::replay(run),
        "c" => stopped::replay(id, run),
        "d" => close::replay(run),
        "e" => syn::replay(run),
        "f" => reboot::replay(run),
        "g" => lost_address::replay(run),
        "h" | "hr" => outage::replay(run),
        "j" => nagle_and_loss::replay(id, run),
        "x" => others::replay(id, run),
        other => panic!("no bench for the family `{other}` of measurements"),
    }
}
