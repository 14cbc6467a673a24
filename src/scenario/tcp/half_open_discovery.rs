//! A machine reboots and connects again from the port it had. Its peer still believes in the old connection.

use crate::scenario::prelude::*;

parameters! {
    /// Parameters of `tcp/half-open-discovery`.
    pub struct HalfOpenDiscovery {
        /// How long a packet takes from one machine to the other.
        one_way: Duration = ms(25), in ms(1)..=secs(5);
        /// For how long the sensor is without power.
        off: Duration = secs(1), in ms(1)..=hours(1);
        /// Whether the sensor connects from the port that it had before.
        same_port: bool = true;
        /// Whether the server's kernel sends keepalives.
        server_keepalive: bool = false;
        /// Its keepalives.
        keepalive: Keepalive = Keepalive { idle: mins(1), interval: secs(10), count: 3 };
    }
}

/// `tcp/half-open-discovery`
pub static SCENARIO: Experiment<HalfOpenDiscovery> = Experiment {
    name: "tcp/half-open-discovery",
    question: "A machine forgets a connection and asks for the same one again. What does the other side say?",
    kernel: Sysctls::default,
    needs: Recording::Packets,
    run: |p, mut world| {
        let dies_at = secs(1) + p.one_way * 8;
        let boots_at = dies_at + p.off;
        let [sensor, server] = world.machines(["sensor", "server"]);
        world.links().one_way(p.one_way);
        world.notes(["connected", "connect failed", "conversation lost"]);

        server.does(async move |net| {
            let keepalive = p.server_keepalive.then_some(p.keepalive);
            let accepted = SocketOptions { keepalive, ..SocketOptions::default() };
            let mut listener =
                net.listen(80, &ListenOptions { accepted, ..ListenOptions::default() }).await?;
            let mut conversations = net.tasks();
            loop {
                let (mut stream, _) = listener.accept().await?;
                conversations.spawn(async move {
                    let error = stream.read_to_end(&mut Vec::new()).await.err();
                    note!(error = error.map(|e| e.kind().to_string()), "conversation lost");
                });
            }
        });
        sensor.does(async move |net| {
            let another = !p.same_port && net.now() >= boots_at;
            let options =
                SocketOptions { local_port: 40_000 + u16::from(another), ..SocketOptions::default() };
            loop {
                match net.connect("server:80", &options).await {
                    Ok(mut stream) => {
                        note!("connected");
                        stream.write_u32(1).await?;
                        _ = stream.read_u32().await;
                    }
                    Err(e) => note!(error = e.kind().to_string(), "connect failed"),
                }
                sleep(secs(1)).await;
            }
        });

        world.at(dies_at).power_loss(&sensor).lasting(p.off);

        let trace = world.run(boots_at + p.keepalive.idle + mins(6))?;
        let again_s = trace.first("connected").on("sensor").after(boots_at).seconds_since(boots_at);
        let lost = trace.first("conversation lost").on("server").after(dies_at);
        let reset = lost.value("error").is_some_and(|kind| kind.to_string() == "connection reset");
        let two_trips_s = p.one_way.as_secs_f64() * 4.0 + 0.1;
        Ok(Report::new()
            .measure("connected_again_s", "the sensor is connected again, after it has booted", again_s)
            .measure("server_knows_s", "the server knows, after the sensor has booted", lost.seconds_since(boots_at))
            .measure("half_open_s", "half-open, from the power loss on", lost.seconds_since(dies_at))
            .measure("syns_count", "SYNs the sensor needs", trace.packets_from("sensor").syns().after(boots_at).count())
            .measure("failures_count", "connects that fail", trace.all("connect failed").on("sensor").count())
            .claim(
                "X-41",
                "the SYN is answered from within the old connection, that answer with a RST, and the next SYN finds the way free: two round trips",
                reset && again_s.is_some_and(|s| s <= two_trips_s),
            )
            .of(trace))
    },
};
