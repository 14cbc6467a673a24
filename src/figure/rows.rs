//! What a figure shows: arrows and notes in order of time, and what is left out between them.

use std::time::Duration;

use super::Options;
use super::select::{Fold, folded};
use crate::packet::Marks;
use crate::trace::conversation::{View, views};
use crate::trace::packets::described;
use crate::trace::story::shown;
use crate::trace::text::{grouped, seconds};
use crate::trace::{Event, Fate, HostId, Layer, Packet, Span, Trace, Value};

/// Segments sent within this part of a flight are one arrow.
const BURST: u32 = 4;
/// Packets of one arrow that are told one by one under the pointer.
const MOST_TITLES: usize = 4;
/// Most lanes of a figure without a choice of hosts: more do not fit on a page.
const MOST_LANES: usize = 6;

/// Why an arrow is not a plain one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mark {
    Plain,
    Retransmission,
    Keepalive,
    WindowProbe,
    Duplicate,
}

/// Where an arrow ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ArrowEnd {
    Arrives(Duration),
    Dies,
    /// The run ended first.
    Open,
}

/// How much the label of an arrow matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// Opens, closes, was lost or sent again.
    Heavy,
    /// Carries data.
    Plain,
    /// Only acknowledges.
    Light,
}

/// One packet, or several that flew side by side.
#[derive(Debug, Clone)]
pub(super) struct Arrow {
    pub from: HostId,
    pub to: Option<HostId>,
    pub end: ArrowEnd,
    pub mark: Mark,
    pub weight: Weight,
    pub label: String,
    /// All there is to say, shown under the pointer.
    pub title: String,
    /// What several of them are called.
    kind: &'static str,
    data_len: usize,
    all_data: bool,
    packets: usize,
}

/// An event beside a lane, or across all of them.
#[derive(Debug, Clone)]
pub(super) struct Note {
    pub host: Option<HostId>,
    pub layer: Layer,
    pub name: String,
    pub fields: String,
    pub title: String,
    /// The other hosts that it names: its peer, the ends of its link.
    about: Vec<HostId>,
    /// Its fields without those that name hosts.
    plain_fields: String,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    Arrow(Arrow),
    Note(Note),
}

#[derive(Debug, Clone)]
pub(super) struct Row {
    pub at: Duration,
    pub what: What,
}

/// What a figure shows.
#[derive(Debug)]
pub(super) struct Content {
    pub from: Duration,
    pub until: Duration,
    /// The hosts that have a lane, from left to right.
    pub lanes: Vec<HostId>,
    pub rows: Vec<Row>,
    pub folds: Vec<Fold>,
    pub spans: Vec<Span>,
}

impl Content {
    pub fn of(trace: &Trace, options: &Options) -> Self {
        let from = options.from.unwrap_or_default();
        let until = options.until.map_or(trace.ended, |u| u.min(trace.ended)).max(from);
        let inside = |at: Duration| (from..=until).contains(&at);
        let spans: Vec<Span> = trace
            .spans
            .iter()
            .filter(|s| s.from <= until && s.until.is_none_or(|u| u > from))
            .cloned()
            .collect();
        let mut rows: Vec<Row> = trace
            .events
            .iter()
            .filter(|e| inside(e.at) && options.layers.contains(&e.layer))
            .map(|e| Row { at: e.at, what: What::Note(note(trace, e)) })
            .collect();
        if options.layers.contains(&Layer::Fault) {
            rows.extend(unannounced(trace, &spans).filter(|r| inside(r.at)));
        }
        if options.packets {
            rows.extend(arrows(trace, inside));
        }
        // Stable: at one moment faults come first, then what was noticed, then what was sent.
        rows.sort_by_key(|r| match &r.what {
            What::Note(n) if n.layer == Layer::Fault => (r.at, 0),
            What::Note(_) => (r.at, 1),
            What::Arrow(_) => (r.at, 2),
        });
        let lanes = lanes(trace, options, &rows, &spans);
        let chosen = !options.hosts.is_empty();
        rows.retain(|r| match &r.what {
            // With chosen hosts, events that concern others are left out.
            What::Note(n) => {
                n.host.is_none_or(|h| lanes.contains(&h))
                    && (!chosen || n.about.iter().all(|h| lanes.contains(h)))
            }
            What::Arrow(a) => lanes.contains(&a.from) && a.to.is_none_or(|h| lanes.contains(&h)),
        });
        if lanes.len() == 2 {
            for row in &mut rows {
                if let What::Note(n) = &mut row.what {
                    n.leave_the_other_unsaid(&lanes);
                }
            }
        }
        let spans = spans
            .into_iter()
            .filter(|s| s.hosts.iter().all(|h| lanes.contains(h)))
            .map(|s| Span {
                from: s.from.max(from),
                until: Some(s.until.map_or(until, |u| u.min(until))),
                ..s
            })
            .collect();
        let (rows, folds) = folded(rows, from, until);
        Self { from, until, lanes, rows, folds, spans }
    }

