//! Listening sockets: handshakes are completed while the application is not accepting, as far as the backlog allows.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddrV4};
use std::time::Duration;

use super::*;
use crate::net::ListenOptions;
use crate::tcp::connection::Handshake;

pub(super) struct Listener {
    pub options: ListenOptions,
    /// Established, not yet accepted.
    pub queue: VecDeque<ConnId>,
}

impl Listener {
    /// Linux takes one connection more than the backlog says (`sk_acceptq_is_full()`).
    fn is_full(&self) -> bool {
        self.queue.len() > self.options.backlog as usize
    }
}

impl Endpoint {
    /// Whether somebody listens there.
    pub fn is_listening(&self, local: SocketAddrV4) -> bool {
        let here = |l: &Listener| l.options.address.is_none_or(|a| a == IpAddr::V4(*local.ip()));
        self.listeners.get(&local.port()).is_some_and(here)
    }

    /// `listen(2)` on a port that is free.
    pub fn listen(&mut self, port: u16, options: &ListenOptions) {
        self.listeners.insert(port, Listener { options: options.clone(), queue: VecDeque::new() });
    }

    /// The listening ports, each with its options and how many connections wait to be accepted.
    pub fn listeners(&self) -> impl Iterator<Item = (u16, &ListenOptions, usize)> {
        self.listeners.iter().map(|(port, l)| (*port, &l.options, l.queue.len()))
    }

    /// Whether somebody listens on that port of any address.
    pub fn has_listener(&self, port: u16) -> bool {
        self.listeners.contains_key(&port)
    }

    /// `accept(2)`: the connection that has waited longest; `None`: none waits.
    pub fn accept(&mut self, port: u16) -> Option<ConnId> {
        let listener = self.listeners.get_mut(&port)?;
        while let Some(id) = listener.queue.pop_front() {
            let slot = self.slots.get_mut(id.place()).filter(|slot| slot.life == id.life);
            if let Some(conn) = slot.and_then(|slot| slot.conn.as_mut()) {
                conn.accepted();
                return Some(id);
            }
        }
        None
    }

    /// Closes a listener: connections not yet accepted are reset, handshakes not yet over are forgotten.
    pub fn close_listener(&mut self, now: Duration, port: u16) {
        let Some(listener) = self.listeners.remove(&port) else { return };
        for id in listener.queue {
            self.with(now, id, |conn, cx| {
                conn.orphan = true;
                if conn.state.is_synchronized() {
                    conn.abort(cx, "listener closed");
                }
            });
            self.forget(id);
        }
        let requests: Vec<ConnId> = self.ids().filter(|id| self.is_request_of(*id, port)).collect();
        for id in requests {
            self.with(now, id, |conn, cx| conn.drop_request(cx));
        }
    }

    fn is_request_of(&self, id: ConnId, port: u16) -> bool {
        self.conn(id)
            .is_some_and(|c| c.state == State::SynReceived && c.passive && c.tuple.local.port() == port)
    }

    /// A SYN for a listening port; `isn`: our own number, if it has to be a certain one.
    pub(super) fn syn_arrived(&mut self, now: Duration, tuple: Tuple, segment: &Segment, isn: Option<u32>) {
        let Some(listener) = self.listeners.get(&tuple.local.port()) else { return };
        if listener.is_full() {
            // tcp_abort_on_overflow = 0: no RST; the client's SYN timer will try again.
            self.events.push_back(Event::Happened { peer: tuple.remote, what: What::SynDropped });
            return;
        }
        let options = listener.options.accepted.clone();
        let isn = isn.unwrap_or_else(|| self.initial_sequence(now, &tuple));
        self.add(|cx, common| Connection::accept(cx, common, tuple, isn, &options, segment), now);
    }

    pub(super) fn receive_for_request(&mut self, now: Duration, id: ConnId, segment: &Segment) {
        let port = segment.dst.port();
        let Some(full) = self.listeners.get(&port).map(Listener::is_full) else {
            // Its listener is gone.
            self.with(now, id, |conn, cx| conn.drop_request(cx));
            return self.refuse(segment);
        };
        match self.with(now, id, |conn, cx| conn.arrives_at_request(cx, segment, full)) {
            Some(Handshake::Completed) => {
                if let Some(listener) = self.listeners.get_mut(&port) {
                    listener.queue.push_back(id);
                }
                self.with(now, id, |conn, cx| {
                    conn.born = true;
                    conn.receive(cx, segment);
                });
                self.events.push_back(Event::Acceptable(port));
            }
            Some(Handshake::Refused) => self.refuse(segment),
            _ => {}
        }
    }
}
