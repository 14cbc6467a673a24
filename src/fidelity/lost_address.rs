//! The client's address is removed, or replaced by another, and perhaps restored.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;

use super::bench::{A, B, Bench, View, listen_to, noted};
use super::measured::Measured;
use super::outage::arrivals;
use super::{Observed, Replay};
use crate::net::{ListenOptions, SocketOptions};
use crate::parameter::ms;
use crate::sim::world::WorldError;

/// The client writes again, this long after the first time.
const AGAIN_S: f64 = 1.0;

pub(super) fn replay(run: Measured) -> Result<Replay, WorldError> {
    let mode = run.get("mode").text();
    let restored = Some(run.get("restore").count()).filter(|s| *s > 0);
    let until = run.get("dur").number();
    let results = run.get("results");
    let sends = ["client_send", "client_send2", "server_send"].map(|call| results.get(call));
    let sends = sends.into_iter().filter(|r| r.exists()).map(Measured::text);
    let came = |side| {
        let (at, what) = (run.get("recv_event").get(side).nth(0), run.get("recv_event").get(side).nth(1));
        let what = match what.text() {
            error if error.starts_with('E') => error,
            n => format!("{n} B"),
        };
        (what != "nothing B").then(|| (at.number(), what))
    };
    let linux = Observed::new()
        .said("sends", sends.collect::<Vec<_>>().join(", "))
        .event("the client reads", came("client"))
        .event("the server reads", came("server"))
        .list("client sends", run.get("packets").packets("a"), until)
        .list("server sends", run.get("packets").packets("b"), until);

    let mut bench = Bench::of(run, 20);
    let warm_up = bench.warm_up;
    let idle = mode == "idle";
    bench.b.does(async move |net| {
        let (_listener, mut stream) = warm_up.accepted(&net, &ListenOptions::default()).await?;
        warm_up.until(&net, 0.0).await;
        if !idle {
            noted(&stream.write(&[1]).await);
        }
        listen_to(&mut stream).await;
        std::future::pending().await
    });
    bench.a.does(async move |net| {
        let mut stream = warm_up.connected(&net, &SocketOptions::default()).await?;
        if !idle {
            noted(&stream.write(&[1]).await);
            warm_up.until(&net, AGAIN_S).await;
            noted(&stream.write(&[1]).await);
        }
        listen_to(&mut stream).await;
        std::future::pending().await
    });
    // A moment before the event, so that there is no question which comes first.
    let at = bench.world.at(warm_up.t0 - ms(1));
    let gone = if mode == "newaddr" {
        bench.a.interface("old").interface("new");
        at.switch(&bench.a, "new", false)
    } else {
        at.offline(&bench.a)
    };
    if let Some(s) = restored {
        gone.lasting(Duration::from_secs(s) + ms(1));
    }
    let view = bench.run(until)?;
    let mut sends = view.outcomes(A);
    sends.extend(view.outcomes(B));
    let ours = Observed::new()
        .said("sends", sends.join(", "))
        .event("the client reads", first_news(&view, A))
        .event("the server reads", first_news(&view, B))
        .list("client sends", view.packets(A), until)
        .list("server sends", view.packets(B), until);
    let what = format!(
        "the client's address is {}{}; {}",
        if mode == "newaddr" { "replaced" } else { "removed" },
        restored.map_or(String::new(), |s| format!(" and back after {s} s")),
        if idle { "nobody writes" } else { "both sides write" },
    );
    Ok(Replay { what, linux, ours })
}

/// What a reader sees first: data, or an error.
fn first_news(view: &View, host: &str) -> Option<(f64, String)> {
    let data = arrivals(view, host).into_iter().next();
    data.or_else(|| view.failure(host))
}
