//! The commands on a small scenario of their own.

use std::fs;
use std::time::Duration;

use super::*;
use crate::parameter::{Parameters, Spec, secs};
use crate::scenario::{Claim, Measure, Outcome, RunError, Scenario, Settings};
use serde_json::Value;

crate::parameters! {
    /// Of the fake scenario.
    struct FakeParameters {
        /// How long it waits.
        wait: Duration = secs(30), in secs(1)..=secs(60);
    }
}

/// Claims that it waits 10 s or more; `lax` claims it of nothing.
struct Fake {
    name: &'static str,
    limit: Duration,
}

impl Scenario for Fake {
    fn name(&self) -> &'static str {
        self.name
    }
    fn question(&self) -> &'static str {
        "How long?"
    }
    fn parameters(&self) -> Vec<Spec> {
        FakeParameters::specs()
    }
    fn run(&self, settings: &Settings) -> Result<Outcome, RunError> {
        let p = FakeParameters::from_given(&settings.given)?;
        if settings.seed == 13 {
            return Err(RunError::Simulation("unlucky".to_owned()));
        }
        let holds = p.wait >= self.limit;
        let changed = if p.wait == secs(30) { Vec::new() } else { p.settings() };
        Ok(Outcome {
            scenario: self.name,
            seed: settings.seed,
            parameters: p.settings(),
            changed,
            faults: settings.faults.clone(),
            engine: settings.engine,
            measures: vec![Measure { name: "waited_s", label: "waited", value: Some(p.wait.as_secs_f64()) }],
            claims: vec![Claim { id: "I-01", statement: "it waits".to_owned(), holds }],
            ..Outcome::default()
        })
    }
}

const HOLDS: Registry = Registry::of(&[&Fake { name: "fake/holds", limit: secs(10) }]);
const BOTH: Registry = Registry::of(&[
    &Fake { name: "fake/holds", limit: secs(10) },
    &Fake { name: "fake/fails", limit: secs(40) },
]);

fn halfopen(line: &[&str], registry: Registry) -> (Result<Status, Failure>, String) {
    let cli = <Cli as clap::Parser>::try_parse_from([&["halfopen"], line].concat()).unwrap();
    let mut out = Vec::new();
    let result = execute(cli, registry, &mut out);
    (result, String::from_utf8(out).unwrap())
}

