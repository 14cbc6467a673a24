//! Every packet is dropped for a while, both ways or one way, just when something is sent or somebody connects.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;

use super::super::bench::{A, B, Bench, Setting, View, connect, listen_to};
use super::super::measured::Measured;
use super::{Replay, as_often, cases, number};
use crate::net::{ListenOptions, Network as _, SocketOptions};
use crate::note;
use crate::parameter::{ms, secs};
use crate::sim::world::WorldError;

/// `a` writes one byte at the event.
fn one_byte(bench: &Bench, options: SocketOptions) {
    let warm_up = bench.warm_up;
    bench.a.does(async move |net| {
        let mut stream = warm_up.connected(&net, &options).await?;
        stream.write_u8(1).await?;
        listen_to(&mut stream).await;
        Ok(())
    });
}

pub(super) fn tail(run: Measured, rtt: Duration) -> Result<Replay, WorldError> {
    let what = format!(
        "one byte as an outage begins: how long after its end it arrives, RTT {} ms",
        rtt.as_millis()
    );
    cases(what, run.entries(), |(lasts, runs), linux, ours| {
        let name = format!("outage of {lasts} s");
        let lasts = number(lasts);
        let count = u32::try_from(runs.items().count()).unwrap_or(u32::MAX).max(2);
        let stalls = as_often(runs, |seed| {
            // The pauses before it were drawn from this range; here they are spread over it.
            let place = (u32::try_from(seed).unwrap_or_default() - 1) % count;
            let settle = ms(500) + secs(4) * place / (count - 1);
            let mut bench = Bench::set(Setting { rtt, settle, seed, ..Setting::default() });
            bench.b_reads();
            one_byte(&bench, SocketOptions::default());
            let hole = bench.world.at(bench.warm_up.t0).partition(&bench.a, &bench.b);
            hole.lasting(Duration::from_secs_f64(lasts));
            let view = bench.run(lasts * 2.5 + 5.0)?;
            Ok(view.noted(B, "received") - lasts)
        })?;
        Ok((linux.runs(name.clone(), runs.each("stall")), ours.runs(name, stalls)))
    })
}

pub(super) fn user_timeout(run: Measured) -> Result<Replay, WorldError> {
    cases("one byte into a black hole, TCP_USER_TIMEOUT", run.entries(), |(limit, runs), linux, ours| {
        let name = format!("limit of {limit} s: error");
        let limit = number(limit);
        let there = runs.items().map(|run| run.get("e").failure()).collect();
        let mut here = Vec::new();
        for (seed, _) in (1..).zip(runs.items()) {
            let mut bench = Bench::set(Setting { seed, ..Setting::default() });
            bench.b_reads();
            let user_timeout = Some(Duration::from_secs_f64(limit));
            one_byte(&bench, SocketOptions { user_timeout, ..SocketOptions::default() });
            let _for_good = bench.world.at(bench.warm_up.t0).partition(&bench.a, &bench.b);
            here.push(bench.run(limit * 2.0 + 5.0)?.failure(A));
        }
        Ok((linux.outcomes(name.clone(), there), ours.outcomes(name, here)))
    })
}

pub(super) fn connecting(run: Measured) -> Result<Replay, WorldError> {
    cases(
        "connecting as an outage begins: success after its end",
        run.entries(),
        |(lasts, runs), linux, ours| {
            let name = format!("outage of {lasts} s");
            let lasts = number(lasts);
            let there = runs.items().map(|run| run.nth(0).number()).collect();
            let here = as_often(runs, |seed| {
                let mut bench = Bench::set(Setting { exchanges: 0, seed, ..Setting::default() });
                let warm_up = bench.warm_up;
                bench.b.does(async |net| {
                    let _listener = net.listen(7000, &ListenOptions::default()).await?;
                    std::future::pending().await
                });
                bench.a.does(async move |net| {
                    warm_up.until(&net, 0.0).await;
                    let _held = connect(&net).await?;
                    note!("is connected");
                    std::future::pending().await
                });
                let hole = bench.world.at(warm_up.t0).partition(&bench.a, &bench.b);
                hole.lasting(Duration::from_secs_f64(lasts));
                let view = bench.run(lasts * 2.5 + 5.0)?;
                Ok(view.noted(A, "is connected") - lasts)
            })?;
            Ok((linux.runs(name.clone(), there), ours.runs(name, here)))
        },
    )
}

pub(super) fn one_way(run: Measured) -> Result<Replay, WorldError> {
    cases("an echo while one direction is a black hole", run.entries(), |(case, runs), linux, ours| {
        let (to, lasts) = case.split_once('/').unwrap_or((case, ""));
        let to_server = to == "toserver";
        let of = format!("{lasts} s towards the {}", if to_server { "server" } else { "client" });
        let lasts = number(lasts);
        let mut views = Vec::new();
        for (seed, _) in (1..).zip(runs.items()) {
            let mut bench = Bench::set(Setting { seed, ..Setting::default() });
            bench.b_echoes();
            one_byte(&bench, SocketOptions::default());
            let (from, to) = if to_server { (&bench.a, &bench.b) } else { (&bench.b, &bench.a) };
            let hole = bench.world.at(bench.warm_up.t0).partition(from, to).one_way();
            hole.lasting(Duration::from_secs_f64(lasts));
            views.push(bench.run(lasts * 2.5 + 5.0)?);
        }
        let each = |of: &dyn Fn(&View) -> f64| views.iter().map(of).collect::<Vec<f64>>();
        let (asked, answered) =
            (format!("{of}: the server reads after"), format!("{of}: answered after its end"));
        let linux =
            linux.runs(asked.clone(), runs.each("server")).runs(answered.clone(), runs.each("client_after"));
        let ours = ours
            .runs(asked, each(&|view| view.noted(B, "received")))
            .runs(answered, each(&|view| view.noted(A, "received") - lasts));
        Ok((linux, ours))
    })
}
