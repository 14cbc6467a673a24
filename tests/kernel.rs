//! What the simulated kernel does, seen from outside: behaviours that no measurement of Linux covers
//! (`tests/fidelity.rs`), each as a claim.

use std::io;
use std::time::Duration;

use halfopen::net::{ListenOptions, Listener as _, Network as _, SocketOptions, Stream as _};
use halfopen::note;
use halfopen::packet::Segment;
use halfopen::parameter::{ByteSize, ms, secs};
use halfopen::sim::{
    Engine, Forgotten, Machine, RouterOptions, SimListener, SimNet, SimStream, Sysctls, World,
};
use halfopen::trace::{Packet, Trace};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::sleep;

/// One way between the two machines.
const ONE_WAY: Duration = ms(10);

fn bench() -> (World, Machine, Machine) {
    let mut world = World::new(0, Engine::default(), Sysctls::default(), None);
    world.notes(["outcome"]);
    let [client, server] = world.machines(["client", "server"]);
    world.link(&client, &server).one_way(ONE_WAY);
    (world, client, server)
}

async fn connect(net: &SimNet) -> io::Result<SimStream> {
    net.connect("server:80", &SocketOptions::default()).await
}

async fn listen(net: &SimNet) -> io::Result<SimListener> {
    net.listen(80, &ListenOptions::default()).await
}

async fn accept(net: &SimNet) -> io::Result<(SimListener, SimStream)> {
    let mut listener = listen(net).await?;
    let (stream, _) = listener.accept().await?;
    Ok((listener, stream))
}

/// Notes what a call came to: `ok 3`, or the error.
fn noted<T: std::fmt::Display>(result: io::Result<T>) {
    match result {
        Ok(n) => note!(what = format!("ok {n}"), "outcome"),
        Err(e) => note!(what = e.kind().to_string(), "outcome"),
    }
}

fn outcomes(trace: &Trace, host: &str) -> Vec<String> {
    let noted = trace.all("outcome").on(host).events();
    noted.iter().filter_map(|e| e.field("what")).map(ToString::to_string).collect()
}

fn segment(packet: &Packet) -> &Segment {
    packet.transport.segment().expect("a segment")
}

#[test]
fn a_connection_to_a_closed_port_is_refused_by_a_reset() {
    let (world, client, _server) = bench();
    client.does(async |net| {
        noted(connect(&net).await.map(|_| 0));
        Ok(())
    });
    let trace = world.run(secs(1)).expect("runs");
    assert_eq!(outcomes(&trace, "client"), ["connection refused"]);
    let resets = trace.packets_from("server").resets();
    assert_eq!(resets.count(), 1);
    assert!(segment(resets.packets()[0]).flags.ack, "RFC 9293 section 3.10.7.1: it acknowledges the SYN");
}

/// The server accepts and answers; `server_first`: who closes first. Then the client opens again from the same port.
fn reopened(server_first: bool) -> Trace {
    let (world, client, server) = bench();
    server.does(async move |net| {
        let mut listener = listen(&net).await?;
        loop {
            let (mut stream, _) = listener.accept().await?;
            stream.write_u8(1).await?;
            if !server_first {
                stream.read_to_end(&mut Vec::new()).await?;
            }
        }
    });
    client.does(async move |net| {
        let options = SocketOptions { local_port: 5_000, ..SocketOptions::default() };
        let mut stream = net.connect("server:80", &options).await?;
        stream.read_u8().await?;
        if server_first {
            stream.read_to_end(&mut Vec::new()).await?;
        }
        drop(stream);
        sleep(secs(1)).await;
        let again = net.connect("server:80", &options).await;
        match again {
            Ok(mut stream) => noted(stream.read_u8().await),
            Err(e) => noted::<u8>(Err(e)),
        }
        Ok(())
    });
    world.run(secs(5)).expect("runs")
}

