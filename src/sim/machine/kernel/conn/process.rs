//! What the process above a connection does with it: reads, writes, closes, waits.

use std::io;
use std::time::Duration;

use smoltcp::socket::tcp::{RecvError, Socket, State};

use super::Conn;
use crate::sim::machine::kernel::wire::Outgoing;

impl Conn {
    /// Reads what has arrived; `None`: nothing yet.
    pub fn read(&mut self, now: Duration, buffer: &mut [u8]) -> Option<io::Result<usize>> {
        if self.socket().can_recv() {
            // can_recv() says that there is data, which is all that recv_slice() asks for.
            let n = self.socket_mut().recv_slice(buffer).unwrap_or(0);
            if !self.detached {
                self.emit(now, true);
            }
            return Some(Ok(n));
        }
        if let Some(error) = self.error.take() {
            return Some(Err(error.into()));
        }
        if self.detached {
            return Some(Ok(0));
        }
        match self.socket_mut().recv_slice(&mut []) {
            Err(RecvError::Finished | RecvError::InvalidState) => Some(Ok(0)),
            Ok(_) => None,
        }
    }

    /// Writes as much as fits; `None`: nothing does, just now.
    pub fn write(&mut self, now: Duration, data: &[u8]) -> Option<io::Result<usize>> {
        if let Some(error) = self.error.take() {
            return Some(Err(error.into()));
        }
        if self.detached || self.finishing || !self.socket().may_send() {
            return Some(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if !self.socket().can_send() {
            return None;
        }
        // may_send() was checked.
        let n = self.socket_mut().send_slice(data).unwrap_or(0);
        // After a timeout the congestion window is one segment, and that one is under way: what is new waits.
        if self.xmit.timeouts == 0 {
            self.emit(now, false);
        }
        Some(Ok(n))
    }

    /// shutdown(SHUT_WR): a FIN after what was written.
    pub fn shutdown(&mut self, now: Duration) {
        if !self.detached {
            self.finish(now);
        }
    }

    /// Queues a FIN behind what was written. In LAST-ACK smoltcp ignores that the peer opens its window, so that it gets
    /// there only when everything before the FIN has been sent.
    pub(super) fn finish(&mut self, now: Duration) {
        self.finishing = self.state() == State::CloseWait && self.unsent() > 0;
        if !self.finishing {
            self.socket_mut().close();
            self.emit(now, false);
        }
    }

    /// Bytes written and not yet sent.
    pub(super) fn unsent(&self) -> usize {
        let sent = self.xmit.next_seq().wrapping_sub(self.xmit.first_unacknowledged());
        self.socket().send_queue().saturating_sub(sent as usize)
    }

    /// The process lets go of it. With unread data, or a linger of zero, that is a RST (RFC 9293 section 3.6.1, and
    /// RFC 2525 section 2.17).
    pub fn close(&mut self, now: Duration) {
        self.orphan = true;
        self.xmit.orphan = true;
        self.read_waker = None;
        self.write_waker = None;
        if self.detached {
            return;
        }
        let unread = self.socket().recv_queue() > 0;
        if unread || self.options.linger == Some(Duration::ZERO) {
            self.give_up(now, true);
        } else if self.state() == State::SynSent {
            self.detached = true;
        } else {
            self.finish(now);
            if self.state() == State::FinWait2 {
                self.fin_wait_2 = Some(now + self.fin_timeout);
            }
        }
    }

    /// Wakes whoever waits for what is now possible.
    pub fn wake(&mut self) {
        let over = self.detached || self.error.is_some();
        let socket = self.sockets.get::<Socket>(self.handle);
        if (over || socket.can_recv() || !socket.may_recv())
            && let Some(w) = self.read_waker.take()
        {
            w.wake();
        }
        if (over || socket.can_send() || (!socket.may_send() && socket.state() != State::SynSent))
            && let Some(w) = self.write_waker.take()
        {
            w.wake();
        }
    }

    /// What is to be sent.
    pub fn outgoing(&mut self) -> std::collections::vec_deque::Drain<'_, Outgoing> {
        self.wire.leaving.drain(..)
    }
}
