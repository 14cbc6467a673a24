//! Links that lose packets, or let them be overtaken: how long a transfer or a message takes, over many runs.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::super::bench::{A, B, Bench, Setting, connect};
use super::super::measured::Measured;
use super::super::seen::Seen;
use super::bulk::a_sends;
use super::{Observed, Replay};
use crate::net::ListenOptions;
use crate::note;
use crate::parameter::{Probability, ms};
use crate::sim::world::WorldError;
use crate::trace::quantile;

/// How often a transfer is repeated here. Linux's runs were 20 and 30; more of ours take the chance out of one side.
const TRANSFERS: u64 = 400;

/// How long a transfer takes, from seed to seed, if that is done to the link.
fn transfers(bytes: usize, does: impl Fn(&mut Bench)) -> Result<Vec<f64>, WorldError> {
    let transfer = |seed| {
        let mut bench = Bench::set(Setting { exchanges: 0, seed, ..Setting::default() });
        a_sends(&bench, bytes);
        does(&mut bench);
        Ok(bench.run(60.0)?.has_read(B, bytes))
    };
    (1..=TRANSFERS).map(transfer).collect()
}

pub(super) fn loss(run: Measured) -> Result<Replay, WorldError> {
    let bytes = usize::try_from(run.get("N").count()).unwrap_or_default();
    let lost = Probability(run.get("p").number());
    let took = transfers(bytes, |bench| {
        let _for_good = bench.world.at(bench.warm_up.t0).loss(&bench.a, &bench.b, lost);
    })?;
    let linux = Observed::new().spread("all received", &run.get("times").numbers());
    let ours = Observed::new().spread("all received", &took);
    let what = format!(
        "{} KiB, {} % of packets lost both ways, {TRANSFERS} runs here",
        bytes / 1024,
        lost.0 * 100.0
    );
    Ok(Replay { what, linux, ours })
}

/// Linux's times come in steps of 30 ms, the way of a packet, so that is how long the relay kept one back: as links do here.
pub(super) fn reordering(run: Measured) -> Result<Replay, WorldError> {
    const BYTES: usize = 256 << 10;
    let late = Probability(run.get("p").number());
    let took = transfers(BYTES, |bench| {
        let _for_good = bench.world.at(bench.warm_up.t0).reorder(&bench.a, &bench.b, late);
    })?;
    let linux = Observed::new().spread("all received", &run.get("times").numbers());
    let ours = Observed::new().spread("all received", &took);
    let what =
        format!("256 KiB, {} % of packets overtaken by later ones, {TRANSFERS} runs here", late.0 * 100.0);
    Ok(Replay { what, linux, ours })
}

pub(super) fn messages(run: Measured) -> Result<Replay, WorldError> {
    /// Linux's messages went over so many connections.
    const CONNECTIONS: u64 = 6;
    /// How often that is repeated here.
    const TIMES: u64 = 4;
    let gap = Duration::from_secs_f64(run.get("gap").number());
    let each = u32::try_from(run.get("n").count() / CONNECTIONS).unwrap_or_default();
    let lost = Probability(run.get("p").number());
    let mut late = Vec::new();
    let mut latest = Vec::new();
    for time in 0..TIMES {
        let mut of_time = Vec::new();
        for connection in 1..=CONNECTIONS {
            of_time.extend(pushes(time * CONNECTIONS + connection, each, gap, lost)?);
        }
        latest.push(quantile(&of_time, 1.0).unwrap_or(f64::INFINITY));
        late.extend(of_time);
    }
    let linux = Observed::new()
        .saw("delay", Seen::Spread { median: run.get("p50").number(), p90: Some(run.get("p90").number()) })
        .runs("of 95 %, at most", vec![run.get("p95").number()])
        .runs("of 99 %, at most", vec![run.get("p99").number()])
        .runs("longest", vec![run.get("max").number()]);
    let at = |q| vec![quantile(&late, q).unwrap_or(f64::INFINITY)];
    let ours = Observed::new()
        .spread("delay", &late)
        .runs("of 95 %, at most", at(0.95))
        .runs("of 99 %, at most", at(0.99))
        .runs("longest", latest);
    let what = format!(
        "the server pushes 100 B every {} ms, {} % of packets lost both ways, {CONNECTIONS} connections, {} messages",
        gap.as_millis(),
        lost.0 * 100.0,
        run.get("n").count(),
    );
    Ok(Replay { what, linux, ours })
}

/// How long each message takes to be read.
fn pushes(seed: u64, count: u32, gap: Duration, lost: Probability) -> Result<Vec<f64>, WorldError> {
    const PUSH: usize = 100;
    let mut bench = Bench::set(Setting { exchanges: 0, settle: ms(300), seed, ..Setting::default() });
    let warm_up = bench.warm_up;
    bench.b.does(async move |net| {
        let (_listener, mut stream) = warm_up.accepted(&net, &ListenOptions::default()).await?;
        for i in 0..count {
            net.until(warm_up.t0 + gap * i).await;
            stream.write_all(&[1; PUSH]).await?;
        }
        std::future::pending().await
    });
    bench.a.does(async move |net| {
        let mut stream = connect(&net).await?;
        loop {
            stream.read_exact(&mut [0; PUSH]).await?;
            note!("message read");
        }
    });
    let _for_good = bench.world.at(warm_up.t0).loss(&bench.a, &bench.b, lost);
    let view = bench.run((gap * count).as_secs_f64() + 20.0)?;
    let read = view.trace.all("message read").on(A).times();
    let when = |i: u32| read.get(i as usize).map_or(f64::INFINITY, |at| view.since(*at));
    Ok((0..count).map(|i| when(i) - (gap * i).as_secs_f64()).collect())
}
