//! Keepalive probes: to a peer that answers, that is gone, that has rebooted; beside data; with a user timeout.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;

use super::bench::{A, B, Bench, listen_to};
use super::measured::Measured;
use super::{Observed, Replay};
use crate::net::{Keepalive, SocketOptions};
use crate::parameter::ms;
use crate::sim::world::WorldError;

pub(super) fn replay(run: Measured) -> Result<Replay, WorldError> {
    let mode = run.get("mode").text();
    let user_timeout = Some(Duration::from_millis(run.get("user_timeout_ms").count()));
    let user_timeout = user_timeout.filter(|limit| !limit.is_zero());
    // Long enough for anything to happen that should not.
    let (until, lasts) = match run.get("end").failure() {
        // The log of these was closed as soon as the error came; what leaves with it is in the second table (`karst`).
        Some((at, _)) if user_timeout.is_some() => (at, at * 2.0),
        Some((at, _)) => (at * 2.0, at * 2.0),
        None => (run.get("end").get("t").number(), run.get("end").get("t").number()),
    };
    let mut from_peer = run.get("packets").packets("b");
    // On the bench a reboot was made by killing the peer and dropping its RST, at the very event: that one does not count.
    from_peer.retain(|(at, _)| mode != "reboot" || *at > 0.0);
    let linux = Observed::new()
        .list("client sends", run.get("packets").packets("a"), until)
        .list("server sends", from_peer, until)
        .event("error", run.get("end").failure());

    let seconds = |key| Duration::from_secs(run.get(key).count());
    let options = SocketOptions {
        keepalive: Some(Keepalive {
            idle: seconds("idle"),
            interval: seconds("intvl"),
            count: u32::try_from(run.get("cnt").count()).unwrap_or_default(),
        }),
        user_timeout,
        ..SocketOptions::default()
    };
    let mut bench = Bench::of(run, 20);
    let warm_up = bench.warm_up;
    bench.b_reads();
    let writes = mode == "hole_data";
    let given = options.clone();
    bench.a.does(async move |net| {
        let mut stream = warm_up.connected(&net, &given).await?;
        if writes {
            stream.write_u8(1).await?;
        }
        listen_to(&mut stream).await;
        Ok(())
    });
    match mode.as_str() {
        "live" => {}
        "reboot" => bench.world.at(warm_up.t0).power_loss(&bench.b).lasting(ms(100)),
        _ => drop(bench.world.at(warm_up.t0).partition(&bench.a, &bench.b)),
    }
    let view = bench.run(lasts)?;
    let ours = Observed::new()
        .list("client sends", view.packets(A), until)
        .list("server sends", view.packets(B), until)
        .event("error", view.failure(A));
    let peer = match mode.as_str() {
        "live" => "alive",
        "reboot" => "rebooted",
        "hole_data" => "unreachable, one byte unacknowledged",
        _ => "unreachable",
    };
    let what = format!(
        "keepalive {}/{}/{}{}, peer {peer}, RTT {} ms",
        run.get("idle").count(),
        run.get("intvl").count(),
        run.get("cnt").count(),
        options
            .user_timeout
            .map_or(String::new(), |limit| format!(", TCP_USER_TIMEOUT {} s", limit.as_secs())),
        run.get("rtt_ms").number(),
    );
    Ok(Replay { what, linux, ours })
}
