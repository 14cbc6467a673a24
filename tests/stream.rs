//! What TCP promises, under everything that a link may do: the bytes that arrive are the bytes that were written, in order,
//! none of them twice; and after a close in order all of them have arrived.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use halfopen::net::{ListenOptions, Listener as _, Network as _, SocketOptions};
use halfopen::parameter::{ByteSize, Probability, mins, ms, secs};
use halfopen::sim::{Engine, SimStream, Sysctls, World};
use halfopen::trace::Trace;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Long enough for whatever a case does to its link, with timeouts of two minutes.
const LASTS: Duration = mins(30);

/// What one side does.
#[derive(Debug, Clone)]
struct Side {
    /// Sizes of its writes in bytes, each with the pause after it in milliseconds.
    writes: Vec<(usize, u64)>,
    /// How much it reads at once, and the pause after it in milliseconds.
    reads: (usize, u64),
    rmem: u64,
    wmem: u64,
    no_delay: bool,
}

impl Side {
    fn written(&self) -> usize {
        self.writes.iter().map(|(size, _)| size).sum()
    }
}

/// What the link does.
#[derive(Debug, Clone)]
struct Link {
    one_way_ms: u64,
    jitter_ms: u64,
    loss: f64,
    duplicate: f64,
    reorder: f64,
    /// When the link is cut and for how long, in milliseconds.
    cuts: Vec<(u64, u64)>,
}

fn side() -> impl Strategy<Value = Side> {
    let size = prop_oneof![1usize..20, 1usize..5_000, 20_000usize..60_000];
    let pause = prop_oneof![Just(0u64), 0u64..20, 0u64..2_000];
    let buffer = || prop_oneof![512u64..4_096, 4_096u64..200_000];
    let writes = proptest::collection::vec((size, pause), 0..12);
    let reads = prop_oneof![Just((65_536usize, 0u64)), (200usize..4_000, 0u64..20)];
    (writes, reads, buffer(), buffer(), any::<bool>())
        .prop_map(|(writes, reads, rmem, wmem, no_delay)| Side { writes, reads, rmem, wmem, no_delay })
}

fn link() -> impl Strategy<Value = Link> {
    let share = || prop_oneof![Just(0.0), 0.0..0.15];
    let cuts = proptest::collection::vec((0u64..20_000, 1u64..8_000), 0..3);
    (1u64..150, prop_oneof![Just(0u64), 0u64..80], share(), share(), share(), cuts).prop_map(
        |(one_way_ms, jitter_ms, loss, duplicate, reorder, cuts)| Link {
            one_way_ms,
            jitter_ms,
            loss,
            duplicate,
            reorder,
            cuts,
        },
    )
}

/// The `i`-th byte of a stream: neighbours differ, and so do the two directions.
fn byte(salt: u64, i: usize) -> u8 {
    let x = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt.wrapping_mul(0xd6e8_feb8_6659_fd93);
    (x >> 40) as u8
}

fn stream(salt: u64, length: usize) -> Vec<u8> {
    (0..length).map(|i| byte(salt, i)).collect()
}

/// Writes all it has to and closes its direction; reads until the other one is closed.
async fn talk(stream_: SimStream, side: &Side, salt: u64, got: &RefCell<Vec<u8>>) -> io::Result<()> {
    let (mut reader, mut writer) = tokio::io::split(stream_);
    let write = async {
        let data = stream(salt, side.written());
        let mut rest = &data[..];
        for (size, pause) in &side.writes {
            let (now, later) = rest.split_at(*size);
            writer.write_all(now).await?;
            tokio::time::sleep(ms(*pause)).await;
            rest = later;
        }
        writer.shutdown().await
    };
    let read = async {
        let (size, pause) = side.reads;
        let mut buffer = vec![0; size];
        loop {
            match reader.read(&mut buffer).await? {
                0 => return Ok::<_, io::Error>(()),
                n => got.borrow_mut().extend_from_slice(&buffer[..n]),
            }
            if pause > 0 {
                tokio::time::sleep(ms(pause)).await;
            }
        }
    };
    tokio::try_join!(biased; write, read).map(|_| ())
}

