//! Faults as hatched stretches: on a lane, or between lanes. One that begins before what is shown, or ends after it, is
//! torn there and has no border.

use std::fmt::Write as _;

use super::draw::Canvas;
use super::layout::HEAD;
use super::notes::times_of;
use super::svg::{Svg, n};
use crate::trace::Span;
use crate::trace::packets::described;

/// The teeth of a torn edge: half as high as wide.
const TOOTH: f64 = 7.0;

impl Canvas<'_> {
    /// The patterns in use.
    pub fn patterns(&self, svg: &mut Svg) {
        let pattern = |name: &str, size: u32, turn: i32, class: &str, d: &str| {
            format!(
                "<pattern id=\"{0}-{name}\" width=\"{size}\" height=\"{size}\" patternUnits=\"userSpaceOnUse\" \
                 patternTransform=\"rotate({turn})\"><path class=\"{class}\" d=\"{d}\"/></pattern>",
                self.id
            )
        };
        let mut defs = String::new();
        if !self.content.spans.is_empty() {
            defs += &pattern("hatch", 8, 45, "ho-hatch", "M0 0V8");
            defs += &pattern("cross", 6, -45, "ho-hatch", "M0 0V6M0 0H6");
        }
        if !self.states.is_empty() {
            defs += &pattern("believes", 4, 45, "ho-believes", "M0 0V4");
            defs += &pattern("waits", 4, 0, "ho-waits", "M0 1H4");
        }
        if !defs.is_empty() {
            let _ = writeln!(svg.0, "<defs>{defs}</defs>");
        }
    }

    pub fn bands(&self, svg: &mut Svg) {
        for span in &self.content.spans {
            let (first, last) = self.layout.between();
            let xs: Vec<f64> = span.hosts.iter().filter_map(|h| self.x(*h)).collect();
            let (left, right, pattern) = match xs[..] {
                [] => (first, last, "hatch"),
                [x] => (x - 8.0, x + 8.0, "cross"),
                _ => {
                    let left = xs.iter().copied().fold(f64::INFINITY, f64::min);
                    let right = xs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                    (left + 9.0, right - 9.0, "hatch")
                }
            };
            self.band(svg, span, (left, right.max(left + 4.0)), pattern);
        }
    }

    fn band(&self, svg: &mut Svg, span: &Span, (left, right): (f64, f64), pattern: &str) {
        let torn_above = span.from < self.content.from;
        let torn_below = span.until.is_none_or(|until| until > self.content.until);
        let top = if torn_above { HEAD + 8.0 } else { self.y(span.from) };
        let bottom = match span.until {
            Some(until) if !torn_below => self.y(until).max(top + 2.0),
            _ => self.layout.scale.bottom + 10.0,
        };
        let torn = if torn_above || torn_below { " ho-torn" } else { "" };
        svg.open(&format!("ho-span{torn}"), &self.span_title(span));
        let edge = |y: f64, is_torn: bool, back: bool| match is_torn {
            true => teeth((left, right), y, back),
            false if back => format!("L{} {}L{} {}", n(right), n(y), n(left), n(y)),
            false => format!("L{} {}L{} {}", n(left), n(y), n(right), n(y)),
        };
        let outline = edge(top, torn_above, false) + &edge(bottom, torn_below, true);
        let _ = writeln!(
            svg.0,
            "<path class=\"ho-band\" style=\"fill:url(#{}-{pattern})\" d=\"M{}Z\"/>",
            self.id,
            outline.trim_start_matches('L')
        );
        let mut border = format!("M{0} {2}V{3}M{1} {2}V{3}", n(left), n(right), n(top), n(bottom));
        for (y, is_torn) in [(top, torn_above), (bottom, torn_below)] {
            if !is_torn {
                let _ = write!(border, "M{} {}H{}", n(left), n(y), n(right));
            }
        }
        svg.path("ho-border", &border);
        svg.close();
    }

    /// What it is, and its true times.
    pub fn span_title(&self, span: &Span) -> String {
        let times = times_of(span, (self.content.from, self.content.until), self.content.ended);
        format!("{} {times}", described(self.trace, span))
    }
}

/// A torn edge from left to right, or back.
fn teeth((left, right): (f64, f64), y: f64, back: bool) -> String {
    let count = ((right - left) / TOOTH).round().max(1.0) as usize * 2;
    let point = |i: usize| {
        let x = left + (right - left) * i as f64 / count as f64;
        let dy = if i.is_multiple_of(2) { 0.0 } else { TOOTH / 2.0 };
        format!("L{} {}", n(x), n(y + dy))
    };
    if back { (0..=count).rev().map(point).collect() } else { (0..=count).map(point).collect() }
}
