//! A path becomes longer than the retransmission timeout.

use crate::scenario::prelude::*;

parameters! {
    /// Parameters of `tcp/longer-path`.
    pub struct LongerPath {
        /// How long a packet takes from one machine to the other, at first.
        one_way: Duration = ms(30), in ms(1)..=secs(5);
        /// And from then on, when the path has become another one.
        longer: Duration = ms(300), in ms(1)..=secs(5);
        /// The client says something this far apart.
        every: Duration = secs(1), in ms(10)..=mins(10);
        /// So often.
        messages: u32 = 20, in 2..=10_000;
    }
}

/// `tcp/longer-path`
pub static SCENARIO: Experiment<LongerPath> = Experiment {
    name: "tcp/longer-path",
    question: "A path takes ten times as long from now on. Does TCP learn it?",
    kernel: Sysctls::default,
    needs: Recording::Packets,
    run: |p, mut world| {
        let begins = secs(2) + p.one_way * 50;
        let [client, server] = world.machines(["client", "server"]);
        world.link(&client, &server).one_way(p.one_way);
        world.notes(["echo received"]);

        server.does(async |net| {
            let mut listener = net.listen(80, &ListenOptions::default()).await?;
            let (mut stream, _) = listener.accept().await?;
            while let Ok(n) = stream.read_u32().await {
                stream.write_u32(n).await?;
            }
            Ok(())
        });
        client.does(async move |net| {
            let mut stream = net.connect("server:80", &SocketOptions::default()).await?;
            for _ in 0..20 {
                stream.write_u32(0).await?;
                stream.read_u32().await?;
            }
            for n in 0..p.messages {
                net.until(begins + p.every * n).await;
                stream.write_u32(n).await?;
                stream.read_u32().await?;
                note!(n, late_s = seconds_between(begins + p.every * n, net.now()), "echo received");
            }
            std::future::pending().await
        });

        world.at(begins).latency(&client, &server, p.longer, Duration::ZERO);

        let trace = world.run(begins + p.every * p.messages + p.longer * 2 + secs(10))?;
        let sent = || trace.packets_from("client").with_data().after(begins);
        let again = |n: u32| {
            let written = begins + p.every * n;
            sent().between(written, written + p.every).retransmissions().count() > 0
        };
        let resent = (0..p.messages).filter(|n| again(*n)).count();
        Ok(Report::new()
            .measure("segments_count", "segments with data over the longer path", sent().count())
            .measure("messages_sent_again_count", "messages sent more than once", resent)
            .measure("echo_s_max", "the slowest echo takes", trace.all("echo received").numbers("late_s").into_iter().reduce(f64::max))
            .claim(
                "X-44",
                "with timestamps the longer path is learnt within a few messages, and the last one is sent once",
                !again(p.messages - 1) && resent <= 5,
            )
            .claim(
                "X-44",
                "nothing was lost: whatever was sent again was sent in vain",
                trace.all_packets().lost().count() == 0,
            )
            .of(trace))
    },
};
