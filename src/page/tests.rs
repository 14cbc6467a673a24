//! Requests as a page makes them.

use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use super::*;
use crate::explore::fake;
use crate::parameter::Spec;
use crate::scenario::{RunError, Scenario};

fn asked(registry: Registry, request: &Value) -> Value {
    serde_json::from_str(&ask(registry, &request.to_string())).expect("an answer is JSON")
}

fn of_all(request: &Value) -> Value {
    asked(Registry::all(), request)
}

fn sweep() -> Value {
    json!({
        "scenario": "tcp/outage-tail", "seed": 3, "id": "s", "up": "../", "ledger": "ledger.html",
        "sweep": {"vary": [["outage", "0s..40s/5"], ["kernel.timers", "linux,rfc6298"]], "measures": ["stall_s"], "seeds": 2},
        "parts": ["chart", "claims", "command"],
    })
}

fn with(mut request: Value, name: &str, value: Value) -> Value {
    request[name] = value;
    request
}

#[test]
fn a_sweep_in_slices_is_drawn_as_the_whole_one_to_the_byte() {
    let whole = ask(Registry::all(), &sweep().to_string());
    assert!(whole.contains("<svg"), "{whole}");
    let total = of_all(&with(sweep(), "slice", json!([0, 0])));
    assert_eq!(total, json!({"kept": [], "runs": 20}));
    let mut kept: Vec<Value> = Vec::new();
    for first in [0, 3, 6, 9, 12, 15, 18, 21] {
        let slice = of_all(&with(sweep(), "slice", json!([first, 3])));
        kept.extend(slice["kept"].as_array().unwrap().clone());
    }
    let drawn = ask(Registry::all(), &with(sweep(), "kept", json!(kept)).to_string());
    assert!(drawn == whole, "{drawn}");
}

/// Counts how often it is run.
struct Counting(AtomicUsize);

impl Scenario for Counting {
    fn name(&self) -> &'static str {
        "fake/counting"
    }
    fn question(&self) -> &'static str {
        "How often?"
    }
    fn parameters(&self) -> Vec<Spec> {
        fake::Stall.parameters()
    }
    fn run(&self, settings: &Settings) -> Result<Outcome, RunError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        fake::Stall.run(settings)
    }
}

#[test]
fn drawing_from_what_was_kept_runs_nothing() {
    static COUNTING: Counting = Counting(AtomicUsize::new(0));
    static SCENARIOS: &[&dyn Scenario] = &[&COUNTING];
    let registry = Registry::of(SCENARIOS);
    let request =
        json!({"scenario": "fake/counting", "sweep": {"vary": [["stall", "1s,2s"]]}, "parts": ["chart"]});
    let made = asked(registry, &with(request.clone(), "slice", json!([0, 9])));
    assert_eq!(COUNTING.0.load(Ordering::SeqCst), 2);
    let drawn = asked(registry, &with(request.clone(), "kept", made["kept"].clone()));
    assert!(drawn["parts"]["chart"].as_str().unwrap().contains("<svg"), "{drawn}");
    let counted = asked(registry, &with(request.clone(), "slice", json!([0, 0])));
    assert_eq!((&counted["runs"], COUNTING.0.load(Ordering::SeqCst)), (&json!(2), 2));
    let short = asked(registry, &with(request, "kept", json!([made["kept"][0]])));
    assert!(short["error"].as_str().unwrap().starts_with("1 kept results for a sweep of 2 runs"), "{short}");
}

#[test]
fn a_request_that_says_two_things_or_none_is_answered_in_one_line() {
    let error = |request: Value| {
        let answer = asked(fake::REGISTRY, &request);
        assert_eq!(answer.as_object().unwrap().len(), 1, "{answer}");
        let error = answer["error"].as_str().unwrap().to_owned();
        assert!(!error.contains('\n'));
        error
    };
    assert!(error(json!(["list"])).starts_with("the request cannot be read: "));
    assert!(
        error(json!({"scenario": "fake/stall", "slice": [0, 1]}))
            .starts_with("`slice` and `kept` are of a sweep")
    );
    assert!(error(json!({"scenario": "fake/stall", "colour": "red"})).contains("unknown field `colour`"));
    assert!(error(json!({"scenario": "fake/stal"})).contains("did you mean `fake/stall`?"));
    assert!(error(json!({"scenario": "fake/stall", "take": "pdf"})).contains("unknown variant `pdf`"));
    let sweep = json!({"scenario": "fake/stall", "sweep": {"vary": [["stall", "1s,2s"]]}, "take": "pcap"});
    assert_eq!(error(sweep), "a sweep is taken along as json or svg");
    // The command line writes files; only the module answers it, which has none.
    assert!(error(json!({"args": ["list"]})).contains("answered by the page's module, or in a terminal"));
}

#[test]
fn the_list_names_every_scenario_with_its_question_parameters_and_faults() {
    let list = asked(fake::REGISTRY, &json!({"list": true}));
    let stall = &list["scenarios"][0];
    assert_eq!(
        (&stall["scenario"], &stall["question"]),
        (&json!("fake/stall"), &json!("Does anybody notice a stall?"))
    );
    assert_eq!(stall["parameters"][0]["scale"], "log");
    assert_eq!(stall["faults"].as_array().unwrap().len(), 20);
    assert_eq!(list["scenarios"][1]["parameters"], json!([]));
}

