//! The peer does not read: how much a writer may write, and what becomes of it when it closes, or the path dies.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::super::bench::{A, B, Bench, Setting, View, listen_to};
use super::super::close::watch;
use super::super::measured::Measured;
use super::{Observed, Replay, cases};
use crate::net::{ListenOptions, SocketOptions};
use crate::note;
use crate::parameter::{ms, secs};
use crate::sim::world::WorldError;
use crate::sim::{SimStream, Sysctls};

/// How long the bench waited before it took a writer for blocked.
const PATIENCE: Duration = ms(1500);
/// Bytes in a write that fills the buffers.
const CHUNK: usize = 4096;

/// Writes until that blocks.
async fn fill(stream: &mut SimStream) -> std::io::Result<()> {
    let chunk = vec![7; CHUNK];
    while let Ok(taken) = timeout(PATIENCE, stream.write(&chunk)).await {
        taken?;
    }
    note!("blocked");
    Ok(())
}

/// A server that accepts, answers the warm-up, and does nothing more.
fn b_holds(bench: &Bench) {
    let warm_up = bench.warm_up;
    bench.b.does(async move |net| {
        let _held = warm_up.accepted(&net, &ListenOptions::default()).await?;
        std::future::pending().await
    });
}

/// The same run, seen from the moment on at which the writer was taken for blocked.
fn since_blocked(view: View) -> View {
    let blocked = view.trace.first("blocked").on(A).time();
    View { t0: blocked.unwrap_or(view.t0), ..view }
}

pub(super) fn orphan(run: Measured) -> Result<Replay, WorldError> {
    const UNTIL_S: f64 = 400.0;
    let states: Vec<Measured> = run.get("states").items().collect();
    let gone = states.last().map_or(0.0, |state| state.nth(0).number());
    let probes = run.get("pk");
    let linux = Observed::new()
        .list("client sends", probes.packets("a"), UNTIL_S)
        .list("server sends", probes.packets("b"), UNTIL_S)
        .at("socket gone", Some(gone));

    let bench = Bench::set(Setting::default());
    let warm_up = bench.warm_up;
    b_holds(&bench);
    bench.a.does(async move |net| {
        let mut stream = warm_up.connected(&net, &SocketOptions::default()).await?;
        fill(&mut stream).await?;
        drop(stream);
        std::future::pending().await
    });
    bench.a.does(async move |net| watch(warm_up, &net).await);
    let view = since_blocked(bench.run(UNTIL_S)?);
    let looked = view.trace.first("looked").on(A).with("states", "").after(view.t0);
    let ours = Observed::new()
        .list("client sends", view.packets(A), UNTIL_S)
        .list("server sends", view.packets(B), UNTIL_S)
        .at("socket gone", looked.seconds_since(view.t0));
    let what = "the peer does not read, the writer fills the buffers and closes".to_owned();
    Ok(Replay { what, linux, ours })
}

pub(super) fn hole(run: Measured) -> Result<Replay, WorldError> {
    const UNTIL_S: f64 = 150.0;
    let what = "the same writer, not closed, and then a black hole, tcp_retries2=5";
    cases(what, run.entries(), |(name, run), linux, ours| {
        let limit = name.strip_prefix("ut").and_then(|s| s.parse().ok()).filter(|s| *s > 0);
        let told = limit.map_or("no limit".to_owned(), |s| format!("TCP_USER_TIMEOUT {s} s"));
        let options = SocketOptions { user_timeout: limit.map(secs), ..SocketOptions::default() };
        let bench = || {
            let sysctls = Sysctls { retries2: 5, ..Sysctls::default() };
            let bench = Bench::set(Setting { sysctls, ..Setting::default() });
            let (warm_up, options) = (bench.warm_up, options.clone());
            b_holds(&bench);
            bench.a.does(async move |net| {
                let mut stream = warm_up.connected(&net, &options).await?;
                fill(&mut stream).await?;
                listen_to(&mut stream).await;
                Ok(())
            });
            bench
        };
        // When it is blocked is known after a first run; the second is the same up to there.
        let blocked = since_blocked(bench().run(10.0)?).t0;
        let mut bench = bench();
        let _for_good = bench.world.at(blocked).partition(&bench.a, &bench.b);
        let view = since_blocked(bench.run(UNTIL_S)?);
        let error = format!("{told}: error");
        Ok((linux.event(error.clone(), run.get("e").failure()), ours.event(error, view.failure(A))))
    })
}

pub(super) fn stream(run: Measured) -> Result<Replay, WorldError> {
    /// Without a byte accepted for so long, the writer is blocked for good.
    const FOR_GOOD: Duration = secs(3);
    /// How long it stays so before the reader resumes.
    const BLOCKED: Duration = secs(40);
    const UNTIL_S: f64 = 75.0;
    let size = usize::try_from(run.get("size").count()).unwrap_or_default();
    let gap = Duration::from_secs_f64(run.get("gap").number());
    let linux = Observed::new()
        .volume("taken until it blocks for good", run.get("blocked").nth(1).count())
        .runs("writable after the reader resumes", vec![run.get("resume_writable").number()]);

    let bench = Bench::set(Setting { exchanges: 0, ..Setting::default() });
    let warm_up = bench.warm_up;
    let resume = Arc::new(Notify::new());
    let resumes = resume.clone();
    bench.b.does(async move |net| {
        let (_listener, mut stream) = warm_up.accepted(&net, &ListenOptions::default()).await?;
        resumes.notified().await;
        listen_to(&mut stream).await;
        Ok(())
    });
    bench.a.does(async move |net| {
        let mut stream = warm_up.connected(&net, &SocketOptions::default()).await?;
        let chunk = vec![7; size];
        let (mut at, mut last) = (warm_up.t0, warm_up.t0);
        while at < last + FOR_GOOD {
            // What the kernel takes at once; a write that has to wait is given up.
            match stream.send(&chunk) {
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
                taken => {
                    note!(bytes = taken?, "taken");
                    last = at;
                }
            }
            at += gap;
            net.until(at).await;
        }
        net.until(last + BLOCKED).await;
        note!("blocked");
        resume.notify_one();
        stream.write_all(&[1]).await?;
        note!("written");
        std::future::pending().await
    });
    let view = since_blocked(bench.run(UNTIL_S)?);
    let taken: i64 = view.trace.all("taken").on(A).values("bytes").iter().sum();
    let ours = Observed::new()
        .volume("taken until it blocks for good", taken.unsigned_abs())
        .runs("writable after the reader resumes", vec![view.noted(A, "written")]);
    let what = format!("{size} B every {} ms to a peer that does not read, and then does", gap.as_millis());
    Ok(Replay { what, linux, ours })
}
