//! The kernel of a machine: its TCP ([`crate::tcp`]), and around it what a kernel does.
//!
//! - `calls`: the system calls. `ports`: who may use which. `udp`: datagrams. `netstat`: a look inside.
//! - `log`: what its TCP did, for the trace.
//!
//! A kernel owns no clock and no task: it is told what time it is and which packet arrived or that a deadline has come,
//! and it leaves packets to be sent and wakes whoever waited. It works on while the processes above it do not.

mod calls;
mod log;
mod netstat;
mod ports;
mod udp;

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use crate::mix;
use crate::packet::{Marks, Quoted, Transport, Unreachable};
use crate::sim::machine::process::ProcessId;
pub(in crate::sim) use crate::tcp::ConnId;
use crate::tcp::{Endpoint, Event, Sysctls, Tuple};
use crate::trace::HostId;
use crate::trace::recorder::Recorder;
pub use udp::UdpId;
use udp::UdpSockets;

/// The most bytes of an IP packet (Ethernet's MTU).
const MTU: usize = 1500;

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

/// Who holds a connection, and who waits for it.
#[derive(Default)]
struct Held {
    id: Option<ConnId>,
    owner: Option<ProcessId>,
    read: Option<Waker>,
    write: Option<Waker>,
    /// A write found no room. As with epoll, another one is not tried before the kernel has told that there is enough.
    blocked: bool,
}

/// Who listens, and waits.
struct Listening {
    owner: ProcessId,
    waker: Option<Waker>,
}

/// A machine's kernel.
pub struct Kernel {
    tcp: Endpoint,
    recorder: Recorder,
    host: HostId,
    names: Names,
    /// What its TCP's numbers and timers follow from; another one after every boot.
    secret: u64,
    boots: u32,
    up: bool,
    addresses: Vec<Ipv4Addr>,
    /// By the connections' places.
    held: Vec<Held>,
    listening: BTreeMap<u16, Listening>,
    udp: UdpSockets,
    next_port: u16,
    departures: VecDeque<Departure>,
    /// The memory that was asked of the run's limit.
    reserved: u64,
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
            tcp: Endpoint::new(sysctls, secret),
            recorder,
            host,
            names,
            secret,
            boots: 0,
            up: true,
            addresses: Vec::new(),
            held: Vec::new(),
            listening: BTreeMap::new(),
            udp: UdpSockets::default(),
            departures: VecDeque::new(),
            reserved: 0,
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

    /// Whether the machine is on.
    pub fn is_up(&self) -> bool {
        self.up
    }

    /// The power fails: everything is forgotten, nothing is said.
    pub fn power_off(&mut self) {
        self.up = false;
        self.boots += 1;
        self.recorder.release(std::mem::take(&mut self.reserved));
        self.tcp = Endpoint::new(*self.tcp.sysctls(), mix(self.secret));
        self.tcp.set_addresses(&self.addresses);
        self.held.clear();
        self.listening.clear();
        self.asleep = None;
        self.udp = UdpSockets::default();
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
        self.tcp.set_addresses(&addresses);
        self.addresses = addresses;
        if !destroy {
            return;
        }
        let mut stale: Vec<_> = self
            .tcp
            .ids()
            .filter_map(|id| Some((self.tcp.tuple(id)?, id)))
            .filter(|(tuple, _)| !self.addresses.contains(tuple.local.ip()))
            .collect();
        stale.sort_unstable_by_key(|(tuple, _)| *tuple);
        for (_, id) in stale {
            // SOCK_DESTROY: the process sees ECONNABORTED; nothing is sent from an address that is gone.
            self.tcp.destroy(now, id);
        }
        self.after(now);
    }

    /// A packet arrived for one of the machine's addresses.
    pub fn receive(&mut self, now: Duration, packet: &Transport) {
        let now = self.time(now);
        if !self.up || !self.addresses.contains(packet.dst().ip()) {
            return;
        }
        match packet {
            Transport::Tcp(segment) => {
                self.tcp.receive(now, segment);
                self.after(now);
            }
            Transport::Udp(datagram) => self.receive_datagram(now, datagram),
            Transport::Icmp(said) => self.receive_unreachable(now, said),
        }
    }

