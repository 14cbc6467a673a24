//! The server and the client on a network inside the process, with paused time.

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use super::*;
use crate::channel::{Channel, ChannelError, Message, Numbered, Opens};
use crate::logbook::Logbook;
use crate::mechanism::websocket::client;
use crate::net::Tasks;
use crate::net::memory::{MemoryNetwork, MemoryStream};

const URL: &str = "ws://server/feed";

fn feed() -> Feed {
    Feed::every(Duration::from_secs(1))
}

/// Runs a server until the returned tasks are dropped.
async fn running(net: &MemoryNetwork, server: Server) -> Tasks {
    let mut tasks = net.tasks();
    let machine = net.clone();
    tasks.spawn(async move { server.run(machine).await.expect("listens") });
    // The server listens once it was polled.
    tokio::task::yield_now().await;
    tasks
}

async fn ask(net: &MemoryNetwork, request: &str) -> MemoryStream {
    let mut stream = net.connect("server:80", &SocketOptions::default()).await.expect("connects");
    stream.write_all(request.as_bytes()).await.expect("writes");
    stream
}

async fn answer(net: &MemoryNetwork, request: &str) -> String {
    let mut stream = ask(net, request).await;
    let mut text = String::new();
    stream.read_to_string(&mut text).await.expect("reads");
    text
}

async fn numbers<C: Channel>(channel: &mut C, count: usize) -> Vec<u64> {
    let mut numbers = Vec::new();
    while numbers.len() < count {
        match channel.receive().await.expect("open") {
            Message::Data(bytes) => numbers.push(Numbered::read(&bytes).expect("a number").n),
            other => panic!("{other:?}"),
        }
    }
    numbers
}

#[tokio::test(start_paused = true)]
async fn every_client_gets_the_updates_from_its_coming_on() {
    let net = MemoryNetwork::new(1, 1024);
    let _server = running(&net, server(feed())).await;
    let mut early = client(URL).open(&net).await.expect("opens");
    assert_eq!(numbers(&mut early, 2).await, [1, 2]);
    let mut late = client(URL).open(&net).await.expect("opens");
    assert_eq!(numbers(&mut late, 2).await, [3, 4]);
    assert_eq!(numbers(&mut early, 2).await, [3, 4]);
}

#[tokio::test(start_paused = true)]
async fn both_sides_tell_what_they_do() {
    let log = Logbook::open();
    let net = MemoryNetwork::new(1, 1024);
    let _server = running(&net, server(feed())).await;
    let mut channel = client(URL).open(&net).await.expect("opens");
    channel.send(Message::Data(Numbered { n: 7 }.to_bytes())).await.expect("sends");
    channel.send(Message::Ping(Bytes::new())).await.expect("sends");
    assert!(matches!(channel.receive().await, Ok(Message::Pong(_))));
    assert_eq!(numbers(&mut channel, 1).await, [1]);
    channel.close(1000, "").await;
    assert!(log.has("http upgrade requested path=\"/feed\""), "{:#?}", log.lines());
    for (line, count) in [
        ("http upgrade accepted", 2),
        ("ws connected", 2),
        ("app message received n=7", 1),
        ("ws ping sent", 1),
        ("ws ping received", 1),
        ("ws pong received", 1),
        ("app update published n=1", 1),
        ("app update sent n=1", 1),
        ("ws close sent code=1000", 2),
        ("ws close received code=1000", 2),
        ("ws connection lost", 0),
    ] {
        assert_eq!(log.count(line), count, "{line} in {:#?}", log.lines());
    }
}

