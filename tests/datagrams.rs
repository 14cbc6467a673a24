//! UDP between simulated machines, seen from outside, each behaviour as a claim; and the same code on 127.0.0.1.

use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::time::Duration;

use halfopen::net::{Datagrams as _, Network, TooLong};
use halfopen::note;
use halfopen::packet::{Datagram, Transport};
use halfopen::parameter::{BitRate, ByteSize, Probability, ms, secs};
use halfopen::sim::{Engine, Machine, RouterOptions, SimDatagrams, SimNet, Sysctls, World};
use halfopen::trace::{Layer, Trace, packets, pcap};
use tokio::time::{sleep, timeout};

/// One way between the two machines.
const ONE_WAY: Duration = ms(10);
/// The server's port.
const PORT: u16 = 7;

fn bench_with(engine: Engine, faults: &str) -> (World, Machine, Machine) {
    let faults = (!faults.is_empty()).then(|| faults.parse().expect("a script"));
    let mut world = World::new(0, engine, Sysctls::default(), faults);
    let [client, server] = world.machines(["client", "server"]);
    world.link(&client, &server).one_way(ONE_WAY);
    (world, client, server)
}

fn bench() -> (World, Machine, Machine) {
    bench_with(Engine::default(), "")
}

/// Answers every datagram with itself, for ever.
async fn echo<N: Network>(socket: N::Datagrams) -> io::Result<()> {
    let mut buffer = vec![0; 2_000];
    loop {
        let (n, from) = socket.recv_from(&mut buffer).await?;
        socket.send_to(&buffer[..n], from).await?;
    }
}

/// Asks `authority` and waits for the answer; what it says, and who says it.
async fn ask<N: Network>(net: &N, authority: &str, question: &[u8]) -> io::Result<(Vec<u8>, String)> {
    let socket = net.bind(0).await?;
    socket.send_to(question, net.lookup(authority).await?).await?;
    let mut buffer = vec![0; 2_000];
    let (n, from) =
        timeout(secs(5), socket.recv_from(&mut buffer)).await.map_err(|_| io::ErrorKind::TimedOut)??;
    Ok((buffer[..n].to_vec(), from.to_string()))
}

/// A server that echoes, and notes whom it hears from.
async fn echoes(net: SimNet) -> io::Result<()> {
    let socket = net.bind(PORT).await?;
    echo_on(&socket).await
}

async fn echo_on(socket: &SimDatagrams) -> io::Result<()> {
    let mut buffer = vec![0; 2_000];
    loop {
        let (n, from) = socket.recv_from(&mut buffer).await?;
        note!(from = from.to_string(), "heard");
        socket.send_to(&buffer[..n], from).await?;
    }
}

/// Asks every `every`, from one socket, and notes every answer with its number.
async fn asks(net: SimNet, every: Duration) -> io::Result<()> {
    let socket = net.bind(0).await?;
    let server = net.lookup(&format!("server:{PORT}")).await?;
    let mut buffer = vec![0; 2_000];
    for n in 0..=u8::MAX {
        // Without an address nothing can be sent; the next one may.
        let _ = socket.send_to(&[n], server).await;
        while let Ok(received) = timeout(every, socket.recv_from(&mut buffer)).await {
            received?;
            note!(n = u64::from(buffer[0]), "answer");
        }
    }
    Ok(())
}

fn noted(trace: &Trace, host: &str, event: &str, field: &str) -> Vec<String> {
    let events = trace.all(event).on(host).events();
    events.iter().filter_map(|e| e.field(field)).map(ToString::to_string).collect()
}

fn drops(trace: &Trace, host: &str) -> Vec<String> {
    noted(trace, host, "datagram dropped", "reason")
}

#[test]
fn a_question_is_answered_after_a_round_trip_and_every_packet_is_sound() {
    let (world, client, server) = bench();
    server.does(async |net| echo::<SimNet>(net.bind(PORT).await?).await);
    client.does(async |net| {
        let (answer, from) = ask(&net, "server:7", b"anybody?").await?;
        note!(answer = String::from_utf8_lossy(&answer).into_owned(), from = from, "answer");
        Ok(())
    });
    let trace = world.run(secs(1)).expect("runs");
    assert_eq!(noted(&trace, "client", "answer", "answer"), ["anybody?"]);
    assert_eq!(noted(&trace, "client", "answer", "from"), ["10.0.0.2:7"]);
    assert_eq!(trace.first("answer").time(), Some(2 * ONE_WAY));
    assert_eq!((trace.all_packets().udp().count(), trace.all_packets().tcp().count()), (2, 0));
    for packet in &trace.packets {
        assert!(Transport::received(&packet.transport.emit()).is_ok(), "its checksums hold");
    }
    assert_eq!(trace.any().layer(Layer::Udp).count(), 0, "only what is dropped is told");
    let listed = packets::packets(&trace);
    assert!(listed.lines().all(|line| line.contains("UDP") || line.contains("flags")), "{listed}");
}

