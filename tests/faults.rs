//! What the faults of machines do to those who run on them, on every engine.

use std::time::Duration;

use halfopen::mechanism::feed::Feed;
use halfopen::mechanism::websocket;
use halfopen::net::{Datagrams as _, ListenOptions, Listener as _, Network as _, SocketOptions, time};
use halfopen::note;
use halfopen::parameter::{Choice as _, mins, ms, secs};
use halfopen::session::{Heartbeat, Session};
use halfopen::sim::{Engine, Machine, RouterOptions, Sysctls, World};
use halfopen::trace::{Event, Trace};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Makes and runs a world with a client and a server under a fault script, on every engine; its story must be the same
/// to the last byte.
fn told(script: &str, lasts: Duration, describe: impl Fn(&Machine, &Machine)) -> Trace {
    let mut traces = Engine::WORDS.iter().map(|(_, engine)| {
        let faults = Some(script.parse().expect("a script"));
        let mut world = World::new(0, *engine, Sysctls::default(), faults);
        let [client, server] = world.machines(["client", "server"]);
        world.link(&client, &server).one_way(ms(10));
        describe(&client, &server);
        world.notes(["tick", "stopping", "goodbye", "connected", "failed", "begins", "late", "answered"]);
        world.run(lasts).expect("runs")
    });
    let first = traces.next().expect("an engine");
    for other in traces {
        assert!(first == other, "another engine tells another story of `{script}`");
    }
    first
}

/// Ticks every second of its own time.
fn ticks(machine: &Machine) {
    machine.does(async |_| {
        note!("begins");
        loop {
            time::sleep(secs(1)).await;
            note!("tick");
        }
    });
}

fn ticked(trace: &Trace) -> Vec<u64> {
    trace.all("tick").times().into_iter().map(|at| u64::try_from(at.as_millis()).expect("short")).collect()
}

#[test]
fn the_timers_of_a_suspended_machine_are_late_by_the_whole_sleep_where_its_clock_stops() {
    let trace = told("at 2500ms suspend client for 10m", secs(605), |client, _| ticks(client));
    assert_eq!(ticked(&trace), [1_000, 2_000, 603_000, 604_000]);
}

#[test]
fn where_the_clock_runs_on_an_overdue_timer_fires_on_waking() {
    let trace = told("at 2500ms suspend client clock-runs for 10m", secs(605), |client, _| ticks(client));
    assert_eq!(ticked(&trace), [1_000, 2_000, 602_500, 603_500, 604_500]);
}

#[test]
fn a_suspension_within_another_is_one_sleep() {
    let script =
        "at 2500ms suspend client for 60s; at 30s suspend client for 10s; at 50s suspend client for 32500ms";
    let trace = told(script, secs(85), |client, _| ticks(client));
    assert_eq!(ticked(&trace), [1_000, 2_000, 83_000, 84_000]);
}

/// A server that writes into a sleeping client, whose kernel hears nothing.
#[test]
fn a_sleeping_machine_answers_nothing_and_its_connection_survives_in_it() {
    let trace = told("at 5s suspend client for 30s", secs(120), |client, server| {
        server.does(async |net| {
            let mut listener = net.listen(80, &ListenOptions::default()).await?;
            let (mut stream, _) = listener.accept().await?;
            net.until(secs(10)).await;
            stream.write_u8(7).await?;
            std::future::pending().await
        });
        client.does(async |net| {
            let mut stream = net.connect("server:80", &SocketOptions::default()).await?;
            note!(byte = stream.read_u8().await?, "answered");
            std::future::pending().await
        });
    });
    let asleep = trace.packets_from("server").between(secs(5), secs(35));
    assert!(
        asleep.count() >= 3
            && asleep.lost().count() == trace.packets_from("server").between(secs(5), secs(35)).count()
    );
    assert_eq!(trace.packets_from("client").between(secs(5), secs(35)).count(), 0);
    let heard = trace.first("answered").time().expect("a retransmission comes after waking");
    assert!(heard >= secs(35), "{heard:?}");
}

#[test]
fn what_happens_to_the_processes_of_a_sleeping_machine_happens_when_it_wakes() {
    let trace = told("at 2500ms suspend client for 10s; at 5s crash client for 1s", secs(15), |client, _| {
        ticks(client);
    });
    // They die on waking, at 12.5 s, and begin anew.
    assert_eq!(trace.all("begins").times(), [secs(0), ms(12_500)]);
    assert_eq!(ticked(&trace), [1_000, 2_000, 13_500, 14_500]);
}

#[test]
fn a_slow_cpu_runs_in_its_share_of_every_period_and_not_between() {
    let trace = told("at 1s slow client 20% for 2s", secs(4), |client, _| {
        client.does(async |_| {
            loop {
                time::sleep(ms(7)).await;
                note!("tick");
            }
        });
    });
    let times = ticked(&trace);
    // Of every 100 ms the first 20 belong to it.
    assert!(times.iter().filter(|at| (1_000..3_000).contains(*at)).all(|at| at % 100 < 20), "{times:?}");
    assert!(times.iter().any(|at| (3_000..4_000).contains(at) && at % 100 > 50), "and afterwards all of it");
    let slow = times.iter().filter(|at| (1_000..3_000).contains(*at)).count();
    assert!((40..=80).contains(&slow), "two or three in a period: {slow}");
}