#[test]
fn what_is_taken_along_is_what_the_commands_print() {
    let request = json!({
        "scenario": "tcp/handshake", "set": {"one_way": "30ms"}, "seed": 2, "view": {"until": "1s", "layers": ["tcp"]},
    });
    let words = "run tcp/handshake --set one_way=30ms --seed 2";
    let printed = |rest: &str| {
        let words: Vec<String> = format!("{words} {rest}").split(' ').map(str::to_owned).collect();
        String::from_utf8(crate::cli::printed(Registry::all(), &words).stdout).unwrap()
    };
    let taken = |form: &str| of_all(&with(request.clone(), "take", json!(form)));
    assert_eq!(
        taken("svg"),
        json!({"name": "tcp-handshake.svg", "text": printed("--until 1s --layers tcp --format svg")})
    );
    assert_eq!(
        taken("json"),
        json!({"name": "tcp-handshake.json", "text": printed("--packets --format json")})
    );

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.pcap");
    printed(&format!("--pcap {}", file.display()));
    use base64::Engine as _;
    let pcap = base64::engine::general_purpose::STANDARD.encode(std::fs::read(&file).unwrap());
    assert_eq!(taken("pcap"), json!({"name": "tcp-handshake.pcap", "base64": pcap}));

    let rust = taken("rust");
    assert_eq!(rust["name"], "tcp_handshake.rs");
    assert!(rust["text"].as_str().unwrap().contains("(\"one_way\", \"30ms\")"), "{rust}");
}

#[test]
fn a_script_is_completed_in_the_names_of_its_scenarios_world() {
    let complete = |scenario: &str, script: &str, cursor: usize| {
        of_all(&json!({"scenario": scenario, "complete": {"script": script, "cursor": cursor}}))
    };
    assert_eq!(complete("tcp/handshake", "at 5s par", 9)["words"], json!(["partition"]));
    assert_eq!(complete("tcp/handshake", "at 5s par", 9)["from"], 6);
    let machines = complete("websocket/partition", "at 5s stall ", 12);
    assert!(machines["words"].as_array().unwrap().contains(&json!("server")), "{machines}");
    let interfaces = complete("websocket/wifi-switch", "at 5s switch phone ", 19);
    assert!(interfaces["words"].as_array().unwrap().len() >= 2, "{interfaces}");
    // A page counts places in units of UTF-16: two for this letter.
    let wrong = complete("tcp/handshake", "at \u{1f4f1} stall x", 5);
    assert_eq!((&wrong["from"], &wrong["error"]["at"]), (&json!(3), &json!(3)));
    let unknown = complete("websocket/partition", "at 1s stall sever", 0);
    assert_eq!(unknown["error"]["at"], 12);
    assert!(
        unknown["error"]["message"].as_str().unwrap().starts_with("no machine `sever`; valid: "),
        "{unknown}"
    );
    // A parameter that is being changed says nothing about the script.
    let soon = json!({"scenario": "tcp/handshake", "set": {"one_way": "so"}, "complete": {"script": "at 1s stall ", "cursor": 12}});
    assert!(!of_all(&soon)["words"].as_array().unwrap().is_empty());
}

#[test]
fn bounds_end_a_run_with_one_line_and_are_not_told_of_a_run_that_kept_to_them() {
    let request = json!({"scenario": "tcp/handshake", "parts": ["command"]}).to_string();
    let tight = Bounds { limits: Limits { packets: 2, ..Limits::default() }, ..Bounds::default() };
    let ended: Value = serde_json::from_str(&ask_within(Registry::all(), &request, &tight)).unwrap();
    assert!(
        ended["error"].as_str().is_some_and(|line| line.contains("packets") && !line.contains('\n')),
        "{ended}"
    );
    let wide = Bounds { limits: Limits { packets: 2_000, ..Limits::default() }, ..Bounds::default() };
    assert_eq!(ask_within(Registry::all(), &request, &wide), ask(Registry::all(), &request));
    let unwanted = Bounds { go_on: &|| false, ..Bounds::default() };
    let stopped: Value =
        serde_json::from_str(&ask_within(Registry::all(), &sweep().to_string(), &unwanted)).unwrap();
    assert_eq!(stopped["error"], "stopped after 1 of 20 runs");
}

proptest! {
    #[test]
    fn no_request_makes_it_panic_and_the_same_request_gets_the_same_bytes(
        name in "[a-z]{1,9}", text in ".{0,40}", number in any::<u64>(), which in 0usize..12,
    ) {
        let request = [
            json!({name.clone(): text}),
            json!({"scenario": text, "seed": number}),
            json!({"scenario": "fake/stall", "set": {name.clone(): text}}),
            json!({"scenario": "fake/stall", "set": {"stall": text}}),
            json!({"scenario": "fake/stall", "goal": text}),
            json!({"scenario": "fake/stall", "view": {"from": text}}),
            json!({"scenario": "fake/stall", "numbers": [{"name": name, "precision": number % 300}]}),
            json!({"scenario": "fake/stall", "sweep": {"vary": [["stall", text]]}, "slice": [number, number]}),
            json!({"scenario": "fake/stall", "sweep": {"vary": [["stall", "1s,2s"]]}, "kept": [text]}),
            json!({"scenario": "fake/stall", "take": text}),
            json!({"scenario": "tcp/handshake", "complete": {"script": text, "cursor": number % 50}}),
            json!({"scenario": "fake/stall", "faults": text, "parts": ["story", "claims", "measures", "command"]}),
        ][which].to_string();
        prop_assert_eq!(ask(fake::REGISTRY, &request), ask(fake::REGISTRY, &request));
    }
}