#[test]
fn a_client_may_use_its_port_again_at_once_where_the_server_closed_first() {
    let trace = reopened(true);
    assert_eq!(outcomes(&trace, "client"), ["ok 1"]);
    assert_eq!(trace.all("left TIME-WAIT").on("server").count(), 1, "the SYN ends the server's TIME-WAIT");
    let syns = trace.packets_from("client").syns();
    let [first, second] = syns.packets() else { panic!("two SYNs") };
    assert!(
        segment(second).seq.wrapping_sub(segment(first).seq) < 1 << 31,
        "and continues above the old numbers"
    );
}

#[test]
fn a_client_that_closed_first_may_not_use_its_port_again() {
    let trace = reopened(false);
    assert_eq!(outcomes(&trace, "client"), ["address not available"]);
    assert_eq!(trace.packets_from("client").syns().count(), 1);
}

#[test]
fn a_full_backlog_drops_syns_and_refuses_nobody() {
    let (world, client, server) = bench();
    server.does(async |net| {
        let options = ListenOptions { backlog: 1, ..ListenOptions::default() };
        let mut listener = net.listen(80, &options).await?;
        sleep(secs(6)).await;
        let mut held = Vec::new();
        loop {
            held.push(listener.accept().await?);
        }
    });
    client.does(async |net| {
        let mut tasks = net.tasks();
        for i in 0..5 {
            let net = net.clone();
            tasks.spawn(async move {
                sleep(ms(100 * i)).await;
                let connected = connect(&net).await;
                noted(connected.as_ref().map(|_| 0).map_err(|e| e.kind().into()));
                if connected.is_ok() {
                    std::future::pending::<()>().await;
                }
            });
        }
        tasks.finished().await;
        Ok(())
    });
    let trace = world.run(secs(30)).expect("runs");
    assert_eq!(outcomes(&trace, "client"), ["ok 0"; 5]);
    let waited = trace.all("outcome").on("client").after(secs(6)).count();
    assert_eq!(waited, 3, "two are in the queue, three wait for their SYN timer");
    assert!(trace.all("SYN dropped").on("server").count() >= 3);
    assert_eq!(trace.packets_from("server").resets().count(), 0);
}

/// How a server's close looks to its client: what the server sends, and what the client reads.
fn closed(linger: Option<Duration>, unread: bool) -> (Trace, Vec<String>) {
    let (world, client, server) = bench();
    server.does(async move |net| {
        let (_listener, stream) = accept(&net).await?;
        stream.set_options(&SocketOptions { linger, ..SocketOptions::default() })?;
        net.until(secs(1)).await;
        drop(stream);
        std::future::pending().await
    });
    client.does(async move |net| {
        let mut stream = connect(&net).await?;
        if unread {
            stream.write_all(b"unread").await?;
        }
        noted(stream.read(&mut [0]).await);
        Ok(())
    });
    let trace = world.run(secs(3)).expect("runs");
    let outcomes = outcomes(&trace, "client");
    (trace, outcomes)
}

#[test]
fn a_close_is_a_fin_and_with_a_linger_of_zero_or_data_unread_a_reset() {
    let (trace, read) = closed(None, false);
    assert_eq!((trace.packets_from("server").fins().count(), read), (1, vec!["ok 0".to_owned()]));
    for (linger, unread) in [(Some(Duration::ZERO), false), (None, true)] {
        let (trace, read) = closed(linger, unread);
        assert_eq!(trace.packets_from("server").fins().count(), 0);
        assert_eq!(trace.packets_from("server").resets().count(), 1);
        assert_eq!(read, ["connection reset"]);
        assert_eq!(trace.all("entered TIME-WAIT").count(), 0);
    }
}

/// A byte is written into a dead path, and the connection perhaps closed. When the kernel gives it up, in seconds.
fn given_up(closes: bool) -> f64 {
    let (mut world, client, server) = bench();
    server.does(async |net| {
        let _held = accept(&net).await?;
        std::future::pending().await
    });
    client.does(async move |net| {
        let mut stream = connect(&net).await?;
        net.until(secs(2)).await;
        stream.write_u8(1).await?;
        if !closes {
            stream.read_u8().await?;
        }
        Ok(())
    });
    world.at(secs(1)).partition(&client, &server);
    let trace = world.run(secs(1_200)).expect("runs");
    trace.first("timed out").on("client").seconds_since(secs(2)).expect("it gives up")
}

