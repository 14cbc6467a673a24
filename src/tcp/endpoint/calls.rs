//! The system calls.

use std::io;
use std::time::Duration;

use super::*;
use crate::net::SocketOptions;
use crate::tcp::WriteFlags;

impl Endpoint {
    /// `connect(2)`: sends a SYN. [`Self::connected`] tells what became of it. The tuple is free.
    pub fn connect(&mut self, now: Duration, tuple: Tuple, options: &SocketOptions) -> ConnId {
        let isn = self.initial_sequence(now, &tuple);
        self.add(|cx, common| Connection::connect(cx, common, tuple, isn, options), now)
    }

    /// Whether the handshake is over; `None`: not yet, and an [`Event::Writable`] will tell.
    pub fn connected(&mut self, id: ConnId) -> Option<io::Result<()>> {
        let Some(conn) = self.conn_mut(id) else { return Some(Err(gone())) };
        if let Some(error) = conn.error.take() {
            return Some(Err(error.into()));
        }
        match conn.state {
            State::SynSent | State::SynReceived => {
                conn.await_connected();
                None
            }
            _ => Some(Ok(())),
        }
    }

    /// `read(2)`: 0 after the peer's FIN; `None`: nothing yet, and an [`Event::Readable`] will tell.
    ///
    /// # Errors
    /// The connection's error, once: `ConnectionReset`, `TimedOut`, ...
    pub fn read(&mut self, now: Duration, id: ConnId, buffer: &mut [u8]) -> Option<io::Result<usize>> {
        self.with(now, id, |conn, cx| conn.read(cx, buffer)).unwrap_or_else(|| Some(Err(gone())))
    }

    /// `write(2)`: as much as fits into the send buffer; `None`: nothing does, and an [`Event::Writable`] will tell.
    ///
    /// # Errors
    /// The connection's error, once; then, and after a shutdown, `BrokenPipe`.
    pub fn write(&mut self, now: Duration, id: ConnId, data: &[u8]) -> Option<io::Result<usize>> {
        self.write_as(now, id, data, WriteFlags::default())
    }

    /// `send(2)`: the same, with flags.
    ///
    /// # Errors
    /// As of [`Self::write`].
    pub fn write_as(
        &mut self,
        now: Duration,
        id: ConnId,
        data: &[u8],
        flags: WriteFlags,
    ) -> Option<io::Result<usize>> {
        self.with(now, id, |conn, cx| conn.write(cx, data, flags)).unwrap_or_else(|| Some(Err(gone())))
    }

    /// `TCP_CORK`: what does not fill a segment is held back until it is taken off, or for 200 ms.
    pub fn set_cork(&mut self, now: Duration, id: ConnId, corked: bool) {
        self.with(now, id, |conn, cx| conn.set_cork(cx, corked));
    }

    /// Whether a read would not block.
    pub fn is_readable(&self, id: ConnId) -> bool {
        self.conn(id).is_none_or(Connection::is_readable)
    }

    /// Whether `poll(2)` would report room to write, or an error.
    pub fn is_writable(&self, id: ConnId) -> bool {
        self.conn(id).is_none_or(Connection::is_writable)
    }

    /// `shutdown(2)` of the sending side.
    pub fn shutdown(&mut self, now: Duration, id: ConnId) {
        self.with(now, id, |conn, cx| conn.shutdown(cx));
    }

    /// `close(2)`: with data unread, or a linger of zero, by a RST.
    pub fn close(&mut self, now: Duration, id: ConnId) {
        self.with(now, id, |conn, cx| conn.close(cx));
    }

    /// Ends a connection without a word to its peer: its process sees `ConnectionAborted` (Linux's SOCK_DESTROY).
    pub fn destroy(&mut self, now: Duration, id: ConnId) {
        self.with(now, id, |conn, cx| conn.destroy(cx));
    }

    /// `setsockopt(2)`.
    ///
    /// # Errors
    /// `NotConnected` when the connection is gone.
    pub fn set_options(&mut self, now: Duration, id: ConnId, options: &SocketOptions) -> io::Result<()> {
        self.with(now, id, |conn, cx| conn.set_options(cx, options)).ok_or_else(gone)
    }

    /// The state of a connection; `None`: it is gone.
    pub fn state(&self, id: ConnId) -> Option<State> {
        if self.in_time_wait(id) {
            return Some(State::TimeWait);
        }
        self.conn(id).map(|conn| conn.state)
    }

    /// The two ends of a connection; `None`: it is gone.
    pub fn tuple(&self, id: ConnId) -> Option<Tuple> {
        self.conn(id).map(|conn| conn.tuple)
    }

    /// A look inside a connection; `None`: it is gone.
    pub fn info(&self, id: ConnId) -> Option<Info> {
        self.conn(id).map(Connection::info)
    }

    /// Every connection that a process or the network still knows of.
    pub fn ids(&self) -> impl Iterator<Item = ConnId> + '_ {
        // A machine has fewer than 2^32 connections.
        let id = |(place, slot): (usize, &Slot)| ConnId { place: place as u32, life: slot.life };
        self.slots.iter().enumerate().filter(|(_, slot)| slot.conn.is_some()).map(id)
    }

    /// Whether a connection, or what stays of one, has these ends.
    pub fn has_tuple(&self, tuple: &Tuple) -> bool {
        self.by_tuple.contains_key(tuple)
    }

    /// Whether any connection, or what stays of one, has that local port.
    pub fn uses_port(&self, port: u16) -> bool {
        self.time_waits.keys().any(|tuple| tuple.local.port() == port)
            || self
                .ids()
                .filter_map(|id| self.conn(id))
                .any(|c| c.state != State::Closed && c.tuple.local.port() == port)
    }

    /// Whether a connection has no process any more.
    pub fn is_orphan(&self, id: ConnId) -> bool {
        self.conn(id).is_none_or(|conn| conn.orphan)
    }

    fn conn_mut(&mut self, id: ConnId) -> Option<&mut Connection> {
        let slot = self.slots.get_mut(id.place()).filter(|slot| slot.life == id.life)?;
        slot.conn.as_deref_mut()
    }
}

fn gone() -> io::Error {
    io::ErrorKind::NotConnected.into()
}
