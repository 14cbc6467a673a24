//! The channel against bytes, one side at a time.

use tokio::io::DuplexStream;
use tokio::time::Instant;
use tokio_test::{assert_pending, task};

use super::*;
use crate::logbook::Logbook;

/// A client's channel whose masking keys are zero, so that its frames can be read.
async fn client<S: AsyncRead + AsyncWrite + Unpin + Send>(connection: S) -> WebSocket<S> {
    let limits = Limits::default();
    let transport = Transport::new(connection);
    let stream = WebSocketStream::from_raw_socket(transport, Role::Client, Some(limits.config())).await;
    WebSocket::client(stream, limits, || [0; 4])
}

async fn server<S: AsyncRead + AsyncWrite + Unpin + Send>(connection: S) -> WebSocket<S> {
    WebSocket::server(connection, Bytes::new(), Limits::default()).await
}

fn text(text: &str) -> Message {
    Message::Data(Bytes::copy_from_slice(text.as_bytes()))
}

/// What a client sends under the key zero: no payload longer than 125.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first, 0x80 | payload.len() as u8, 0, 0, 0, 0];
    out.extend(payload);
    out
}

const CLOSE_1000: &[u8] = &[0x88, 2, 0x03, 0xe8];

async fn read(stream: &mut DuplexStream, n: usize) -> Vec<u8> {
    let mut bytes = vec![0; n];
    stream.read_exact(&mut bytes).await.expect("reads");
    bytes
}

#[tokio::test]
async fn data_goes_as_text_if_it_is_text() {
    let mut written = masked(0x81, b"hello");
    written.extend(masked(0x82, &[0xff, 0xfe]));
    let mut channel = client(tokio_test::io::Builder::new().write(&written).build()).await;
    channel.send(text("hello")).await.expect("sends");
    channel.send(Message::Data(Bytes::from_static(&[0xff, 0xfe]))).await.expect("sends");
}

#[tokio::test]
async fn a_pong_leaves_with_the_very_receive_that_returns_the_ping() {
    let log = Logbook::open();
    // The mock fails the test if what it waits for is not written when it is dropped.
    let mock = tokio_test::io::Builder::new().read(&[0x89, 1, b'x']).write(&masked(0x8a, b"x")).build();
    let mut channel = client(mock).await;
    assert_eq!(channel.receive().await.expect("a ping"), Message::Ping(Bytes::from_static(b"x")));
    assert!(log.has("ws ping received"));
}

#[tokio::test]
async fn a_pong_that_was_blocked_leaves_while_receiving() {
    // Room for 16 bytes each way; the pong has 106.
    let (ours, mut theirs) = tokio::io::duplex(16);
    let mut channel = server(ours).await;
    let ping = masked(0x89, &[7; 100]);
    let peer = async {
        theirs.write_all(&ping).await.expect("writes");
        let pong = read(&mut theirs, 102).await;
        theirs.write_all(&masked(0x81, b"go on")).await.expect("writes");
        pong
    };
    let ours = async {
        assert!(matches!(channel.receive().await, Ok(Message::Ping(_))));
        channel.receive().await.expect("the next message")
    };
    let (message, pong) = tokio::join!(ours, peer);
    assert_eq!(message, text("go on"));
    assert_eq!(pong[..2], [0x8a, 100]);
}

#[tokio::test]
async fn half_a_frame_survives_a_cancelled_receive() {
    let (ours, mut theirs) = tokio::io::duplex(64);
    let mut channel = client(ours).await;
    for piece in [&[0x81][..], &[5], b"he", b"ll"] {
        theirs.write_all(piece).await.expect("writes");
        let mut receiving = task::spawn(channel.receive());
        assert_pending!(receiving.poll());
        drop(receiving);
    }
    assert_eq!(channel.received_bytes(), 6);
    theirs.write_all(b"o").await.expect("writes");
    assert_eq!(channel.receive().await.expect("whole"), text("hello"));
}

