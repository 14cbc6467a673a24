//! What is kept of a run: what was asked for, and counters always; and what may be asked of it.

use halfopen::scenario::REGISTRY;
use halfopen::scenario::prelude::*;
use halfopen::trace::vocabulary;

fn run(scenario: &dyn Scenario, recording: Recording, engine: Engine) -> Outcome {
    // What can be looked at for a day is looked at for an hour: turmoil takes its time.
    let long = scenario.parameters().into_iter().any(|p| p.name == "lasts");
    let given = long.then(|| ("lasts".to_owned(), "1h".to_owned())).into_iter().collect();
    let settings = Settings { given, recording, engine, ..Settings::default() };
    scenario.run(&settings).expect("defaults are valid")
}

fn traces(outcome: &Outcome) -> impl Iterator<Item = &Trace> {
    std::iter::once(&outcome.trace).chain(outcome.others.iter().map(|other| &other.trace))
}

#[test]
fn what_is_measured_and_counted_does_not_depend_on_what_is_kept() {
    for scenario in REGISTRY {
        let all = run(*scenario, Recording::Packets, Engine::default());
        for recording in [Recording::Counters, Recording::Story] {
            let less = run(*scenario, recording, Engine::default());
            let name = scenario.name();
            assert_eq!(less.measures, all.measures, "{name} {recording:?}");
            assert_eq!(less.claims, all.claims, "{name} {recording:?}");
            for (less, all) in traces(&less).zip(traces(&all)) {
                assert!(less.recording >= recording);
                assert_eq!(less.counters, all.counters, "{name} {recording:?}");
                assert!(less.events.is_empty() || less.events == all.events, "{name} {recording:?}");
                assert_eq!(less.events.is_empty(), less.recording < Recording::Story, "{name} {recording:?}");
                assert_eq!(
                    less.packets.is_empty(),
                    less.recording < Recording::Packets,
                    "{name} {recording:?}"
                );
            }
        }
    }
}

/// Those whose measures are made from single packets say so; a list that is not to grow without a reason.
#[test]
fn a_sweep_keeps_no_packets_but_of_scenarios_that_measure_single_ones() {
    let keep: Vec<&str> = REGISTRY
        .iter()
        .filter(|s| !run(**s, Recording::Counters, Engine::default()).trace.packets.is_empty())
        .map(|s| s.name())
        .collect();
    assert_eq!(
        keep,
        [
            "tcp/handshake",
            "tcp/outage-tail",
            "tcp/half-open-discovery",
            "tcp/longer-path",
            "websocket/layers"
        ]
    );
}

fn counts_are_those_of_the_packets_and_events(engine: Engine) {
    for scenario in REGISTRY {
        let outcome = run(*scenario, Recording::Packets, engine);
        for trace in traces(&outcome) {
            for host in trace.hosts.iter() {
                let (counts, packets) = (trace.counts(host), || trace.packets_from(host));
                let counted = [
                    (counts.packets_sent, packets()),
                    (counts.packets_arrived, packets().arrived()),
                    (counts.packets_lost, packets().lost()),
                    (counts.retransmissions, packets().retransmissions()),
                    (counts.keepalives, packets().keepalives()),
                    (counts.window_probes, packets().window_probes()),
                    (counts.duplicates, packets().duplicates()),
                ];
                for (n, (count, packets)) in counted.into_iter().enumerate() {
                    assert_eq!(count, packets.count() as u64, "{} {host} {n}", scenario.name());
                }
                assert_eq!(counts.bytes_sent, packets().bytes() as u64);
                assert_eq!(counts.bytes_arrived, packets().arrived().bytes() as u64);
                assert_eq!(counts.bytes_lost, packets().lost().bytes() as u64);
                assert_eq!(counts.connections_opened, trace.all("established").on(host).count() as u64);
            }
            let total: u64 = trace.hosts.iter().map(|host| trace.counts(host).packets_sent).sum();
            assert_eq!((trace.total().packets_sent, total), (trace.packets.len() as u64, total));
        }
    }
}

#[test]
fn the_counters_count_what_is_in_the_trace() {
    counts_are_those_of_the_packets_and_events(Engine::Event);
}

/// turmoil runs on to the end of a tick; what happens there is no part of the run, and is not counted.
#[cfg(feature = "turmoil")]
#[test]
fn the_counters_count_what_is_in_the_trace_on_turmoil() {
    counts_are_those_of_the_packets_and_events(Engine::Turmoil);
}

#[test]
fn a_count_of_events_can_be_asked_without_the_events_and_is_the_same() {
    for scenario in REGISTRY {
        let told = run(*scenario, Recording::Story, Engine::default()).trace;
        let counted =
            Trace { recording: Recording::Counters, events: Vec::new(), packets: Vec::new(), ..told.clone() };
        for event in &told.events {
            let ask = |trace: &Trace| match event.host {
                Some(host) => trace.all(event.name).on(trace.host_name(host)).layer(event.layer).count(),
                None => trace.all(event.name).count(),
            };
            assert_eq!(ask(&counted), ask(&told), "{} {}", scenario.name(), event.name);
        }
        assert_eq!(counted.any().count(), told.events.len());
    }
}

