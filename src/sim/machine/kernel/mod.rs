//! The kernel of a machine: TCP/IP by smoltcp (`conn`), and around it what a kernel does.
//!
//! - `sysctl`: its settings. `wheel`, `rtt`, `retransmit`, `keepalive`, `acks`: its timers. `slow_start`: how much may be
//!   under way.
//! - `listen`: the backlog. `time_wait`: what stays of a closed connection. `ports`: who may use which.
//! - `calls`: the system calls. `udp`: datagrams. `netstat`: a look inside.
//!
//! A kernel owns no clock and no task: it is told what time it is and which packet arrived or that a deadline has come,
//! and it leaves packets to be sent and wakes whoever waited. It works on while the processes above it do not.

mod acks;
mod calls;
mod conn;
mod keepalive;
mod listen;
mod netstat;
mod ports;
mod retransmit;
mod rtt;
pub(in crate::sim) mod segment;
mod slow_start;
mod sysctl;
mod time_wait;
mod udp;
mod wheel;
mod wire;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use smoltcp::socket::tcp::State;

pub use retransmit::Wait;
pub use segment::Tuple;
pub use sysctl::{Sysctls, TimerPolicy};

use crate::packet::{Marks, Segment, Transport};
use crate::trace::recorder::Recorder;
use crate::trace::{HostId, Layer, Value};
use conn::{Conn, Fired};
use listen::Listener;
use segment::tuple_at_receiver;
use time_wait::TimeWaits;
pub use udp::UdpId;
use udp::UdpSockets;

/// A connection, as a process holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnId(u64);

/// A packet that wants to be put on the wire.
#[derive(Debug, Clone)]
pub struct Departure {
    /// When it leaves.
    pub at: Duration,
    /// The packet.
    pub packet: Transport,
    /// Why it is sent.
    pub marks: Marks,
}

/// Names for addresses, as a hosts file has them.
pub type Names = Arc<BTreeMap<Ipv4Addr, String>>;

/// What the calendar may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Alarm {
    Conn(ConnId),
    TimeWait(Tuple),
}

/// A machine's kernel.
pub struct Kernel {
    sysctls: Sysctls,
    recorder: Recorder,
    host: HostId,
    names: Names,
    /// RFC 6528's secret; another one after every boot.
    secret: u64,
    boots: u32,
    up: bool,
    addresses: Vec<Ipv4Addr>,
    conns: BTreeMap<ConnId, Conn>,
    next_conn: u64,
    by_tuple: BTreeMap<Tuple, ConnId>,
    listeners: BTreeMap<u16, Listener>,
    time_waits: TimeWaits,
    udp: UdpSockets,
    next_port: u16,
    calendar: BTreeSet<(Duration, Alarm)>,
    departures: VecDeque<Departure>,
    /// The latest of its own time that it was told.
    latest: Duration,
    /// How long its time has stood still.
    slept: Duration,
    /// Since when the machine sleeps, and whether its time stands still.
    asleep: Option<(Duration, bool)>,
}

impl Kernel {
    /// A kernel that is up and has no address yet.
    pub fn new(sysctls: Sysctls, secret: u64, recorder: Recorder, host: HostId, names: Names) -> Self {
        Self {
            next_port: ports::first(&sysctls),
            sysctls,
            recorder,
            host,
            names,
            secret,
            boots: 0,
            up: true,
            addresses: Vec::new(),
            conns: BTreeMap::new(),
            next_conn: 0,
            by_tuple: BTreeMap::new(),
            listeners: BTreeMap::new(),
            time_waits: TimeWaits::default(),
            udp: UdpSockets::default(),
            calendar: BTreeSet::new(),
            departures: VecDeque::new(),
            latest: Duration::ZERO,
            slept: Duration::ZERO,
            asleep: None,
        }
    }

    /// The kernel's own time, which stands still while the machine sleeps (if its clock does). It never runs backwards: a
    /// process that runs in whole milliseconds may be a fraction ahead of a packet.
    fn time(&mut self, now: Duration) -> Duration {
        self.latest = self.latest.max(now.saturating_sub(self.slept));
        self.latest
    }

    /// The machine goes to sleep: nothing is due until [`Self::resume`]. `clock_stops`: and its time stands still.
    pub fn suspend(&mut self, now: Duration, clock_stops: bool) {
        self.asleep = Some((now, clock_stops));
    }

