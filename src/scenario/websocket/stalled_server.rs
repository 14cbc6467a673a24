//! The server's processes get no CPU. Its kernel has all it needs.

use crate::scenario::prelude::*;

parameters! {
    /// Parameters of `websocket/stalled-server`.
    pub struct StalledServer {
        /// How long a packet takes from one machine to the other.
        one_way: Duration = ms(25), in ms(1)..=secs(5);
        /// When the server's processes stop running.
        stall_at: Duration = secs(60), in secs(10)..=hours(1);
        /// For how long.
        stall: Duration = mins(10), in secs(0)..=hours(24);
        /// The server's updates come this far apart.
        update_every: Duration = secs(10), in ms(10)..=hours(1);
        /// The heartbeat of the client that has one.
        heartbeat: Heartbeat = Heartbeat::default();
        /// The keepalive of both clients' connections.
        keepalive: Keepalive = Keepalive { idle: secs(10), interval: secs(5), count: 3 };
    }
}

/// `websocket/stalled-server`
pub static SCENARIO: Experiment<StalledServer> = Experiment {
    name: "websocket/stalled-server",
    question: "Does a keepalive notice that the server has stopped working? Does a heartbeat?",
    kernel: Sysctls::default,
    needs: Recording::Story,
    run: |p, mut world| {
        let [trusting, asking, server] = world.machines(["trusting", "asking", "server"]);
        world.links().one_way(p.one_way);

        server.runs(websocket::server(Feed::every(p.update_every)));
        let client = websocket::client("ws://server/feed").keepalive(p.keepalive);
        trusting.runs(Session::over(client.clone()));
        asking.runs(Session::over(client).heartbeat(p.heartbeat));

        world.at(p.stall_at).stall(&server).lasting(p.stall);

        let ends = p.stall_at + p.stall;
        let trace =
            world.run(ends.max(p.stall_at + p.heartbeat.interval + p.heartbeat.timeout) + secs(30))?;
        let keepalive_verdict_s =
            trace.first("timed out").on("trusting").after(p.stall_at).seconds_since(p.stall_at);
        let verdict = trace.first("peer declared dead").on("asking").after(p.stall_at);
        let heartbeat_verdict_s = verdict.seconds_since(p.stall_at);
        let silence_s = verdict.numbers("silence_s").first().copied();
        let answered = trace.all("keepalive answered").on("trusting").between(p.stall_at, ends).count();
        let late = trace.all("update received").on("trusting").after(ends).count();
        let limit_s = (p.heartbeat.interval + p.heartbeat.timeout).as_secs_f64();
        let noticed = silence_s.map_or(p.stall.as_secs_f64() < limit_s, |s| s <= limit_s + 0.1);
        let sign = ["reset received", "timed out", "FIN received"]
            .iter()
            .any(|sign| trace.all(sign).on("trusting").between(p.stall_at, ends).happened());
        Ok(Report::new()
            .measure("keepalive_verdict_s", "keepalive's verdict, after the stall began", keepalive_verdict_s)
            .measure("heartbeat_verdict_s", "the heartbeat's verdict, after the stall began", heartbeat_verdict_s)
            .measure("heartbeat_silence_s", "silence before that verdict", silence_s)
            .measure("keepalives_answered_count", "keepalives answered during the stall", answered)
            .measure("updates_after_stall_count", "updates received after the stall", late)
            .claim(
                "I-01",
                "keepalives are answered for as long as the process stalls; a heartbeat gives its verdict within interval + timeout",
                keepalive_verdict_s.is_none() && noticed,
            )
            .claim(
                "J-01",
                "the connection is there and the service behind it is not: below the application nothing shows it",
                !sign,
            )
            .of(trace))
    },
};
