//! The peer's process is stopped; its kernel is not.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::bench::{A, B, Bench, View, connect, listen_to, noted, write_within};
use super::measured::Measured;
use super::{Observed, Replay};
use crate::net::{Keepalive, ListenOptions, Network as _, SocketOptions};
use crate::note;
use crate::parameter::{ByteSize, ms, secs};
use crate::sim::SimNet;
use crate::sim::world::WorldError;

/// How long the bench waited before it took a call for blocked.
const PATIENCE: Duration = ms(300);

pub(super) fn replay(id: &str, run: Measured) -> Result<Replay, WorldError> {
    match id {
        "c_keepalive" => keepalive(run),
        "c_burst" => burst(run),
        _ if id.starts_with("c_write") => write(id, run),
        _ => backlog(run),
    }
}

/// A server that has accepted one connection and then runs no more.
fn stopped_after_one(bench: &mut Bench, backlog: u32) {
    let warm_up = bench.warm_up;
    bench.b.does(async move |net| {
        let options = ListenOptions { backlog, ..ListenOptions::default() };
        let _held = warm_up.accepted(&net, &options).await?;
        std::future::pending().await
    });
    let _for_good = bench.world.at(warm_up.t0).stall(&bench.b);
}

fn backlog(run: Measured) -> Result<Replay, WorldError> {
    const WATCHED_S: f64 = 75.0;
    let tried = run.get("tried").count();
    let overflow: Vec<Measured> = run.get("overflow").items().collect();
    let answers = overflow.iter().map(|o| o.get("from_b").items().count()).sum();
    let failed = overflow.iter().filter(|o| o.get("err").count() > 0).count();
    let syns = overflow.iter().flat_map(|o| o.get("syn").numbers()).collect();
    let taken: Vec<String> = run.get("send_on_unaccepted").items().map(Measured::text).collect();
    let linux = Observed::new()
        .count("connected", usize::try_from(run.get("connected_while_stopped").count()).unwrap_or_default())
        .said("writes to the unaccepted", taken.join(", "))
        .times("SYNs of the others", syns, WATCHED_S)
        .count("answers to them", answers)
        .count("failed", failed);

    let mut bench = Bench::of(run, 0);
    let warm_up = bench.warm_up;
    let backlog = u32::try_from(run.get("backlog").count()).unwrap_or_default();
    stopped_after_one(&mut bench, backlog);
    bench.a.does(async move |net| {
        let _first = warm_up.connected(&net, &SocketOptions::default()).await?;
        let mut tasks = net.tasks();
        for n in 0..tried {
            let (connected, mut is_connected) = mpsc::channel(1);
            tasks.spawn(try_to_connect(net.clone(), n, connected));
            // One after the other; a connection that is not open at once is left to try on while the next one starts.
            let _ = timeout(PATIENCE, is_connected.recv()).await;
        }
        tasks.finished().await;
        Ok(())
    });
    let view = bench.run(WATCHED_S + PATIENCE.as_secs_f64() * overflow.len() as f64)?;
    let (syns, answers) = unanswered_syns(&view, WATCHED_S);
    let ours = Observed::new()
        .count("connected", view.trace.all("connected").on(A).count())
        .said("writes to the unaccepted", view.outcomes(A).join(", "))
        .times("SYNs of the others", syns, WATCHED_S)
        .count("answers to them", answers)
        .count("failed", view.trace.all("failed").on(A).count());
    let what = format!("{tried} connections to a stopped process with a backlog of {backlog}");
    Ok(Replay { what, linux, ours })
}

/// Connects, and writes on the first three connections, as was done on Linux.
async fn try_to_connect(net: SimNet, n: u64, connected: mpsc::Sender<()>) {
    match connect(&net).await {
        Ok(mut stream) => {
            note!("connected");
            if n < 3 {
                noted(&stream.write(b"hello").await);
            }
            // Whoever waited for it may have lost patience.
            let _ = connected.send(()).await;
            std::future::pending().await
        }
        Err(_) => note!("failed"),
    }
}

