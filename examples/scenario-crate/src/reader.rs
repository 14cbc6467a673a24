//! A server that serves every client in a task of its own, and one client that reads nothing.

use halfopen::scenario::prelude::*;

parameters! {
    /// Parameters of `crowd/reader`.
    pub struct Reader {
        /// How long a packet takes from one machine to the other.
        one_way: Duration = ms(10), in ms(1)..=secs(1);
        /// How long the network is gone for the client that reads.
        outage: Duration = secs(2), in secs(0)..=mins(1);
    }
}

const LASTS: Duration = mins(2);

/// `crowd/reader`
pub static SCENARIO: Experiment<Reader> = Experiment {
    name: "crowd/reader",
    question: "One client reads nothing. Does the server's write to it ever end, and do the others notice?",
    kernel: Sysctls::default,
    // All its measures are counts: however long it runs, nothing is kept.
    needs: Recording::Counters,
    run: |p, mut world| {
        let [server, reads, sleeps] = world.machines(["server", "reads", "sleeps"]);
        world.links().one_way(p.one_way);
        world.notes(["block written", "all written", "block read"]);

        server.does(async |net| {
            let mut listener = net.listen(80, &ListenOptions::default()).await?;
            // Tasks of the process: they stop and die with it.
            let mut tasks = net.tasks();
            loop {
                let (mut stream, _) = listener.accept().await?;
                tasks.spawn(async move {
                    for _ in 0..100 {
                        if stream.write_all(&[0; 16 << 10]).await.is_err() {
                            return;
                        }
                        note!("block written");
                    }
                    note!("all written");
                    std::future::pending::<()>().await;
                });
            }
        });
        reads.does(async |net| {
            let mut stream = net.connect("server:80", &SocketOptions::default()).await?;
            let mut block = vec![0; 16 << 10];
            loop {
                stream.read_exact(&mut block).await?;
                note!("block read");
            }
        });
        sleeps.does(async |net| {
            let _never_read = net.connect("server:80", &SocketOptions::default()).await?;
            std::future::pending().await
        });

        world.at(ms(200)).partition(&reads, &server).lasting(p.outage);

        let trace = world.run(LASTS)?;
        let done = trace.all("all written").count();
        Ok(Report::new()
            .measure("blocks_read_count", "blocks read", trace.all("block read").on("reads").count())
            .measure("blocks_written_count", "blocks written", trace.all("block written").count())
            .measure("window_probes_count", "window probes", trace.counts("server").window_probes)
            .measure("bytes_lost", "bytes lost", trace.counts("server").bytes_lost)
            .claim("X-05", "what was written is not what was read: buffers take some of it", done == 1)
            .of(trace))
    },
};
