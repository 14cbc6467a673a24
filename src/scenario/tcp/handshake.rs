//! A connection is opened, used once, and closed.

use crate::scenario::prelude::*;

/// Who closes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closer {
    /// The side that connected.
    Client,
    /// The side that accepted.
    Server,
    /// Both at the same time.
    Both,
}

impl Choice for Closer {
    const WORDS: &'static [(&'static str, Self)] =
        &[("client", Closer::Client), ("server", Closer::Server), ("both", Closer::Both)];
}
crate::choice_parameter!(Closer);

parameters! {
    /// Parameters of `tcp/handshake`.
    pub struct Handshake {
        /// How long a packet takes from one machine to the other.
        one_way: Duration = ms(25), in ms(1)..=secs(10);
        /// Who closes first: client, server, or both at once.
        closer: Closer = Closer::Client;
    }
}

/// `tcp/handshake`
pub static SCENARIO: Experiment<Handshake> = Experiment {
    name: "tcp/handshake",
    question: "What does it cost to open a connection and to close it, and who is left with TIME-WAIT?",
    kernel: Sysctls::default,
    needs: Recording::Packets,
    run: |p, mut world| {
        let time_wait = world.kernel().time_wait;
        let close_at = secs(1) + p.one_way * 6;

        let [client, server] = world.machines(["client", "server"]);
        world.link(&client, &server).one_way(p.one_way);

        server.does(async move |net| {
            let mut listener = net.listen(80, &ListenOptions::default()).await?;
            let (mut stream, _) = listener.accept().await?;
            stream.read_u32().await?;
            match p.closer {
                Closer::Client => _ = stream.read_u32().await,
                _ => net.until(close_at).await,
            }
            stream.shutdown().await?;
            stream.read_to_end(&mut Vec::new()).await.map(|_| ())
        });
        client.does(async move |net| {
            let mut stream = net.connect("server:80", &SocketOptions::default()).await?;
            stream.write_u32(1).await?;
            match p.closer {
                Closer::Server => _ = stream.read_u32().await,
                _ => net.until(close_at).await,
            }
            stream.shutdown().await?;
            stream.read_to_end(&mut Vec::new()).await.map(|_| ())
        });

        let trace = world.run(close_at + p.one_way * 10 + time_wait + secs(5))?;
        let handshake_s = trace.first("established").on("client").seconds_since(Duration::ZERO);
        let client_time_wait_s = in_time_wait(&trace, "client");
        let server_time_wait_s = in_time_wait(&trace, "server");
        let spoke =
            trace.packets_from("client").with_data().first().map_or(Duration::ZERO, |first| first.sent);
        // The third segment and the first data leave together.
        let to_open = trace.all_packets().filter(|packet| packet.sent <= spoke).count().saturating_sub(1);
        let to_part = trace.all_packets().after(close_at).count();
        let left = match p.closer {
            Closer::Client => client_time_wait_s.is_some() && server_time_wait_s.is_none(),
            Closer::Server => server_time_wait_s.is_some() && client_time_wait_s.is_none(),
            Closer::Both => client_time_wait_s.is_some() && server_time_wait_s.is_some(),
        };
        Ok(Report::new()
            .measure("handshake_s", "the client is connected, from its SYN on", handshake_s)
            .measure("segments_count", "segments in all", trace.all_packets().count())
            .measure("segments_to_open_count", "segments to open the connection", to_open)
            .measure("segments_to_part_count", "segments from the first FIN on", to_part)
            .measure("client_time_wait_s", "the client stays in TIME-WAIT for", client_time_wait_s)
            .measure("server_time_wait_s", "the server stays in TIME-WAIT for", server_time_wait_s)
            .claim(
                "G-05",
                "three segments open a connection, one round trip before the client may send",
                to_open == 3,
            )
            .claim(
                "K-02",
                "whoever closes first is left in TIME-WAIT: neither the server by nature nor the client",
                left,
            )
            .claim(
                "K-03",
                "a client is free of TIME-WAIT exactly when the server closes first",
                client_time_wait_s.is_none() == (p.closer == Closer::Server),
            )
            .of(trace))
    },
};

fn in_time_wait(trace: &Trace, host: &str) -> Option<f64> {
    let entered = trace.first("entered TIME-WAIT").on(host).time()?;
    trace.first("left TIME-WAIT").on(host).seconds_since(entered)
}
