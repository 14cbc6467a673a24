//! Against the real kernel, on 127.0.0.1.

use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::net::Keepalive;
use crate::parameter::ByteSize;

fn loopback() -> ListenOptions {
    ListenOptions { address: Some(Ipv4Addr::LOCALHOST.into()), ..ListenOptions::default() }
}

async fn pair(listen: &ListenOptions, connect: &SocketOptions) -> (TcpStream, TcpStream) {
    let net = OsNetwork::new();
    let mut listener = net.listen(0, listen).await.expect("listens");
    let authority = Listener::local_addr(&listener).expect("has an address").to_string();
    let (client, server) = tokio::join!(net.connect(&authority, connect), Listener::accept(&mut listener));
    (client.expect("connects"), server.expect("accepts").0)
}

/// All different from Linux's defaults.
fn every_option() -> SocketOptions {
    SocketOptions {
        no_delay: true,
        keepalive: Some(Keepalive {
            idle: Duration::from_secs(11),
            interval: Duration::from_secs(7),
            count: 5,
        }),
        user_timeout: cfg!(target_os = "linux").then_some(Duration::from_millis(12_345)),
        linger: Some(Duration::from_secs(3)),
        send_buffer: Some(ByteSize(64 << 10)),
        receive_buffer: Some(ByteSize(64 << 10)),
        notsent_lowat: Some(ByteSize(16 << 10)),
        local_port: 0,
    }
}

fn assert_every_option(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    assert!(socket.tcp_nodelay().expect("nodelay"));
    assert!(socket.keepalive().expect("keepalive"));
    assert_eq!(socket.tcp_keepalive_time().expect("idle"), Duration::from_secs(11));
    assert_eq!(socket.tcp_keepalive_interval().expect("interval"), Duration::from_secs(7));
    assert_eq!(socket.tcp_keepalive_retries().expect("count"), 5);
    assert_eq!(socket.linger().expect("linger"), Some(Duration::from_secs(3)));
    #[cfg(target_os = "linux")]
    assert_eq!(socket.tcp_user_timeout().expect("user timeout"), Some(Duration::from_millis(12_345)));
}

#[tokio::test]
async fn every_option_reaches_the_kernel_on_both_sides() {
    let listen = ListenOptions { accepted: every_option(), ..loopback() };
    let (client, server) = pair(&listen, &every_option()).await;
    assert_every_option(&client);
    assert_every_option(&server);
}

#[tokio::test]
async fn setting_options_again_takes_back_what_is_not_in_them() {
    let (client, _server) = pair(&loopback(), &every_option()).await;
    Stream::set_options(&client, &SocketOptions { no_delay: false, ..SocketOptions::default() })
        .expect("sets");
    let socket = SockRef::from(&client);
    assert!(!socket.tcp_nodelay().expect("nodelay"));
    assert!(!socket.keepalive().expect("keepalive"));
    assert_eq!(socket.linger().expect("linger"), None);
    #[cfg(target_os = "linux")]
    assert_eq!(socket.tcp_user_timeout().expect("user timeout"), None);
}

#[tokio::test]
async fn what_the_kernel_would_round_is_refused() {
    let net = OsNetwork::new();
    let half = Duration::from_millis(500);
    let idle = SocketOptions {
        keepalive: Some(Keepalive { idle: half, ..Keepalive::default() }),
        ..Default::default()
    };
    let linger = SocketOptions { linger: Some(half), ..Default::default() };
    for accepted in [idle, linger] {
        let listened = net.listen(0, &ListenOptions { accepted, ..loopback() }).await;
        assert_eq!(listened.expect_err("refused").kind(), io::ErrorKind::InvalidInput);
    }
}

#[tokio::test]
async fn bytes_and_their_end_arrive() {
    let (mut client, mut server) = pair(&loopback(), &SocketOptions::default()).await;
    client.write_all(b"hello").await.expect("writes");
    client.shutdown().await.expect("shuts down");
    let mut text = String::new();
    server.read_to_string(&mut text).await.expect("reads");
    assert_eq!(text, "hello");
}

#[tokio::test]
async fn linger_zero_resets() {
    let options = SocketOptions { linger: Some(Duration::ZERO), ..Default::default() };
    let (client, mut server) = pair(&loopback(), &options).await;
    drop(client);
    let error = server.read(&mut [0; 8]).await.expect_err("reset");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn the_local_port_is_the_one_asked_for_or_an_error() {
    let net = OsNetwork::new();
    let mut listener = net.listen(0, &loopback()).await.expect("listens");
    let authority = Listener::local_addr(&listener).expect("has an address").to_string();
    // A port that the kernel has just had free.
    let free = net.listen(0, &loopback()).await.expect("listens");
    let local_port = Listener::local_addr(&free).expect("has an address").port();
    drop(free);
    let options = SocketOptions { local_port, ..Default::default() };
    let first = net.connect(&authority, &options).await.expect("connects");
    assert_eq!(Stream::local_addr(&first).expect("address").port(), local_port);
    let _first_at_the_server = Listener::accept(&mut listener).await.expect("accepts");
    let second = net.connect(&authority, &options).await.expect_err("the port is in use");
    assert_eq!(second.kind(), io::ErrorKind::AddrNotAvailable);
}

#[tokio::test]
async fn errors_have_the_kinds_that_the_trait_promises() {
    let net = OsNetwork::new();
    let options = SocketOptions::default();
    for unreadable in ["server", "server:", ":80", "server:99999"] {
        let error = net.connect(unreadable, &options).await.expect_err("unreadable");
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{unreadable}");
    }
    let closed = {
        let listener = net.listen(0, &loopback()).await.expect("listens");
        Listener::local_addr(&listener).expect("has an address").to_string()
    };
    let error = net.connect(&closed, &options).await.expect_err("nobody listens");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);

    let listener = net.listen(0, &loopback()).await.expect("listens");
    let port = Listener::local_addr(&listener).expect("has an address").port();
    let error = net.listen(port, &loopback()).await.expect_err("taken");
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
}

#[tokio::test]
async fn all_addresses_means_ipv4_as_well() {
    let net = OsNetwork::new();
    let mut listener = net.listen(0, &ListenOptions::default()).await.expect("listens");
    let port = Listener::local_addr(&listener).expect("has an address").port();
    let authority = format!("127.0.0.1:{port}");
    let options = SocketOptions::default();
    let (client, server) = tokio::join!(net.connect(&authority, &options), Listener::accept(&mut listener));
    assert!(client.is_ok() && server.is_ok());
}

#[tokio::test]
async fn axum_serves_on_the_listener() {
    let net = OsNetwork::new();
    let listener = net.listen(0, &loopback()).await.expect("listens");
    let authority = Listener::local_addr(&listener).expect("has an address").to_string();
    let router = axum::Router::new().route("/", axum::routing::get(async || "served"));
    let mut tasks = net.tasks();
    tasks.spawn(async { axum::serve(listener, router).await.expect("serves") });

    let mut stream = net.connect(&authority, &SocketOptions::default()).await.expect("connects");
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.expect("writes");
    let mut text = String::new();
    stream.read_to_string(&mut text).await.expect("reads");
    assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("served"), "{text}");
}

#[tokio::test]
async fn changes_end_with_the_last_handle() {
    let net = OsNetwork::new();
    let mut changes = net.changes();
    drop(net);
    assert_eq!(changes.next().await, None);
}

#[test]
fn random_bytes_differ_from_call_to_call() {
    let net = OsNetwork::new();
    let (mut a, mut b) = ([0; 16], [0; 16]);
    net.random(&mut a);
    net.random(&mut b);
    assert_ne!(a, b);
}
