//! What stands around the lanes: the time axis, the key, and the sentence for those who do not see the figure.

use std::time::Duration;

use super::draw::Canvas;
use super::glyphs;
use super::layout::is_fault;
use super::rows::{ArrowEnd, Mark, What};
use super::svg::Svg;
use super::words::{moment, stretch, width};
use crate::trace::Layer;
use crate::trace::packets::described;
use crate::trace::text::grouped;

/// Between two labels of the time axis.
const TIME_LINE: f64 = 12.0;

/// A line of the key.
enum Entry {
    Event(Layer),
    Arrow(Mark),
    Cross,
}

impl Canvas<'_> {
    /// The time axis: moments in full where a stretch begins and at faults, between them how much later.
    pub fn times(&self, svg: &mut Svg) {
        let content = self.content;
        let fault = |at: Duration| {
            content.rows.iter().any(|r| r.at == at && matches!(&r.what, What::Note(note) if is_fault(note)))
                || content.spans.iter().any(|s| s.from == at || s.until == Some(at))
        };
        let noted = |at: Duration| content.rows.iter().any(|r| r.at == at);
        let mut wanted: Vec<(u8, Duration, f64)> = Vec::new();
        let mut previous = f64::NEG_INFINITY;
        for &(at, y) in self.layout.scale.points() {
            let behind_cut = self.layout.scale.cuts.iter().any(|c| c.bottom == y && y > previous);
            let edge = at == content.from || at == content.until;
            if edge || fault(at) || (behind_cut && noted(at)) {
                wanted.push((if behind_cut { 0 } else { 1 }, at, y));
            } else if noted(at) {
                wanted.push((2, at, y));
            }
            previous = y;
        }
        wanted.sort_by_key(|(rank, at, _)| (*rank, *at));
        let mut placed: Vec<(u8, Duration, f64)> = Vec::new();
        for want in wanted {
            if placed.iter().all(|p| (p.2 - want.2).abs() >= TIME_LINE) {
                placed.push(want);
            }
        }
        placed.sort_by_key(|(_, at, _)| *at);
        let left = self.layout.lanes[0];
        let mut base = content.from;
        for (rank, at, y) in placed {
            let (class, text) = if rank < 2 {
                base = at;
                ("ho-time", moment(at))
            } else {
                ("ho-time ho-later", format!("+{}", stretch(at - base)))
            };
            svg.text(class, (self.layout.axis, y + 3.5), "end", &text);
            if rank < 2 {
                svg.line("ho-grid", (self.layout.axis + 4.0, y), (left, y));
            }
        }
    }

    /// What the shapes in use mean; returns the height of the whole figure.
    pub fn key(&self, svg: &mut Svg, top: f64) -> f64 {
        let arrows = || {
            self.content.rows.iter().filter_map(|r| match &r.what {
                What::Arrow(arrow) => Some(arrow),
                What::Note(_) => None,
            })
        };
        let mut entries: Vec<(Entry, &str)> = Vec::new();
        for layer in Layer::ALL {
            if self.layout.notes.iter().any(|p| p.note.layer == layer) {
                entries.push((Entry::Event(layer), layer.name()));
            }
        }
        let marks = [
            (Mark::Retransmission, "retransmission"),
            (Mark::Keepalive, "keepalive"),
            (Mark::WindowProbe, "window probe"),
            (Mark::Duplicate, "copy made by the link"),
        ];
        for (mark, name) in marks {
            if arrows().any(|a| a.mark == mark) {
                entries.push((Entry::Arrow(mark), name));
            }
        }
        if arrows().any(|a| a.end == ArrowEnd::Dies) {
            entries.push((Entry::Cross, "lost"));
        }
        if entries.is_empty() {
            return top - 10.0;
        }
        svg.line("ho-key-rule", (8.0, top - 10.0), (self.layout.width - 8.0, top - 10.0));
        let (mut x, mut y) = (12.0, top + 4.0);
        for (entry, name) in entries {
            let shape = if matches!(entry, Entry::Arrow(_)) { 30.0 } else { 9.0 };
            let wide = shape + 4.0 + width(name, 10.0) + 10.0;
            if x + wide > self.layout.width - 4.0 && x > 12.0 {
                (x, y) = (12.0, y + 15.0);
            }
            match entry {
                Entry::Event(layer) => glyphs::event(svg, layer, (x + 4.5, y)),
                Entry::Cross => glyphs::cross(svg, (x + 4.5, y)),
                Entry::Arrow(mark) => {
                    svg.open("ho-marked", "");
                    svg.line(glyphs::line_class(mark, false), (x, y), (x + 28.0, y));
                    glyphs::tail(svg, mark, (x + 4.0, y));
                    glyphs::head(svg, (x, y), (x + 30.0, y), false);
                    svg.close();
                }
            }
            svg.text("ho-key", (x + shape + 4.0, y + 3.5), "start", name);
            x += wide;
        }
        y + 12.0
    }

    /// The figure in a sentence, for those who do not see it.
    pub fn summary(&self) -> String {
        let hosts: Vec<&str> = self.content.lanes.iter().map(|h| self.trace.host_name(*h)).collect();
        let arrows = self.content.rows.iter().filter_map(|r| match &r.what {
            What::Arrow(arrow) => Some(arrow.end == ArrowEnd::Dies),
            What::Note(_) => None,
        });
        let (all, lost) = arrows.fold((0, 0), |(all, lost), dies| (all + 1, lost + usize::from(dies)));
        let faults: Vec<String> = self.content.spans.iter().map(|s| described(self.trace, s)).collect();
        let faults =
            if faults.is_empty() { String::new() } else { format!(" Faults: {}.", faults.join(", ")) };
        format!(
            "Time runs down from {} to {}. A lane each for {}. {} arrows, {} of them lost; {} events.{faults}",
            moment(self.content.from),
            moment(self.content.until),
            hosts.join(", "),
            grouped(all),
            grouped(lost),
            grouped(self.layout.notes.len()),
        )
    }
}
