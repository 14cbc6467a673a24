//! Measuring: asking a trace what happened, in one line.
//!
//! ```
//! # use halfopen::trace::{Trace, Layer};
//! # use std::time::Duration;
//! # let trace = Trace { hosts: vec!["phone".to_owned()].into(), ..Trace::default() };
//! # let stall_at = Duration::from_secs(20);
//! let detect_time_s = trace.first("peer declared dead").on("phone").after(stall_at).seconds_since(stall_at);
//! let updates = trace.all("update received").on("phone").count();
//! let probes = trace.packets_from("phone").keepalives().after(stall_at).count();
//! ```
//!
//! A filter that is not set lets everything pass. A host that the trace does not know, an event that nobody can say
//! ([`vocabulary`](crate::trace::vocabulary)) and a question about what was not recorded
//! ([`Recording`](crate::trace::Recording)) are mistakes, not answers of none: they panic.

use std::time::Duration;

use super::{Event, Fate, HostId, Layer, Packet, Recording, Trace, Value};
use crate::packet::{Segment, Transport};

/// Which of the events that match are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pick {
    First,
    Last,
    All,
}

/// Events of a trace, filtered: see [`Trace::first`], [`Trace::last`], [`Trace::all`].
#[derive(Debug, Clone)]
#[must_use = "a question has no effect until it is asked for an answer"]
pub struct Events<'a> {
    trace: &'a Trace,
    pick: Pick,
    name: Option<&'a str>,
    host: Option<HostId>,
    layer: Option<Layer>,
    from: Duration,
    until: Duration,
    fields: Vec<(&'a str, Value)>,
}

impl Trace {
    /// The first event of this name (that passes the filters that follow).
    ///
    /// # Panics
    /// If no event can have this name: see [`vocabulary`](crate::trace::vocabulary).
    pub fn first<'a>(&'a self, name: &'a str) -> Events<'a> {
        Events { pick: Pick::First, ..self.all(name) }
    }

    /// The last event of this name (that passes the filters that follow).
    ///
    /// # Panics
    /// If no event can have this name: see [`vocabulary`](crate::trace::vocabulary).
    pub fn last<'a>(&'a self, name: &'a str) -> Events<'a> {
        Events { pick: Pick::Last, ..self.all(name) }
    }

    /// All events of this name (that pass the filters that follow).
    ///
    /// # Panics
    /// If no event can have this name: see [`vocabulary`](crate::trace::vocabulary).
    pub fn all<'a>(&'a self, name: &'a str) -> Events<'a> {
        self.knows_event(name);
        Events { name: Some(name), ..self.any() }
    }

    /// All events of any name (that pass the filters that follow).
    pub fn any(&self) -> Events<'_> {
        Events {
            trace: self,
            pick: Pick::All,
            name: None,
            host: None,
            layer: None,
            from: Duration::ZERO,
            until: Duration::MAX,
            fields: Vec::new(),
        }
    }

    /// All packets that a host sent.
    ///
    /// # Panics
    /// If the trace has no host of this name, or the run did not keep its packets.
    pub fn packets_from(&self, host: &str) -> Packets<'_> {
        let from = self.host(host);
        self.all_packets().filter(move |p| p.from == from)
    }

    /// All packets of all hosts.
    ///
    /// # Panics
    /// If the run did not keep its packets.
    pub fn all_packets(&self) -> Packets<'_> {
        self.asks(Recording::Packets);
        Packets { trace: self, packets: self.packets.iter().collect() }
    }

    /// The host of this name.
    ///
    /// # Panics
    /// If the trace has no host of this name.
    pub fn host(&self, name: &str) -> HostId {
        match self.hosts.find(name) {
            Some(id) => id,
            None => panic!("the trace has no host `{name}`; its hosts: {}", self.hosts.join(", ")),
        }
    }
}

impl<'a> Events<'a> {
    /// Only on this host.
    ///
    /// # Panics
    /// If the trace has no host of this name.
    pub fn on(self, host: &str) -> Self {
        Self { host: Some(self.trace.host(host)), ..self }
    }

