//! The peer reboots, and the client writes, or only reads.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::bench::{A, B, Bench, listen_to, noted};
use super::measured::Measured;
use super::{Observed, Replay};
use crate::net::SocketOptions;
use crate::parameter::{ms, secs};
use crate::sim::world::WorldError;

/// How long the network was gone around the reboot in the run that reboots in the midst of a retransmission: from what
/// was dropped and what was not, more than 3.3 s and less than 6.8 s.
const AWAY_S: u64 = 5;

pub(super) fn replay(run: Measured) -> Result<Replay, WorldError> {
    let mode = run.get("mode").text();
    let mut until = 10.0;
    let mut failure = None;
    let mut calls = Vec::new();
    for step in run.get("steps").items() {
        let (call, came) = (step.nth(0).text(), step.nth(1));
        match call.as_str() {
            "wait" => {
                until = f64::max(until, came.get("t").number());
                failure = came.failure();
            }
            "poll" => {}
            _ => calls.push(came.text()),
        }
    }
    let linux = Observed::new()
        .list("client sends", run.get("packets").packets("a"), until)
        .list("server sends", run.get("packets").packets("b"), until)
        .said("calls", calls.join(", "))
        .event("error while reading", failure);

    let mut bench = Bench::of(run, 20);
    let warm_up = bench.warm_up;
    bench.b_reads();
    let does = mode.clone();
    bench.a.does(async move |net| {
        let mut stream = warm_up.connected(&net, &SocketOptions::default()).await?;
        match does.as_str() {
            "write_write" => {
                for at in [0.0, 0.2, 0.3] {
                    warm_up.until(&net, at).await;
                    noted(&stream.write(&[1]).await);
                }
                noted(&stream.read(&mut [0]).await);
            }
            "write_read_write" => {
                noted(&stream.write(&[1]).await);
                for at in [0.2, 0.3] {
                    warm_up.until(&net, at).await;
                    noted(&stream.read(&mut [0]).await);
                }
                noted(&stream.write(&[1]).await);
                noted(&stream.write(&[1]).await);
            }
            "midwrite" => {
                noted(&stream.write(&[1]).await);
                listen_to(&mut stream).await;
            }
            _ => listen_to(&mut stream).await,
        }
        Ok(())
    });
    if mode == "midwrite" {
        bench.world.at(warm_up.t0).power_loss(&bench.b).lasting(secs(AWAY_S));
    } else {
        bench.world.at(warm_up.t0 - ms(100)).power_loss(&bench.b).lasting(ms(50));
    }
    let view = bench.run(until)?;
    let ours = Observed::new()
        .list("client sends", view.packets(A), until)
        .list("server sends", view.packets(B), until)
        .said("calls", view.outcomes(A).join(", "))
        .event("error while reading", view.failure(A));
    let client = match mode.as_str() {
        "write_write" => "the client writes three times, then reads",
        "write_read_write" => "the client writes, reads twice, writes twice",
        "midwrite" => "the client has written and waits",
        _ => "the client only reads",
    };
    let what = format!("the server reboots; {client}");
    Ok(Replay { what, linux, ours })
}
