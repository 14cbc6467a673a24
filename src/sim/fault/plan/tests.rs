//! Scripts applied to worlds: what the trace tells of them, what they do to machines, and what they are refused for.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use crate::net::{ListenOptions, Listener as _, Network as _, SocketOptions};
use crate::parameter::{BitRate, ByteSize, Probability, mins, ms, secs};
use crate::sim::fault::{Dns, SegmentKind, SuspendedClock};
use crate::sim::{Engine, Machine, RouterOptions, Sysctls, World};
use crate::trace::{Fate, Layer, Trace};

/// A phone with two interfaces, one of them behind a router, and a server.
fn world(script: &str) -> (World, Machine, Machine) {
    let faults = script.parse().expect(script);
    let mut world = World::new(0, Engine::default(), Sysctls::default(), Some(faults));
    let [phone, server] = world.machines(["phone", "server"]);
    phone.interface_behind("wifi", RouterOptions::default()).interface("lte");
    (world, phone, server)
}

fn error(script: &str) -> String {
    let (world, ..) = world(script);
    let said = world.run(mins(5)).expect_err(script).to_string();
    assert!(!said.contains('\n'), "{said}");
    said
}

fn told(trace: &Trace) -> Vec<(Duration, &'static str)> {
    let faults = trace.events.iter().filter(|event| event.layer == Layer::Fault);
    faults.map(|event| (event.at, event.name)).collect()
}

/// When a process of the server's was started.
fn starts(script: &str) -> Vec<Duration> {
    let (world, _, server) = world(script);
    let starts: Rc<RefCell<Vec<Duration>>> = Rc::default();
    let seen = starts.clone();
    server.does(async move |net| {
        seen.borrow_mut().push(net.now());
        std::future::pending().await
    });
    world.run(mins(3)).expect(script);
    starts.take()
}

#[test]
fn processes_start_once_when_nothing_keeps_them_from_it_any_more() {
    let power_loss = "at 10s power-loss server for 30s; at 15s crash server for 5s";
    assert_eq!(starts(power_loss), [secs(0), secs(40)]);
    assert_eq!(starts("at 10s crash server for 20s; at 15s crash server for 5s"), [secs(0), secs(30)]);
    assert_eq!(starts("at 10s crash server for 20s; at 15s power-loss server for 5s"), [secs(0), secs(30)]);
    assert_eq!(starts("at 10s crash server; at 15s crash server for 5s"), [secs(0)]);
    assert_eq!(
        starts("at 10s crash server for 0s; at 20s power-loss server for 0s"),
        [secs(0), secs(10), secs(20)]
    );
}

/// When a process that counts seconds got to count.
fn runs(script: &str) -> Vec<u64> {
    let (world, _, server) = world(script);
    let counted: Rc<RefCell<Vec<u64>>> = Rc::default();
    let seen = counted.clone();
    server.does(async move |net| {
        for second in 1.. {
            net.until(secs(second)).await;
            seen.borrow_mut().push(net.now().as_secs());
        }
        Ok(())
    });
    world.run(secs(130)).expect(script);
    counted.take()
}

#[test]
fn a_machine_stalls_until_the_outermost_stall_is_over() {
    let ran = runs("at 30500ms stall server for 1m 30s; at 40s stall server for 5s");
    assert!(ran.contains(&30) && ran.contains(&121), "{ran:?}");
    assert!(!ran.iter().any(|second| (31..120).contains(second)), "{ran:?}");
}

#[test]
fn a_stall_outlives_a_power_loss_within_it() {
    let ran = runs("at 30500ms stall server for 60s; at 40s power-loss server for 5s");
    assert!(!ran.iter().any(|second| (31..90).contains(second)) && ran.contains(&91), "{ran:?}");
}

#[test]
fn the_trace_says_only_that_a_fault_is_over_where_another_still_holds() {
    let script = "at 10s power-loss server for 30s; at 15s crash server for 5s; at 1m switch phone lte for 20s; \
                  at 65s offline phone for 5s; at 67s offline phone for 10s";
    let trace = world(script).0.run(mins(5)).expect("runs");
    assert_eq!(
        told(&trace),
        [
            (secs(10), "power lost"),
            (secs(15), "crash begins"),
            (secs(20), "crash ends"),
            (secs(40), "booted"),
            (secs(60), "switches interface"),
            (secs(65), "goes offline"),
            (secs(67), "offline begins"),
            (secs(70), "offline ends"),
            (secs(77), "online again"),
            (secs(80), "switches back"),
        ]
    );
}

#[test]
fn every_verb_is_told_of() {
    let script = "at 1s suspend phone for 1s; at 2s slow server 10% for 1s; at 3s deploy server; at 4s rebind phone; \
                  at 5s dns phone 3s for 1s; at 6s dns phone dead; at 7s lose next 3 data phone->server; \
                  at 8s suspend phone clock-runs";
    let trace = world(script).0.run(secs(10)).expect("runs");
    let names: Vec<&str> = told(&trace).into_iter().map(|(_, name)| name).collect();
    assert_eq!(
        names,
        [
            "suspended",
            "resumed",
            "slowness begins",
            "slowness ends",
            "deploy begins",
            "new processes start",
            "router rebinds",
            "name lookups change",
            "name lookups as before",
            "name lookups change",
            "loss of the next begins",
            "suspended",
        ]
    );
}