#[cfg(feature = "os")]
#[tokio::test]
async fn the_same_code_asks_and_answers_on_a_real_network() {
    use halfopen::net::os::OsNetwork;
    let net = OsNetwork::new();
    let socket = net.bind(0).await.expect("a port");
    let port = socket.local_addr().expect("bound").port();
    let serving = tokio::spawn(echo::<OsNetwork>(socket));
    for authority in [format!("127.0.0.1:{port}"), format!("localhost:{port}")] {
        let (answer, from) = ask(&net, &authority, b"anybody?").await.expect("an answer");
        assert_eq!(answer, b"anybody?");
        assert!(from == format!("127.0.0.1:{port}") || from == format!("[::1]:{port}"), "{from}");
    }
    let taken = net.bind(port).await.expect_err("the port is taken");
    assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
    serving.abort();
}

#[cfg(feature = "os")]
#[tokio::test]
async fn on_a_real_network_too_everybody_who_waits_is_woken_and_too_much_is_refused() {
    use halfopen::net::os::OsNetwork;
    let net = OsNetwork::new();
    let socket = std::sync::Arc::new(net.bind(0).await.expect("a port"));
    let port = socket.local_addr().expect("bound").port();
    let to = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let socket = socket.clone();
            tokio::spawn(async move { socket.recv_from(&mut [0; 10]).await.map(|(n, _)| n) })
        })
        .collect();
    sleep(ms(50)).await;
    let other = net.bind(0).await.expect("a port");
    for n in 1..=3 {
        other.send_to(&vec![0; n], to).await.expect("sent");
    }
    let mut sizes = Vec::new();
    for task in waiting {
        sizes.push(
            timeout(secs(10), task).await.expect("each is woken").expect("no panic").expect("received"),
        );
    }
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 2, 3]);
    let error = other.send_to(&vec![0; 65_508], to).await.expect_err("no packet holds it");
    let inner = error.get_ref().and_then(|e| e.downcast_ref::<TooLong>());
    assert_eq!(inner, Some(&TooLong { len: 65_508, most: 65_507 }));
    other.send_to(&vec![0; 65_507], to).await.expect("the most that a packet holds");
}

#[tokio::test]
async fn the_same_code_asks_and_answers_in_memory() {
    let net = halfopen::net::memory::MemoryNetwork::new(1, 1_000);
    let serving =
        tokio::spawn(echo::<halfopen::net::memory::MemoryNetwork>(net.bind(PORT).await.expect("free")));
    assert_eq!(ask(&net, "server:7", b"anybody?").await.expect("an answer").0, b"anybody?");
    assert_eq!(net.bind(PORT).await.err().map(|e| e.kind()), Some(io::ErrorKind::AddrInUse));
    serving.abort();
}

#[test]
fn what_is_sent_into_a_partition_is_lost_for_good() {
    let (world, client, server) = bench_with(Engine::default(), "at 2500ms partition client server for 3s");
    server.does(echoes);
    client.does(async |net| asks(net, secs(1)).await);
    let trace = world.run(secs(10)).expect("runs");
    assert_eq!(noted(&trace, "client", "answer", "n"), ["0", "1", "2", "6", "7", "8", "9"]);
    assert_eq!(trace.packets_from("client").udp().lost().count(), 3);
}

#[test]
fn a_link_may_lose_repeat_and_reorder_datagrams() {
    let (mut world, client, server) = bench();
    let some = Probability(0.2);
    world.link(&client, &server).one_way(ONE_WAY).loss(some).duplicate(some).reorder(some);
    server.does(async |net| {
        let socket = net.bind(PORT).await?;
        loop {
            let mut byte = [0];
            socket.recv_from(&mut byte).await?;
            note!(n = u64::from(byte[0]), "heard");
        }
    });
    client.does(async |net| {
        let socket = net.bind(0).await?;
        let server = net.lookup("server:7").await?;
        for n in 0..200 {
            socket.send_to(&[n], server).await?;
            sleep(ms(1)).await;
        }
        Ok(())
    });
    let trace = world.run(secs(2)).expect("runs");
    let heard = trace.all("heard").values("n");
    let mut sorted = heard.clone();
    sorted.sort_unstable();
    let repeated = sorted.windows(2).filter(|w| w[0] == w[1]).count();
    sorted.dedup();
    assert!(!heard.is_sorted(), "reordered");
    assert!(
        (10..80).contains(&repeated) && (120..190).contains(&sorted.len()),
        "{repeated} {}",
        sorted.len()
    );
}

