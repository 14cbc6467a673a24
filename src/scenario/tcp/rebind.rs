//! A router gives a connection another port outside. For the server that is somebody else.

use crate::scenario::prelude::*;
use crate::sim::Forgotten;

parameters! {
    /// Parameters of `tcp/rebind`.
    pub struct Rebind {
        /// How long a packet takes from one machine to the other.
        one_way: Duration = ms(25), in ms(1)..=secs(5);
        /// When the routers give their translations other ports.
        rebind_at: Duration = secs(60), in secs(10)..=hours(1);
        /// So long after that one of the clients says something.
        speaks_after: Duration = secs(5), in ms(0)..=hours(1);
        /// The server writes to both clients this far apart.
        update_every: Duration = secs(20), in ms(10)..=hours(1);
        /// What a router says to a segment that it does not know.
        forgotten: Forgotten = Forgotten::Silent;
        /// Whether the client that only listens has keepalives.
        listener_keepalive: bool = false;
        /// Its keepalives.
        keepalive: Keepalive = Keepalive { idle: secs(30), interval: secs(10), count: 3 };
    }
}

/// `tcp/rebind`
pub static SCENARIO: Experiment<Rebind> = Experiment {
    name: "tcp/rebind",
    question: "A router gives two connections other ports. Who notices, and when?",
    kernel: Sysctls::default,
    needs: Recording::Story,
    run: |p, mut world| {
        let [speaker, listener, server] = world.machines(["speaker", "listener", "server"]);
        let router = RouterOptions { forgotten: p.forgotten, ..RouterOptions::default() };
        for client in [&speaker, &listener] {
            client.interface_behind("wifi", router);
        }
        world.links().one_way(p.one_way);

        server.does(async move |net| {
            let mut listener = net.listen(80, &ListenOptions::default()).await?;
            let mut conversations = net.tasks();
            loop {
                let (mut stream, _) = listener.accept().await?;
                conversations.spawn(async move {
                    let mut written = Ok(());
                    while written.is_ok() {
                        sleep(p.update_every).await;
                        written = stream.write_u32(1).await;
                    }
                });
            }
        });
        let speaks = p.rebind_at + p.speaks_after;
        speaker.does(async move |net| {
            let mut stream = net.connect("server:80", &SocketOptions::default()).await?;
            net.until(speaks).await;
            stream.write_u32(1).await?;
            loop {
                stream.read_u32().await?;
            }
        });
        listener.does(async move |net| {
            let keepalive = p.listener_keepalive.then_some(p.keepalive);
            let options = SocketOptions { keepalive, ..SocketOptions::default() };
            let mut stream = net.connect("server:80", &options).await?;
            loop {
                stream.read_u32().await?;
            }
        });

        world.at(p.rebind_at).rebind(&speaker);
        world.at(p.rebind_at).rebind(&listener);

        let trace = world.run(speaks + p.update_every + p.keepalive.idle + mins(30))?;
        let told = |host| {
            let signs = ["reset received", "timed out", "FIN received"];
            signs.iter().filter_map(|sign| trace.first(sign).on(host).after(p.rebind_at).time()).min()
        };
        let speaker_s = told("speaker").map(|at| seconds_between(speaks, at));
        let [listener_s, server_s] =
            ["listener", "server"].map(|host| told(host).map(|at| seconds_between(p.rebind_at, at)));
        let [trip_s, next_s, asks_s] =
            [p.one_way * 2, p.update_every + p.one_way * 2, p.keepalive.idle + p.one_way * 2]
                .map(|t| t.as_secs_f64() * 1.1 + 0.1);
        let at_next_write = server_s.is_some_and(|s| s <= next_s);
        Ok(Report::new()
            .measure("speaker_detect_after_speaking_s", "the speaker knows, after it speaks", speaker_s)
            .measure("listener_detect_s", "the listener knows, after the binding is forgotten", listener_s)
            .measure("server_detect_s", "the server knows, after the binding is forgotten", server_s)
            .claim(
                "J-07",
                "a change in the middle of the path is no event on any device: whoever speaks is told by a RST, whoever listens goes on believing",
                speaker_s.is_some_and(|s| s <= trip_s)
                    && if p.listener_keepalive { listener_s.is_some_and(|s| s <= asks_s) } else { listener_s.is_none() },
            )
            .claim(
                "X-19",
                "a router that answers with RST tells the server at its next write; a silent one leaves it to its retransmissions",
                at_next_write == (p.forgotten == Forgotten::Reset),
            )
            .of(trace))
    },
};
