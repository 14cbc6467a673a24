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
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("{first_line} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
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
    assert!(page.contains(">15.04</data>.") && page.contains("new EventSource"));
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

#[test]
fn a_taken_port_is_passed_over_unless_it_was_asked_for() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = bind(Port::Exactly(port)).unwrap_err().to_string();
    assert!(error.starts_with(&format!("port {port} of 127.0.0.1 cannot be used")), "{error}");
    let next = bind(Port::From(port)).unwrap().local_addr().unwrap().port();
    assert!(next > port);
}