#[test]
fn a_stalled_process_answers_late_what_its_buffer_held_and_never_the_rest() {
    let (world, client, server) = bench_with(Engine::default(), "at 1s stall server for 3s");
    server.does(echoes);
    client.does(async |net| {
        let socket = net.bind(0).await?;
        let server = net.lookup("server:7").await?;
        sleep(ms(1_500)).await;
        for _ in 0..100 {
            socket.send_to(&[0; 1_000], server).await?;
        }
        Ok(())
    });
    let trace = world.run(secs(5)).expect("runs");
    assert_eq!(trace.packets_from("client").udp().arrived().count(), 100, "the network lost none");
    assert_eq!(trace.all("heard").after(secs(4)).count(), 92, "as many of this size as Linux's buffer holds");
    assert_eq!(trace.all("heard").count(), 92);
    assert_eq!(drops(&trace, "server"), ["receive buffer full"; 8]);
}

#[test]
fn a_line_that_is_too_slow_loses_datagrams_in_its_queue() {
    let (mut world, client, server) = bench();
    let link = world.link(&client, &server);
    link.one_way(ONE_WAY).rate(BitRate(1_000_000), ByteSize(10_000));
    server.does(echoes);
    client.does(async |net| {
        let socket = net.bind(0).await?;
        let server = net.lookup("server:7").await?;
        for _ in 0..20 {
            socket.send_to(&[0; 972], server).await?;
        }
        Ok(())
    });
    let trace = world.run(secs(1)).expect("runs");
    let lost = trace.packets_from("client").lost().count();
    assert!((8..=10).contains(&lost), "{lost}");
}

#[test]
fn a_crash_closes_the_socket_and_the_next_life_has_the_port_again() {
    for fault in ["crash", "power-loss"] {
        let (world, client, server) =
            bench_with(Engine::default(), &format!("at 2500ms {fault} server for 3s"));
        server.does(echoes);
        client.does(async |net| asks(net, secs(1)).await);
        let trace = world.run(secs(10)).expect("runs");
        assert_eq!(noted(&trace, "client", "answer", "n"), ["0", "1", "2", "6", "7", "8", "9"], "{fault}");
        let lost = trace.packets_from("client").udp().lost().count();
        match fault {
            "crash" => {
                assert_eq!(
                    drops(&trace, "server"),
                    ["no socket on this port"; 3],
                    "nobody answers for a dead process"
                );
                assert_eq!(lost, 0);
            }
            _ => assert_eq!((drops(&trace, "server").len(), lost), (0, 3)),
        }
        assert_eq!(trace.all("process failed").count(), 0, "the port is free");
    }
}

#[test]
fn a_socket_goes_with_its_handle_and_netstat_tells_what_waits() {
    let (world, client, server) = bench();
    server.does(async |net| {
        let socket = net.bind(PORT).await?;
        note!(
            kind = net.bind(PORT).await.map_or_else(|e| e.kind().to_string(), |_| "bound".into()),
            "second"
        );
        sleep(secs(1)).await;
        note!(line = net.netstat()[0].to_string(), "netstat");
        drop(socket);
        note!(sockets = net.netstat().len() as u64, "dropped");
        net.bind(PORT).await.map(|_| ())
    });
    client.does(async |net| {
        let socket = net.bind(0).await?;
        let server = net.lookup("server:7").await?;
        sleep(ms(100)).await;
        socket.send_to(b"12345", server).await?;
        socket.send_to(b"678", server).await
    });
    let trace = world.run(secs(2)).expect("runs");
    assert_eq!(noted(&trace, "server", "second", "kind"), ["address in use"]);
    let line = noted(&trace, "server", "netstat", "line").concat();
    assert_eq!(line.split_whitespace().collect::<Vec<_>>(), ["UNCONN", "8", "0", "0.0.0.0:7", "*:*"]);
    assert_eq!(trace.all("dropped").values("sockets"), [0]);
    assert_eq!(trace.all("process failed").count(), 0);
}

