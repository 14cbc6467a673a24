//! Worlds with every kind of fault, made from a seed: a server, one to three clients behind routers, WebSocket sessions.

use std::time::Duration;

use halfopen::mechanism::feed::Feed;
use halfopen::mechanism::websocket;
use halfopen::net::Keepalive;
use halfopen::parameter::{BitRate, ByteSize, Probability, ms, secs};
use halfopen::session::{Heartbeat, Session};
use halfopen::sim::fault::{Between, Dns, Entry, Fault, Script, SegmentKind, SuspendedClock};
use halfopen::sim::{Engine, RouterOptions, Sysctls, World};
use halfopen::trace::Trace;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// The longest tick that a world chooses.
pub const TICK: Duration = ms(100);

/// A world and its faults, from a seed.
pub struct Generated {
    rng: ChaCha8Rng,
    seed: u64,
}

const LASTS: Duration = secs(90);
const CLIENTS: [&str; 3] = ["a", "b", "c"];

impl Generated {
    /// The world of a seed.
    pub fn new(seed: u64) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed), seed }
    }

    fn ms(&mut self, range: std::ops::Range<u64>) -> Duration {
        ms(self.rng.random_range(range))
    }

    fn chance(&mut self, most: f64) -> Probability {
        Probability(self.rng.random_range(0.0..most))
    }

    /// Faults that overlap and nest: half of them at one machine and its link, and half of those that follow another begin
    /// while it is in force.
    fn faults(&mut self, clients: usize) -> Script {
        let favourite = CLIENTS[self.rng.random_range(0..clients)];
        let mut script = Script::default();
        for _ in 0..self.rng.random_range(0..=6) {
            let client = if self.rng.random_bool(0.5) {
                favourite
            } else {
                CLIENTS[self.rng.random_range(0..clients)]
            };
            let fault = self.fault(client);
            let within = script.0.last().filter(|_| self.rng.random_bool(0.5)).cloned();
            let at = match within {
                Some(Entry { at, lasting, .. }) => {
                    at + self.ms(0..lasting.map_or(30_000, |d| d.as_millis() as u64 + 1))
                }
                None => self.ms(0..80_000),
            };
            let lasting = self.rng.random_bool(0.8).then(|| self.ms(0..30_000));
            let lasting = lasting.filter(|_| !fault.is_momentary());
            script.0.push(Entry { at, fault, lasting });
        }
        script
    }

    fn fault(&mut self, client: &str) -> Fault {
        let both = Between { a: client.to_owned(), b: "server".into(), one_way: false };
        let link = match self.rng.random_range(0..6) {
            0 => Between { one_way: true, ..both },
            1 => Between { a: both.b, b: both.a, one_way: true },
            _ => both,
        };
        let client = client.to_owned();
        let machine = if self.rng.random_bool(0.5) { "server".to_owned() } else { client.clone() };
        let kinds =
            [SegmentKind::Any, SegmentKind::Data, SegmentKind::Syn, SegmentKind::Ack, SegmentKind::Fin];
        // To add a fault: a line here, and one more in the range.
        match self.rng.random_range(0..20) {
            0 => Fault::Partition(link),
            1 => Fault::Hold(link),
            2 => Fault::Loss(link, self.chance(0.6)),
            3 => Fault::Duplicate(link, self.chance(0.5)),
            4 => Fault::Reorder(link, self.chance(0.5)),
            5 => Fault::Latency(link, self.ms(10..300), self.ms(0..80)),
            6 => Fault::Rate(link, BitRate(self.rng.random_range(8_000..1_000_000)), ByteSize(20_000)),
            7 => Fault::LoseNext(
                link,
                self.rng.random_range(1..5),
                kinds[self.rng.random_range(0..kinds.len())],
            ),
            8 => Fault::Stall(machine),
            9 => Fault::Crash(machine),
            10 => Fault::PowerLoss(machine),
            11 => {
                let to = if self.rng.random_bool(0.7) { "lte" } else { "wifi" };
                Fault::Switch { machine: client, to: to.into(), destroy: self.rng.random_bool(0.5) }
            }
            12 => Fault::Offline(machine),
            13 => Fault::Forget(client),
            14 => Fault::Rebind(client),
            15 => {
                let stops = self.rng.random_bool(0.5);
                Fault::Suspend(machine, if stops { SuspendedClock::Stops } else { SuspendedClock::Runs })
            }
            16 => Fault::Slow(machine, Probability(self.rng.random_range(0.01..0.99))),
            17 => Fault::Deploy { machine, grace: self.ms(0..20_000), pause: self.ms(0..5_000) },
            18 => Fault::Reject(link),
            _ => Fault::Dns(
                client,
                if self.rng.random_bool(0.5) { Dns::Dead } else { Dns::Takes(self.ms(0..12_000)) },
            ),
        }
    }

    /// Builds the world for an engine and runs it. Everything random is drawn in the same order each time. Returns what happened,
    /// the faults, and the tick that the world chose.
    pub fn run(self, engine: Engine) -> (Trace, Script, Duration) {
        self.run_with(engine, |_| {})
    }

    /// The same, with other settings of the world.
    pub fn run_with(mut self, engine: Engine, set: fn(&mut World)) -> (Trace, Script, Duration) {
        let clients = self.rng.random_range(1..=CLIENTS.len());
        let faults = self.faults(clients);
        let mut world = World::new(self.seed, engine, Sysctls::default(), Some(faults.clone().into()));
        set(&mut world);
        let server = world.machine("server");
        let every = self.ms(200..5_000);
        let heartbeat = Heartbeat { interval: self.ms(1_000..20_000), timeout: self.ms(500..10_000) };
        let served = self.rng.random_bool(0.5).then_some(heartbeat);
        let mut shortest = TICK;
        server.runs(websocket::server(Feed::every(every)).heartbeat(served));
        for name in &CLIENTS[..clients] {
            let client = world.machine(name);
            let router = RouterOptions { idle_timeout: Some(secs(20)), ..RouterOptions::default() };
            let latency = self.ms(5..80);
            shortest = shortest.min(latency);
            client.interface_behind("wifi", router).interface_behind("lte", router);
            let link = world.link(&client, &server);
            link.one_way(latency).jitter(self.ms(0..20)).loss(self.chance(0.05)).reorder(self.chance(0.05));
            let keepalive = Keepalive { idle: secs(10), interval: secs(3), count: 3 };
            let opens = websocket::client("ws://server/feed")
                .keepalive(self.rng.random_bool(0.5).then_some(keepalive));
            let publish = self.rng.random_bool(0.5).then(|| self.ms(300..7_000));
            client.runs(Session::over(opens).heartbeat(heartbeat).publish_every(publish));
        }
        let shortest = faults.shortest_latency().unwrap_or(shortest).min(shortest);
        (world.run(LASTS).expect("the world runs"), faults, shortest)
    }
}
