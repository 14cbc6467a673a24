//! What a figure shows: arrows and notes in order of time, and what is left out between them.

use std::time::Duration;

use super::Options;
use super::arrows::{Arrow, ArrowEnd, arrows};
use super::notes::{Note, unannounced};
use super::select::{Fold, folded};
use crate::trace::text::seconds;
use crate::trace::{Fate, HostId, Layer, Span, Trace};

/// Most lanes of a figure without a choice of hosts: more do not fit on a page.
const MOST_LANES: usize = 6;

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

impl Row {
    /// All there is to say of it.
    pub fn title(&self, trace: &Trace) -> String {
        let (who, told) = self.who_and_what(trace);
        format!("{} s {who}: {told}", seconds(self.at))
    }

    /// Who it is about, and all there is to say of it.
    pub fn who_and_what(&self, trace: &Trace) -> (String, String) {
        match &self.what {
            What::Arrow(arrow) => (arrow.who(trace), arrow.whole()),
            What::Note(note) => (note.who(trace), note.told()),
        }
    }
}

/// What a figure shows.
#[derive(Debug)]
pub(super) struct Content {
    pub from: Duration,
    pub until: Duration,
    /// When the run ended.
    pub ended: Duration,
    /// The hosts that have a lane, from left to right.
    pub lanes: Vec<HostId>,
    pub rows: Vec<Row>,
    pub folds: Vec<Fold>,
    /// The faults in sight, with their true times.
    pub spans: Vec<Span>,
    /// How long packets fly: the median over the arrows that arrive, or else over all packets of the run that did.
    pub latency: Option<Duration>,
    /// All that happened, also what is not drawn: when, on which lane, and whether it was a packet that was lost.
    pub all: Vec<(Duration, usize, bool)>,
}

impl Content {
    pub fn of(trace: &Trace, options: &Options) -> Self {
        let from = options.from.unwrap_or_default();
        let until = options.until.map_or(trace.ended, |u| u.min(trace.ended)).max(from);
        let inside = |at: Duration| (from..=until).contains(&at);
        let mut spans: Vec<Span> = trace
            .spans
            .iter()
            .filter(|s| s.from <= until && s.until.is_none_or(|u| u > from))
            .cloned()
            .collect();
        let mut notes: Vec<(Duration, Note)> = trace
            .events
            .iter()
            .filter(|e| inside(e.at) && options.layers.contains(&e.layer))
            .map(|e| (e.at, Note::of(trace, e)))
            .collect();
        if options.layers.contains(&Layer::Fault) {
            notes.extend(unannounced(trace).into_iter().filter(|(at, _)| inside(*at)));
        } else {
            spans.clear();
        }
        let mut flights = match options.packets {
            true => arrows(trace, |packet| inside(packet.sent)),
            false => Vec::new(),
        };
        let (lanes, hidden) = lanes(trace, options, &notes, &flights, &spans);
        // What happened to a hidden host, and what it did to others, is hidden with it.
        let seen = |h: &HostId| !hidden.contains(h);
        notes.retain(|(_, n)| n.host.iter().all(seen) && n.about.iter().all(seen));
        flights.retain(|(_, a)| lanes.contains(&a.from) && a.to.iter().all(|h| lanes.contains(h)));
        spans.retain(|s| s.hosts.iter().all(|h| lanes.contains(h)));
        let mut rows: Vec<Row> =
            together(notes).into_iter().map(|(at, note)| Row { at, what: What::Note(note) }).collect();
        rows.extend(flights.into_iter().map(|(at, arrow)| Row { at, what: What::Arrow(arrow) }));
        // Stable: at one moment faults come first, then what was noticed, then what was sent.
        rows.sort_by_key(|r| match &r.what {
            What::Note(n) if n.is_fault() => (r.at, 0),
            What::Note(_) => (r.at, 1),
            What::Arrow(_) => (r.at, 2),
        });
        leave_the_only_peer_unsaid(&mut rows, &lanes);
        let all = ticks(&rows, &lanes);
        let (rows, folds) = if options.fold { folded(rows, from, until) } else { (rows, Vec::new()) };
        let latency = latency(trace, &rows);
        Self { from, until, ended: trace.ended, lanes, rows, folds, spans, latency, all }
    }

    /// The arrows, with their rows.
    pub fn arrows(&self) -> impl Iterator<Item = (usize, &Row, &Arrow)> {
        self.rows.iter().enumerate().filter_map(|(i, row)| match &row.what {
            What::Arrow(arrow) => Some((i, row, arrow)),
            What::Note(_) => None,
        })
    }