#[tokio::test]
async fn a_full_connection_holds_back_the_second_message_and_a_cancelled_send_sends_nothing() {
    let (ours, mut theirs) = tokio::io::duplex(8);
    let mut channel = server(ours).await;
    channel.send(text("the first is taken whole")).await.expect("one message fits into the buffer");
    let mut second = task::spawn(channel.send(text("never")));
    assert_pending!(second.poll());
    drop(second);
    // Reading makes room, which wakes the sender.
    let both = async {
        let first = read(&mut theirs, 26).await;
        assert_eq!(first[2..], *b"the first is taken whole");
        assert_eq!(read(&mut theirs, 7).await, b"\x81\x05third");
    };
    let ours = async {
        channel.send(text("third")).await.expect("sends");
        // What the connection had no room for leaves while receiving.
        channel.receive().await
    };
    tokio::select! {
        biased;
        () = both => {}
        received = ours => panic!("{received:?}"),
    }
}

#[tokio::test]
async fn a_blocked_send_does_not_keep_from_receiving() {
    let (ours, mut theirs) = tokio::io::duplex(8);
    let mut channel = server(ours).await;
    channel.send(text("blocks the connection")).await.expect("taken");
    let mut outgoing = Some(text("waits"));
    theirs.write_all(&masked(0x81, b"a")).await.expect("writes");
    let received = channel.exchange(&mut outgoing).await.expect("receives");
    assert_eq!(received, Some(text("a")));
    assert!(outgoing.is_some(), "still not sent, and still ours");
}

#[tokio::test]
async fn an_exchange_serves_both_directions_at_once() {
    let (ours, mut theirs) = tokio::io::duplex(64);
    let mut channel = server(ours).await;
    theirs.write_all(&masked(0x81, b"in")).await.expect("writes");
    let mut outgoing = Some(text("out"));
    assert_eq!(channel.exchange(&mut outgoing).await.expect("both"), Some(text("in")));
    assert_eq!(outgoing, None);
    assert_eq!(read(&mut theirs, 5).await, b"\x81\x03out");
}