    /// The machine wakes. Returns how long its time has stood still in its life.
    pub fn resume(&mut self, now: Duration) -> Duration {
        if let Some((since, true)) = self.asleep.take() {
            self.slept += now.saturating_sub(since);
        }
        self.slept
    }

    /// The addresses of the machine, the preferred one first.
    pub fn addresses(&self) -> &[Ipv4Addr] {
        &self.addresses
    }

    /// How often the machine was booted anew: what was opened in an earlier life is gone.
    pub fn boots(&self) -> u32 {
        self.boots
    }

    /// What the buffers of a connection take.
    pub(super) fn buffer_bytes(&self) -> u64 {
        self.sysctls.rmem.0 + self.sysctls.wmem.0
    }

    /// Whether the machine is on.
    pub fn is_up(&self) -> bool {
        self.up
    }

    /// The power fails: everything is forgotten, nothing is said.
    pub fn power_off(&mut self) {
        self.up = false;
        self.boots += 1;
        self.recorder.release(self.buffer_bytes() * self.conns.len() as u64);
        self.conns.clear();
        self.by_tuple.clear();
        self.listeners.clear();
        self.time_waits = TimeWaits::default();
        self.asleep = None;
        self.udp = UdpSockets::default();
        self.calendar.clear();
        self.departures.clear();
    }

    /// The machine is up again, as new.
    pub fn power_on(&mut self) {
        self.up = true;
        self.secret = mix(self.secret);
    }

    /// Gives the machine these addresses. Connections from an address it no longer has are `destroyed` at once (as
    /// Android does) or kept, to find out (as desktops do): their packets go nowhere.
    pub fn set_addresses(&mut self, now: Duration, addresses: Vec<Ipv4Addr>, destroy: bool) {
        let now = self.time(now);
        self.addresses = addresses;
        if !destroy {
            return;
        }
        let stale: Vec<ConnId> = self
            .by_tuple
            .iter()
            .filter(|(tuple, _)| !self.addresses.contains(tuple.local.ip()))
            .map(|(_, id)| *id)
            .collect();
        for id in stale {
            if let Some(conn) = self.conns.get_mut(&id) {
                // SOCK_DESTROY: the process sees ECONNABORTED; nothing is sent from an address that is gone.
                conn.error = Some(std::io::ErrorKind::ConnectionAborted);
                conn.give_up(now, false);
                let peer = conn.tuple.remote;
                self.log(now, "socket destroyed", Some(peer), Vec::new());
                self.settle(now, id);
            }
        }
    }

    /// A packet arrived for one of the machine's addresses.
    pub fn receive(&mut self, now: Duration, packet: &Transport) {
        let now = self.time(now);
        if !self.up || !self.addresses.contains(packet.dst().ip()) {
            return;
        }
        let segment = match packet {
            Transport::Tcp(segment) => segment,
            Transport::Udp(datagram) => return self.receive_datagram(now, datagram),
        };
        let tuple = tuple_at_receiver(segment);
        if let Some(&id) = self.by_tuple.get(&tuple) {
            return self.receive_for(now, id, segment);
        }
        if let Some(answer) = self.time_waits.receive(now, &tuple, segment, self.sysctls.time_wait) {
            use time_wait::Answer;
            match answer {
                Answer::Acknowledge(segment) => self.depart(now, segment.into()),
                Answer::Nothing => {}
                Answer::Gone => self.forget_time_wait(now, &tuple),
                Answer::Reopen if self.is_listening(tuple.local) => {
                    self.forget_time_wait(now, &tuple);
                    self.syn_arrived(now, tuple, segment);
                }
                Answer::Reopen => {}
            }
            return;
        }
        if segment.flags.syn && segment.ack.is_none() && self.is_listening(tuple.local) {
            return self.syn_arrived(now, tuple, segment);
        }
        if !segment.flags.rst {
            // RFC 9293 section 3.10.7.1: no such connection.
            self.log(now, "reset sent", Some(tuple.remote), vec![("reason", "no such connection".into())]);
            self.depart(now, segment.reset().into());
        }
    }

