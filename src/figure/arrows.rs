//! Packets as arrows; several that fly side by side are one.

use std::time::Duration;

use crate::packet::Marks;
use crate::trace::conversation::{View, views};
use crate::trace::text::{grouped, seconds};
use crate::trace::{Fate, HostId, Packet, Trace};

/// Segments sent within this part of a flight are one arrow.
const BURST: u32 = 4;
/// Packets of one arrow that are told one by one under the pointer.
const MOST_TITLES: usize = 4;

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
    /// All there is to say, without time and hosts.
    pub told: String,
    pub packets: usize,
    /// What several of them are called.
    kind: &'static str,
    data_len: usize,
    all_data: bool,
}

/// The arrows of the packets for which `wanted` holds, with when they were sent.
pub(super) fn arrows(trace: &Trace, wanted: impl Fn(&Packet) -> bool) -> Vec<(Duration, Arrow)> {
    let mut rows: Vec<(Duration, Arrow)> = Vec::new();
    for (packet, view) in trace.packets.iter().zip(views(trace)) {
        if !wanted(packet) {
            continue;
        }
        let next = arrow(packet, view.as_ref());
        match rows.last_mut() {
            Some((at, last)) if last.flies_beside(*at, &next, packet.sent) => last.join(next),
            _ => rows.push((packet.sent, next)),
        }
    }
    rows
}

fn arrow(packet: &Packet, view: Option<&View<'_>>) -> Arrow {
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
    let numbers = view.map_or_else(String::new, |v| {
        let ack = v.ack.map_or_else(String::new, |a| format!(" ack {a}"));
        format!(" [{}] seq {}:{}{ack}, {} B", v.segment.flags, v.seq, v.end(), v.segment.data.len())
    });
    let marks = packet.marks.names().iter().map(|m| format!(", {m}")).collect::<String>();
    Arrow {
        from: packet.from,
        to: packet.to,
        end,
        mark,
        weight,
        label,
        told: format!("{plain}{numbers}{marks}, {fate}"),
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

/// `SYN ACK`, `GET /feed`, `data 1 B`, `ACK`.
fn name(view: &View<'_>) -> String {
    let segment = &view.segment;
    let flags = segment.flags;
    let mut out = match &view.message {
        Some(message) => message.clone(),
        None if !segment.data.is_empty() => format!("data {} B", grouped(segment.data.len())),
        // What is pushed matters to nobody who reads a figure.
        None if flags.syn || !(flags.fin || flags.rst) => {
            let names = flags.names(" ");
            let told: Vec<&str> = names.split(' ').filter(|name| *name != "PSH").collect();
            return told.join(" ");
        }
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
            self.told = format!("{}; {}", self.told, next.told);
        } else if self.packets == MOST_TITLES + 1 {
            self.told += "; …";
        }
    }

    /// Who sends to whom.
    pub fn who(&self, trace: &Trace) -> String {
        let to = self.to.map_or("nowhere", |h| trace.host_name(h));
        format!("{} to {to}", trace.host_name(self.from))
    }

    /// All there is to say, without time and hosts; a burst begins with what it is.
    pub fn whole(&self) -> String {
        if self.packets > 1 { format!("{}: {}", self.label, self.told) } else { self.told.clone() }
    }

    /// Whether it arrives.
    pub fn arrives(&self) -> bool {
        matches!(self.end, ArrowEnd::Arrives(_))
    }
}
