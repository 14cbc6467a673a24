//! What an application sees of a network.
//!
//! Mechanisms and sessions are written against the traits of this room and nothing else, so that the very same code
//! runs on a real network ([`os`], behind the feature `os`) and on a simulated one ([`crate::sim`]).
//!
//! - [`Network`]: connect, listen, bind, look names up, be told of network changes, own tasks, draw random bytes.
//! - [`Stream`] and [`Listener`]: a TCP connection and a listening socket, with the socket options that this book
//!   is about.
//! - [`Datagrams`]: a UDP socket.
//! - [`Process`]: what runs on a machine.
//! - [`Spawner`]: starts tasks of a process; [`Tasks`]: tasks that end with their owner. [`time`]: the machine's clock.

mod datagram;
pub mod memory;
mod options;
#[cfg(feature = "os")]
pub mod os;
mod tasks;
pub mod time;

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::broadcast;

pub use datagram::{Datagrams, TooLong};
pub use options::{Keepalive, ListenOptions, SocketOptions};
/// The form of a stop signal.
pub use tokio_util::sync::CancellationToken;

pub use tasks::{Abort, Spawn, Spawner, Task, Tasks};

/// One machine's view of its network.
///
/// A clone is another handle to the same machine. Dropping a returned future cancels the operation.
pub trait Network: Clone + Send + Sync + 'static {
    /// A connection.
    type Stream: Stream;
    /// A listening socket.
    type Listener: Listener<Stream = Self::Stream>;
    /// A UDP socket.
    type Datagrams: Datagrams;

    /// An address of `authority`, `host:port` as in a URL: the first, where a name has several.
    ///
    /// # Errors
    /// `InvalidInput` for an authority that cannot be read, `NotFound` for a name that does not resolve.
    fn lookup(&self, authority: &str) -> impl Future<Output = io::Result<SocketAddr>> + Send;

    /// Opens a connection to `authority`, `host:port` as in a URL.
    ///
    /// # Errors
    /// Those of [`Self::lookup`], and as the machine's kernel says: `ConnectionRefused` after a RST, `TimedOut` when the
    /// SYN retries are used up, `HostUnreachable` when a router says so, `NetworkUnreachable` without an address,
    /// `AddrNotAvailable` without a free port.
    fn connect(
        &self,
        authority: &str,
        options: &SocketOptions,
    ) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Listens on `port` (0: any free port) of all the machine's addresses, or of the one in the options.
    ///
    /// # Errors
    /// `AddrInUse` when the port is taken, or held by a TIME-WAIT and `reuse_address` is not set;
    /// `AddrNotAvailable` when the address is not the machine's.
    fn listen(
        &self,
        port: u16,
        options: &ListenOptions,
    ) -> impl Future<Output = io::Result<Self::Listener>> + Send;

    /// Opens a UDP socket on `port` (0: any free port) of all the machine's addresses, those it has yet to get included.
    ///
    /// # Errors
    /// `AddrInUse` when the port, or every one, is taken; `PermissionDenied` for a port that the system reserves.
    fn bind(&self, port: u16) -> impl Future<Output = io::Result<Self::Datagrams>> + Send;

    /// What happens to the machine's interfaces from now on.
    fn changes(&self) -> Changes;

    /// Starts tasks of this process; also an executor for what hyper spawns. `tokio::spawn` would start tasks that a
    /// simulated machine knows nothing of: there it fails the run.
    fn spawner(&self) -> Spawner;

    /// An empty set of tasks of this process; see [`Tasks`].
    fn tasks(&self) -> Tasks {
        Tasks::new(self.spawner())
    }

    /// The stop signal of this process (`SIGTERM`): cancelled when it is asked to come to its end, as before a deploy.
    /// It gets some time to take leave of whoever it serves, and is killed after that.
    fn stopping(&self) -> CancellationToken;

    /// Fills `buffer` with unpredictable bytes (in a simulation: with the seed's).
    fn random(&self, buffer: &mut [u8]);
}

/// Something that runs on a machine: a server, a client with its session. A clone is what a restart runs.
pub trait Process: Clone + Send + 'static {
    /// Runs it to its end; many have none. Dropping the future ends it and everything it started.
    ///
    /// # Errors
    /// What kept it from running, such as a port that is taken. That a connection ended is no error of the process.
    fn run<N: Network>(self, net: N) -> impl Future<Output = io::Result<()>> + Send;
}

/// A TCP connection.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Address and port on this side.
    ///
    /// # Errors
    /// `NotConnected` when the connection is gone.
    fn local_addr(&self) -> io::Result<SocketAddr>;

    /// Address and port on the other side.
    ///
    /// # Errors
    /// `NotConnected` when the connection is gone.
    fn peer_addr(&self) -> io::Result<SocketAddr>;

    /// Replaces the options of the connection, except for the local port, which it has.
    ///
    /// # Errors
    /// `Unsupported` for an option that the kernel does not have, `InvalidInput` for a value the kernel refuses,
    /// `NotConnected` when the connection is gone.
    fn set_options(&self, options: &SocketOptions) -> io::Result<()>;
}

/// A listening socket.
pub trait Listener: Send + 'static {
    /// The connections it accepts.
    type Stream: Stream;

    /// Takes the next established connection out of the accept queue. Cancel safe.
    ///
    /// # Errors
    /// As the kernel says; an error of one connection does not end the listener.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Stream, SocketAddr)>> + Send;

    /// Address and port it listens on.
    ///
    /// # Errors
    /// As the kernel says.
    fn local_addr(&self) -> io::Result<SocketAddr>;
}

/// Returns whether an error of `accept` concerns one connection that died in the queue, so that the next one can be taken
/// at once.
pub(crate) fn is_one_connections(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Something happened to the machine's interfaces, as an operating system tells its applications.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The machine has an address again after having none.
    Online,
    /// The machine has no address any more.
    Offline,
    /// The address packets leave from is another one now.
    AddressChanged,
}

/// The changes of a machine's network, in order.
#[derive(Debug)]
pub struct Changes(pub(crate) broadcast::Receiver<Change>);

impl Changes {
    /// The next change; `None` when there will be none any more. Cancel safe.
    ///
    /// A receiver that falls more than the channel's capacity behind loses the oldest changes, never the newest.
    pub async fn next(&mut self) -> Option<Change> {
        loop {
            match self.0.recv().await {
                Ok(change) => return Some(change),
                Err(broadcast::error::RecvError::Lagged(_)) => continue,
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}
