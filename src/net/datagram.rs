//! UDP sockets, as an application sees them.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

/// A UDP socket, bound to a port of all the machine's addresses; dropping it closes it.
///
/// Its heart are polls, so that the sockets that libraries ask for (quinn's `AsyncUdpSocket`, hickory's `DnsUdpSocket`)
/// can be built over it. Any number of tasks may wait on one socket: all of them are woken when it is worth trying again.
///
/// A datagram arrives whole, or not at all, perhaps twice, and perhaps before one that was sent earlier. That it was sent
/// says nothing about whether it arrives, nor whether anybody has the port it goes to: no implementation reports ICMP
/// errors as errors of the socket.
pub trait Datagrams: Send + Sync + Unpin + 'static {
    /// Receives the oldest datagram: how many bytes of it were written into `buffer`, and who sent it. What does not fit
    /// into `buffer` is lost. A datagram may be empty.
    ///
    /// # Errors
    /// `NotConnected` when the socket is gone (its process was ended), or as the operating system says.
    fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>>;

    /// Sends one datagram.
    ///
    /// # Errors
    /// - `InvalidInput` with a [`TooLong`] inside (Linux: `EMSGSIZE`) when one datagram cannot hold so much: 65,507 bytes
    ///   on a real network, 1,472 in a simulation, which does not split packets (as Linux does not when `IP_MTU_DISCOVER`
    ///   is `IP_PMTUDISC_DO`).
    /// - `InvalidInput` for port 0, or for an address of a family that the socket does not have (`EINVAL`,
    ///   `EAFNOSUPPORT`).
    /// - `NetworkUnreachable` when the machine has no address.
    /// - `NotConnected` when the socket is gone (its process was ended).
    fn poll_send_to(&self, cx: &mut Context<'_>, data: &[u8], to: SocketAddr) -> Poll<io::Result<()>>;

    /// Whether [`Self::poll_send_to`] would not wait just now; else the task is woken when it is worth trying.
    ///
    /// # Errors
    /// `NotConnected` when the socket is gone, or as the operating system says.
    fn poll_send_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Address and port it is bound to; the address is usually the unspecified one.
    ///
    /// # Errors
    /// `NotConnected` when the socket is gone, or as the operating system says.
    fn local_addr(&self) -> io::Result<SocketAddr>;

    /// Waits for a datagram: see [`Self::poll_recv_from`]. Cancel safe.
    ///
    /// # Errors
    /// Those of [`Self::poll_recv_from`].
    fn recv_from(&self, buffer: &mut [u8]) -> impl Future<Output = io::Result<(usize, SocketAddr)>> + Send {
        poll_fn(move |cx| self.poll_recv_from(cx, buffer))
    }

    /// Sends one datagram, as soon as there is room for it: see [`Self::poll_send_to`]. Cancel safe.
    ///
    /// # Errors
    /// Those of [`Self::poll_send_to`].
    fn send_to(&self, data: &[u8], to: SocketAddr) -> impl Future<Output = io::Result<()>> + Send {
        poll_fn(move |cx| self.poll_send_to(cx, data, to))
    }
}

/// More data than one datagram holds; inside an [`io::Error`] of the kind `InvalidInput`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a datagram of {len} bytes; the most that one holds is {most}")]
pub struct TooLong {
    /// How many bytes there were.
    pub len: usize,
    /// How many bytes there may be.
    pub most: usize,
}

impl From<TooLong> for io::Error {
    fn from(too_long: TooLong) -> Self {
        io::Error::new(io::ErrorKind::InvalidInput, too_long)
    }
}
