//! A crowd connects to a server that accepts slowly.

use crate::scenario::prelude::*;

parameters! {
    /// Parameters of `tcp/backlog`.
    pub struct Backlog {
        /// How long a packet takes from one machine to the other.
        one_way: Duration = ms(25), in ms(1)..=secs(1);
        /// listen(2): how many established connections may wait to be accepted.
        backlog: u32 = 16, in 0..=65_535;
        /// How many clients connect.
        clients: u32 = 100, in 1..=2_000;
        /// They come evenly within this time.
        within: Duration = secs(1), in ms(0)..=secs(30);
        /// How many connections the server accepts per second.
        accept_rate: u32 = 10, in 1..=100_000;
    }
}

/// `tcp/backlog`
pub static SCENARIO: Experiment<Backlog> = Experiment {
    name: "tcp/backlog",
    question: "A server cannot accept as fast as clients come. What do the clients see?",
    // Every kernel before Linux 6.5, and most phones: 1, 3, 7 s. With 4, as since then: 1, 2, 3, 4, 5, 7 s.
    kernel: || Sysctls { syn_linear_timeouts: 0, ..Sysctls::default() },
    needs: Recording::Story,
    run: |p, mut world| {
        let begins = secs(1);
        let server = world.machine("server");
        let crowd = world.crowd("client", p.clients as usize);
        world.links().one_way(p.one_way);
        world.notes(["connect failed"]);

        server.does(async move |net| {
            let options = ListenOptions { backlog: p.backlog, ..ListenOptions::default() };
            let mut listener = net.listen(80, &options).await?;
            net.until(begins).await;
            let mut held = Vec::new();
            loop {
                sleep(secs(1) / p.accept_rate).await;
                held.push(listener.accept().await?);
            }
        });
        for (i, client) in (0..).zip(&crowd) {
            let comes_at = begins + p.within * i / p.clients;
            client.does(async move |net| {
                net.until(comes_at).await;
                match net.connect("server:80", &SocketOptions::default()).await {
                    Ok(_stream) => {
                        note!(connect_s = (net.now() - comes_at).as_secs_f64(), "connected");
                        std::future::pending().await
                    }
                    Err(e) => {
                        note!(error = e.kind().to_string(), "connect failed");
                        Ok(())
                    }
                }
            });
        }

        let trace = world.run(begins + p.within + secs(140))?;
        let at_once = p.one_way.as_secs_f64() * 2.0 + 0.01;
        let connect = trace.all("connected").numbers("connect_s");
        let retried: Vec<f64> = connect.iter().copied().filter(|s| *s > at_once).collect();
        let refused = trace.all("connect failed").with("error", "connection refused").count();
        let dropped = trace.all("SYN dropped").on("server").count();
        let half_open = connect.len().saturating_sub(trace.all("established").on("server").count());
        // SYNs leave at 0, 1, 3, 7, 15, ... s (or as kernel.syn_linear_timeouts says), up to 9 % late.
        let quantised = retried.iter().all(|s| {
            let steps = [1.0, 2.0, 3.0, 4.0, 5.0, 7.0, 11.0, 15.0, 19.0, 31.0, 35.0, 63.0, 67.0];
            let at = s - p.one_way.as_secs_f64() * 2.0;
            steps.iter().any(|step| at >= step - 0.01 && at <= step * 1.09 + 0.05)
        });
        Ok(Report::new()
            .measure("connected_count", "clients whose connect returned", connect.len())
            .measure(
                "connected_at_once_count",
                "of them, after one round trip",
                connect.len() - retried.len(),
            )
            // Their last ACK was dropped, their server does not have them: connections that only one side believes in.
            .measure("half_open_count", "of them, unknown to the server (half-open)", half_open)
            .measure("refused_count", "clients that were refused", refused)
            .measure(
                "timed_out_count",
                "clients that gave up",
                trace.all("connect failed").with("error", "timed out").count(),
            )
            .measure("syn_dropped_count", "SYNs dropped by the server", dropped)
            .measure(
                "ack_dropped_count",
                "confirmations dropped by the server",
                trace.all("ACK dropped").on("server").count(),
            )
            .distribution("connect_s", "time to connect", connect)
            .claim(
                "X-35",
                "a full backlog refuses nobody: it drops SYNs, and connect times are those of the SYN timer",
                refused == 0 && quantised && retried.is_empty() == (dropped == 0),
            )
            .of(trace))
    },
};
