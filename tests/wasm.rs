//! The same program as WebAssembly tells the same stories: as the book's pages load it, under Node and in a browser.
//!
//! Wants `HALFOPEN_WASM`, the path of the module that `.ci/wasm` makes of the code under test.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use halfopen::explore::Registry;
use halfopen::page::{self, Bounds};
use halfopen::scenario::REGISTRY;
use halfopen::sim::Limits;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

/// The module, if there is one.
fn module() -> Option<PathBuf> {
    let path = std::env::var_os("HALFOPEN_WASM").map(PathBuf::from);
    if path.is_none() {
        common::missing("HALFOPEN_WASM is not set to the module of `.ci/wasm`");
    }
    // From the root of the repository, where cargo runs tests.
    path.map(|path| std::path::absolute(path).unwrap())
}

fn native(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_halfopen")).args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// What a script of `tests/wasi` prints.
fn node(script: &str, arguments: &[&std::ffi::OsStr]) -> Value {
    let script = format!("{}/tests/wasi/{script}", env!("CARGO_MANIFEST_DIR"));
    let output = Command::new("node")
        .args(["--no-warnings", &script])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The answers of the module, and its memory after each.
fn ask_module(module: &Path, requests: &[String], fresh: bool) -> (Vec<String>, Vec<u64>) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("requests.json"), json!(requests).to_string()).unwrap();
    let mut arguments = vec![module.as_os_str(), folder.path().as_os_str()];
    if fresh {
        arguments.push("fresh".as_ref());
    }
    let sizes = node("ask.mjs", &arguments);
    let answers: Vec<String> =
        serde_json::from_slice(&fs::read(folder.path().join("answers.json")).unwrap()).unwrap();
    assert_eq!(answers.len(), requests.len());
    (answers, sizes.as_array().unwrap().iter().map(|size| size.as_u64().unwrap()).collect())
}

#[test]
fn webassembly_prints_what_the_native_program_prints_byte_for_byte() {
    let Some(module) = module().filter(|_| common::have("node")) else {
        return;
    };
    let mut commands: Vec<Vec<&str>> =
        REGISTRY.iter().map(|scenario| vec!["run", scenario.name(), "--format", "json"]).collect();
    for line in [
        "list --format json",
        "claims --format json",
        "run websocket/partition --set partition=10s --seed 7 --format json --packets",
        "run tcp/outage-tail --set outage=60s --set one_way=50ms --seed 3 --format json --packets",
        "run websocket/wifi-switch --seed 11 --format svg",
        "sweep tcp/outage-tail --vary outage=1s..60s/20 --vary kernel.timers=linux,rfc6298 --measure stall_s --format svg",
        "sweep tcp/lossy-pushes --vary loss=0%,5% --set pushes=50 --seeds 3 --format json",
        "run tcp/no-such-scenario",
        "run websocket/partition --set partition=soon",
        "run",
    ] {
        commands.push(line.split(' ').collect());
    }
    let requests: Vec<String> = commands.iter().map(|words| json!({"args": words}).to_string()).collect();
    let (answers, _) = ask_module(&module, &requests, false);
    for (command, answer) in commands.iter().zip(answers) {
        let command_line = command.join(" ");
        let expected = native(command);
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let printed =
            |kind: &str| answer[kind].as_str().unwrap_or_else(|| panic!("{command_line}: {answer}"));
        assert!(printed("stdout").as_bytes() == expected.stdout, "`{command_line}` prints something else");
        assert_eq!(printed("stderr"), String::from_utf8_lossy(&expected.stderr), "{command_line}");
        assert_eq!(answer["status"], json!(expected.status.code()), "{command_line}");
    }
}

/// What a figure asks for.
fn figure(scenario: &str, seed: u64) -> String {
    json!({
        "scenario": scenario, "seed": seed, "id": "f", "up": "../", "ledger": "ledger.html",
        "parts": ["figure", "narrow", "story", "packets", "measures", "claims", "command"],
    })
    .to_string()
}