#[test]
fn nobodys_connection_is_given_up_after_eight_retransmissions_and_somebodys_after_fifteen() {
    // tcp_orphan_retries() = 8: 102.2 s after the first retransmission; tcp_retries2 = 15: 924.6 s.
    let (orphan, owned) = (given_up(true), given_up(false));
    assert!((102.0..=120.0).contains(&orphan), "{orphan}");
    assert!((924.0..=1_010.0).contains(&owned), "{owned}");
}

#[test]
fn a_closed_connection_waits_a_minute_for_the_peers_fin_and_a_half_closed_one_for_ever() {
    for (half, expected) in [(false, 0), (true, 1)] {
        let (world, client, server) = bench();
        server.does(async |net| {
            let _held = accept(&net).await?;
            std::future::pending().await
        });
        client.does(async move |net| {
            let mut stream = connect(&net).await?;
            stream.shutdown().await?;
            if half {
                std::future::pending::<()>().await;
            }
            Ok(())
        });
        client.does(async |net| {
            net.until(secs(70)).await;
            let waiting = net.netstat().iter().filter(|s| s.state == "FIN-WAIT-2").count();
            noted(Ok(waiting));
            Ok(())
        });
        let trace = world.run(secs(71)).expect("runs");
        assert_eq!(outcomes(&trace, "client"), [format!("ok {expected}")]);
    }
}

#[test]
fn a_stalled_process_does_nothing_and_finds_its_timers_overdue() {
    let (mut world, client, server) = bench();
    server.does(async |net| {
        let (_listener, mut stream) = accept(&net).await?;
        let mut tasks = net.tasks();
        tasks.spawn(async {
            loop {
                sleep(secs(1)).await;
                note!("tick of a task");
            }
        });
        loop {
            sleep(secs(1)).await;
            note!("tick");
            stream.write_u8(1).await?;
        }
    });
    client.does(async |net| {
        let mut stream = connect(&net).await?;
        stream.read_to_end(&mut Vec::new()).await.map(|_| ())
    });
    let (from, until) = (ms(10_500), ms(20_500));
    world.at(from).stall(&server).lasting(until - from);
    let trace = world.run(secs(30)).expect("runs");
    assert_eq!(trace.all("tick").on("server").before(from).count(), 10);
    assert_eq!(trace.all("tick of a task").on("server").before(from).count(), 10);
    assert_eq!(trace.any().layer(halfopen::trace::Layer::App).on("server").between(from, until).count(), 0);
    assert_eq!(trace.packets_from("server").with_data().between(from, until).count(), 0);
    assert_eq!(trace.first("tick").on("server").after(from).time(), Some(until), "overdue, at once");
}

#[test]
fn a_stalled_process_has_a_kernel_that_acknowledges_until_its_buffers_are_full() {
    let (mut world, client, server) = bench();
    server.sysctls(|s| s.rmem = ByteSize(20_000));
    client.sysctls(|s| s.wmem = ByteSize(10_000));
    server.does(async |net| {
        let (_listener, mut stream) = accept(&net).await?;
        stream.read_to_end(&mut Vec::new()).await.map(|_| ())
    });
    client.does(async |net| {
        let mut stream = connect(&net).await?;
        net.until(secs(2)).await;
        for _ in 0..100 {
            stream.write_all(&[0; 1_000]).await?;
            note!("kilobyte taken");
        }
        Ok(())
    });
    world.at(secs(1)).stall(&server).lasting(secs(60));
    let trace = world.run(secs(70)).expect("runs");
    let taken = |until| trace.all("kilobyte taken").on("client").before(until).count();
    let blocked = taken(secs(60));
    assert!((10..30).contains(&blocked), "{blocked} KB: a packet costs more of a buffer than its data");
    assert_eq!(taken(secs(70)), 100, "and on it goes");
    assert_eq!(trace.all("timed out").count(), 0);
}