#[tokio::test]
async fn a_message_that_is_too_large_to_send_ends_nothing() {
    let mut channel = server(tokio_test::io::Builder::new().write(b"\x81\x02ok").build()).await;
    let size = Limits::default().message_bytes + 1;
    let large = Message::Data(vec![b'a'; size].into());
    assert!(matches!(channel.send(large).await, Err(ChannelError::TooLarge { size: s, .. }) if s == size));
    let ping = Message::Ping(vec![0; 126].into());
    assert!(matches!(channel.send(ping).await, Err(ChannelError::TooLarge { size: 126, max: 125 })));
    channel.send(text("ok")).await.expect("still open");
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused_before_it_is_received() {
    let log = Logbook::open();
    let (ours, mut theirs) = tokio::io::duplex(4096);
    let mut channel = server(ours).await;
    // Only the header: 65,537 bytes are to follow.
    let header = [0x82, 0x80 | 127, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0];
    theirs.write_all(&header).await.expect("writes");
    assert!(matches!(channel.receive().await, Err(ChannelError::Protocol(_))));
    assert_eq!(read(&mut theirs, 4).await, [0x88, 2, 0x03, 0xf1], "close 1009");
    assert!(log.has("ws close sent code=1009"));

    // The peer, which goes on sending, learns of it: the end of the stream, not a reset.
    let peer = async {
        theirs.write_all(&[0; 9000]).await.expect("the server reads it away");
        assert_eq!(theirs.read(&mut [0; 8]).await.expect("the end"), 0);
        drop(theirs);
    };
    tokio::join!(channel.close(1000, ""), peer);
}

#[tokio::test]
async fn broken_rules_are_answered_with_their_code() {
    for (bytes, code) in [
        // Not masked, though from a client.
        (&b"\x81\x02hi"[..], 1002u16),
        // A reserved bit.
        (&masked(0xc1, b"hi"), 1002),
        // Not UTF-8.
        (&masked(0x81, &[0xff]), 1007),
    ] {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let mut channel = server(ours).await;
        theirs.write_all(bytes).await.expect("writes");
        assert!(matches!(channel.receive().await, Err(ChannelError::Protocol(_))), "{code}");
        assert_eq!(read(&mut theirs, 4).await[2..], code.to_be_bytes());
        assert!(matches!(channel.receive().await, Err(ChannelError::Protocol(_))), "it stays over");
        assert!(matches!(channel.send(text("a")).await, Err(ChannelError::Protocol(_))), "it stays over");
    }
}

#[tokio::test]
async fn a_peer_that_vanishes_is_a_lost_connection_and_stays_one() {
    let log = Logbook::open();
    let mut channel = client(tokio_test::io::Builder::new().read(&[0x81, 5, b'h']).build()).await;
    for _ in 0..2 {
        let error = channel.receive().await.expect_err("gone");
        assert!(matches!(error, ChannelError::Io(e) if e.kind() == io::ErrorKind::UnexpectedEof));
    }
    assert_eq!(log.count("ws connection lost error=unexpected end of file"), 1);
}

#[tokio::test]
async fn an_error_of_the_connection_keeps_its_kind() {
    let mock = || tokio_test::io::Builder::new().read_error(io::ErrorKind::TimedOut.into()).build();
    let error = client(mock()).await.receive().await.expect_err("timed out");
    assert!(matches!(error, ChannelError::Io(e) if e.kind() == io::ErrorKind::TimedOut));
}

#[tokio::test(start_paused = true)]
async fn a_client_waits_for_the_server_to_close_first() {
    let (ours, mut theirs) = tokio::io::duplex(64);
    let mut channel = client(ours).await;
    let start = Instant::now();
    let peer = async {
        assert_eq!(read(&mut theirs, 8).await, masked(0x88, &CLOSE_1000[2..]));
        theirs.write_all(CLOSE_1000).await.expect("writes");
        tokio::time::sleep(Duration::from_secs(3)).await;
        theirs.shutdown().await.expect("shuts down");
    };
    tokio::join!(channel.close(1000, ""), peer);
    assert_eq!(start.elapsed(), Duration::from_secs(3));
    assert!(
        matches!(channel.receive().await, Err(ChannelError::Io(e)) if e.kind() == io::ErrorKind::NotConnected)
    );
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_goodbye_longer_than_the_close_timeout() {
    let log = Logbook::open();
    for blocked in [false, true] {
        // A peer that reads nothing: the goodbye may not even fit into the connection.
        let (ours, theirs) = tokio::io::duplex(if blocked { 2 } else { 64 });
        let mut channel = client(ours).await;
        let start = Instant::now();
        channel.close(1000, "").await;
        assert_eq!(start.elapsed(), Limits::default().close_timeout, "blocked: {blocked}");
        drop(theirs);
    }
    assert_eq!(log.count("ws close timed out after_s=10.0"), 2);
}

#[tokio::test]
async fn a_server_closes_first_and_at_once() {
    let log = Logbook::open();
    let (ours, mut theirs) = tokio::io::duplex(64);
    let mut channel = server(ours).await;
    theirs.write_all(&masked(0x88, &CLOSE_1000[2..])).await.expect("writes");
    let error = channel.receive().await.expect_err("closed");
    assert!(matches!(error, ChannelError::Closed { code: 1000, .. }));
    channel.close(1000, "").await;
    // The answer, then the end of the stream, though the client has not ended its own.
    assert_eq!(read(&mut theirs, 4).await, CLOSE_1000);
    assert_eq!(theirs.read(&mut [0; 8]).await.expect("the end"), 0);
    assert_eq!(log.count("ws close received code=1000"), 1);
    assert_eq!(log.count("ws close sent code=1000"), 1);
}

#[tokio::test]
async fn messages_that_cross_a_goodbye_are_no_obstacle() {
    let (ours, mut theirs) = tokio::io::duplex(64);
    let mut channel = server(ours).await;
    theirs.write_all(&masked(0x81, b"crossing")).await.expect("writes");
    theirs.write_all(&masked(0x88, &CLOSE_1000[2..])).await.expect("writes");
    channel.close(1001, "going away").await;
    assert_eq!(read(&mut theirs, 14).await[..4], [0x88, 12, 0x03, 0xe9]);
}

#[tokio::test]
async fn a_close_without_a_code_is_1005_and_that_is_never_sent() {
    let (ours, mut theirs) = tokio::io::duplex(64);
    let mut channel = server(ours).await;
    theirs.write_all(&masked(0x88, b"")).await.expect("writes");
    assert!(matches!(channel.receive().await, Err(ChannelError::Closed { code: 1005, .. })));
    assert_eq!(read(&mut theirs, 2).await, [0x88, 0]);
    assert_eq!(close_frame(1005, "whatever"), None);
}

#[test]
fn a_reason_is_cut_to_what_a_control_frame_holds() {
    let reason = "\u{e9}".repeat(100);
    let cut = close_frame(1000, &reason).expect("a frame").reason;
    assert_eq!(cut.len(), 122, "a whole number of characters below 123 bytes");
}
