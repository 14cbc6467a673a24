//! The recorder: what every room of the simulation writes to, and what a trace is made of when the run is over.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use super::names::intern;
use super::{Counters, Event, Fate, Fields, HostId, Layer, Packet, Recording, Span, Trace};
use crate::packet::{Marks, Transport};

/// Names for addresses, as a hosts file has them.
type Names = Arc<BTreeMap<Ipv4Addr, String>>;

/// Takes down what happens, as much of it as its level says; a clone writes to the same trace.
#[derive(Clone)]
pub struct Recorder(Arc<Shared>);

struct Shared {
    recording: Recording,
    /// What happens then or later is no part of the run.
    ends: Duration,
    bounds: Bounds,
    overrun: OnceLock<(&'static str, u64)>,
    names: OnceLock<Names>,
    open: Mutex<Open>,
}

/// A trace that is being taken down.
struct Open {
    hosts: Vec<String>,
    trace: Trace,
    /// How much of the bounds is used.
    used: Bounds,
    watched: Option<Watched>,
}

/// Events that are looked out for, and those that there were.
struct Watched {
    name: String,
    events: Vec<(Duration, Option<HostId>)>,
}

impl Default for Open {
    fn default() -> Self {
        let used = Bounds { events: 0, packets: 0, bytes: 0, buffers: 0 };
        Self { hosts: Vec::new(), trace: Trace::default(), used, watched: None }
    }
}

/// How much a run may be, whatever is kept of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Events, on all hosts together.
    pub events: u64,
    /// Packets, of all hosts together.
    pub packets: u64,
    /// Their bytes, IP headers included.
    pub bytes: u64,
    /// Bytes for the buffers of sockets, at one time.
    pub buffers: u64,
}

/// No bounds.
impl Default for Bounds {
    fn default() -> Self {
        Self { events: u64::MAX, packets: u64::MAX, bytes: u64::MAX, buffers: u64::MAX }
    }
}

/// A recorded packet, to tell its fate later.
///
/// Where packets are kept it is the packet's number; where they are only counted it tells who sent it and how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketId(u64);

impl PacketId {
    /// The packet as a number, to be carried along with it.
    pub fn number(self) -> u64 {
        self.0
    }

    /// The packet of that number.
    pub fn numbered(n: u64) -> Self {
        Self(n)
    }

    fn counted(from: HostId, bytes: usize) -> Self {
        // An IPv4 packet has at most 65,535 bytes.
        Self(u64::from(from.0) | (bytes as u64 & 0xffff) << 32)
    }

    /// Who sent it, and its bytes.
    fn of_counted(self) -> (HostId, u64) {
        (HostId((self.0 & u64::from(u32::MAX)) as u32), self.0 >> 32)
    }
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new(Recording::default(), Duration::MAX)
    }
}

impl Recorder {
    /// A recorder of an empty trace, which keeps what the level says of all that happens before the run `ends`.
    pub fn new(recording: Recording, ends: Duration) -> Self {
        Self::bounded(recording, ends, Bounds::default())
    }

    /// A recorder that takes down no more than `bounds` allow.
    pub fn bounded(recording: Recording, ends: Duration, bounds: Bounds) -> Self {
        let (names, open, overrun) = Default::default();
        Self(Arc::new(Shared { recording, ends, bounds, names, open, overrun }))
    }

    /// Which of its bounds was reached, if one was: its name, and the bound. Nothing was taken down since.
    pub fn overrun(&self) -> Option<(&'static str, u64)> {
        self.0.overrun.get().copied()
    }

    /// Takes note of so many bytes that a machine wants for buffers; returns whether it may have them.
    pub fn reserve(&self, bytes: u64) -> bool {
        let used = &mut self.lock().used;
        used.buffers += bytes;
        let within = used.buffers <= self.0.bounds.buffers;
        if !within {
            used.buffers -= bytes;
            self.overran("buffers", self.0.bounds.buffers);
        }
        within
    }

