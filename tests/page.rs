//! The built book in a browser: every page of it, and what it does when it is touched, read aloud, printed, or moved elsewhere.
//!
//! The book is built once. The scripts of `tests/page` drive Chromium; what they find wrong they print, and the test fails with it.
#![cfg(feature = "book")]

mod common;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use common::lab::Lab;
use halfopen::book;
use halfopen::explore::{Registry, Runs};
use halfopen::page;
use serde_json::{Value, json};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Where the books lie on their host.
const PLACE: &str = "/some/where/";

/// A built book, and where it is served.
struct Book {
    folder: PathBuf,
    address: String,
}

/// A folder of this name for this run of the tests, empty.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn built(root: &Path, name: &str) -> Book {
    let folder = folder(name);
    book::build(root, &folder, &Runs::new(Registry::all())).unwrap();
    let address = serve(&folder);
    Book { folder, address }
}

/// This book.
static BOOK: LazyLock<Book> = LazyLock::new(|| built(Path::new(ROOT), "book"));

/// A book of one chapter that has every kind of hook, and its sources.
static FIXTURE: LazyLock<(PathBuf, Book)> = LazyLock::new(|| {
    let root = fixture("fixture-root");
    let module = Path::new(ROOT).join("target/wasm/halfopen.wasm");
    if module.exists() {
        fs::create_dir_all(root.join("target/wasm")).unwrap();
        fs::copy(module, root.join("target/wasm/halfopen.wasm")).unwrap();
    }
    let book = built(&root, "fixture");
    (root, book)
});

/// The sources of the fixture, without the module.
fn fixture(name: &str) -> PathBuf {
    let root = folder(name);
    let here = Path::new(ROOT);
    for (from, to) in [
        ("book.toml", "book.toml"),
        ("theme", "theme"),
        ("tests/page/book", "chapters"),
        ("chapters/run", "chapters/run"),
        ("chapters/ledger.md", "chapters/ledger.md"),
    ] {
        copy(&here.join(from), &root.join(to));
    }
    root
}

fn copy(from: &Path, to: &Path) {
    if from.is_file() {
        fs::copy(from, to).unwrap();
        return;
    }
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        copy(&entry.path(), &to.join(entry.file_name()));
    }
}

/// Serves a folder at [`PLACE`], as any web host would, and answers the address.
fn serve(folder: &Path) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}{PLACE}", listener.local_addr().unwrap());
    let folder = folder.to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let folder = folder.clone();
            // A browser that has changed its mind is no fault.
            std::thread::spawn(move || drop(respond(stream, &folder)));
        }
    });
    address
}

fn respond(mut stream: TcpStream, folder: &Path) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
    let mut words = first.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let file = path.strip_prefix(PLACE).filter(|rest| !rest.contains(".."));
    let file = file.map(|rest| match rest.is_empty() || rest.ends_with('/') {
        true => folder.join(rest).join("index.html"),
        false => folder.join(rest),
    });
    let (status, file) = match file.filter(|file| file.is_file()) {
        Some(file) => ("200 OK", file),
        None => ("404 Not Found", folder.join("404.html")),
    };
    let kind = match file.extension().and_then(OsStr::to_str).unwrap_or_default() {
        "html" => "text/html",
        "js" => "text/javascript",
        "css" => "text/css",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    };
    let content = fs::read(file)?;
    let length = content.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )?;
    if method != "HEAD" {
        stream.write_all(&content)?;
    }
    Ok(())
}

/// The pages of the book, by their paths in it; frames, redirections and the page for what is missing are none.
fn pages(book: &Book) -> Vec<String> {
    let summary = fs::read_to_string(Path::new(ROOT).join("chapters/SUMMARY.md")).unwrap();
    let linked = summary.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    let mut pages: Vec<String> = linked.map(|(file, _)| file.replace(".md", ".html")).collect();
    pages.push("index.html".into());
    assert!(pages.len() > 8 && pages.iter().all(|page| book.folder.join(page).is_file()), "{pages:?}");
    pages
}

/// Whether there are the tools, and a module of these sources if one is wanted.
fn can(module: bool) -> bool {
    if !(common::have("node") & common::have("chromium")) {
        return false;
    }
    let fits = book::live::module(Path::new(ROOT));
    if let (true, Err(why)) = (module, &fits) {
        common::missing(why);
    }
    !module || fits.is_ok()
}

