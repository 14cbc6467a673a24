//! When acknowledgements leave, and what Nagle's algorithm makes of that.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::super::bench::{A, B, Bench, Setting, listen_to};
use super::super::measured::Measured;
use super::super::seen::Seen;
use super::{Observed, Replay, cases};
use crate::net::{ListenOptions, SocketOptions};
use crate::note;
use crate::parameter::{ms, secs};
use crate::sim::world::WorldError;
use crate::trace::{Fate, quantile};

const NAGLE: fn() -> SocketOptions = || SocketOptions { no_delay: false, ..SocketOptions::default() };

/// The time of every event of the second kind after that of its number of the first, in seconds.
fn took(from: &[Duration], until: &[Duration]) -> Vec<f64> {
    let after = |(from, until): (&Duration, &Duration)| (*until - *from).as_secs_f64();
    from.iter().zip(until).map(after).collect()
}

pub(super) fn nagle(run: Measured) -> Result<Replay, WorldError> {
    let rtt = Duration::from_secs_f64(run.get("rtt").number());
    let both: Vec<f64> = run.get("wwr_ms").numbers().iter().map(|t| t / 1000.0).collect();
    let stream = run.get("stream").get("silent");
    let in_s = |key| stream.get(key).number() / 1000.0;
    // The median alone: on Linux the ninth decile is the scheduler's.
    let middle =
        |took: &[f64]| Seen::Spread { median: quantile(took, 0.5).unwrap_or(f64::INFINITY), p90: None };
    let linux = Observed::new()
        .saw("write, write, read: both arrived after", middle(&both))
        .saw("20 B every 25 ms: delay", Seen::Spread { median: in_s("p50"), p90: Some(in_s("p90")) })
        .runs("longest", vec![in_s("max")])
        .saw("packets", Seen::packets(stream.get("pkts").count()));

    let arrived = write_write_read(rtt, u32::try_from(both.len()).unwrap_or_default())?;
    let (late, packets) = stream_of_writes(rtt)?;
    let longest = quantile(&late, 1.0).unwrap_or(f64::INFINITY);
    let ours = Observed::new()
        .saw("write, write, read: both arrived after", middle(&arrived))
        .spread("20 B every 25 ms: delay", &late)
        .runs("longest", vec![longest])
        .saw("packets", Seen::packets(packets as u64));
    let what = format!("Nagle's algorithm on, RTT {} ms", rtt.as_millis());
    Ok(Replay { what, linux, ours })
}

/// Two small writes, whose answer waits for both: so many times on a new connection. How long the second takes to arrive.
fn write_write_read(rtt: Duration, times: u32) -> Result<Vec<f64>, WorldError> {
    const SPACING: Duration = ms(300);
    let bench = Bench::set(Setting { rtt, exchanges: 0, ..Setting::default() });
    let warm_up = bench.warm_up;
    bench.b.does(async move |net| {
        let (_listener, mut stream) = warm_up.accepted(&net, &ListenOptions::default()).await?;
        for _ in 0..times {
            stream.read_exact(&mut [0; 2]).await?;
            note!("both arrived");
            stream.write_u8(1).await?;
        }
        std::future::pending().await
    });
    bench.a.does(async move |net| {
        let mut stream = warm_up.connected(&net, &NAGLE()).await?;
        for i in 0..times {
            net.until(warm_up.t0 + SPACING * i).await;
            note!("two bytes written");
            stream.write_u8(1).await?;
            stream.write_u8(2).await?;
            stream.read_u8().await?;
        }
        std::future::pending().await
    });
    let view = bench.run((SPACING * times).as_secs_f64() + 5.0)?;
    let written = view.trace.all("two bytes written").on(A).times();
    Ok(took(&written, &view.trace.all("both arrived").on(B).times()))
}

