//! Where a trace comes from: the recorder that every room of the simulation writes to, and the `tracing` subscriber
//! that turns what mechanisms and sessions log into events.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::{Metadata, Subscriber, span};

use super::names::intern;
use super::spans::Spans;
use super::{Counters, Event, Fate, HostId, Layer, Packet, Recording, Span, Trace, Value};

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

    /// An address by its machine's name (`phone:32768`), if it is an address and has a name; otherwise as it is.
    fn named(&self, text: String) -> String {
        let name = || {
            let address: SocketAddrV4 = text.parse().ok()?;
            Some(format!("{}:{}", self.0.names.get()?.get(address.ip())?, address.port()))
        };
        name().unwrap_or(text)
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
        fields: Vec<(&'static str, Value)>,
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
        trace.counters.event(host, layer, name);
        if let Some(watched) = watched.as_mut().filter(|watched| watched.name == name) {
            watched.events.push((at, host));
        }
        if self.keeps(Recording::Story) {
            trace.events.push(Event { at, host, layer, name, fields });
        }
    }

    /// Takes down a packet that was put on the wire.
    pub fn packet(&self, packet: Packet) -> PacketId {
        let bytes = packet.bytes.len();
        let counted = packet.sent < self.0.ends;
        let Open { trace, used, .. } = &mut *self.lock();
        used.packets += 1;
        used.bytes += bytes as u64;
        if used.packets > self.0.bounds.packets {
            self.overran("packets", self.0.bounds.packets);
        } else if used.bytes > self.0.bounds.bytes {
            self.overran("bytes", self.0.bounds.bytes);
        }
        if counted {
            trace.counters.sent(packet.from, bytes as u64, packet.marks);
            if self.in_time(packet.fate) {
                trace.counters.fate(packet.from, bytes as u64, packet.fate);
            }
        }
        if self.keeps(Recording::Packets) && self.overrun().is_none() {
            trace.packets.push(packet);
            PacketId(trace.packets.len() as u64 - 1)
        } else {
            PacketId::counted(packet.from, bytes)
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
            (packet.from, packet.bytes.len() as u64)
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
        trace.events.retain(|e| e.at < ended);
        trace.packets.retain(|p| p.sent < ended);
        let mut cut = (events, packets) != (trace.events.len(), trace.packets.len());
        for packet in &mut trace.packets {
            if matches!(packet.fate, Fate::Arrived(at) | Fate::Died(at, _) if at >= ended) {
                packet.fate = Fate::UnderWay;
                cut = true;
            }
        }
        // A run that was ended early: the counters are those of what is left.
        if cut && self.keeps(Recording::Packets) {
            trace.counters = Counters::counted(&trace.events, &trace.packets);
        }
        trace.events.sort_by_key(|e| (e.at, e.host));
        trace.packets.sort_by_key(|p| (p.sent, p.from));
        trace.spans.sort_by_key(|s| s.from);
        trace
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // A panic while recording leaves the trace as it was: nothing in it is half-written.
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorder")
    }
}

/// Whose code is running, for events that come in by `tracing`.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// The host.
    pub host: HostId,
    /// The tokio instant of virtual time zero on this host's clock.
    pub epoch: tokio::time::Instant,
}

thread_local! {
    static CONTEXT: RefCell<Option<Context>> = const { RefCell::new(None) };
}

/// Runs `f` as code of that host.
pub fn on_behalf_of<R>(context: Context, f: impl FnOnce() -> R) -> R {
    struct Restore(Option<Context>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CONTEXT.set(self.0.take());
        }
    }
    let _restore = Restore(CONTEXT.replace(Some(context)));
    f()
}

/// The prefix of the targets that a trace collects; what follows is the layer.
const TARGET: &str = "halfopen::";

/// A `tracing` subscriber that takes down events whose target is `halfopen::` and a layer's name, emitted
/// [on behalf of](on_behalf_of) a host. The message is the event's name, the fields are its fields, behind those of the
/// spans around it whose targets are such, too. A span's field `peer` that is an address is told by its machine's name.
#[derive(Debug)]
pub struct Collector {
    recorder: Recorder,
    spans: Spans,
}

