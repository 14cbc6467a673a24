//! The forms of a trace as the command line and the book use them: one place that calls [`crate::trace`].

use std::io;
use std::time::Duration;

use serde::Serialize;

use crate::figure;
use crate::scenario::Outcome;
use crate::trace::{self, Fate, Recording, Trace, pcap};

pub use figure::CSS as FIGURE_CSS;
pub use figure::Drawing;
pub use figure::Line as FigureLine;
pub use figure::Options as Figure;
pub use figure::distribution::Look;
pub use figure::{NARROW, WIDE};
pub use trace::packets::LEGEND as PACKETS_LEGEND;
pub use trace::story::LEGEND as STORY_LEGEND;

/// The part of a trace between two times, both included; its times stay what they were.
pub fn clip(trace: &Trace, from: Option<Duration>, until: Option<Duration>) -> Trace {
    let from = from.unwrap_or(Duration::ZERO);
    let until = until.unwrap_or(Duration::MAX);
    let inside = |at: &Duration| (from..=until).contains(at);
    Trace {
        recording: trace.recording,
        hosts: trace.hosts.clone(),
        counters: trace.counters.clone(),
        notes: trace.notes.clone(),
        events: trace.events.iter().filter(|event| inside(&event.at)).cloned().collect(),
        // A packet that was under way at one of the two times is part of the picture.
        packets: trace
            .packets
            .iter()
            .filter(|packet| {
                let gone = match packet.fate {
                    Fate::Arrived(at) | Fate::Died(at, _) => at,
                    Fate::UnderWay => trace.ended,
                };
                packet.sent <= until && gone >= from
            })
            .cloned()
            .collect(),
        spans: trace
            .spans
            .iter()
            .filter(|span| span.from <= until && span.until.is_none_or(|end| end >= from))
            .cloned()
            .collect(),
        ended: trace.ended.min(until),
        left: trace.left.clone(),
    }
}

/// What a person reads; `fold` leaves the bulk of a long routine out.
///
/// # Panics
/// As all forms, if the run did not keep what is to be shown: see [`Recording`].
pub fn story(trace: &Trace, fold: bool) -> String {
    trace.asks(Recording::Story);
    trace::story::story(trace, &trace::story::Options { fold })
}

/// One line a segment.
pub fn packets(trace: &Trace) -> String {
    trace.asks(Recording::Packets);
    trace::packets::packets(trace)
}

/// The same for a part of the run; what came before is known to it.
pub fn packets_between(trace: &Trace, from: Option<Duration>, until: Option<Duration>) -> String {
    trace.asks(Recording::Packets);
    trace::packets::packets_between(trace, from.unwrap_or_default(), until.unwrap_or(Duration::MAX))
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

/// A space-time diagram to stand in a page.
pub fn svg(trace: &Trace, figure: &Figure) -> String {
    trace.asks(if figure.packets { Recording::Packets } else { Recording::Story });
    figure::figure(trace, figure)
}

/// A space-time diagram with the names of its lanes and its rows as a list; from one pass over the trace.
pub fn drawing(trace: &Trace, figure: &Figure) -> Drawing {
    trace.asks(if figure.packets { Recording::Packets } else { Recording::Story });
    figure::drawing(trace, figure)
}

/// How the values behind a measure are spread, as a chart; `None` if the run has no distribution of this name.
pub fn distribution(outcome: &Outcome, name: &str, look: Look, id: &str, width: u32) -> Option<String> {
    let found = outcome.distributions.iter().find(|d| d.name == name)?;
    let summary = figure::distribution::Distribution {
        title: format!("How {name} is spread"),
        description: format!("{} values of {name}.", found.values.len()),
        id: id.to_owned(),
        name: name.to_owned(),
        unit: super::sweep::unit_of_measure(name),
        cases: String::new(),
        values: vec![(name.to_owned(), found.values.clone())],
        look,
        width,
    };
    Some(figure::distribution::distribution(&summary))
}

/// The rows of a space-time diagram as a list.
pub fn figure_lines(trace: &Trace, figure: &Figure) -> Vec<FigureLine> {
    trace.asks(if figure.packets { Recording::Packets } else { Recording::Story });
    figure::lines(trace, figure)
}

/// A space-time diagram as a file of its own.
pub fn standalone_svg(trace: &Trace, figure: &Figure) -> String {
    figure::standalone(&svg(trace, figure))
}
