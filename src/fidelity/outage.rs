//! The network, or the sender's interface, is gone for a while, just when something was sent.

use tokio::io::AsyncWriteExt as _;

use super::bench::{A, B, Bench, View, listen_to};
use super::measured::Measured;
use super::{Observed, Replay};
use crate::net::SocketOptions;
use crate::parameter::{ms, secs};
use crate::sim::world::WorldError;

pub(super) fn replay(run: Measured) -> Result<Replay, WorldError> {
    let outage = run.get("outage_s").count();
    let every = run.get("stream_every_s").count();
    let local = run.get("kind").text() == "sender interface down";
    // Everything has arrived long before.
    let until = outage as f64 * 2.5 + 5.0;

    let arrived: Vec<(f64, String)> = run
        .get("data_arrived")
        .items()
        .map(|a| (a.nth(0).number(), format!("{} B", a.nth(1).count())))
        .collect();
    let linux = Observed::new()
        .times("sent", run.get("transmissions").numbers(), until)
        .list("arrived", arrived, until);

    let mut bench = Bench::of(run, 20);
    let warm_up = bench.warm_up;
    bench.b_reads();
    bench.a.does(async move |net| {
        let mut stream = warm_up.connected(&net, &SocketOptions::default()).await?;
        stream.write_u8(1).await?;
        for n in 1..outage.checked_div(every).unwrap_or(0) {
            net.until(warm_up.t0 + secs(n * every)).await;
            stream.write_u8(1).await?;
        }
        listen_to(&mut stream).await;
        Ok(())
    });
    let lasts = secs(outage);
    if local {
        // A moment before, so that there is no question which comes first.
        let gone = bench.world.at(warm_up.t0 - ms(1)).offline(&bench.a);
        gone.lasting(lasts + ms(1));
    } else {
        let gone = bench.world.at(warm_up.t0).partition(&bench.a, &bench.b);
        gone.lasting(lasts);
    }
    let view = bench.run(until)?;
    let ours = Observed::new().times("sent", view.times(&view.sent(A).with_data()), until).list(
        "arrived",
        arrivals(&view, B),
        until,
    );
    let what = format!(
        "one byte{} as an outage of {outage} s begins ({}), RTT {} ms",
        if every > 0 { " a second" } else { "" },
        run.get("kind").text(),
        run.get("rtt_ms").number()
    );
    Ok(Replay { what, linux, ours })
}

/// What a machine's application read, and when.
pub(super) fn arrivals(view: &View, host: &str) -> Vec<(f64, String)> {
    let received = view.trace.all("received").on(host).after(view.t0);
    let events = received.events().into_iter();
    events.filter_map(|e| Some((view.since(e.at), format!("{} B", e.field("bytes")?)))).collect()
}
