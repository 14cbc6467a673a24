//! What the process above a connection does with it: reads, writes, closes, sets options.

use super::*;
use crate::tcp::WriteFlags;
use crate::tcp::memory::size_goal;
use crate::tcp::seq::{after, distance};

impl Connection {
    /// A process holds it now.
    pub fn accepted(&mut self) {
        self.receive_memory.is_held = true;
    }

    /// Reads what has arrived; `None`: nothing yet.
    pub fn read(&mut self, cx: &mut Cx<'_>, buffer: &mut [u8]) -> Option<io::Result<usize>> {
        if self.reassembly.unread() > 0 {
            let n = self.reassembly.read(buffer);
            self.receive_memory.copied(cx.now, n, self.reassembly.unread());
            self.check_ack_after_reading(cx);
            return Some(Ok(n));
        }
        if self.fin_taken || self.orphan {
            return Some(Ok(0));
        }
        if let Some(error) = self.error.take() {
            return Some(Err(error.into()));
        }
        if self.state == State::Closed || !self.state.may_receive() && self.state.is_synchronized() {
            return Some(Ok(0));
        }
        self.reader_waits = true;
        None
    }

    /// Reading makes room: the peer is told if it matters to it (Linux's `tcp_cleanup_rbuf()`).
    fn check_ack_after_reading(&mut self, cx: &mut Cx<'_>) {
        if !self.state.is_synchronized() || self.state == State::TimeWait {
            return;
        }
        let since = distance(self.window_told, self.receive_next);
        let mut tell = self.acks.owed
            && (since > self.receive_memory.segment()
                || self.acks.wants_one_after_reading(self.reassembly.unread() == 0));
        if !tell && !self.fin_taken {
            tell = self.receive_memory.should_announce(self.open_window());
        }
        if tell {
            self.send_ack(cx);
        }
    }

    /// Whether a reader would find something: data, an end, an error.
    pub fn is_readable(&self) -> bool {
        self.reassembly.unread() > 0
            || self.fin_taken
            || self.error.is_some()
            || matches!(self.state, State::Closed | State::TimeWait)
    }

    /// Writes as much as fits; `None`: nothing does, just now.
    pub fn write(&mut self, cx: &mut Cx<'_>, data: &[u8], flags: WriteFlags) -> Option<io::Result<usize>> {
        let corked = self.corked;
        self.corked |= flags.more;
        let result = self.write_as(cx, data, flags);
        self.corked = corked;
        result
    }

    fn write_as(&mut self, cx: &mut Cx<'_>, data: &[u8], flags: WriteFlags) -> Option<io::Result<usize>> {
        if let Some(error) = self.error.take() {
            return Some(Err(error.into()));
        }
        match self.state {
            State::SynSent | State::SynReceived => {}
            state if state.may_send() && !self.send.fin_waits => {}
            _ => return Some(Err(io::ErrorKind::BrokenPipe.into())),
        }
        if data.is_empty() {
            return Some(Ok(0));
        }
        let mut done = 0;
        while done < data.len() {
            let goal = size_goal(self.mss, self.largest_window);
            let begins_packet = self.send_memory.begins_packet(1, goal);
            let n = self.send_memory.write(data.len() - done, goal);
            if n == 0 {
                break;
            }
            if begins_packet {
                self.restart_if_idle(cx.now);
            }
            let pushed = !begins_packet && self.send.take_push();
            self.send.write(&data[done..done + n]);
            done += n;
            // What is half a window beyond the last push is pushed (Linux's forced_push()).
            let forced = after(self.send.write_end(), self.pushed.wrapping_add(self.largest_window / 2));
            let push = forced || (done == data.len() && !flags.more);
            if push {
                self.pushed = self.send.write_end();
            }
            if push || pushed {
                self.send.push();
            }
            if done == data.len() && flags.end_of_record {
                self.send.end_record();
                self.send_memory.end_record();
            }
            self.send.gather_pushes(self.send_memory.next_packet());
            if done < data.len() {
                // What is full leaves while the rest is copied.
                self.transmit(cx);
            }
        }
        if done == 0 {
            self.writer_waits = true;
            return None;
        }
        self.transmit(cx);
        Some(Ok(done))
    }

    /// Whether a writer would find room, or an error (Linux's `sk_stream_is_writeable()`).
    pub fn is_writable(&self) -> bool {
        self.error.is_some()
            || !(self.state.may_send() || self.state == State::SynSent)
            || (self.state.may_send() && self.send_memory.is_writable())
    }

    /// A process waits for the end of the handshake.
    pub fn await_connected(&mut self) {
        self.writer_waits = true;
    }

    /// shutdown(SHUT_WR): a FIN after what was written.
    pub fn shutdown(&mut self, cx: &mut Cx<'_>) {
        let next = match self.state {
            State::Established | State::SynReceived => State::FinWait1,
            State::CloseWait => State::LastAck,
            _ => return,
        };
        self.state = next;
        self.send.fin_waits = true;
        self.transmit_as(cx, true);
    }

    /// The process lets go of it. With unread data, or a linger of zero, that is a RST (RFC 9293 section 3.6.1, and
    /// RFC 2525 section 2.17).
    pub fn close(&mut self, cx: &mut Cx<'_>) {
        self.orphan = true;
        (self.reader_waits, self.writer_waits) = (false, false);
        if matches!(self.state, State::Closed | State::TimeWait) {
            return;
        }
        let unread = self.reassembly.clear() > 0;
        if self.state == State::SynSent {
            return self.end(cx, None);
        }
        if unread || self.options.linger == Some(Duration::ZERO) {
            return self.abort(cx, "closed with data unread or no linger");
        }
        self.shutdown(cx);
        if self.state == State::FinWait2 {
            self.wait_for_fin(cx.now);
        }
    }

    /// Ends it by a RST.
    pub fn abort(&mut self, cx: &mut Cx<'_>, reason: &'static str) {
        self.happened(cx, What::ResetSent(reason));
        self.send_reset(cx);
        self.end(cx, None);
    }

    /// The system ends it, and says nothing to the peer.
    pub fn destroy(&mut self, cx: &mut Cx<'_>) {
        self.happened(cx, What::Destroyed);
        self.end(cx, Some(io::ErrorKind::ConnectionAborted));
    }

    /// TCP_CORK: what does not fill a segment waits until it is taken off, or for 200 ms.
    pub fn set_cork(&mut self, cx: &mut Cx<'_>, corked: bool) {
        self.corked = corked;
        if !corked {
            self.transmit(cx);
        }
    }

    /// `setsockopt(2)`.
    pub fn set_options(&mut self, cx: &mut Cx<'_>, options: &crate::net::SocketOptions) {
        let before = std::mem::replace(&mut self.options, options.clone());
        let bytes = |size: Option<crate::parameter::ByteSize>| size.map(|s| s.0);
        if options.send_buffer != before.send_buffer {
            bytes(options.send_buffer).into_iter().for_each(|size| self.send_memory.set_fixed(size));
        }
        if options.receive_buffer != before.receive_buffer {
            bytes(options.receive_buffer).into_iter().for_each(|size| self.receive_memory.set_fixed(size));
        }
        self.send_memory.set_unsent_limit(bytes(options.notsent_lowat));
        if options.keepalive != before.keepalive && self.state.is_synchronized() && !self.orphan {
            self.restart_keepalive(cx.now);
        }
        if options.no_delay && !before.no_delay {
            self.transmit_as(cx, true);
        }
    }
}