/// Drives the browser; what is wrong is what the script has printed.
fn drive(script: &str, arguments: &[&str], only: &str) -> String {
    let output = Command::new("node")
        .arg("--no-warnings")
        .arg(format!("{ROOT}/tests/page/{script}"))
        .args(arguments)
        .env("ONLY", only)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script} {only}\n{said}{error}");
    said
}

/// One check of `book.mjs` on the whole book.
fn holds(check: &str, module: bool) {
    if !can(module) {
        return;
    }
    let pages = json!(pages(&BOOK)).to_string();
    drive("book.mjs", &[&BOOK.address, &pages], check);
}

#[test]
fn on_no_page_is_anything_cut_or_too_small_or_over_something_else_light_and_dark_narrow_and_wide() {
    if can(true) {
        drive("every.mjs", &[&BOOK.address, &json!(pages(&BOOK)).to_string()], "");
    }
}

#[test]
fn what_is_touched_in_a_chapter_answers_in_place() {
    if can(true) {
        drive("drive.mjs", &[&FIXTURE.1.address], "");
    }
}

#[test]
fn what_takes_long_can_be_stopped_and_what_breaks_is_followed_by_another() {
    if !can(true) {
        return;
    }
    let folder = folder("slow");
    copy(&FIXTURE.1.folder, &folder);
    fs::copy(format!("{ROOT}/tests/page/worker.js"), folder.join("live/worker.js")).unwrap();
    drive("drive.mjs", &[&serve(&folder)], "a run that takes long|a worker that dies|a sweep");
}

#[test]
fn the_first_figure_of_every_chapter_answers_and_goes_back_to_the_very_picture_of_the_book() {
    holds("the first figure", true);
}

#[test]
fn a_shared_link_shows_the_same_picture_elsewhere() {
    holds("a shared link", true);
}

#[test]
fn every_answer_is_hidden_until_it_was_guessed() {
    holds("a prediction", true);
}

#[test]
fn a_sweep_of_the_workbench_shows_how_far_it_is_and_can_be_stopped() {
    holds("a sweep", true);
}

#[test]
fn every_challenge_is_solved_by_moving_its_controls_to_its_solution() {
    if !can(true) {
        return;
    }
    let all = book::challenges(Path::new(ROOT), Registry::all()).unwrap();
    let wanted: Vec<Value> = all
        .iter()
        .map(|challenge| {
            json!({"scenario": challenge.request.scenario, "goal": challenge.request.goal, "solution": challenge.solution})
        })
        .collect();
    let pages = json!(pages(&BOOK)).to_string();
    drive("book.mjs", &[&BOOK.address, &pages, &json!(wanted).to_string()], "a challenge");
}

#[test]
fn without_javascript_all_is_there_to_read() {
    holds("without JavaScript", false);
}

#[test]
fn as_a_file_the_page_says_what_to_do() {
    if can(false) {
        drive("book.mjs", &[&format!("file://{}/", BOOK.folder.display()), "[]"], "as a file");
    }
}

#[test]
fn a_page_that_is_missing_leads_back_to_the_book_wherever_it_lies() {
    holds("a page that is missing", false);
}

#[test]
fn on_paper_every_page_is_whole_and_has_nothing_to_touch() {
    holds("on paper", false);
}

#[test]
fn a_book_without_its_module_says_why_once_and_in_place() {
    if can(false) {
        let book = built(&fixture("without-root"), "without");
        drive("book.mjs", &[&book.address, r#"["fixture.html"]"#], "without its module");
    }
}

#[test]
fn without_a_module_the_lab_answers_natively() {
    if can(false) {
        let lab = Lab::open(&fixture("native-root"));
        drive("drive.mjs", &[&lab.address], "a slider|a shared link|what is typed wrong");
    }
}

#[test]
fn axe_finds_nothing_on_any_page_in_any_theme() {
    let Some(axe) = std::env::var_os("HALFOPEN_AXE") else {
        common::missing("HALFOPEN_AXE is not set to the axe.min.js of axe-core (npm)");
        return;
    };
    if can(true) {
        let pages = json!(pages(&BOOK)).to_string();
        drive("axe.mjs", &[&BOOK.address, axe.to_str().unwrap(), &pages], "");
    }
}

/// What stands between two marks, each time they occur in this order.
fn between<'a>(text: &'a str, from: &str, to: &str) -> Vec<&'a str> {
    text.split(from).skip(1).filter_map(|rest| rest.split_once(to).map(|(found, _)| found)).collect()
}