    /// Only in this layer.
    pub fn layer(self, layer: Layer) -> Self {
        Self { layer: Some(layer), ..self }
    }

    /// Only with this value of this field.
    pub fn with(mut self, field: &'a str, value: impl Into<Value>) -> Self {
        self.fields.push((field, value.into()));
        self
    }

    /// Only at this time or later.
    pub fn after(self, time: Duration) -> Self {
        Self { from: self.from.max(time), ..self }
    }

    /// Only earlier than this time.
    pub fn before(self, time: Duration) -> Self {
        Self { until: self.until.min(time), ..self }
    }

    /// Only from `from` on and before `until`.
    pub fn between(self, from: Duration, until: Duration) -> Self {
        self.after(from).before(until)
    }

    /// The events, in order.
    ///
    /// # Panics
    /// If the run kept counters alone. So do all questions about single events, but not [`Self::count`] and
    /// [`Self::happened`] as long as neither a time nor a field is asked for.
    pub fn events(&self) -> Vec<&'a Event> {
        self.trace.asks(Recording::Story);
        let mut matching = self.trace.events.iter().filter(|e| self.passes(e));
        match self.pick {
            Pick::First => matching.next().into_iter().collect(),
            Pick::Last => matching.next_back().into_iter().collect(),
            Pick::All => matching.collect(),
        }
    }

    /// The earliest of the events.
    pub fn event(&self) -> Option<&'a Event> {
        self.events().first().copied()
    }

    /// The latest of the events.
    pub fn last(&self) -> Option<&'a Event> {
        self.events().last().copied()
    }

    /// Whether there is any.
    pub fn happened(&self) -> bool {
        self.count() > 0
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        let any_time = self.from == Duration::ZERO && self.until == Duration::MAX;
        if self.trace.recording >= Recording::Story || !any_time || !self.fields.is_empty() {
            return self.events().len();
        }
        let counted: u64 = self.trace.counters.events(self.name, self.host, self.layer).sum();
        let most = if self.pick == Pick::All { usize::MAX } else { 1 };
        usize::try_from(counted).unwrap_or(usize::MAX).min(most)
    }

    /// When it happened (the earliest of them).
    pub fn time(&self) -> Option<Duration> {
        self.event().map(|e| e.at)
    }

    /// How long after `start` it happened (the earliest of them), in seconds, exact to the microsecond; negative if before.
    pub fn seconds_since(&self, start: Duration) -> Option<f64> {
        self.time().map(|at| seconds_between(start, at))
    }

    /// When they happened.
    pub fn times(&self) -> Vec<Duration> {
        self.events().iter().map(|e| e.at).collect()
    }

    /// The values of a field where they are integers.
    pub fn values(&self, field: &str) -> Vec<i64> {
        let value = |e: &&Event| match e.field(field) {
            Some(Value::Integer(v)) => Some(*v),
            _ => None,
        };
        self.events().iter().filter_map(value).collect()
    }

    /// The values of a field where they are numbers.
    pub fn numbers(&self, field: &str) -> Vec<f64> {
        let value = |e: &&Event| match e.field(field) {
            Some(Value::Integer(v)) => Some(*v as f64),
            Some(Value::Float(v)) => Some(*v),
            _ => None,
        };
        self.events().iter().filter_map(value).collect()
    }

    /// The value of a field of the earliest of them.
    pub fn value(&self, field: &str) -> Option<&'a Value> {
        self.event().and_then(|e| e.field(field))
    }

    fn passes(&self, event: &Event) -> bool {
        self.name.is_none_or(|name| event.name == name)
            && self.host.is_none_or(|host| event.host == Some(host))
            && self.layer.is_none_or(|layer| event.layer == layer)
            && (self.from..self.until).contains(&event.at)
            && self.fields.iter().all(|(name, value)| event.field(name) == Some(value))
    }
}

/// From `start` to `end` in seconds, exact to the microsecond; negative if `end` is earlier.
pub fn seconds_between(start: Duration, end: Duration) -> f64 {
    let micros = |d: Duration| d.as_micros() as f64;
    (micros(end) - micros(start)) / 1e6
}

