//! The server's side: accepts connections, upgrades them and serves each client the feed.
//!
//! One connection is one task from its first byte to its last: the HTTP part of it and the conversation after the
//! upgrade are the same future. All tasks belong to the future that [`Server::serve`] returns, so that dropping
//! it ends everything.

use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::routing::any;
use axum::{Extension, Router};
use http::{Request, Response, StatusCode};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tracing::{Instrument, debug, error, error_span, info};

use super::channel::{Limits, WebSocket};
use super::handshake;
use crate::channel::ChannelLayer;
use crate::mechanism::feed::{self, Feed, Log};
use crate::net::time::{HyperTimer, sleep, timeout};
use crate::net::{Keepalive, ListenOptions, Listener, Network, Process, SocketOptions, is_one_connections};

/// How many connections at a time, unless told otherwise.
const MAX_CONNECTIONS: usize = 10_000;

/// How long a client may take to send the header of a request, unless told otherwise.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long accepting rests after an error that is not one connection's, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Serves a feed over WebSocket; see [`server`].
#[derive(Debug, Clone)]
pub struct Server<L = ()> {
    feed: Feed,
    port: u16,
    path: String,
    listen: ListenOptions,
    limits: Limits,
    layer: L,
    max_connections: usize,
    header_timeout: Duration,
}

/// A server of `feed`, on port 80, at `/feed`.
///
/// Every client gets the updates that are appended while it is connected, and may send numbered messages
/// ([`crate::channel::Numbered`]). Without a [heartbeat](Server::heartbeat) a client that has silently gone is
/// noticed only by TCP, if at all. It sends no `Date` (RFC 9110 section 6.6.1 asks for one, where there is a
/// clock): equal runs shall be equal to the byte.
pub fn server(feed: Feed) -> Server {
    Server {
        feed,
        port: 80,
        path: "/feed".to_owned(),
        listen: ListenOptions::default(),
        limits: Limits::default(),
        layer: (),
        max_connections: MAX_CONNECTIONS,
        header_timeout: HEADER_TIMEOUT,
    }
}

impl<L: ChannelLayer> Server<L> {
    /// The port to listen on (0: any free port); the default is 80.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Where the feed is; the default is `/feed`.
    ///
    /// # Panics
    /// When it does not begin with `/`.
    pub fn path(mut self, path: &str) -> Self {
        assert!(path.starts_with('/'), "a path begins with /");
        self.path = path.to_owned();
        self
    }

    /// How to listen, and the options of the accepted connections.
    pub fn listen(mut self, options: ListenOptions) -> Self {
        self.listen = options;
        self
    }

    /// Options of the accepted connections.
    pub fn socket(mut self, options: SocketOptions) -> Self {
        self.listen.accepted = options;
        self
    }

    /// Keepalive probes of the accepted connections, or none.
    pub fn keepalive(mut self, keepalive: impl Into<Option<Keepalive>>) -> Self {
        self.listen.accepted.keepalive = keepalive.into();
        self
    }

    /// `TCP_USER_TIMEOUT` of the accepted connections, or the system's default.
    pub fn user_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.listen.accepted.user_timeout = timeout.into();
        self
    }

    /// The largest message and the patience when closing.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// What to put around every client's channel, in place of what was there: a heartbeat, with which the server,
    /// too, notices that a client is dead.
    pub fn heartbeat<M: ChannelLayer>(self, layer: M) -> Server<M> {
        let Self { feed, port, path, listen, limits, layer: _, max_connections, header_timeout } = self;
        Server { feed, port, path, listen, limits, layer, max_connections, header_timeout }
    }

    /// How many connections at a time; the default is 10,000. Further ones wait in the kernel's accept queue.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections;
        self
    }

    /// How long a client may take for the header of a request, and how long a connection may stand without one; the
    /// default is 10 s.
    pub fn header_timeout(mut self, timeout: Duration) -> Self {
        self.header_timeout = timeout;
        self
    }

    /// Listens and serves until the process is told to stop ([`Network::stopping`]).
    ///
    /// # Errors
    /// As [`Network::listen`].
    pub async fn run<N: Network>(self, net: N) -> io::Result<()> {
        let listener = net.listen(self.port, &self.listen).await?;
        let stopping = net.stopping();
        self.serve(net, listener, stopping.cancelled()).await;
        Ok(())
    }

    /// Serves on a listening socket until `shutdown` comes to its end. Then it accepts nothing more, tells every
    /// client that it is going away (1001), and waits for their goodbyes no longer than the close timeout.
    ///
    /// # Panics
    /// When the path is not one that axum can route.
    pub async fn serve<N: Network>(
        self,
        net: N,
        mut listener: N::Listener,
        shutdown: impl Future<Output = ()> + Send,
    ) {
        let log = self.feed.log();
        let mut publishing = net.tasks();
        publishing.spawn(self.feed.clone().publish(log.clone()));

        let stopping = CancellationToken::new();
        let stop = stopping.clone().drop_guard();
        let served = Arc::new(Served { router: router(&self.path), server: self, log });
        let mut connections = net.tasks();
        let mut shutdown = pin!(shutdown);
        loop {
            tokio::select! {
                biased;
                () = shutdown.as_mut() => break,
                () = connections.reap() => {}
                accepted = listener.accept(), if connections.len() < served.server.max_connections => {
                    match accepted {
                        Ok((stream, peer)) => {
                            // Wherever an event is enabled, so is what says whom it is about.
                            let whose = error_span!(target: "halfopen::app", "conversation", %peer);
                            let connection = connection::<N, L>(stream, served.clone(), stopping.clone());
                            connections.spawn(connection.instrument(whose));
                        }
                        Err(e) if is_one_connections(&e) => {}
                        Err(e) => {
                            error!(target: "halfopen::tcp", error = %e.kind(), "accept failed");
                            tokio::select! {
                                biased;
                                () = shutdown.as_mut() => break,
                                () = sleep(ACCEPT_PAUSE) => {}
                            }
                        }
                    }
                }
            }
        }
        drop(listener);
        info!(target: "halfopen::app", connections = connections.len(), "shutting down");
        drop(stop);
        // A closing handshake is bounded by itself; a client that is still asking is not.
        let _ = timeout(served.server.limits.close_timeout, connections.finished()).await;
    }
}

