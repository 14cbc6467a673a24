//! Same scenario, parameters and seed: the same bytes, in any order, in any process.

use std::process::Command;

use halfopen::explore::run::json;
use halfopen::scenario::{Outcome, REGISTRY, Scenario, Settings};
use halfopen::trace::pcap;

/// Everything that a run says, to the last byte of the last packet.
fn bytes(outcome: &Outcome) -> (String, Vec<u8>) {
    let mut packets = Vec::new();
    pcap::write(&outcome.trace, &mut packets).expect("a vector takes everything");
    (serde_json::to_string(&json(outcome, true)).expect("JSON"), packets)
}

fn run(scenario: &dyn Scenario, seed: u64) -> (String, Vec<u8>) {
    let settings = Settings { seed, ..Settings::default() };
    bytes(&scenario.run(&settings).expect("defaults are valid"))
}

#[test]
fn a_scenario_says_the_same_whatever_ran_before_it() {
    let forwards: Vec<_> = REGISTRY.iter().map(|s| run(*s, 1)).collect();
    let backwards: Vec<_> = REGISTRY.iter().rev().map(|s| run(*s, 1)).collect();
    for ((scenario, first), second) in REGISTRY.iter().zip(&forwards).zip(backwards.iter().rev()) {
        assert!(first == second, "{} differs between two runs in one process", scenario.name());
    }
}

#[test]
fn a_scenario_says_the_same_on_another_thread_at_the_same_time_as_others() {
    let expected: Vec<_> = REGISTRY.iter().map(|s| run(*s, 2)).collect();
    std::thread::scope(|scope| {
        let threads: Vec<_> = REGISTRY.iter().map(|s| scope.spawn(|| run(*s, 2))).collect();
        for ((scenario, expected), thread) in REGISTRY.iter().zip(expected).zip(threads) {
            assert!(thread.join().expect("no panic") == expected, "{}", scenario.name());
        }
    });
}

#[test]
fn a_scenario_says_the_same_in_a_fresh_process() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for scenario in REGISTRY {
        let file = folder.path().join("run.pcap");
        let out = Command::new(env!("CARGO_BIN_EXE_halfopen"))
            .args(["run", scenario.name(), "--seed", "1", "--packets", "--format", "json", "--pcap"])
            .arg(&file)
            .output()
            .expect("the binary runs");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let (here, packets) = run(*scenario, 1);
        let [here, there] = [here.as_bytes(), &out.stdout]
            .map(|text| serde_json::from_slice::<serde_json::Value>(text).expect("JSON"));
        assert!(there == here, "{}: another process tells another story", scenario.name());
        assert!(std::fs::read(&file).expect("the pcap") == packets, "{}: other packets", scenario.name());
    }
}

/// A seed decides initial sequence numbers, keys and masks, and every chance on a link. Where the timers are exact, the
/// story follows it only where chance has a part in it; Linux's are rounded by a wheel, whose position is the seed's, too.
#[test]
fn another_seed_changes_the_bytes_everywhere_and_the_story_only_where_there_is_chance() {
    for scenario in REGISTRY {
        let story = |seed| {
            let given = [("kernel.timers".to_owned(), "rfc6298".to_owned())].into();
            let settings = Settings { seed, given, ..Settings::default() };
            let outcome = scenario.run(&settings).expect("the parameters are valid");
            (outcome.trace.events.clone(), bytes(&outcome).1)
        };
        let (events, packets) = story(0);
        let others: Vec<_> = (1..6).map(story).collect();
        assert!(others.iter().all(|(_, p)| *p != packets), "{}: equal sequence numbers", scenario.name());
        let chance = scenario.name() == "tcp/lossy-pushes";
        let differs = others.iter().any(|(e, _)| *e != events);
        assert_eq!(differs, chance, "{}: what the seed changes", scenario.name());
    }
}
