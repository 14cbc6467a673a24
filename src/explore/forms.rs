//! The forms of a trace as the command line and the book use them: one place that calls [`crate::trace`].

use std::io;
use std::time::Duration;

use serde::Serialize;

use super::view::View;
use crate::figure;
use crate::scenario::Outcome;
use crate::trace::{self, Event, HostId, Recording, Trace, pcap};

pub use figure::CSS as FIGURE_CSS;
pub use figure::Drawing;
pub use figure::Line as FigureLine;
pub use figure::Options as Figure;
pub use figure::distribution::Look;
pub use figure::{NARROW, WIDE};
pub use trace::packets::LEGEND as PACKETS_LEGEND;
pub use trace::story::LEGEND as STORY_LEGEND;

/// What a person reads: the events within the window, of the machines and layers of the view. What was done to the world is
/// told whichever machines are shown.
///
/// # Panics
/// As all forms, if the run did not keep what is to be shown: see [`Recording`].
pub fn story_of(trace: &Trace, view: &View) -> String {
    trace.asks(Recording::Story);
    let (from, until) = (view.from.unwrap_or_default(), view.until.unwrap_or(Duration::MAX));
    let of_a_shown_machine = |event: &Event| {
        let name = event.host.map(|host| trace.host_name(host));
        view.hosts.is_empty() || name.is_none_or(|name| view.hosts.iter().any(|shown| shown == name))
    };
    let shown = |event: &&Event| {
        (from..=until).contains(&event.at) && view.layers.contains(&event.layer) && of_a_shown_machine(event)
    };
    let part = Trace {
        recording: trace.recording,
        hosts: trace.hosts.clone(),
        events: trace.events.iter().filter(shown).cloned().collect(),
        ended: trace.ended,
        ..Trace::default()
    };
    trace::story::story(&part, &trace::story::Options { fold: view.fold, until: view.until })
}

/// One line a segment: those between the machines of the view, sent within its window; what came before is known to it.
pub fn packets_of(trace: &Trace, view: &View) -> String {
    trace.asks(Recording::Packets);
    let shown =
        |host: HostId| view.hosts.is_empty() || view.hosts.iter().any(|name| name == trace.host_name(host));
    let (from, until) = (view.from.unwrap_or_default(), view.until.unwrap_or(Duration::MAX));
    trace::packets::packets_where(trace, from, until, |packet| {
        shown(packet.from) && packet.to.is_none_or(shown)
    })
}

/// The events (and the packets, if wanted) as `[{t_us, host, layer, event, ...}]`.
pub fn json(trace: &Trace, with_packets: bool) -> impl Serialize + '_ {
    trace::json::trace(trace, with_packets)
}

/// The packets as a file that Wireshark opens.
///
/// # Errors
/// As the writer says.
pub fn pcap(trace: &Trace, writer: impl io::Write) -> io::Result<()> {
    trace.asks(Recording::Packets);
    pcap::write(trace, writer)
}

/// A space-time diagram with the names of its lanes and its rows as a list; from one pass over the trace.
fn drawing(trace: &Trace, figure: &Figure) -> Drawing {
    trace.asks(if figure.packets { Recording::Packets } else { Recording::Story });
    figure::drawing(trace, figure)
}

/// What a figure of this view shows of a run, laid out for a width in CSS pixels: what happened, or how some values are
/// spread.
pub fn drawing_of(outcome: &Outcome, view: &View, question: &str, id: &str, width: u32) -> Drawing {
    let spread = view.distribution.as_ref();
    match spread.and_then(|(name, look)| distribution(outcome, name, *look, id, width)) {
        Some(svg) => Drawing { svg, heads: String::new(), lines: Vec::new() },
        None => drawing(&outcome.trace, &Figure { width, ..view.figure(question, id) }),
    }
}

/// How the values behind a measure are spread, as a chart; `None` if the run has no distribution of this name.
fn distribution(outcome: &Outcome, name: &str, look: Look, id: &str, width: u32) -> Option<String> {
    let found = outcome.distributions.iter().find(|d| d.name == name)?;
    let summary = figure::distribution::Distribution {
        title: format!("{}: how it is spread", found.label),
        description: format!("{} values: {}.", found.values.len(), found.label),
        id: id.to_owned(),
        name: found.label.to_owned(),
        unit: super::sweep::unit_of_measure(name),
        cases: String::new(),
        values: vec![(found.label.to_owned(), found.values.clone())],
        look,
        width,
    };
    Some(figure::distribution::distribution(&summary))
}

/// The figure of a view as a file of its own.
pub fn standalone_svg(outcome: &Outcome, view: &View, question: &str) -> String {
    figure::standalone(&drawing_of(outcome, view, question, "figure", WIDE).svg)
}
