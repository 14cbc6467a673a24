//! The network is gone for a while, just when something was sent.

use crate::scenario::prelude::*;

parameters! {
    /// Parameters of `tcp/outage-tail`.
    pub struct OutageTail {
        /// How long a packet takes from one machine to the other.
        one_way: Duration = ms(50), in ms(1)..=secs(10);
        /// How long the network is gone.
        outage: Duration = secs(30), in ms(0)..=mins(15);
    }
}

/// `tcp/outage-tail`
pub static SCENARIO: Experiment<OutageTail> = Experiment {
    name: "tcp/outage-tail",
    question: "The network is back. When does what was sent during the outage arrive?",
    kernel: Sysctls::default,
    needs: Recording::Packets,
    run: |p, mut world| {
        let cap = world.kernel().rto_cap();
        // Some exchanges first, so that the connection knows its round-trip time.
        let begins = secs(2) + p.one_way * 50;
        let ends = begins + p.outage;

        let [phone, server] = world.machines(["phone", "server"]);
        world.link(&phone, &server).one_way(p.one_way);
        world.notes(["message written", "echo received"]);

        server.does(async |net| {
            let mut listener = net.listen(80, &ListenOptions::default()).await?;
            let (mut stream, _) = listener.accept().await?;
            while let Ok(n) = stream.read_u32().await {
                note!(n, "message received");
                stream.write_u32(n).await?;
            }
            Ok(())
        });
        phone.does(async move |net| {
            let mut stream = net.connect("server:80", &SocketOptions::default()).await?;
            for n in 1..=20 {
                stream.write_u32(n).await?;
                stream.read_u32().await?;
            }
            net.until(begins).await;
            stream.write_u32(99).await?;
            note!(n = 99, "message written");
            stream.read_u32().await.map(|n| note!(n, "echo received"))
        });

        world.at(begins).partition(&phone, &server).lasting(p.outage);

        let trace = world.run(ends + p.outage * 2 + cap + secs(10))?;
        let written = trace.first("message written").on("phone").time().unwrap_or(begins);
        let stall_s = trace.first("message received").with("n", 99).seconds_since(ends);
        let sent_again = trace.packets_from("phone").retransmissions().after(written);
        let idle_s = p.outage.as_secs_f64();
        Ok(Report::new()
            .measure("stall_s", "the message arrives, after the network is back", stall_s)
            .measure("retransmissions_count", "retransmissions", sent_again.count())
            .measure("retransmitted_last_s", "the last retransmission, after the write", sent_again.last().map(|packet| packet.sent - written))
            .claim(
                "X-02",
                "what was under way waits for the next retransmission: at most about as long again as the outage lasted",
                stall_s.is_some_and(|s| s <= idle_s * 1.15 + 1.0 + p.one_way.as_secs_f64() * 6.0),
            )
            .claim(
                "J-05",
                "the connection survives the outage, and what was sent arrives without the application doing anything",
                stall_s.is_some(),
            )
            .of(trace))
    },
};