#[test]
fn a_crash_says_goodbye_a_power_loss_does_not_and_a_reboot_answers_with_a_reset() {
    let run = |power: bool| {
        let (mut world, client, server) = bench();
        server.does(async |net| {
            let (_listener, mut stream) = accept(&net).await?;
            while let Ok(byte) = stream.read_u8().await {
                stream.write_u8(byte).await?;
            }
            Ok(())
        });
        client.does(async |net| {
            let mut stream = connect(&net).await?;
            for _ in 0..10 {
                stream.write_u8(1).await?;
                match stream.read(&mut [0]).await {
                    Ok(1) => sleep(secs(1)).await,
                    end => {
                        noted(end);
                        return Ok(());
                    }
                }
            }
            Ok(())
        });
        let at = world.at(ms(3_500));
        let fault = if power { at.power_loss(&server) } else { at.crash(&server) };
        fault.lasting(secs(10));
        world.run(secs(30)).expect("runs")
    };
    let crashed = run(false);
    assert_eq!(crashed.packets_from("server").fins().between(ms(3_500), ms(3_501)).count(), 1);
    assert_eq!(outcomes(&crashed, "client"), ["ok 0"]);

    let silent = run(true);
    assert_eq!(silent.packets_from("server").between(ms(3_500), ms(13_500)).count(), 0);
    let reset = silent.packets_from("server").resets().after(ms(13_500)).first().expect("a reset");
    assert_eq!(outcomes(&silent, "client"), ["connection reset"]);
    let retransmission = silent.packets_from("client").retransmissions().after(ms(13_500));
    assert_eq!(
        retransmission.first().map(|p| p.sent + ONE_WAY),
        Some(reset.sent),
        "asked by a retransmission"
    );
}

#[test]
fn a_router_that_forgets_leaves_silence_or_says_so() {
    for forgotten in [Forgotten::Silent, Forgotten::Reset] {
        let mut world = World::new(0, Engine::default(), Sysctls::default(), None);
        world.notes(["outcome"]);
        let [phone, server] = world.machines(["phone", "server"]);
        let idle_timeout = Some(secs(30));
        phone.interface_behind("wifi", RouterOptions { idle_timeout, forgotten, ..RouterOptions::default() });
        world.links().one_way(ONE_WAY);
        server.does(async |net| {
            let (_listener, mut stream) = accept(&net).await?;
            stream.read_u8().await?;
            sleep(secs(60)).await;
            stream.write_u8(2).await?;
            noted(stream.read_u8().await);
            Ok(())
        });
        phone.does(async |net| {
            let mut stream = connect(&net).await?;
            stream.write_u8(1).await?;
            noted(stream.read_u8().await);
            Ok(())
        });
        let trace = world.run(secs(100)).expect("runs");
        assert_eq!(outcomes(&trace, "phone").len(), 0, "the phone learns nothing");
        let server = outcomes(&trace, "server");
        match forgotten {
            Forgotten::Silent => assert_eq!(server.len(), 0, "{server:?}"),
            Forgotten::Reset => assert_eq!(server, ["connection reset"]),
        }
    }
}

#[test]
fn a_segment_that_comes_twice_or_late_changes_nothing() {
    let mut world = World::new(3, Engine::default(), Sysctls::default(), None);
    let [client, server] = world.machines(["client", "server"]);
    let everything = halfopen::parameter::Probability(1.0);
    world.links().one_way(ONE_WAY).duplicate(everything);
    server.does(async |net| {
        let mut listener = listen(&net).await?;
        loop {
            let (mut stream, _) = listener.accept().await?;
            note!("accepted");
            let mut got = Vec::new();
            stream.read_to_end(&mut got).await?;
            noted(Ok(got.len()));
        }
    });
    client.does(async |net| {
        let mut stream = connect(&net).await?;
        stream.write_all(&[7; 5_000]).await?;
        stream.shutdown().await?;
        stream.read_to_end(&mut Vec::new()).await.map(|_| ())
    });
    let trace = world.run(secs(100)).expect("runs");
    assert!(trace.packets_from("client").syns().duplicates().happened());
    assert_eq!(trace.all("accepted").count(), 1, "the second SYN opens nothing");
    assert_eq!(outcomes(&trace, "server"), ["ok 5000"]);
    // The second copy of the last acknowledgement finds nobody, and that is said; until then nothing is.
    let closing = trace.first("FIN sent").on("client").time().expect("a FIN");
    assert_eq!(trace.all_packets().resets().before(closing).count(), 0);
}

