//! [`crate::net::Datagrams`] on a simulated machine: every call is a system call of its kernel.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::task::{Context, Poll};
use std::time::Duration;

use super::kernel::{Kernel, UdpId, socket_addr};
use super::socket::SimNet;
use crate::net::Datagrams;

/// A UDP socket of a simulated machine.
pub struct SimDatagrams {
    net: SimNet,
    id: UdpId,
    /// The machine's life in which it was bound.
    boots: u32,
}

impl SimDatagrams {
    /// `bind(2)`.
    pub(super) fn bind(net: SimNet, port: u16) -> io::Result<Self> {
        let process = net.process.id;
        let (id, boots) =
            net.shared.call(|kernel, _| kernel.bind_udp(port, process).map(|id| (id, kernel.boots())))?;
        Ok(Self { net, id, boots })
    }

    /// Runs a system call on this socket, unless the machine was booted anew since it was bound.
    fn call<R>(&self, f: impl FnOnce(&mut Kernel, Duration) -> io::Result<R>) -> io::Result<R> {
        self.net.shared.call(|kernel, now| {
            if kernel.boots() != self.boots {
                return Err(io::ErrorKind::NotConnected.into());
            }
            f(kernel, now)
        })
    }
}

impl Datagrams for SimDatagrams {
    fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        let received = self.call(|kernel, _| match kernel.poll_receive_from(self.id, cx, buffer) {
            Poll::Ready(result) => result.map(Some),
            Poll::Pending => Ok(None),
        });
        match received.transpose() {
            Some(result) => Poll::Ready(result.map(|(n, from)| (n, socket_addr(from)))),
            None => Poll::Pending,
        }
    }

    fn poll_send_to(&self, _: &mut Context<'_>, data: &[u8], to: SocketAddr) -> Poll<io::Result<()>> {
        let SocketAddr::V4(to) = to else {
            let error = io::Error::new(io::ErrorKind::InvalidInput, "simulated machines have no IPv6");
            return Poll::Ready(Err(error));
        };
        Poll::Ready(self.call(|kernel, now| kernel.send_to(now, self.id, data, to)))
    }

    fn poll_send_ready(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.call(|kernel, _| kernel.udp_port(self.id).map(|_| ())))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        let port = self.call(|kernel, _| kernel.udp_port(self.id))?;
        Ok(socket_addr(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port)))
    }
}

impl std::fmt::Debug for SimDatagrams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimDatagrams").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Drop for SimDatagrams {
    fn drop(&mut self) {
        // After a reboot there is nothing left to close.
        let _ = self.call(|kernel, _| {
            kernel.close_udp(self.id);
            Ok(())
        });
    }
}
