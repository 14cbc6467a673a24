//! Mechanisms and sessions on the operating system's network: the same code that runs in the simulations, on
//! 127.0.0.1.
#![cfg(feature = "os")]

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use halfopen::channel::{Channel, ChannelError, Message, Numbered, Opens};
use halfopen::mechanism::feed::Feed;
use halfopen::mechanism::websocket::{self, Limits};
use halfopen::net::os::OsNetwork;
use halfopen::net::{Keepalive, ListenOptions, Listener, Network};
use halfopen::session::{Heartbeat, Session, SessionEnd};
use tokio::io::AsyncReadExt;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tracing::Dispatch;
use tracing::subscriber::DefaultGuard;

const QUICK: Duration = Duration::from_millis(10);
const HEARTBEAT: Heartbeat =
    Heartbeat { interval: Duration::from_millis(100), timeout: Duration::from_millis(100) };

/// Longer than any of this takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

fn loopback() -> ListenOptions {
    ListenOptions { address: Some(Ipv4Addr::LOCALHOST.into()), ..ListenOptions::default() }
}

/// The names of the events of this thread, in order, with their numbers: `update received 1`.
#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<String>>>);

impl Events {
    /// Those of this thread, as long as the guard lives.
    fn listen() -> (Self, DefaultGuard) {
        // While there is no more than one subscriber, a thread without one can silence a log statement for all.
        static SECOND: OnceLock<Dispatch> = OnceLock::new();
        SECOND.get_or_init(|| Dispatch::new(Self::default()));
        let events = Self::default();
        let guard = tracing::subscriber::set_default(events.clone());
        (events, guard)
    }

    fn has(&self, event: &str) -> bool {
        self.0.lock().unwrap().iter().any(|e| e == event)
    }
}

mod collect {
    use super::Events;
    use std::fmt::Debug;
    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    #[derive(Default)]
    struct Line(String, String);

    impl Visit for Line {
        fn record_u64(&mut self, field: &Field, value: u64) {
            if field.name() == "n" {
                self.1 = format!(" {value}");
            }
        }
        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            if field.name() == "message" {
                self.0 = format!("{value:?}");
            }
        }
    }

    impl Subscriber for Events {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.target().starts_with("halfopen::")
        }
        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, event: &Event<'_>) {
            let mut line = Line::default();
            event.record(&mut line);
            self.0.lock().unwrap().push(line.0 + &line.1);
        }
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }
}

/// Waits until all of these have happened.
async fn happened(events: &Events, wanted: &[&str]) {
    let all = async {
        while !wanted.iter().all(|w| events.has(w)) {
            tokio::time::sleep(QUICK).await;
        }
    };
    assert!(timeout(PATIENCE, all).await.is_ok(), "{wanted:?} in {:?}", events.0.lock().unwrap());
}

#[tokio::test]
async fn updates_and_messages_flow_both_ways_until_the_server_says_goodbye() {
    let (events, _guard) = Events::listen();
    let net = OsNetwork::new();
    let keepalive = Keepalive { idle: Duration::from_secs(60), ..Keepalive::default() };
    let server = websocket::server(Feed::every(QUICK)).heartbeat(HEARTBEAT).keepalive(keepalive);
    let listener = net.listen(0, &loopback()).await.unwrap();
    let url = format!("ws://{}/feed", listener.local_addr().unwrap());
    let session =
        Session::over(websocket::client(&url).keepalive(keepalive)).heartbeat(HEARTBEAT).publish_every(QUICK);

    let (shutdown, told) = oneshot::channel::<()>();
    let serving = server.serve(net.clone(), listener, async move {
        let _ = told.await;
    });
    let watching = async {
        happened(&events, &["update received 3", "message received 3"]).await;
        shutdown.send(()).unwrap();
    };
    let (end, (), ()) = tokio::join!(session.converse(&net), serving, watching);
    assert!(matches!(end, SessionEnd::Over(ChannelError::Closed { code: 1001, .. })), "{end}");
    for event in ["upgrade requested", "upgrade accepted", "connected", "update sent 3", "message sent 3"] {
        assert!(events.has(event), "{event}");
    }
    assert!(!events.has("connection lost") && !events.has("close timed out"));
}