#[test]
fn every_task_that_waits_on_a_socket_is_woken_whoever_has_lost_patience() {
    let (world, client, server) = bench();
    server.does(async |net| {
        let socket = std::sync::Arc::new(net.bind(PORT).await?);
        let mut tasks = net.tasks();
        for task in 0..5_u64 {
            let socket = socket.clone();
            // The first and the last to wait give up before anything has come.
            let patience = if task % 4 == 0 { ms(50) } else { secs(10) };
            tasks.spawn(async move {
                if timeout(patience, socket.recv_from(&mut [0; 10])).await.is_ok() {
                    note!(task = task, "heard");
                }
            });
        }
        tasks.finished().await;
        Ok(())
    });
    client.does(async |net| {
        let socket = net.bind(0).await?;
        let server = net.lookup("server:7").await?;
        for _ in 0..3 {
            sleep(ms(100)).await;
            socket.send_to(b"x", server).await?;
        }
        Ok(())
    });
    let trace = world.run(secs(1)).expect("runs");
    let mut heard = trace.all("heard").values("task");
    heard.sort_unstable();
    assert_eq!(heard, [1, 2, 3]);
}

#[test]
fn a_socket_outlives_a_switch_of_networks_and_is_known_by_another_address() {
    let (world, client, server) =
        bench_with(Engine::default(), "at 2500ms offline client for 2s; at 6500ms switch client lte");
    client.interface("wifi").interface("lte");
    server.does(echoes);
    client.does(async |net| asks(net, secs(1)).await);
    let trace = world.run(secs(10)).expect("runs");
    assert_eq!(noted(&trace, "client", "answer", "n"), ["0", "1", "2", "5", "6", "7", "8", "9"]);
    let heard = noted(&trace, "server", "heard", "from");
    let [wifi, lte] = ["10.0.0.1:32768", "10.1.0.1:32768"];
    assert_eq!(heard, [wifi, wifi, wifi, wifi, wifi, lte, lte, lte]);
}

fn behind_a_router(
    udp_idle_timeout: Option<Duration>,
    faults: &str,
    every: Duration,
    lasts: Duration,
) -> Trace {
    let (world, client, server) = bench_with(Engine::default(), faults);
    client.interface_behind("wifi", RouterOptions { udp_idle_timeout, ..RouterOptions::default() });
    server.does(echoes);
    client.does(async move |net| asks(net, every).await);
    world.run(lasts).expect("runs")
}

#[test]
fn a_router_lets_the_answer_in_and_forgets_after_its_time_for_udp() {
    let trace = behind_a_router(Some(secs(30)), "", secs(20), secs(90));
    assert_eq!(noted(&trace, "client", "answer", "n").len(), 5);
    assert_eq!(noted(&trace, "server", "heard", "from"), ["100.64.0.1:20000"; 5]);
    let trace = behind_a_router(Some(secs(30)), "", secs(40), secs(90));
    assert_eq!(noted(&trace, "client", "answer", "n").len(), 3, "what goes out opens it again");
    let ports = ["100.64.0.1:20000", "100.64.0.1:20001", "100.64.0.1:20002"];
    assert_eq!(noted(&trace, "server", "heard", "from"), ports, "under another port");
}

#[test]
fn after_a_router_forgot_only_the_side_inside_can_begin_again() {
    let (world, client, server) = bench_with(Engine::default(), "at 10s forget client");
    client.interface_behind("wifi", RouterOptions::default());
    server.does(async |net| {
        let socket = net.bind(PORT).await?;
        let (_, from) = socket.recv_from(&mut [0; 10]).await?;
        loop {
            socket.send_to(b"push", from).await?;
            sleep(secs(4)).await;
        }
    });
    client.does(async |net| {
        let socket = net.bind(0).await?;
        socket.send_to(b"hello", net.lookup("server:7").await?).await?;
        loop {
            socket.recv_from(&mut [0; 10]).await?;
            note!("push");
        }
    });
    let trace = world.run(secs(20)).expect("runs");
    assert_eq!(trace.all("push").count(), 3);
    let lost = trace.packets_from("server").udp().lost();
    assert_eq!(lost.count(), 2);
    let json = serde_json::to_value(halfopen::trace::json::packets(&trace)).expect("JSON");
    let reasons = json.as_array().expect("a list").iter().filter_map(|p| p["lost"].as_str());
    assert!(reasons.eq(["no translation"; 2]), "and the trace says why");
}

