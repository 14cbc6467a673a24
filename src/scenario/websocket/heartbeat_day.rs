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
    run: |p, mut world| {
        let [phone, server] = world.machines(["phone", "server"]);
        world.link(&phone, &server).one_way(p.one_way);

        server.runs(websocket::server(Feed::every(hours(24 * 365))));
        phone.runs(Session::over(websocket::client("ws://server/feed")).heartbeat(p.heartbeat));

        let trace = world.run(p.lasts)?;
        let opened = trace.first("connected").on("phone").time().unwrap_or_default();
        let beats = trace.all("pong received").on("phone").count() as f64;
        let packets = trace.all_packets().after(opened + p.one_way * 2);
        let round_bytes = packets.bytes() as f64 / beats.max(1.0);
        let month_mb = packets.bytes() as f64 * (MONTH.as_secs_f64() / p.lasts.as_secs_f64()) / 1e6;
        Ok(Report::of(trace.clone())
            .measure("heartbeats_count", beats)
            .measure("packets_count", packets.count())
            .measure("bytes_per_heartbeat", (round_bytes * 10.0).round() / 10.0)
            .measure("month_mb", (month_mb * 100.0).round() / 100.0)
            .claim(
                "I-06",
                "a heartbeat costs its headers: three packets, and more than ten times what its payload was counted for",
                round_bytes > COUNTED_BYTES * 10.0 && packets.count() as f64 <= beats * 3.0 + 3.0,
            ))
    },
};
