//! The client's side: from a URL to an open channel.

use std::io;
use std::time::Duration;

use crate::net::time::timeout;
use http::Uri;
use tracing::{info, warn};

use super::channel::{Limits, WebSocket};
use super::handshake;
use super::transport::Transport;
use crate::channel::{OpenError, Opens};
use crate::net::{Keepalive, Network, SocketOptions};

/// How long opening may take, unless told otherwise. Without a limit a lost SYN-ACK or a stalled server is waited
/// for as long as TCP has patience: minutes, or for ever.
const OPEN_TIMEOUT: Duration = Duration::from_secs(30);

/// The port of `ws` URLs (RFC 6455 section 3).
const PORT: u16 = 80;

/// Opens a WebSocket; see [`client`].
#[derive(Debug, Clone)]
pub struct Client {
    url: String,
    socket: SocketOptions,
    limits: Limits,
    open_timeout: Duration,
}

/// A client of the server at `url`: `ws://host[:port][/path]`. `wss` is not supported.
///
/// It opens channels and does nothing else; [`Opens::open`] does it, on whatever network.
pub fn client(url: &str) -> Client {
    Client {
        url: url.to_owned(),
        socket: SocketOptions::default(),
        limits: Limits::default(),
        open_timeout: OPEN_TIMEOUT,
    }
}

impl Client {
    /// Options of the TCP connection.
    pub fn socket(mut self, options: SocketOptions) -> Self {
        self.socket = options;
        self
    }

    /// Keepalive probes of the TCP connection, or none.
    pub fn keepalive(mut self, keepalive: impl Into<Option<Keepalive>>) -> Self {
        self.socket.keepalive = keepalive.into();
        self
    }

    /// `TCP_USER_TIMEOUT` of the TCP connection, or the system's default.
    pub fn user_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.socket.user_timeout = timeout.into();
        self
    }

    /// The largest message and the patience when closing.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How long opening may take, from the first SYN to the server's answer; the default is 30 s.
    pub fn open_timeout(mut self, timeout: Duration) -> Self {
        self.open_timeout = timeout;
        self
    }

    async fn establish<N: Network>(&self, net: &N) -> Result<WebSocket<N::Stream>, OpenError> {
        let (authority, host, path) = self.read_url()?;
        let connection = net.connect(&authority, &self.socket).await?;
        let mut nonce = [0; 16];
        net.random(&mut nonce);
        info!(target: "halfopen::http", path, "upgrade requested");
        let config = self.limits.config();
        let stream = handshake::request(Transport::new(connection), &self.url, &host, nonce, config).await?;
        info!(target: "halfopen::http", "upgrade accepted");
        let net = net.clone();
        let keys = move || {
            let mut key = [0; 4];
            net.random(&mut key);
            key
        };
        Ok(WebSocket::client(stream, self.limits, keys))
    }

    /// `host:port` to connect to, the host as the request names it, and the path.
    fn read_url(&self) -> Result<(String, String, String), OpenError> {
        let problem = |problem: &str| OpenError::Url { url: self.url.clone(), problem: problem.to_owned() };
        let url: Uri = self.url.parse().map_err(|_| problem("not a URL"))?;
        match url.scheme_str() {
            Some("ws") => {}
            Some("wss") => return Err(problem("TLS is not supported; valid: ws://host[:port][/path]")),
            _ => return Err(problem("not a WebSocket URL; valid: ws://host[:port][/path]")),
        }
        let authority = url.authority().ok_or_else(|| problem("no host"))?;
        if authority.as_str().contains('@') {
            return Err(problem("WebSocket URLs have no user"));
        }
        let port = authority.port_u16().unwrap_or(PORT);
        // RFC 9110 section 7.2: without the port where it is the scheme's own.
        let host = match port {
            PORT => authority.host().to_owned(),
            _ => authority.to_string(),
        };
        Ok((format!("{}:{port}", authority.host()), host, url.path().to_owned()))
    }
}

impl Opens for Client {
    type Channel<N: Network> = WebSocket<N::Stream>;

    async fn open<N: Network>(&self, net: &N) -> Result<WebSocket<N::Stream>, OpenError> {
        // In a box: what the handshake needs is gone when it is over, and not a part of whoever waits for it.
        let opened = match timeout(self.open_timeout, Box::pin(self.establish(net))).await {
            Ok(opened) => opened,
            Err(_) => Err(OpenError::TimedOut { after: self.open_timeout }),
        };
        if let Err(error) = &opened {
            match error {
                OpenError::Refused { status } => info!(target: "halfopen::http", status, "upgrade refused"),
                error => warn!(target: "halfopen::ws", error = short(error), "open failed"),
            }
        }
        opened
    }
}

/// An error in words that do not depend on the system.
fn short(error: &OpenError) -> String {
    match error {
        OpenError::Io(e) => io::Error::from(e.kind()).to_string(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Result<(String, String, String), String> {
        client(url).read_url().map_err(|e| e.to_string())
    }

    #[test]
    fn urls_are_read_as_the_rfc_says() {
        let parts = |a: &str, b: &str, c: &str| Ok((a.to_owned(), b.to_owned(), c.to_owned()));
        assert_eq!(read("ws://server/feed"), parts("server:80", "server", "/feed"));
        assert_eq!(read("ws://server:80/feed"), parts("server:80", "server", "/feed"));
        assert_eq!(read("ws://server:8080"), parts("server:8080", "server:8080", "/"));
        assert_eq!(read("ws://[::1]:8080/a"), parts("[::1]:8080", "[::1]:8080", "/a"));
    }

    #[test]
    fn urls_that_cannot_be_used_say_why() {
        for (url, why) in [
            ("wss://server/feed", "TLS"),
            ("http://server/feed", "valid: ws://"),
            ("/feed", "valid: ws://"),
            ("ws://", "not a URL"),
            ("ws://me@server/", "no user"),
        ] {
            let text = read(url).expect_err(url);
            assert!(text.contains(why) && text.starts_with(url), "{text}");
        }
    }
}
