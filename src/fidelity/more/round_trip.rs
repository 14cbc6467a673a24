//! Round trips that change, that are very long, that are not known because the handshake was lost.

use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;

use super::super::bench::{A, B, Bench, Setting, View, connect, listen_to};
use super::super::measured::Measured;
use super::{Observed, Replay, cases};
use crate::net::{ListenOptions, SocketOptions};
use crate::note;
use crate::parameter::{ms, secs};
use crate::sim::fault::SegmentKind;
use crate::sim::world::WorldError;
use crate::trace::quantile;

/// The median of every column of some lists.
fn medians(lists: &[Vec<f64>]) -> Vec<f64> {
    let columns = lists.iter().map(Vec::len).max().unwrap_or_default();
    let column = |i| lists.iter().filter_map(|list| list.get(i).copied()).collect::<Vec<f64>>();
    (0..columns).filter_map(|i| quantile(&column(i), 0.5)).collect()
}

pub(super) fn jump(run: Measured) -> Result<Replay, WorldError> {
    const ECHOES: u64 = 8;
    const UNTIL_S: f64 = 20.0;
    let lists = |key| run.items().map(|run| run.get(key).numbers()).collect::<Vec<_>>();
    let linux = Observed::new().times("segments with data", medians(&lists("tx")), UNTIL_S).times(
        "echoed after",
        medians(&lists("lat")),
        UNTIL_S,
    );

    let mut bench = Bench::set(Setting::default());
    let warm_up = bench.warm_up;
    bench.b_echoes();
    bench.a.does(async move |net| {
        let mut stream = warm_up.connected(&net, &SocketOptions::default()).await?;
        for i in 0..ECHOES {
            net.until(warm_up.t0 + secs(i)).await;
            stream.write_u8(1).await?;
            stream.read_u8().await?;
            note!("echoed");
        }
        std::future::pending().await
    });
    let _for_good = bench.world.at(warm_up.t0).latency(&bench.a, &bench.b, ms(300), ms(0));
    let view = bench.run(UNTIL_S)?;
    let echoed = view.trace.all("echoed").on(A).times();
    let after = echoed.iter().zip(0..).map(|(at, i)| view.since(*at - secs(i)));
    let ours = Observed::new()
        .times("segments with data", view.times(&view.sent(A).with_data()), UNTIL_S)
        .times("echoed after", after.collect(), UNTIL_S);
    let what = format!("the round trip goes from 60 to 600 ms; {ECHOES} echoes a second apart");
    Ok(Replay { what, linux, ours })
}

pub(super) fn long(run: Measured) -> Result<Replay, WorldError> {
    const UNTIL_S: f64 = 60.0;
    let first = run.nth(0);
    let linux = Observed::new()
        .runs("connected", run.each("connect"))
        .runs("first echo", run.each("echo"))
        .runs("second echo", run.each("echo2"))
        .times("segments with data", first.get("tx").numbers(), UNTIL_S);

    let bench = Bench::set(Setting { rtt: ms(2500), exchanges: 0, ..Setting::default() });
    let warm_up = bench.warm_up;
    bench.b_echoes();
    bench.a.does(async move |net| {
        warm_up.until(&net, 0.0).await;
        let mut stream = connect(&net).await?;
        note!("is connected");
        for _ in 0..2 {
            stream.write_u8(1).await?;
            stream.read_u8().await?;
            note!("echoed");
        }
        std::future::pending().await
    });
    let view = bench.run(UNTIL_S)?;
    let connected = view.noted(A, "is connected");
    let echoed = view.times_of(A, "echoed");
    let took = |i: usize, from: f64| vec![echoed.get(i).map_or(f64::INFINITY, |at| at - from)];
    let ours = Observed::new()
        .runs("connected", vec![connected])
        .runs("first echo", took(0, connected))
        .runs("second echo", took(1, echoed.first().copied().unwrap_or_default()))
        .times("segments with data", view.times(&view.sent(A).with_data()), UNTIL_S);
    let what = "connecting and two echoes, RTT 2.5 s".to_owned();
    Ok(Replay { what, linux, ours })
}

pub(super) fn lost_handshake(run: Measured) -> Result<Replay, WorldError> {
    let what = "segments of the handshake are lost, or the first data: connected, accepted, data received";
    cases(what, run.entries(), |(case, runs), linux, ours| {
        let mut views = Vec::new();
        for (seed, _) in (1..).zip(runs.items()) {
            views.push(without(case, seed)?);
        }
        let told = match case {
            "syn" => "the SYN",
            "syn+data" => "the SYN and the data",
            "synack" => "the SYN-ACK",
            "synack+data" => "the SYN-ACK and the data",
            "data" => "the data",
            _ => "the handshake's ACK, and the server speaks first",
        };
        let from_server = case == "ack_serverfirst";
        let here = |host, name| views.iter().map(|view| view.noted(host, name)).collect::<Vec<f64>>();
        let receiver = if from_server { A } else { B };
        let name = |what| format!("{told}: {what}");
        Ok((
            linux
                .runs(name("connected"), runs.each("connected"))
                .runs(name("accepted"), runs.each("accepted"))
                .runs(name("data"), runs.each("data")),
            ours.runs(name("connected"), here(A, "is connected"))
                .runs(name("accepted"), here(B, "accepted"))
                .runs(name("data"), here(receiver, "received")),
        ))
    })
}

/// A connection whose first segments of some kinds are lost. One end writes as soon as the connection is accepted.
fn without(case: &str, seed: u64) -> Result<View, WorldError> {
    let mut bench = Bench::set(Setting { exchanges: 0, seed, ..Setting::default() });
    let warm_up = bench.warm_up;
    let from_server = case == "ack_serverfirst";
    let is_accepted = Arc::new(Notify::new());
    let accepted = is_accepted.clone();
    bench.b.does(async move |net| {
        let (_listener, mut stream) = warm_up.accepted(&net, &ListenOptions::default()).await?;
        note!("accepted");
        accepted.notify_one();
        if from_server {
            stream.write_all(&[1; 10]).await?;
        }
        listen_to(&mut stream).await;
        Ok(())
    });
    bench.a.does(async move |net| {
        warm_up.until(&net, 0.0).await;
        let mut stream = connect(&net).await?;
        note!("is connected");
        if !from_server {
            is_accepted.notified().await;
            stream.write_all(&[1; 10]).await?;
        }
        listen_to(&mut stream).await;
        Ok(())
    });
    let mut lose = |from_a: bool, kind| {
        let (from, to) = if from_a { (&bench.a, &bench.b) } else { (&bench.b, &bench.a) };
        let _for_good = bench.world.at(warm_up.t0).lose_next(from, to, 1, kind).one_way();
    };
    for what in case.split('+') {
        match what {
            "syn" => lose(true, SegmentKind::Syn),
            "synack" => lose(false, SegmentKind::Syn),
            "data" => lose(true, SegmentKind::Data),
            "ack_serverfirst" => lose(true, SegmentKind::Ack),
            other => panic!("the bench knows no segment `{other}` to lose"),
        }
    }
    bench.run(30.0)
}
