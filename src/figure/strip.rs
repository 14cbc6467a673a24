//! The same stretch of time once more, true to scale: what doubles, doubles here.

use std::fmt::Write as _;
use std::time::Duration;

use super::draw::Canvas;
use super::svg::{Svg, n};
use super::ticks::{AxisUnit, Ticks};
use super::words::{moment, shortened, width};

/// A strip is drawn where a silence is cut to less than this share of what it would take.
const CUT_TO: f64 = 1.0 / 3.0;
/// The height of a lane on the strip.
const ROW: f64 = 14.0;

impl Canvas<'_> {
    /// Draws the strip below `top`, if time was cut by much; returns where it ends.
    pub fn strip(&self, svg: &mut Svg, top: f64) -> f64 {
        let (from, until) = (self.content.from, self.content.until);
        if !self.is_bent() || self.content.all.len() < 3 || until <= from {
            return top;
        }
        let (size, line) = self.layout.fonts.small;
        let names: Vec<String> = self
            .content
            .lanes
            .iter()
            .map(|host| shortened(self.trace.host_name(*host), size, 84.0))
            .collect();
        let left = 14.0 + names.iter().map(|name| width(name, size)).fold(0.0, f64::max);
        let right = self.layout.width - 20.0;
        let x = |at: Duration| {
            let share = at.saturating_sub(from).as_secs_f64() / (until - from).as_secs_f64();
            left + share.min(1.0) * (right - left)
        };
        svg.open("ho-strip", "All packets of this stretch of time, true to scale");
        svg.line("ho-key-rule", (8.0, top), (self.layout.width - 8.0, top));
        svg.text("ho-key", (8.0, top + line), "start", "true to scale: when who sent");
        let first = top + line + 8.0;
        let bottom = first + ROW * names.len() as f64;
        self.strip_bands(svg, &x, first, bottom);
        for (lane, name) in names.iter().enumerate() {
            let y = first + ROW * lane as f64 + ROW / 2.0;
            svg.text("ho-key", (left - 6.0, y + size * 0.35), "end", name);
            svg.line("ho-grid", (left, y), (right, y));
            self.strip_ticks(svg, &x, lane, y);
        }
        self.strip_axis(svg, &x, (left, right), bottom + 2.0);
        svg.close();
        bottom + 8.0 + line
    }

    /// Whether a silence takes much less room than it would to scale.
    fn is_bent(&self) -> bool {
        let points = self.layout.scale.points();
        let slope = |from: Duration, until: Duration| {
            (self.y(until) - self.y(from)) / (until.saturating_sub(from)).as_secs_f64().max(1e-9)
        };
        let steepest = points.windows(2).map(|w| slope(w[0].0, w[1].0)).fold(0.0, f64::max);
        self.layout.scale.cuts.iter().any(|cut| {
            let true_height = (cut.time.1 - cut.time.0).as_secs_f64() * steepest;
            cut.bottom - cut.top < true_height * CUT_TO
        })
    }

    fn strip_bands(&self, svg: &mut Svg, x: &impl Fn(Duration) -> f64, top: f64, bottom: f64) {
        for span in &self.content.spans {
            let lanes: Vec<usize> = (0..self.content.lanes.len())
                .filter(|lane| span.hosts.is_empty() || span.hosts.contains(&self.content.lanes[*lane]))
                .collect();
            let (Some(first), Some(last)) = (lanes.first(), lanes.last()) else { continue };
            let rows = (top + ROW * *first as f64, (top + ROW * (*last as f64 + 1.0)).min(bottom));
            let end = span.until.unwrap_or(self.content.until).min(self.content.until);
            let (left, right) = (x(span.from.max(self.content.from)), x(end));
            let (y, h) = (n(rows.0), n(rows.1 - rows.0));
            let _ = writeln!(
                svg.0,
                "<rect class=\"ho-band\" style=\"fill:url(#{}-hatch)\" x=\"{}\" y=\"{y}\" width=\"{}\" height=\"{h}\"/>",
                self.id,
                n(left),
                n((right - left).max(2.0))
            );
        }
    }

    fn strip_ticks(&self, svg: &mut Svg, x: &impl Fn(Duration) -> f64, lane: usize, y: f64) {
        let mut sent = String::new();
        let mut lost = String::new();
        let mut last = [String::new(), String::new()];
        for (at, _, dies) in self.content.all.iter().filter(|(_, of, _)| *of == lane) {
            let place = n(x(*at));
            // One tick a place: a thousand packets a second are one thick line.
            let seen = &mut last[usize::from(*dies)];
            if *seen == place {
                continue;
            }
            let _ = if *dies {
                write!(lost, "M{} {}l5 5m0 -5l-5 5", n(x(*at) - 2.5), n(y - 2.5))
            } else {
                write!(sent, "M{place} {}V{}", n(y - 5.0), n(y + 5.0))
            };
            *seen = place;
        }
        for (class, d) in [("ho-tick", sent), ("ho-tick ho-fault", lost)] {
            if !d.is_empty() {
                svg.path(class, &d);
            }
        }
    }

    fn strip_axis(&self, svg: &mut Svg, x: &impl Fn(Duration) -> f64, (left, right): (f64, f64), y: f64) {
        let (size, line) = self.layout.fonts.small;
        svg.line("ho-axis", (left, y), (right, y));
        let (low, high) = (self.content.from.as_secs_f64(), self.content.until.as_secs_f64());
        let most = if self.layout.fonts.narrow { 4 } else { 8 };
        let mut free = 2.0;
        for (value, _) in Ticks::new(AxisUnit::Seconds, low, high, most).between(low, high) {
            let at = Duration::from_micros((value.max(0.0) * 1e6).round() as u64);
            let label = moment(at);
            let (at, half) = (x(at), width(&label, size) / 2.0);
            svg.line("ho-axis", (at, y), (at, y + 4.0));
            let middle = at.min(self.layout.width - 2.0 - half);
            if middle - half >= free {
                svg.text("ho-time", (middle, y + line + 3.0), "middle", &label);
                free = middle + half + 8.0;
            }
        }
    }
}
