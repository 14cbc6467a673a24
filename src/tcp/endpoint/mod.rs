//! A machine's TCP: who is spoken to, who listens, who has left.
//!
//! - `calls`: the system calls. `listen`: SYNs and accept queues. `time_wait`: what stays of closed connections.

mod calls;
mod listen;
mod time_wait;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::connection::{Common, Connection, Cx, Info, LastWords, MSS, reset_for};
use super::event::{Event, What};
use super::wheel::Wheel;
use super::{State, Sysctls, Transmit, Tuple};
use crate::mix;
use crate::packet::{Code, Marks, Segment};
use listen::Listener;
use time_wait::TimeWait;

/// A connection, as a process holds it. Numbers of a place are not used again: an old one finds nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId {
    place: u32,
    life: u32,
}

impl ConnId {
    /// Where it is in a list of all connections: small, and used again after its end.
    pub(crate) fn place(self) -> usize {
        self.place as usize
    }
}

/// What the calendar may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Alarm {
    Conn(ConnId),
    TimeWait(Tuple),
}

/// Where connections are kept.
#[derive(Default)]
struct Slot {
    life: u32,
    conn: Option<Box<Connection>>,
}

/// What a segment's addresses lead to.
#[derive(Debug, Clone, Copy)]
enum Found {
    Conn(ConnId),
    TimeWait,
}

/// A machine's TCP.
pub struct Endpoint {
    common: Common,
    /// RFC 6528's secret.
    secret: u64,
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Never iterated: its order is nobody's business.
    by_tuple: FxHashMap<Tuple, Found>,
    listeners: BTreeMap<u16, Listener>,
    time_waits: BTreeMap<Tuple, TimeWait>,
    calendar: BTreeSet<(Duration, Alarm)>,
    out: VecDeque<Transmit>,
    events: VecDeque<Event>,
    buffered: u64,
    /// The machine's addresses; `None`: whichever it is asked for.
    addresses: Option<Vec<Ipv4Addr>>,
    /// What the segment that is being received was put together from.
    piece: Option<u16>,
}

impl Endpoint {
    /// A machine's TCP. `secret` is what initial sequence numbers are made of (RFC 6528), and the position of the timer
    /// wheel.
    pub fn new(sysctls: Sysctls, secret: u64) -> Self {
        Self {
            common: Common { sysctls: Arc::new(sysctls), wheel: Wheel::at(mix(secret)), max_segment: MSS },
            secret,
            slots: Vec::new(),
            free: Vec::new(),
            by_tuple: FxHashMap::default(),
            listeners: BTreeMap::new(),
            time_waits: BTreeMap::new(),
            calendar: BTreeSet::new(),
            out: VecDeque::new(),
            events: VecDeque::new(),
            buffered: 0,
            addresses: None,
            piece: None,
        }
    }

    /// The machine has these addresses and no others: from another one nothing can be sent.
    pub fn set_addresses(&mut self, addresses: &[Ipv4Addr]) {
        self.addresses = Some(addresses.to_vec());
    }

    /// Connections from now on send, and ask for, no more data in a segment than this, from 88 bytes on (TCP_MAXSEG, or
    /// what the device has room for).
    pub fn set_max_segment(&mut self, bytes: u16) {
        self.common.max_segment = bytes.max(88);
    }

    /// Its settings.
    pub fn sysctls(&self) -> &Sysctls {
        &self.common.sysctls
    }