    /// How long packets fly: the median over the arrows that arrive.
    pub fn latency(&self) -> Option<Duration> {
        let mut flights: Vec<Duration> = self
            .rows
            .iter()
            .filter_map(|r| match &r.what {
                What::Arrow(Arrow { end: ArrowEnd::Arrives(at), .. }) => Some(at.saturating_sub(r.at)),
                _ => None,
            })
            .filter(|d| !d.is_zero())
            .collect();
        flights.sort();
        flights.get(flights.len() / 2).copied()
    }
}

fn note(trace: &Trace, event: &Event) -> Note {
    let one_by_one = event.fields.iter().map(|(k, v)| (*k, shown(v), hosts_in(trace, k, v)));
    let whole: Vec<String> = one_by_one.clone().map(|(k, text, _)| format!("{k}={text}")).collect();
    let whole = whole.join(" ");
    // Beside a lane there is little room, and a port tells nobody anything.
    let told = |names_hosts: bool| {
        let fields = one_by_one.clone().filter(|(.., hosts)| names_hosts || hosts.is_empty());
        let fields = fields.map(|(k, text, hosts)| match (k, &hosts[..]) {
            ("peer", [host]) => format!("{k}={}", trace.host_name(*host)),
            _ => format!("{k}={text}"),
        });
        fields.collect::<Vec<_>>().join(" ")
    };
    let host = event.host.map_or("", |h| trace.host_name(h));
    let title =
        [&seconds(event.at), " s ", host, " ", event.layer.name(), ": ", event.name, " ", &whole].concat();
    Note {
        host: event.host,
        layer: event.layer,
        name: event.name.to_owned(),
        fields: told(true),
        title: title.split_whitespace().collect::<Vec<_>>().join(" "),
        about: event.fields.iter().flat_map(|(k, v)| hosts_in(trace, k, v)).collect(),
        plain_fields: told(false),
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

impl Note {
    /// Between two lanes it goes without saying whom a note is about, unless a direction matters.
    fn leave_the_other_unsaid(&mut self, lanes: &[HostId]) {
        let one_way = self.fields.contains("->");
        if !one_way && self.about.iter().all(|h| lanes.contains(h)) {
            self.fields = std::mem::take(&mut self.plain_fields);
        }
    }
}

/// Notes for the spans that no event announces.
fn unannounced<'a>(trace: &'a Trace, spans: &'a [Span]) -> impl Iterator<Item = Row> + 'a {
    let announced = |at: Duration| trace.events.iter().any(|e| e.layer == Layer::Fault && e.at == at);
    let row = |span: &Span, at: Duration, verb: &str| {
        let host = match span.hosts[..] {
            [one] => Some(one),
            _ => None,
        };
        let whole = described(trace, span);
        let whom = whole.strip_prefix(span.what).unwrap_or_default().trim_start();
        let fields = if host.is_some() { String::new() } else { whom.to_owned() };
        let name = format!("{} {verb}", span.what);
        let title = format!("{} s {whole} {verb}", seconds(at));
        Row {
            at,
            what: What::Note(Note {
                host,
                layer: Layer::Fault,
                name,
                plain_fields: fields.clone(),
                fields,
                title,
                about: span.hosts.clone(),
            }),
        }
    };
    spans.iter().flat_map(move |span| {
        let begins = (!announced(span.from)).then(|| row(span, span.from, "begins"));
        let ends = span.until.filter(|u| !announced(*u)).map(|u| row(span, u, "ends"));
        begins.into_iter().chain(ends)
    })
}

fn lanes(trace: &Trace, options: &Options, rows: &[Row], spans: &[Span]) -> Vec<HostId> {
    if !options.hosts.is_empty() {
        return options.hosts.iter().map(|h| trace.host(h)).collect();
    }
    let mut used: Vec<HostId> = Vec::new();
    for row in rows {
        match &row.what {
            What::Note(n) => used.extend(n.host),
            What::Arrow(a) => used.extend([Some(a.from), a.to].into_iter().flatten()),
        }
    }
    used.extend(spans.iter().flat_map(|s| s.hosts.iter().copied()));
    used.sort();
    used.dedup();
    used.truncate(MOST_LANES);
    used
}

/// The arrows of the packets sent inside the window.
fn arrows(trace: &Trace, inside: impl Fn(Duration) -> bool) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (packet, view) in trace.packets.iter().zip(views(trace)) {
        if !inside(packet.sent) {
            continue;
        }
        let next = arrow(trace, packet, view.as_ref());
        if let Some(Row { at, what: What::Arrow(last) }) = rows.last_mut()
            && last.flies_beside(*at, &next, packet.sent)
        {
            last.join(next);
        } else {
            rows.push(Row { at: packet.sent, what: What::Arrow(next) });
        }
    }
    rows
}

fn arrow(trace: &Trace, packet: &Packet, view: Option<&View<'_>>) -> Arrow {
    let mark = match packet.marks {
        Marks { duplicate: true, .. } => Mark::Duplicate,
        Marks { keepalive: true, .. } => Mark::Keepalive,
        Marks { window_probe: true, .. } => Mark::WindowProbe,
        Marks { retransmission: true, .. } => Mark::Retransmission,
        _ => Mark::Plain,
    };
    let (end, fate) = match packet.fate {
        Fate::Arrived(at) => (ArrowEnd::Arrives(at), format!("arrived {} s", seconds(at))),
        Fate::Died(_, why) => (ArrowEnd::Dies, format!("lost: {why}")),
        Fate::UnderWay => (ArrowEnd::Open, "under way when the run ended".to_owned()),
    };
    let data_len = packet.transport.data().len();
    let plain = match view {
        Some(view) => name(view),
        None => match packet.transport.unreachable() {
            Some(said) => said.code.to_string(),
            None => format!("UDP {} B", grouped(data_len)),
        },
    };
    let flags = view.map(|v| v.segment.flags).unwrap_or_default();
    let label = match mark {
        Mark::Plain => plain.clone(),
        Mark::Retransmission if flags.syn || flags.fin => format!("{plain} retransmission"),
        Mark::Retransmission => "retransmission".to_owned(),
        Mark::Keepalive => "keepalive".to_owned(),
        Mark::WindowProbe => "window probe".to_owned(),
        Mark::Duplicate => format!("{plain}, a copy"),
    };
    let opens_or_closes = flags.syn || flags.fin || flags.rst;
    let is_refusal = packet.transport.unreachable().is_some();
    let weight = match (mark, end) {
        (Mark::Plain, ArrowEnd::Arrives(_)) if !opens_or_closes && !is_refusal => {
            if data_len > 0 {
                Weight::Plain
            } else {
                Weight::Light
            }
        }
        _ => Weight::Heavy,
    };
    let to = packet.to.map_or("nowhere", |h| trace.host_name(h));
    let numbers = view.map_or_else(String::new, |v| {
        let ack = v.ack.map_or_else(String::new, |a| format!(" ack {a}"));
        format!(" [{}] seq {}:{}{ack}, {} B", v.segment.flags, v.seq, v.end(), v.segment.data.len())
    });
    let marks = packet.marks.names().iter().map(|m| format!(", {m}")).collect::<String>();
    let from = trace.host_name(packet.from);
    let title = format!("{} s {from} to {to}: {plain}{numbers}{marks}, {fate}", seconds(packet.sent));
    Arrow {
        from: packet.from,
        to: packet.to,
        end,
        mark,
        weight,
        label,
        title,
        kind: match view {
            Some(_) => "segments",
            None if is_refusal => "ICMP messages",
            None => "datagrams",
        },
        data_len,
        all_data: data_len > 0 && !opens_or_closes,
        packets: 1,
    }
}

/// `SYN ACK`, `GET /feed`, `PSH 1 B`, `ACK`.
fn name(view: &View<'_>) -> String {
    let segment = &view.segment;
    let flags = segment.flags;
    let mut out = match &view.message {
        Some(message) => message.clone(),
        None if !segment.data.is_empty() => {
            format!("{}{} B", if flags.psh { "PSH " } else { "" }, grouped(segment.data.len()))
        }
        None if flags.syn => return flags.names(" "),
        None if !flags.fin && !flags.rst => return flags.names(" "),
        None => String::new(),
    };
    for (set, name) in [(flags.syn, "SYN"), (flags.fin, "FIN"), (flags.rst, "RST")] {
        if set {
            out.push_str(if out.is_empty() { "" } else { " + " });
            out.push_str(name);
        }
    }
    out
}

impl Arrow {
    /// Whether a packet sent later may be drawn as one arrow with this one: it flies at the same moment, or is another
    /// segment of the same burst.
    fn flies_beside(&self, sent: Duration, next: &Arrow, next_sent: Duration) -> bool {
        if (self.from, self.to, self.mark, self.kind) != (next.from, next.to, next.mark, next.kind) {
            return false;
        }
        if sent == next_sent {
            return self.end == next.end;
        }
        match (self.end, next.end) {
            (ArrowEnd::Arrives(arrival), ArrowEnd::Arrives(_)) => {
                self.all_data && next.all_data && next_sent - sent <= (arrival.saturating_sub(sent)) / BURST
            }
            _ => false,
        }
    }

    /// Makes a packet that flies beside this one part of the arrow.
    fn join(&mut self, next: Arrow) {
        self.packets += 1;
        self.data_len += next.data_len;
        self.all_data &= next.all_data;
        self.weight = self.weight.min(next.weight);
        self.label = if self.label == next.label && self.packets == 2 {
            format!("2 × {}", next.label)
        } else if self.packets == 2 && !self.all_data {
            format!("{} + {}", self.label, next.label)
        } else {
            format!("{} {}, {} B", self.packets, self.kind, grouped(self.data_len))
        };
        if self.packets <= MOST_TITLES {
            self.title = format!("{}; {}", self.title, next.title);
        } else if self.packets == MOST_TITLES + 1 {
            self.title += "; …";
        }
    }
}
