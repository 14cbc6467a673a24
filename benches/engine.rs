//! How fast the simulation runs: simulated seconds per real second, and packets per real second.
//!
//! `cargo bench`. Every figure is the median of five runs; the spread stands beside it. Nothing here is asserted.

use std::time::{Duration, Instant};

use halfopen::mechanism::feed::Feed;
use halfopen::mechanism::websocket;
use halfopen::parameter::{hours, mins, ms, secs};
use halfopen::session::{Heartbeat, Session};
use halfopen::sim::{Engine, Sysctls, World};
use halfopen::trace::Trace;

/// A run to be measured.
struct Bench {
    name: &'static str,
    engine: Engine,
    tick: Duration,
    simulated: Duration,
    run: fn(World, Duration) -> Trace,
}

const fn bench(
    name: &'static str,
    engine: Engine,
    tick: Duration,
    simulated: Duration,
    run: fn(World, Duration) -> Trace,
) -> Bench {
    Bench { name, engine, tick, simulated, run }
}

const BENCHES: &[Bench] = &[
    bench("idle-heavy day, event", Engine::Event, ms(20), hours(24), idle_heavy),
    bench("idle-heavy, turmoil at 20 ms", Engine::Turmoil, ms(20), hours(1), idle_heavy),
    bench("idle-heavy, turmoil at 10 ms", Engine::Turmoil, ms(10), hours(1), idle_heavy),
    bench("idle-heavy, turmoil at 1 ms", Engine::Turmoil, ms(1), mins(10), idle_heavy),
    bench("busy, event", Engine::Event, ms(20), secs(60), busy),
    bench("busy, turmoil at 20 ms", Engine::Turmoil, ms(20), secs(60), busy),
];

/// One client, one ping a second, 20 ms one way.
fn idle_heavy(mut world: World, lasts: Duration) -> Trace {
    let [phone, server] = world.machines(["phone", "server"]);
    world.link(&phone, &server).one_way(ms(20));
    let heartbeat = Heartbeat { interval: secs(1), timeout: secs(10) };
    server.runs(websocket::server(Feed::every(hours(48))));
    phone.runs(Session::over(websocket::client("ws://server/feed")).heartbeat(heartbeat));
    world.run(lasts).expect("the world runs")
}

/// A hundred clients, a hundred updates a second to each, 20 ms one way.
fn busy(mut world: World, lasts: Duration) -> Trace {
    let server = world.machine("server");
    let crowd = world.crowd("client", 100);
    world.links().one_way(ms(20));
    server.runs(websocket::server(Feed::every(ms(10))));
    for client in &crowd {
        client.runs(Session::over(websocket::client("ws://server/feed")));
    }
    world.run(lasts).expect("the world runs")
}

fn main() {
    // `cargo test` and `cargo bench -- FILTER` pass arguments; only a filter means anything here.
    let filter = std::env::args().skip(1).find(|a| !a.starts_with('-')).unwrap_or_default();
    println!("{:<44} {:>14} {:>14} {:>9} {:>8}", "", "simulated s/s", "packets/s", "packets", "spread");
    for bench in BENCHES.iter().filter(|b| b.name.contains(&filter)) {
        let mut packets = 0;
        let mut took: Vec<f64> = (0..5)
            .map(|_| {
                let start = Instant::now();
                let mut world = World::new(1, bench.engine, Sysctls::default(), None);
                world.tick(bench.tick);
                packets = (bench.run)(world, bench.simulated).packets.len();
                start.elapsed().as_secs_f64()
            })
            .collect();
        took.sort_by(f64::total_cmp);
        let (median, spread) = (took[2], took[4] / took[0]);
        println!(
            "{:<44} {:>14.0} {:>14.0} {:>9} {:>7.2}x",
            bench.name,
            bench.simulated.as_secs_f64() / median,
            packets as f64 / median,
            packets,
            spread
        );
    }
}