impl Collector {
    /// Collects into `recorder`.
    pub fn new(recorder: Recorder) -> Self {
        Self { recorder, spans: Spans::default() }
    }

    /// Collects what `f` emits on this thread.
    pub fn collect<R>(self, f: impl FnOnce() -> R) -> R {
        tracing::subscriber::with_default(self, f)
    }
}

fn layer(target: &str) -> Option<Layer> {
    let name = target.strip_prefix(TARGET)?;
    Layer::ALL.into_iter().find(|l| l.name() == name)
}

impl Collector {
    /// What is recorded of a span's fields.
    fn of_span(&self, record: impl FnOnce(&mut Fields)) -> super::spans::Fields {
        if !self.recorder.keeps(Recording::Story) {
            return Vec::new();
        }
        let mut fields = Fields { wanted: true, ..Fields::default() };
        record(&mut fields);
        for (name, value) in &mut fields.fields {
            if let (&mut "peer", Value::Text(text)) = (name, value) {
                *text = self.recorder.named(std::mem::take(text));
            }
        }
        fields.fields
    }
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        layer(metadata.target()).is_some()
    }

    fn event(&self, event: &tracing::Event<'_>) {
        let Some(layer) = layer(event.metadata().target()) else {
            return;
        };
        let Some(context) = CONTEXT.with_borrow(|c| *c) else {
            return;
        };
        let mut fields = Fields { wanted: self.recorder.keeps(Recording::Story), ..Fields::default() };
        event.record(&mut fields);
        let at = tokio::time::Instant::now().saturating_duration_since(context.epoch);
        let name = intern(&fields.name);
        let fields = self.spans.with_own(event, fields.fields);
        self.recorder.event(at, Some(context.host), layer, name, fields);
    }

    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        self.spans.open(attributes, self.of_span(|fields| attributes.record(fields)))
    }
    fn record(&self, id: &span::Id, values: &span::Record<'_>) {
        self.spans.record(id, self.of_span(|fields| values.record(fields)));
    }
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, id: &span::Id) {
        self.spans.enter(id);
    }
    fn exit(&self, id: &span::Id) {
        self.spans.exit(id);
    }
    fn clone_span(&self, id: &span::Id) -> span::Id {
        self.spans.clone_handle(id);
        id.clone()
    }
    fn try_close(&self, id: span::Id) -> bool {
        self.spans.drop_handle(&id)
    }
    fn current_span(&self) -> tracing_core::span::Current {
        self.spans.current()
    }
}

