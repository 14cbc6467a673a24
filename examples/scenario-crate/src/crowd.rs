//! Many clients connect at the same instant, or spread over some time: two worlds in one experiment.

use halfopen::scenario::prelude::*;

parameters! {
    /// Parameters of `crowd/herd`.
    pub struct Herd {
        /// How long a packet takes from one machine to the other.
        one_way: Duration = ms(25), in ms(1)..=secs(1);
        /// How many clients connect.
        clients: u32 = 60, in 2..=1_000;
        /// In the second world they come evenly within this time.
        spread: Duration = secs(10), in ms(0)..=mins(1);
        /// listen(2): how many established connections may wait to be accepted.
        backlog: u32 = 8, in 0..=65_535;
        /// How many connections the server accepts per second.
        accept_rate: u32 = 20, in 1..=100_000;
    }
}

const BEGINS: Duration = secs(1);

/// `crowd/herd`
pub static SCENARIO: Experiment<Herd> = Experiment {
    name: "crowd/herd",
    question: "All clients come back at once. How much longer do they wait than if they had spread?",
    kernel: Sysctls::default,
    needs: Recording::Story,
    run: |p, mut herd| {
        let mut spread = herd.another();
        populate(&mut herd, p.clone(), Duration::ZERO);
        populate(&mut spread, p.clone(), p.spread);

        let lasts = BEGINS + p.spread + mins(3);
        let (herd, spread) = (herd.run(lasts)?, spread.run(lasts)?);
        let waits = |trace: &Trace| trace.all("let in").numbers("wait_s");
        let slowest = |trace: &Trace| quantile(&waits(trace), 1.0);
        // Their last ACK was dropped and their server forgot them: only the clients believe in these connections.
        let half_open =
            |trace: &Trace| p.clients as usize - waits(trace).len() - trace.all("gave up").count();
        let longer_s = slowest(&herd).zip(slowest(&spread)).map(|(herd, spread)| herd - spread);
        Ok(Report::new()
            .distribution("wait_s", "time to connect, all at once", waits(&herd))
            .distribution("spread_wait_s", "time to connect, spread out", waits(&spread))
            .measure("longer_s", "the median waits longer by", longer_s)
            .measure("gave_up_count", "clients that gave up", herd.all("gave up").count())
            .measure("half_open_count", "clients unknown to the server", half_open(&herd))
            .measure("spread_half_open_count", "the same, spread out", half_open(&spread))
            .claim(
                "X-35",
                "a full backlog refuses nobody: who does not fit in is dropped and waits for a timer, or is half-open",
                !herd.all("gave up").happened() && longer_s.is_some_and(|s| s > 0.2) && half_open(&spread) == 0,
            )
            .of(herd)
            .also("spread", spread))
    },
};

/// A server that accepts slowly, and clients that come within that time.
fn populate(world: &mut World, p: Herd, within: Duration) {
    let server = world.machine("server");
    let clients = world.crowd("client", p.clients as usize);
    world.links().one_way(p.one_way);
    world.notes(["let in", "gave up"]);

    server.does(async move |net| {
        let options = ListenOptions { backlog: p.backlog, ..ListenOptions::default() };
        let mut listener = net.listen(80, &options).await?;
        let mut held = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await?;
            stream.write_u8(1).await?;
            held.push(stream);
            sleep(secs(1) / p.accept_rate).await;
        }
    });
    for (i, client) in (0..).zip(&clients) {
        let comes_at = BEGINS + within * i / p.clients;
        client.does(async move |net| {
            net.until(comes_at).await;
            let welcome = async {
                let mut stream = net.connect("server:80", &SocketOptions::default()).await?;
                stream.read_u8().await.map(|_| stream)
            };
            match welcome.await {
                Ok(_held) => {
                    note!(wait_s = seconds_between(comes_at, net.now()), "let in");
                    std::future::pending().await
                }
                Err(error) => {
                    note!(error = error.kind().to_string(), "gave up");
                    Ok(())
                }
            }
        });
    }
}