#[test]
fn what_is_not_there_is_answered_with_what_is() {
    assert_eq!(
        error("at 1s stall sever"),
        "fault `at 1s stall sever`: no machine `sever`; valid: phone, server"
    );
    assert_eq!(
        error("at 1s switch phone 5g"),
        "fault `at 1s switch phone 5g`: phone has no interface `5g`; valid: wifi, lte"
    );
    assert!(error("at 1s forget server").contains("there is no router before server"));
    assert!(error("at 1s rebind server").contains("there is no router before server"));
    let switched = error("at 1s switch phone lte; at 2s forget phone");
    assert!(switched.contains("while it uses `lte`; valid: while it uses wifi"), "{switched}");
}

#[test]
fn of_many_machines_some_are_named() {
    let faults = "at 1s stall nobody".parse().expect("a script");
    let mut world = World::new(0, Engine::default(), Sysctls::default(), Some(faults));
    world.crowd("client", 30);
    let said = world.run(secs(1)).expect_err("nobody is there").to_string();
    assert!(said.ends_with("client-20, ..."), "{said}");
}

#[test]
fn what_a_scenario_computes_wrongly_is_refused_as_in_a_script() {
    let refused = |fault: fn(&mut World, &Machine, &Machine)| {
        let mut world = World::new(0, Engine::default(), Sysctls::default(), None);
        let [a, b] = world.machines(["a", "b"]);
        fault(&mut world, &a, &b);
        world.run(secs(1)).expect_err("refused").to_string()
    };
    assert!(refused(|w, a, _| drop(w.at(secs(1)).partition(a, a))).contains("two different machines"));
    assert!(refused(|w, a, _| drop(w.at(secs(1)).slow(a, Probability(1.0)))).contains("99.999%"));
    assert!(refused(|w, a, b| drop(w.at(secs(1)).loss(a, b, Probability(1.5)))).contains("0% to 100%"));
    assert!(refused(|w, a, b| drop(w.at(secs(1)).lose_next(a, b, 0, SegmentKind::Any))).contains("from 1"));
}

#[test]
fn a_world_offers_everything_that_a_script_has() {
    let mut world = World::new(0, Engine::default(), Sysctls::default(), None);
    let [a, b] = world.machines(["a", "b"]);
    let share = Probability(0.05);
    world.at(secs(1)).partition(&a, &b).one_way().lasting(secs(1));
    // Which fault is meant does not depend on what is said meanwhile.
    let hold = world.at(secs(2)).hold(&a, &b);
    world.at(secs(3)).loss(&a, &b, share);
    hold.lasting(secs(1));
    world.at(secs(4)).duplicate(&a, &b, share);
    world.at(secs(5)).reorder(&b, &a, share).one_way();
    world.at(secs(6)).latency(&a, &b, ms(3) + Duration::from_nanos(1), ms(1));
    world.at(secs(7)).rate(&a, &b, BitRate(1000), ByteSize(1024));
    world.at(secs(8)).lose_next(&a, &b, 3, SegmentKind::Data).one_way();
    world.at(secs(9)).stall(&a).lasting(Duration::from_nanos(1_000_000_300));
    world.at(secs(10)).slow(&a, share);
    world.at(secs(11)).suspend(&a, SuspendedClock::Stops);
    world.at(secs(12)).suspend(&a, SuspendedClock::Runs);
    world.at(secs(13)).crash(&a);
    world.at(secs(14)).power_loss(&a);
    world.at(secs(15)).deploy(&a, secs(30), secs(2));
    world.at(secs(16)).switch(&a, "net", true);
    world.at(secs(17)).offline(&a);
    world.at(secs(18)).forget(&a);
    world.at(secs(19)).rebind(&a);
    world.at(secs(20)).dns(&a, Dns::Takes(secs(3)));
    world.at(secs(21)).dns(&a, Dns::Dead);
    assert_eq!(
        world.faults().to_string(),
        "at 1s partition a->b for 1s; at 2s hold a b for 1s; at 3s loss a b 5%; at 4s duplicate a b 5%; \
         at 5s reorder b->a 5%; at 6s latency a b 3ms 1ms; at 7s rate a b 1kbit/s 1KiB; at 8s lose next 3 data a->b; \
         at 9s stall a for 1s; at 10s slow a 5%; at 11s suspend a; at 12s suspend a clock-runs; at 13s crash a; \
         at 14s power-loss a; at 15s deploy a 30s 2s; at 16s switch a net destroy; at 17s offline a; at 18s forget a; \
         at 19s rebind a; at 20s dns a 3s; at 21s dns a dead"
    );
}

#[test]
fn the_next_three_data_segments_die_and_the_fourth_arrives() {
    let (world, phone, server) = world("at 1s lose next 3 data phone->server");
    server.does(async |net| {
        let mut listener = net.listen(80, &ListenOptions::default()).await?;
        let stream = listener.accept().await?;
        std::future::pending::<()>().await;
        drop(stream);
        Ok(())
    });
    phone.does(async |net| {
        let mut stream = net.connect("server:80", &SocketOptions::default()).await?;
        net.until(secs(2)).await;
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"hello").await?;
        std::future::pending().await
    });
    let trace = world.run(mins(1)).expect("runs");
    let fates = trace.packets.iter().filter(|p| p.sent >= secs(2) && p.from == crate::trace::HostId(0));
    let fates: Vec<bool> = fates.map(|p| matches!(p.fate, Fate::Died(_, "lose next"))).collect();
    assert_eq!(fates, [true, true, true, false]);
}
