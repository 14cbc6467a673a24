//! The command as a user calls it: exit status, one line on stderr, nothing lost.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn halfopen(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_halfopen"));
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    command
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The one line on stderr of a usage error.
fn usage_error(arguments: &[&str]) -> String {
    let output = halfopen(arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

#[test]
fn the_picture_in_the_readme_is_that_of_the_run() {
    let drawn = halfopen(&["run", "websocket/stalled-server", "--format", "svg"]).stdout;
    let stored = include_bytes!("../chapters/images/stalled-server.svg");
    assert!(drawn == stored, "draw it again: halfopen run websocket/stalled-server --format svg");
}

#[test]
fn usage_errors_take_one_line_and_name_what_is_valid() {
    for (arguments, parts) in [
        (&["lst"][..], &["unrecognized subcommand 'lst'", "valid: list, run, sweep, claims, live, book"][..]),
        (&["run"], &["not given: <SCENARIO>"]),
        (&["run", "x", "--seed", "-1"], &["`-1` is no value: no number here is below 0"]),
        (
            &[
                "sweep",
                "tcp/handshake",
                "--vary",
                "one_way=1ms,2ms",
                "--seed",
                "18446744073709551615",
                "--seeds",
                "2",
            ],
            &["the largest seed is 18446744073709551615"],
        ),
        (&["run", "no/such"], &["no scenario `no/such`", "valid:"]),
        (&["run", "x", "--sed", "1"], &["unexpected argument '--sed'", "--set, --seed, --faults"]),
        (&["run", "x", "--seed", "many"], &["'many'", "--seed"]),
        (&["run", "x", "--set", "stall"], &["not KEY=VALUE"]),
        (&["run", "x", "--format", "xml"], &["'xml'", "text, json, svg"]),
        (&["run", "x", "--engine", "steam"], &["'steam'", "turmoil"]),
        (&["sweep", "tcp/outage-tail"], &["--vary <KEY=VALUES>"]),
        (&["sweep", "x", "--vary", "stall"], &["not KEY=VALUES, like stall=1s,5s,10s..60s/6"]),
        (&["sweep", "x", "--vary", "stall=1s,2s", "--seeds", "0"], &["'0'", "--seeds"]),
        (&["sweep", "x", "--vary", "stall=1s,2s", "--format", "text"], &["'text'", "table, csv, json, svg"]),
        (
            &["sweep", "tcp/outage-tail", "--vary", "outage=1s,2h"],
            &["outage=2h: out of range; valid: 0s to 15m"],
        ),
        (
            &["sweep", "tcp/outage-tail", "--vary", "outage=1s,2s", "--measure", "stall"],
            &["no measure `stall`; did you mean `stall_s`?; valid: stall_s, retransmissions_count"],
        ),
        (&["list", "--format", "svg"], &["'svg'", "text, json"]),
        (&["live", "smoke-signals"], &["no mechanism `smoke-signals`; valid:"]),
        (&["book"], &["build, serve"]),
        (&["book", "burn"], &["unrecognized subcommand 'burn'", "valid: build, serve"]),
        (&["--port", "99999"], &["99999"]),
    ] {
        let line = usage_error(arguments);
        assert!(line.starts_with("halfopen: "), "{line}");
        for part in parts {
            assert!(line.contains(part), "{arguments:?}: {line}");
        }
    }
}

#[test]
fn help_and_version_are_no_errors() {
    for arguments in [&["--help"][..], &["--version"], &["run", "--help"]] {
        let output = halfopen(arguments);
        assert_eq!(output.status.code(), Some(0));
        assert!(!output.stdout.is_empty() && output.stderr.is_empty());
    }
}

#[test]
fn the_ledger_is_printed_row_by_row_with_a_count() {
    let output = halfopen(&["claims"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().last().unwrap().contains(" of 204 rows shown by "), "{text}");
    assert!(text.contains("\nI-01  ") && text.contains("\nX-40  "));
    let rows = json(&halfopen(&["claims", "--format", "json", "--engine", "turmoil"]));
    for row in rows.as_array().unwrap() {
        let names: Vec<&String> = row.as_object().unwrap().keys().collect();
        assert_eq!(names, ["id", "statement", "verdict", "scenario", "holds"]);
    }
}

#[test]
fn every_listed_scenario_runs_at_its_defaults_and_its_claims_hold() {
    let list = json(&halfopen(&["list", "--format", "json"]));
    for scenario in list.as_array().unwrap() {
        let name = scenario["scenario"].as_str().unwrap();
        let output = halfopen(&["run", name, "--format", "json"]);
        assert_eq!(output.status.code(), Some(0), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let run = json(&output);
        assert_eq!(run["scenario"], name);
        let names: Vec<&String> = run["parameters"].as_object().unwrap().keys().collect();
        let listed: Vec<&str> =
            scenario["parameters"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
        assert_eq!(names, listed);
    }
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let mut child = command(&["claims"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[cfg(feature = "book")]
mod book {
    use super::*;

    #[test]
    fn the_book_is_built_complete_and_fetches_nothing_from_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let dest = folder.path().join("html");
        let output = halfopen(&["book", "build", "--dest", dest.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let mut pages = 0;
        for entry in std::fs::read_dir(&dest).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "html") {
                let page = std::fs::read_to_string(&path).unwrap();
                for foreign in ["src=\"http", "src=\"//", "@import", "url(http", "play.rust-lang.org"] {
                    assert!(!page.contains(foreign), "{}: {foreign}", path.display());
                }
                for link in page.split("<link ").skip(1) {
                    assert!(!link.split('>').next().unwrap().contains("http"), "{}: {link}", path.display());
                }
                assert!(!page.contains("{{#"), "{}: a directive is left", path.display());
                pages += 1;
            }
        }
        assert!(pages >= 5, "{pages} pages");
        let ledger = std::fs::read_to_string(dest.join("ledger.html")).unwrap();
        assert_eq!(ledger.matches("<a id=\"").count(), 204);
    }

    #[test]
    fn the_book_is_not_built_over_anything_else() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("mine.txt"), "mine").unwrap();
        let line = usage_error(&["book", "build", "--dest", folder.path().to_str().unwrap()]);
        assert!(line.contains("not empty and not a built book"), "{line}");
        assert!(folder.path().join("mine.txt").exists());
    }

    #[test]
    fn elsewhere_than_in_the_repository_the_error_says_where_to_stand() {
        let elsewhere = tempfile::tempdir().unwrap();
        for arguments in [&[][..], &["book", "build"], &["book", "serve", "--port", "0"]] {
            let output = command(arguments).current_dir(elsewhere.path()).output().unwrap();
            assert_eq!(output.status.code(), Some(2));
            let text = String::from_utf8(output.stderr).unwrap();
            assert!(text.contains("root of the book's repository") && text.lines().count() == 1, "{text}");
        }
    }

    #[test]
    fn mdbook_is_answered_in_its_own_protocol() {
        assert_eq!(halfopen(&["book", "preprocess", "supports", "html"]).status.code(), Some(0));
        assert_ne!(halfopen(&["book", "preprocess", "supports", "nothing"]).status.code(), Some(0));
        let context = r#"{"root": "/nowhere", "config": {"book": {"src": "chapters"}}, "renderer": "html", "mdbook_version": "0.5.4"}"#;
        let chapter = |content: &str| {
            format!(
                r#"{{"items": [{{"Chapter": {{"name": "One", "content": "{content}", "number": null, "sub_items": [],
                   "path": "one.md", "source_path": "one.md", "parent_names": []}}}}]}}"#
            )
        };
        let preprocess = |content: &str| {
            let mut child = command(&["book", "preprocess"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let input = format!("[{context}, {}]", chapter(content));
            child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
            child.wait_with_output().unwrap()
        };
        let answer = json(&preprocess("\\\\{{#list}} stays"));
        assert_eq!(answer["items"][0]["Chapter"]["content"], "{{#list}} stays");
        let output = preprocess("One\\n\\n{{#lst}}");
        assert_eq!(output.status.code(), Some(2));
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(
            text.starts_with("halfopen: chapters/one.md:3: no directive `lst`; did you mean `list`?"),
            "{text}"
        );
    }

    #[cfg(unix)]
    #[test]
    fn without_a_command_the_book_is_served_until_ctrl_c() {
        let mut child = command(&["--port", "0"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address =
            line.split("http://").nth(1).and_then(|rest| rest.split(' ').next()).unwrap().to_owned();
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).unwrap();
        assert!(page.starts_with("HTTP/1.1 200") && page.contains("Half-Open"), "{page}");
        let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert!(interrupted.success());
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }

    #[cfg(unix)]
    #[test]
    fn whenever_it_is_told_to_end_nothing_is_left_behind() {
        let here = tempfile::tempdir().unwrap();
        let left =
            || std::fs::read_dir(here.path()).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
        // Before the book is built, while it is, and after; each of the ways to be told.
        for (signal, after_ms) in [("-INT", 150), ("-TERM", 400), ("-HUP", 900), ("-TERM", 5_000)] {
            let mut child = command(&["book", "serve", "--port", "0"])
                .env("TMPDIR", here.path())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            std::thread::sleep(std::time::Duration::from_millis(after_ms));
            let told = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
            assert!(told.success(), "it has ended by itself");
            child.wait().unwrap();
            assert_eq!(left(), Vec::<std::path::PathBuf>::new(), "{signal} after {after_ms} ms");
        }
    }

    #[test]
    fn a_port_that_was_asked_for_and_is_taken_is_an_error() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port().to_string();
        for arguments in [&["--port", &port][..], &["book", "serve", "--port", &port]] {
            let line = usage_error(arguments);
            assert!(line.contains(&format!("port {port} of 127.0.0.1 cannot be used")), "{line}");
        }
    }
}