    /// The notes, with their rows.
    pub fn notes(&self) -> impl Iterator<Item = (usize, &Row, &Note)> {
        self.rows.iter().enumerate().filter_map(|(i, row)| match &row.what {
            What::Note(note) => Some((i, row, note)),
            What::Arrow(_) => None,
        })
    }

    /// Whether something of the run lies before what is shown.
    pub fn begins_later(&self) -> bool {
        !self.from.is_zero()
    }

    /// Whether something of the run lies behind what is shown.
    pub fn ends_sooner(&self) -> bool {
        self.until < self.ended
    }
}

fn latency(trace: &Trace, rows: &[Row]) -> Option<Duration> {
    let median = |mut flights: Vec<Duration>| {
        flights.retain(|d| !d.is_zero());
        flights.sort();
        flights.get(flights.len() / 2).copied()
    };
    let drawn = rows.iter().filter_map(|r| match &r.what {
        What::Arrow(Arrow { end: ArrowEnd::Arrives(at), .. }) => Some(at.saturating_sub(r.at)),
        _ => None,
    });
    let all = || {
        let arrivals = trace.packets.iter().filter_map(|p| match p.fate {
            Fate::Arrived(at) => Some(at.saturating_sub(p.sent)),
            _ => None,
        });
        arrivals.collect()
    };
    median(drawn.collect()).or_else(|| median(all()))
}

/// Who speaks to one host only need not say to whom.
fn leave_the_only_peer_unsaid(rows: &mut [Row], lanes: &[HostId]) {
    let mut peers: Vec<(HostId, HostId)> = Vec::new();
    for row in rows.iter() {
        match &row.what {
            What::Arrow(a) => peers.extend(a.to.iter().flat_map(|to| [(a.from, *to), (*to, a.from)])),
            What::Note(n) => {
                peers.extend(n.host.iter().flat_map(|h| n.about.iter().map(|other| (*h, *other))))
            }
        }
    }
    peers.sort();
    peers.dedup();
    for row in rows {
        if let What::Note(n) = &mut row.what {
            let among = n.host.map_or(lanes.len(), |h| peers.iter().filter(|(a, _)| *a == h).count() + 1);
            if among <= 2 {
                n.leave_the_other_unsaid(lanes);
            }
        }
    }
}

/// What is marked on the strip that is true to scale: packets, or events where there are none.
fn ticks(rows: &[Row], lanes: &[HostId]) -> Vec<(Duration, usize, bool)> {
    let lane = |host: HostId| lanes.iter().position(|l| *l == host);
    let packets = rows.iter().filter_map(|row| match &row.what {
        What::Arrow(arrow) => Some((row.at, lane(arrow.from)?, arrow.end == ArrowEnd::Dies)),
        What::Note(_) => None,
    });
    let packets: Vec<_> = packets.collect();
    if !packets.is_empty() {
        return packets;
    }
    let events = rows.iter().filter_map(|row| match &row.what {
        What::Note(note) => Some((row.at, lane(note.host?)?, false)),
        What::Arrow(_) => None,
    });
    events.collect()
}

/// What happened to one host at one moment, or to the world, is one note.
fn together(notes: Vec<(Duration, Note)>) -> Vec<(Duration, Note)> {
    let mut out: Vec<(Duration, Note)> = Vec::new();
    let mut notes = notes;
    notes.sort_by_key(|(at, note)| (*at, !note.is_fault()));
    for (at, note) in notes {
        let same = out.iter_mut().rev().take_while(|(t, _)| *t == at).find(|(_, n)| n.host == note.host);
        match same {
            Some((_, earlier)) => earlier.join(note),
            None => out.push((at, note)),
        }
    }
    out
}

/// The hosts that have a lane, and those that are hidden because they have none.
fn lanes(
    trace: &Trace,
    options: &Options,
    notes: &[(Duration, Note)],
    flights: &[(Duration, Arrow)],
    spans: &[Span],
) -> (Vec<HostId>, Vec<HostId>) {
    if !options.hosts.is_empty() {
        let chosen: Vec<HostId> = options.hosts.iter().map(|h| trace.host(h)).collect();
        let all = (0..trace.hosts.len()).map(|i| HostId(u32::try_from(i).unwrap_or(u32::MAX)));
        return (chosen.clone(), all.filter(|h| !chosen.contains(h)).collect());
    }
    let mut used: Vec<HostId> = notes.iter().filter_map(|(_, n)| n.host).collect();
    used.extend(flights.iter().flat_map(|(_, a)| [Some(a.from), a.to].into_iter().flatten()));
    used.extend(spans.iter().flat_map(|s| s.hosts.iter().copied()));
    used.sort();
    used.dedup();
    let hidden = used.split_off(used.len().min(MOST_LANES));
    (used, hidden)
}
