//! The TCP of the simulation does what short scripts say that Linux does: one named test a script of `tests/packetdrill`.
//!
//! One script alone: `cargo test --test packetdrill NAME`; with files of your own:
//! `cargo run --release --example packetdrill -- FILE.pkt ...`. The interpreter stands beside that example; it is shared
//! because a script must mean the same in both.

#[path = "../examples/packetdrill/drill/mod.rs"]
#[allow(dead_code, reason = "its own tests run with the example: this program has no test harness for them")]
mod drill;
#[path = "../examples/packetdrill/endpoint.rs"]
mod endpoint;

use std::fs;
use std::path::{Path, PathBuf};

use drill::settings::Settings;
use drill::{Fault, Outcome};
use libtest_mimic::{Arguments, Failed, Trial};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

/// Where Linux does something else, by script: what, and why. A script that passes must leave this list.
const DIFFERENCES: &[(&str, &str)] = &[];

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/packetdrill");

fn run(text: &str) -> Outcome {
    let settings = Settings { echoes_compared: true, ..Settings::default() };
    drill::run(text, settings, endpoint::endpoint)
}

fn scripts() -> Vec<PathBuf> {
    let files = fs::read_dir(SCRIPTS).expect("the folder is part of the repository");
    let mut scripts: Vec<PathBuf> = files.map(|f| f.expect("it can be listed").path()).collect();
    scripts.retain(|path| path.extension().is_some_and(|e| e == "pkt"));
    scripts.sort();
    scripts
}

fn name(script: &Path) -> String {
    script.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned())
}

fn holds(script: &Path) -> Result<(), Failed> {
    let known = DIFFERENCES.iter().find(|(n, _)| *n == name(script));
    match (run(&fs::read_to_string(script)?), known) {
        (Outcome::Pass, None) | (Outcome::Fail(_) | Outcome::Skip(_), Some(_)) => Ok(()),
        (Outcome::Pass, Some((_, why))) => {
            Err(format!("it holds now; take it off the list of differences ({why})").into())
        }
        (Outcome::Fail(fault), None) => Err(format!("line {}: {}", fault.line, fault.why).into()),
        // A script of ours that cannot be run shows nothing.
        (Outcome::Skip(why), None) => Err(format!("it was skipped: {why}").into()),
    }
}

/// A difference that no script shows would stay on the list for ever.
fn every_difference_has_its_script() -> Result<(), Failed> {
    let names: Vec<String> = scripts().iter().map(|s| name(s)).collect();
    match DIFFERENCES.iter().find(|(n, _)| !names.iter().any(|name| name == n)) {
        Some((n, _)) => Err(format!("there is no script {n}").into()),
        None => Ok(()),
    }
}

/// A script without a claim says nothing to who reads it.
fn every_script_begins_with_its_claim() -> Result<(), Failed> {
    for script in scripts() {
        if !fs::read_to_string(&script)?.starts_with("// ") {
            return Err(format!("{} begins without `// `", name(&script)).into());
        }
    }
    Ok(())
}

const HANDSHAKE: &str = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 65535 <mss 1000>
";

fn a_wrong_expectation_fails_with_its_line() -> Result<(), Failed> {
    let cases = [
        ("+0 > S. 0:0(0) ack 2 <...>", "acknowledgement number: expected `S. 0:0(0) ack 2 <...>`"),
        ("+0 > S. 0:0(0) ack 1 <mss 1461>", "options: expected"),
        ("+0 > S. 0:0(0) ack 1 win 1 <...>", "window: expected"),
        ("+0 > . 1:1(0) ack 1", "flags: expected"),
        ("+1 > S. 0:0(0) ack 1 <...>", "time: expected"),
        ("+0 read(7, ..., 10) = 10", "read() returned -1 EBADF; expected 10"),
        ("+0 accept(3, ..., ...) = 4", "accept() blocks; expected 4"),
        ("+0...0.1 accept(3, ..., ...) = 4", "this call still blocks at the end"),
    ];
    for (line, why) in cases {
        let Outcome::Fail(Fault { line: 5, why: told }) = run(&format!("{HANDSHAKE}{line}")) else {
            return Err(format!("`{line}` does not fail in line 5").into());
        };
        if !told.contains(why) {
            return Err(format!("`{line}`: expected {why}, but it told {told}").into());
        }
    }
    Ok(())
}

