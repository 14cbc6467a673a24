//! Closing: what goes over the wire, which states are left behind, and whether the server can bind its port again.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::bench::{A, B, Bench, SETTLE, View, WarmUp, listen, noted, outcome};
use super::measured::Measured;
use super::{Observed, Replay};
use crate::net::{ListenOptions, SocketOptions};
use crate::note;
use crate::parameter::ms;
use crate::sim::world::WorldError;
use crate::sim::{SimNet, SimStream};

/// How often the states are looked at.
const GLANCE: Duration = ms(50);
/// Longer than any state is left behind.
const UNTIL_S: f64 = 75.0;

/// Who closes, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    ClientFirst,
    ServerFirst,
    ClientNever,
    ClientWrites,
    Unread,
    Simultaneous,
}

impl Mode {
    fn read(run: Measured) -> Self {
        match run.get("mode").text().as_str() {
            "client_first" => Mode::ClientFirst,
            "server_first" => Mode::ServerFirst,
            "server_first_client_never" => Mode::ClientNever,
            "server_first_client_writes" => Mode::ClientWrites,
            "server_close_unread" => Mode::Unread,
            "simultaneous" => Mode::Simultaneous,
            other => panic!("the bench knows no way `{other}` to close"),
        }
    }

    const fn what(self) -> &'static str {
        match self {
            Mode::ClientFirst => "the client closes first",
            Mode::ServerFirst => "the server closes first",
            Mode::ClientNever => "the server closes, the client never does",
            Mode::ClientWrites => "the server closes, the client writes on",
            Mode::Unread => "the server closes with data unread",
            Mode::Simultaneous => "both close at once",
        }
    }
}

pub(super) fn replay(run: Measured) -> Result<Replay, WorldError> {
    let mode = Mode::read(run);
    let changes: Vec<Measured> = run.get("state_changes").items().collect();
    let sampled_at = changes[0].nth(0).number();
    let later = changes.get(1).map(|c| (c.nth(0).number(), states(c.nth(1))));
    let saw = run.get("peer_saw");
    let saw: Vec<String> = match saw.items().count() {
        0 if saw.exists() => vec![saw.text()],
        _ => saw.items().map(Measured::text).collect(),
    };
    let rebind = run.get("rebind_server_port");
    let linux = Observed::new()
        .list("client sends", run.get("packets").packets("a"), UNTIL_S)
        .list("server sends", run.get("packets").packets("b"), UNTIL_S)
        .said("the peer's calls", saw.join(", "))
        .said("left behind", states(changes[0].nth(1)))
        .event("then", later)
        .said("bind again", rebind.get("without_reuseaddr").text())
        .said("with SO_REUSEADDR", rebind.get("with_reuseaddr").text());

    // Only this one was measured at a distance, so that the two FINs can cross.
    let rtt = if mode == Mode::Simultaneous { ms(20) } else { Duration::ZERO };
    let bench = Bench::new(run, rtt, 1, SETTLE);
    let warm_up = bench.warm_up;
    bench.a.does(async move |net| {
        let stream = warm_up.connected(&net, &SocketOptions::default()).await?;
        client(mode, warm_up, &net, stream).await
    });
    bench.b.does(async move |net| {
        let (listener, stream) = warm_up.accepted(&net, &ListenOptions::default()).await?;
        drop(listener);
        warm_up.until(&net, 0.0).await;
        server(mode, warm_up, &net, stream).await?;
        warm_up.until(&net, sampled_at + 0.1).await;
        let without = listen(&net, false).await.map(|_| "ok");
        let with = listen(&net, true).await.map(|_| "ok");
        note!(without = outcome(&without), with = outcome(&with), "bound again");
        Ok(())
    });
    for machine in [&bench.a, &bench.b] {
        machine.does(async move |net| watch(warm_up, &net).await);
    }
    let view = bench.run(UNTIL_S)?;
    let mut calls = view.outcomes(A);
    calls.extend(view.outcomes(B));
    let bound = view.trace.first("bound again").on(B);
    let said = |field| bound.value(field).map_or_else(String::new, ToString::to_string);
    let (now, then) = seen_states(&view, sampled_at);
    let ours = Observed::new()
        .list("client sends", view.packets(A), UNTIL_S)
        .list("server sends", view.packets(B), UNTIL_S)
        .said("the peer's calls", calls.join(", "))
        .said("left behind", now)
        .event("then", then)
        .said("bind again", said("without"))
        .said("with SO_REUSEADDR", said("with"));
    let what = mode.what().to_owned();
    Ok(Replay { what, linux, ours })
}