    /// A router said that a packet of this machine did not get through.
    fn receive_unreachable(&mut self, now: Duration, said: &Unreachable) {
        let Quoted { src, dst, seq, .. } = said.quoted;
        // Of datagrams nobody is told but whoever has connected its socket (Linux's `udp_err()`), and here no socket is.
        let Some(seq) = seq else { return };
        self.tcp.unreachable(now, Tuple { local: src, remote: dst }, seq, said.code);
        self.after(now);
    }

    /// When to call [`Self::expire`]: a whole number of microseconds, as all time outside of the kernel.
    pub fn deadline(&self) -> Option<Duration> {
        let at = self.tcp.next_timeout().filter(|_| self.asleep.is_none())?;
        Some(up_to_micros(at + self.slept))
    }

    /// Does everything that is due.
    pub fn expire(&mut self, now: Duration) {
        let now = self.time(now);
        self.tcp.on_timeout(now);
        self.after(now);
    }

    /// After anything was done with its TCP: packets to send, events to write down, processes to wake.
    fn after(&mut self, now: Duration) {
        let at = now + self.slept;
        while let Some(transmit) = self.tcp.poll_transmit() {
            let packet = Transport::Tcp(transmit.segment);
            self.departures.push_back(Departure { at, packet, marks: transmit.marks });
        }
        while let Some(event) = self.tcp.poll_event() {
            match event {
                Event::Happened { peer, what } => self.log_tcp(now, peer, what),
                Event::Readable(id) => wake(self.held_by(id).and_then(|held| held.read.take())),
                Event::Writable(id) => {
                    if let Some(held) = self.held_by(id) {
                        held.blocked = false;
                        wake(held.write.take());
                    }
                }
                Event::Acceptable(port) => {
                    wake(self.listening.get_mut(&port).and_then(|listening| listening.waker.take()));
                }
                Event::Gone(id) => {
                    if let Some(held) = self.held_by(id) {
                        *held = Held::default();
                    }
                }
            }
        }
        self.keep_count();
    }

    /// What the run's limit of buffers knows of follows what they hold, in steps.
    fn keep_count(&mut self) {
        const STEP: u64 = 2 << 10;
        let buffered = self.tcp.buffered_bytes();
        if buffered > self.reserved {
            let more = (buffered - self.reserved).next_multiple_of(STEP);
            if self.recorder.reserve(more) {
                self.reserved += more;
            }
        } else if self.reserved - buffered >= 2 * STEP {
            let less = (self.reserved - buffered) / STEP * STEP;
            self.recorder.release(less);
            self.reserved -= less;
        }
    }

    /// The place of a connection that a process holds.
    fn held_by(&mut self, id: ConnId) -> Option<&mut Held> {
        self.held.get_mut(id.place()).filter(|held| held.id == Some(id))
    }

    fn hold(&mut self, id: ConnId, owner: ProcessId) {
        let place = id.place();
        if self.held.len() <= place {
            self.held.resize_with(place + 1, Held::default);
        }
        self.held[place] = Held { id: Some(id), owner: Some(owner), read: None, write: None, blocked: false };
    }

    /// Whether there are packets to put on the wire.
    pub fn has_departures(&self) -> bool {
        !self.departures.is_empty()
    }

    /// The next packet to put on the wire.
    pub fn departure(&mut self) -> Option<Departure> {
        self.departures.pop_front()
    }

    /// Puts a packet of the kernel's own on the wire.
    fn depart(&mut self, at: Duration, packet: Transport) {
        self.departures.push_back(Departure { at: at + self.slept, packet, marks: Marks::default() });
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// The time, rounded up to whole microseconds.
fn up_to_micros(at: Duration) -> Duration {
    let rest = at.subsec_nanos() % 1000;
    if rest == 0 { at } else { at + Duration::from_nanos(u64::from(1000 - rest)) }
}

/// An IPv4 socket address as the `net` room has it.
pub(in crate::sim) fn socket_addr(address: SocketAddrV4) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(*address.ip()), address.port())
}
