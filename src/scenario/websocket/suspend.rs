//! A phone's lid is closed for a while. For the phone that while has not been.

use crate::scenario::prelude::*;

parameters! {
    /// Parameters of `websocket/suspend`.
    pub struct Suspend {
        /// How long a packet takes from one machine to the other.
        one_way: Duration = ms(25), in ms(1)..=secs(5);
        /// When the phone falls asleep.
        suspend_at: Duration = secs(60), in secs(10)..=hours(1);
        /// For how long.
        suspend: Duration = mins(10), in secs(0)..=hours(24);
        /// What the phone's monotonic clock does meanwhile.
        clock: SuspendedClock = SuspendedClock::Stops;
        /// The server's updates come this far apart.
        update_every: Duration = secs(5), in ms(10)..=hours(1);
        /// The phone's heartbeat.
        heartbeat: Heartbeat = Heartbeat::default();
        /// Whether the server has the same heartbeat.
        server_heartbeat: bool = true;
        /// The phone has an alarm set, for so long after it falls asleep.
        alarm: Duration = mins(1), in secs(1)..=hours(24);
    }
}

/// `websocket/suspend`
pub static SCENARIO: Experiment<Suspend> = Experiment {
    name: "websocket/suspend",
    question: "A phone sleeps for a while. What do its timers, and both sides' heartbeats, know of it?",
    kernel: Sysctls::default,
    needs: Recording::Story,
    run: |p, mut world| {
        let wakes = p.suspend_at + p.suspend;
        let due = p.suspend_at + p.alarm;
        let [phone, server] = world.machines(["phone", "server"]);
        world.links().one_way(p.one_way);
        world.notes(["alarm rings"]);

        let heartbeat = p.server_heartbeat.then_some(p.heartbeat);
        server.runs(websocket::server(Feed::every(p.update_every)).heartbeat(heartbeat));
        phone.runs(Session::over(websocket::client("ws://server/feed")).heartbeat(p.heartbeat));
        phone.does(async move |_| {
            sleep(due).await;
            note!("alarm rings");
            Ok(())
        });

        world.at(p.suspend_at).suspend(&phone, p.clock).lasting(p.suspend);

        let limit = p.heartbeat.interval + p.heartbeat.timeout;
        let trace = world.run(wakes + p.alarm + limit + mins(20))?;
        let phone_ends = trace.first("session ended").on("phone").after(p.suspend_at).time();
        let server_ends = trace.first("conversation ended").on("server").after(p.suspend_at).time();
        let phone_detect_s = phone_ends.map(|at| seconds_between(wakes, at));
        let server_detect_s = server_ends.map(|at| seconds_between(p.suspend_at, at));
        let half_open_s = server_ends.zip(phone_ends).map(|(server, phone)| seconds_between(server, phone));
        let late_s = trace.first("alarm rings").on("phone").seconds_since(due);
        // What the server's kernel has kept for the phone comes at once, if it still tries.
        let first = trace.first("update received").on("phone").after(wakes).time();
        let lump = first.map(|at| trace.all("update received").on("phone").between(at, at + ms(100)).count());
        let expected = match p.clock {
            SuspendedClock::Stops => p.suspend,
            SuspendedClock::Runs => p.suspend.saturating_sub(p.alarm),
        };
        // On a clock that has run on the interval is over, so that only the timeout is left.
        let overdue = p.clock == SuspendedClock::Runs && p.suspend >= p.heartbeat.interval;
        let allowed = if overdue { p.heartbeat.timeout } else { limit };
        let seconds = |t: Duration| t.as_secs_f64() + 0.1;
        let missed = p.server_heartbeat && p.suspend > limit;
        Ok(Report::new()
            .measure("phone_detect_after_waking_s", "the phone knows, after it wakes", phone_detect_s)
            .measure("server_detect_after_falling_asleep_s", "the server knows, after the phone falls asleep", server_detect_s)
            .measure("half_open_s", "only the phone believes, for", half_open_s)
            .measure("alarm_late_s", "a timer set before is late by", late_s)
            .measure("lump_count", "updates read at once on waking", lump)
            .claim(
                "X-42",
                "a timer on a clock that stops is late by the whole sleep; on one that runs on it fires on waking",
                late_s.is_some_and(|s| (s - expected.as_secs_f64()).abs() < 0.01),
            )
            .claim(
                "X-42",
                "a phone whose clock has stopped notices within interval + timeout of waking; one whose clock runs on asks at once",
                phone_detect_s.map_or(lump.is_some(), |s| s <= seconds(allowed)),
            )
            .claim(
                "J-01",
                "whoever has a heartbeat gives the sleeper up in the meantime: until it wakes the connection is half-open",
                !missed
                    || (server_detect_s.is_some_and(|s| s <= seconds(limit))
                        && half_open_s.is_some_and(|s| s >= (p.suspend - limit).as_secs_f64() - 0.1)),
            )
            .of(trace))
    },
};