fn a_right_expectation_passes() -> Result<(), Failed> {
    let rest = "+0 > S. 0:0(0) ack 1 <...>\n+.1 < . 1:1(0) ack 1 win 100\n* accept";
    let rest = rest
        .replace("* accept", "+0 accept(3, ..., ...) = 4\n+0 read(4, ..., 9) = 2 /* later */")
        .replace("+0 read", "+0...0.2 read")
        + "\n+.2 < P. 1:3(2) ack 1 win 100\n* > . 1:1(0) ack 3";
    match run(&format!("{HANDSHAKE}{rest}")) {
        Outcome::Pass => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

fn what_is_not_there_is_skipped_by_name() -> Result<(), Failed> {
    let cases = [
        ("+0 < icmp unreachable [0:0(0)]", "ICMP"),
        ("+0 > [ect0] . 1:1(0) ack 1", "ECN"),
        ("+0 < SEW 0:0(0) win 100 <mss 1000>", "ECN"),
        ("+0 > S 0:0(0) <mss 1460,FO,nop,nop>", "TCP Fast Open"),
        ("+0 < udp (100)", "UDP"),
        ("+0 splice(3, NULL, 4, NULL, 5, 0) = 5", "system call splice()"),
        ("+0 setsockopt(3, SOL_TCP, TCP_REPAIR, [1], 4) = 0", "socket option TCP_REPAIR"),
        ("+0 %{ import os }%", "Python: import os"),
        ("+0 `nstat | grep x`", "shell command: nstat"),
        ("`sysctl -q net.ipv4.tcp_mtu_probing=2`", "sysctl tcp_mtu_probing=2"),
    ];
    for (line, feature) in cases {
        match run(&format!("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n{line}\n")) {
            Outcome::Skip(why) if why == feature => {}
            other => return Err(format!("`{line}`: expected a skip for {feature}, got {other:?}").into()),
        }
    }
    Ok(())
}

fn what_is_not_of_the_notation_fails_with_its_line() -> Result<(), Failed> {
    let cases = [
        ("hello", "expected a time"),
        ("+0 > Q 1:1(0)", "expected flags"),
        ("+0 > . 1:1(5)", "1:1 is not 5 bytes"),
        ("+0 < . 1:1(0) <...>", "is for outgoing packets only"),
        ("* < . 1:1(0)", "expected an outgoing packet"),
        ("+0 close(3) 0", "expected `=`"),
        ("2~1 > . 1:1(0)", "ends before it begins"),
    ];
    for (line, why) in cases {
        match run(&format!("\n{line}")) {
            Outcome::Fail(Fault { line: 2, why: told }) if told.contains(why) => {}
            other => return Err(format!("`{line}`: expected {why}, got {other:?}").into()),
        }
    }
    Ok(())
}

/// The generator's seed is fixed: a failure comes again.
fn runner() -> TestRunner {
    let seed = RngSeed::Fixed(0x9293);
    TestRunner::new(Config { cases: 3000, rng_seed: seed, failure_persistence: None, ..Config::default() })
}

/// Whatever a text says, it ends in one of the three outcomes.
fn any_text_is_read_or_refused() -> Result<(), Failed> {
    let words = prop::sample::select(vec![
        "0",
        "+",
        ".5",
        "*",
        "~",
        "...",
        "<",
        ">",
        "S.",
        ".",
        "1:1(0)",
        "1:1001(1000)",
        "ack",
        "win",
        "1",
        "sack",
        "4294967295",
        "-1",
        "TS val 1 ecr 1",
        "<mss 1000>",
        "mss",
        "wscale",
        "socket",
        "(",
        ")",
        "=",
        "[",
        "]",
        "{",
        "}",
        ",",
        "|",
        "\"",
        "`",
        "%{",
        "}%",
        "//",
        "/*",
        "\n",
        "close(3) = 0",
        "accept",
        "listen(3, 1) = 0",
        "assert",
        "é",
        "--tolerance_usecs=",
        "99999999999999999999",
        "0x",
        "0x7fffffffffffffff",
    ]);
    let word = prop_oneof![words.prop_map(str::to_string), any::<String>()];
    let text = prop::collection::vec(word, 0..40).prop_map(|words| words.join(" "));
    runner().run(&text, |text| {
        run(&text);
        Ok(())
    })?;
    Ok(())
}

/// A script whose lines were lost, doubled, moved or renumbered ends, too, whatever it asks the TCP to do.
fn a_garbled_script_ends() -> Result<(), Failed> {
    let texts: Vec<String> = scripts().iter().map(fs::read_to_string).collect::<Result<_, _>>()?;
    let edits =
        prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..4u8), 1..6);
    runner().run(&(prop::sample::select(texts), edits), |(text, edits)| {
        let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
        for (a, b, kind) in edits {
            let (a, b) = (a.index(lines.len()), b.index(lines.len()));
            match kind {
                0 => lines[a] = String::new(),
                1 => lines[a] = lines[b].clone(),
                2 => lines.swap(a, b),
                _ => lines[a] = lines[a].replace("ack 1", "ack 4294967290").replace("1:1(0)", "901:901(0)"),
            }
        }
        run(&lines.join("\n"));
        Ok(())
    })?;
    Ok(())
}

type Test = fn() -> Result<(), Failed>;

fn main() {
    let arguments = Arguments::from_args();
    let mut trials: Vec<Trial> =
        scripts().into_iter().map(|script| Trial::test(name(&script), move || holds(&script))).collect();
    let more: [(&str, Test); 8] = [
        ("every_difference_has_its_script", every_difference_has_its_script),
        ("every_script_begins_with_its_claim", every_script_begins_with_its_claim),
        ("a_wrong_expectation_fails_with_its_line", a_wrong_expectation_fails_with_its_line),
        ("a_right_expectation_passes", a_right_expectation_passes),
        ("what_is_not_there_is_skipped_by_name", what_is_not_there_is_skipped_by_name),
        ("what_is_not_of_the_notation_fails_with_its_line", what_is_not_of_the_notation_fails_with_its_line),
        ("any_text_is_read_or_refused", any_text_is_read_or_refused),
        ("a_garbled_script_ends", a_garbled_script_ends),
    ];
    trials.extend(more.map(|(name, test)| Trial::test(name, test)));
    libtest_mimic::run(&arguments, trials).exit();
}
