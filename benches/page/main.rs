//! How long a reader waits: from the page's question to the answer of the program in its worker, warm, in headless Chromium, for
//! every figure of the book as the book's own pages ask for it.
//!
//! `cargo bench --bench page`, after `.ci/wasm`, or `... -- SCENARIO`; `--write` writes the book's table. Of each question the median of
//! eleven answers counts, after three that do not. Wants node and chromium. Nothing is asserted.

use std::path::Path;
use std::process::{Command, Stdio};
use std::{fs, process};

use halfopen::explore::{Registry, Runs};
use halfopen::lab::{Lab, Port};
use serde_json::{Value, json};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Where `--write` puts the table, behind those of the engine: the appendix includes them.
const TABLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/chapters/speed.md");
/// What the table begins with.
const HEAD: &str = "| in the page |";

/// What a page is told to do: ask, and say how long it took.
const MEASURE: &str = "(async () => {
    const live = new URL('live/', location);
    const build = await (await fetch(new URL('build.json', live))).json();
    if (!build.module) return build.why;
    const module = await WebAssembly.compileStreaming(fetch(new URL(build.module, live)));
    const worker = new Worker(new URL('worker.js', live), { type: 'module' });
    worker.postMessage({ module });
    let id = 0;
    const ask = request => new Promise(resolve => {
        const began = performance.now();
        worker.onmessage = ({ data }) => resolve([performance.now() - began, data.answer]);
        worker.postMessage({ id: ++id, request });
    });
    const median = async request => {
        const took = [];
        let said = '';
        for (let i = 0; i < 14; i++) {
            const [ms, answer] = await ask(request);
            if (i >= 3) took.push(ms);
            said = answer;
        }
        return [took.sort((a, b) => a - b)[took.length >> 1], said.length, JSON.parse(said).error ?? null];
    };
    const told = [];
    for (const request of REQUESTS) told.push(await median(request));
    return told;
})()";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let filter = arguments.iter().find(|a| !a.starts_with('-')).map_or("", String::as_str);
    let lab =
        Lab::open(Path::new(ROOT), Port::Exactly(0), Runs::new(Registry::all()), |_| {}).expect("a book");
    let address = lab.address();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let asked = {
        let _entered = runtime.enter();
        runtime.spawn(lab.serve(std::future::pending()));
        let mut asked = questions(&format!("http://{address}/"));
        asked.retain(|(request, _)| request.contains(filter));
        asked
    };
    // Each also without anything drawn: what the run alone takes.
    let requests = asked.iter().flat_map(|(request, _)| [request.clone(), bare(request)]);
    let requests: Vec<String> = requests.collect();
    let told = browse(&format!("http://{address}/404.html"), &requests);
    let Some(told) = told.as_array().filter(|told| told.len() == requests.len()) else {
        eprintln!("nothing to measure: {told}; .ci/wasm makes the module");
        process::exit(1);
    };
    let mut rows: Vec<(&str, &str, f64, f64)> = Vec::new();
    for ((request, kind), pair) in asked.iter().zip(told.chunks(2)) {
        if let Some(error) = pair[0][2].as_str() {
            eprintln!("{request}: {error}");
            continue;
        }
        let [whole, run] = [0, 1].map(|n| pair[n][0].as_f64().unwrap_or(f64::NAN));
        println!("{whole:8.2} ms {run:8.2} ms the run  {:8} B  {kind:8} {request:.120}", pair[0][1]);
        rows.push((kind, request, whole, run));
    }
    let mut table = format!(
        "{HEAD} count | median, ms | 95 %, ms | longest, ms | of the longest the run, ms |\n|---|---:|---:|---:|---:|---:|\n"
    );
    let mut row = |name: &str, of: &dyn Fn(&str) -> bool| {
        let mut of_it: Vec<(f64, f64)> =
            rows.iter().filter(|(kind, ..)| of(kind)).map(|(_, _, whole, run)| (*whole, *run)).collect();
        of_it.sort_by(|a, b| a.0.total_cmp(&b.0));
        let Some((longest, its_run)) = of_it.last() else {
            return;
        };
        let at = |share: f64| of_it[((of_it.len() - 1) as f64 * share).round() as usize].0;
        let cells = [at(0.5), at(0.95), *longest, *its_run].map(|ms| format!("{ms:.1}"));
        println!(
            "{name:<26} {:>4} {:>8} {:>8} {:>8} {:>8}",
            of_it.len(),
            cells[0],
            cells[1],
            cells[2],
            cells[3]
        );
        table += &format!("| {name} | {} | {} |\n", of_it.len(), cells.join(" | "));
    };
    row("diagrams", &|kind| kind == "figure");
    row("stories, packets, tables", &|kind| !["figure", "sweep"].contains(&kind));
    row("sweeps, whole", &|kind| kind == "sweep");
    row("all but sweeps", &|kind| kind != "sweep");
    if arguments.iter().any(|a| a == "--write") {
        let there = fs::read_to_string(TABLES).expect("the chapters are there");
        let of_the_engine = there.find(HEAD).map_or(there.as_str(), |at| &there[..at]);
        fs::write(TABLES, format!("{}\n\n{table}", of_the_engine.trim_end()))
            .expect("the chapters are there");
    }
}

/// The same question with no piece wanted.
fn bare(request: &str) -> String {
    let mut request: Value = serde_json::from_str(request).expect("JSON");
    request["parts"] = json!([]);
    request.to_string()
}

/// What the figures of the book ask, and of which kind they are, in the order of the chapters; each once.
fn questions(address: &str) -> Vec<(String, String)> {
    let chapters = fs::read_to_string(Path::new(ROOT).join("chapters/SUMMARY.md")).expect("a book");
    let mut asked: Vec<(String, String)> = Vec::new();
    for chapter in chapters.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        let page = fetched(&format!("{address}{}", chapter.replace(".md", ".html")));
        for figure in page.split("<figure ").skip(1) {
            let head = figure.split('>').next().unwrap_or_default();
            let attribute = |name: &str| {
                let (_, rest) = head.split_once(&format!(" {name}="))?;
                let quote = rest.chars().next()?;
                Some(rest[1..].split(quote).next()?.to_owned())
            };
            if let (Some(request), Some(kind)) = (attribute("data-ask"), attribute("data-kind")) {
                let request =
                    [("&#39;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&amp;", "&")]
                        .into_iter()
                        .fold(request, |text, (entity, letter)| text.replace(entity, letter));
                if !asked.iter().any(|(there, _)| *there == request) {
                    asked.push((request, kind));
                }
            }
        }
    }
    asked
}

fn fetched(address: &str) -> String {
    let script = "fetch(process.argv[1]).then(async got => process.stdout.write(await got.text()))";
    let output = Command::new("node").args(["-e", script, address]).output().expect("node");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// What Chromium says to all of them.
fn browse(page: &str, requests: &[String]) -> Value {
    let folder = tempfile::tempdir().expect("a folder");
    let expression = MEASURE.replace("REQUESTS", &json!(requests).to_string());
    fs::write(folder.path().join("pages.json"), json!([[page, expression]]).to_string()).expect("a file");
    let output = Command::new("node")
        .arg(Path::new(ROOT).join("tests/wasi/browser.mjs"))
        .arg(folder.path())
        .env("PATIENCE_MS", "600000")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .expect("node");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    told[0].clone()
}