    fn receive_for(&mut self, now: Duration, id: ConnId, segment: &Segment) {
        if self.accept_queue_holds_back(id, segment) {
            return;
        }
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let before = conn.state();
        // New data, that is: what is said twice was heard (tcp_rcv_state_process()).
        let orphan_data = conn.orphan && !segment.flags.rst && conn.is_new(segment);
        let probed = conn.keepalive.as_ref().is_some_and(|k| k.unanswered > 0);
        let peer = conn.tuple.remote;
        conn.receive(now, segment);
        let after = conn.state();
        if probed && segment.data.is_empty() && !segment.flags.rst {
            self.log(now, "keepalive answered", Some(peer), Vec::new());
        }
        if segment.flags.rst && after != before && matches!(after, State::Closed | State::Listen) {
            self.reset_received(now, id, before);
        } else if orphan_data && matches!(before, State::FinWait1 | State::FinWait2 | State::Closing) {
            // Nobody will ever read it (RFC 9293 section 3.6.1).
            if let Some(conn) = self.conns.get_mut(&id) {
                conn.give_up(now, true);
            }
            self.log(now, "reset sent", Some(peer), vec![("reason", "data for a closed socket".into())]);
        } else {
            self.transition(now, id, before, after);
        }
        self.settle(now, id);
    }

    fn reset_received(&mut self, now: Duration, id: ConnId, before: State) {
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        use std::io::ErrorKind::{BrokenPipe, ConnectionRefused, ConnectionReset};
        // Linux's tcp_reset().
        conn.error = Some(match before {
            State::SynSent => ConnectionRefused,
            State::CloseWait => BrokenPipe,
            _ => ConnectionReset,
        });
        conn.detached = true;
        let peer = conn.tuple.remote;
        self.log(now, "reset received", Some(peer), Vec::new());
    }

    /// What a change of state means to the rest of the kernel, and to the trace.
    fn transition(&mut self, now: Duration, id: ConnId, before: State, after: State) {
        if before == after {
            return;
        }
        let Some(conn) = self.conns.get(&id) else { return };
        let peer = conn.tuple.remote;
        let handshaking = matches!(before, State::Listen | State::SynSent | State::SynReceived);
        if handshaking
            && !matches!(after, State::SynSent | State::SynReceived | State::Listen | State::Closed)
        {
            self.log(now, "established", Some(peer), Vec::new());
            self.queue_for_accept(id);
        }
        match after {
            State::CloseWait | State::TimeWait | State::Closing if before != State::Closing => {
                self.log(now, "FIN received", Some(peer), Vec::new());
            }
            _ => {}
        }
        match after {
            State::TimeWait => self.enter_time_wait(now, id),
            // It had to wait for what was to be sent before it.
            State::LastAck => self.log(now, "FIN sent", Some(peer), Vec::new()),
            State::Closed => {
                if let Some(conn) = self.conns.get_mut(&id) {
                    conn.detached = true;
                }
                self.log(now, "closed", Some(peer), Vec::new());
            }
            _ => {}
        }
    }

    /// When to call [`Self::expire`]: a whole number of microseconds, as all time outside of the kernel.
    pub fn deadline(&self) -> Option<Duration> {
        let (at, _) = self.calendar.first().filter(|_| self.asleep.is_none())?;
        Some(up_to_micros(*at + self.slept))
    }

    /// Does everything that is due.
    pub fn expire(&mut self, now: Duration) {
        let now = self.time(now);
        while let Some(&(at, alarm)) = self.calendar.first().filter(|(at, _)| *at <= now) {
            self.calendar.remove(&(at, alarm));
            match alarm {
                Alarm::TimeWait(tuple) => self.expire_time_wait(now, tuple),
                Alarm::Conn(id) => self.expire_conn(now, id),
            }
        }
    }

    fn expire_conn(&mut self, now: Duration, id: ConnId) {
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        conn.scheduled = None;
        let peer = conn.tuple.remote;
        let error = conn.error;
        match conn.fire(now) {
            Fired::Nothing => {}
            Fired::TailProbe => self.log(now, "tail-loss probe sent", Some(peer), Vec::new()),
            Fired::Retransmitted { attempt } => {
                let fields = vec![("attempt", u64::from(attempt).into())];
                self.log(now, "retransmitted", Some(peer), fields);
            }
            Fired::Keepalive { unanswered } => {
                let fields = vec![("unanswered", u64::from(unanswered - 1).into())];
                self.log(now, "keepalive sent", Some(peer), fields);
            }
            Fired::WindowProbe => self.log(now, "zero-window probe sent", Some(peer), Vec::new()),
            Fired::GaveUp { reset } => {
                let timed_out = error.is_none() && conn.error.is_some();
                let name = if timed_out { "timed out" } else { "closed" };
                self.log(now, name, Some(peer), vec![("reset_sent", reset.into())]);
            }
        }
        self.settle(now, id);
    }