/// A server that takes `leave` for its goodbyes.
fn served(grace: &str, leave: Duration) -> Trace {
    told(&format!("at 10s deploy server {grace} 2s"), secs(60), move |_, server| {
        server.does(async move |net| {
            note!("begins");
            net.stopping().cancelled().await;
            note!("stopping");
            time::sleep(leave).await;
            note!("goodbye");
            Ok(())
        });
    })
}

#[test]
fn a_deploy_lets_the_old_processes_say_goodbye_and_then_starts_new_ones() {
    let trace = served("30s", secs(3));
    assert_eq!(trace.all("stopping").times(), [secs(10)]);
    assert_eq!(trace.all("goodbye").times(), [secs(13)]);
    assert_eq!(trace.all("begins").times(), [secs(0), secs(15)], "two seconds after the last goodbye");
    assert!(!trace.first("processes killed").happened());
}

#[test]
fn a_deploy_kills_who_takes_too_long() {
    let trace = served("5s", secs(20));
    assert_eq!(trace.first("processes killed").time(), Some(secs(15)));
    assert_eq!(trace.all("begins").times(), [secs(0), secs(17)]);
    assert!(!trace.first("goodbye").happened());
}

#[test]
fn a_websocket_server_says_going_away_before_a_deploy() {
    let trace = told("at 10s deploy server", secs(30), |client, server| {
        server.runs(websocket::server(Feed::every(secs(5))));
        client.runs(Session::over(websocket::client("ws://server/feed")).heartbeat(Heartbeat::default()));
    });
    assert!(trace.first("close received").on("client").with("code", 1001).after(secs(10)).happened());
    let left = trace.left_on("server");
    assert_eq!((left.connections(), left.buffered_bytes), (0, 0), "{left:?}");
    assert_eq!(left.sockets_in("LISTEN"), 1, "the new one");
}

/// When a client that connects at 1 s is connected, or fails.
fn connects(script: &str) -> (Option<f64>, Option<f64>) {
    let trace = told(script, secs(60), |client, server| {
        server.does(async |net| {
            let _listener = net.listen(80, &ListenOptions::default()).await?;
            std::future::pending().await
        });
        client.does(async |net| {
            net.until(secs(1)).await;
            match net.connect("server:80", &SocketOptions::default()).await {
                Ok(_stream) => {
                    note!("connected");
                    std::future::pending().await
                }
                Err(e) => {
                    note!(kind = e.kind().to_string(), "failed");
                    Ok(())
                }
            }
        });
    });
    let since = |name| trace.first(name).seconds_since(secs(1));
    (since("connected"), since("failed"))
}

#[test]
fn a_slow_lookup_delays_a_connect_a_dead_one_fails_it_after_two_attempts_of_five_seconds() {
    assert_eq!(connects(""), (Some(0.02), None));
    assert_eq!(connects("at 0s dns client 3s"), (Some(3.02), None));
    assert_eq!(connects("at 0s dns client 8s"), (Some(8.02), None), "the second attempt's time is not over");
    assert_eq!(connects("at 0s dns client 11s"), (None, Some(10.0)));
    assert_eq!(connects("at 0s dns client dead"), (None, Some(10.0)));
    assert_eq!(
        connects("at 0s dns client dead for 3s"),
        (Some(5.02), None),
        "the second attempt is answered"
    );
}

#[test]
fn an_address_needs_no_lookup() {
    let trace = told("at 0s dns client dead", secs(5), |client, server| {
        server.does(async |net| {
            let _listener = net.listen(80, &ListenOptions::default()).await?;
            std::future::pending().await
        });
        client.does(async |net| {
            net.until(secs(1)).await;
            net.connect("10.0.0.2:80", &SocketOptions::default()).await?;
            note!("connected");
            Ok(())
        });
    });
    assert_eq!(trace.first("connected").seconds_since(secs(1)), Some(0.02));
}

#[test]
fn what_an_engine_cannot_run_it_refuses_and_machines_need_names_that_scripts_can_say() {
    let world = |engine, script: &str, names: [&str; 2]| {
        let mut world = World::new(0, engine, Sysctls::default(), Some(script.parse().expect("a script")));
        let _ = world.machines(names);
        world.run(secs(1)).map(|_| ()).map_err(|e| e.to_string())
    };
    assert_eq!(world(Engine::Event, "at 0s latency a b 0s", ["a", "b"]), Ok(()));
    #[cfg(feature = "turmoil")]
    assert_eq!(
        world(Engine::Turmoil, "at 0s latency a b 0s", ["a", "b"]),
        Err("with turmoil a packet takes 1ms or more, not 0s; valid: a longer latency, or --engine event"
            .to_owned())
    );
    assert_eq!(world(Engine::Event, "", ["a", "a"]), Err("two machines are called `a`".to_owned()));
    for name in ["for", "a->b", "a b", ""] {
        assert!(
            world(Engine::Event, "", ["a", name]).is_err_and(|e| e.contains("cannot be called")),
            "{name}"
        );
    }
}