/// Packets of a trace, filtered: see [`Trace::packets_from`].
#[derive(Debug, Clone)]
#[must_use = "a question has no effect until it is asked for an answer"]
pub struct Packets<'a> {
    trace: &'a Trace,
    packets: Vec<&'a Packet>,
}

impl<'a> Packets<'a> {
    /// Only packets of which this is true.
    pub fn filter(mut self, keep: impl Fn(&Packet) -> bool) -> Self {
        self.packets.retain(|p| keep(p));
        self
    }

    /// Only packets to this host.
    ///
    /// # Panics
    /// If the trace has no host of this name.
    pub fn to(self, host: &str) -> Self {
        let to = self.trace.host(host);
        self.filter(|p| p.to == Some(to))
    }

    /// Only retransmissions.
    pub fn retransmissions(self) -> Self {
        self.filter(|p| p.marks.retransmission)
    }

    /// Only keepalive probes.
    pub fn keepalives(self) -> Self {
        self.filter(|p| p.marks.keepalive)
    }

    /// Only zero-window probes.
    pub fn window_probes(self) -> Self {
        self.filter(|p| p.marks.window_probe)
    }

    /// Only copies made by a link.
    pub fn duplicates(self) -> Self {
        self.filter(|p| p.marks.duplicate)
    }

    /// Only packets that died on the way.
    pub fn lost(self) -> Self {
        self.filter(|p| matches!(p.fate, Fate::Died(..)))
    }

    /// Only packets that arrived.
    pub fn arrived(self) -> Self {
        self.filter(|p| matches!(p.fate, Fate::Arrived(_)))
    }

    /// Only TCP segments.
    pub fn tcp(self) -> Self {
        self.segments(|_| true)
    }

    /// Only UDP datagrams.
    pub fn udp(self) -> Self {
        self.filter(|p| matches!(p.transport, Transport::Udp(_)))
    }

    /// Only messages of routers that a packet did not get through.
    pub fn icmp(self) -> Self {
        self.filter(|p| p.transport.unreachable().is_some())
    }

    /// Only TCP segments of which this is true.
    pub fn segments(self, keep: impl Fn(&Segment) -> bool) -> Self {
        self.filter(|p| p.transport.segment().is_some_and(&keep))
    }

    /// Only segments and datagrams that carry data.
    pub fn with_data(self) -> Self {
        self.filter(|p| data_len(p) > 0)
    }

    /// Only segments with the flag SYN.
    pub fn syns(self) -> Self {
        self.segments(|s| s.flags.syn)
    }

    /// Only segments with the flag FIN.
    pub fn fins(self) -> Self {
        self.segments(|s| s.flags.fin)
    }

    /// Only segments with the flag RST.
    pub fn resets(self) -> Self {
        self.segments(|s| s.flags.rst)
    }

    /// Only sent at this time or later.
    pub fn after(self, time: Duration) -> Self {
        self.filter(|p| p.sent >= time)
    }

    /// Only sent earlier than this time.
    pub fn before(self, time: Duration) -> Self {
        self.filter(|p| p.sent < time)
    }

    /// Only sent from `from` on and before `until`.
    pub fn between(self, from: Duration, until: Duration) -> Self {
        self.after(from).before(until)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.packets.len()
    }

    /// When they were sent.
    pub fn times(&self) -> Vec<Duration> {
        self.packets.iter().map(|p| p.sent).collect()
    }

    /// How many bytes they have, IP headers included.
    pub fn bytes(&self) -> usize {
        self.packets.iter().map(|p| p.transport.len()).sum()
    }

    /// How many bytes of data they carry, without any header.
    pub fn data_bytes(&self) -> usize {
        self.packets.iter().map(|p| data_len(p)).sum()
    }

    /// The packets, in the order in which they were sent.
    pub fn packets(&self) -> &[&'a Packet] {
        &self.packets
    }

    /// The first that was sent.
    pub fn first(&self) -> Option<&'a Packet> {
        self.packets.first().copied()
    }

    /// The last that was sent.
    pub fn last(&self) -> Option<&'a Packet> {
        self.packets.last().copied()
    }
}

