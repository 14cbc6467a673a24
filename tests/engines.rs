//! Two engines, one story: turmoil, which steps every host through every tick, is the reference; the event engine jumps.
//!
//! For every scenario and for generated worlds under generated faults: the same events on every host in the same order,
//! the same packets with the same fates, and every time within one tick. Where no two things fall on the same instant
//! they are equal to the microsecond, which is counted, too.

#![cfg(feature = "turmoil")]

use std::time::Duration;

use halfopen::scenario::{REGISTRY, Settings};
use halfopen::sim::{Engine, World};
use halfopen::trace::{Event, HostId, Packet, Trace};

mod common;

use common::worlds::{Generated, TICK};

/// Says where two traces differ by more than `tick`, if they do.
fn difference(reference: &Trace, other: &Trace, tick: Duration) -> Option<String> {
    let hosts = (0..reference.hosts.len()).map(|h| Some(HostId(h as u32))).chain([None]);
    for host in hosts {
        let of = |trace: &Trace| -> Vec<Event> {
            trace.events.iter().filter(|e| e.host == host).cloned().collect()
        };
        let (a, b) = (of(reference), of(other));
        for (a, b) in a.iter().zip(&b) {
            let same = (a.layer, a.name, &a.fields) == (b.layer, b.name, &b.fields);
            if !same || a.at.abs_diff(b.at) > tick {
                return Some(format!("{a:?}\n is with the other engine\n{b:?}"));
            }
        }
        if a.len() != b.len() {
            return Some(format!("{host:?} has {} events, with the other engine {}", a.len(), b.len()));
        }
    }
    let of = |trace: &Trace, from: u32| -> Vec<Packet> {
        trace.packets.iter().filter(|p| p.from == HostId(from)).cloned().collect()
    };
    for from in 0..reference.hosts.len() as u32 {
        let (a, b) = (of(reference, from), of(other, from));
        if a.len() != b.len() {
            return Some(format!("host {from} sends {} packets, with the other engine {}", a.len(), b.len()));
        }
        if let Some((a, b)) = a.iter().zip(&b).find(|(a, b)| a.sent.abs_diff(b.sent) > tick || a.to != b.to) {
            return Some(format!("{a:?}\n is with the other engine\n{b:?}"));
        }
    }
    None
}

#[test]
fn both_engines_tell_every_scenario_alike() {
    for scenario in REGISTRY {
        for seed in [0, 7] {
            let run = |engine| {
                // What can be looked at for a day is looked at for an hour: turmoil takes its time.
                let long = scenario.parameters().into_iter().any(|p| p.name == "lasts");
                let given = long.then(|| ("lasts".to_owned(), "1h".to_owned())).into_iter().collect();
                let settings = Settings { seed, engine, given, ..Settings::default() };
                scenario.run(&settings).expect("defaults are valid")
            };
            let (turmoil, event) = (run(Engine::Turmoil), run(Engine::Event));
            let name = scenario.name();
            if let Some(difference) = difference(&turmoil.trace, &event.trace, TICK) {
                panic!("{name}, seed {seed}: {difference}");
            }
            assert_eq!(turmoil.claims, event.claims, "{name}, seed {seed}");
        }
    }
}

#[test]
fn it_makes_no_difference_whether_tokio_could_have_timers_of_its_own() {
    for seed in 0..100 {
        let (with, ..) = Generated::new(seed).run(Engine::Event);
        let (without, ..) = Generated::new(seed).run_with(Engine::Event, World::without_tokio_timers);
        assert!(with == without, "seed {seed}");
    }
}

#[test]
fn both_engines_tell_generated_worlds_alike() {
    let worlds = 300;
    let mut equal = 0_u64;
    for seed in 0..worlds {
        let (turmoil, script, tick) = Generated::new(seed).run(Engine::Turmoil);
        let (event, ..) = Generated::new(seed).run(Engine::Event);
        if let Some(difference) = difference(&turmoil, &event, tick) {
            panic!("world {seed}, faults `{script}`, tick {tick:?}:\n{difference}");
        }
        equal += u64::from(turmoil == event);
    }
    println!("{equal} of {worlds} worlds are equal to the last byte");
    // So that the tolerance does not hide that the two have drifted apart.
    assert!(equal * 10 >= worlds * 9, "only {equal} of {worlds}");
}
