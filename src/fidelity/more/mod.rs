//! The second table: what was measured on Linux later. A row holds several cases, and several runs of each.
//!
//! Unless a row says otherwise the round trip is 60 ms and Nagle's algorithm is off. Where on Linux one process held both ends
//! of the connection, the two programs here tell each other by a [`Notify`](tokio::sync::Notify) what they have done.

mod acks;
mod backlog;
mod bulk;
mod calls;
mod hole;
mod keepalive;
mod lossy;
mod round_trip;
mod window;

use super::measured::Measured;
use super::{Observed, Replay};
use crate::parameter::ms;
use crate::sim::world::WorldError;

pub(super) fn replay(id: &str, run: Measured) -> Result<Replay, WorldError> {
    match id {
        "tail60" => hole::tail(run, ms(60)),
        "tail300" => hole::tail(run, ms(300)),
        "ut60" => hole::user_timeout(run),
        "synout" => hole::connecting(run),
        "oneway" => hole::one_way(run),
        "kadata" => keepalive::and_data(run),
        "karst" => keepalive::and_user_timeout(run),
        "ka30" => keepalive::slow(run),
        "backlog0" => backlog::for_a_while(run),
        "bl100" => backlog::for_good(run),
        "orphan" => calls::orphan(run),
        "closes" => calls::closes(run),
        "sigkill" => calls::killed(run),
        "zworphan" => window::orphan(run),
        "zwhole" => window::hole(run),
        "st1000" | "st100" => window::stream(run),
        "nagle14" | "nagle60" => acks::nagle(run),
        "acks" => acks::acks(run),
        "bulkout" => bulk::with_a_hole(run),
        "rate1" => bulk::slow_line(run),
        "idleburst" => bulk::after_a_pause(run),
        "loss3" => lossy::loss(run),
        "reorder2" => lossy::reordering(run),
        "msgs1" => lossy::messages(run),
        "rttjump" => round_trip::jump(run),
        "sat" => round_trip::long(run),
        "synloss" => round_trip::lost_handshake(run),
        other => panic!("no bench for the measurement `{other}`"),
    }
}

/// The row of a measurement that is made of several cases.
fn cases<T>(
    what: impl Into<String>,
    cases: impl IntoIterator<Item = T>,
    mut observe: impl FnMut(T, Observed, Observed) -> Result<(Observed, Observed), WorldError>,
) -> Result<Replay, WorldError> {
    let (mut linux, mut ours) = (Observed::new(), Observed::new());
    for case in cases {
        (linux, ours) = observe(case, linux, ours)?;
    }
    Ok(Replay { what: what.into(), linux, ours })
}

/// As many runs as there were on Linux, each with a seed of its own.
fn as_often(
    runs: Measured,
    mut once: impl FnMut(u64) -> Result<f64, WorldError>,
) -> Result<Vec<f64>, WorldError> {
    (1..).zip(runs.items()).map(|(seed, _)| once(seed)).collect()
}

/// The number that a case is called by.
fn number(name: &str) -> f64 {
    name.parse().unwrap_or_else(|_| panic!("a case is called `{name}`, which is no number"))
}