/// What both sides received, client first, and what happened. `fault`: something more that goes wrong.
fn run(seed: u64, client: &Side, server: &Side, link: &Link, fault: &str) -> ([Vec<u8>; 2], Trace) {
    let cuts =
        link.cuts.iter().map(|(at, lasts)| format!("at {at}ms partition host-1 host-2 for {lasts}ms; "));
    let script = cuts.collect::<String>() + fault;
    let mut world =
        World::new(seed, Engine::default(), Sysctls::default(), Some(script.parse().expect("a script")));
    world.tick(ms(100));
    let machines = world.crowd("host", 2);
    world
        .links()
        .one_way(ms(link.one_way_ms))
        .jitter(ms(link.jitter_ms))
        .loss(Probability(link.loss))
        .duplicate(Probability(link.duplicate))
        .reorder(Probability(link.reorder));
    let received: [Rc<RefCell<Vec<u8>>>; 2] = Default::default();
    let options = |side: &Side| SocketOptions { no_delay: side.no_delay, ..SocketOptions::default() };
    for (machine, side) in machines.iter().zip([client, server]) {
        machine.sysctls(|s| (s.rmem, s.wmem) = (ByteSize(side.rmem), ByteSize(side.wmem)));
    }
    let (does, got, given) = (client.clone(), received[0].clone(), options(client));
    machines[0].does(async move |net| {
        let stream = net.connect("host-2:80", &given).await?;
        talk(stream, &does, 1, &got).await
    });
    let (does, got, accepted) = (server.clone(), received[1].clone(), options(server));
    machines[1].does(async move |net| {
        let listening = ListenOptions { accepted: accepted.clone(), ..ListenOptions::default() };
        let mut listener = net.listen(80, &listening).await?;
        let (stream, _) = listener.accept().await?;
        talk(stream, &does, 2, &got).await
    });
    let trace = world.run(LASTS).expect("the world runs");
    (received.map(|got| got.take()), trace)
}

fn same(got: &[u8], expected: &[u8]) -> Result<(), TestCaseError> {
    let differ = got.iter().zip(expected).position(|(g, e)| g != e);
    prop_assert_eq!(differ, None, "the streams differ at this byte");
    prop_assert_eq!(got.len(), expected.len());
    Ok(())
}

proptest! {
    // The same cases every time; another seed or more of them find more (2,500 took two minutes).
    #![proptest_config(ProptestConfig { cases: 40, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn every_byte_written_before_a_close_arrives_once_and_in_order(
        seed: u64, client in side(), server in side(), link in link()
    ) {
        let ([to_client, to_server], trace) = run(seed, &client, &server, &link, "");
        prop_assert_eq!(trace.all("process failed").count(), 0);
        same(&to_server, &stream(1, client.written()))?;
        same(&to_client, &stream(2, server.written()))?;
    }

    #[test]
    fn what_arrives_before_a_crash_is_the_beginning_of_what_was_written(
        seed: u64, client in side(), server in side(), link in link(), crash_ms in 0u64..5_000, power: bool
    ) {
        let fault = format!("at {crash_ms}ms {} host-2 for 1s", if power { "power-loss" } else { "crash" });
        let ([to_client, to_server], _) = run(seed, &client, &server, &link, &fault);
        prop_assert!(stream(2, server.written()).starts_with(&to_client));
        prop_assert!(stream(1, client.written()).starts_with(&to_server));
    }
}

#[test]
fn the_cases_lose_repeat_and_overtake() {
    let side = Side {
        writes: vec![(50_000, 0); 4],
        reads: (65_536, 0),
        rmem: 100_000,
        wmem: 100_000,
        no_delay: true,
    };
    let link = Link {
        one_way_ms: 20,
        jitter_ms: 5,
        loss: 0.1,
        duplicate: 0.1,
        reorder: 0.1,
        cuts: vec![(100, 2_000)],
    };
    let (_, trace) = run(1, &side, &side, &link, "");
    assert!(trace.all_packets().lost().count() > 20);
    assert!(trace.all_packets().duplicates().count() > 20);
    assert!(trace.all_packets().retransmissions().count() > 20);
    assert!(trace.ended >= secs(1));
}
