//! How fast the simulation runs, as simulated seconds and packets per real second, beside what it is to be compared with.
//!
//! `cargo bench --bench engine`, or `... -- PART-OF-A-NAME`; `--write` writes the book's tables. Every figure is the median of five runs in one process, its spread
//! (slowest by fastest) beside it; crowds run once, each in a process of its own, for their memory. Nothing is asserted.

mod crowd;
mod floor;

use std::time::{Duration, Instant};

use halfopen::mechanism::feed::Feed;
use halfopen::mechanism::websocket;
use halfopen::net::Process;
use halfopen::parameter::{hours, mins, ms, secs};
use halfopen::session::{Heartbeat, Session};
use halfopen::sim::{Engine, Sysctls, World};

const ONE_WAY: Duration = ms(20);

/// Runs something for so much simulated time; answers the packets sent, if there are any.
type Run = fn(Duration) -> usize;

const BENCHES: &[(&str, Duration, Run)] = &[
    ("idle-heavy: floor, pipes with a delay", hours(24), |d| {
        let (server, client) = idle_pair();
        floor::over_pipes(server, client, ONE_WAY, d);
        0
    }),
    ("idle-heavy: event engine", hours(24), |d| idle_heavy(Engine::Event, ms(20), d)),
    ("idle-heavy: turmoil engine, tick 20 ms", hours(1), |d| idle_heavy(Engine::Turmoil, ms(20), d)),
    ("idle-heavy: turmoil engine, tick 10 ms", hours(1), |d| idle_heavy(Engine::Turmoil, ms(10), d)),
    ("idle-heavy: turmoil engine, tick 1 ms", mins(10), |d| idle_heavy(Engine::Turmoil, ms(1), d)),
    ("idle-heavy: turmoil's own TCP, tick 10 ms", hours(1), |d| {
        let (server, client) = idle_pair();
        floor::on_turmoils_tcp(server, client, ms(10), ONE_WAY, d);
        0
    }),
    ("idle hosts: bare turmoil, tick 20 ms", hours(1), |d| bare(ms(20), d)),
    ("idle hosts: bare turmoil, tick 10 ms", hours(1), |d| bare(ms(10), d)),
    ("idle hosts: bare turmoil, tick 1 ms", mins(10), |d| bare(ms(1), d)),
    ("busy: event engine", secs(60), |d| busy(Engine::Event, d)),
    ("busy: turmoil engine, tick 20 ms", secs(60), |d| busy(Engine::Turmoil, d)),
];

fn bare(tick: Duration, lasts: Duration) -> usize {
    floor::bare_turmoil(tick, lasts);
    0
}

/// One ping a second and nothing else.
fn idle_pair() -> (impl Process, impl Process) {
    let heartbeat = Heartbeat { interval: secs(1), timeout: secs(10) };
    let server = websocket::server(Feed::every(hours(48)));
    (server, Session::over(websocket::client("ws://server:80/feed")).heartbeat(heartbeat))
}

/// Two hosts, one ping a second.
fn idle_heavy(engine: Engine, tick: Duration, lasts: Duration) -> usize {
    let mut world = World::new(1, engine, Sysctls::default(), None);
    world.tick(tick);
    world.without_tokio_timers();
    let [phone, host] = world.machines(["phone", "server"]);
    world.link(&phone, &host).one_way(ONE_WAY);
    let (server, client) = idle_pair();
    host.runs(server);
    phone.runs(client);
    world.run(lasts).expect("the world runs").packets.len()
}

/// A hundred updates a second to a hundred clients.
fn busy(engine: Engine, lasts: Duration) -> usize {
    let mut world = World::new(1, engine, Sysctls::default(), None);
    world.tick(ms(20));
    world.without_tokio_timers();
    let server = world.machine("server");
    let crowd = world.crowd("client", 100);
    world.links().one_way(ONE_WAY);
    server.runs(websocket::server(Feed::every(ms(10))));
    for client in &crowd {
        client.runs(Session::over(websocket::client("ws://server/feed")));
    }
    world.run(lasts).expect("the world runs").packets.len()
}

/// Where `--write` puts the tables: the appendix includes them.
const TABLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/chapters/speed.md");

fn main() {
    if crowd::is_child() {
        return crowd::child();
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let filter = arguments.iter().find(|a| !a.starts_with('-')).map_or("", String::as_str);
    let head = ["", "simulated s/s", "of the floor", "packets/s", "spread"];
    let mut table = Table::new(head);
    let mut floor = None;
    for (name, simulated, run) in BENCHES.iter().filter(|(name, ..)| name.contains(filter)) {
        let mut packets = 0;
        let mut took: Vec<f64> = (0..5)
            .map(|_| {
                let start = Instant::now();
                packets = run(*simulated);
                start.elapsed().as_secs_f64()
            })
            .collect();
        took.sort_by(f64::total_cmp);
        let (median, spread) = (took[2], took[4] / took[0]);
        let rate = simulated.as_secs_f64() / median;
        let floor = *floor.get_or_insert(rate);
        let of_floor =
            if name.starts_with("idle-heavy") { format!("{:.4}", rate / floor) } else { "-".into() };
        let packet_rate = if packets == 0 { "-".into() } else { format!("{:.0}", packets as f64 / median) };
        table.row([(*name).into(), format!("{rate:.0}"), of_floor, packet_rate, format!("{spread:.2}x")]);
    }
    let crowds = crowd::parent(filter);
    if arguments.iter().any(|a| a == "--write") {
        // What follows is the page's (`cargo bench --bench page`).
        let there = std::fs::read_to_string(TABLES).unwrap_or_default();
        let of_the_page =
            there.find("| in the page |").map(|at| format!("\n{}", &there[at..])).unwrap_or_default();
        let text = format!("{}\n{}{of_the_page}", table.markdown, crowds.markdown);
        std::fs::write(TABLES, text).expect("the chapters are there");
    }
}

/// A table that is printed line by line, and kept as Markdown.
struct Table {
    markdown: String,
}

impl Table {
    fn new<const N: usize>(head: [&str; N]) -> Self {
        let mut table = Self { markdown: String::new() };
        table.row(head.map(str::to_owned));
        table.markdown += &format!("|---{}|\n", "|---:".repeat(N - 1));
        table
    }

    fn row<const N: usize>(&mut self, cells: [String; N]) {
        let rest: Vec<String> = cells[1..].iter().map(|c| format!("{c:>16}")).collect();
        println!("{:<44}{}", cells[0], rest.concat());
        self.markdown += &format!("| {} |\n", cells.join(" | "));
    }
}
