//! The forms of a trace as the command line and the book use them: one place that calls [`crate::trace`].

use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use serde_json::{Value, json};

use crate::trace::{Event, Fate, Layer, Trace};

/// The style sheet that the figures of [`svg`] are drawn for.
pub const FIGURE_CSS: &str = "";

/// The part of a trace between two times, both included; its times stay what they were.
pub fn clip(trace: &Trace, from: Option<Duration>, until: Option<Duration>) -> Trace {
    let from = from.unwrap_or(Duration::ZERO);
    let until = until.unwrap_or(Duration::MAX);
    let mut part = trace.clone();
    part.events.retain(|event| (from..=until).contains(&event.at));
    // A packet that was under way at one of the two times is part of the picture.
    part.packets.retain(|packet| {
        let gone = match packet.fate {
            Fate::Arrived(at) | Fate::Died(at, _) => at,
            Fate::UnderWay => trace.ended,
        };
        packet.sent <= until && gone >= from
    });
    part.spans
        .retain(|span| span.from <= until && span.until.is_none_or(|end| end >= from));
    part.ended = trace.ended.min(until);
    part
}

/// What the columns of [`story`] mean, in Markdown.
pub const STORY_LEGEND: &str = "- `time`: seconds of virtual time since the start of the run\n";

/// What the columns of [`packets`] mean, in Markdown.
pub const PACKETS_LEGEND: &str = "- `sent`: when the sender put it on the wire\n";

/// What a person reads; `fold` leaves the bulk of a long routine out.
pub fn story(trace: &Trace, _fold: bool) -> String {
    let mut out = String::new();
    for event in &trace.events {
        let _ = writeln!(out, "{}", line(trace, event));
    }
    out
}

fn line(trace: &Trace, event: &Event) -> String {
    let host = event.host.map_or("", |id| trace.host_name(id));
    let mut line = format!(
        "{:>12.6}  {host:<10}  {:<5}  {}",
        event.at.as_secs_f64(),
        event.layer.name(),
        event.name
    );
    for (name, value) in &event.fields {
        let _ = write!(line, "  {name}={value}");
    }
    line
}

/// One line a segment.
pub fn packets(_: &Trace) -> String {
    String::new()
}

/// The events (and the packets, if wanted) as `[{t_us, host, layer, event, ...}]`.
pub fn json(trace: &Trace, _with_packets: bool) -> Value {
    trace
        .events
        .iter()
        .map(|event| {
            json!({
                "t_us": u64::try_from(event.at.as_micros()).unwrap_or(u64::MAX),
                "host": event.host.map(|id| trace.host_name(id)),
                "layer": event.layer.name(),
                "event": event.name,
            })
        })
        .collect()
}

/// The packets as a file that Wireshark opens.
///
/// # Errors
/// As the writer says.
pub fn pcap(_: &Trace, mut writer: impl io::Write) -> io::Result<()> {
    writer.write_all(&[0xd4, 0xc3, 0xb2, 0xa1])
}

/// How a figure is drawn.
#[derive(Debug, Clone, Default)]
pub struct Figure {
    /// From this moment on; `None`: from the start of the run.
    pub from: Option<Duration>,
    /// Up to this moment; `None`: to the end of the run.
    pub until: Option<Duration>,
    /// What it is, in a few words.
    pub title: String,
    /// What there is to see, in a sentence or two.
    pub description: String,
    /// The prefix of the ids inside the figure; unique on its page.
    pub id: String,
    /// Draw the packets.
    pub packets: bool,
    /// The layers whose events are told beside the lanes.
    pub layers: Vec<Layer>,
    /// The hosts that have a lane, from left to right; empty: those that take part.
    pub hosts: Vec<String>,
}

/// A space-time diagram to stand in a page.
pub fn svg(trace: &Trace, figure: &Figure) -> String {
    format!(
        "<svg id=\"{}\" viewBox=\"0 0 {} 10\" role=\"img\"><title>{}</title><path d=\"M0 0\"/></svg>",
        figure.id,
        trace.events.len(),
        figure.title
    )
}

/// A space-time diagram as a file of its own.
pub fn standalone_svg(trace: &Trace, figure: &Figure) -> String {
    svg(trace, figure)
}