impl<L: ChannelLayer> Process for Server<L> {
    async fn run<N: Network>(self, net: N) -> io::Result<()> {
        Server::run(self, net).await
    }
}

/// What all connections share.
struct Served<L> {
    server: Server<L>,
    router: Router,
    log: Log,
}

/// Where the handler of a request leaves the connection that it has agreed to upgrade.
type Upgrade = Arc<Mutex<Option<OnUpgrade>>>;

fn router(path: &str) -> Router {
    Router::new().route(path, any(upgrade)).fallback(not_found)
}

async fn upgrade(Extension(slot): Extension<Upgrade>, request: Request<Body>) -> Response<Body> {
    match handshake::accept(&request) {
        Ok(response) => {
            info!(target: "halfopen::http", "upgrade accepted");
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(hyper::upgrade::on(request));
            response
        }
        Err(refusal) => {
            let status = refusal.status().as_u16();
            info!(target: "halfopen::http", status, reason = %refusal, "upgrade refused");
            refusal.response()
        }
    }
}

async fn not_found() -> StatusCode {
    let status = StatusCode::NOT_FOUND;
    info!(target: "halfopen::http", status = status.as_u16(), reason = "no such path", "upgrade refused");
    status
}

/// A connection from its first byte to its last.
async fn connection<N: Network, L: ChannelLayer>(
    stream: N::Stream,
    served: Arc<Served<L>>,
    stopping: CancellationToken,
) {
    let Served { server, log, .. } = &*served;
    let Some((stream, read)) = upgraded::<N, L>(stream, &served, &stopping).await else {
        return;
    };
    let channel = server.layer.wrap(WebSocket::server(stream, read, server.limits).await);
    let going_away = async {
        stopping.cancelled().await;
        (CloseCode::Away.into(), "going away")
    };
    if let Err(end) = feed::converse(channel, log.reader(), going_away).await {
        debug!(target: "halfopen::app", reason = %end, "conversation ended");
    }
}

/// Serves HTTP on a connection until it is upgraded; `None` if it ended otherwise. Returns the connection and
/// what was read from it beyond the request.
async fn upgraded<N: Network, L: ChannelLayer>(
    stream: N::Stream,
    served: &Arc<Served<L>>,
    stopping: &CancellationToken,
) -> Option<(N::Stream, bytes::Bytes)> {
    let slot = Upgrade::default();
    let service = service_fn(|mut request: Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(slot.clone());
        served.router.clone().oneshot(request)
    });
    let http = http1::Builder::new()
        .timer(HyperTimer)
        .header_read_timeout(served.server.header_timeout)
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    {
        let mut http = pin!(http);
        let ended = tokio::select! {
            biased;
            ended = http.as_mut() => ended,
            () = stopping.cancelled() => {
                http.as_mut().graceful_shutdown();
                http.await
            }
        };
        if let Err(e) = ended {
            debug!(target: "halfopen::http", error = %e, "request failed");
        }
    }
    // Taken out first: the lock is not held while waiting.
    let agreed = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
    let upgraded = agreed?.await.ok()?;
    let parts = upgraded.downcast::<TokioIo<N::Stream>>().ok()?;
    Some((parts.io.into_inner(), parts.read_buf))
}

#[cfg(test)]
mod tests;
