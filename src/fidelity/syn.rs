//! Connecting: into a black hole, to a closed port, to nobody, with the answer lost.

use crate::net::{ListenOptions, Network as _, SocketOptions};
use crate::note;
use crate::sim::world::WorldError;

use super::bench::{A, B, Bench, View, errno};
use super::black_hole::settings;
use super::measured::Measured;
use super::{Observed, Replay};

/// An address of no machine.
pub(super) const NOBODY: &str = "10.99.99.99:7000";

pub(super) fn replay(run: Measured) -> Result<Replay, WorldError> {
    let mode = run.get("mode").text();
    let failed_at = run.get("t").number();
    // Long enough for every SYN there may be.
    let until = 150.0_f64.max(failed_at);
    let answers: Vec<(f64, String)> = run
        .get("from_server")
        .items()
        .map(|p| {
            (p.nth(0).number(), if p.nth(1).text().contains('R') { "RST" } else { "SYN-ACK" }.to_owned())
        })
        .collect();
    let linux = Observed::new()
        .event("error", Some((failed_at, run.get("result").text())))
        .times("SYNs", run.get("syn_times").numbers(), until)
        .list("answers", answers, until);

    let mut bench = Bench::of(run, 0);
    let warm_up = bench.warm_up;
    bench.a.does(async move |net| {
        warm_up.until(&net, 0.0).await;
        connect_to(&net, "host-2:7000").await;
        Ok(())
    });
    if mode == "synack_hole" {
        bench.b.does(async |net| {
            let _listener = net.listen(7000, &ListenOptions::default()).await?;
            std::future::pending().await
        });
    }
    let world = &mut bench.world;
    match mode.as_str() {
        "hole" => drop(world.at(warm_up.t0).partition(&bench.a, &bench.b)),
        "icmp" => drop(world.at(warm_up.t0).reject(&bench.a, &bench.b)),
        "synack_hole" => drop(world.at(warm_up.t0).partition(&bench.b, &bench.a).one_way()),
        _ => {}
    }
    let view = bench.run(until)?;
    let ours = seen(&view);
    let to = match mode.as_str() {
        "hole" => "into a black hole",
        "synack_hole" => "where every answer is lost",
        "refused" => "to a closed port",
        _ => "to a host that a router says is unreachable",
    };
    let what = format!("connecting {to}{}", settings(run));
    Ok(Replay { what, linux, ours })
}

/// Connects, and notes how that fails.
pub(super) async fn connect_to(net: &crate::sim::SimNet, server: &str) {
    if let Err(e) = net.connect(server, &SocketOptions::default()).await {
        note!(error = errno(&e), "failed");
    }
}

/// What the server said; what a router says in its place is no answer of its.
fn answers(view: &View) -> Vec<(f64, String)> {
    view.kinds(&view.sent(B).tcp())
}

fn seen(view: &View) -> Observed {
    Observed::new()
        .event("error", view.failure(A))
        .times("SYNs", view.times(&view.sent(A).syns()), view.until)
        .list("answers", answers(view), view.until)
}
