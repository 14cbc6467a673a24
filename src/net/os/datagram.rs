//! UDP sockets of the operating system, by tokio.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use crate::net::{Datagrams, TooLong};

/// The most data in a packet of IPv4: 65,535 bytes (RFC 791, 3.1) without the headers of IP and UDP.
const MOST_DATA: usize = 65_535 - 20 - 8;

/// A UDP socket of the operating system.
///
/// It has both families of addresses where the system does; an IPv4 address is told and taken as one, never in its
/// IPv6-mapped form.
#[derive(Debug)]
pub struct OsDatagrams {
    socket: UdpSocket,
    family: Family,
    readers: Arc<Waiting>,
    writers: Arc<Waiting>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    /// IPv6, and IPv4 in its mapped form.
    Both,
    Ipv4,
}

/// Everybody who waits for one direction of the socket: tokio remembers but one waker for each.
#[derive(Debug, Default)]
struct Waiting(Mutex<Vec<Waker>>);

impl Waiting {
    fn add(&self, waker: &Waker) {
        let mut wakers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !wakers.iter().any(|known| known.will_wake(waker)) {
            wakers.push(waker.clone());
        }
    }
}

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        let wakers = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl OsDatagrams {
    pub(super) fn bind(port: u16) -> io::Result<Self> {
        let bind = |domain, address: IpAddr| {
            let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
            if domain == Domain::IPV6 {
                // The default differs between systems.
                socket.set_only_v6(false)?;
            }
            socket.set_nonblocking(true)?;
            socket.bind(&SocketAddr::new(address, port).into())?;
            UdpSocket::from_std(socket.into())
        };
        let (socket, family) = match bind(Domain::IPV6, Ipv6Addr::UNSPECIFIED.into()) {
            Ok(socket) => (socket, Family::Both),
            Err(e) if matches!(e.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied) => {
                return Err(e);
            }
            // A machine may have no IPv6 at all.
            Err(_) => (bind(Domain::IPV4, Ipv4Addr::UNSPECIFIED.into())?, Family::Ipv4),
        };
        Ok(Self { socket, family, readers: Arc::default(), writers: Arc::default() })
    }

    /// The address as the socket's family has it.
    fn mapped(&self, address: SocketAddr) -> io::Result<SocketAddr> {
        match (self.family, address) {
            (Family::Both, SocketAddr::V4(v4)) => {
                Ok(SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port()))
            }
            (Family::Ipv4, SocketAddr::V6(_)) => {
                Err(io::Error::new(io::ErrorKind::InvalidInput, "this machine has no IPv6"))
            }
            (_, fitting) => Ok(fitting),
        }
    }
}

/// Tries until the answer is another than "not now"; `ready` is what tells that it is worth trying.
fn poll_try<R>(
    cx: &mut Context<'_>,
    waiting: &Arc<Waiting>,
    ready: impl Fn(&mut Context<'_>) -> Poll<io::Result<()>>,
    mut try_it: impl FnMut() -> io::Result<R>,
) -> Poll<io::Result<R>> {
    loop {
        match try_it() {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            done => return Poll::Ready(done),
        }
        ready!(poll_ready(cx, waiting, &ready))?;
    }
}

fn poll_ready(
    cx: &mut Context<'_>,
    waiting: &Arc<Waiting>,
    ready: impl Fn(&mut Context<'_>) -> Poll<io::Result<()>>,
) -> Poll<io::Result<()>> {
    // Before the question, so that an answer in between wakes this task, too.
    waiting.add(cx.waker());
    let all = Waker::from(waiting.clone());
    ready(&mut Context::from_waker(&all))
}

impl Datagrams for OsDatagrams {
    fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        let ready = |cx: &mut Context<'_>| self.socket.poll_recv_ready(cx);
        let (n, from) = ready!(poll_try(cx, &self.readers, ready, || self.socket.try_recv_from(buffer)))?;
        Poll::Ready(Ok((n, SocketAddr::new(from.ip().to_canonical(), from.port()))))
    }

    fn poll_send_to(&self, cx: &mut Context<'_>, data: &[u8], to: SocketAddr) -> Poll<io::Result<()>> {
        if data.len() > MOST_DATA {
            return Poll::Ready(Err(TooLong { len: data.len(), most: MOST_DATA }.into()));
        }
        let to = self.mapped(to)?;
        let ready = |cx: &mut Context<'_>| self.socket.poll_send_ready(cx);
        poll_try(cx, &self.writers, ready, || self.socket.try_send_to(data, to)).map_ok(|_| ())
    }

    fn poll_send_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        poll_ready(cx, &self.writers, |cx| self.socket.poll_send_ready(cx))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}