    /// Whether there are packets to put on the wire.
    pub fn has_departures(&self) -> bool {
        !self.departures.is_empty()
    }

    /// The next packet to put on the wire.
    pub fn departure(&mut self) -> Option<Departure> {
        self.departures.pop_front()
    }

    /// Brings everything in line with what became of a connection: its packets leave, its timers are in the calendar,
    /// whoever waited is woken, and what nobody needs any more is dropped.
    fn settle(&mut self, now: Duration, id: ConnId) {
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        for out in conn.outgoing() {
            // smoltcp emits nothing else than segments.
            let Ok(packet) = Transport::parse(&out.bytes) else { continue };
            self.departures.push_back(Departure { at: now + self.slept, packet, marks: out.marks });
        }
        // A handshake that fell back to LISTEN (a RST came) or was given up never had a process.
        let unborn = conn.listener.is_some() && matches!(conn.state(), State::Listen | State::Closed);
        if unborn {
            conn.detached = true;
        }
        conn.wake();
        let deadline = conn.deadline().map(|at| at.max(now));
        if deadline != conn.scheduled {
            if let Some(at) = conn.scheduled {
                self.calendar.remove(&(at, Alarm::Conn(id)));
            }
            if let Some(at) = deadline {
                self.calendar.insert((at, Alarm::Conn(id)));
            }
            conn.scheduled = deadline;
        }
        if conn.detached {
            let tuple = conn.tuple;
            let listener = conn.listener;
            let nobody = conn.orphan || unborn || (listener.is_some() && !self.queued_for_accept(id));
            if self.by_tuple.get(&tuple) == Some(&id) {
                self.by_tuple.remove(&tuple);
            }
            if nobody {
                self.conns.remove(&id);
                self.recorder.release(self.buffer_bytes());
            }
        }
    }

    /// Puts a packet of the kernel's own on the wire.
    fn depart(&mut self, at: Duration, packet: Transport) {
        self.departures.push_back(Departure { at: at + self.slept, packet, marks: Marks::default() });
    }

    fn log(
        &self,
        now: Duration,
        name: &'static str,
        peer: Option<SocketAddrV4>,
        fields: Vec<(&'static str, Value)>,
    ) {
        self.log_at(Layer::Tcp, now, name, peer, fields);
    }

    fn log_at(
        &self,
        layer: Layer,
        now: Duration,
        name: &'static str,
        peer: Option<SocketAddrV4>,
        mut fields: Vec<(&'static str, Value)>,
    ) {
        if let Some(peer) = peer {
            fields.insert(0, ("peer", self.name_of(peer).into()));
        }
        self.recorder.event(now + self.slept, Some(self.host), layer, name, fields);
    }

    fn name_of(&self, address: SocketAddrV4) -> String {
        match self.names.get(address.ip()) {
            Some(name) => format!("{name}:{}", address.port()),
            None => address.to_string(),
        }
    }

    /// RFC 6528: a hash of the connection and a secret, plus a clock of 4 microseconds, so that a connection that is
    /// opened again continues above where it ended.
    fn initial_sequence(&self, now: Duration, tuple: &Tuple) -> u32 {
        let part = |a: &SocketAddrV4| u64::from(u32::from(*a.ip())) << 16 | u64::from(a.port());
        let hash = mix(mix(self.secret ^ part(&tuple.local)) ^ part(&tuple.remote));
        let ticks = now.as_micros() / 4;
        // Only the low 32 bits of either are meant.
        (hash as u32).wrapping_add(ticks as u32)
    }
}

/// The time, rounded up to whole microseconds.
fn up_to_micros(at: Duration) -> Duration {
    let rest = at.subsec_nanos() % 1000;
    if rest == 0 { at } else { at + Duration::from_nanos(u64::from(1000 - rest)) }
}

pub(crate) use crate::mix;

#[cfg(test)]
mod tests;
