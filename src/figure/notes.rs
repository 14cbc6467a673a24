//! Events as notes beside a lane, or across all of them; what happened to one host at one moment is one note.

use std::time::Duration;

use crate::trace::packets::described;
use crate::trace::story::shown;
use crate::trace::text::seconds;
use crate::trace::{Event, HostId, Layer, Span, Trace, Value};

/// Values of one field that are told one by one where several events are one part.
const MOST_VALUES: usize = 3;

/// A field that is told: `n=13`.
#[derive(Debug, Clone, PartialEq)]
struct Field {
    name: &'static str,
    values: Vec<String>,
    /// Whether it says whom the event is about.
    names_hosts: bool,
}

impl Field {
    fn told(&self) -> String {
        let values = match &self.values[..] {
            [first, .., last] if self.values.len() > MOST_VALUES => format!("{first}…{last}"),
            few => few.join(","),
        };
        if self.name.is_empty() { values } else { format!("{}={values}", self.name) }
    }
}

/// An event, or several of one name.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub layer: Layer,
    pub name: &'static str,
    /// How many events it stands for.
    pub count: usize,
    fields: Vec<Field>,
    /// All there is to say, without time and host.
    told: String,
}

impl Part {
    /// `update received`, `3 × update received`. A fault of two links is one fault.
    pub fn label(&self) -> String {
        if self.count > 1 && self.layer != Layer::Fault {
            format!("{} × {}", self.count, self.name)
        } else {
            self.name.to_owned()
        }
    }

    /// `n=13,14,15`, `by=heartbeat`: a text each.
    pub fn fields(&self) -> Vec<String> {
        self.fields.iter().map(Field::told).collect()
    }
}

/// What happened to one host, or to the world, at one moment.
#[derive(Debug, Clone)]
pub(super) struct Note {
    pub host: Option<HostId>,
    pub parts: Vec<Part>,
    /// The other hosts that it names: its peer, the ends of its link.
    pub about: Vec<HostId>,
}

impl Note {
    /// The note of an event.
    pub fn of(trace: &Trace, event: &Event) -> Self {
        let mut fields = Vec::new();
        let mut about = Vec::new();
        for (name, value) in &event.fields {
            let hosts = hosts_in(trace, name, value);
            // Beside a lane there is little room, and a port tells nobody anything.
            let text = match (*name, &hosts[..]) {
                ("peer", [host]) => trace.host_name(*host).to_owned(),
                _ => shown(value),
            };
            fields.push(Field { name, values: vec![text], names_hosts: !hosts.is_empty() });
            about.extend(hosts);
        }
        let whole = event.fields.iter().map(|(k, v)| format!(" {k}={}", shown(v))).collect::<String>();
        let told = format!("{}: {}{whole}", event.layer.name(), event.name);
        Self {
            host: event.host,
            parts: vec![Part { layer: event.layer, name: event.name, count: 1, fields, told }],
            about,
        }
    }

    /// The beginning or the end of a span that no event announces.
    fn edge(trace: &Trace, span: &Span, name: &'static str, verb: &str) -> Self {
        let host = match span.hosts[..] {
            [one] => Some(one),
            _ => None,
        };
        let whole = described(trace, span);
        let whom = whole.strip_prefix(span.what).unwrap_or_default().trim_start();
        let field = Field { name: "", values: vec![whom.to_owned()], names_hosts: !span.one_way };
        let fields = if host.is_some() || whom.is_empty() { Vec::new() } else { vec![field] };
        let told = format!("{}: {whole} {verb}", Layer::Fault.name());
        Self {
            host,
            parts: vec![Part { layer: Layer::Fault, name, count: 1, fields, told }],
            about: span.hosts.clone(),
        }
    }

    /// Makes another note of the same host and moment part of this one.
    pub fn join(&mut self, other: Note) {
        for part in other.parts {
            let alike = self.parts.last_mut().filter(|p| (p.layer, p.name) == (part.layer, part.name));
            match alike {
                Some(last) => last.join(part),
                None => self.parts.push(part),
            }
        }
        self.about.extend(other.about);
    }