#[test]
fn one_instance_answers_request_after_request_like_fresh_ones_and_its_memory_stays() {
    let Some(module) = module().filter(|_| common::have("node")) else {
        return;
    };
    let mut round: Vec<String> =
        ["tcp/handshake", "websocket/partition", "tcp/backlog", "websocket/wifi-switch"]
            .into_iter()
            .flat_map(|scenario| (0..3).map(move |seed| figure(scenario, seed)))
            .collect();
    for other in [
        json!({"list": true}),
        json!({"scenario": "tcp/handshake", "complete": {"script": "at 5s stall ", "cursor": 12}}),
        json!({"scenario": "tcp/no-such"}),
        json!({"scenario": "tcp/handshake", "set": {"one_way": "soon"}}),
        json!({"scenario": "tcp/outage-tail", "sweep": {"vary": [["outage", "1s..9s/9"]]}, "parts": ["chart"]}),
        json!({"scenario": "tcp/handshake", "take": "pcap"}),
        json!({"args": ["run", "tcp/handshake"]}),
        json!("nonsense"),
    ] {
        round.push(other.to_string());
    }
    let (fresh, _) = ask_module(&module, &round, true);
    let rounds = 10;
    let all: Vec<String> = (0..rounds).flat_map(|_| round.clone()).collect();
    let (answers, sizes) = ask_module(&module, &all, false);
    assert!(answers.len() >= 100);
    for (n, answer) in answers.iter().enumerate() {
        assert!(*answer == fresh[n % round.len()], "round {}: {}", n / round.len(), round[n % round.len()]);
    }
    let after = |rounds: usize| sizes[rounds * round.len() - 1];
    assert!(
        after(rounds) <= after(2) + (1 << 20),
        "{} bytes after two rounds, {} after ten",
        after(2),
        after(rounds)
    );
}

#[test]
fn an_instance_that_breaks_says_why_in_one_line_and_the_next_request_is_answered() {
    let Some(module) = module().filter(|_| common::have("node")) else {
        return;
    };
    // More buffers than a module has memory for.
    let broken = json!({
        "scenario": "tcp/backlog", "set": {"clients": "2000", "kernel.rmem": "32MiB", "kernel.wmem": "32MiB"},
    });
    let requests = [figure("tcp/handshake", 0), broken.to_string(), figure("tcp/handshake", 0)];
    let (answers, _) = ask_module(&module, &requests, false);
    let told: Value = serde_json::from_str(&answers[1]).unwrap();
    assert!(told.get("error").is_none_or(|line| !line.as_str().unwrap().contains('\n')), "{told}");
    assert!(answers[0] == answers[2] && answers[0].contains("<svg"));
}

/// The words of a command as it is printed, quoted as for a shell.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut rest) = (Vec::new(), command.trim());
    while !rest.is_empty() {
        let mut word = String::new();
        while let Some(letter) = rest.chars().next().filter(|letter| *letter != ' ') {
            rest = &rest[letter.len_utf8()..];
            match letter {
                '\'' => {
                    let (quoted, after) = rest.split_once('\'').expect("a closed quote");
                    word += quoted;
                    rest = after;
                }
                _ => word.push(letter),
            }
        }
        words.push(word);
        rest = rest.trim_start();
    }
    words
}

/// Some scenario, some of its parameters changed, some seed, some view.
fn some_request() -> impl Strategy<Value = Value> {
    let changes = proptest::collection::vec((any::<prop::sample::Index>(), 0.0..=1.0f64), 0..3);
    let view = (0u64..5, 1u64..30, 0usize..4, any::<bool>(), any::<bool>());
    (any::<prop::sample::Index>(), changes, 0u64..4, view).prop_map(|(scenario, changes, seed, view)| {
        let scenario = REGISTRY[scenario.index(REGISTRY.len())];
        let specs = scenario.parameters();
        let mut set = serde_json::Map::new();
        for (which, share) in changes {
            let spec = &specs[which.index(specs.len())];
            if let Some(value) = spec.at(share) {
                set.insert(spec.name.clone(), json!(value.text));
            }
        }
        let (from, lasts, layers, packets, fold) = view;
        let layers =
            [json!([]), json!(["tcp"]), json!(["tcp", "app"]), json!(["fault", "ws", "app"])][layers].clone();
        json!({
            "scenario": scenario.name(), "set": set, "seed": seed, "id": "p",
            "view": {
                "from": format!("{from}s"), "until": format!("{}s", from + lasts), "layers": layers,
                "packets": packets, "fold": fold,
            },
            "parts": ["figure", "narrow", "measures", "claims", "command"],
        })
    })
}