/// The name and, where they are wanted, the fields of an event.
#[derive(Default)]
struct Fields {
    wanted: bool,
    name: String,
    fields: Vec<(&'static str, Value)>,
}

impl Fields {
    fn push(&mut self, field: &Field, value: impl Into<Value>) {
        if field.name() == "message" {
            self.name = value.into().to_string();
        } else if self.wanted {
            self.fields.push((field.name(), value.into()));
        }
    }
}

impl Visit for Fields {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, value);
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field, value);
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        // To the microsecond where it is seconds: what a subtraction leaves beyond that is no information.
        self.push(field, (value * 1e6).round() / 1e6);
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, value);
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.push(field, value);
    }
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            // The message of every log line comes this way.
            "message" => {
                // Writing to a String cannot fail.
                let _ = write!(self.name, "{value:?}");
            }
            name if self.wanted => self.fields.push((name, format!("{value:?}").into())),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_ordinary_log_line_becomes_an_event_of_the_host_that_logged_it() {
        let recorder = Recorder::default();
        let phone = recorder.host("phone");
        let epoch = tokio::time::Instant::now();
        tokio::time::advance(Duration::from_millis(1500)).await;
        Collector::new(recorder.clone()).collect(|| {
            tracing::info!(target: "halfopen::ws", "nobody's");
            on_behalf_of(Context { host: phone, epoch }, || {
                tracing::info!(target: "halfopen::ws", n = 3_u64, by = "heartbeat", "update received");
                tracing::info!(target: "hyper::proto", "somebody else's");
            });
        });
        let trace = recorder.finish(Duration::MAX);
        assert_eq!(
            trace.events,
            [Event {
                at: Duration::from_millis(1500),
                host: Some(phone),
                layer: Layer::Ws,
                name: "update received",
                fields: vec![("n", Value::Integer(3)), ("by", Value::Text("heartbeat".into()))],
            }]
        );
    }

    /// The fields of all events that `f` emits as code of a host.
    fn fields(f: impl FnOnce()) -> Vec<String> {
        let recorder = Recorder::default();
        let server = recorder.host("server");
        recorder.names(Arc::new([(Ipv4Addr::new(10, 0, 0, 1), "phone".to_owned())].into()));
        let context = Context { host: server, epoch: tokio::time::Instant::now() };
        Collector::new(recorder.clone()).collect(|| on_behalf_of(context, f));
        let told = |e: &Event| e.fields.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(" ");
        recorder.finish(Duration::MAX).events.iter().map(told).collect()
    }

    #[test]
    fn two_conversations_that_take_turns_are_told_from_each_other() {
        let told = fields(|| {
            let spans = ["10.0.0.1:7", "10.0.0.2:7"]
                .map(|peer| tracing::error_span!(target: "halfopen::app", "conversation", %peer));
            for n in 0..2 {
                for span in &spans {
                    span.in_scope(|| tracing::info!(target: "halfopen::ws", n, "sent"));
                }
                tracing::info!(target: "halfopen::app", n, "published");
            }
        });
        let turn = |n| [format!("peer=phone:7 n={n}"), format!("peer=10.0.0.2:7 n={n}"), format!("n={n}")];
        assert_eq!(told, [turn(0), turn(1)].concat());
    }

    #[test]
    fn an_event_says_what_all_spans_around_it_say_and_its_own_word_counts() {
        let told = fields(|| {
            let outer =
                tracing::error_span!(target: "halfopen::app", "outer", a = 1, b = tracing::field::Empty);
            let foreign = tracing::error_span!(target: "hyper", "theirs", c = 3);
            let inner = foreign
                .in_scope(|| outer.in_scope(|| tracing::error_span!(target: "halfopen::ws", "inner", d = 4)));
            outer.record("b", 2);
            inner.in_scope(|| tracing::info!(target: "halfopen::ws", "in the inner"));
            let also_outer = outer.clone();
            drop(outer);
            also_outer.in_scope(|| {
                let current = tracing::Span::current();
                tracing::info!(target: "halfopen::ws", a = 5, "in the outer");
                tracing::info!(target: "halfopen::ws", parent: None, "in none");
                tracing::info!(target: "halfopen::ws", parent: &current, "in the current");
            });
        });
        // What is recorded later is told of later.
        assert_eq!(told, ["a=1 d=4", "b=2 a=5", "", "a=1 b=2"]);
    }

    #[test]
    fn closed_spans_take_no_memory() {
        let collector = Collector::new(Recorder::default());
        let open = tracing::Dispatch::new(collector);
        tracing::dispatcher::with_default(&open, || {
            let span = tracing::error_span!(target: "halfopen::app", "conversation");
            drop(span.clone().entered());
            drop(span);
        });
        let collector = open.downcast_ref::<Collector>().expect("it is ours");
        assert!(collector.spans.is_empty());
    }

    #[test]
    fn there_may_be_more_hosts_than_sixteen_bits_count() {
        let recorder = Recorder::default();
        let hosts: Vec<HostId> = (0..70_000).map(|n| recorder.host(&n.to_string())).collect();
        assert_eq!(recorder.finish(Duration::MAX).host_name(hosts[69_999]), "69999");
    }

    #[test]
    fn the_order_does_not_depend_on_which_host_ran_first() {
        let at = Duration::from_secs(1);
        let record = |order: [usize; 2]| {
            let recorder = Recorder::default();
            let hosts = [recorder.host("a"), recorder.host("b")];
            for i in order {
                recorder.event(at, Some(hosts[i]), Layer::App, "x", Vec::new());
            }
            recorder.event(at, None, Layer::Fault, "y", Vec::new());
            recorder.finish(Duration::MAX).events
        };
        assert_eq!(record([0, 1]), record([1, 0]));
        assert_eq!(record([0, 1])[0].name, "y");
    }
}
