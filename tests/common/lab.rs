//! A book that is served by the program itself.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The lab, until this goes.
pub struct Lab {
    child: Child,
    /// `http://HOST:PORT/`
    pub address: String,
}

impl Lab {
    /// Serves the book whose `book.toml` is in `root`.
    pub fn open(root: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_halfopen"))
            .args(["book", "serve", "--port", "0"])
            .current_dir(root)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split(' ').find(|word| word.starts_with("http://")).expect("an address");
        let address = format!("{}/", address.trim().trim_end_matches('/'));
        Self { child, address }
    }

    /// The answer to a request, natively.
    pub fn ask(&self, request: &str) -> String {
        let host = self.address.trim_start_matches("http://").trim_end_matches('/');
        let mut stream = TcpStream::connect(host).unwrap();
        let length = request.len();
        let head = format!(
            "POST /.halfopen/ask HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(format!("{head}{request}").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200") && head.to_lowercase().contains("content-length"), "{head}");
        body.to_owned()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