/// How many bytes of data a packet carries, without any header.
fn data_len(packet: &Packet) -> usize {
    packet.transport.data().len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::testing::{Tcp, TraceBuilder, a_day_in_the_life, an_hour_of_pings, at_ms};

    #[test]
    fn the_first_event_behind_a_moment_is_timed_from_it() {
        let t = a_day_in_the_life();
        let stall_at = at_ms(20_000);
        assert_eq!(
            t.first("peer declared dead").on("phone").after(stall_at).seconds_since(stall_at),
            Some(480.0)
        );
        assert_eq!(t.first("peer declared dead").on("server").time(), None);
        assert_eq!(t.first("update received").seconds_since(at_ms(1021)), Some(-0.001));
    }

    #[test]
    fn after_includes_the_moment_and_before_does_not() {
        let t = a_day_in_the_life();
        let received = |from, until| t.all("update received").between(at_ms(from), at_ms(until)).count();
        assert_eq!(t.all("update received").times()[..2], [at_ms(1020), at_ms(2020)]);
        assert_eq!([received(1020, 2020), received(1021, 2021), received(1020, 2021)], [1, 1, 2]);
    }

    #[test]
    fn every_filter_narrows() {
        let t = a_day_in_the_life();
        assert_eq!(t.all("update sent").values("n"), [1, 2, 3, 4]);
        assert_eq!(t.all("update sent").with("n", 3).count(), 1);
        assert_eq!(t.all("update sent").with("n", "3").count(), 0, "a text is not a number");
        assert_eq!(t.any().layer(Layer::Fault).count(), 4);
        assert!(t.first("peer declared dead").with("by", "heartbeat").happened());
        assert!(!t.first("peer declared dead").with("by", "keepalive").happened());
        assert_eq!(t.last("update received").time(), Some(at_ms(11_460)));
        assert_eq!(t.all("update received").last().unwrap().field("n"), Some(&4.into()));
        assert_eq!(t.all("update received").numbers("late_s"), [7.46]);
        assert_eq!(t.last("update received").value("n"), Some(&4.into()));
        assert_eq!(t.first("update received").count(), 1);
    }

    #[test]
    fn packets_are_counted_by_their_marks_flags_and_fate() {
        let t = a_day_in_the_life();
        let server = || t.packets_from("server");
        assert_eq!(server().retransmissions().count(), 5);
        assert_eq!(server().retransmissions().lost().count(), 4);
        assert_eq!(server().retransmissions().arrived().times(), [at_ms(11_440)]);
        assert_eq!(t.packets_from("phone").keepalives().between(at_ms(100_000), at_ms(200_000)).count(), 2);
        assert_eq!(t.packets_from("phone").fins().to("server").count(), 1);
        assert_eq!(t.packets_from("phone").resets().count(), 0);
        assert_eq!(t.all_packets().syns().bytes(), 2 * 48);
        assert_eq!(an_hour_of_pings().packets_from("phone").with_data().count(), 3600);
    }

    #[test]
    fn packets_are_counted_by_their_protocol() {
        let mut b = TraceBuilder::new(&["a", "b"]);
        b.datagram(0, "a", "b", b"query").datagram(1, "a", "b", b"").packet(
            2,
            "a",
            "b",
            Tcp::new(1, 2).syn(),
        );
        let t = b.build();
        assert_eq!(t.all_packets().udp().times(), [at_ms(0), at_ms(1)]);
        assert_eq!(t.all_packets().tcp().times(), [at_ms(2)]);
        assert_eq!(t.all_packets().with_data().count(), 1);
        assert_eq!(t.all_packets().data_bytes(), 5);
        assert_eq!(t.all_packets().udp().bytes(), 28 + 5 + 28);
    }

    #[test]
    #[should_panic(expected = "the trace has no host `fone`; its hosts: phone, server")]
    fn a_misspelt_host_is_a_mistake_not_an_answer() {
        let _ = a_day_in_the_life().all("update sent").on("fone");
    }
}
