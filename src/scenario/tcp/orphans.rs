//! A server closes its connections to readers that do not read.

use crate::net::time::timeout;
use crate::scenario::prelude::*;

parameters! {
    /// Parameters of `tcp/orphans`.
    pub struct Orphans {
        /// How long a packet takes from one machine to the other.
        one_way: Duration = ms(30), in ms(1)..=secs(1);
        /// How many readers there are; none of them reads.
        readers: u32 = 5, in 1..=1_000;
        /// When the server closes, after it has begun to write: it writes what the buffers take, which is done in a moment.
        writes_for: Duration = secs(10), in ms(0)..=mins(10);
        /// Whether it closes with a linger of zero.
        linger_zero: bool = false;
        /// TCP_USER_TIMEOUT of the server's connections (0s: not set).
        user_timeout: Duration = secs(0), in secs(0)..=mins(30);
    }
}

/// `tcp/orphans`
pub static SCENARIO: Experiment<Orphans> = Experiment {
    name: "tcp/orphans",
    question: "A server closes connections whose peers do not read. When are they gone?",
    kernel: Sysctls::default,
    needs: Recording::Story,
    run: |p, mut world| {
        let close_at = secs(1) + p.writes_for;
        let server = world.machine("server");
        let crowd = world.crowd("reader", p.readers as usize);
        world.links().one_way(p.one_way);
        world.notes(["held for nobody"]);

        server.does(async move |net| {
            let accepted = SocketOptions {
                linger: p.linger_zero.then_some(Duration::ZERO),
                user_timeout: Some(p.user_timeout).filter(|limit| !limit.is_zero()),
                ..SocketOptions::default()
            };
            let options = ListenOptions { backlog: p.readers, accepted, ..ListenOptions::default() };
            let mut listener = net.listen(80, &options).await?;
            let mut conversations = net.tasks();
            loop {
                let (mut stream, _) = listener.accept().await?;
                let left = close_at.saturating_sub(net.now());
                conversations.spawn(async move {
                    let fill = async { while stream.write_all(&[0; 1000]).await.is_ok() {} };
                    _ = timeout(left, fill).await;
                });
            }
        });
        // What `ss` shows of connections that no process has any more, whenever that changes.
        server.does(async move |net| {
            let mut last = 0;
            for second in 1.. {
                net.until(close_at + secs(second)).await;
                let sockets = net.netstat();
                let orphans = sockets.iter().filter(|s| s.state == "FIN-WAIT-1");
                let bytes: usize = orphans.clone().map(|s| s.send_queue).sum();
                let count = orphans.count();
                if count != last {
                    note!(orphans = count as u64, bytes = bytes as u64, "held for nobody");
                }
                last = count;
            }
            Ok(())
        });
        for reader in &crowd {
            reader.does(async |net| {
                let _stream = net.connect("server:80", &SocketOptions::default()).await?;
                std::future::pending().await
            });
        }

        let trace = world.run(close_at + mins(20))?;
        let held = trace.first("held for nobody").on("server");
        let field = |name| held.clone().numbers(name).first().copied().unwrap_or(0.0);
        let gone_s = match held.happened() {
            true => trace.first("held for nobody").with("orphans", 0).seconds_since(close_at),
            false => Some(0.0),
        };
        let believers = crowd.iter().filter(|reader| trace.left_on(&reader.name()).connections() > 0).count();
        Ok(Report::new()
            .measure("orphans_count", "closed connections whose data nobody fetches", field("orphans"))
            .measure("held_bytes", "bytes they still hold", field("bytes"))
            .measure("gone_s", "the last of them is gone, after the close", gone_s)
            .measure("probes_count", "window probes sent by the server", trace.counts("server").window_probes)
            .measure("readers_that_still_believe_count", "readers that still believe at the end", believers)
            .claim(
                "X-48",
                "closed connections whose peers do not read stay for minutes, with all that was not delivered",
                field("orphans") == f64::from(p.readers) && gone_s.is_some_and(|s| (120.0..=600.0).contains(&s)),
            )
            .claim(
                "K-01",
                "in the end the server is rid of them",
                trace.left_on("server").connections() == 0,
            )
            .of(trace))
    },
};
