//! What lies beside TCP: ARP, loopback, a firewall, no route, no carrier.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

use super::bench::{A, B, Bench, SETTLE, View, listen_to};
use super::black_hole::write_into;
use super::measured::Measured;
use super::outage::arrivals;
use super::stopped::buffer;
use super::syn::{NOBODY, connect_to};
use super::{Observed, Replay};
use crate::net::{Keepalive, ListenOptions, SocketOptions};
use crate::note;
use crate::parameter::{ms, secs};
use crate::sim::world::WorldError;

pub(super) fn replay(id: &str, run: Measured) -> Result<Replay, WorldError> {
    match id {
        "x_noroute" | "x_arp_connect" => connecting(id, run),
        "x_nft_lo" | "x_nft_veth" => firewall(run),
        "x_carrier" => carrier(run),
        "x_lo_write" => loopback(run),
        "x_peer_gone_arp" => peer_gone(run),
        "x_peer_gone_arp_ka" => peer_gone_idle(run),
        other => panic!("no bench for the measurement `{other}`"),
    }
}

/// When TCP segments were sent: `[t, flags, length]` without what is not TCP, or bare times.
fn sent(run: Measured, data: bool) -> Vec<f64> {
    let tcp = |p: &Measured| {
        let flags = p.nth(1);
        let wanted = if data { p.nth(2).count() > 0 } else { true };
        !p.nth(0).exists() || (flags.exists() && flags.text() != "ARP" && wanted)
    };
    let at = |p: Measured| {
        if p.nth(0).exists() { p.nth(0).number() } else { p.number() }
    };
    run.get("sent").items().filter(tcp).map(at).collect()
}

fn connecting(id: &str, run: Measured) -> Result<Replay, WorldError> {
    let linux = Observed::new().event("error", Some((run.get("t").number(), run.get("result").text())));
    let mut bench = Bench::of(run, 0);
    let warm_up = bench.warm_up;
    bench.a.does(async move |net| {
        warm_up.until(&net, 0.0).await;
        connect_to(&net, NOBODY).await;
        Ok(())
    });
    if id == "x_noroute" {
        let _for_good = bench.world.at(warm_up.t0 - ms(1)).offline(&bench.a);
    }
    let view = bench.run(200.0)?;
    let ours = Observed::new().event("error", view.failure(A));
    let what = run.get("what").text();
    Ok(Replay { what, linux, ours })
}

fn written(view: &View) -> Observed {
    Observed::new()
        .times("sent", view.times(&view.sent(A).with_data()), view.until)
        .event("error", view.failure(A))
}

fn firewall(run: Measured) -> Result<Replay, WorldError> {
    let until = run.get("end").get("t").number();
    let linux =
        Observed::new().times("sent", sent(run, true), until).event("error", run.get("end").failure());
    let ours = written(&write_into(Bench::of(run, 20), 1, 1, None, until)?);
    let what = run.get("what").text();
    Ok(Replay { what, linux, ours })
}

fn peer_gone(run: Measured) -> Result<Replay, WorldError> {
    const UNTIL_S: f64 = 150.0;
    let linux =
        Observed::new().times("sent", sent(run, true), UNTIL_S).event("error", run.get("end").failure());
    let bench = Bench::of(run, 20);
    bench.a.sysctls(|s| s.retries2 = 8);
    let ours = written(&write_into(bench, 1, 1, None, UNTIL_S)?);
    let what = run.get("what").text();
    Ok(Replay { what, linux, ours })
}

fn peer_gone_idle(run: Measured) -> Result<Replay, WorldError> {
    const UNTIL_S: f64 = 20.0;
    let linux =
        Observed::new().times("sent", sent(run, false), UNTIL_S).event("error", run.get("end").failure());
    // The acknowledgement of the last exchange was still to come at the event: that was 25 ms before it.
    let mut bench = Bench::new(run, Duration::ZERO, 20, ms(25));
    let warm_up = bench.warm_up;
    let options = SocketOptions {
        keepalive: Some(Keepalive { idle: secs(5), interval: secs(2), count: 3 }),
        ..SocketOptions::default()
    };
    bench.b_reads();
    bench.a.does(async move |net| {
        let mut stream = warm_up.connected(&net, &options).await?;
        listen_to(&mut stream).await;
        Ok(())
    });
    let _for_good = bench.world.at(warm_up.t0).offline(&bench.b);
    let view = bench.run(UNTIL_S)?;
    let ours =
        Observed::new().times("sent", view.times(&view.sent(A)), UNTIL_S).event("error", view.failure(A));
    let what = run.get("what").text();
    Ok(Replay { what, linux, ours })
}

fn carrier(run: Measured) -> Result<Replay, WorldError> {
    const UNTIL_S: f64 = 30.0;
    let arrived = vec![(run.get("arrived").number(), "1 B".to_owned())];
    let linux = Observed::new().times("sent", sent(run, true), UNTIL_S).list("arrived", arrived, UNTIL_S);
    let mut bench = Bench::of(run, 20);
    let warm_up = bench.warm_up;
    bench.b_reads();
    bench.a.does(async move |net| {
        let mut stream = warm_up.connected(&net, &SocketOptions::default()).await?;
        stream.write_u8(1).await?;
        std::future::pending().await
    });
    let down = bench.world.at(warm_up.t0).partition(&bench.a, &bench.b);
    down.lasting(Duration::from_secs_f64(run.get("up").number()));
    let view = bench.run(UNTIL_S)?;
    let ours = Observed::new().times("sent", view.times(&view.sent(A).with_data()), UNTIL_S).list(
        "arrived",
        arrivals(&view, B),
        UNTIL_S,
    );
    let what = run.get("what").text();
    Ok(Replay { what, linux, ours })
}

fn loopback(run: Measured) -> Result<Replay, WorldError> {
    let total = |buffers| run.get("r").get(buffers).get("total").count();
    let linux =
        Observed::new().bytes("default buffers", total("default")).bytes("buffers of 4096", total("4096"));
    let ours = Observed::new()
        .bytes("default buffers", taken_by_a_non_reader(run, 0)?)
        .bytes("buffers of 4096", taken_by_a_non_reader(run, 4096)?);
    let what = run.get("what").text();
    Ok(Replay { what, linux, ours })
}

fn taken_by_a_non_reader(run: Measured, buffers: u64) -> Result<u64, WorldError> {
    let bench = Bench::new(run, Duration::ZERO, 0, SETTLE);
    let accepted = SocketOptions { receive_buffer: buffer(buffers), ..SocketOptions::default() };
    let listen = ListenOptions { accepted, ..ListenOptions::default() };
    let options = SocketOptions { send_buffer: buffer(buffers), ..SocketOptions::default() };
    let warm_up = bench.warm_up;
    bench.b.does(async move |net| {
        let _held = warm_up.accepted(&net, &listen).await?;
        std::future::pending().await
    });
    bench.a.does(async move |net| {
        let mut stream = warm_up.connected(&net, &options).await?;
        while let Ok(taken) = timeout(secs(1), stream.write(&[7; 512])).await {
            note!(bytes = taken?, "taken");
        }
        std::future::pending().await
    });
    let view = bench.run(20.0)?;
    let amounts = view.trace.all("taken").on(A).values("bytes");
    Ok(amounts.iter().map(|n| n.unsigned_abs()).sum())
}
