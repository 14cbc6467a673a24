//! `halfopen live`: the servers of the mechanisms on the real network.

use std::io;
use std::net::SocketAddr;

use super::{Failure, Status};

/// Runs a mechanism's server on the operating system's network until Ctrl-C.
type Serve = fn(SocketAddr) -> io::Result<()>;

/// The mechanisms whose server can be had on the real network, by name.
const SERVERS: &[(&str, Serve)] = &[];

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
