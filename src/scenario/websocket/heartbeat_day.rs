//! A day in which nothing is said but the heartbeat.

use crate::scenario::prelude::*;

parameters! {
    /// Parameters of `websocket/heartbeat-day`.
    pub struct HeartbeatDay {
        /// How long a packet takes from one machine to the other.
        one_way: Duration = ms(25), in ms(1)..=secs(5);
        /// How long it is looked at.
        lasts: Duration = hours(24), in mins(1)..=hours(24 * 31);
        /// The client's heartbeat.
        heartbeat: Heartbeat = Heartbeat::default();
    }
}

/// What the notes count for one heartbeat: five bytes, and five for its answer.
const COUNTED_BYTES: f64 = 10.0;
/// A month, for comparison with plans that are sold by it.
const MONTH: Duration = hours(24 * 30);

/// `websocket/heartbeat-day`
pub static SCENARIO: Experiment<HeartbeatDay> = Experiment {
    name: "websocket/heartbeat-day",
    question: "A connection on which nothing happens for a day: what does its heartbeat cost?",
    kernel: Sysctls::default,
    needs: Recording::Counters,
    run: |p, mut world| {
        // The same connection without a heartbeat: the difference is what the heartbeat costs.
        let mut silent = world.another();
        connection(&mut silent, &p, None);
        connection(&mut world, &p, Some(p.heartbeat));

        let (silent, trace) = (silent.run(p.lasts)?, world.run(p.lasts)?);
        let beats = trace.all("pong received").on("phone").count();
        let packets = trace.total().packets_sent as f64 - silent.total().packets_sent as f64;
        let bytes = trace.total().bytes_sent as f64 - silent.total().bytes_sent as f64;
        let round_bytes = bytes / beats.max(1) as f64;
        let month_mb = bytes * (MONTH.as_secs_f64() / p.lasts.as_secs_f64()) / 1e6;
        Ok(Report::new()
            .measure("heartbeats_count", "heartbeats", beats)
            .measure("packets_count", "packets that they cost", packets)
            .measure("bytes_per_heartbeat", "bytes a heartbeat", (round_bytes * 10.0).round() / 10.0)
            .measure("month_mb", "megabytes in a month", (month_mb * 100.0).round() / 100.0)
            .claim(
                "I-06",
                "a heartbeat costs its headers: three packets, and more than ten times what its payload was counted for",
                round_bytes > COUNTED_BYTES * 10.0 && packets <= beats as f64 * 3.0 + 3.0,
            )
            .of(trace)
            .also("the same without a heartbeat", silent))
    },
};

/// A phone and a server that have nothing to say to each other but this heartbeat.
fn connection(world: &mut World, p: &HeartbeatDay, heartbeat: Option<Heartbeat>) {
    let [phone, server] = world.machines(["phone", "server"]);
    world.link(&phone, &server).one_way(p.one_way);

    server.runs(websocket::server(Feed::every(hours(24 * 365))));
    phone.runs(Session::over(websocket::client("ws://server/feed")).heartbeat(heartbeat));
}
