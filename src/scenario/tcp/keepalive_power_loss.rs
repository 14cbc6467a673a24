//! The server loses power. The client says nothing and waits for updates.

use crate::scenario::prelude::*;

parameters! {
    /// Parameters of `tcp/keepalive-power-loss`.
    pub struct KeepalivePowerLoss {
        /// How long a packet takes from one machine to the other.
        one_way: Duration = ms(25), in ms(1)..=secs(10);
        /// Whether the client's kernel probes at all (SO_KEEPALIVE).
        keepalive: bool = true;
        /// TCP_KEEPIDLE: silence before the first probe.
        idle: Duration = hours(2), in secs(1)..=hours(9);
        /// TCP_KEEPINTVL: between probes.
        interval: Duration = secs(75), in secs(1)..=hours(9);
        /// TCP_KEEPCNT: unanswered probes before the connection is given up.
        count: u32 = 9, in 1..=127;
    }
}

/// `tcp/keepalive-power-loss`
pub static SCENARIO: Experiment<KeepalivePowerLoss> = Experiment {
    name: "tcp/keepalive-power-loss",
    question: "The server is gone without a word. How long does a client that only listens believe in it?",
    kernel: Sysctls::default,
    needs: Recording::Story,
    run: |p, mut world| {
        let dies_at = secs(2) + p.one_way * 4;
        let documented = p.idle + p.interval * p.count;
        let probes = Keepalive { idle: p.idle, interval: p.interval, count: p.count };
        let options = SocketOptions { keepalive: p.keepalive.then_some(probes), ..SocketOptions::default() };

        let [idle, writing, server] = world.machines(["listener", "writer", "server"]);
        world.links().one_way(p.one_way);
        world.notes(["last sign of life"]);

        server.does(async |net| {
            let mut sockets = net.listen(80, &ListenOptions::default()).await?;
            let mut held = Vec::new();
            loop {
                let (mut stream, _) = sockets.accept().await?;
                stream.write_u32(1).await?;
                held.push(stream);
            }
        });
        for (client, writes) in [(&idle, false), (&writing, true)] {
            let options = options.clone();
            client.does(async move |net| {
                let mut stream = net.connect("server:80", &options).await?;
                stream.read_u32().await?;
                note!("last sign of life");
                if writes {
                    net.until(dies_at + secs(1)).await;
                    stream.write_u32(2).await?;
                }
                let error = stream.read_u32().await.err().map(|e| e.kind().to_string());
                note!(error, "connection lost");
                Ok(())
            });
        }

        world.at(dies_at).power_loss(&server);

        let trace = world.run(dies_at + documented.max(mins(20)) * 8 / 7 + mins(10))?;
        let detected = |client| {
            let heard = trace.first("last sign of life").on(client).time()?;
            trace.first("connection lost").on(client).seconds_since(heard)
        };
        let (detect_s, writer_detect_s) = (detected("listener"), detected("writer"));
        let (listener, writer) = (trace.counts("listener"), trace.counts("writer"));
        // Timers are never early; Linux's wheel makes them up to an eighth late.
        let documented_s = documented.as_secs_f64();
        let noticed = detect_s.is_some_and(|s| (documented_s..documented_s * 1.15 + 0.1).contains(&s));
        Ok(Report::new()
            .measure("detect_s", "the listener's server knows, after the last sign of life", detect_s)
            .measure("probes_count", "keepalives it sent", listener.keepalives)
            .measure("writer_detect_s", "the writer knows, after the last sign of life", writer_detect_s)
            .measure("writer_probes_count", "keepalives the writer sent", writer.keepalives)
            .claim(
                "I-03",
                "keepalive notices after idle + interval × count, and only where somebody has switched it on",
                if p.keepalive { noticed } else { detect_s.is_none() },
            )
            .claim(
                "X-08",
                "no probe is sent while data are unacknowledged: there the retransmissions decide",
                writer.keepalives == 0 && writer.retransmissions > 0,
            )
            .of(trace))
    },
};