/// A client that connects at 1 s and says a byte at 5 s, under a fault script, and how its calls end.
fn speaks(script: &str) -> (Trace, Vec<(Duration, String)>) {
    let trace = told(script, mins(5), |client, server| {
        server.does(async |net| {
            let (mut stream, _) = net.listen(80, &ListenOptions::default()).await?.accept().await?;
            note!(byte = stream.read_u8().await?, "answered");
            std::future::pending().await
        });
        client.does(async |net| {
            net.until(secs(1)).await;
            let spoken = async {
                let mut stream = net.connect("server:80", &SocketOptions::default()).await?;
                net.until(secs(5)).await;
                stream.write_u8(7).await?;
                stream.read_u8().await
            };
            if let Err(e) = spoken.await {
                note!(kind = e.kind().to_string(), "failed");
            }
            std::future::pending().await
        });
    });
    let failed = trace.all("failed").on("client").events().into_iter();
    let kind = |e: &Event| e.field("kind").map(ToString::to_string).unwrap_or_default();
    let failed = failed.map(|e| (e.at - secs(1), kind(e))).collect();
    (trace, failed)
}

#[test]
fn a_connect_that_is_rejected_fails_after_a_round_trip_one_into_silence_after_minutes() {
    let (trace, failed) = speaks("at 0s reject client server");
    assert_eq!(failed, [(ms(20), "host unreachable".to_owned())]);
    assert_eq!(trace.packets_from("client").count(), 1, "one SYN");
    assert_eq!(trace.packets_from("client").lost().count(), 1);
    let messages = trace.packets_from("server").icmp();
    assert_eq!((messages.count(), messages.arrived().count()), (1, 1));
    assert!(trace.first("unreachable received").on("client").with("code", "host unreachable").happened());
    let (_, failed) = speaks("at 0s partition client server");
    let [(at, kind)] = &failed[..] else { panic!("{failed:?}") };
    assert!(*at > secs(60) && kind == "timed out", "{failed:?}");
}

#[test]
fn an_established_connection_outlives_a_rejection() {
    let (trace, failed) = speaks("at 4s reject client server for 30s");
    assert_eq!(failed, []);
    let answered = trace.first("answered").time().expect("the byte arrives in the end");
    // The pauses have not been doubled, as they are after as long in silence.
    assert!((secs(34)..secs(38)).contains(&answered), "{answered:?}");
    assert!(trace.all("unreachable received").on("client").count() > 6);
}

#[test]
fn a_router_turns_packets_away_even_where_the_machine_behind_it_is_off() {
    let (_, failed) = speaks("at 0s power-loss server; at 0s reject client server");
    assert_eq!(failed, [(ms(20), "host unreachable".to_owned())]);
}

#[test]
fn what_is_rejected_one_way_goes_through_the_other() {
    let (trace, failed) = speaks("at 0s reject server->client");
    // The server's answers are turned away, and it is told; its client is not.
    assert!(trace.first("unreachable received").on("server").happened());
    assert!(!trace.first("unreachable received").on("client").happened());
    assert_eq!(failed.first().map(|(_, kind)| kind.as_str()), Some("timed out"));
}

#[test]
fn a_partition_silences_a_router_that_rejects() {
    let (trace, _) = speaks("at 0s reject client server; at 0s partition client server");
    assert_eq!(trace.packets_from("server").icmp().count(), 0);
}

#[test]
fn a_rejection_reaches_a_client_behind_a_router_that_translates() {
    let traces = Engine::WORDS.iter().map(|(_, engine)| {
        let faults = Some("at 0s reject phone server".parse().expect("a script"));
        let mut world = World::new(0, *engine, Sysctls::default(), faults);
        let [phone, server] = world.machines(["phone", "server"]);
        phone.interface_behind("wifi", RouterOptions::default());
        world.link(&phone, &server).one_way(ms(10));
        world.notes(["failed"]);
        phone.does(async |net| {
            // Of a datagram nobody is told.
            net.bind(0).await?.send_to(b"?", net.lookup("server:53").await?).await?;
            if let Err(e) = net.connect("server:80", &SocketOptions::default()).await {
                note!(kind = e.kind().to_string(), "failed");
            }
            Ok(())
        });
        world.run(secs(5)).expect("runs")
    });
    for trace in traces {
        let failed = trace.first("failed").on("phone");
        assert_eq!(failed.time(), Some(ms(20)));
        assert_eq!(trace.packets_from("server").icmp().arrived().count(), 2);
        assert_eq!(trace.all("unreachable received").count(), 1);
    }
}
