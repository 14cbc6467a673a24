//! The operating system's network.
//!
//! - [`OsNetwork`]: connections and listening sockets by tokio, their options by socket2, random bytes by getrandom.
//! - `datagram`: UDP sockets.
//! - `options`: socket options as system calls.
//! - `changes`: changes of the machine's addresses, by if-watch.
//!
//! # Which system has what
//! `no_delay`, `linger`, `backlog`, `reuse_address` and local ports exist everywhere. Keepalive intervals and
//! counts do not on OpenBSD and a few others; `user_timeout` exists on Linux and Android only. An option that the
//! system does not have is refused with `ErrorKind::Unsupported`, never ignored. Keepalive times and `linger` are
//! whole seconds to every system; a fraction is refused with `InvalidInput`.
//!
//! # What it does not do
//! The addresses of a name are tried one after the other, in the resolver's order: no Happy Eyeballs (RFC 8305).

mod changes;
mod datagram;
mod options;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

pub use datagram::OsDatagrams;

use super::{Change, Changes, ListenOptions, Listener, Network, SocketOptions, Spawner, Stream, Tasks};

/// How many changes a slow reader may fall behind before it loses the oldest.
const CHANGES_KEPT: usize = 16;

/// How long accepting rests after an error that is not one connection's, such as too many open files: trying again at
/// once would only burn CPU.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// The network of the machine that this program runs on. A clone is another handle to it.
#[derive(Clone)]
pub struct OsNetwork {
    changes: broadcast::Sender<Change>,
    /// The task that watches the addresses, from the first call of `changes` on; it ends with the last handle.
    watcher: Arc<Mutex<Option<Tasks>>>,
    stop: CancellationToken,
}

impl OsNetwork {
    /// A handle to the machine's network.
    pub fn new() -> Self {
        let changes = broadcast::Sender::new(CHANGES_KEPT);
        Self { changes, watcher: Arc::default(), stop: CancellationToken::new() }
    }
}

impl OsNetwork {
    /// Gives the stop signal to whatever runs on this handle or a clone of it.
    pub fn stop(&self) {
        self.stop.cancel();
    }
}

impl Default for OsNetwork {
    fn default() -> Self {
        Self::new()
    }
}

impl Network for OsNetwork {
    type Stream = TcpStream;
    type Listener = OsListener;
    type Datagrams = OsDatagrams;

    async fn lookup(&self, authority: &str) -> io::Result<SocketAddr> {
        let first = resolve(authority).await?.into_iter().next();
        first.ok_or_else(|| no_address(authority))
    }

    async fn connect(&self, authority: &str, options: &SocketOptions) -> io::Result<TcpStream> {
        let mut last = None;
        for address in resolve(authority).await? {
            match connect_to(address, options).await {
                Ok(stream) => return Ok(stream),
                Err(e) => last = Some(e),
            }
        }
        Err(last.unwrap_or_else(|| no_address(authority)))
    }

    async fn listen(&self, port: u16, options: &ListenOptions) -> io::Result<OsListener> {
        let backlog = i32::try_from(options.backlog).unwrap_or(i32::MAX);
        let bind = |address: IpAddr| {
            let socket = Socket::new(domain(address), Type::STREAM, Some(Protocol::TCP))?;
            if address == IpAddr::V6(Ipv6Addr::UNSPECIFIED) {
                // IPv4 clients as well: the default differs between systems.
                socket.set_only_v6(false)?;
            }
            socket.set_reuse_address(options.reuse_address)?;
            // Refuses at once what no accepted connection could be given.
            options::set(&SockRef::from(&socket), &options.accepted)?;
            socket.set_nonblocking(true)?;
            socket.bind(&SocketAddr::new(address, port).into())?;
            socket.listen(backlog)?;
            Ok(socket)
        };
        let socket = match options.address {
            Some(address) => bind(address),
            // A machine may have no IPv6 at all.
            None => bind(Ipv6Addr::UNSPECIFIED.into()).or_else(|e: io::Error| match e.kind() {
                io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied => Err(e),
                _ => bind(Ipv4Addr::UNSPECIFIED.into()),
            }),
        }?;
        Ok(OsListener { listener: TcpListener::from_std(socket.into())?, accepted: options.accepted.clone() })
    }

    async fn bind(&self, port: u16) -> io::Result<OsDatagrams> {
        OsDatagrams::bind(port)
    }

    /// Watches from the first call on.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    fn changes(&self) -> Changes {
        let mut watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = Changes(self.changes.subscribe());
        watcher.get_or_insert_with(|| {
            let mut tasks = self.tasks();
            tasks.spawn(changes::watch(self.changes.clone()));
            tasks
        });
        changes
    }

    fn spawner(&self) -> Spawner {
        Spawner::tokio()
    }

    fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// # Panics
    /// When the operating system has no random bytes to give; nothing on a network is safe then.
    fn random(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("the operating system gives random bytes");
    }
}

/// The addresses of `host:port`.
async fn resolve(authority: &str) -> io::Result<Vec<SocketAddr>> {
    let readable = authority
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    if !readable {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("`{authority}` is not host:port")));
    }
    match tokio::net::lookup_host(authority).await {
        Ok(addresses) => Ok(addresses.collect()),
        Err(e) => Err(io::Error::new(io::ErrorKind::NotFound, e)),
    }
}

fn no_address(authority: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("{authority}: no address"))
}

async fn connect_to(address: SocketAddr, options: &SocketOptions) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    options::set(&SockRef::from(&socket), options)?;
    if options.local_port != 0 {
        let any: IpAddr = match address {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        // Bound without SO_REUSEADDR a port in TIME-WAIT is not available, as `connect` says.
        socket.bind(SocketAddr::new(any, options.local_port)).map_err(|e| match e.kind() {
            io::ErrorKind::AddrInUse => io::Error::new(io::ErrorKind::AddrNotAvailable, e),
            _ => e,
        })?;
    }
    socket.connect(address).await
}

fn domain(address: IpAddr) -> Domain {
    match address {
        IpAddr::V4(_) => Domain::IPV4,
        IpAddr::V6(_) => Domain::IPV6,
    }
}

impl Stream for TcpStream {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        TcpStream::local_addr(self)
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        TcpStream::peer_addr(self)
    }

    fn set_options(&self, options: &SocketOptions) -> io::Result<()> {
        options::set(&SockRef::from(self), options)
    }
}

/// A listening socket of the operating system.
#[derive(Debug)]
pub struct OsListener {
    listener: TcpListener,
    accepted: SocketOptions,
}

impl Listener for OsListener {
    type Stream = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = self.listener.accept().await?;
        // The listening socket took these values; a connection that does not is already gone.
        options::set(&SockRef::from(&stream), &self.accepted)
            .map_err(|e| io::Error::new(io::ErrorKind::ConnectionAborted, e))?;
        Ok((stream, peer))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl axum::serve::Listener for OsListener {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            match Listener::accept(self).await {
                Ok(accepted) => return accepted,
                Err(e) if super::is_one_connections(&e) => {}
                Err(e) => {
                    tracing::error!(target: "halfopen::tcp", error = %e, "accept failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

#[cfg(test)]
mod tests;