    /// The next segment to be sent. Ask after every other call, until there is none.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.out.pop_front()
    }

    /// Whether there is one.
    pub fn has_transmits(&self) -> bool {
        !self.out.is_empty()
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call [`Self::on_timeout`]. It may turn out that nothing was due yet.
    pub fn next_timeout(&self) -> Option<Duration> {
        self.calendar.first().map(|(at, _)| *at)
    }

    /// How many timers run.
    pub fn timers(&self) -> usize {
        self.calendar.len()
    }

    /// Bytes of data that its connections hold.
    pub fn buffered_bytes(&self) -> u64 {
        self.buffered
    }

    /// Does everything that is due by now.
    pub fn on_timeout(&mut self, now: Duration) {
        while let Some(&(at, alarm)) = self.calendar.first().filter(|(at, _)| *at <= now) {
            self.calendar.remove(&(at, alarm));
            match alarm {
                Alarm::TimeWait(tuple) => self.expire_time_wait(now, tuple),
                Alarm::Conn(id) => {
                    self.with(now, id, |conn, cx| {
                        conn.scheduled = None;
                        if conn.next_timeout().is_some_and(|due| due <= now) {
                            conn.on_timeout(cx);
                        }
                    });
                }
            }
        }
    }

    /// A segment arrived for one of the machine's addresses.
    pub fn receive(&mut self, now: Duration, segment: &Segment) {
        let tuple = Tuple { local: segment.dst, remote: segment.src };
        match self.by_tuple.get(&tuple).copied() {
            Some(Found::Conn(id)) => self.receive_for(now, id, segment),
            Some(Found::TimeWait) => self.receive_in_time_wait(now, tuple, segment),
            None if segment.flags.syn
                && segment.ack.is_none()
                && !segment.flags.rst
                && self.is_listening(tuple.local) =>
            {
                self.syn_arrived(now, tuple, segment, None);
            }
            None => self.refuse(segment),
        }
    }

    /// The same, of segments that the device has put together (GRO): `piece` is how much data each of them had.
    pub fn receive_joined(&mut self, now: Duration, segment: &Segment, piece: u16) {
        self.piece = Some(piece);
        self.receive(now, segment);
        self.piece = None;
    }

    /// A router said, by ICMP, that a segment from `tuple.local` to `tuple.remote`, which began with `seq`, did not get
    /// through. A connection that is being opened ends with an error; an open one goes on, and has a better reason to tell
    /// should it come to its end. What is not of a connection is ignored, as in TIME-WAIT. Returns whether anybody took note.
    pub fn unreachable(&mut self, now: Duration, tuple: Tuple, seq: u32, code: Code) -> bool {
        match self.by_tuple.get(&tuple).copied() {
            Some(Found::Conn(id)) => {
                self.with(now, id, |conn, cx| conn.unreachable(cx, seq, code)).unwrap_or(false)
            }
            Some(Found::TimeWait) | None => false,
        }
    }

    fn receive_for(&mut self, now: Duration, id: ConnId, segment: &Segment) {
        let is_request = self.conn(id).is_some_and(|c| c.state == State::SynReceived && c.passive);
        if is_request {
            return self.receive_for_request(now, id, segment);
        }
        self.with(now, id, |conn, cx| conn.receive(cx, segment));
    }

    /// A segment that belongs to nothing (RFC 9293 section 3.10.7.1).
    fn refuse(&mut self, segment: &Segment) {
        if segment.flags.rst {
            return;
        }
        self.events
            .push_back(Event::Happened { peer: segment.src, what: What::ResetSent("no such connection") });
        self.out.push_back(Transmit { segment: reset_for(segment), marks: Marks::default() });
    }

    fn conn(&self, id: ConnId) -> Option<&Connection> {
        let slot = self.slots.get(id.place()).filter(|slot| slot.life == id.life)?;
        slot.conn.as_deref()
    }

    /// Keeps a connection.
    fn add(&mut self, make: impl FnOnce(&mut Cx<'_>, &Common) -> Connection, now: Duration) -> ConnId {
        let place = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            // A machine has fewer than 2^32 connections: each takes a port and memory.
            (self.slots.len() - 1) as u32
        });
        let id = ConnId { place, life: self.slots[place as usize].life };
        let mut cx =
            Cx { now, id, routable: true, piece: None, out: &mut self.out, events: &mut self.events };
        let conn = make(&mut cx, &self.common);
        self.by_tuple.insert(conn.tuple, Found::Conn(id));
        self.slots[place as usize].conn = Some(Box::new(conn));
        self.settle(now, id);
        id
    }

    /// Does something with a connection, and draws the consequences.
    fn with<R>(
        &mut self,
        now: Duration,
        id: ConnId,
        f: impl FnOnce(&mut Connection, &mut Cx<'_>) -> R,
    ) -> Option<R> {
        let slot = self.slots.get_mut(id.place()).filter(|slot| slot.life == id.life)?;
        let conn = slot.conn.as_deref_mut()?;
        let routable = self.addresses.as_ref().is_none_or(|own| own.contains(conn.tuple.local.ip()));
        let mut cx =
            Cx { now, id, routable, piece: self.piece, out: &mut self.out, events: &mut self.events };
        let result = f(conn, &mut cx);
        self.settle(now, id);
        Some(result)
    }

    /// After anything has happened to a connection: its deadline, its memory, its end.
    fn settle(&mut self, now: Duration, id: ConnId) {
        let Some(conn) = self.slots.get_mut(id.place()).and_then(|slot| slot.conn.as_deref_mut()) else {
            return;
        };
        let memory = conn.memory();
        self.buffered = self.buffered + memory - std::mem::replace(&mut conn.booked, memory);
        // A look too early costs little; most deadlines are put off again and again.
        let deadline = conn.next_timeout().map(|at| at.max(now));
        match (deadline, conn.scheduled) {
            (Some(at), None) => {
                conn.scheduled = Some(at);
                self.calendar.insert((at, Alarm::Conn(id)));
            }
            (Some(at), Some(before)) if at < before => {
                conn.scheduled = Some(at);
                self.calendar.remove(&(before, Alarm::Conn(id)));
                self.calendar.insert((at, Alarm::Conn(id)));
            }
            // It would be the next look, and for nothing: that costs whoever drives this a way through everything.
            (later, Some(before))
                if later != Some(before) && self.calendar.first() == Some(&(before, Alarm::Conn(id))) =>
            {
                conn.scheduled = later;
                self.calendar.pop_first();
                self.calendar.extend(later.map(|at| (at, Alarm::Conn(id))));
            }
            _ => {}
        }
        match conn.state {
            State::TimeWait => self.enter_time_wait(now, id),
            State::Closed => self.leave(id),
            _ => {}
        }
    }

    /// No segment of a connection passes any more; a process may still read what has arrived.
    fn leave(&mut self, id: ConnId) {
        let Some(conn) = self.slots.get_mut(id.place()).and_then(|slot| slot.conn.as_deref_mut()) else {
            return;
        };
        if let Some(at) = conn.scheduled.take() {
            self.calendar.remove(&(at, Alarm::Conn(id)));
        }
        let tuple = conn.tuple;
        let forgotten = conn.orphan || !conn.born;
        if matches!(self.by_tuple.get(&tuple), Some(Found::Conn(there)) if *there == id) {
            self.by_tuple.remove(&tuple);
        }
        if forgotten {
            self.forget(id);
        }
    }

    fn forget(&mut self, id: ConnId) {
        let Some(slot) = self.slots.get_mut(id.place()).filter(|slot| slot.life == id.life) else { return };
        if let Some(conn) = slot.conn.take() {
            self.buffered -= conn.booked;
            slot.life = slot.life.wrapping_add(1);
            self.free.push(id.place);
            self.events.push_back(Event::Gone(id));
        }
    }

    /// RFC 6528: a hash of the connection and a secret, plus a clock of 4 microseconds, so that a connection that is
    /// opened again continues above where it ended.
    fn initial_sequence(&self, now: Duration, tuple: &Tuple) -> u32 {
        let part = |a: &std::net::SocketAddrV4| u64::from(u32::from(*a.ip())) << 16 | u64::from(a.port());
        let hash = mix(mix(self.secret ^ part(&tuple.local)) ^ part(&tuple.remote));
        let ticks = now.as_micros() / 4;
        // Only the low 32 bits of either are meant.
        (hash as u32).wrapping_add(ticks as u32)
    }
}

#[cfg(test)]
mod tests;
