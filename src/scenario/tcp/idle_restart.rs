//! A connection that was fast has nothing to do for a while. Then there is much to send at once.

use crate::scenario::prelude::*;

parameters! {
    /// Parameters of `tcp/idle-restart`.
    pub struct IdleRestart {
        /// How long a packet takes from one machine to the other.
        one_way: Duration = ms(90), in ms(1)..=secs(2);
        /// What makes the connection fast.
        warm_up: ByteSize = ByteSize(1 << 20), in ByteSize(1)..=ByteSize(16 << 20);
        /// How long nothing is sent after that.
        idle: Duration = secs(10), in ms(0)..=hours(1);
        /// What is then sent at once.
        burst: ByteSize = ByteSize(256 << 10), in ByteSize(1)..=ByteSize(16 << 20);
    }
}

/// `tcp/idle-restart`
pub static SCENARIO: Experiment<IdleRestart> = Experiment {
    name: "tcp/idle-restart",
    question: "A connection was fast, then idle. How fast is it now?",
    kernel: Sysctls::default,
    needs: Recording::Story,
    run: |p, mut world| {
        let [client, server] = world.machines(["client", "server"]);
        world.links().one_way(p.one_way);
        world.notes(["burst written", "burst received"]);

        // Asked for so many bytes, it sends so many.
        server.does(async |net| {
            let mut listener = net.listen(80, &ListenOptions::default()).await?;
            let mut conversations = net.tasks();
            loop {
                let (mut stream, _) = listener.accept().await?;
                conversations.spawn(async move {
                    while let Ok(bytes) = stream.read_u32().await {
                        note!("burst written");
                        _ = stream.write_all(&vec![0; bytes as usize]).await;
                    }
                });
            }
        });
        client.does(async move |net| {
            let mut used = net.connect("server:80", &SocketOptions::default()).await?;
            ask(&mut used, p.warm_up).await?;
            sleep(p.idle).await;
            ask(&mut used, p.burst).await?;
            let mut fresh = net.connect("server:80", &SocketOptions::default()).await?;
            ask(&mut fresh, p.burst).await
        });

        let trace = world.run(p.idle + p.one_way * 200 + secs(70))?;
        let written = trace.all("burst written").on("server").times();
        let received = trace.all("burst received").on("client").times();
        let took = |n: usize| Some(seconds_between(*written.get(n)?, *received.get(n)?));
        let (used_s, fresh_s) = (took(1), took(2));
        let forgot = used_s.zip(fresh_s).is_some_and(|(used, fresh)| used >= fresh * 0.9);
        Ok(Report::new()
            .measure("warm_up_s", "the warm-up takes", took(0))
            .measure("burst_s", "a burst on the connection that was idle takes", used_s)
            .measure("fresh_burst_s", "the same burst on a fresh connection takes", fresh_s)
            .claim(
                "X-43",
                "after an idle of more than a timeout a burst takes as long as on a fresh connection",
                forgot,
            )
            .claim(
                "X-43",
                "and that is several round trips, where one transit would do",
                fresh_s.is_some_and(|s| s >= p.one_way.as_secs_f64() * 5.0),
            )
            .of(trace))
    },
};

async fn ask(stream: &mut SimStream, size: ByteSize) -> std::io::Result<()> {
    stream.write_u32(size.0 as u32).await?;
    stream.read_exact(&mut vec![0; size.0 as usize]).await?;
    note!("burst received");
    Ok(())
}
