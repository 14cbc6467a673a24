//! Processes of simulated machines: what they start is theirs, what they break is told, and what is left of them.

use std::time::Duration;

use halfopen::net::{ListenOptions, Listener as _, Network as _, SocketOptions};
use halfopen::note;
use halfopen::parameter::{Choice as _, ms, secs};
use halfopen::sim::engine::ending::{Failure, until};
use halfopen::sim::world::WorldError;
use halfopen::sim::{Engine, Machine, Sysctls, World};
use halfopen::trace::Trace;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Every engine there is, and a world with two machines for it.
fn worlds() -> impl Iterator<Item = (Engine, World, Machine, Machine)> {
    Engine::WORDS.iter().map(|(_, engine)| {
        let mut world = World::new(0, *engine, Sysctls::default(), None);
        let [client, server] = world.machines(["client", "server"]);
        world.link(&client, &server).one_way(ms(10));
        (*engine, world, client, server)
    })
}

fn failure(result: Result<Trace, WorldError>) -> Failure {
    match result {
        Err(WorldError::Failed(failure)) => failure,
        other => panic!("the run should have failed: {other:?}"),
    }
}

#[test]
fn a_failed_assertion_fails_the_run_on_every_engine() {
    for (engine, world, client, _) in worlds() {
        client.does(async |_| {
            halfopen::net::time::sleep(ms(1500)).await;
            assert_eq!(1 + 1, 3, "arithmetic");
            Ok(())
        });
        let failure = failure(world.run(secs(5)));
        let Failure::Panicked { machine, at, message } = &failure else { panic!("{failure:?}") };
        assert_eq!((machine.as_str(), *at), ("client", ms(1500)), "{engine:?}");
        assert!(message.contains("arithmetic"), "{message}");
        assert!(!failure.to_string().contains('\n'), "one line");
    }
}

#[test]
fn a_panic_in_a_task_of_a_process_fails_the_run_although_nobody_waits_for_the_task() {
    for (engine, world, client, _) in worlds() {
        client.does(async |net| {
            net.spawner().spawn(async { panic!("nobody looks") });
            std::future::pending().await
        });
        let failure = failure(world.run(secs(5)));
        assert!(
            matches!(&failure, Failure::Panicked { message, .. } if message == "nobody looks"),
            "{engine:?}"
        );
    }
}

#[test]
fn a_task_that_would_escape_its_process_fails_the_run() {
    for (engine, world, client, _) in worlds() {
        client.does(async |_| {
            tokio::spawn(std::future::pending::<()>());
            std::future::pending().await
        });
        let failure = failure(world.run(secs(5)));
        assert!(matches!(&failure, Failure::Escaped { machine, .. } if machine == "client"), "{engine:?}");
        assert!(failure.to_string().contains("spawner()"), "it says what would be right: {failure}");
    }
}

#[test]
fn a_process_that_runs_on_without_waiting_is_named() {
    for (engine, world, _, server) in worlds() {
        server.does(async |_| {
            loop {
                tokio::task::yield_now().await;
            }
        });
        let failure = failure(world.run(secs(5)));
        assert!(matches!(&failure, Failure::Spins { machine, .. } if machine == "server"), "{engine:?}");
    }
}

#[test]
fn without_tokios_timers_whoever_sets_one_is_found_out_and_whoever_yields_is_not_forgotten() {
    for timer in [false, true] {
        let mut world = World::new(0, Engine::Event, Sysctls::default(), None);
        world.without_tokio_timers();
        let machine = world.machine("server");
        machine.does(async move |_| {
            halfopen::net::time::sleep(ms(100)).await;
            tokio::task::yield_now().await;
            note!("yielded");
            if timer {
                tokio::time::sleep(ms(1)).await;
            }
            Ok(())
        });
        world.notes(["yielded"]);
        let result = world.run(secs(5));
        if timer {
            let Failure::Panicked { message, at, .. } = failure(result) else { panic!("another failure") };
            assert_eq!(at, ms(100));
            assert!(message.contains("net::time"), "it says what would be right: {message}");
        } else {
            assert_eq!(result.expect("it runs").all("yielded").count(), 1);
        }
    }
}

/// A server whose program has started a task that says `tick` every second.
fn ticks(faults: &str) -> Trace {
    let script = faults.parse().expect("a script");
    let mut world = World::new(0, Engine::Event, Sysctls::default(), Some(script));
    let server = world.machine("server");
    server.does(async |net| {
        net.spawner().spawn(async {
            loop {
                halfopen::net::time::sleep(secs(1)).await;
                note!("tick");
            }
        });
        std::future::pending().await
    });
    world.run(ms(30_500)).expect("runs")
}

#[test]
fn what_a_process_has_started_dies_and_stalls_with_it_and_its_events_are_told() {
    let count =
        |trace: &Trace, from, until| trace.all("tick").on("server").between(secs(from), secs(until)).count();
    let undisturbed = ticks("");
    assert_eq!(count(&undisturbed, 0, 31), 30);
    let crashed = ticks("at 10500ms crash server for 5s");
    assert_eq!([count(&crashed, 0, 11), count(&crashed, 11, 16), count(&crashed, 16, 31)], [10, 0, 14]);
    let stalled = ticks("at 10500ms stall server for 5s");
    assert_eq!([count(&stalled, 0, 11), count(&stalled, 11, 15)], [10, 0]);
    assert!(count(&stalled, 15, 31) >= 15);
}

#[test]
fn a_program_that_returns_leaves_no_task_and_no_connection_behind() {
    for (engine, world, client, server) in worlds() {
        server.does(async |net| {
            let mut listener = net.listen(80, &ListenOptions::default()).await?;
            let (mut stream, _) = listener.accept().await?;
            // A task that holds the connection, and would for ever.
            net.spawner().spawn(async move {
                let _ = stream.read_u64().await;
            });
            halfopen::net::time::sleep(secs(1)).await;
            Ok(())
        });
        client.does(async |net| {
            let mut stream = net.connect("server:80", &SocketOptions::default()).await?;
            stream.write_u8(1).await?;
            let _ = stream.read_u8().await;
            Ok(())
        });
        let trace = world.run(secs(5)).expect("runs");
        for host in ["client", "server"] {
            let left = trace.left_on(host);
            assert_eq!(
                (left.tasks, left.connections(), left.buffered_bytes),
                (0, 0, 0),
                "{engine:?} {left:?}"
            );
        }
    }
}

#[test]
fn a_run_ends_with_the_event_it_waits_for_at_the_same_instant_on_every_engine() {
    let ended: Vec<Duration> = worlds()
        .map(|(_, world, client, server)| {
            for (machine, every) in [(client, 700), (server, 900)] {
                machine.does(async move |_| {
                    loop {
                        halfopen::net::time::sleep(ms(every)).await;
                        note!("tick");
                    }
                });
            }
            let trace = world.run_until(until("tick").times(5), secs(60)).expect("runs");
            // 0.7, 0.9, 1.4, 1.8, 2.1 s
            assert_eq!(trace.all("tick").count(), 5);
            assert_eq!(trace.last("tick").time(), Some(ms(2_100)));
            trace.ended
        })
        .collect();
    assert!(ended.windows(2).all(|pair| pair[0] == pair[1]), "{ended:?}");
}

#[test]
fn a_run_that_waits_in_vain_ends_at_its_time() {
    for (_, world, client, _) in worlds() {
        client.does(async |_| std::future::pending().await);
        let trace = world.run_until(until("never"), secs(3)).expect("runs");
        assert_eq!(trace.ended, secs(3));
    }
}
