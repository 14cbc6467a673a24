//! A server pushes to a client that has stopped reading.

use crate::scenario::prelude::*;

parameters! {
    /// Parameters of `tcp/stalled-reader`.
    pub struct StalledReader {
        /// How long a packet takes from one machine to the other.
        one_way: Duration = ms(30), in ms(1)..=secs(1);
        /// How large a push is.
        size: ByteSize = ByteSize(1000), in ByteSize(8)..=ByteSize(64 << 10);
        /// How far apart pushes are.
        every: Duration = ms(5), in ms(1)..=mins(1);
        /// How long the client does not read.
        stall: Duration = mins(1), in ms(0)..=hours(2);
        /// TCP_NOTSENT_LOWAT of the server's connection (0B: not set).
        notsent_lowat: ByteSize = ByteSize(0), in ByteSize(0)..=ByteSize(64 << 20);
    }
}

/// `tcp/stalled-reader`
pub static SCENARIO: Experiment<StalledReader> = Experiment {
    name: "tcp/stalled-reader",
    question: "A client has stopped reading. How much is written to it before its writer has to wait?",
    kernel: Sysctls::default,
    needs: Recording::Story,
    run: |p, mut world| {
        let stall_at = secs(2);
        let reads_at = stall_at + p.stall;
        let size = p.size.0 as usize;
        let [client, server] = world.machines(["client", "server"]);
        world.links().one_way(p.one_way);
        world.notes(["push written", "push read"]);

        server.does(async move |net| {
            let notsent_lowat = Some(p.notsent_lowat).filter(|limit| limit.0 > 0);
            let accepted = SocketOptions { notsent_lowat, ..SocketOptions::default() };
            let mut listener =
                net.listen(80, &ListenOptions { accepted, ..ListenOptions::default() }).await?;
            let (mut stream, _) = listener.accept().await?;
            let mut push = vec![0; size];
            loop {
                // What is pushed is what was known when it was written.
                push[..8].copy_from_slice(&(net.now().as_micros() as u64).to_be_bytes());
                stream.write_all(&push).await?;
                note!("push written");
                sleep(p.every).await;
            }
        });
        client.does(async move |net| {
            let mut stream = net.connect("server:80", &SocketOptions::default()).await?;
            let mut rest = vec![0; size - 8];
            loop {
                let written = Duration::from_micros(stream.read_u64().await?);
                stream.read_exact(&mut rest).await?;
                note!(age_s = seconds_between(written, net.now()), "push read");
            }
        });

        world.at(stall_at).stall(&client).lasting(p.stall);

        let trace = world.run(reads_at + secs(5))?;
        let swallowed = trace.all("push written").on("server").between(stall_at, reads_at);
        let last = swallowed.last().map(|push| push.at);
        let bytes = swallowed.count() * size;
        // Somebody who writes on time is not waiting.
        let blocked_at = last.filter(|at| reads_at - *at > p.every * 2);
        let freed = trace.first("push written").on("server").after(reads_at);
        let oldest_s = trace.all("push read").after(reads_at).numbers("age_s").into_iter().reduce(f64::max);
        Ok(Report::new()
            .measure("swallowed_bytes", "bytes written while nobody reads", bytes)
            .measure(
                "writer_waits_after_s",
                "the writer has to wait, after the reader stopped",
                blocked_at.map(|at| seconds_between(stall_at, at)),
            )
            .measure(
                "writer_free_s",
                "the writer can go on, after the reader reads again",
                blocked_at.and(freed.seconds_since(reads_at)),
            )
            .measure("oldest_read_s", "age of the oldest thing read", oldest_s)
            .claim(
                "X-46",
                "hundreds of kilobytes are swallowed before the writer has to wait for good",
                blocked_at.is_none() || bytes >= 200_000,
            )
            .claim(
                "X-46",
                "what the client reads first, when it reads again, is as old as its silence",
                oldest_s.is_some_and(|s| s >= p.stall.as_secs_f64() * 0.95),
            )
            .of(trace))
    },
};