    /// Takes note of the end of such buffers.
    pub fn release(&self, bytes: u64) {
        let used = &mut self.lock().used;
        used.buffers = used.buffers.saturating_sub(bytes);
    }

    fn overran(&self, what: &'static str, bound: u64) {
        // The first bound that is reached is the one that is told.
        let _ = self.0.overrun.set((what, bound));
    }

    /// Whether what belongs to this level is kept: to save the work of putting it together.
    pub fn keeps(&self, what: Recording) -> bool {
        self.0.recording >= what
    }

    /// Adds a host; events name it by the id.
    pub fn host(&self, name: &str) -> HostId {
        let mut open = self.lock();
        open.hosts.push(name.to_owned());
        // Addresses end long before 2^32 machines.
        HostId(u32::try_from(open.hosts.len() - 1).expect("fewer than 2^32 hosts"))
    }

    /// Tells the names of addresses, under which conversations are told from each other. The first call counts.
    pub fn names(&self, names: Names) {
        let _ = self.0.names.set(names);
    }

    /// An address by its machine's name (`phone:32768`), if it is an address and has a name.
    pub(super) fn named(&self, text: &str) -> Option<String> {
        let address: SocketAddrV4 = text.parse().ok()?;
        Some(format!("{}:{}", self.0.names.get()?.get(address.ip())?, address.port()))
    }

