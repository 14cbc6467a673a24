//! A fault script applied to a world: windows of trouble on links, happenings at machines, and both in the trace.

use std::time::Duration;

use super::in_force::Timeline;
use super::{Between, Entry, Fault, Script, ScriptError};
use crate::parameter::Scalar as _;
use crate::sim::path::link::{Trouble, Window};
use crate::sim::path::{InterfaceId, Network};
use crate::trace::collect::Recorder;
use crate::trace::{HostId, Layer, Span, Value};

/// A machine, as far as faults need to know it.
pub(in crate::sim) struct Place<'a> {
    pub name: &'a str,
    pub host: HostId,
    pub interfaces: Vec<(&'a str, InterfaceId)>,
}

/// Applies `script`: links are told their troubles; what happens to machines is answered, as (time, machine, what).
///
/// # Errors
/// When the script names a machine or an interface that is not there.
pub(in crate::sim) fn apply(
    script: &Script,
    places: &[Place<'_>],
    lasts: Duration,
    network: &mut Network,
    recorder: &Recorder,
) -> Result<Vec<Timeline>, ScriptError> {
    let mut entries: Vec<Vec<(Entry, Option<usize>)>> = places.iter().map(|_| Vec::new()).collect();
    for entry in &script.0 {
        let machines = find(entry, places)?;
        if let Some((link, trouble)) = trouble(&entry.fault) {
            let window = Window { from: entry.at, until: entry.until(), trouble };
            for (_, a) in &places[machines[0]].interfaces {
                for (_, b) in &places[machines[1]].interfaces {
                    network.plan((*a, *b), window);
                    if !link.one_way {
                        network.plan((*b, *a), window);
                    }
                }
            }
        } else {
            let m = machines[0];
            let to =
                match &entry.fault {
                    Fault::Switch { to, .. } => {
                        Some(places[m].interfaces.iter().position(|(n, _)| n == to).ok_or_else(|| {
                            wrong(entry, format!("{} has no interface `{to}`", places[m].name))
                        })?)
                    }
                    _ => None,
                };
            entries[m].push((entry.clone(), to));
        }
        record(entry, &machines, places, lasts, recorder);
    }
    Ok(entries.into_iter().map(Timeline::new).collect())
}

fn find(entry: &Entry, places: &[Place<'_>]) -> Result<Vec<usize>, ScriptError> {
    let position = |name: &str| {
        places.iter().position(|p| p.name == name).ok_or_else(|| {
            let names: Vec<&str> = places.iter().map(|p| p.name).take(20).collect();
            wrong(entry, format!("no machine `{name}`; valid: {}", names.join(", ")))
        })
    };
    entry.fault.machines().into_iter().map(position).collect()
}

fn wrong(entry: &Entry, problem: String) -> ScriptError {
    ScriptError { entry: entry.to_string(), problem }
}

fn trouble(fault: &Fault) -> Option<(&Between, Trouble)> {
    Some(match fault {
        Fault::Partition(l) => (l, Trouble::Partition),
        Fault::Hold(l) => (l, Trouble::Hold),
        Fault::Loss(l, p) => (l, Trouble::Loss(*p)),
        Fault::Duplicate(l, p) => (l, Trouble::Duplicate(*p)),
        Fault::Reorder(l, p) => (l, Trouble::Reorder(*p)),
        Fault::Latency(l, one_way, jitter) => (l, Trouble::Latency { one_way: *one_way, jitter: *jitter }),
        Fault::Rate(l, rate, queue) => (l, Trouble::Rate { rate: *rate, queue: *queue }),
        _ => return None,
    })
}

/// A fault's beginning and end are events of the trace, its duration a span.
fn record(entry: &Entry, machines: &[usize], places: &[Place<'_>], lasts: Duration, recorder: &Recorder) {
    let hosts: Vec<HostId> = machines.iter().map(|m| places[*m].host).collect();
    // What concerns one machine happens there; what concerns a link happens to the world.
    let host = if hosts.len() == 1 { Some(hosts[0]) } else { None };
    let (begins, ends) = names(&entry.fault);
    let mut fields: Vec<(&'static str, Value)> = Vec::new();
    let mut one_way = false;
    if let Some((link, _)) = trouble(&entry.fault) {
        one_way = link.one_way;
        fields.push(("link", link.to_string().into()));
    }
    match &entry.fault {
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
        Fault::Switch { to, destroy, .. } => {
            fields.push(("to", to.as_str().into()));
            fields.push(("destroys_sockets", (*destroy).into()));
        }
        _ => {}
    }
    if entry.at <= lasts {
        recorder.event(entry.at, host, Layer::Fault, begins, fields.clone());
        let momentary = matches!(entry.fault, Fault::Forget(_) | Fault::Switch { .. });
        if !momentary || entry.lasting.is_some() {
            recorder.span(Span {
                from: entry.at,
                until: entry.until().filter(|u| *u <= lasts),
                hosts,
                one_way,
                what: entry.fault.verb(),
            });
        }
    }
    if let Some(until) = entry.until().filter(|u| *u <= lasts)
        && !matches!(entry.fault, Fault::Forget(_))
    {
        let link = fields.into_iter().filter(|(name, _)| *name == "link").collect();
        recorder.event(until, host, Layer::Fault, ends, link);
    }
}

/// The names of a fault's two events.
const fn names(fault: &Fault) -> (&'static str, &'static str) {
    match fault {
        Fault::Partition(_) => ("partition begins", "partition ends"),
        Fault::Hold(_) => ("hold begins", "hold ends"),
        Fault::Loss(..) => ("loss begins", "loss ends"),
        Fault::Duplicate(..) => ("duplication begins", "duplication ends"),
        Fault::Reorder(..) => ("reordering begins", "reordering ends"),
        Fault::Latency(..) => ("latency changes", "latency as before"),
        Fault::Rate(..) => ("line rate changes", "line rate as before"),
        Fault::Stall(_) => ("stall begins", "stall ends"),
        Fault::Crash(_) => ("processes crash", "processes start"),
        Fault::PowerLoss(_) => ("power lost", "booted"),
        Fault::Switch { .. } => ("switches interface", "switches back"),
        Fault::Offline(_) => ("goes offline", "online again"),
        Fault::Forget(_) => ("router forgets", ""),
    }
}
