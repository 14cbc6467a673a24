//! Many bytes at once: through an outage, over a slow line, after a pause.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::sync::Notify;

use super::super::bench::{A, B, Bench, Setting};
use super::super::measured::Measured;
use super::{Observed, Replay, as_often, cases, number};
use crate::net::{ListenOptions, SocketOptions};
use crate::note;
use crate::parameter::{BitRate, ByteSize, ms};
use crate::sim::world::WorldError;

/// `a` writes so many bytes at the event and holds the connection.
pub(super) fn a_sends(bench: &Bench, bytes: usize) {
    let warm_up = bench.warm_up;
    bench.b_reads();
    bench.a.does(async move |net| {
        let mut stream = warm_up.connected(&net, &SocketOptions::default()).await?;
        stream.write_all(&vec![1; bytes]).await?;
        std::future::pending().await
    });
}

pub(super) fn with_a_hole(run: Measured) -> Result<Replay, WorldError> {
    let what = "the client sends much at once: all received, with an outage after its end";
    cases(what, run.entries(), |(case, runs), linux, ours| {
        let mut numbers = case.split('/').map(number);
        let [bytes, from, lasts] = std::array::from_fn(|_| numbers.next().unwrap_or_default());
        let ends = if lasts > 0.0 { from + lasts } else { 0.0 };
        let here = as_often(runs, |seed| {
            let mut bench = Bench::set(Setting { exchanges: 0, seed, ..Setting::default() });
            a_sends(&bench, bytes as usize);
            if lasts > 0.0 {
                let at = bench.warm_up.t0 + Duration::from_secs_f64(from);
                let hole = bench.world.at(at).partition(&bench.a, &bench.b);
                hole.lasting(Duration::from_secs_f64(lasts));
            }
            Ok(bench.run(ends * 2.5 + 10.0)?.has_read(B, bytes as usize) - ends)
        })?;
        let outage =
            if lasts > 0.0 { format!(", outage of {lasts} s after {from} s") } else { String::new() };
        let name = format!("{} KiB{outage}", bytes / 1024.0);
        Ok((linux.runs(name.clone(), runs.numbers()), ours.runs(name, here)))
    })
}

pub(super) fn slow_line(run: Measured) -> Result<Replay, WorldError> {
    let bytes = usize::try_from(run.get("N").count()).unwrap_or_default();
    let rate = BitRate(run.get("rate").count() * 8);
    let queue = run.get("qlim").count();
    let here = as_often(run.get("times"), |seed| {
        let mut bench = Bench::set(Setting { exchanges: 0, seed, ..Setting::default() });
        bench.world.links().rate(rate, ByteSize(queue));
        a_sends(&bench, bytes);
        Ok(bench.run(30.0)?.has_read(B, bytes))
    })?;
    let linux = Observed::new().runs("all received", run.get("times").numbers());
    let ours = Observed::new().runs("all received", here);
    let what = format!("{} KiB over {} Mbit/s with a queue of {queue} B", bytes / 1024, rate.0 / 1_000_000);
    Ok(Replay { what, linux, ours })
}

pub(super) fn after_a_pause(run: Measured) -> Result<Replay, WorldError> {
    let what = "the server sends 1 MiB, pauses, and sends 256 KiB, RTT 180 ms: all of that received";
    cases(what, run.entries(), |(case, runs), linux, ours| {
        let pause = (case != "fresh").then(|| Duration::from_secs_f64(number(case)));
        let name =
            pause.map_or("on a new connection".to_owned(), |p| format!("pause of {} s", p.as_secs_f64()));
        let here = as_often(runs, |seed| burst(seed, pause))?;
        Ok((linux.runs(name.clone(), runs.numbers()), ours.runs(name, here)))
    })
}

/// How long the burst takes; without a pause it is the first thing that is sent.
fn burst(seed: u64, pause: Option<Duration>) -> Result<f64, WorldError> {
    const FIRST: usize = 1 << 20;
    const BURST: usize = 256 << 10;
    let bench = Bench::set(Setting { rtt: ms(180), exchanges: 0, seed, ..Setting::default() });
    let warm_up = bench.warm_up;
    let all_read = Arc::new(Notify::new());
    let read = all_read.clone();
    bench.b.does(async move |net| {
        let (_listener, mut stream) = warm_up.accepted(&net, &ListenOptions::default()).await?;
        warm_up.until(&net, 0.0).await;
        if let Some(pause) = pause {
            stream.write_all(&vec![1; FIRST]).await?;
            read.notified().await;
            tokio::time::sleep(pause).await;
        }
        note!("written");
        stream.write_all(&vec![1; BURST]).await?;
        std::future::pending().await
    });
    bench.a.does(async move |net| {
        use tokio::io::AsyncReadExt as _;
        let mut stream = super::super::bench::connect(&net).await?;
        if pause.is_some() {
            stream.read_exact(&mut vec![0; FIRST]).await?;
            all_read.notify_one();
        }
        stream.read_exact(&mut vec![0; BURST]).await?;
        note!("message read");
        std::future::pending().await
    });
    let view = bench.run(60.0)?;
    Ok(view.noted(A, "message read") - view.noted(B, "written"))
}
