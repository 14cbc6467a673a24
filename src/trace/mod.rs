//! What happened, in order; the source of truth for every measure, claim and figure.
//!
//! A [`Trace`] holds the *events* of a run (what hosts noticed, said and did) and its *packets* (every IP packet, with
//! its fate), or only its counters, as its level of [`Recording`] says. Both are in total order: by virtual time, then by
//! the order in which they were recorded. Its forms: [`story`] (what a person reads), [`packets`] (one line a segment),
//! JSON ([`json`]), [`pcap`], and [`figure`](crate::figure) (a space-time diagram).
//!
//! Mechanisms and sessions do not know that they are recorded: they emit ordinary `tracing` events whose target ends in
//! the layer (`halfopen::ws`); [`collect`] turns them into events of the trace.

pub mod collect;
pub(crate) mod conversation;
mod end_state;
pub(crate) mod fold;
mod hosts;
pub mod json;
pub(crate) mod message;
pub(crate) mod names;
pub mod packets;
pub mod pcap;
mod query;
pub mod recorder;
mod recording;
mod spans;
mod statistics;
pub mod story;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod text;
pub mod vocabulary;

use std::fmt;
use std::time::Duration;

pub use end_state::{MachineState, SocketInfo};
pub use hosts::Hosts;
pub use query::{Events, Packets, seconds_between};
pub use recording::{Counters, Counts, Recording};
pub use statistics::{Statistics, quantile, statistics};

use crate::packet::{Marks, Transport};

/// A host in a trace: an index into [`Trace::hosts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(pub u32);

/// Where in the stack an event was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// Something was done to the world (partition, stall, ...).
    Fault,
    /// An interface, a link, a router.
    Link,
    /// A machine's TCP.
    Tcp,
    /// A machine's UDP.
    Udp,
    /// HTTP requests and responses.
    Http,
    /// WebSocket handshakes, frames, closes.
    Ws,
    /// The application: updates, verdicts, decisions.
    App,
}

impl Layer {
    /// Every layer, in the order of every list of them: what is done to the world, then from the wire up.
    pub const ALL: [Layer; 7] =
        [Layer::Fault, Layer::Link, Layer::Tcp, Layer::Udp, Layer::Http, Layer::Ws, Layer::App];

    /// The layer's name in every form of the trace.
    pub const fn name(self) -> &'static str {
        match self {
            Layer::Fault => "fault",
            Layer::Link => "link",
            Layer::Tcp => "tcp",
            Layer::Udp => "udp",
            Layer::Http => "http",
            Layer::Ws => "ws",
            Layer::App => "app",
        }
    }
}

/// The value of a field of an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A count, a number, a size.
    Integer(i64),
    /// A quantity.
    Float(f64),
    /// Yes or no.
    Bool(bool),
    /// Anything else.
    Text(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Integer(v) => v.fmt(f),
            Value::Float(v) => v.fmt(f),
            Value::Bool(v) => v.fmt(f),
            Value::Text(v) => v.fmt(f),
        }
    }
}

impl From<i32> for Value {
    fn from(v: i32) -> Self {
        Value::Integer(v.into())
    }
}
impl From<u32> for Value {
    fn from(v: u32) -> Self {
        Value::Integer(v.into())
    }
}
impl From<i64> for Value {
    fn from(v: i64) -> Self {
        Value::Integer(v)
    }
}
impl From<u64> for Value {
    fn from(v: u64) -> Self {
        // Counts of this book stay far below 2^63; saturating keeps the conversion total.
        Value::Integer(i64::try_from(v).unwrap_or(i64::MAX))
    }
}
impl From<f64> for Value {
    fn from(v: f64) -> Self {
        Value::Float(v)
    }
}
impl From<bool> for Value {
    fn from(v: bool) -> Self {
        Value::Bool(v)
    }
}
impl From<String> for Value {
    fn from(v: String) -> Self {
        Value::Text(v)
    }
}
impl From<&str> for Value {
    fn from(v: &str) -> Self {
        Value::Text(v.to_owned())
    }
}

/// Something a host noticed, said or did.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Virtual time since the start of the run.
    pub at: Duration,
    /// The host it happened on; `None`: the world (a link, a router).
    pub host: Option<HostId>,
    /// Where in the stack.
    pub layer: Layer,
    /// What happened, in a few words: `update received`.
    pub name: &'static str,
    /// The particulars, in the order in which they were given.
    pub fields: Vec<(&'static str, Value)>,
}

impl Event {
    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(n, _)| *n == name).map(|(_, v)| v)
    }
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It reached the kernel of its destination.
    Arrived(Duration),
    /// It died on the way, at that time and for that reason.
    Died(Duration, &'static str),
    /// The run ended before it arrived.
    UnderWay,
}

/// One IP packet on the wire, as seen outside of any address-translating router.
#[derive(Debug, Clone, PartialEq)]
pub struct Packet {
    /// When its sender put it on the wire.
    pub sent: Duration,
    /// Who sent it.
    pub from: HostId,
    /// Whom it was meant for; `None` when no machine has the destination address.
    pub to: Option<HostId>,
    /// What it is: a segment or a datagram.
    pub transport: Transport,
    /// Why it was sent.
    pub marks: Marks,
    /// What became of it.
    pub fate: Fate,
}

/// A stretch of time in which something was wrong, for the bands of a figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// From when.
    pub from: Duration,
    /// Until when; `None`: until the end of the run.
    pub until: Option<Duration>,
    /// The hosts concerned: one (stall, crash) or two (a link between them).
    pub hosts: Vec<HostId>,
    /// One way only: from the first of `hosts` to the second.
    pub one_way: bool,
    /// What it is: `partition`, `stall`, ...
    pub what: &'static str,
}

/// What happened in a run, as far as it was recorded.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Trace {
    /// How much of the run was kept.
    pub recording: Recording,
    /// The names of the hosts, by [`HostId`].
    pub hosts: Hosts,
    /// How often what happened, at every level of recording.
    pub counters: Counters,
    /// Names of events that may happen, besides the [`vocabulary`]: what a scenario has declared to note.
    pub notes: Vec<&'static str>,
    /// The events, in order; none below [`Recording::Story`].
    pub events: Vec<Event>,
    /// The packets, in the order in which they were sent; none below [`Recording::Packets`].
    pub packets: Vec<Packet>,
    /// The faults as stretches of time, in order of their start.
    pub spans: Vec<Span>,
    /// When the run ended.
    pub ended: Duration,
    /// What there was on every machine then, in the order of the hosts.
    pub left: Vec<MachineState>,
}

impl Trace {
    /// What there was on a host when the run ended.
    ///
    /// # Panics
    /// If the trace has no host of this name.
    pub fn left_on(&self, host: &str) -> &MachineState {
        let id = self.host(host);
        self.left.iter().find(|state| state.name == self.host_name(id)).expect("every host has left a state")
    }

    /// The name of a host.
    pub fn host_name(&self, id: HostId) -> &str {
        self.hosts.name(id).unwrap_or("?")
    }
}
