//! Crowds: what a packet costs, and how much memory it takes, with many machines.

use std::process::Command;
use std::time::Instant;

use halfopen::channel::{Channel, Message, Opens};
use halfopen::mechanism::feed::Feed;
use halfopen::mechanism::websocket;
use halfopen::parameter::{ByteSize, hours, ms, secs};
use halfopen::sim::{Engine, Limits, Sysctls, World};
use tokio::time::sleep;

use crate::Table;

const CHILD: &str = "HALFOPEN_BENCH_CROWD";

pub fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// Runs the crowds, each in a process of its own.
pub fn parent(filter: &str) -> Table {
    let mut table = Table::new(["crowd", "packets", "seconds", "us a packet", "peak memory, MiB"]);
    let sizes = if "crowd".contains(filter) { &[10, 100, 1_000, 10_000, 100_000][..] } else { &[] };
    for clients in sizes {
        let me = std::env::current_exe().expect("this program");
        let child = Command::new(me).env(CHILD, clients.to_string()).output().expect("it runs");
        if !child.status.success() {
            // A crowd may be too large for the limits of a run, or for the machine.
            let why = String::from_utf8_lossy(&child.stderr);
            println!("{clients:<44}  failed: {}", why.lines().next_back().unwrap_or("no word of it"));
            continue;
        }
        let line = String::from_utf8(child.stdout).expect("a line of numbers");
        let cells: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        table.row::<5>(cells.try_into().expect("five numbers"));
    }
    table
}

/// Clients connect within ten seconds and ask and are answered five times.
pub fn child() {
    let clients: usize = std::env::var(CHILD).expect("a child").parse().expect("a number");
    let mut world = World::new(1, Engine::Event, Sysctls::default(), None);
    world.limits(Limits {
        events: 20_000_000,
        packets: 20_000_000,
        bytes: ByteSize(8 << 30),
        ..Limits::default()
    });
    let server = world.machine("server");
    let crowd = world.crowd("client", clients);
    world.links().one_way(ms(20));
    server.runs(websocket::server(Feed::every(hours(1))).max_connections(clients));
    for (i, client) in (0_u32..).zip(&crowd) {
        let comes_at = secs(10) * i / u32::try_from(clients).expect("few enough");
        client.does(async move |net| {
            net.until(comes_at).await;
            let opens = websocket::client("ws://server/feed");
            let mut channel = opens.open(&net).await.map_err(std::io::Error::other)?;
            for _ in 0..5 {
                channel.send(Message::Ping(bytes::Bytes::new())).await.map_err(std::io::Error::other)?;
                channel.receive().await.map_err(std::io::Error::other)?;
                sleep(secs(1)).await;
            }
            std::future::pending().await
        });
    }
    let start = Instant::now();
    let trace = match world.run(secs(20)) {
        Ok(trace) => trace,
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    };
    let took = start.elapsed().as_secs_f64();
    assert_eq!(trace.all("pong received").count(), clients * 5);
    let packets = trace.packets.len();
    let cost = took * 1e6 / packets as f64;
    println!("{clients} {packets} {took:.2} {cost:.2} {:.0}", peak_memory_mib());
}

/// The most memory this process ever had, where the system says so.
fn peak_memory_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kib = line.and_then(|l| l.trim().split(' ').next()).and_then(|n| n.parse::<f64>().ok());
    kib.map_or(f64::NAN, |kib| kib / 1024.0)
}