/// A write every 25 ms to a reader that never writes: how long each takes to be read, and how many packets carry them.
fn stream_of_writes(rtt: Duration) -> Result<(Vec<f64>, usize), WorldError> {
    const WRITES: u32 = 120;
    const SIZE: usize = 20;
    let bench = Bench::set(Setting { rtt, exchanges: 0, ..Setting::default() });
    let warm_up = bench.warm_up;
    bench.b.does(async move |net| {
        let (_listener, mut stream) = warm_up.accepted(&net, &ListenOptions::default()).await?;
        loop {
            stream.read_exact(&mut [0; SIZE]).await?;
            note!("message read");
        }
    });
    bench.a.does(async move |net| {
        let mut stream = warm_up.connected(&net, &NAGLE()).await?;
        for i in 0..WRITES {
            net.until(warm_up.t0 + ms(25) * i).await;
            note!("written");
            stream.write_all(&[1; SIZE]).await?;
        }
        std::future::pending().await
    });
    let view = bench.run(10.0)?;
    let written = view.trace.all("written").on(A).times();
    let late = took(&written, &view.trace.all("message read").on(B).times());
    Ok((late, view.sent(A).with_data().count()))
}

pub(super) fn acks(run: Measured) -> Result<Replay, WorldError> {
    let what = "the server pushes 100 B at a time: how many of the reader's acknowledgements leave at once";
    cases(what, run.entries(), |(case, run), linux, ours| {
        let (talk, gap) = case.split_once('/').unwrap_or((case, ""));
        let echoes = talk.strip_prefix("talked").map_or(0, |n| n.parse().unwrap_or_default());
        let gap = Duration::from_secs_f64(super::number(gap));
        let pushes = u32::try_from(run.get("n").count()).unwrap_or_default();
        // Nowhere near the shortest delay of an acknowledgement, which is 40 ms.
        let at_once = if run.get("max").number() < 10.0 { run.get("acks").count() } else { 0 };
        let here = acked_at_once(echoes, gap, pushes)?;
        let name = format!(
            "every {} ms{}",
            gap.as_millis(),
            if echoes == 0 { String::new() } else { format!(", the reader has talked {echoes} times") }
        );
        let told = |n: u64| format!("{n} of {pushes}");
        Ok((linux.said(name.clone(), told(at_once)), ours.said(name, told(here as u64))))
    })
}

/// The client asks so many times, the server answers, and then the server pushes: how many acknowledgements leave within
/// 10 ms of what they acknowledge.
fn acked_at_once(echoes: u32, gap: Duration, pushes: u32) -> Result<usize, WorldError> {
    const PUSH: usize = 100;
    let bench = Bench::set(Setting { exchanges: 0, settle: secs(3), ..Setting::default() });
    let warm_up = bench.warm_up;
    bench.b.does(async move |net| {
        let (_listener, mut stream) = warm_up.accepted(&net, &ListenOptions::default()).await?;
        for _ in 0..echoes {
            let byte = stream.read_u8().await?;
            stream.write_u8(byte).await?;
        }
        for i in 0..pushes {
            net.until(warm_up.t0 + gap * i).await;
            stream.write_all(&[1; PUSH]).await?;
        }
        std::future::pending().await
    });
    bench.a.does(async move |net| {
        let mut stream = super::super::bench::connect(&net).await?;
        for _ in 0..echoes {
            stream.write_u8(1).await?;
            stream.read_u8().await?;
            tokio::time::sleep(ms(20)).await;
        }
        listen_to(&mut stream).await;
        Ok(())
    });
    let view = bench.run((gap * pushes).as_secs_f64() + 5.0)?;
    let acks = view.sent(A);
    let acks = acks.times();
    let pushed = view.sent(B).with_data();
    let at_once = pushed.packets().iter().filter(|p| match p.fate {
        Fate::Arrived(at) => acks.iter().any(|ack| (at..at + ms(10)).contains(ack)),
        _ => false,
    });
    Ok(at_once.count())
}
