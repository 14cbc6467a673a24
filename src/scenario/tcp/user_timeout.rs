//! Two connections into a path that dies: one writes into it, one is idle.

use crate::scenario::prelude::*;

parameters! {
    /// Parameters of `tcp/user-timeout`.
    pub struct UserTimeout {
        /// How long a packet takes from one machine to the other.
        one_way: Duration = ms(25), in ms(1)..=secs(10);
        /// TCP_USER_TIMEOUT of both connections (0s: not set).
        user_timeout: Duration = secs(20), in secs(0)..=mins(30);
        /// How long the network is gone.
        outage: Duration = mins(20), in secs(0)..=hours(2);
    }
}

/// `tcp/user-timeout`
pub static SCENARIO: Experiment<UserTimeout> = Experiment {
    name: "tcp/user-timeout",
    question: "The path is dead. When does a write into it fail, and what does an idle connection notice?",
    kernel: Sysctls::default,
    needs: Recording::Story,
    run: |p, mut world| {
        let (dies_at, write_at) = (secs(5), secs(7));
        let options = SocketOptions {
            user_timeout: Some(p.user_timeout).filter(|limit| !limit.is_zero()),
            ..SocketOptions::default()
        };

        let [phone, server] = world.machines(["phone", "server"]);
        world.link(&phone, &server).one_way(p.one_way);
        world.notes(["message written", "writer failed", "idle reader failed"]);

        server.does(async |net| {
            let mut listener = net.listen(80, &ListenOptions::default()).await?;
            let mut held = Vec::new();
            loop {
                held.push(listener.accept().await?);
            }
        });
        let writer = options.clone();
        phone.does(async move |net| {
            let mut stream = net.connect("server:80", &writer).await?;
            net.until(write_at).await;
            stream.write_u32(1).await?;
            note!("message written");
            let error = stream.read_u32().await.err().map(|e| e.kind().to_string());
            note!(error, "writer failed");
            Ok(())
        });
        phone.does(async move |net| {
            let mut stream = net.connect("server:80", &options).await?;
            let error = stream.read_u32().await.err().map(|e| e.kind().to_string());
            note!(error, "idle reader failed");
            Ok(())
        });

        world.at(dies_at).partition(&phone, &server).lasting(p.outage);

        let trace = world.run(dies_at + p.outage.max(p.user_timeout) + mins(5))?;
        let failed = trace.first("writer failed").on("phone");
        let error_s = failed.seconds_since(write_at);
        let timed_out = failed.value("error").is_some_and(|kind| kind.to_string() == "timed out");
        let idle_error_s = trace.first("idle reader failed").on("phone").seconds_since(write_at);
        let limit_s = p.user_timeout.as_secs_f64();
        Ok(Report::new()
            .measure("error_s", "the writer is told, after its write", error_s)
            .measure("idle_error_s", "the reader is told, after that write", idle_error_s)
            .claim(
                "X-04",
                "a write into a dead path fails after the user timeout, counted from its first retransmission",
                limit_s > 0.0 && timed_out && error_s.is_some_and(|s| s >= limit_s && s <= limit_s * 1.1 + 2.0),
            )
            .claim("J-01", "an idle connection notices nothing, however long the path is dead", idle_error_s.is_none())
            .of(trace))
    },
};
