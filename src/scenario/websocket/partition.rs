//! The network between client and server is gone for a while.

use crate::scenario::prelude::*;

parameters! {
    /// Parameters of `websocket/partition`.
    pub struct Partition {
        /// How long a packet takes from one machine to the other.
        one_way: Duration = ms(25), in ms(1)..=secs(5);
        /// When the network goes.
        partition_at: Duration = secs(60), in secs(10)..=hours(1);
        /// For how long.
        partition: Duration = secs(5), in secs(0)..=hours(2);
        /// The server's updates come this far apart.
        update_every: Duration = secs(5), in ms(10)..=hours(1);
        /// The heartbeat of the client that has one, and of its server.
        heartbeat: Heartbeat = Heartbeat::default();
        /// The keepalive of the client that has nothing else.
        keepalive: Keepalive = Keepalive { idle: secs(30), interval: secs(10), count: 3 };
    }
}

/// `websocket/partition`
pub static SCENARIO: Experiment<Partition> = Experiment {
    name: "websocket/partition",
    question: "The network is gone for a while. Who notices, when, and what has been lost?",
    kernel: Sysctls::default,
    needs: Recording::Story,
    run: |p, mut world| {
        let (begins, ends) = (p.partition_at, p.partition_at + p.partition);
        let [asking, trusting, server] = world.machines(["asking", "trusting", "server"]);
        world.links().one_way(p.one_way);

        server.runs(websocket::server(Feed::every(p.update_every)).heartbeat(p.heartbeat));
        let client = websocket::client("ws://server/feed");
        asking.runs(Session::over(client.clone()).heartbeat(p.heartbeat));
        trusting.runs(Session::over(client.keepalive(p.keepalive)));

        world.at(begins).partition(&asking, &server).lasting(p.partition);
        world.at(begins).partition(&trusting, &server).lasting(p.partition);

        let trace = world.run(ends + p.partition + mins(3))?;
        let noticed = |host, event| trace.first(event).on(host).after(begins).seconds_since(begins);
        let client_detect_s = noticed("asking", "peer declared dead");
        let keepalive_detect_s = noticed("trusting", "timed out");
        let server_detect_s = noticed("server", "peer declared dead");
        // How late the first update came once the network was back.
        let late = trace.first("update received").on("asking").after(ends);
        let missing: i64 = trace.all("gap noticed").on("asking").values("missing").iter().sum();
        let limit_s = (p.heartbeat.interval + p.heartbeat.timeout).as_secs_f64() + 0.1;
        // What was under way comes up to as long again after the end (tcp/outage-tail), and the heartbeat waits behind it.
        let short = p.partition * 2 + secs(2) < p.heartbeat.timeout;
        let verdicts = [client_detect_s, server_detect_s];
        Ok(Report::new()
            .measure("client_detect_s", "the client with a heartbeat knows, after the partition began", client_detect_s)
            .measure("server_detect_s", "the server knows, after the partition began", server_detect_s)
            .measure("keepalive_detect_s", "the client with keepalive knows, after the partition began", keepalive_detect_s)
            .measure("late_s", "the first update arrives, after the partition ended", late.seconds_since(ends))
            .measure("updates_missing_count", "gaps in the updates received", missing)
            .claim(
                "J-05",
                "an outage that is over, tail included, before the heartbeat's timeout is invisible: nothing is lost, it only comes later",
                !short || (verdicts == [None, None] && missing == 0 && late.happened()),
            )
            .claim(
                "J-01",
                "a dead path says nothing: a short outage is noticed by nobody, a long one by heartbeats, within interval + timeout",
                if short {
                    verdicts == [None, None]
                } else {
                    verdicts.iter().flatten().all(|s| *s <= limit_s)
                        && (p.partition.as_secs_f64() < limit_s || verdicts.iter().all(Option::is_some))
                },
            )
            .of(trace))
    },
};
