//! A fault script applied to a world: windows of trouble on links, a timeline for each machine, and all of it in the trace.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use super::in_force::{Condition, Timeline};
use super::{Dns, Entry, Fault, Script, ScriptError, SuspendedClock};
use crate::parameter::{Scalar as _, listed};
use crate::sim::path::link::{Trouble, Window};
use crate::sim::path::{InterfaceId, Paths};
use crate::trace::recorder::Recorder;
use crate::trace::{HostId, Layer, Span, Value};

/// A machine, as far as faults need to know it.
pub(in crate::sim) struct Place<'a> {
    pub name: &'a str,
    pub host: HostId,
    pub interfaces: Vec<(&'a str, InterfaceId)>,
}

/// Applies `script`: links are told their troubles; what happens to machines is answered, a timeline for each.
///
/// # Errors
/// When the script names a machine, an interface or a router that is not there, or says what can mean nothing.
pub(in crate::sim) fn apply(
    script: &Script,
    places: &[Place<'_>],
    lasts: Duration,
    paths: &mut Paths,
    recorder: &Recorder,
) -> Result<Vec<Timeline>, ScriptError> {
    let script = Script(script.0.iter().map(|entry| entry.clone().rounded()).collect());
    for entry in &script.0 {
        entry.check().map_err(|problem| wrong(entry, problem))?;
        find(entry, places)?;
    }
    let timelines = places.iter().map(|place| {
        let interfaces: Vec<&str> = place.interfaces.iter().map(|(name, _)| *name).collect();
        Timeline::new(&script, place.name, &interfaces)
    });
    let timelines: Vec<Timeline> = timelines.collect::<Result<_, _>>()?;
    for entry in &script.0 {
        let machines = find(entry, places)?;
        let mut alone = Alone::default();
        match machines[..] {
            [a, b] => plan(entry, &places[a], &places[b], paths),
            [m] => {
                has_router(entry, &places[m], &timelines[m], paths)?;
                alone = Alone::of(entry, &timelines[m]);
            }
            _ => {}
        }
        record(entry, &machines, places, alone, lasts, recorder);
    }
    Ok(timelines)
}

fn find(entry: &Entry, places: &[Place<'_>]) -> Result<Vec<usize>, ScriptError> {
    let position = |name: &str| {
        places.iter().position(|p| p.name == name).ok_or_else(|| {
            let problem = format!("no machine `{name}`; valid: {}", listed(places.iter().map(|p| p.name)));
            ScriptError { there: places.iter().map(|p| p.name.to_owned()).collect(), ..wrong(entry, problem) }
        })
    };
    entry.fault.machines().into_iter().map(position).collect()
}

fn wrong(entry: &Entry, problem: String) -> ScriptError {
    ScriptError { entry: entry.to_string(), problem, there: Vec::new() }
}

/// Plans the trouble of a link on all paths between two machines.
fn plan(entry: &Entry, a: &Place<'_>, b: &Place<'_>, paths: &mut Paths) {
    let Some(link) = entry.fault.link() else { return };
    for (from, to, wanted) in [(a, b, true), (b, a, !link.one_way)] {
        let Some(trouble) = trouble(&entry.fault).filter(|_| wanted) else { continue };
        let window = Window { from: entry.at, until: entry.until(), trouble };
        for (_, from) in &from.interfaces {
            for (_, to) in &to.interfaces {
                paths.plan((*from, *to), window.clone());
            }
        }
    }
}

fn trouble(fault: &Fault) -> Option<Trouble> {
    Some(match fault {
        Fault::Partition(_) => Trouble::Partition,
        Fault::Reject(_) => Trouble::Reject,
        Fault::Hold(_) => Trouble::Hold,
        Fault::Loss(_, p) => Trouble::Loss(*p),
        Fault::Duplicate(_, p) => Trouble::Duplicate(*p),
        Fault::Reorder(_, p) => Trouble::Reorder(*p),
        Fault::Latency(_, one_way, jitter) => Trouble::Latency { one_way: *one_way, jitter: *jitter },
        Fault::Rate(_, rate, queue) => Trouble::Rate { rate: *rate, queue: *queue },
        Fault::LoseNext(_, count, kind) => {
            Trouble::LoseNext { kind: *kind, left: Arc::new(AtomicU32::new(*count)) }
        }
        _ => return None,
    })
}

/// What a router is to do, the one before the interface that the machine uses then has to be there for.
fn has_router(
    entry: &Entry,
    place: &Place<'_>,
    timeline: &Timeline,
    paths: &mut Paths,
) -> Result<(), ScriptError> {
    if !matches!(entry.fault, Fault::Forget(_) | Fault::Rebind(_)) {
        return Ok(());
    }
    let (used, id) = place.interfaces[timeline.condition(entry.at).chosen];
    if paths.router(id).is_some() {
        return Ok(());
    }
    let behind = place.interfaces.iter().filter(|(_, id)| paths.router(*id).is_some()).map(|(name, _)| *name);
    let behind = listed(behind);
    Err(wrong(
        entry,
        match behind.is_empty() {
            true => format!("there is no router before {}", place.name),
            false => format!(
                "there is no router before {} while it uses `{used}`; valid: while it uses {behind}",
                place.name
            ),
        },
    ))
}

/// Whether a fault of a machine does what it says, at its beginning and at its end: not where another one does it already, or
/// still.
#[derive(Clone, Copy)]
struct Alone {
    begins: bool,
    ends: bool,
}

impl Default for Alone {
    fn default() -> Self {
        Self { begins: true, ends: true }
    }
}

impl Alone {
    fn of(entry: &Entry, timeline: &Timeline) -> Self {
        let before = |at: Duration| match at.checked_sub(Duration::from_micros(1)) {
            Some(before) => timeline.condition(before),
            None => Condition::default(),
        };
        let does_at: fn(&Condition) -> bool = match entry.fault {
            Fault::Crash(_) => |c| c.powered && !c.crashed,
            Fault::PowerLoss(_) => |c| c.powered,
            Fault::Offline(_) => |c| c.interface.is_some(),
            Fault::Suspend(..) => |c| c.asleep.is_none(),
            _ => |_| true,
        };
        let ends = entry.until().is_none_or(|until| match entry.fault {
            Fault::Switch { .. } => {
                until == entry.at || before(until).chosen != timeline.condition(until).chosen
            }
            _ => does_at(&timeline.condition(until)),
        });
        Self { begins: does_at(&before(entry.at)), ends }
    }
}

/// A fault's beginning and end are events of the trace, its duration a span.
fn record(
    entry: &Entry,
    machines: &[usize],
    places: &[Place<'_>],
    alone: Alone,
    lasts: Duration,
    recorder: &Recorder,
) {
    let hosts: Vec<HostId> = machines.iter().map(|m| places[*m].host).collect();
    // What concerns one machine happens there; what concerns a link happens to the world.
    let host = if hosts.len() == 1 { Some(hosts[0]) } else { None };
    let names = names(&entry.fault);
    let fields = fields(&entry.fault);
    if entry.at <= lasts {
        let begins = if alone.begins { names.begins } else { names.also_begins };
        recorder.event(entry.at, host, Layer::Fault, begins, fields.clone());
        // What is meant to happen once has no duration unless it is told one.
        let once =
            entry.fault.is_momentary() || matches!(entry.fault, Fault::Switch { .. } | Fault::LoseNext(..));
        if !once || entry.lasting.is_some() {
            recorder.span(Span {
                from: entry.at,
                until: entry.until().filter(|u| *u <= lasts),
                hosts,
                one_way: entry.fault.link().is_some_and(|link| link.one_way),
                what: entry.fault.verb(),
            });
        }
    }
    if let Some(until) = entry.until().filter(|u| *u <= lasts) {
        let link: Vec<_> = fields.into_iter().filter(|(name, _)| *name == "link").collect();
        recorder.event(
            until,
            host,
            Layer::Fault,
            if alone.ends { names.ends } else { names.also_ends },
            link,
        );
    }
}

/// What the trace says of a fault when it begins.
fn fields(fault: &Fault) -> Vec<(&'static str, Value)> {
    let mut fields: Vec<(&'static str, Value)> = Vec::new();
    if let Some(link) = fault.link() {
        fields.push(("link", link.to_string().into()));
    }
    match fault {
        Fault::Loss(_, p) | Fault::Duplicate(_, p) | Fault::Reorder(_, p) => {
            fields.push(("probability", p.0.into()));
        }
        Fault::Latency(_, one_way, jitter) => {
            fields.push(("one_way_s", one_way.as_secs_f64().into()));
            fields.push(("jitter_s", jitter.as_secs_f64().into()));
        }
        Fault::Rate(_, rate, queue) => {
            fields.push(("rate", rate.show().into()));
            fields.push(("queue", queue.show().into()));
        }
        Fault::LoseNext(_, count, kind) => {
            fields.push(("count", (*count).into()));
            fields.push(("kind", kind.show().into()));
        }
        Fault::Slow(_, share) => fields.push(("share", share.0.into())),
        Fault::Suspend(_, clock) => {
            fields.push(("clock_runs", (*clock == SuspendedClock::Runs).into()));
        }
        Fault::Deploy { grace, pause, .. } => {
            fields.push(("grace_s", grace.as_secs_f64().into()));
            fields.push(("pause_s", pause.as_secs_f64().into()));
        }
        Fault::Switch { to, destroy, .. } => {
            fields.push(("to", to.as_str().into()));
            fields.push(("destroys_sockets", (*destroy).into()));
        }
        Fault::Dns(_, Dns::Takes(d)) => fields.push(("takes_s", d.as_secs_f64().into())),
        Fault::Dns(_, Dns::Dead) => fields.push(("dead", true.into())),
        _ => {}
    }
    fields
}

/// The names of a fault's events.
struct Names {
    begins: &'static str,
    ends: &'static str,
    /// At its beginning, when another fault has done already what it does.
    also_begins: &'static str,
    /// At its end, when another fault still does what it did.
    also_ends: &'static str,
}

const fn names(fault: &Fault) -> Names {
    let (begins, ends) = match fault {
        Fault::Partition(_) => ("partition begins", "partition ends"),
        Fault::Reject(_) => ("reject begins", "reject ends"),
        Fault::Hold(_) => ("hold begins", "hold ends"),
        Fault::Loss(..) => ("loss begins", "loss ends"),
        Fault::Duplicate(..) => ("duplication begins", "duplication ends"),
        Fault::Reorder(..) => ("reordering begins", "reordering ends"),
        Fault::Latency(..) => ("latency changes", "latency as before"),
        Fault::Rate(..) => ("line rate changes", "line rate as before"),
        Fault::LoseNext(..) => ("loss of the next begins", "loss of the next ends"),
        Fault::Stall(_) => ("stall begins", "stall ends"),
        Fault::Slow(..) => ("slowness begins", "slowness ends"),
        Fault::Suspend(..) => ("suspended", "resumed"),
        Fault::Crash(_) => ("processes crash", "processes start"),
        Fault::PowerLoss(_) => ("power lost", "booted"),
        Fault::Deploy { .. } => ("deploy begins", ""),
        Fault::Switch { .. } => ("switches interface", "switches back"),
        Fault::Offline(_) => ("goes offline", "online again"),
        Fault::Forget(_) => ("router forgets", ""),
        Fault::Rebind(_) => ("router rebinds", ""),
        Fault::Dns(..) => ("name lookups change", "name lookups as before"),
    };
    let (also_begins, also_ends) = match fault {
        Fault::Suspend(..) => ("suspension begins", "suspension ends"),
        Fault::Crash(_) => ("crash begins", "crash ends"),
        Fault::PowerLoss(_) => ("power loss begins", "power loss ends"),
        Fault::Switch { .. } => ("switch begins", "switch ends"),
        Fault::Offline(_) => ("offline begins", "offline ends"),
        _ => (begins, ends),
    };
    Names { begins, ends, also_begins, also_ends }
}

#[cfg(test)]
mod tests;