/// The SYNs of connections whose SYN is not answered, each counted from its connection's first, connection by
/// connection; and how many packets went back to them.
fn unanswered_syns(view: &View, until: f64) -> (Vec<f64>, usize) {
    let mut by_port: BTreeMap<u16, Vec<f64>> = BTreeMap::new();
    for packet in view.sent(A).syns().packets() {
        let times = by_port.entry(packet.transport.src().port()).or_default();
        times.push(view.since(packet.sent));
    }
    for packet in view.sent(B).syns().packets() {
        by_port.remove(&packet.transport.dst().port());
    }
    let answers = view.sent(B).filter(|p| by_port.contains_key(&p.transport.dst().port()));
    let answers = answers.count();
    let mut waiting: Vec<Vec<f64>> = by_port.into_values().collect();
    waiting.sort_by(|a, b| a[0].total_cmp(&b[0]));
    let relative = waiting.into_iter().flat_map(|times| {
        let first = times[0];
        times.into_iter().map(move |t| t - first)
    });
    (relative.filter(|t| *t < until).collect(), answers)
}

fn burst(run: Measured) -> Result<Replay, WorldError> {
    const LOOKED_AT_S: f64 = 0.3;
    let states = run.get("states_after_300ms");
    let established = |side| states.get(side).get("ESTAB").text();
    let waited = run.get("waited").number();
    let mut syn_acks = run.get("synack_times").numbers();
    syn_acks.retain(|t| *t > 0.0);
    let linux = Observed::new()
        .said("connected for the clients", run.get("client_thinks_connected_after_300ms").text())
        .said("for the client's kernel", established("a"))
        .said("for the server's kernel", established("b"))
        .said("without error", run.get("errs_after").get("0").text())
        .times("SYN-ACKs", syn_acks, waited);

    let mut bench = Bench::of(run, 0);
    let warm_up = bench.warm_up;
    let backlog = u32::try_from(run.get("backlog").count()).unwrap_or_default();
    let clients = run.get("burst").count();
    stopped_after_one(&mut bench, backlog);
    bench.a.does(async move |net| {
        let _first = warm_up.connected(&net, &SocketOptions::default()).await?;
        let mut tasks = net.tasks();
        for n in 3..3 + clients {
            tasks.spawn(try_to_connect(net.clone(), n, mpsc::channel(1).0));
        }
        tasks.finished().await;
        Ok(())
    });
    let view = bench.run(waited)?;
    let soon = view.t0 + Duration::from_secs_f64(LOOKED_AT_S);
    let established = |host| view.trace.all("established").on(host).before(soon).count();
    let failed = view.trace.all("failed").on(A).count();
    let connected = view.trace.all("connected").on(A).before(soon).count();
    let ours = Observed::new()
        .count("connected for the clients", connected)
        .count("for the client's kernel", established(A))
        .count("for the server's kernel", established(B))
        .count("without error", usize::try_from(clients).unwrap_or_default() - failed)
        .times("SYN-ACKs", view.times(&view.sent(B).syns()), waited);
    let what = format!(
        "{clients} connections at once to a stopped process with a backlog of {backlog}, RTT {} ms",
        run.get("rtt_ms").number()
    );
    Ok(Replay { what, linux, ours })
}

fn keepalive(run: Measured) -> Result<Replay, WorldError> {
    let until = run.get("end").get("t").number();
    let linux = Observed::new()
        .list("client sends", run.get("packets").packets("a"), until)
        .list("server sends", run.get("packets").packets("b"), until)
        .event("error", run.get("end").failure());
    let text = run.get("keepalive").text();
    let mut numbers = text.split('/').map(|n| n.parse().unwrap_or_default());
    let mut next = || numbers.next().unwrap_or_default();
    let options = SocketOptions {
        keepalive: Some(Keepalive {
            idle: secs(next()),
            interval: secs(next()),
            count: u32::try_from(next()).unwrap_or_default(),
        }),
        ..SocketOptions::default()
    };
    let mut bench = Bench::of(run, 20);
    let warm_up = bench.warm_up;
    stopped_after_one(&mut bench, 128);
    bench.a.does(async move |net| {
        let mut stream = warm_up.connected(&net, &options).await?;
        listen_to(&mut stream).await;
        Ok(())
    });
    let view = bench.run(until)?;
    let ours = Observed::new()
        .list("client sends", view.packets(A), until)
        .list("server sends", view.packets(B), until)
        .event("error", view.failure(A));
    let what = format!("keepalive {text} to a stopped process");
    Ok(Replay { what, linux, ours })
}