fn usage_error(line: &[&str]) -> String {
    match halfopen(line, BOTH) {
        (Err(Failure::Usage(text)), out) => {
            assert!(out.is_empty() && !text.contains('\n'));
            text
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_claim_that_fails_at_the_defaults_is_an_error_and_under_changed_parameters_a_lesson() {
    let status = |line: &[&str]| halfopen(line, BOTH).0.unwrap();
    assert_eq!(status(&["run", "fake/holds"]), Status::Fine);
    assert_eq!(status(&["run", "fake/fails"]), Status::AClaimFailed);
    assert_eq!(status(&["run", "fake/fails", "--set", "wait=30s"]), Status::AClaimFailed);
    assert_eq!(status(&["run", "fake/fails", "--seed", "5"]), Status::AClaimFailed);
    assert_eq!(status(&["run", "fake/fails", "--set", "wait=20s"]), Status::Fine);
    assert_eq!(status(&["run", "fake/fails", "--faults", "x"]), Status::Fine);
    let (_, out) = halfopen(&["run", "fake/holds", "--set", "wait=5s"], BOTH);
    assert!(out.contains("I-01  does not hold  it waits") && out.contains("* wait  5s"), "{out}");
}

#[test]
fn a_parameter_that_is_set_twice_is_refused() {
    let twice = ["run", "fake/holds", "--set", "wait=1s", "--set", "wait=1s"];
    assert_eq!(usage_error(&twice), "the parameter `wait` is given twice");
}

#[test]
fn wrong_names_and_values_are_answered_with_what_is_valid() {
    assert_eq!(
        usage_error(&["run", "fake/hold"]),
        "no scenario `fake/hold`; did you mean `fake/holds`?; valid: fake/holds, fake/fails"
    );
    assert_eq!(
        usage_error(&["run", "fake/holds", "--set", "wiat=5s"]),
        "no parameter `wiat`; did you mean `wait`?; valid: wait"
    );
    assert!(usage_error(&["run", "fake/holds", "--set", "wait=2h"]).contains("valid: 1s to 1m"));
}

#[test]
fn a_sweep_fails_only_for_a_claim_that_fails_where_nothing_is_changed() {
    let status = |line: &[&str]| halfopen(line, BOTH).0.unwrap();
    assert_eq!(status(&["sweep", "fake/fails", "--vary", "wait=10s..50s/3"]), Status::AClaimFailed);
    assert_eq!(status(&["sweep", "fake/fails", "--vary", "wait=10s..50s/2"]), Status::Fine);
    assert_eq!(status(&["sweep", "fake/holds", "--vary", "wait=10s..50s/3"]), Status::Fine);
    assert!(matches!(
        halfopen(&["sweep", "fake/holds", "--vary", "wait=1s,2s", "--seeds", "14"], BOTH).0,
        Err(Failure::Broken(_))
    ));
}

#[test]
fn a_sweep_prints_each_of_its_forms() {
    let printed = |format| {
        let line =
            ["sweep", "fake/holds", "--vary", "wait=5s,20s", "--measure", "waited_s", "--format", format];
        halfopen(&line, BOTH).1
    };
    assert_eq!(
        printed("table"),
        "fake/holds  seed 0\n\nwait  waited_s  does not hold\n5s    5         I-01\n20s   20\n\n\
         halfopen sweep fake/holds --vary wait=5s,20s --measure waited_s\n"
    );
    assert_eq!(printed("csv"), "wait,waited_s,claims_failed\r\n5s,5,I-01\r\n20s,20,\r\n");
    let json: Value = serde_json::from_str(&printed("json")).unwrap();
    assert_eq!(json["points"][1]["measures"]["waited_s"], 20);
    assert!(printed("svg").starts_with("<?xml version"));
    assert!(
        usage_error(&["sweep", "fake/holds", "--vary", "wait=5s,20s", "--measure", "waited"])
            .starts_with("no measure `waited`; did you mean `waited_s`?; valid: waited_s")
    );
}

#[test]
fn the_printed_command_makes_the_same_run_again() {
    #[cfg(feature = "turmoil")]
    {
        let line =
            ["run", "fake/holds", "--seed", "3", "--engine", "turmoil", "--faults", "x", "--set", "wait=12s"];
        let (_, out) = halfopen(&line, HOLDS);
        let command = out.lines().last().unwrap();
        assert_eq!(command, "halfopen run fake/holds --set wait=12s --seed 3 --faults 'x' --engine turmoil");
    }
    let (_, out) = halfopen(&["run", "fake/holds"], HOLDS.run_by("mine"));
    assert_eq!(out.lines().last(), Some("mine run fake/holds"));
    let (_, out) = halfopen(&["sweep", "fake/holds", "--vary", "wait=12s,13s"], HOLDS.run_by("mine"));
    assert_eq!(out.lines().last(), Some("mine sweep fake/holds --vary wait=12s,13s"));
}

#[test]
fn a_program_with_scenarios_of_its_own_has_no_book() {
    let (result, _) = halfopen(&[], HOLDS.run_by("mine"));
    assert!(
        matches!(result, Err(Failure::Usage(text)) if text == "no command; valid: list, run, sweep, claims")
    );
}

#[test]
fn a_failing_simulation_is_not_the_users_fault() {
    assert!(matches!(halfopen(&["run", "fake/holds", "--seed", "13"], BOTH).0, Err(Failure::Broken(_))));
}

#[test]
fn a_wrong_parameter_neither_destroys_nor_leaves_a_packet_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (old, new) = (path("old.pcap"), path("new.pcap"));
    fs::write(&old, "precious").unwrap();
    for file in [&old, &new] {
        usage_error(&["run", "fake/holds", "--set", "wait=2h", "--pcap", file]);
    }
    assert_eq!(fs::read_to_string(&old).unwrap(), "precious");
    assert!(!folder.path().join("new.pcap").exists());
    assert!(
        usage_error(&["run", "fake/holds", "--pcap", &path("no/such.pcap")]).starts_with("cannot write ")
    );

    halfopen(&["run", "fake/holds", "--pcap", &old], BOTH).0.unwrap();
    let capture = fs::read(&old).unwrap();
    assert!(!capture.is_empty() && !capture.starts_with(b"precious"));
    assert!(!capture.ends_with(b"ious"), "the rest of a longer file is gone");
}

#[test]
fn the_ledger_fails_with_any_claim_and_holds_with_all() {
    let (status, out) = halfopen(&["claims"], HOLDS);
    assert_eq!(status.unwrap(), Status::Fine);
    assert!(out.ends_with("1 of 204 rows shown by 1 scenario, 1 hold\n"));
    let (status, out) = halfopen(&["claims", "--format", "json"], BOTH);
    assert_eq!(status.unwrap(), Status::AClaimFailed);
    let rows: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 205);
}

#[test]
fn a_reader_that_has_seen_enough_is_not_an_error_but_a_full_disk_is() {
    struct Broken(io::ErrorKind);
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let run = |kind| {
        let cli = <Cli as clap::Parser>::try_parse_from(["halfopen", "run", "fake/fails"]).unwrap();
        execute(cli, BOTH, &mut Broken(kind))
    };
    assert_eq!(run(io::ErrorKind::BrokenPipe).unwrap(), Status::AClaimFailed);
    assert!(matches!(run(io::ErrorKind::StorageFull), Err(Failure::Output(_))));
}

#[test]
fn a_view_cuts_what_is_told_and_drawn_and_not_what_was_measured() {
    let run = |more: &[&str]| {
        let line = [&["run", "websocket/partition", "--set", "partition=10s"], more].concat();
        halfopen(&line, Registry::all()).1
    };
    let (whole, cut) = (run(&[]), run(&["--from", "59.5s", "--until", "1m20s", "--hosts", "asking,server"]));
    let measures =
        |text: &str| text[text.find("\nmeasures\n").unwrap()..text.find("\nhalfopen").unwrap()].to_owned();
    assert_eq!(measures(&whole), measures(&cut));
    assert!(whole.contains(" trusting ") && !cut.contains(" trusting "));
    assert!(cut.contains("80.000000  shown until here; the run ends at"), "{cut}");
    assert!(cut.ends_with("--set partition=10s --from '59s 500ms' --until '1m 20s' --hosts asking,server\n"));
    let drawn = run(&["--from", "59.5s", "--until", "1m20s", "--no-arrows", "--format", "svg"]);
    assert!(drawn.contains("<svg") && !drawn.contains("ho-packet"));
    let error = |more: &[&str]| usage_error_of(&[&["run", "websocket/partition"], more].concat());
    assert!(
        error(&["--hosts", "askin"]).starts_with("no host `askin`; did you mean `asking`?; valid: asking")
    );
    assert!(error(&["--layers", "quic"]).starts_with("no layer `quic`; valid: fault, link"));
    assert!(error(&["--from", "soon"]).starts_with("--from=soon: not a duration; valid:"));
}

#[test]
fn a_chart_is_drawn_in_the_form_that_is_asked_for() {
    let drawn = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        halfopen(&words, Registry::all()).1
    };
    let sweep =
        "sweep tcp/outage-tail --vary outage=1s,2s --vary one_way=10ms,20ms --measure stall_s --format svg";
    let [lines, heat, multiples] =
        ["lines", "heat", "multiples"].map(|form| drawn(&format!("{sweep} --form {form}")));
    assert!(lines == drawn(sweep) && heat != lines && multiples != lines && heat != multiples);
    let told = drawn(&format!("{} --form heat", sweep.trim_end_matches(" --format svg")));
    assert!(
        told.trim_end().ends_with("--measure stall_s --form heat"),
        "the printed command draws it, too: {told}"
    );
    let run = "run tcp/backlog --distribution connect_s --format svg";
    assert!(
        drawn(&format!("{run} --look steps")) == drawn(run)
            && drawn(&format!("{run} --look bars")) != drawn(run)
    );
    assert!(usage_error_of(&["run", "tcp/backlog", "--distribution", "wait_s"]).contains("valid: connect_s"));
}

fn usage_error_of(line: &[&str]) -> String {
    match halfopen(line, Registry::all()) {
        (Err(Failure::Usage(text)), out) if out.is_empty() => text,
        other => panic!("{other:?}"),
    }
}
