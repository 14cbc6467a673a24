//! A listener with a backlog of 0 whose process is stopped: for a while, and for good.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::super::bench::{A, B, Bench, Setting, connect, connect_with, listen_to};
use super::super::measured::Measured;
use super::{Observed, Replay};
use crate::net::{ListenOptions, Listener as _, Network as _, SocketOptions};
use crate::note;
use crate::parameter::ms;
use crate::sim::world::WorldError;
use crate::sim::{SimNet, SimStream};

/// From one client's start to the next one's.
const BETWEEN: Duration = ms(50);
/// What a client writes.
const QUESTION: usize = 8;

/// A bench whose listener has a backlog of 0, and answers every connection's question with one byte.
fn listening() -> Bench {
    let bench = Bench::set(Setting { exchanges: 0, ..Setting::default() });
    bench.b.does(async |net| {
        let options = ListenOptions { backlog: 0, ..ListenOptions::default() };
        let mut listener = net.listen(7000, &options).await?;
        let mut tasks = net.tasks();
        loop {
            let (stream, _) = listener.accept().await?;
            tasks.spawn(answer(stream));
        }
    });
    bench
}

async fn answer(mut stream: SimStream) {
    if stream.read_exact(&mut [0; QUESTION]).await.is_ok() && stream.write_u8(1).await.is_ok() {
        std::future::pending::<()>().await;
    }
}

async fn ask(net: SimNet, client: usize) {
    if let Ok(mut stream) = connect(&net).await {
        note!(client, "is connected");
        if stream.write_all(&[1; QUESTION]).await.is_ok() && stream.read_u8().await.is_ok() {
            note!(client, "answered");
        }
        std::future::pending::<()>().await;
    }
}

pub(super) fn for_a_while(run: Measured) -> Result<Replay, WorldError> {
    const STOPPED: Duration = ms(10_300);
    const UNTIL_S: f64 = 60.0;
    let clients = run.items().count();
    let nth = |i| run.items().map(|client| client.nth(i).number()).collect();
    let linux =
        Observed::new().times("connected after", nth(0), UNTIL_S).times("answered at", nth(4), UNTIL_S);

    let mut bench = listening();
    let warm_up = bench.warm_up;
    bench.a.does(async move |net| {
        let mut tasks = net.tasks();
        for (client, n) in (0..clients).zip(0..) {
            net.until(warm_up.t0 + BETWEEN * n).await;
            tasks.spawn(ask(net.clone(), client));
        }
        tasks.finished().await;
        Ok(())
    });
    bench.world.at(warm_up.t0 - ms(1)).stall(&bench.b).lasting(STOPPED + ms(1));
    let view = bench.run(UNTIL_S)?;
    let seen = |name, client: usize| {
        let client = i64::try_from(client).unwrap_or_default();
        let noted = view.trace.first(name).on(A).with("client", client);
        noted.seconds_since(view.t0).unwrap_or(f64::INFINITY)
    };
    let connected = (0..clients).zip(0..).map(|(client, n)| {
        let start = BETWEEN * n;
        seen("is connected", client) - start.as_secs_f64()
    });
    let ours = Observed::new().times("connected after", connected.collect(), UNTIL_S).times(
        "answered at",
        (0..clients).map(|client| seen("answered", client)).collect(),
        UNTIL_S,
    );
    let what = format!(
        "{clients} clients, 50 ms apart, of a listener with a backlog of 0 whose process is stopped for 10.3 s"
    );
    Ok(Replay { what, linux, ours })
}

pub(super) fn for_good(run: Measured) -> Result<Replay, WorldError> {
    const UNTIL_S: f64 = 200.0;
    const PORT: u16 = 40_001;
    /// When the second client writes, as seen on Linux.
    const WRITES_S: f64 = 0.4;
    let taken = run.get("send").count();
    let linux = Observed::new()
        .said("taken by the write", taken.to_string())
        .list("client sends", run.get("pk").packets("a"), UNTIL_S)
        .list("server sends", run.get("pk").packets("b"), UNTIL_S)
        .event("error", run.get("e").failure());

    let mut bench = listening();
    let warm_up = bench.warm_up;
    bench.a.does(async move |net| {
        warm_up.until(&net, 0.0).await;
        let _first = connect(&net).await?;
        std::future::pending().await
    });
    let size = usize::try_from(taken).unwrap_or_default();
    bench.a.does(async move |net| {
        net.until(warm_up.t0 + BETWEEN).await;
        let options = SocketOptions { local_port: PORT, ..SocketOptions::default() };
        let mut stream = connect_with(&net, &options).await?;
        warm_up.until(&net, WRITES_S).await;
        let n = stream.write(&vec![1; size]).await?;
        note!(bytes = n, "written");
        listen_to(&mut stream).await;
        Ok(())
    });
    let _for_good = bench.world.at(warm_up.t0 - ms(1)).stall(&bench.b);
    let view = bench.run(UNTIL_S)?;
    let of_second = |host| view.sent(host).segments(|s| s.src.port() == PORT || s.dst.port() == PORT);
    let written = view.trace.first("written").on(A);
    let ours = Observed::new()
        .said("taken by the write", written.value("bytes").map_or("nothing".to_owned(), ToString::to_string))
        .list("client sends", view.kinds(&of_second(A)), UNTIL_S)
        .list("server sends", view.kinds(&of_second(B)), UNTIL_S)
        .event("error", view.failure(A));
    let what = "the same, stopped for good: the second client, whose handshake is not finished".to_owned();
    Ok(Replay { what, linux, ours })
}
