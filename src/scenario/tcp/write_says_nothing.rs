//! A server goes on writing to a client that is no longer there.

use crate::scenario::prelude::*;

parameters! {
    /// Parameters of `tcp/write-says-nothing`.
    pub struct WriteSaysNothing {
        /// How long a packet takes from one machine to the other.
        one_way: Duration = ms(25), in ms(1)..=secs(10);
        /// How long the network is gone; the connection is aborted at its end.
        outage: Duration = secs(15), in ms(0)..=mins(15);
        /// Updates a second.
        rate: u32 = 10, in 1..=1_000;
    }
}

/// `tcp/write-says-nothing`
pub static SCENARIO: Experiment<WriteSaysNothing> = Experiment {
    name: "tcp/write-says-nothing",
    question: "Every write returned Ok. What arrived?",
    kernel: Sysctls::default,
    needs: Recording::Counters,
    run: |p, mut world| {
        let dies_at = secs(5);
        let aborted_at = dies_at + p.outage;

        let [client, server] = world.machines(["client", "server"]);
        world.link(&client, &server).one_way(p.one_way);
        world.notes(["update written"]);

        server.does(async move |net| {
            // A linger of zero: what is closed is aborted, as an application does that has lost patience.
            let accepted = SocketOptions { linger: Some(Duration::ZERO), ..SocketOptions::default() };
            let mut listener =
                net.listen(80, &ListenOptions { accepted, ..ListenOptions::default() }).await?;
            let (mut stream, _) = listener.accept().await?;
            let mut n = 0_u32;
            while net.now() < aborted_at {
                n += 1;
                stream.write_u32(n).await?;
                note!(n, "update written");
                sleep(secs(1) / p.rate).await;
            }
            Ok(())
        });
        client.does(async |net| {
            let mut stream = net.connect("server:80", &SocketOptions::default()).await?;
            loop {
                let n = stream.read_u32().await?;
                note!(n, "update received");
            }
        });

        world.at(dies_at).partition(&client, &server);

        let trace = world.run(aborted_at + secs(5))?;
        let written = trace.all("update written").on("server").count();
        let received = trace.all("update received").on("client").count();
        let failed = trace.all("process failed").on("server").count();
        let lost_rate = p.outage.as_secs_f64() * f64::from(p.rate);
        Ok(Report::new()
            .measure("updates_written_count", "updates written", written)
            .measure("updates_received_count", "of them, received", received)
            .measure("updates_lost_count", "of them, lost", written - received)
            .claim(
                "X-05",
                "every write returned Ok, and what was written during the outage arrived nowhere",
                failed == 0 && written > received && (written - received) as f64 >= (lost_rate * 0.9).floor(),
            )
            .claim(
                "J-08",
                "the writer's connection stays as it is while the network below it is gone",
                failed == 0 && trace.all("timed out").on("server").count() == 0,
            )
            .of(trace))
    },
};