fn unescaped(html: &str) -> String {
    [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")]
        .iter()
        .fold(html.to_owned(), |text, (entity, letter)| text.replace(entity, letter))
}

#[test]
fn every_link_within_the_book_leads_to_what_is_there() {
    let book = &*BOOK;
    let mut wrong = BTreeSet::new();
    let mut followed = 0;
    let read = |page: &Path| fs::read_to_string(page).unwrap();
    let anchors = |page: &Path| -> BTreeSet<String> {
        between(&read(page), " id=\"", "\"").into_iter().map(unescaped).collect()
    };
    let mut pages = pages(book);
    pages.extend(["toc.html".to_owned(), "404.html".to_owned()]);
    for page in &pages {
        let file = book.folder.join(page);
        let html = read(&file);
        let mut links = between(&html, " href=\"", "\"");
        links.extend(between(&html, " src=\"", "\""));
        let ids = between(&html, " id=\"", "\"");
        for (n, id) in ids.iter().enumerate() {
            if ids[..n].contains(id) {
                wrong.insert(format!("{page}: two elements have the id {id}"));
            }
        }
        for link in links.into_iter().map(unescaped) {
            let outside =
                ["http:", "https:", "data:", "mailto:", "/"].iter().any(|begin| link.starts_with(begin));
            if outside {
                continue;
            }
            followed += 1;
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let path = path.split('?').next().unwrap();
            let target = match path {
                "" => file.clone(),
                _ if path.ends_with('/') => file.parent().unwrap().join(path).join("index.html"),
                _ => file.parent().unwrap().join(path),
            };
            if !target.is_file() {
                wrong.insert(format!("{page}: there is no {link}"));
            } else if !anchor.is_empty() && !anchors(&target).contains(anchor) {
                wrong.insert(format!("{page}: there is no #{anchor} in {link}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(followed > 500, "{followed}");
}

/// Every request that the book's pages make when they are touched, each once.
fn asked(book: &Book) -> Vec<String> {
    let mut asked: Vec<String> = pages(book)
        .iter()
        .flat_map(|page| {
            let html = fs::read_to_string(book.folder.join(page)).unwrap();
            between(&html, " data-ask=\"", "\"").into_iter().map(unescaped).collect::<Vec<_>>()
        })
        .collect();
    asked.sort();
    asked.dedup();
    asked
}

#[test]
fn the_page_the_module_the_lab_and_the_library_say_the_same_of_every_block() {
    let requests = asked(&BOOK);
    assert!(requests.len() > 50, "{}", requests.len());
    let answers: Vec<String> = requests.iter().map(|request| page::ask(Registry::all(), request)).collect();
    // The page: every piece of every block is in it, byte for byte.
    let html: String =
        pages(&BOOK).iter().map(|page| fs::read_to_string(BOOK.folder.join(page)).unwrap()).collect();
    let line = |text: &str| text.split_whitespace().collect::<String>();
    let one_line = line(&unescaped(&html));
    for (request, answer) in requests.iter().zip(&answers) {
        let answer: Value = serde_json::from_str(answer).unwrap();
        assert!(answer.get("error").is_none(), "{request}: {answer}");
        for (name, part) in answer["parts"].as_object().unwrap() {
            let part = part.as_str().unwrap();
            // What is searched goes through mdBook, which sets blanks and lines of its own.
            let is_there = match ["claims", "measures", "command"].contains(&name.as_str()) {
                true => one_line.contains(&line(&unescaped(part))),
                false => html.contains(&format!(" data-part=\"{name}\">{part}</div>")),
            };
            assert!(is_there, "the book shows another {name} of {request}");
        }
    }
    let lab = Lab::open(&fixture("asked-root"));
    for (request, answer) in requests.iter().zip(&answers).step_by(7) {
        assert!(lab.ask(request) == *answer, "the lab says something else to {request}");
    }
    let Some(module) = std::env::var_os("HALFOPEN_WASM").filter(|_| common::have("node")) else {
        return common::missing("HALFOPEN_WASM is not set to the module of `.ci/wasm`");
    };
    let folder = folder("asked");
    fs::write(folder.join("requests.json"), json!(requests).to_string()).unwrap();
    let status = Command::new("node")
        .args(["--no-warnings", &format!("{ROOT}/tests/wasi/ask.mjs")])
        .arg(std::path::absolute(module).unwrap())
        .arg(&folder)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let told: Vec<String> = serde_json::from_slice(&fs::read(folder.join("answers.json")).unwrap()).unwrap();
    assert_eq!(told.len(), requests.len());
    for ((request, answer), told) in requests.iter().zip(&answers).zip(&told) {
        assert!(told == answer, "the module says something else to {request}");
    }
}
