//! The system calls of a machine's processes.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::task::{Context, Poll};
use std::time::Duration;

use super::{ConnId, Kernel, Listening, ports};
use crate::net::{ListenOptions, SocketOptions};
use crate::sim::machine::process::ProcessId;
use crate::tcp::Tuple;

impl Kernel {
    /// `connect(2)`: sends a SYN. [`Self::poll_connected`] tells what became of it.
    ///
    /// # Errors
    /// `NetworkUnreachable` without an address, `AddrNotAvailable` without a free port.
    pub fn connect(
        &mut self,
        now: Duration,
        remote: SocketAddrV4,
        options: &SocketOptions,
        owner: ProcessId,
    ) -> io::Result<ConnId> {
        let now = self.time(now);
        let tuple = self.choose_tuple(remote, options.local_port)?;
        let id = self.tcp.connect(now, tuple, options);
        self.hold(id, owner);
        self.after(now);
        Ok(id)
    }

    /// Whether the handshake is over.
    ///
    /// # Errors
    /// `ConnectionRefused` after a RST, `TimedOut` after the last SYN, `HostUnreachable` when a router says so.
    pub fn poll_connected(&mut self, id: ConnId, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.tcp.connected(id) {
            Some(result) => Poll::Ready(result),
            None => {
                if let Some(held) = self.held_by(id) {
                    held.write = Some(cx.waker().clone());
                }
                Poll::Pending
            }
        }
    }

    /// `listen(2)`; port 0 takes a free one. Returns the port.
    ///
    /// # Errors
    /// `AddrInUse` when the port is taken, `AddrNotAvailable` when the address is not the machine's.
    pub fn listen(&mut self, port: u16, options: &ListenOptions, owner: ProcessId) -> io::Result<u16> {
        if options.address.is_some_and(|a| !self.addresses.iter().any(|own| a == IpAddr::V4(*own))) {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        }
        let free = |kernel: &Self, p| kernel.port_is_free(p, options.reuse_address);
        let port = match port {
            0 => (ports::first(self.tcp.sysctls())..).find(|&p| free(self, p)),
            p => Some(p).filter(|&p| free(self, p)),
        }
        .ok_or(io::ErrorKind::AddrInUse)?;
        self.tcp.listen(port, options);
        self.listening.insert(port, Listening { owner, waker: None });
        Ok(port)
    }

    /// `accept(2)`.
    pub fn poll_accept(&mut self, port: u16, cx: &mut Context<'_>) -> Poll<io::Result<ConnId>> {
        let Some(listening) = self.listening.get_mut(&port) else {
            return Poll::Ready(Err(gone()));
        };
        let owner = listening.owner;
        match self.tcp.accept(port) {
            Some(id) => {
                self.hold(id, owner);
                Poll::Ready(Ok(id))
            }
            None => {
                listening.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Closes a listener: connections not yet accepted are reset.
    pub fn close_listener(&mut self, now: Duration, port: u16) {
        let now = self.time(now);
        self.listening.remove(&port);
        self.tcp.close_listener(now, port);
        self.after(now);
    }

    /// `read(2)`: 0 after the peer's FIN.
    ///
    /// # Errors
    /// The connection's error, once: `ConnectionReset`, `TimedOut`, ...
    pub fn poll_read(
        &mut self,
        now: Duration,
        id: ConnId,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let now = self.time(now);
        let result = self.tcp.read(now, id, buffer);
        self.after(now);
        match result {
            Some(result) => Poll::Ready(result),
            None => {
                if let Some(held) = self.held_by(id) {
                    held.read = Some(cx.waker().clone());
                }
                Poll::Pending
            }
        }
    }

    /// `write(2)`: as much as fits into the send buffer.
    ///
    /// # Errors
    /// The connection's error, once; then, and after a shutdown, `BrokenPipe`.
    pub fn poll_write(
        &mut self,
        now: Duration,
        id: ConnId,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(held) = self.held_by(id).filter(|held| held.blocked) {
            held.write = Some(cx.waker().clone());
            return Poll::Pending;
        }
        match self.send(now, id, data) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                if let Some(held) = self.held_by(id) {
                    held.blocked = true;
                    held.write = Some(cx.waker().clone());
                }
                Poll::Pending
            }
            result => Poll::Ready(result),
        }
    }

    /// `send(2)` with `MSG_DONTWAIT`: takes what there is room for, however little.
    ///
    /// # Errors
    /// `WouldBlock` without any room; else as [`Self::poll_write`].
    pub fn send(&mut self, now: Duration, id: ConnId, data: &[u8]) -> io::Result<usize> {
        let now = self.time(now);
        let result = self.tcp.write(now, id, data);
        self.after(now);
        result.unwrap_or_else(|| Err(io::ErrorKind::WouldBlock.into()))
    }

    /// `shutdown(2)` of the sending side.
    pub fn shutdown(&mut self, now: Duration, id: ConnId) {
        let now = self.time(now);
        self.tcp.shutdown(now, id);
        self.after(now);
    }

    /// `close(2)`, or the end of the process that held it.
    pub fn close(&mut self, now: Duration, id: ConnId) {
        let now = self.time(now);
        if let Some(held) = self.held_by(id) {
            *held = super::Held::default();
        }
        self.tcp.close(now, id);
        self.after(now);
    }

    /// Everything a process held is closed by the kernel when it dies.
    pub fn process_died(&mut self, now: Duration, owner: ProcessId) {
        let ports: Vec<u16> =
            self.listening.iter().filter(|(_, l)| l.owner == owner).map(|(p, _)| *p).collect();
        for port in ports {
            self.close_listener(now, port);
        }
        let held: Vec<ConnId> =
            self.held.iter().filter(|held| held.owner == Some(owner)).filter_map(|held| held.id).collect();
        for id in held {
            self.close(now, id);
        }
        self.udp.process_died(owner);
    }

    /// `setsockopt(2)`.
    ///
    /// # Errors
    /// `NotConnected` when the connection is gone.
    pub fn set_options(&mut self, now: Duration, id: ConnId, options: &SocketOptions) -> io::Result<()> {
        let now = self.time(now);
        let result = self.tcp.set_options(now, id, options);
        self.after(now);
        result
    }

    /// The two ends of a connection.
    ///
    /// # Errors
    /// `NotConnected` when the connection is gone.
    pub fn tuple(&self, id: ConnId) -> io::Result<Tuple> {
        self.tcp.tuple(id).ok_or_else(gone)
    }

    /// The address of a listener.
    pub fn listen_address(&self, port: u16) -> SocketAddrV4 {
        let listener = self.tcp.listeners().find(|(p, ..)| *p == port);
        let ip = match listener.and_then(|(_, options, _)| options.address) {
            Some(IpAddr::V4(ip)) => ip,
            _ => Ipv4Addr::UNSPECIFIED,
        };
        SocketAddrV4::new(ip, port)
    }
}

fn gone() -> io::Error {
    io::ErrorKind::NotConnected.into()
}