    /// Declares names that events may have, besides the [`vocabulary`](super::vocabulary).
    pub fn notes(&self, names: &[&'static str]) {
        self.lock().trace.notes.extend(names);
    }

    /// Takes down an event.
    pub fn event(
        &self,
        at: Duration,
        host: Option<HostId>,
        layer: Layer,
        name: &'static str,
        fields: impl Into<Fields>,
    ) {
        self.take_down(at, host, layer, name, |name| name, || fields.into());
    }

    /// Takes down an event whose name is no literal; its fields are put together if somebody keeps them.
    pub(super) fn logged(
        &self,
        at: Duration,
        host: HostId,
        layer: Layer,
        name: &str,
        fields: impl FnOnce() -> Fields,
    ) {
        self.take_down(at, Some(host), layer, name, intern, fields);
    }

    fn take_down<'a>(
        &self,
        at: Duration,
        host: Option<HostId>,
        layer: Layer,
        name: &'a str,
        keep: impl FnOnce(&'a str) -> &'static str,
        fields: impl FnOnce() -> Fields,
    ) {
        // An engine may run on to the end of a tick.
        if at >= self.0.ends {
            return;
        }
        if self.overrun().is_some() {
            return;
        }
        let Open { trace, used, watched, .. } = &mut *self.lock();
        used.events += 1;
        if used.events > self.0.bounds.events {
            return self.overran("events", self.0.bounds.events);
        }
        let name = trace.counters.event(host, layer, name, keep);
        if let Some(watched) = watched.as_mut().filter(|watched| watched.name == name) {
            watched.events.push((at, host));
        }
        if self.keeps(Recording::Story) {
            trace.events.push(Event { at, host, layer, name, fields: fields() });
        }
    }

    /// Takes down a packet that was put on the wire at `sent`, by `from` and for `to`, if a machine has that address.
    pub fn packet(
        &self,
        sent: Duration,
        (from, to): (HostId, Option<HostId>),
        transport: &Transport,
        marks: Marks,
        fate: Fate,
    ) -> PacketId {
        let bytes = transport.len();
        let counted = sent < self.0.ends;
        let Open { trace, used, .. } = &mut *self.lock();
        used.packets += 1;
        used.bytes += bytes as u64;
        if used.packets > self.0.bounds.packets {
            self.overran("packets", self.0.bounds.packets);
        } else if used.bytes > self.0.bounds.bytes {
            self.overran("bytes", self.0.bounds.bytes);
        }
        if counted {
            trace.counters.sent(from, bytes as u64, marks);
            if self.in_time(fate) {
                trace.counters.fate(from, bytes as u64, fate);
            }
        }
        if self.keeps(Recording::Packets) && self.overrun().is_none() {
            trace.packets.push(Packet { sent, from, to, transport: transport.clone(), marks, fate });
            PacketId(trace.packets.len() as u64 - 1)
        } else {
            PacketId::counted(from, bytes)
        }
    }

    /// Takes down what became of a packet that was under way.
    pub fn fate(&self, packet: PacketId, fate: Fate) {
        if !self.in_time(fate) {
            return;
        }
        let trace = &mut self.lock().trace;
        let (from, bytes) = if self.keeps(Recording::Packets) {
            let known = usize::try_from(packet.0).ok().and_then(|n| trace.packets.get_mut(n));
            let Some(packet) = known else { return };
            packet.fate = fate;
            (packet.from, packet.transport.len() as u64)
        } else {
            packet.of_counted()
        };
        trace.counters.fate(from, bytes, fate);
    }

    fn in_time(&self, fate: Fate) -> bool {
        !matches!(fate, Fate::Arrived(at) | Fate::Died(at, _) if at >= self.0.ends)
    }

    /// Takes down a stretch of time in which something was wrong.
    pub fn span(&self, span: Span) {
        self.lock().trace.spans.push(span);
    }

    /// Looks out for events of this name, whatever is kept of the run; see [`Self::each_watched_from`].
    pub fn watch(&self, name: &str) {
        self.lock().watched = Some(Watched { name: name.to_owned(), events: Vec::new() });
    }

    /// Shows when, and on which host, the watched events happened, from the `n`-th on; returns how many there are.
    pub fn each_watched_from(&self, n: usize, mut f: impl FnMut(Duration, Option<&str>)) -> usize {
        let Open { hosts, watched, .. } = &*self.lock();
        let Some(Watched { events, .. }) = watched else { return 0 };
        for (at, host) in events.get(n..).unwrap_or_default() {
            f(*at, host.and_then(|id| hosts.get(id.0 as usize)).map(String::as_str));
        }
        events.len()
    }

    /// The trace, in total order: by time, then by host (the world first), then in the order of recording. The order
    /// does not depend on which host the engine happened to run first at one and the same time. What happened at `ended` or
    /// after it is left out.
    pub fn finish(&self, ended: Duration) -> Trace {
        let Open { hosts, mut trace, .. } = std::mem::take(&mut *self.lock());
        trace.recording = self.0.recording;
        trace.hosts = hosts.into();
        trace.ended = ended;
        let (events, packets) = (trace.events.len(), trace.packets.len());
        trace.packets.retain(|p| p.sent < ended);
        let mut cut = packets != trace.packets.len();
        // Of what would have happened after the end nothing was taken down, if this is the end that was known from the start.
        if ended < self.0.ends {
            trace.events.retain(|e| e.at < ended);
            cut |= events != trace.events.len();
            for packet in &mut trace.packets {
                if matches!(packet.fate, Fate::Arrived(at) | Fate::Died(at, _) if at >= ended) {
                    packet.fate = Fate::UnderWay;
                    cut = true;
                }
            }
        }
        // A run that was ended early: the counters are those of what is left.
        if cut && self.keeps(Recording::Packets) {
            trace.counters = Counters::counted(&trace.events, &trace.packets);
        }
        in_order(&mut trace.events, |e| e.at, |e| e.host);
        in_order(&mut trace.packets, |p| p.sent, |p| p.from);
        trace.spans.sort_by_key(|s| s.from);
        trace
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // A panic while recording leaves the trace as it was: nothing in it is half-written.
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts into order by time, then by host. Only what was recorded at one and the same time is out of order, unless an engine
/// lets hosts run ahead of each other.
fn in_order<T, H: Ord>(recorded: &mut [T], at: impl Fn(&T) -> Duration, host: impl Fn(&T) -> H) {
    if !recorded.is_sorted_by_key(&at) {
        return recorded.sort_by_key(|one| (at(one), host(one)));
    }
    for together in recorded.chunk_by_mut(|a, b| at(a) == at(b)) {
        together.sort_by_key(&host);
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorder")
    }
}