#[test]
fn what_cannot_be_sent_is_refused_as_documented() {
    let (world, client, _server) = bench_with(Engine::default(), "at 5s offline client for 2s");
    client.does(async |net| {
        let socket = net.bind(0).await?;
        let server = net.lookup("server:7").await?;
        for (n, to) in [
            (1_472, server),
            (1_473, server),
            (1, ([10, 0, 0, 2], 0).into()),
            (1, "[::1]:7".parse().expect("an address")),
        ] {
            let kind = socket.send_to(&vec![0; n], to).await.map_err(|e| e.kind());
            note!(what = format!("{kind:?}"), "sent");
        }
        for authority in ["server", "server:x", "nobody:7"] {
            let kind = net.lookup(authority).await.map_err(|e| e.kind());
            note!(what = format!("{kind:?}"), "looked up");
        }
        sleep(secs(6)).await;
        note!(what = format!("{:?}", socket.send_to(b"x", server).await.map_err(|e| e.kind())), "sent");
        Ok(())
    });
    let trace = world.run(secs(10)).expect("runs");
    let [fine, input, offline] = ["Ok(())", "Err(InvalidInput)", "Err(NetworkUnreachable)"];
    assert_eq!(noted(&trace, "client", "sent", "what"), [fine, input, input, input, offline]);
    assert_eq!(noted(&trace, "client", "looked up", "what"), [input, input, "Err(NotFound)"]);
    assert_eq!(trace.all_packets().count(), 1);
}

/// Sends and receives by polls alone, as quinn's socket does, never leaving a task.
#[test]
fn polls_are_enough_to_drive_a_socket() {
    let (world, client, server) = bench();
    server.does(echoes);
    client.does(async |net| {
        let socket = net.bind(0).await?;
        let server = net.lookup("server:7").await?;
        let mut buffer = [0; 10];
        let mut sent = 0_u8;
        let mut got = 0;
        poll_fn(|cx| {
            while sent < 5 && socket.poll_send_ready(cx).is_ready() {
                let Poll::Ready(Ok(())) = socket.poll_send_to(cx, &[sent], server) else { break };
                sent += 1;
            }
            while let Poll::Ready(Ok((1, from))) = socket.poll_recv_from(cx, &mut buffer) {
                assert_eq!((buffer[0], from), (got, server));
                got += 1;
            }
            if got == 5 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        note!("done");
        Ok(())
    });
    let trace = world.run(secs(1)).expect("runs");
    assert_eq!(trace.first("done").time(), Some(2 * ONE_WAY));
}

#[cfg(feature = "turmoil")]
#[test]
fn both_engines_tell_of_datagrams_alike() {
    let run = |engine| {
        let faults = "at 3s partition client server for 2s; at 7s stall server for 3s; at 12s crash server for 2s; \
                      at 16s switch client lte; at 19s forget client";
        let (mut world, client, server) = bench_with(engine, faults);
        client
            .interface_behind("wifi", RouterOptions::default())
            .interface_behind("lte", RouterOptions::default());
        let link = world.link(&client, &server);
        link.one_way(ONE_WAY).jitter(ms(5)).loss(Probability(0.1)).duplicate(Probability(0.1));
        server.does(echoes);
        client.does(async |net| asks(net, ms(100)).await);
        world.run(secs(22)).expect("runs")
    };
    let (event, turmoil) = (run(Engine::Event), run(Engine::Turmoil));
    assert!(event.all("answer").count() > 100);
    assert_eq!(event.events, turmoil.events);
    assert_eq!(event.packets, turmoil.packets);
}

#[test]
fn the_capture_holds_the_datagrams_as_they_were_on_the_wire() {
    let (world, client, server) = bench();
    server.does(echoes);
    client.does(async |net| ask(&net, "server:7", b"captured").await.map(|_| ()));
    let trace = world.run(secs(1)).expect("runs");
    let mut file = Vec::new();
    pcap::write(&trace, &mut file).expect("a vector takes everything");
    // A header of 24 bytes, then for each packet one of 16, which ends in its length, and the packet.
    let mut rest = &file[24..];
    let mut read = Vec::new();
    while !rest.is_empty() {
        let len = u32::from_le_bytes(rest[12..16].try_into().expect("four bytes")) as usize;
        let datagram =
            Datagram::parse(&bytes::Bytes::copy_from_slice(&rest[16..16 + len])).expect("a datagram");
        read.push((datagram.src.to_string(), datagram.dst.to_string(), datagram.data));
        rest = &rest[16 + len..];
    }
    let [client, server] = ["10.0.0.1:32768", "10.0.0.2:7"].map(str::to_owned);
    let data = bytes::Bytes::from_static(b"captured");
    assert_eq!(read, [(client.clone(), server.clone(), data.clone()), (server, client, data)]);
}