    /// Between two lanes it goes without saying whom a note is about, unless a direction matters.
    pub fn leave_the_other_unsaid(&mut self, lanes: &[HostId]) {
        if self.about.iter().all(|h| lanes.contains(h)) {
            for part in &mut self.parts {
                part.fields.retain(|f| !f.names_hosts || f.values.iter().any(|v| v.contains("->")));
            }
        }
    }

    /// How many events it tells.
    pub fn events(&self) -> usize {
        self.parts.iter().map(|p| p.count).sum()
    }

    /// The layer that its marker shows: that of the fault, if it tells one.
    pub fn layer(&self) -> Layer {
        self.parts.iter().map(|p| p.layer).min().unwrap_or(Layer::App)
    }

    /// Whether it tells of a fault.
    pub fn is_fault(&self) -> bool {
        self.layer() == Layer::Fault
    }

    /// Who is told of.
    pub fn who(&self, trace: &Trace) -> String {
        self.host.map_or_else(|| "the network".to_owned(), |h| trace.host_name(h).to_owned())
    }

    /// All there is to say, without time and host.
    pub fn told(&self) -> String {
        self.parts.iter().map(|p| p.told.as_str()).collect::<Vec<_>>().join("; ")
    }
}

impl Part {
    fn join(&mut self, other: Part) {
        self.count += other.count;
        self.told = format!("{}; {}", self.told, other.told);
        for field in &mut self.fields {
            let same = other.fields.iter().filter(|f| f.name == field.name);
            for value in same.flat_map(|f| &f.values) {
                if !field.values.contains(value) {
                    field.values.push(value.clone());
                }
            }
        }
    }
}

/// The hosts that a field names: `peer=server:80`, `link="phone server"`, `link=phone->server`.
fn hosts_in(trace: &Trace, name: &str, value: &Value) -> Vec<HostId> {
    let Value::Text(text) = value else { return Vec::new() };
    let names: Vec<&str> = match name {
        "peer" => text.rsplit_once(':').map(|(host, _)| host).into_iter().collect(),
        "link" => text.split([' ', '>']).map(|end| end.trim_end_matches('-')).collect(),
        _ => Vec::new(),
    };
    names.into_iter().filter_map(|name| trace.hosts.find(name)).collect()
}

/// Notes for the spans that no event announces.
pub(super) fn unannounced(trace: &Trace) -> Vec<(Duration, Note)> {
    let announced = |at: Duration| trace.events.iter().any(|e| e.layer == Layer::Fault && e.at == at);
    let mut out = Vec::new();
    for span in &trace.spans {
        let (begins, ends) = names_of_edges(span.what);
        if !announced(span.from) {
            out.push((span.from, Note::edge(trace, span, begins, "begins")));
        }
        if let Some(until) = span.until.filter(|u| !announced(*u)) {
            out.push((until, Note::edge(trace, span, ends, "ends")));
        }
    }
    out
}

/// What the edges of a span are called.
fn names_of_edges(what: &str) -> (&'static str, &'static str) {
    let named = |verb: &str| {
        let names = crate::trace::vocabulary::EVENTS.iter().flat_map(|(_, names)| *names);
        let is = |name: &&&str| name.strip_prefix(what).is_some_and(|rest| rest.trim_start() == verb);
        names.copied().find(|name| is(&name))
    };
    (named("begins").unwrap_or("fault begins"), named("ends").unwrap_or("fault ends"))
}

/// When a span is: `from 4.500000 s to 34.500000 s (30 s)`, with what of it is not in sight.
pub(super) fn times_of(span: &Span, (from, until): (Duration, Duration), ended: Duration) -> String {
    let mut out = format!("from {} s", seconds(span.from));
    match span.until {
        Some(end) => {
            let lasting = super::words::stretch(end.saturating_sub(span.from));
            out += &format!(" to {} s ({lasting})", seconds(end));
        }
        None => out += " to the end of the run",
    }
    let hidden = [
        (span.from < from).then(|| format!("from {} s", seconds(from))),
        (span.until.unwrap_or(ended) > until).then(|| format!("until {} s", seconds(until))),
    ];
    let hidden: Vec<String> = hidden.into_iter().flatten().collect();
    if !hidden.is_empty() {
        out += &format!(" (shown {})", hidden.join(" "));
    }
    out
}