/// Asks whether there are any.
trait Happened {
    fn happened(&self) -> bool;
}

impl Happened for halfopen::trace::Packets<'_> {
    fn happened(&self) -> bool {
        self.count() > 0
    }
}

#[test]
fn ten_segments_leave_at_once_and_the_probe_of_a_lost_tail_is_its_last() {
    let (mut world, client, server) = bench();
    server.does(async |net| {
        let (_listener, mut stream) = accept(&net).await?;
        loop {
            noted(stream.read(&mut [0]).await);
        }
    });
    client.does(async |net| {
        let mut stream = connect(&net).await?;
        net.until(secs(1)).await;
        stream.write_all(&[1; 30_000]).await?;
        net.until(secs(2)).await;
        // Three segments, of which the last two are lost.
        stream.write_all(&[2; 100]).await?;
        net.until(ms(2_001)).await;
        stream.write_all(&[3; 100]).await?;
        stream.write_all(&[4; 100]).await?;
        std::future::pending().await
    });
    world.at(ms(2_001)).partition(&client, &server).lasting(ms(1));
    let trace = world.run(secs(10)).expect("runs");
    // RFC 6928: ten segments, 14,600 bytes.
    assert_eq!(trace.packets_from("client").with_data().between(secs(1), ms(1_001)).count(), 10);
    let lost = trace.packets_from("client").lost();
    let last = segment(lost.last().expect("segments were lost"));
    let again = trace.packets_from("client").retransmissions();
    let probe = segment(again.first().expect("a probe"));
    assert_eq!((probe.seq, probe.data.len()), (last.seq, 100), "RFC 8985 section 7.3: the last segment");
    assert!(trace.first("tail-loss probe sent").on("client").happened());
    // Its acknowledgement tells that something is missing: there is no need to wait for a timeout.
    assert_eq!(trace.all("retransmitted").on("client").count(), 0);
    let arrived: usize = outcomes(&trace, "server").iter().filter(|what| *what == "ok 1").count();
    let done = trace.last("outcome").on("server").seconds_since(ms(2_001)).expect("it arrives");
    assert!(arrived == 30_300 && done < 0.2, "{arrived} bytes, {done} s");
}

#[test]
fn axums_router_serves_a_hyper_client_as_it_is() {
    let (world, client, server) = bench();
    server.does(async |net| {
        // axum::serve would call tokio::spawn.
        let (_listener, stream) = accept(&net).await?;
        let answer = axum::routing::get(async || "hello from a simulated machine");
        let router = axum::Router::new().route("/", answer);
        let service = hyper_util::service::TowerToHyperService::new(router);
        let stream = hyper_util::rt::TokioIo::new(stream);
        hyper::server::conn::http1::Builder::new()
            .serve_connection(stream, service)
            .await
            .map_err(io::Error::other)
    });
    client.does(async |net| {
        let stream = hyper_util::rt::TokioIo::new(connect(&net).await?);
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(stream).await.map_err(io::Error::other)?;
        let mut tasks = net.tasks();
        tasks.spawn(async {
            let _ = connection.await;
        });
        let request = http::Request::get("/").header("host", "server").body(String::new());
        let request = request.map_err(io::Error::other)?;
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        let status = response.status();
        let body = http_body_util::BodyExt::collect(response.into_body()).await.map_err(io::Error::other)?;
        let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
        note!(what = format!("{status}: {text}"), "outcome");
        Ok(())
    });
    let trace = world.run(secs(2)).expect("runs");
    assert_eq!(outcomes(&trace, "client"), ["200 OK: hello from a simulated machine"]);
}
