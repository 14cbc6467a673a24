//! Scratch.
use halfopen::mechanism::feed::Feed;
use halfopen::mechanism::websocket;
use halfopen::parameter::{hours, ms, secs};
use halfopen::session::{Heartbeat, Session};
use halfopen::sim::{Engine, Sysctls, World};
use std::time::{Duration, Instant};
const ONE_WAY: Duration = ms(20);
fn idle(lasts: Duration) -> usize {
    let mut world = World::new(1, Engine::Event, Sysctls::default(), None);
    let [phone, host] = world.machines(["phone", "server"]);
    world.link(&phone, &host).one_way(ONE_WAY);
    let heartbeat = Heartbeat { interval: secs(1), timeout: secs(10) };
    host.runs(websocket::server(Feed::every(hours(48))));
    phone.runs(Session::over(websocket::client("ws://server:80/feed")).heartbeat(heartbeat));
    world.run(lasts).expect("the world runs").packets.len()
}
fn busy(lasts: Duration) -> usize {
    let mut world = World::new(1, Engine::Event, Sysctls::default(), None);
    let server = world.machine("server");
    let crowd = world.crowd("client", 100);
    world.links().one_way(ONE_WAY);
    server.runs(websocket::server(Feed::every(ms(10))));
    for client in &crowd {
        client.runs(Session::over(websocket::client("ws://server/feed")));
    }
    world.run(lasts).expect("the world runs").packets.len()
}
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let n: u64 = a[2].parse().unwrap();
    let start = Instant::now();
    let packets = if a[1] == "idle" { idle(secs(n)) } else { busy(secs(n)) };
    eprintln!(
        "{packets} packets, {:.3} s, {:.0}/s",
        start.elapsed().as_secs_f64(),
        packets as f64 / start.elapsed().as_secs_f64()
    );
}
