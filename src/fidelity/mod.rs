//! Our simulated kernel against a real one: every measurement of Linux that there is, made again in the simulation.
//!
//! - `measured`: reads the measurements. `bench`: the two machines they are made with. `seen`, `observed`: what is seen of a
//!   run, and when two such views agree.
//! - `black_hole`, `keepalive`, ...: a family of measurements of the first table each: what is done, and what is looked at.
//! - `more`: the second table, whose rows hold several runs each.
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
mod more;
mod nagle_and_loss;
mod observed;
mod others;
mod outage;
mod reboot;
mod seen;
mod stopped;
mod syn;

use std::fmt;
use std::sync::{LazyLock, OnceLock};

use measured::Measured;
use observed::Observed;

use crate::sim::world::WorldError;

/// Which table of measurements a row stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// The first 93, most of them of one run each.
    First,
    /// Those that were measured later: several runs, and often several cases, to a row.
    Second,
}

/// One thing on which a row does not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The name of what was looked at.
    pub on: String,
    /// What it was there and here, and by how much that differs.
    pub by: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.on, self.by)
    }
}

/// Whether a row agrees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agreement {
    /// Every time within 9 % and 50 ms (or within the range of Linux's own runs), every amount within 9 % (in the second
    /// table 12 %), median and ninth decile of every distribution within 15 %, every outcome equal.
    Agrees,
    /// Something differs.
    Differs {
        /// The observations that do not agree.
        on: Vec<Difference>,
        /// Why, if that is known; `None`: nobody has looked yet, and a test fails.
        cause: Option<&'static str>,
    },
}

/// One measurement, and its replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The name of the measurement; in the first table its first letter names its family.
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

/// A few lines: whether it agrees, what was done, what Linux did and what was done here, and every difference.
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.agrees() { '=' } else { '≠' };
        write!(f, "{mark} {}: {}\n    Linux: {}\n    here:  {}", self.id, self.what, self.linux, self.ours)?;
        if let Agreement::Differs { on, .. } = &self.agreement {
            for difference in on {
                write!(f, "\n  ≠ {difference}")?;
            }
        }
        Ok(())
    }
}

/// A measurement made again: what was done, what was seen there and here.
struct Replay {
    what: String,
    linux: Observed,
    ours: Observed,
}

/// A measurement, and its row once somebody has asked for it.
struct Measurement {
    id: &'static str,
    table: Table,
    run: Measured,
    row: OnceLock<Row>,
}

static MEASUREMENTS: LazyLock<Vec<Measurement>> = LazyLock::new(|| {
    let of = |table| {
        measured::all(table).map(move |(id, run)| Measurement { id, table, run, row: OnceLock::new() })
    };
    of(Table::First).chain(of(Table::Second)).collect()
});

/// The names of the measurements of a table, in their order. Nothing is run.
pub fn names(table: Table) -> impl Iterator<Item = &'static str> {
    MEASUREMENTS.iter().filter(move |m| m.table == table).map(|m| m.id)
}

/// The measurement of this name, made again in the simulation when it is first asked for.
///
/// # Panics
/// When there is no measurement of this name, or the simulation itself fails, which is an error in this crate.
pub fn row(id: &str) -> &'static Row {
    let found = MEASUREMENTS.iter().find(|m| m.id == id);
    found.unwrap_or_else(|| panic!("no measurement is called `{id}`")).row()
}

/// The measurements of a table, each made again in the simulation when it is first asked for, which takes seconds in all.
///
/// # Panics
/// When the simulation itself fails, which is an error in this crate.
pub fn rows(table: Table) -> Vec<&'static Row> {
    MEASUREMENTS.iter().filter(|m| m.table == table).map(Measurement::row).collect()
}

impl Measurement {
    fn row(&self) -> &Row {
        self.row.get_or_init(|| {
            let id = self.id;
            let replay = self.replay().unwrap_or_else(|e| panic!("{id}: {e}"));
            let on = replay.linux.differences(&replay.ours);
            let listed = known::cause(id);
            let agreement =
                if on.is_empty() { Agreement::Agrees } else { Agreement::Differs { on, cause: listed } };
            Row {
                id,
                what: replay.what,
                linux: replay.linux.to_string(),
                ours: replay.ours.to_string(),
                agreement,
                listed,
            }
        })
    }

    fn replay(&self) -> Result<Replay, WorldError> {
        let (id, run) = (self.id, self.run);
        if self.table == Table::Second {
            return more::replay(id, run);
        }
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
}