async fn client(mode: Mode, warm_up: WarmUp, net: &SimNet, mut stream: SimStream) -> io::Result<()> {
    match mode {
        Mode::ClientFirst | Mode::Simultaneous => {}
        Mode::ServerFirst => {
            noted(&stream.read(&mut [0]).await);
            warm_up.until(net, 0.2).await;
        }
        Mode::ClientNever => {
            noted(&stream.read(&mut [0]).await);
            std::future::pending::<()>().await;
        }
        Mode::ClientWrites => {
            noted(&stream.read(&mut [0]).await);
            warm_up.until(net, 0.2).await;
            noted(&stream.write(b"x").await);
            warm_up.until(net, 0.3).await;
            noted(&stream.write(b"x").await);
            noted(&stream.read(&mut [0]).await);
        }
        Mode::Unread => {
            stream.write_all(b"unread").await?;
            noted(&stream.read(&mut [0]).await);
        }
    }
    Ok(())
}

async fn server(mode: Mode, warm_up: WarmUp, net: &SimNet, mut stream: SimStream) -> io::Result<()> {
    match mode {
        Mode::ClientFirst => {
            noted(&stream.read(&mut [0]).await);
            warm_up.until(net, 0.2).await;
        }
        Mode::Unread => warm_up.until(net, 0.1).await,
        _ => {}
    }
    Ok(())
}

/// Notes the states of a machine's connections whenever they have changed.
pub(super) async fn watch(warm_up: WarmUp, net: &SimNet) -> io::Result<()> {
    warm_up.until(net, 0.0).await;
    let mut before = None;
    loop {
        let sockets = net.netstat().into_iter().filter(|s| s.remote.is_some());
        let states: BTreeSet<String> = sockets.map(|s| s.state).collect();
        if before.as_ref() != Some(&states) {
            let shown = states.iter().map(String::as_str).collect::<Vec<_>>().join("+");
            note!(states = shown, "looked");
            before = Some(states);
        }
        tokio::time::sleep(GLANCE).await;
    }
}

/// The states at a time, and the last change after it.
fn seen_states(view: &View, at: f64) -> (String, Option<(f64, String)>) {
    let sampled = view.t0 + Duration::from_secs_f64(at);
    let at = |time: Duration| {
        let state = |host| {
            let looked = view.trace.last("looked").on(host).before(time);
            looked.value("states").map_or_else(String::new, ToString::to_string)
        };
        pair(&state(A), &state(B))
    };
    let change = view.trace.last("looked").after(sampled).time();
    (at(sampled), change.map(|time| (view.since(time), at(time + GLANCE))))
}

/// The measured states of both sides, without their timers.
fn states(both: Measured) -> String {
    let side = |name| {
        let first = both.get(name).items().map(|s| {
            let text = s.text();
            text.split(' ').next().unwrap_or_default().to_owned()
        });
        first.collect::<Vec<_>>().join("+")
    };
    pair(&side("a"), &side("b"))
}

fn pair(client: &str, server: &str) -> String {
    let name = |state: &str| {
        if state.is_empty() { "nothing".to_owned() } else { state.to_owned() }
    };
    format!("client {}, server {}", name(client), name(server))
}
