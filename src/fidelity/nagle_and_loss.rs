//! One lost segment; Nagle's algorithm and delayed acknowledgements.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::bench::{A, B, Bench};
use super::measured::Measured;
use super::{Observed, Replay};
use crate::net::{ListenOptions, SocketOptions};
use crate::note;
use crate::parameter::ms;
use crate::sim::world::WorldError;
use crate::trace::statistics;

/// Bytes in a segment of the runs that lose one.
const SEGMENT: usize = 1000;

pub(super) fn replay(id: &str, run: Measured) -> Result<Replay, WorldError> {
    if run.get("segments").exists() { loss(id, run) } else { nagle(run) }
}

fn loss(id: &str, run: Measured) -> Result<Replay, WorldError> {
    const UNTIL_S: f64 = 5.0;
    let segments = run.get("segments").count();
    let data = |packets: Vec<(f64, String)>| packets.into_iter().filter(|(_, p)| p == "data").collect();
    let linux = Observed::new()
        .at("first byte", Some(run.get("first_byte_at").number()))
        .at("last byte", Some(run.get("all_at").number()))
        .list("data sent", data(run.get("packets").packets("a")), UNTIL_S);

    let cold = id.contains("cold");
    let mut bench = Bench::of(run, if cold { 0 } else { 20 });
    let warm_up = bench.warm_up;
    bench.b_reads();
    bench.a.does(async move |net| {
        let mut stream = warm_up.connected(&net, &SocketOptions::default()).await?;
        stream.write_all(&[1; SEGMENT]).await?;
        // The others a moment later, when nothing is lost any more.
        net.until(warm_up.t0 + ms(1)).await;
        for _ in 1..segments {
            stream.write_all(&[1; SEGMENT]).await?;
        }
        std::future::pending().await
    });
    let lost = bench.world.at(warm_up.t0).partition(&bench.a, &bench.b).one_way();
    lost.lasting(Duration::from_micros(500));
    let view = bench.run(UNTIL_S)?;
    let received = view.trace.all("received").on(B).after(view.t0);
    let at = |e: Option<&crate::trace::Event>| e.map(|e| view.since(e.at));
    let read: i64 = received.values("bytes").iter().sum();
    let whole = usize::try_from(read).is_ok_and(|n| n as u64 == segments * SEGMENT as u64);
    let ours = Observed::new()
        .at("first byte", at(received.event()))
        .at("last byte", at(received.last()).filter(|_| whole))
        .list("data sent", data(view.packets(A)), UNTIL_S);
    let what = format!(
        "the first of {segments} segment{} is lost, RTT {} ms{}",
        if segments == 1 { "" } else { "s" },
        run.get("rtt_ms").number(),
        if cold { ", new connection" } else { "" }
    );
    Ok(Replay { what, linux, ours })
}

fn nagle(run: Measured) -> Result<Replay, WorldError> {
    const SPACING: Duration = ms(500);
    let arrival_s: Vec<f64> =
        run.get("write_write_arrival_ms").numbers().iter().map(|t| t / 1000.0).collect();
    let times = u32::try_from(arrival_s.len()).unwrap_or_default();
    let no_delay = run.get("nodelay").count() == 1;
    let rtt = run.get("rtt_ms").number();
    let linux = seen(&arrival_s, rtt);

    let bench = Bench::of(run, 20);
    let warm_up = bench.warm_up;
    bench.b.does(async move |net| {
        let (_listener, mut stream) = warm_up.accepted(&net, &ListenOptions::default()).await?;
        for _ in 0..times {
            stream.read_u8().await?;
            stream.read_u8().await?;
            note!("both arrived");
            stream.write_u8(1).await?;
        }
        std::future::pending().await
    });
    let options = SocketOptions { no_delay, ..SocketOptions::default() };
    bench.a.does(async move |net| {
        let mut stream = warm_up.connected(&net, &options).await?;
        for i in 0..times {
            net.until(warm_up.t0 + SPACING * i).await;
            note!("two bytes written");
            stream.write_u8(1).await?;
            stream.write_u8(2).await?;
            stream.read_u8().await?;
        }
        std::future::pending().await
    });
    let view = bench.run((SPACING * times).as_secs_f64())?;
    let written = view.trace.all("two bytes written").on(A).times();
    let arrived = view.trace.all("both arrived").on(B).times();
    let took: Vec<f64> = written.iter().zip(&arrived).map(|(w, a)| (*a - *w).as_secs_f64()).collect();
    let ours = seen(&took, rtt);
    let what = format!(
        "write, write, read with Nagle's algorithm {}, RTT {rtt} ms, {times} times",
        if no_delay { "off" } else { "on" }
    );
    Ok(Replay { what, linux, ours })
}

/// How long the second byte took: each time whether it waited for the acknowledgement of the first, and in the median.
fn seen(took_s: &[f64], rtt_ms: f64) -> Observed {
    // Between the way of a packet and the shortest delay of an acknowledgement (40 ms) on top of it.
    let waits = |t: &&f64| **t > rtt_ms / 2000.0 + 0.02;
    Observed::new()
        .count("waited", took_s.iter().filter(waits).count())
        .count("of", took_s.len())
        .at("took (median)", statistics(took_s).map(|s| s.median))
}
