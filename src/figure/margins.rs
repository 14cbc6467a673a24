//! What stands around the lanes: the time axis, the key, and the sentence for those who do not see the figure.

use std::time::Duration;

use super::arrows::{ArrowEnd, Mark};
use super::draw::Canvas;
use super::glyphs;
use super::states::Belief;
use super::svg::Svg;
use super::words::{moment, tick, width};
use crate::trace::Layer;
use crate::trace::text::grouped;

/// A line of the key.
enum Entry {
    Event(Layer),
    Arrow(Mark),
    Belief(Belief),
    Cross,
    Torn,
}

impl Canvas<'_> {
    /// The time axis: when each row happened, as far as there is room; faults and what follows a cut first. Nothing
    /// stands at a moment at which nothing is drawn.
    pub fn times(&self, svg: &mut Svg) {
        let Some(axis) = self.layout.axis else { return };
        let mut wanted: Vec<(u8, Duration, f64)> = Vec::new();
        let mut previous = f64::NEG_INFINITY;
        let mut last = None;
        for row in &self.content.rows {
            let y = self.y(row.at);
            let behind_cut =
                self.layout.scale.cuts.iter().any(|c| c.bottom <= y + 40.0 && c.bottom > previous);
            let fault = self.content.notes().any(|(_, r, note)| r.at == row.at && note.is_fault());
            if last != Some(row.at) {
                wanted.push((
                    if fault {
                        0
                    } else if behind_cut {
                        1
                    } else {
                        2
                    },
                    row.at,
                    y,
                ));
            }
            (previous, last) = (y, Some(row.at));
        }
        wanted.sort_by_key(|(rank, at, _)| (*rank, *at));
        let (size, line) = self.layout.fonts.small;
        let mut placed: Vec<f64> = Vec::new();
        for (_, at, y) in wanted {
            if placed.iter().all(|p| (p - y).abs() >= line) {
                svg.text("ho-time", (axis, y + size * 0.35), "end", &tick(at, self.layout.latency));
                svg.line("ho-axis", (axis + 3.0, y), (axis + 9.0, y));
                placed.push(y);
            }
        }
    }

    /// What the shapes in use mean; returns the height of the whole figure.
    pub fn key(&self, svg: &mut Svg, top: f64) -> f64 {
        let arrows = || self.content.arrows().map(|(_, _, arrow)| arrow);
        let mut entries: Vec<(Entry, &str)> = Vec::new();
        for layer in Layer::ALL {
            if self.layout.notes.iter().any(|p| p.note.layer() == layer) {
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
        if !self.layout.scale.cuts.is_empty() {
            entries.push((Entry::Torn, "time cut out"));
        }
        entries.extend(self.beliefs().into_iter().map(|b| (Entry::Belief(b), b.told())));
        if entries.is_empty() {
            return top - 10.0;
        }
        let (size, line) = self.layout.fonts.small;
        svg.line("ho-key-rule", (8.0, top - 8.0), (self.layout.width - 8.0, top - 8.0));
        let (mut x, mut y) = (12.0, top + 6.0);
        for (entry, name) in entries {
            let shape = if matches!(entry, Entry::Arrow(_)) { 30.0 } else { 10.0 };
            let wide = shape + 4.0 + width(name, size) + 10.0;
            if x + wide > self.layout.width - 2.0 && x > 12.0 {
                (x, y) = (12.0, y + line + 4.0);
            }
            match entry {
                Entry::Event(layer) => glyphs::event(svg, layer, (x + 4.5, y)),
                Entry::Cross => glyphs::cross(svg, (x + 4.5, y)),
                Entry::Torn => {
                    svg.line("ho-tear", (x, y - 1.0), (x + 9.0, y - 5.0));
                    svg.line("ho-tear", (x, y + 5.0), (x + 9.0, y + 1.0));
                }
                Entry::Belief(belief) => self.bar(svg, belief, (x + 2.0, y - 6.0, x + 7.0, y + 6.0)),
                Entry::Arrow(mark) => {
                    svg.open("ho-marked", "");
                    svg.line(glyphs::line_class(mark, false), (x, y), (x + 28.0, y));
                    glyphs::tail(svg, mark, (x + 4.0, y));
                    glyphs::head(svg, (x, y), (x + 30.0, y), false);
                    svg.close();
                }
            }
            svg.text("ho-key", (x + shape + 4.0, y + size * 0.35), "start", name);
            x += wide;
        }
        y + line
    }

    /// The figure in a sentence, for those who do not see it.
    pub fn summary(&self) -> String {
        let hosts: Vec<&str> = self.content.lanes.iter().map(|h| self.trace.host_name(*h)).collect();
        let arrows = self.content.arrows().map(|(_, _, arrow)| arrow.end == ArrowEnd::Dies);
        let (all, lost) = arrows.fold((0, 0), |(all, lost), dies| (all + 1, lost + usize::from(dies)));
        let events: usize = self.content.notes().map(|(_, _, note)| note.events()).sum();
        let faults: Vec<String> = self.content.spans.iter().map(|s| self.span_title(s)).collect();
        let faults =
            if faults.is_empty() { String::new() } else { format!(" Faults: {}.", faults.join(", ")) };
        let end = if self.content.ends_sooner() { "" } else { ", when the run ends" };
        format!(
            "Time runs down, shown from {} to {}{end}. A lane each for {}. {} arrows, {} of them lost; {} events.{faults}",
            moment(self.content.from),
            moment(self.content.until),
            hosts.join(", "),
            grouped(all),
            grouped(lost),
            grouped(events),
        )
    }
}