#[test]
fn for_any_run_and_view_module_command_line_and_library_give_the_same_bytes() {
    let Some(module) = module().filter(|_| common::have("node")) else {
        return;
    };
    let mut runner = TestRunner::deterministic();
    let strategy = some_request();
    let small = Limits { events: 20_000, packets: 20_000, ..Limits::default() };
    let bounds = Bounds { limits: small, ..Bounds::default() };
    let all = Registry::all();
    let mut requests: Vec<String> = Vec::new();
    let mut expected: Vec<String> = Vec::new();
    while requests.len() < 80 {
        let request = strategy.new_tree(&mut runner).unwrap().current();
        let answer = page::ask_within(all, &request.to_string(), &bounds);
        // A day of the smallest intervals is for another test.
        if answer.contains("limit of") {
            continue;
        }
        for form in [Value::Null, json!("svg"), json!("json")] {
            let mut request = request.clone();
            if !form.is_null() {
                request["take"] = form;
            }
            expected.push(page::ask(all, &request.to_string()));
            requests.push(request.to_string());
        }
    }
    let (answers, _) = ask_module(&module, &requests, false);
    let mut drawn = 0;
    for (n, (request, answer)) in requests.iter().zip(&answers).enumerate() {
        assert!(*answer == expected[n], "module and library part for {request}");
        let answer: Value = serde_json::from_str(answer).unwrap();
        let Some(command) = answer["command"].as_str() else {
            continue;
        };
        // The command of the picture, and what was taken along of it.
        let [svg, json]: [Value; 2] = [1, 2].map(|more| serde_json::from_str(&answers[n + more]).unwrap());
        let printed = |command: &str| {
            let words = words(command);
            let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
            String::from_utf8(native(&words).stdout).unwrap()
        };
        assert!(json!(printed(command)) == svg["text"], "{command} draws something else");
        let run = command.split(" --from").next().unwrap();
        assert!(json!(printed(&format!("{run} --packets --format json"))) == json["text"], "{run}");
        drawn += 1;
    }
    assert!(drawn >= 20, "{drawn}");
}

#[cfg(feature = "book")]
mod served {
    use super::common::lab::Lab;
    use super::*;

    /// A book of one chapter.
    fn book() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("book.toml"), "[book]\nsrc = \"chapters\"\n").unwrap();
        fs::create_dir_all(root.path().join("chapters")).unwrap();
        fs::write(root.path().join("chapters/SUMMARY.md"), "# Summary\n\n- [One](one.md)\n").unwrap();
        fs::write(root.path().join("chapters/one.md"), "# One\n").unwrap();
        root
    }

    fn browse(pages: &[(String, String)]) -> Vec<Value> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("pages.json"), json!(pages).to_string()).unwrap();
        let answers = node("browser.mjs", &[folder.path().as_os_str()]);
        answers.as_array().unwrap().clone()
    }

    #[test]
    fn why_a_build_failed_is_shown_in_the_open_page_as_text_and_gone_after_the_next_good_one() {
        if !(common::have("node") & common::have("chromium")) {
            return;
        }
        let root = book();
        let served = Lab::open(root.path());
        let chapter = root.path().join("chapters/one.md");
        let page = format!("{}one.html", served.address);
        let banner = |until: &str| {
            format!(
                "(async () => {{
                    const banner = () => document.getElementById('halfopen-problem');
                    for (let i = 0; i < 400 && !({until}); i++) await new Promise(wait => setTimeout(wait, 25));
                    return [banner()?.textContent ?? null, document.querySelector('main').textContent, banner()?.children.length];
                }})()"
            )
        };
        fs::write(&chapter, "# One\n\n{{#story <b>no</b>}}\n").unwrap();
        let shown = browse(&[(page.clone(), banner("banner()"))]);
        let told = shown[0][0].as_str().unwrap_or_default();
        assert!(told.contains("chapters/one.md:3: no scenario `<b>no</b>`"), "{shown:?}");
        assert_eq!(shown[0][2], 0, "text, not HTML");
        fs::write(&chapter, "# One\n\nmended\n").unwrap();
        // A page that was opened before the build reloads itself: only then is it asked.
        let shown = loop {
            let shown = browse(&[(page.clone(), banner("i > 8"))]);
            if shown[0][1].as_str().is_some_and(|text| text.contains("mended")) {
                break shown;
            }
        };
        assert_eq!(shown[0][0], Value::Null);
    }
}
