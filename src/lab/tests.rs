//! A small book served on a free port.

use std::fs;
use std::sync::mpsc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::book::tests::small_book;
use crate::explore::fake;

/// Longer than any build of a small book takes.
const PATIENCE: Duration = Duration::from_secs(20);

struct Served {
    root: TempDir,
    address: SocketAddr,
    rebuilt: mpsc::Receiver<Result<u64, String>>,
}

impl Served {
    /// Within a runtime.
    fn start(chapter: &str) -> Self {
        let root = small_book(chapter);
        let (sender, rebuilt) = mpsc::channel();
        let report = move |result: Result<u64, BuildError>| {
            let _ = sender.send(result.map_err(|error| error.to_string()));
        };
        let lab = Lab::open(root.path(), Port::Exactly(0), Runs::new(fake::REGISTRY), report).unwrap();
        let address = lab.address();
        tokio::spawn(lab.serve(std::future::pending()));
        Self { root, address, rebuilt }
    }

    fn write(&self, chapter: &str) {
        fs::write(self.root.path().join("chapters/one.md"), chapter).unwrap();
    }

    async fn request(&self, first_line: &str) -> String {
        self.send(first_line, &["host: localhost"], "").await
    }

    async fn send(&self, first_line: &str, headers: &[&str], body: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!(
            "{first_line} HTTP/1.1\r\n{}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            headers.join("\r\n"),
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }
}

#[tokio::test]
async fn pages_come_with_their_type_and_nothing_outside_the_book_comes_at_all() {
    let served = Served::start("# One\n\nHello, {{#measure fake/stall detect_time_s}}.\n");
    fs::write(served.root.path().join("secret.txt"), "secret").unwrap();
    let page = served.request("GET /one.html").await;
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    assert!(page.contains("content-type: text/html") && page.contains("cache-control: no-cache"));
    assert!(page.contains(">15.04</data>") && page.contains("new EventSource"));
    assert!(served.request("GET /").await.contains("Hello"));
    let script = served.request("GET /toc.js").await;
    // mdBook puts a hash of the content into the name.
    assert!(script.starts_with("HTTP/1.1 404"));
    let name = page.split("toc-").nth(1).unwrap().split('"').next().unwrap();
    let script = served.request(&format!("GET /toc-{name}")).await;
    assert!(script.contains("content-type: text/javascript") && !script.contains("EventSource"), "{script}");
    for path in ["/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "//etc/passwd", "/no/such.html"]
    {
        let answer = served.request(&format!("GET {path}")).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{path}: {answer}");
        assert!(!answer.contains("secret\n") && !answer.contains("root:"));
    }
    assert!(served.request("POST /one.html").await.starts_with("HTTP/1.1 405"));
}

#[tokio::test]
async fn a_changed_chapter_is_built_once_and_a_failing_build_keeps_the_last_good_page() {
    let served = Served::start("# One\n\nfirst\n");
    served.write("# One\n\nsecond\n");
    assert_eq!(served.rebuilt.recv_timeout(PATIENCE).unwrap(), Ok(2));
    assert!(served.request("GET /one.html").await.contains("second"));
    // The build has read the chapters; that must not count as a change.
    assert!(served.rebuilt.recv_timeout(Duration::from_millis(600)).is_err(), "built without a change");

    served.write("# One\n\n{{#story fake/no}}\n");
    let error = served.rebuilt.recv_timeout(PATIENCE).unwrap().unwrap_err();
    assert!(error.starts_with("chapters/one.md:3: no scenario `fake/no`"), "{error}");
    assert!(served.request("GET /one.html").await.contains("second"));

    served.write("# One\n\nthird\n");
    assert_eq!(served.rebuilt.recv_timeout(PATIENCE).unwrap(), Ok(3));
    assert!(served.request("GET /one.html").await.contains("third"));
}

#[tokio::test]
async fn an_open_page_is_told_the_edition_at_once_and_every_new_one() {
    let served = Served::start("# One\n");
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(b"GET /.halfopen/editions HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut heard = String::new();
    for data in ["data: 1\n", "data: 2\n"] {
        let wait = async {
            while !heard.contains(data) {
                let mut bytes = [0; 1024];
                let n = stream.read(&mut bytes).await.unwrap();
                assert!(n > 0, "the stream ended: {heard}");
                heard += &String::from_utf8_lossy(&bytes[..n]);
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap();
        served.write("# One\n\nmore\n");
    }
    assert!(heard.contains("content-type: text/event-stream"));
}

/// The body of an answer.
fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

const JSON: &str = "content-type: application/json";

#[tokio::test]
async fn a_page_is_answered_as_its_module_would_answer_and_nobody_else_is() {
    let served = Served::start("# One\n");
    let host = format!("host: {}", served.address);
    let origin = format!("origin: http://{}", served.address);
    let request = r#"{"scenario":"fake/stall","set":{"stall":"5s"},"parts":["claims","command"]}"#;
    let post = format!("POST {}", ask::ASK);
    let answer = served.send(&post, &[&host, &origin, JSON], request).await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("content-type: application/json"),
        "{answer}"
    );
    assert_eq!(body(&answer), crate::page::ask(fake::REGISTRY, request));
    let error = served.send(&post, &[&host, JSON], "{\"scenario\":\"fake/no\"}").await;
    assert!(body(&error).starts_with("{\"error\":\"no scenario `fake/no`"), "{error}");

    let refused = async |first_line: &str, headers: &[&str], status: &str| {
        let answer = served.send(first_line, headers, request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{headers:?}: {answer}");
        assert!(body(&answer).lines().count() <= 1 && !answer.contains("halfopen run"), "{answer}");
    };
    refused(&post, &["host: evil.example", JSON], "403").await;
    refused(&post, &[&host, "origin: http://evil.example", JSON], "403").await;
    refused(&post, &[&host, "origin: null", JSON], "403").await;
    refused("GET /", &["host: evil.example"], "403").await;
    // What a form of another site can send without being asked.
    refused(&post, &[&host, "content-type: text/plain"], "415").await;
    refused(&post, &[&host], "415").await;
    refused(&format!("GET {}", ask::ASK), &[&host, JSON], "405").await;
    // Nobody writes files through it.
    let line = served.send(&post, &[&host, JSON], r#"{"args":["list"]}"#).await;
    assert!(body(&line).contains("answered by the page's module, or in a terminal"), "{line}");
}

#[tokio::test]
async fn a_request_that_is_too_long_is_refused_and_one_that_nobody_waits_for_harms_nobody() {
    let served = Served::start("# One\n");
    let post = format!("POST {}", ask::ASK);
    let long = served.send(&post, &["host: localhost", JSON], &" ".repeat((4 << 20) + 1)).await;
    assert!(long.starts_with("HTTP/1.1 413"), "{}", &long[..200.min(long.len())]);
    let request =
        r#"{"scenario":"fake/stall","sweep":{"vary":[["stall","1s..1h/50000"]]},"slice":[0,50000]}"#;
    for _ in 0..20 {
        let mut gone = TcpStream::connect(served.address).await.unwrap();
        let head = format!(
            "{post} HTTP/1.1\r\nhost: localhost\r\n{JSON}\r\ncontent-length: {}\r\n\r\n{request}",
            request.len()
        );
        gone.write_all(head.as_bytes()).await.unwrap();
    }
    let answer = served.send(&post, &["host: localhost", JSON], r#"{"scenario":"fake/stall"}"#);
    let answer = tokio::time::timeout(PATIENCE, answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn the_book_says_that_it_is_answered_natively_and_its_program_lies_in_it() {
    let served = Served::start("# One\n");
    let build = served.request("GET /live/build.json").await;
    let build: serde_json::Value = serde_json::from_str(body(&build)).unwrap();
    assert_eq!((&build["native"], &build["module"]), (&true.into(), &serde_json::Value::Null));
    let worker = served.request("GET /live/worker.js").await;
    assert!(
        worker.starts_with("HTTP/1.1 200") && worker.contains("content-type: text/javascript"),
        "{worker}"
    );
}

#[tokio::test]
async fn no_answer_leads_to_another_host_and_no_part_of_a_file_is_offered() {
    let served = Served::start("# One\n");
    for path in ["//evil.example", "//evil.example/", "///evil.example", "//images", "/%2fevil.example"] {
        let answer = served.request(&format!("GET {path}")).await;
        assert!(
            answer.starts_with("HTTP/1.1 4") && !answer.to_lowercase().contains("location:"),
            "{path}: {answer}"
        );
    }
    let page = served.request("GET /one.html").await;
    assert!(!page.to_lowercase().contains("accept-ranges"), "{page}");
    let missing = served.request("GET /deep/down/none.html").await;
    assert!(missing.starts_with("HTTP/1.1 404") && missing.contains("Not in this book"), "{missing}");
    // It may lie anywhere: it takes nothing from beside it.
    assert!(!missing.contains("<link rel=\"stylesheet\"") && !missing.contains("src=\""), "{missing}");
}

#[tokio::test]
async fn a_client_that_does_not_finish_its_head_is_not_waited_for() {
    let served = Served::start("# One\n");
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(served);
    tokio::spawn(server::serve(listener, axum::Router::new(), Duration::from_millis(200)));
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nhost: loc").await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(PATIENCE, slow.read_to_end(&mut answer)).await.expect("it is hung up on").unwrap();
}

#[tokio::test]
async fn an_open_page_is_told_why_a_build_failed_and_so_is_one_that_is_opened_then() {
    let served = Served::start("# One\n");
    served.write("# One\n\n{{#story fake/no}}\n");
    assert!(served.rebuilt.recv_timeout(PATIENCE).unwrap().is_err());
    let hear = async |wanted: &str| {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        stream.write_all(b"GET /.halfopen/editions HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        let mut heard = String::new();
        let wait = async {
            while !heard.contains(wanted) {
                let mut bytes = [0; 1024];
                let n = stream.read(&mut bytes).await.unwrap();
                assert!(n > 0, "the stream ended: {heard}");
                heard += &String::from_utf8_lossy(&bytes[..n]);
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap();
        heard
    };
    let told = hear("event: problem\n").await;
    assert!(
        told.contains("data: 1\n") && told.contains("data: chapters/one.md:3: no scenario `fake/no`"),
        "{told}"
    );
    served.write("# One\n\nmended\n");
    assert_eq!(served.rebuilt.recv_timeout(PATIENCE).unwrap(), Ok(2));
    // The number tells a page that shows the problem to load the new edition, where there is none.
    assert!(!hear("data: 2\n").await.contains("problem"));
}

#[tokio::test]
async fn a_module_that_comes_while_the_book_is_served_is_in_it_without_another_build() {
    let root = small_book("# One\n");
    let lab = Lab::open(root.path(), Port::Exactly(0), Runs::new(fake::REGISTRY), |_| {}).unwrap();
    let shelf = lab.shelf();
    let folder = lab.shown.borrow().edition.folder.path().join("live");
    assert!(!folder.join("halfopen.wasm").exists());
    let name = crate::module::SECTION;
    let content = crate::module::SOURCES;
    let mut module = b"\0asm\x01\0\0\0\0".to_vec();
    module.push(u8::try_from(1 + name.len() + content.len()).unwrap());
    module.push(u8::try_from(name.len()).unwrap());
    module.extend(name.bytes().chain(content.bytes()));
    fs::create_dir_all(root.path().join("target/wasm")).unwrap();
    fs::write(root.path().join("target/wasm/halfopen.wasm"), &module).unwrap();
    shelf.take_module(root.path()).unwrap();
    assert_eq!(fs::read(folder.join("halfopen.wasm")).unwrap(), module);
    assert!(fs::read_to_string(folder.join("build.json")).unwrap().contains("\"module\":\"halfopen.wasm?v="));
}

#[test]
fn a_taken_port_is_passed_over_unless_it_was_asked_for() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = bind(Port::Exactly(port)).unwrap_err().to_string();
    assert!(error.starts_with(&format!("port {port} of 127.0.0.1 cannot be used")), "{error}");
    let next = bind(Port::From(port)).unwrap().local_addr().unwrap().port();
    assert!(next > port);
}
