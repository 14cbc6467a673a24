//! A server pushes small updates over links that lose some of what they carry.

use crate::scenario::prelude::*;

parameters! {
    /// Parameters of `tcp/lossy-pushes`.
    pub struct LossyPushes {
        /// How long a packet takes from one machine to the other.
        one_way: Duration = ms(30), in ms(1)..=secs(1);
        /// How many packets are lost, both ways.
        loss: Probability = Probability(0.02);
        /// How far apart the pushes of a connection are.
        every: Duration = ms(50), in ms(1)..=secs(10);
        /// How many clients there are.
        clients: u32 = 6, in 1..=1_000;
        /// How many pushes each of them gets.
        pushes: u32 = 600, in 1..=100_000;
        /// How large a push is.
        size: ByteSize = ByteSize(100), in ByteSize(8)..=ByteSize(64 << 10);
    }
}

/// `tcp/lossy-pushes`
pub static SCENARIO: Experiment<LossyPushes> = Experiment {
    name: "tcp/lossy-pushes",
    question: "A few packets in a hundred are lost. How late are the pushes?",
    kernel: Sysctls::default,
    needs: Recording::Story,
    run: |p, mut world| {
        // By then everybody is connected, whatever was lost of the handshakes.
        let begins = secs(30);
        let size = p.size.0 as usize;
        let server = world.machine("server");
        let crowd = world.crowd("client", p.clients as usize);
        world.links().one_way(p.one_way).loss(p.loss);
        world.notes(["push read"]);

        server.does(async move |net| {
            let mut listener = net.listen(80, &ListenOptions::default()).await?;
            let mut conversations = net.tasks();
            loop {
                let (mut stream, _) = listener.accept().await?;
                let net = net.clone();
                conversations.spawn(async move {
                    let mut push = vec![0; size];
                    for n in 0..p.pushes {
                        net.until(begins + p.every * n).await;
                        push[..8].copy_from_slice(&(net.now().as_micros() as u64).to_be_bytes());
                        if stream.write_all(&push).await.is_err() {
                            return;
                        }
                    }
                    _ = stream.read_u32().await;
                });
            }
        });
        for client in &crowd {
            client.does(async move |net| {
                let mut stream = net.connect("server:80", &SocketOptions::default()).await?;
                let mut rest = vec![0; size - 8];
                loop {
                    let written = Duration::from_micros(stream.read_u64().await?);
                    stream.read_exact(&mut rest).await?;
                    note!(late_s = seconds_between(written, net.now()), "push read");
                }
            });
        }

        let trace = world.run(begins + p.every * p.pushes + mins(2))?;
        let late = trace.all("push read").numbers("late_s");
        let of = |q| quantile(&late, q);
        let (half, many, few) = (of(0.5), of(0.95), of(0.99));
        let trip_s = p.one_way.as_secs_f64();
        // Later than a packet that was neither lost nor had to wait for one that was.
        let delayed = late.iter().filter(|s| **s > trip_s + 0.005).count();
        Ok(Report::new()
            .measure("pushes_count", "pushes read", late.len())
            .measure("delayed_count", "of them, late", delayed)
            .measure("late_p95_s", "19 of 20 arrive within", many)
            .distribution("late_s", "a push arrives after", late)
            .claim(
                "X-45",
                "the median says nothing: it is a push of which nothing was lost",
                half.is_some_and(|s| s <= trip_s + 0.005),
            )
            .claim(
                "X-45",
                "where the next push follows soon, nineteen of twenty are late by less than a round trip",
                many.is_some_and(|s| s <= trip_s * 3.0),
            )
            .claim(
                "X-45",
                "one in a hundred is late by a round trip and more",
                few.is_some_and(|s| s >= trip_s * 3.0),
            )
            .of(trace))
    },
};
