//! Listening sockets: handshakes are completed while the application is not accepting, as far as the backlog allows.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddrV4};
use std::task::Waker;
use std::time::Duration;

use smoltcp::socket::tcp::State;

use super::conn::Conn;
use super::segment::Tuple;
use super::{ConnId, Kernel};
use crate::net::ListenOptions;
use crate::packet::Segment;
use crate::sim::machine::process::ProcessId;

pub(super) struct Listener {
    pub owner: ProcessId,
    pub options: ListenOptions,
    /// Established, not yet accepted.
    pub queue: VecDeque<ConnId>,
    pub waker: Option<Waker>,
}

impl Listener {
    /// Linux takes one connection more than the backlog says (`sk_acceptq_is_full()`).
    fn is_full(&self) -> bool {
        self.queue.len() > self.options.backlog as usize
    }
}

impl Kernel {
    /// Whether somebody listens there.
    pub(super) fn is_listening(&self, local: SocketAddrV4) -> bool {
        let here = |l: &Listener| l.options.address.is_none_or(|a| a == IpAddr::V4(*local.ip()));
        self.listeners.get(&local.port()).is_some_and(here)
    }

    /// A SYN for a listening port.
    pub(super) fn syn_arrived(&mut self, now: Duration, tuple: Tuple, segment: &Segment) {
        let Some(listener) = self.listeners.get(&tuple.local.port()) else {
            return;
        };
        if listener.is_full() {
            // tcp_abort_on_overflow = 0: no RST; the client's SYN timer will try again.
            self.log(now, "SYN dropped", Some(tuple.remote), vec![("reason", "accept queue full".into())]);
            return;
        }
        let owner = listener.owner;
        let options = listener.options.accepted.clone();
        if !self.recorder.reserve(self.buffer_bytes()) {
            return;
        }
        let isn = self.initial_sequence(now, &tuple);
        let mut conn = Conn::new(now, tuple, owner, isn, &self.sysctls, &options, false);
        conn.receive(now, segment);
        let id = self.add(tuple, conn);
        self.settle(now, id);
    }

    /// Whether the last segment of a handshake has to wait because the accept queue is full: Linux drops it, and the
    /// client, which believes itself connected, will say it again with its data.
    pub(super) fn accept_queue_holds_back(&self, id: ConnId, segment: &Segment) -> bool {
        let Some(conn) = self.conns.get(&id) else {
            return false;
        };
        conn.state() == State::SynReceived
            && !segment.flags.syn
            && !segment.flags.rst
            && conn.listener.and_then(|port| self.listeners.get(&port)).is_some_and(Listener::is_full)
    }

    pub(super) fn queue_for_accept(&mut self, id: ConnId) {
        let port = self.conns.get(&id).and_then(|c| c.listener);
        let Some(listener) = port.and_then(|port| self.listeners.get_mut(&port)) else {
            return;
        };
        listener.queue.push_back(id);
        if let Some(waker) = listener.waker.take() {
            waker.wake();
        }
    }

    pub(super) fn queued_for_accept(&self, id: ConnId) -> bool {
        let port = self.conns.get(&id).and_then(|c| c.listener);
        port.and_then(|port| self.listeners.get(&port)).is_some_and(|l| l.queue.contains(&id))
    }
}