/// What leaves sooner after the last byte was taken is what was on its way already. All that leaves later was measured as a
/// probe: at a round trip of 100 ms the first of them carries the last 1,024 bytes of the window, as the same kernel does
/// when the run is repeated.
const BLOCKED_S: f64 = 0.1;

fn write(id: &str, run: Measured) -> Result<Replay, WorldError> {
    // How long the process was stopped, before it read what there was.
    let resumes = match id {
        "c_write_64k" => 40.0,
        "c_write_ut10" => 20.0,
        _ => 120.0,
    };
    let blocked = run.get("steps").items().last();
    let blocked_at = blocked.map_or(0.0, |step| step.nth(0).number());
    let taken = run.get("bytes_until_blocked").count();
    let error = run.get("err").failure();
    let probes = run.get("zero_window_probe_times").numbers();
    let linux = Observed::new()
        .bytes("taken until it blocks", taken)
        .times("sent while it is blocked", probes.into_iter().map(|t| t - blocked_at).collect(), resumes)
        .event("error", error)
        .said(
            "all of it read in the end",
            (run.get("child_read").text() == format!("read {taken}")).to_string(),
        );

    let chunk = usize::try_from(run.get("chunk").count()).unwrap_or_default();
    let user_timeout = Some(run.get("user_timeout_ms").count()).filter(|ms| *ms > 0);
    let options = SocketOptions {
        user_timeout: user_timeout.map(Duration::from_millis),
        no_delay: false,
        send_buffer: buffer(run.get("sndbuf").count()),
        ..SocketOptions::default()
    };
    let mut bench = Bench::of(run, 20);
    let warm_up = bench.warm_up;
    bench.b_reads_into(buffer(run.get("rcvbuf").count()));
    bench.a.does(async move |net| {
        let mut stream = warm_up.connected(&net, &options).await?;
        let chunk = vec![7; chunk];
        while let Some(taken) = write_within(&mut stream, &chunk, secs(1)).await {
            note!(bytes = taken?, "taken");
        }
        listen_to(&mut stream).await;
        Ok(())
    });
    let stopped = bench.world.at(warm_up.t0).stall(&bench.b);
    stopped.lasting(Duration::from_secs_f64(resumes));
    let view = bench.run(resumes + 10.0)?;
    let sum = |name, host| -> u64 {
        let amounts = view.trace.all(name).on(host).after(view.t0).values("bytes");
        amounts.iter().map(|n| n.unsigned_abs()).sum()
    };
    let (taken, read) = (sum("taken", A), sum("received", B));
    let blocked_at = view.trace.last("taken").on(A).seconds_since(view.t0).unwrap_or(0.0);
    let sent = view.times(&view.sent(A)).into_iter().map(|t| t - blocked_at);
    let ours = Observed::new()
        .bytes("taken until it blocks", taken)
        .times(
            "sent while it is blocked",
            sent.filter(|t| *t > BLOCKED_S && *t < resumes - blocked_at).collect(),
            resumes,
        )
        .event("error", view.failure(A))
        .said("all of it read in the end", (read == taken).to_string());
    let what = format!(
        "writing to a stopped process{}{}, RTT {} ms",
        match run.get("sndbuf").count() {
            0 => String::new(),
            n => format!(", SO_SNDBUF and SO_RCVBUF {n}"),
        },
        user_timeout.map_or(String::new(), |ms| format!(", TCP_USER_TIMEOUT {} s", ms / 1000)),
        run.get("rtt_ms").number()
    );
    Ok(Replay { what, linux, ours })
}

/// The size of a buffer that was asked for; 0: none was.
pub(super) fn buffer(size: u64) -> Option<ByteSize> {
    (size > 0).then_some(ByteSize(size))
}
