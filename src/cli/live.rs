//! `halfopen live`: the servers of the mechanisms on the real network.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::mechanism::feed::Feed;
use crate::mechanism::websocket;
use crate::net::os::OsNetwork;
use crate::net::{ListenOptions, Listener, Network};
use crate::session::Heartbeat;

use super::{Failure, Status};

/// Runs a mechanism's server on the operating system's network until Ctrl-C.
type Serve = fn(SocketAddr) -> io::Result<()>;

/// The mechanisms whose server can be had on the real network, by name.
const SERVERS: &[(&str, Serve)] = &[("websocket", websocket)];

/// One update a second at `/feed`, and a heartbeat on every connection.
fn websocket(addr: SocketAddr) -> io::Result<()> {
    let server = websocket::server(Feed::every(Duration::from_secs(1))).heartbeat(Heartbeat::default());
    on_the_real_network(addr, "ws", "/feed", |net, listener, stop| server.serve(net, listener, stop))
}

/// Listens, says where, and serves until Ctrl-C.
fn on_the_real_network<F: Future<Output = ()>>(
    addr: SocketAddr,
    scheme: &str,
    path: &str,
    serve: impl FnOnce(OsNetwork, <OsNetwork as Network>::Listener, Stop) -> F,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let net = OsNetwork::new();
        let options = ListenOptions { address: Some(addr.ip()), ..ListenOptions::default() };
        let listener = net.listen(addr.port(), &options).await?;
        println!("{scheme}://{}{path}", listener.local_addr()?);
        // Without Ctrl-C to wait for, it serves until it is killed.
        let stop: Stop = Box::pin(async {
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending().await
            }
        });
        serve(net, listener, stop).await;
        Ok(())
    })
}

/// Comes when the server is to stop.
type Stop = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

pub fn live(mechanism: &str, addr: SocketAddr) -> Result<Status, Failure> {
    let Some((_, serve)) = SERVERS.iter().find(|(name, _)| *name == mechanism) else {
        let valid: Vec<&str> = SERVERS.iter().map(|(name, _)| *name).collect();
        return Err(Failure::Usage(format!("no mechanism `{mechanism}`; valid: {}", valid.join(", "))));
    };
    match serve(addr) {
        Ok(()) => Ok(Status::Fine),
        Err(error) => Err(Failure::Usage(format!("cannot serve {mechanism} on {addr}: {error}"))),
    }
}
