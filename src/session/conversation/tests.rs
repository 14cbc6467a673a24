//! Sessions over a channel inside the process, with paused time.

use bytes::Bytes;

use super::*;
use crate::logbook::Logbook;
use crate::net::memory::MemoryNetwork;
use crate::parameter::{ms, secs};
use crate::session::testing::{Once, Peer, pipe};
use tokio::time::Instant;

fn numbered(n: u64) -> Message {
    Message::Data(Numbered { n }.to_bytes())
}

/// Runs a session against what `test` does at the other end, until both have ended.
async fn session(
    build: impl FnOnce(Session<Once>) -> Session<Once>,
    room: usize,
    test: impl AsyncFnOnce(&mut Peer),
) -> (SessionEnd, Peer) {
    let (channel, mut peer) = pipe(room);
    let session = build(Session::over(Once::new(channel)));
    let net = MemoryNetwork::new(1, 64);
    let (end, ()) = tokio::join!(session.converse(&net), test(&mut peer));
    (end, peer)
}

#[tokio::test(start_paused = true)]
async fn updates_and_the_gaps_between_them_are_noticed() {
    let log = Logbook::open();
    session(
        |s| s,
        8,
        async |peer: &mut Peer| {
            for n in [17, 18, 22, 21, 23] {
                peer.say(numbered(n));
            }
            peer.say(Message::Data(Bytes::from_static(b"?")));
            peer.vanish();
        },
    )
    .await;
    let told: Vec<String> = log.lines().into_iter().filter(|l| l.starts_with("app")).collect();
    let wanted = [
        "app update received n=17",
        "app update received n=18",
        "app gap noticed missing=3",
        "app update received n=22",
        // Late is not lost: neither a gap now nor one afterwards.
        "app update received n=21",
        "app update received n=23",
        "app unreadable message bytes=1",
        "app session ended reason=\"lost\"",
    ];
    assert_eq!(told, wanted);
}

#[tokio::test(start_paused = true)]
async fn messages_are_published_at_their_rate_and_in_order() {
    let log = Logbook::open();
    let start = Instant::now();
    session(
        |s| s.publish_every(secs(10)),
        8,
        async |peer: &mut Peer| {
            for n in 1..=3 {
                assert_eq!(peer.next().await, numbered(n));
                assert_eq!(start.elapsed(), secs(10 * n));
            }
            peer.vanish();
        },
    )
    .await;
    assert!(log.has("app message sent n=3"));
}

#[tokio::test(start_paused = true)]
async fn nothing_piles_up_while_the_connection_takes_nothing() {
    let log = Logbook::open();
    session(
        |s| s.publish_every(secs(1)),
        1,
        async |peer: &mut Peer| {
            tokio::time::sleep(ms(100_500)).await;
            // One is in the connection and one waited.
            assert_eq!(peer.next().await, numbered(1));
            assert_eq!(peer.next().await, numbered(2));
            let start = Instant::now();
            assert_eq!(peer.next().await, numbered(3));
            assert_eq!(start.elapsed(), ms(500), "at the next whole period, not at once");
            assert_eq!(log.count("app message sent n=3"), 1);
            peer.vanish();
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_blocked_message_blocks_neither_updates_nor_the_verdict() {
    let log = Logbook::open();
    let start = Instant::now();
    let (end, peer) = session(
        |s| s.publish_every(secs(1)).heartbeat(Heartbeat { interval: secs(30), timeout: secs(15) }),
        0,
        async |peer: &mut Peer| {
            tokio::time::sleep(secs(20)).await;
            peer.say(numbered(1));
        },
    )
    .await;
    assert!(log.has("app update received n=1"));
    assert!(matches!(end, SessionEnd::Over(ChannelError::Dead { .. })), "{end}");
    assert_eq!(start.elapsed(), secs(20 + 45));
    assert_eq!(peer.closed(), None, "no goodbye to the dead");
}

#[tokio::test(start_paused = true)]
async fn every_end_has_its_reason() {
    let (end, peer) = session(|s| s, 8, async |peer: &mut Peer| peer.vanish()).await;
    assert!(
        matches!(end, SessionEnd::Over(ChannelError::Io(e)) if e.kind() == io::ErrorKind::ConnectionReset)
    );
    assert_eq!(peer.closed(), Some(1000), "the channel was let go of in order");

    let log = Logbook::open();
    let net = MemoryNetwork::new(1, 64);
    let nothing_to_open = Once::new(pipe(0).0);
    let _taken = nothing_to_open.open(&net).await;
    let end = Session::over(nothing_to_open).converse(&net).await;
    assert!(matches!(end, SessionEnd::NotOpened(OpenError::Refused { status: 503 })));
    assert!(log.has("app session ended reason=\"not opened\""));
}
