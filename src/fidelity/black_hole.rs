//! The path becomes a black hole, then something is sent.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::bench::{A, Bench, listen_to, noted};
use super::measured::Measured;
use super::{Observed, Replay};
use crate::net::SocketOptions;
use crate::sim::world::WorldError;

pub(super) fn replay(run: Measured) -> Result<Replay, WorldError> {
    let (segments, size) = (run.get("nwrites").count(), run.get("writes").nth(0).count());
    let user_timeout = Some(run.get("user_timeout_ms").count()).filter(|ms| *ms > 0);
    let warm = u32::try_from(run.get("warm").count()).unwrap_or_default();
    let until = run.get("waited_s").number();

    let end = run.get("end").failure();
    let mut linux =
        Observed::new().times("sent", run.get("transmissions").numbers(), until).event("error", end.clone());
    if end.is_some() {
        let after = run.get("after");
        let then = format!("{}, {}", after.get("recv").text(), after.get("send").text());
        linux = linux.said("then read, write", then);
    }

    let view = write_into(Bench::of(run, warm), segments, size, user_timeout, until)?;
    let error = view.failure(A);
    let mut ours = Observed::new()
        .times("sent", view.times(&view.sent(A).with_data()), until)
        .event("error", error.clone());
    if error.is_some() {
        ours = ours.said("then read, write", view.outcomes(A).join(", "));
    }
    let what = format!(
        "{segments} segment{} of {size} B into a black hole, RTT {} ms{}{}{}",
        if segments == 1 { "" } else { "s" },
        run.get("rtt_ms").number(),
        if warm == 0 { ", new connection" } else { "" },
        user_timeout.map_or(String::new(), |ms| format!(", TCP_USER_TIMEOUT {} s", ms / 1000)),
        settings(run),
    );
    Ok(Replay { what, linux, ours })
}

/// The sysctls that a run changed, to be appended to what it does.
pub(super) fn settings(run: Measured) -> String {
    let changed = run.get("sysctls").items().map(Measured::text);
    changed.map(|s| format!(", {}", s.trim_start_matches("net.ipv4."))).collect()
}

/// The path dies at the event, and `a` writes so many segments.
pub(super) fn write_into(
    mut bench: Bench,
    segments: u64,
    size: u64,
    user_timeout_ms: Option<u64>,
    until: f64,
) -> Result<super::bench::View, WorldError> {
    let warm_up = bench.warm_up;
    let options = SocketOptions {
        user_timeout: user_timeout_ms.map(Duration::from_millis),
        ..SocketOptions::default()
    };
    bench.b_reads();
    bench.a.does(async move |net| {
        let mut stream = warm_up.connected(&net, &options).await?;
        let segment = vec![1; usize::try_from(size).unwrap_or_default()];
        for _ in 0..segments {
            stream.write_all(&segment).await?;
        }
        listen_to(&mut stream).await;
        noted(&stream.read(&mut [0]).await);
        noted(&stream.write(&[1]).await);
        Ok(())
    });
    bench.world.at(warm_up.t0).partition(&bench.a, &bench.b);
    bench.run(until)
}
