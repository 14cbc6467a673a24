//! The heartbeat around a channel inside the process, with paused time.

use tokio::time::sleep;

use super::*;
use crate::logbook::Logbook;
use crate::parameter::{ms, secs};
use crate::session::testing::{Peer, pipe};
use tokio::time::Instant;

const HEARTBEAT: Heartbeat = Heartbeat { interval: secs(30), timeout: secs(15) };

fn text(text: &'static str) -> Message {
    Message::Data(Bytes::from_static(text.as_bytes()))
}

/// Receives until the end, and says when and why it came.
async fn end(channel: &mut impl Channel) -> (Duration, ChannelError) {
    let start = Instant::now();
    loop {
        if let Err(error) = channel.receive().await {
            return (start.elapsed(), error);
        }
    }
}

/// Answers pings `after` so long, for ever.
async fn answering(peer: &mut Peer, after: Duration) {
    loop {
        if let Message::Ping(content) = peer.next().await {
            sleep(after).await;
            peer.say(Message::Pong(content));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_stops_answering_is_dead_within_interval_and_timeout_of_its_last_word() {
    let log = Logbook::open();
    let (channel, peer) = pipe(8);
    let mut channel = HEARTBEAT.wrap(channel);
    let last_word = async {
        sleep(secs(100)).await;
        peer.say(text("last word"));
    };
    // Alive until then, by its answers.
    let answers = async {
        let mut other = peer.clone();
        tokio::time::timeout(secs(100), answering(&mut other, ms(20))).await
    };
    let ((at, error), _, ()) = tokio::join!(end(&mut channel), answers, last_word);
    assert_eq!(at, secs(145));
    assert!(matches!(error, ChannelError::Dead { by: "heartbeat", silence } if silence == secs(45)));
    assert!(log.has("app peer declared dead by=\"heartbeat\" silence_s=45.0"), "{:?}", log.lines());
    assert!(matches!(end(&mut channel).await.1, ChannelError::Dead { .. }), "it stays dead");
    assert_eq!(log.count("app peer declared dead by=\"heartbeat\" silence_s=45.0"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_answers_in_time_lives_for_ever() {
    let (channel, mut peer) = pipe(8);
    let mut channel = HEARTBEAT.wrap(channel);
    let answers = tokio::time::timeout(secs(86_400), answering(&mut peer, ms(14_999)));
    tokio::select! {
        biased;
        (at, error) = end(&mut channel) => panic!("{error} after {at:?}"),
        _ = answers => {}
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_after_the_timeout_comes_too_late() {
    let (channel, mut peer) = pipe(8);
    let mut channel = HEARTBEAT.wrap(channel);
    tokio::select! {
        biased;
        (at, _) = end(&mut channel) => assert_eq!(at, secs(45)),
        () = answering(&mut peer, ms(15_001)) => {}
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_takes_nothing_does_not_stop_the_verdict() {
    // Not even the ping leaves.
    let (channel, peer) = pipe(0);
    let mut channel = HEARTBEAT.wrap(channel);
    let start = Instant::now();
    let mut outgoing = Some(text("blocked"));
    let error = channel.exchange(&mut outgoing).await.expect_err("dead");
    assert!(matches!(error, ChannelError::Dead { .. }));
    assert_eq!(start.elapsed(), secs(45));
    drop(peer);
}

#[tokio::test(start_paused = true)]
async fn a_ping_that_could_not_leave_is_not_sent_once_it_is_not_needed() {
    let (channel, mut peer) = pipe(1);
    let mut channel = HEARTBEAT.wrap(channel);
    channel.send(text("fills the connection")).await.expect("sends");
    let start = Instant::now();
    let other_side = async {
        sleep(secs(31)).await;
        peer.say(text("alive"));
        sleep(secs(1)).await;
        assert_eq!(peer.next().await, text("fills the connection"));
        assert_eq!(peer.next().await, Message::Ping(Bytes::new()));
        assert_eq!(start.elapsed(), secs(31 + 30));
    };
    tokio::select! {
        biased;
        (_, error) = end(&mut channel) => panic!("{error}"),
        () = other_side => {}
    }
}

#[tokio::test(start_paused = true)]
async fn part_of_a_large_message_is_a_sign_of_life() {
    let (channel, peer) = pipe(8);
    let mut channel = HEARTBEAT.wrap(channel);
    let trickle = async {
        for _ in 0..20 {
            sleep(secs(20)).await;
            peer.trickle(100);
        }
    };
    let ((at, _), ()) = tokio::join!(end(&mut channel), trickle);
    assert_eq!(at, secs(20 * 20 + 45));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_waited_while_nobody_received_saves_the_peer() {
    let (channel, peer) = pipe(8);
    let mut channel = HEARTBEAT.wrap(channel);
    // The ping leaves at 30 s; then this side stalls for long.
    assert!(tokio::time::timeout(secs(31), channel.receive()).await.is_err());
    peer.say(Message::Pong(Bytes::new()));
    sleep(secs(600)).await;
    assert!(matches!(channel.receive().await, Ok(Message::Pong(_))));
    let (at, _) = end(&mut channel).await;
    assert_eq!(at, secs(45));
}

#[tokio::test(start_paused = true)]
async fn without_a_heartbeat_silence_is_no_reason() {
    let (channel, _peer) = pipe(8);
    let mut channel = None::<Heartbeat>.wrap(channel);
    assert!(tokio::time::timeout(secs(1_000_000), channel.receive()).await.is_err());
}