#[test]
fn a_run_beyond_a_limit_ends_with_one_line_that_names_it() {
    for (limit, told) in [
        ("events=10", "its limit of events=10;"),
        ("packets=5", "its limit of packets=5;"),
        ("bytes=1KiB", "its limit of bytes=1KiB;"),
        ("buffers=1KiB", "its limit of buffers=1KiB;"),
    ] {
        for format in ["text", "json"] {
            let error = usage_error(&["run", "tcp/outage-tail", "--limit", limit, "--format", format]);
            assert!(error.contains(told), "{error}");
        }
        let error = usage_error(&["sweep", "tcp/outage-tail", "--vary", "outage=5s,10s", "--limit", limit]);
        assert!(error.contains(told), "{error}");
    }
}

/// Twenty-four hours of a hundred updates a second, which are all told at once when the stall is over.
#[test]
fn a_run_that_would_fill_the_memory_ends_by_itself() {
    let error =
        usage_error(&["run", "websocket/stalled-server", "--set", "stall=24h", "--set", "update_every=10ms"]);
    assert!(error.contains("limit of events=2000000"), "{error}");
}

#[test]
fn a_run_that_takes_too_long_for_whoever_waits_ends_by_itself() {
    let day =
        ["run", "websocket/heartbeat-day", "--set", "heartbeat.interval=1ms", "--limit", "events=1000000000"];
    let error =
        usage_error(&[&day[..], &["--limit", "packets=1000000000", "--limit", "real_time=50ms"]].concat());
    assert!(error.contains("its limit of real_time=50ms"), "{error}");
}

#[test]
fn times_below_a_microsecond_are_rounded_and_end() {
    let story = |one_way: &str| {
        let output = halfopen(&["run", "tcp/outage-tail", "--set", &format!("one_way={one_way}")]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(story("25.0003ms"), story("25ms"));
    assert_ne!(story("25.0007ms"), story("25ms"));
}

#[test]
fn faults_are_added_to_the_scenarios_own_where_the_script_begins_with_a_plus() {
    let faults = |script: &str| {
        let output = halfopen(&["run", "websocket/partition", "--faults", script]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(&format!("--faults '{script}'")), "the command keeps it: {text}");
        text.lines().filter(|line| line.starts_with('!')).count()
    };
    assert_eq!(faults("at 30s stall server for 20s"), 2);
    assert_eq!(faults("+ at 30s stall server for 20s"), 6);
}