#[tokio::test]
async fn a_client_declares_a_server_dead_that_stops_answering() {
    let net = OsNetwork::new();
    // The kernel completes the handshake of TCP and acknowledges everything; the process does nothing after the
    // upgrade.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/feed", listener.local_addr().unwrap());
    let stalled = async {
        let (stream, _) = listener.accept().await.unwrap();
        tokio_tungstenite::accept_async(stream).await.unwrap()
    };
    let start = Instant::now();
    let session = Session::over(websocket::client(&url)).heartbeat(HEARTBEAT);
    let (end, _held) = tokio::join!(timeout(PATIENCE, session.converse(&net)), stalled);
    let SessionEnd::Over(ChannelError::Dead { by, silence }) = end.unwrap() else { panic!("not dead") };
    assert_eq!(by, "heartbeat");
    let least = HEARTBEAT.interval + HEARTBEAT.timeout;
    assert!(silence >= least && start.elapsed() >= least);
}

#[tokio::test]
async fn a_server_declares_a_client_dead_that_stops_answering() {
    let (events, _guard) = Events::listen();
    let net = OsNetwork::new();
    let listener = net.listen(0, &loopback()).await.unwrap();
    let url = format!("ws://{}/feed", listener.local_addr().unwrap());
    // So many updates that the client's window closes and no ping gets through.
    let feed = Feed::every(Duration::from_micros(10)).keep(1_000_000);
    let server = websocket::server(feed).heartbeat(HEARTBEAT);
    let mut tasks = net.tasks();
    let machine = net.clone();
    tasks.spawn(async move { server.serve(machine, listener, std::future::pending()).await });

    // It holds the channel and does not read.
    let mut channel = websocket::client(&url).open(&net).await.unwrap();
    happened(&events, &["peer declared dead", "conversation ended"]).await;
    // The server has let go of the connection: after what was under way comes its end.
    let end = loop {
        match channel.receive().await {
            Ok(_) => {}
            Err(end) => break end,
        }
    };
    assert!(matches!(end, ChannelError::Io(_)), "{end}");
}

#[tokio::test]
async fn the_protocol_is_what_another_implementation_speaks() {
    let net = OsNetwork::new();
    let listener = net.listen(0, &loopback()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let limits = Limits { close_timeout: PATIENCE, ..Limits::default() };
    let server = websocket::server(Feed::every(QUICK)).limits(limits);
    let mut tasks = net.tasks();
    let machine = net.clone();
    tasks.spawn(async move { server.serve(machine, listener, std::future::pending()).await });

    // tungstenite's own client, with its own handshake and keys.
    use futures_util::{SinkExt, StreamExt};
    use tokio_tungstenite::tungstenite::Message as Frame;
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (mut other, _) = tokio_tungstenite::client_async("ws://localhost/feed", stream).await.unwrap();
    let Frame::Text(first) = other.next().await.unwrap().unwrap() else { panic!("not text") };
    assert_eq!(Numbered::read(first.as_bytes()), Some(Numbered { n: 1 }));
    other.send(Frame::Ping(vec![1, 2, 3].into())).await.unwrap();
    let pong = loop {
        match other.next().await.unwrap().unwrap() {
            Frame::Pong(content) => break content,
            Frame::Text(_) => {}
            frame => panic!("{frame:?}"),
        }
    };
    assert_eq!(&pong[..], [1, 2, 3]);
    other.close(None).await.unwrap();
    while let Some(Ok(_)) = other.next().await {}
    let mut end = [0; 1];
    assert_eq!(other.get_mut().read(&mut end).await.unwrap(), 0, "the server has closed TCP");
}

#[tokio::test]
async fn the_client_speaks_to_another_implementation() {
    let net = OsNetwork::new();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/feed", listener.local_addr().unwrap());
    let echo = async {
        use futures_util::{SinkExt, StreamExt};
        let (stream, _) = listener.accept().await.unwrap();
        let mut other = tokio_tungstenite::accept_async(stream).await.unwrap();
        while let Some(Ok(frame)) = other.next().await {
            if frame.is_text() || frame.is_binary() {
                other.send(frame).await.unwrap();
            }
        }
    };
    let talk = async {
        let mut channel = websocket::client(&url).open(&net).await.unwrap();
        // All three forms of the length, and what is not UTF-8.
        for (n, byte) in [(1, b'a'), (125, b'b'), (126, b'c'), (65_535, b'd'), (65_536, 0xff)] {
            let message = Message::Data(vec![byte; n].into());
            channel.send(message.clone()).await.unwrap();
            assert!(channel.receive().await.unwrap() == message, "{n} bytes");
        }
        channel.close(1000, "").await;
    };
    timeout(PATIENCE, async { tokio::join!(echo, talk) }).await.unwrap();
}
