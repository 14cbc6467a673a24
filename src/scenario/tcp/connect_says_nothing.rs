//! A crowd connects to a server whose process stands still.

use crate::scenario::prelude::*;

parameters! {
    /// Parameters of `tcp/connect-says-nothing`.
    pub struct ConnectSaysNothing {
        /// How long a packet takes from one machine to the other.
        one_way: Duration = ms(30), in ms(1)..=secs(1);
        /// listen(2): how many established connections may wait to be accepted.
        backlog: u32 = 4, in 0..=65_535;
        /// How many clients connect.
        clients: u32 = 12, in 1..=2_000;
        /// They come evenly within this time (0s: all at once).
        within: Duration = secs(0), in ms(0)..=secs(30);
        /// How long the server's process stands still, from before they come.
        stall: Duration = mins(5), in ms(0)..=hours(1);
        /// Whether a client says something as soon as it is connected, or only listens.
        speaks: bool = true;
    }
}

/// `tcp/connect-says-nothing`
pub static SCENARIO: Experiment<ConnectSaysNothing> = Experiment {
    name: "tcp/connect-says-nothing",
    question: "Every connect returned Ok. To whom are the clients connected?",
    kernel: Sysctls::default,
    needs: Recording::Story,
    run: |p, mut world| {
        let (stall_at, begins) = (secs(1), secs(2));
        let server = world.machine("server");
        let crowd = world.crowd("client", p.clients as usize);
        world.links().one_way(p.one_way);
        world.notes(["connected", "answer received", "connection lost"]);

        server.does(async move |net| {
            let options = ListenOptions { backlog: p.backlog, ..ListenOptions::default() };
            let mut listener = net.listen(80, &options).await?;
            let mut conversations = net.tasks();
            loop {
                let (mut stream, _) = listener.accept().await?;
                conversations.spawn(async move {
                    while let Ok(n) = stream.read_u32().await {
                        _ = stream.write_u32(n).await;
                    }
                });
            }
        });
        for (i, client) in (0..).zip(&crowd) {
            let comes_at = begins + p.within * i / p.clients;
            client.does(async move |net| {
                net.until(comes_at).await;
                let mut stream = net.connect("server:80", &SocketOptions::default()).await?;
                let connected = net.now();
                note!("connected");
                if p.speaks {
                    stream.write_u32(i).await?;
                }
                match stream.read_u32().await {
                    Ok(_) => note!("answer received"),
                    Err(e) => {
                        let believed_s = (net.now() - connected).as_secs_f64();
                        note!(error = e.kind().to_string(), believed_s, "connection lost");
                    }
                }
                std::future::pending().await
            });
        }

        world.at(stall_at).stall(&server).lasting(p.stall);

        // Those who have come by now have been answered at once, or stand in the queue, or nowhere.
        let soon = begins + p.within + p.one_way * 6;
        let trace = world.run(soon.max(stall_at + p.stall) + mins(3))?;
        let at_once = trace.all("connected").before(soon).count();
        let known = trace.all("established").on("server").before(soon).count();
        let half_open = at_once.saturating_sub(known);
        let believed = trace.all("connection lost").numbers("believed_s");
        let told = believed.iter().filter(|s| **s >= 60.0).count();
        Ok(Report::new()
            .measure("connected_at_once_count", "clients connected at once", at_once)
            .measure("known_to_the_server_count", "of them, known to the server's kernel", known)
            .measure("half_open_count", "of them, connected to nobody (half-open)", half_open)
            .measure("answered_count", "clients that were answered", trace.all("answer received").count())
            .measure("lost_count", "clients told that their connection is lost", believed.len())
            .distribution("believed_s", "how long those believed in it", believed)
            .claim(
                "X-47",
                "all who come at once are connected, and those beyond the queue are connected to nobody",
                at_once == p.clients as usize && half_open > 0 && known == p.backlog as usize + 1,
            )
            .claim(
                "X-47",
                "whoever speaks into such a connection is told by a RST, minutes later; whoever only listens never is",
                told == if p.speaks { half_open } else { 0 },
            )
            .of(trace))
    },
};