fn counters_alone() -> Trace {
    let scenario = REGISTRY.iter().find(|s| s.name() == "websocket/heartbeat-day").expect("it is there");
    run(*scenario, Recording::Counters, Engine::default()).trace
}

#[test]
#[should_panic(
    expected = "this run kept its counters alone, and the question is about single events: an experiment says so \
                           with `needs: Recording::Story`"
)]
fn a_question_about_events_that_were_not_kept_is_a_mistake_not_an_answer_of_none() {
    counters_alone().first("connected").time();
}

#[test]
#[should_panic(
    expected = "the question is about single packets: an experiment says so with `needs: Recording::Packets`"
)]
fn a_question_about_packets_that_were_not_kept_is_a_mistake_not_an_answer_of_none() {
    let _ = counters_alone().packets_from("phone");
}

/// What a run waits for is looked out for, even where no event is kept.
#[test]
fn a_run_that_waits_for_an_event_ends_with_it_whatever_is_kept() {
    for recording in [Recording::Counters, Recording::Story, Recording::Packets] {
        let mut world = World::new(0, Engine::default(), Sysctls::default(), None);
        world.records(recording);
        let machine = world.machine("machine");
        machine.does(async |_| {
            loop {
                sleep(secs(1)).await;
                note!("tick");
            }
        });
        let trace = world.run_until(until("tick").on("machine").times(3), secs(60)).expect("runs");
        assert_eq!(trace.all("tick").count(), 3, "{recording:?}");
        assert_eq!(trace.ended.as_secs(), 3, "{recording:?}");
    }
}

/// Every fault that there is, one after the other, and some inside another one.
fn troubles(hosts: &[String], router: bool) -> String {
    let mut faults = Vec::new();
    let mut at = 3;
    let mut then = |fault: String| {
        faults.push(format!("at {at}s {fault}"));
        at += 3;
    };
    for host in hosts.iter().take(3) {
        for fault in ["stall", "suspend", "crash", "offline", "power-loss"] {
            then(format!("{fault} {host} for 2s"));
        }
        for (fault, value) in [("slow", "10%"), ("dns", "3s")] {
            then(format!("{fault} {host} {value} for 2s"));
        }
        then(format!("power-loss {host} for 11s"));
        for fault in ["crash", "offline", "suspend"] {
            then(format!("{fault} {host} for 1s"));
        }
        then(format!("deploy {host} 1s 1s"));
    }
    if let [a, b, ..] = hosts {
        for fault in ["partition", "reject", "hold"] {
            then(format!("{fault} {a} {b} for 1s"));
        }
        for (fault, value) in [
            ("loss", "50%"),
            ("duplicate", "50%"),
            ("reorder", "50%"),
            ("latency", "1s"),
            ("rate", "1Mbit/s"),
        ] {
            then(format!("{fault} {a} {b} {value} for 9s"));
        }
        then(format!("lose next 2 any {a}->{b} for 5s"));
    }
    if router {
        then("forget phone".to_owned());
        then("rebind phone".to_owned());
    }
    faults.join("; ")
}

/// A name that is in neither could be misspelt in a question, and nobody would be told.
#[test]
fn every_event_of_every_scenario_is_in_the_vocabulary_or_declared() {
    for scenario in REGISTRY {
        let usual = run(*scenario, Recording::Story, Engine::default());
        let router = scenario.name() == "websocket/wifi-switch";
        let faults = Some(troubles(&usual.trace.hosts, router));
        let settings = Settings { faults, recording: Recording::Story, ..Settings::default() };
        let troubled = scenario.run(&settings).unwrap_or_else(|e| panic!("{}: {e}", scenario.name()));
        for trace in traces(&usual).chain(traces(&troubled)) {
            for event in &trace.events {
                let known = vocabulary::is_known(event.name) || trace.notes.contains(&event.name);
                assert!(
                    known,
                    "{}: `{}` is neither in the vocabulary nor declared",
                    scenario.name(),
                    event.name
                );
            }
        }
    }
}

/// Whatever is done to its world, a scenario has an answer: what it asks for may simply never have happened.
#[test]
fn no_fault_makes_a_scenarios_questions_wrong() {
    for scenario in REGISTRY {
        let hosts = run(*scenario, Recording::Counters, Engine::default()).trace.hosts;
        for host in hosts.iter().take(3) {
            for fault in ["power-loss", "stall"] {
                let faults = Some(format!("at 0s {fault} {host}"));
                scenario.run(&Settings { faults, ..Settings::default() }).expect("valid faults");
            }
        }
    }
}
