//! How much of a run is kept, and the counters that are kept of every run.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use super::{Event, Fate, HostId, Layer, Packet, Trace};
use crate::packet::Marks;

/// How much of a run is kept. Each level keeps what the ones before it keep, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Recording {
    /// How often what happened ([`Counts`], and events by host, layer and name). Takes no more memory, however long the
    /// run.
    Counters,
    /// The events as well, each with its time and its fields.
    Story,
    /// The packets as well, each with its bytes and its fate.
    #[default]
    Packets,
}

/// What a host did, in numbers. A packet counts for the host that sent it; it is lost or has arrived when that is known
/// before the run ends, and else neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Packets it put on the wire; a copy made by a link counts as one more.
    pub packets_sent: u64,
    /// Their bytes, IP headers included.
    pub bytes_sent: u64,
    /// Those of them that arrived.
    pub packets_arrived: u64,
    /// The bytes of those.
    pub bytes_arrived: u64,
    /// Those of them that died on the way.
    pub packets_lost: u64,
    /// The bytes of those.
    pub bytes_lost: u64,
    /// Packets marked as retransmissions.
    pub retransmissions: u64,
    /// Packets marked as keepalive probes.
    pub keepalives: u64,
    /// Packets marked as zero-window probes.
    pub window_probes: u64,
    /// Copies of its packets that a link made.
    pub duplicates: u64,
    /// Connections that came to be established on it, from either side.
    pub connections_opened: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.packets_sent += more.packets_sent;
        self.bytes_sent += more.bytes_sent;
        self.packets_arrived += more.packets_arrived;
        self.bytes_arrived += more.bytes_arrived;
        self.packets_lost += more.packets_lost;
        self.bytes_lost += more.bytes_lost;
        self.retransmissions += more.retransmissions;
        self.keepalives += more.keepalives;
        self.window_probes += more.window_probes;
        self.duplicates += more.duplicates;
        self.connections_opened += more.connections_opened;
    }
}

/// What kind of event it is: host (`None`: the world), layer, name.
type Kind = (Option<HostId>, Layer, &'static str);

/// The counters of a run, kept at every level of recording. Ask for them with [`Trace::counts`] and [`Trace::total`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counters {
    hosts: Vec<Counts>,
    events: BTreeMap<Kind, u64>,
}

impl Counters {
    fn of(&mut self, host: HostId) -> &mut Counts {
        let at = host.0 as usize;
        if self.hosts.len() <= at {
            self.hosts.resize(at + 1, Counts::default());
        }
        &mut self.hosts[at]
    }

    pub(super) fn event(&mut self, host: Option<HostId>, layer: Layer, name: &'static str) {
        *self.events.entry((host, layer, name)).or_default() += 1;
        if let Some(host) = host.filter(|_| layer == Layer::Tcp && name == "established") {
            self.of(host).connections_opened += 1;
        }
    }

    pub(super) fn sent(&mut self, host: HostId, bytes: u64, marks: Marks) {
        let counts = self.of(host);
        counts.packets_sent += 1;
        counts.bytes_sent += bytes;
        counts.retransmissions += u64::from(marks.retransmission);
        counts.keepalives += u64::from(marks.keepalive);
        counts.window_probes += u64::from(marks.window_probe);
        counts.duplicates += u64::from(marks.duplicate);
    }

    pub(super) fn fate(&mut self, host: HostId, bytes: u64, fate: Fate) {
        let counts = self.of(host);
        match fate {
            Fate::Arrived(_) => {
                counts.packets_arrived += 1;
                counts.bytes_arrived += bytes;
            }
            Fate::Died(..) => {
                counts.packets_lost += 1;
                counts.bytes_lost += bytes;
            }
            Fate::UnderWay => {}
        }
    }

    /// The counters of these events and packets.
    pub(super) fn counted(events: &[Event], packets: &[Packet]) -> Self {
        let mut counters = Self::default();
        for event in events {
            counters.event(event.host, event.layer, event.name);
        }
        for packet in packets {
            let bytes = packet.transport.len() as u64;
            counters.sent(packet.from, bytes, packet.marks);
            counters.fate(packet.from, bytes, packet.fate);
        }
        counters
    }

    /// How often an event of this name happened, on this host and in this layer if they are given.
    pub(super) fn events(
        &self,
        name: Option<&str>,
        host: Option<HostId>,
        layer: Option<Layer>,
    ) -> impl Iterator<Item = u64> {
        let wanted = move |(h, l, n): &Kind| {
            name.is_none_or(|name| *n == name)
                && host.is_none_or(|host| *h == Some(host))
                && layer.is_none_or(|layer| *l == layer)
        };
        self.events.iter().filter(move |(kind, _)| wanted(kind)).map(|(_, count)| *count)
    }

    /// The names of the events that happened.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.events.keys().map(|(.., name)| *name)
    }
}

impl Trace {
    /// What a host did, in numbers: there at every level of recording.
    ///
    /// # Panics
    /// If the trace has no host of this name.
    pub fn counts(&self, host: &str) -> Counts {
        let id = self.host(host);
        self.counters.hosts.get(id.0 as usize).copied().unwrap_or_default()
    }

    /// What all hosts did together, in numbers: there at every level of recording.
    pub fn total(&self) -> Counts {
        let mut total = Counts::default();
        for counts in &self.counters.hosts {
            total += *counts;
        }
        total
    }

    /// Makes sure that what is asked for was recorded.
    ///
    /// # Panics
    /// If it was not.
    pub(crate) fn asks(&self, what: Recording) {
        assert!(
            self.recording >= what,
            "this run kept its {}, and the question is about {}: an experiment says so with \
             `needs: Recording::{what:?}`, a run with `Settings {{ recording: Recording::{what:?}, .. }}`",
            self.recording.kept(),
            what.last(),
        );
    }
}

impl Recording {
    const fn kept(self) -> &'static str {
        match self {
            Recording::Counters => "counters alone",
            Recording::Story => "events, but not its packets",
            Recording::Packets => "packets",
        }
    }

    /// What the level has that the one before it has not.
    const fn last(self) -> &'static str {
        match self {
            Recording::Counters => "counters",
            Recording::Story => "single events",
            Recording::Packets => "single packets",
        }
    }
}