#[tokio::test(start_paused = true)]
async fn requests_that_are_no_upgrade_are_told_what_is_wrong() {
    let net = MemoryNetwork::new(1, 1024);
    let _server = running(&net, server(feed())).await;
    for (request, status) in [
        ("GET /feed HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "426"),
        ("POST /feed HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", "405"),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "404"),
        ("nonsense\r\n\r\n", "400"),
    ] {
        let text = answer(&net, request).await;
        assert!(text.starts_with(&format!("HTTP/1.1 {status}")), "{request}: {text}");
        assert!(!text.to_lowercase().contains("\ndate:"), "a date would differ from run to run");
    }
    let refused = client("ws://server/nothing").open(&net).await.err();
    assert!(matches!(refused, Some(crate::channel::OpenError::Refused { status: 404 })));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_finish_its_request_is_let_go_after_the_header_timeout() {
    let net = MemoryNetwork::new(1, 1024);
    let _server = running(&net, server(feed()).header_timeout(Duration::from_secs(5))).await;
    let complete = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    for begun in ["", "GET /feed HTTP/1.1\r\nHo", complete] {
        let start = Instant::now();
        answer(&net, begun).await;
        assert_eq!(start.elapsed(), Duration::from_secs(5), "{begun}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_full_lets_the_next_client_wait_until_one_leaves() {
    let net = MemoryNetwork::new(1, 1024);
    let _server = running(&net, server(feed()).max_connections(2)).await;
    let first = client(URL).open(&net).await.expect("opens");
    let _second = client(URL).open(&net).await.expect("opens");
    let patience = Duration::from_secs(20);
    let start = Instant::now();
    let third = client(URL).open_timeout(patience).open(&net).await.err();
    assert!(matches!(third, Some(crate::channel::OpenError::TimedOut { after }) if after == patience));
    assert_eq!(start.elapsed(), patience);
    drop(first);
    client(URL).open(&net).await.expect("there is room again");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_costs_others_nothing_and_loses_what_the_log_cannot_hold() {
    let log = Logbook::open();
    // Room for some seven updates on the way.
    let net = MemoryNetwork::new(1, 64);
    let _server = running(&net, server(feed().keep(10))).await;
    let mut slow = client(URL).open(&net).await.expect("opens");
    let mut quick = client(URL).open(&net).await.expect("opens");
    assert_eq!(numbers(&mut quick, 50).await, (1..=50).collect::<Vec<_>>());
    let mut late = Vec::new();
    while late.last() < Some(&50) {
        late.extend(numbers(&mut slow, 1).await);
    }
    let gaps = late.windows(2).filter(|w| w[1] != w[0] + 1).collect::<Vec<_>>();
    assert_eq!(gaps.len(), 1, "{late:?}");
    let missing = gaps[0][1] - gaps[0][0] - 1;
    assert_eq!(log.count(&format!("app updates skipped missing={missing}")), 1, "{late:?}");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_says_goodbye_to_everyone_and_ends() {
    let net = MemoryNetwork::new(1, 1024);
    let listener = net.listen(80, &ListenOptions::default()).await.expect("listens");
    let start = Instant::now();
    let serving = server(feed()).serve(net.clone(), listener, sleep(Duration::from_secs(10)));
    let visiting = async {
        let mut channel = client(URL).open(&net).await.expect("opens");
        assert_eq!(numbers(&mut channel, 9).await.len(), 9);
        // The tenth update and the shutdown come at the same moment.
        let end = loop {
            match channel.receive().await {
                Ok(_) => {}
                Err(end) => break end,
            }
        };
        assert!(matches!(end, ChannelError::Closed { code: 1001, .. }), "{end}");
        channel.close(1000, "").await;
    };
    tokio::join!(serving, visiting);
    assert_eq!(start.elapsed(), Duration::from_secs(10));
    let refused = net.connect("server:80", &SocketOptions::default()).await;
    assert!(refused.is_err(), "nobody listens any more");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_the_unwilling_no_longer_than_the_close_timeout() {
    let net = MemoryNetwork::new(1, 1024);
    let listener = net.listen(80, &ListenOptions::default()).await.expect("listens");
    let limits = Limits { close_timeout: Duration::from_secs(4), ..Limits::default() };
    let start = Instant::now();
    let shutdown = sleep(Duration::from_secs(3));
    let serving = server(feed()).limits(limits).serve(net.clone(), listener, shutdown);
    // One of them has a channel and is silent, another has not finished its request.
    let unwilling = async { (client(URL).open(&net).await.expect("opens"), ask(&net, "GET /fe").await) };
    let ((), _held) = tokio::join!(serving, unwilling);
    assert_eq!(start.elapsed(), Duration::from_secs(7));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_a_client_that_asks_nothing() {
    let net = MemoryNetwork::new(1, 1024);
    let listener = net.listen(80, &ListenOptions::default()).await.expect("listens");
    let start = Instant::now();
    let serving = server(feed()).serve(net.clone(), listener, sleep(Duration::from_secs(3)));
    // It was answered, and keeps the connection for its next request.
    let asking = ask(&net, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let ((), mut idle) = tokio::join!(serving, asking);
    assert_eq!(start.elapsed(), Duration::from_secs(3));
    let mut text = String::new();
    idle.read_to_string(&mut text).await.expect("the answer and the end");
    assert!(text.starts_with("HTTP/1.1 404"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn dropping_the_server_ends_everything_it_started() {
    let net = MemoryNetwork::new(1, 1024);
    let running = running(&net, server(feed())).await;
    let mut channel = client(URL).open(&net).await.expect("opens");
    let mut asking = ask(&net, "GET /fe").await;
    assert_eq!(numbers(&mut channel, 1).await, [1]);
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    // The server itself, its feed, and a connection each.
    assert_eq!(before, 4);
    drop(running);
    assert!(matches!(channel.receive().await, Err(ChannelError::Io(_))));
    assert_eq!(asking.read(&mut [0; 8]).await.expect("the end"), 0);
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_cancelled_while_opening_leaves_nothing_behind() {
    let net = MemoryNetwork::new(1, 1024);
    let mut listener = net.listen(80, &ListenOptions::default()).await.expect("listens");
    let client = client(URL);
    let opening = timeout(Duration::from_secs(1), client.open(&net));
    let (opened, accepted) = tokio::join!(opening, listener.accept());
    assert!(opened.is_err(), "nobody answers");
    let mut text = String::new();
    accepted.expect("accepts").0.read_to_string(&mut text).await.expect("the request and the end");
    assert!(text.starts_with("GET /feed HTTP/1.1\r\nHost: server\r\n"), "{text}");
}

/// What a client writes in a short visit.
async fn visit(seed: u64) -> Vec<u8> {
    let net = MemoryNetwork::new(seed, 1024);
    let _server = running(&net, server(feed())).await;
    let mut channel = client(URL).open(&net).await.expect("opens");
    for n in 1..=3 {
        channel.send(Message::Data(Numbered { n }.to_bytes())).await.expect("sends");
    }
    channel.close(1000, "").await;
    net.written(0)
}

#[tokio::test(start_paused = true)]
async fn equal_seeds_give_equal_bytes_and_others_do_not() {
    let first = visit(1).await;
    assert_eq!(first, visit(1).await);
    let other = visit(2).await;
    // The keys differ, and with them the handshake and every frame.
    let frames = |bytes: &[u8]| bytes[bytes.len() - 3 * 13..].to_vec();
    assert_eq!(first.len(), other.len());
    assert_ne!(frames(&first), frames(&other));
}
