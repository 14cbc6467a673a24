//! The system calls of a machine's processes.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::task::{Context, Poll};
use std::time::Duration;

use smoltcp::socket::tcp::State;

use super::conn::Conn;
use super::listen::Listener;
use super::segment::Tuple;
use super::{ConnId, Kernel, ports};
use crate::net::{ListenOptions, SocketOptions};
use crate::sim::machine::process::ProcessId;

impl Kernel {
    pub(super) fn add(&mut self, tuple: Tuple, conn: Conn) -> ConnId {
        let id = ConnId(self.next_conn);
        self.next_conn += 1;
        self.by_tuple.insert(tuple, id);
        self.conns.insert(id, conn);
        id
    }

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
        if !self.recorder.reserve(self.buffer_bytes()) {
            // The run ends before anybody sees it.
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        let isn = self.initial_sequence(now, &tuple);
        let mut conn = Conn::new(now, tuple, owner, isn, &self.sysctls, options, true);
        // The SYN leaves with the first look at what the connection has to say.
        conn.start(now);
        self.log(now, "connecting", Some(remote), Vec::new());
        let id = self.add(tuple, conn);
        self.settle(now, id);
        Ok(id)
    }

    /// Whether the handshake is over.
    ///
    /// # Errors
    /// `ConnectionRefused` after a RST, `TimedOut` after the last SYN.
    pub fn poll_connected(&mut self, id: ConnId, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(conn) = self.conns.get_mut(&id) else {
            return Poll::Ready(Err(gone()));
        };
        if let Some(error) = conn.error.take() {
            return Poll::Ready(Err(error.into()));
        }
        match conn.state() {
            State::SynSent | State::SynReceived if !conn.detached => {
                conn.write_waker = Some(cx.waker().clone());
                Poll::Pending
            }
            _ => Poll::Ready(Ok(())),
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
            0 => (ports::first(&self.sysctls)..).find(|&p| free(self, p)),
            p => Some(p).filter(|&p| free(self, p)),
        }
        .ok_or(io::ErrorKind::AddrInUse)?;
        let listener = Listener { owner, options: options.clone(), queue: Default::default(), waker: None };
        self.listeners.insert(port, listener);
        Ok(port)
    }

    /// `accept(2)`.
    pub fn poll_accept(&mut self, port: u16, cx: &mut Context<'_>) -> Poll<io::Result<ConnId>> {
        let Some(listener) = self.listeners.get_mut(&port) else {
            return Poll::Ready(Err(gone()));
        };
        while let Some(id) = listener.queue.pop_front() {
            if let Some(conn) = self.conns.get_mut(&id) {
                conn.listener = None;
                return Poll::Ready(Ok(id));
            }
        }
        listener.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Closes a listener: connections not yet accepted are reset.
    pub fn close_listener(&mut self, now: Duration, port: u16) {
        let now = self.time(now);
        self.listeners.remove(&port);
        let waiting: Vec<ConnId> =
            self.conns.iter().filter(|(_, c)| c.listener == Some(port)).map(|(id, _)| *id).collect();
        for id in waiting {
            if let Some(conn) = self.conns.get_mut(&id) {
                conn.orphan = true;
                conn.give_up(now, true);
            }
            self.settle(now, id);
        }
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
        let Some(conn) = self.conns.get_mut(&id) else {
            return Poll::Ready(Err(gone()));
        };
        match conn.read(now, buffer) {
            Some(result) => {
                self.settle(now, id);
                Poll::Ready(result)
            }
            None => {
                conn.read_waker = Some(cx.waker().clone());
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
        let now = self.time(now);
        let Some(conn) = self.conns.get_mut(&id) else {
            return Poll::Ready(Err(gone()));
        };
        match conn.write(now, data) {
            Some(result) => {
                self.settle(now, id);
                Poll::Ready(result)
            }
            None => {
                conn.write_waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// `shutdown(2)` of the sending side.
    pub fn shutdown(&mut self, now: Duration, id: ConnId) {
        let now = self.time(now);
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let before = conn.state();
        conn.shutdown(now);
        self.fin_sent(now, id, before);
        self.settle(now, id);
    }

    /// `close(2)`, or the end of the process that held it.
    pub fn close(&mut self, now: Duration, id: ConnId) {
        let now = self.time(now);
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let before = conn.state();
        let reset_before = conn.detached;
        conn.close(now);
        if conn.detached && !reset_before && before != State::SynSent {
            let peer = conn.tuple.remote;
            self.log(
                now,
                "reset sent",
                Some(peer),
                vec![("reason", "closed with data unread or no linger".into())],
            );
        }
        self.fin_sent(now, id, before);
        self.settle(now, id);
    }

    fn fin_sent(&mut self, now: Duration, id: ConnId, before: State) {
        let Some(conn) = self.conns.get(&id) else { return };
        let after = conn.state();
        if !conn.detached && before != after && matches!(after, State::FinWait1 | State::LastAck) {
            self.log(now, "FIN sent", Some(conn.tuple.remote), Vec::new());
        }
    }

    /// Everything a process held is closed by the kernel when it dies.
    pub fn process_died(&mut self, now: Duration, owner: ProcessId) {
        let now = self.time(now);
        let ports: Vec<u16> =
            self.listeners.iter().filter(|(_, l)| l.owner == owner).map(|(p, _)| *p).collect();
        for port in ports {
            self.close_listener(now, port);
        }
        let held: Vec<ConnId> =
            self.conns.iter().filter(|(_, c)| c.owner == owner && !c.orphan).map(|(id, _)| *id).collect();
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
        let conn = self.conns.get_mut(&id).ok_or_else(gone)?;
        conn.set_options(now, options);
        self.settle(now, id);
        Ok(())
    }

    /// The two ends of a connection.
    ///
    /// # Errors
    /// `NotConnected` when the connection is gone.
    pub fn tuple(&self, id: ConnId) -> io::Result<Tuple> {
        self.conns.get(&id).map(|c| c.tuple).ok_or_else(gone)
    }

    /// The address of a listener.
    pub fn listen_address(&self, port: u16) -> SocketAddrV4 {
        let ip = match self.listeners.get(&port).and_then(|l| l.options.address) {
            Some(IpAddr::V4(ip)) => ip,
            _ => Ipv4Addr::UNSPECIFIED,
        };
        SocketAddrV4::new(ip, port)
    }
}

fn gone() -> io::Error {
    io::ErrorKind::NotConnected.into()
}
