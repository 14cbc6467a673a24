//! A server is replaced by a new one. It may say goodbye first.

use crate::scenario::prelude::*;

parameters! {
    /// Parameters of `websocket/deploy`.
    pub struct Deploy {
        /// How long a packet takes from one machine to the other.
        one_way: Duration = ms(25), in ms(1)..=secs(5);
        /// When the server's processes get the stop signal.
        deploy_at: Duration = secs(60), in secs(20)..=hours(1);
        /// How long they may take to end before they are killed.
        grace: Duration = secs(30), in ms(0)..=mins(10);
        /// How long after that the new ones start.
        pause: Duration = secs(2), in ms(0)..=mins(10);
        /// From 10 s before the deploy on one client cannot be reached, for so long.
        away: Duration = secs(30), in ms(0)..=mins(30);
        /// The server's updates come this far apart.
        update_every: Duration = secs(5), in ms(10)..=hours(1);
    }
}

/// `websocket/deploy`
pub static SCENARIO: Experiment<Deploy> = Experiment {
    name: "websocket/deploy",
    question: "A server is replaced. Which of its clients hear of it, and what is left of the old one?",
    kernel: Sysctls::default,
    needs: Recording::Story,
    run: |p, mut world| {
        let begins = p.deploy_at - secs(10);
        let [near, away, server] = world.machines(["near", "away", "server"]);
        world.links().one_way(p.one_way);

        server.runs(websocket::server(Feed::every(p.update_every)));
        for client in [&near, &away] {
            client.runs(Session::over(websocket::client("ws://server/feed")));
        }

        world.at(begins).partition(&away, &server).lasting(p.away);
        world.at(p.deploy_at).deploy(&server, p.grace, p.pause);

        let trace = world.run(p.deploy_at + p.grace + p.pause + p.away * 2 + mins(3))?;
        let since = |time: Option<Duration>| time.map(|at| seconds_between(p.deploy_at, at));
        let goodbye = |client| trace.first("close received").on(client).with("code", 1001).after(p.deploy_at);
        let [near_s, away_s] = ["near", "away"].map(|client| goodbye(client).seconds_since(p.deploy_at));
        let goodbyes = [near_s, away_s].iter().flatten().count();
        // A connection is gone when its kernel says so; TIME-WAIT is but a memory of it.
        let gone = ["entered TIME-WAIT", "reset sent", "reset received", "timed out"];
        let gone =
            gone.iter().filter_map(|sign| trace.last(sign).on("server").after(p.deploy_at).time()).max();
        let new = trace.first("new processes start").on("server").after(p.deploy_at).time();
        let (old, client) = (trace.left_on("server"), trace.left_on("away"));
        let left = old.connections();
        let killed = p.grace.is_zero();
        let limit = p.grace.min(websocket::Limits::default().close_timeout) + p.pause;
        Ok(Report::new()
            .measure("goodbyes_count", "clients that heard the goodbye", goodbyes)
            .measure("goodbye_away_s", "the client out of reach hears it, after the deploy began", away_s)
            .measure("new_processes_s", "the new processes start, after the deploy began", since(new))
            .measure("last_connection_gone_s", "the old server's last connection is gone, after the deploy began", since(gone))
            .measure("half_open_afterwards_count", "connections that only a client believes in afterwards", client.connections().saturating_sub(left))
            .claim(
                "X-23",
                "a server that is given time closes with 1001, and whoever is in reach hears it in one transit",
                if killed { goodbyes == 0 } else { near_s.is_some_and(|s| s <= p.one_way.as_secs_f64() * 1.1 + 0.01) },
            )
            .claim(
                "X-23",
                "the drain is bounded: one client that cannot answer holds it up for a close timeout, or the grace if that is shorter",
                since(new).is_some_and(|s| s <= limit.as_secs_f64() + 0.1),
            )
            .claim(
                "K-01",
                "of the old server nothing is left, no connection and not a byte, once its kernel has delivered what was said or given up",
                left == 0 && old.buffered_bytes == 0,
            )
            .of(trace))
    },
};
