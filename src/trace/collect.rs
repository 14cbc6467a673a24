//! The `tracing` subscriber that turns what mechanisms, sessions and scenarios log into events of the trace.

use std::cell::Cell;
use std::fmt::{self, Write as _};
use std::sync::OnceLock;
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::{Dispatch, Metadata, Subscriber, span};

use super::recorder::Recorder;
use super::spans::Spans;
use super::{Fields, HostId, Layer, Recording, Value};

/// Whose code is running, for events that come in by `tracing`.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// The host.
    pub host: HostId,
    /// Virtual time, which stands still while the code runs.
    pub now: Duration,
}

thread_local! {
    static CONTEXT: Cell<Option<Context>> = const { Cell::new(None) };
    /// Where names are put together: kept for its memory only.
    static NAME: Cell<String> = const { Cell::new(String::new()) };
}

/// Runs `f` as code of that host.
pub fn on_behalf_of<R>(context: Context, f: impl FnOnce() -> R) -> R {
    struct Restore(Option<Context>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CONTEXT.set(self.0);
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
        ask_all_threads();
        tracing::subscriber::with_default(self, f)
    }
}

/// From now on all threads are asked whether anybody listens to a log statement. While there is no more than one
/// subscriber, tracing asks only the thread that comes upon the statement first (`Dispatchers::rebuilder()` in tracing-core);
/// one without a subscriber would silence it for a run on another thread, too. So there is a second one, for good.
pub(crate) fn ask_all_threads() {
    static SECOND: OnceLock<Dispatch> = OnceLock::new();
    SECOND.get_or_init(|| Dispatch::new(Collector::new(Recorder::default())));
}

fn layer(target: &str) -> Option<Layer> {
    let name = target.strip_prefix(TARGET)?;
    Layer::ALL.into_iter().find(|l| l.name() == name)
}

impl Collector {
    /// What is recorded of a span's fields.
    fn of_span(&self, record: impl FnOnce(&mut Heard)) -> Fields {
        if !self.recorder.keeps(Recording::Story) {
            return Fields::new();
        }
        let mut heard = Heard { wanted: true, ..Heard::default() };
        record(&mut heard);
        for (name, value) in &mut heard.fields {
            if let (&mut "peer", Value::Text(text)) = (name, value)
                && let Some(name) = self.recorder.named(text)
            {
                *text = name.into();
            }
        }
        heard.fields
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
        let Some(context) = CONTEXT.get() else {
            return;
        };
        let wanted = self.recorder.keeps(Recording::Story);
        let mut heard = Heard { wanted, name: NAME.take(), fields: Fields::new() };
        heard.name.clear();
        event.record(&mut heard);
        let Heard { name, fields, .. } = heard;
        self.recorder.logged(context.now, context.host, layer, &name, || self.spans.with_own(event, fields));
        NAME.set(name);
    }

    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        self.spans.open(attributes, self.of_span(|heard| attributes.record(heard)))
    }
    fn record(&self, id: &span::Id, values: &span::Record<'_>) {
        self.spans.record(id, self.of_span(|heard| values.record(heard)));
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
struct Heard {
    wanted: bool,
    name: String,
    fields: Fields,
}

impl Heard {
    fn push(&mut self, field: &Field, value: impl Into<Value>) {
        if field.name() == "message" {
            // Writing to a String cannot fail.
            let _ = write!(self.name, "{}", value.into());
        } else if self.wanted {
            self.fields.push((field.name(), value.into()));
        }
    }
}

impl Visit for Heard {
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
    use std::net::Ipv4Addr;
    use std::sync::Arc;

    use super::*;
    use crate::trace::Event;

    #[test]
    fn an_ordinary_log_line_becomes_an_event_of_the_host_that_logged_it() {
        let recorder = Recorder::default();
        let phone = recorder.host("phone");
        let now = Duration::from_millis(1500);
        Collector::new(recorder.clone()).collect(|| {
            tracing::info!(target: "halfopen::ws", "nobody's");
            on_behalf_of(Context { host: phone, now }, || {
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
                fields: vec![("n", Value::Integer(3)), ("by", Value::Text("heartbeat".into()))].into(),
            }]
        );
    }

    /// The fields of all events that `f` emits as code of a host.
    fn fields(f: impl FnOnce()) -> Vec<String> {
        let recorder = Recorder::default();
        let server = recorder.host("server");
        recorder.names(Arc::new([(Ipv4Addr::new(10, 0, 0, 1), "phone".to_owned())].into()));
        let context = Context { host: server, now: Duration::ZERO };
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
