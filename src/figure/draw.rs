//! Drawing: bands, lanes, cuts, arrows, notes, the time axis, the key; in that order, later over earlier.

use std::fmt::Write as _;
use std::time::Duration;

use super::Options;
use super::glyphs;
use super::labels::{self, Page, Rect};
use super::layout::{
    ABOVE_RULE, BESIDE, EVENT, FIELDS, HEAD, LOST_AT, Layout, Placed, is_fault, lands, name_width,
};
use super::rows::{Arrow, ArrowEnd, Content, Mark, Row, Weight, What};
use super::svg::{Svg, document, ident, n};
use super::words::{shortened, stretch, width, wrapped};
use crate::trace::packets::described;
use crate::trace::text::seconds;
use crate::trace::{HostId, Span, Trace};

/// From a lane to the ends of its arrows.
const OFF_LANE: f64 = 2.0;

pub(super) fn draw(trace: &Trace, content: &Content, options: &Options) -> String {
    if content.lanes.is_empty() {
        let nothing = "Nothing happened.";
        return document(&options.id, &options.title, nothing, (400.0, 20.0), Svg::default());
    }
    let layout = Layout::new(trace, content);
    let canvas = Canvas { trace, content, layout: &layout, id: ident(&options.id) };
    let mut svg = Svg::default();
    let mut page = Page::default();
    canvas.bands(&mut svg);
    canvas.lanes(&mut svg);
    canvas.rules(&mut svg, &mut page);
    canvas.cuts(&mut svg, &mut page);
    canvas.arrows(&mut svg, &mut page);
    canvas.notes(&mut svg, &mut page);
    canvas.labels(&mut svg, &mut page);
    canvas.times(&mut svg);
    let bottom = canvas.key(&mut svg, layout.scale.bottom + 26.0);
    let description =
        if options.description.is_empty() { canvas.summary() } else { options.description.clone() };
    document(&options.id, &options.title, &description, (layout.width, bottom), svg)
}

/// A figure while it is drawn.
pub(super) struct Canvas<'a> {
    pub trace: &'a Trace,
    pub content: &'a Content,
    pub layout: &'a Layout<'a>,
    pub id: String,
}

impl Canvas<'_> {
    fn x(&self, host: HostId) -> Option<f64> {
        let lane = self.content.lanes.iter().position(|l| *l == host)?;
        Some(self.layout.lanes[lane])
    }

    fn y(&self, at: Duration) -> f64 {
        self.layout.scale.y(at)
    }

    /// The faults as hatched stretches: on a lane, or between lanes.
    fn bands(&self, svg: &mut Svg) {
        if self.content.spans.is_empty() {
            return;
        }
        let _ = writeln!(
            svg.0,
            "<defs><pattern id=\"{0}-hatch\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\" \
             patternTransform=\"rotate(45)\"><path class=\"ho-hatch\" d=\"M0 0V7\"/></pattern>\
             <pattern id=\"{0}-cross\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\" \
             patternTransform=\"rotate(-45)\"><path class=\"ho-hatch\" d=\"M0 0V5M0 0H5\"/></pattern></defs>",
            self.id
        );
        for span in &self.content.spans {
            let (first, last) = self.layout.between();
            let xs: Vec<f64> = span.hosts.iter().filter_map(|h| self.x(*h)).collect();
            let (left, right, pattern) = match xs[..] {
                [] => (first, last, "hatch"),
                [x] => (x - 6.5, x + 6.5, "cross"),
                _ => {
                    let left = xs.iter().copied().fold(f64::INFINITY, f64::min);
                    let right = xs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                    (left + 9.0, right - 9.0, "hatch")
                }
            };
            let until = span.until.unwrap_or(self.content.until);
            let (top, bottom) = (self.y(span.from), self.y(until));
            svg.open("ho-span", &self.span_title(span, until));
            let (x, y, w, h) = (n(left), n(top), n(right - left), n((bottom - top).max(2.0)));
            let _ = writeln!(
                svg.0,
                "<rect class=\"ho-band\" x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" fill=\"url(#{}-{pattern})\"/>",
                self.id
            );
            svg.close();
        }
    }

    fn span_title(&self, span: &Span, until: Duration) -> String {
        let lasting = stretch(until.saturating_sub(span.from));
        format!(
            "{} from {} s to {} s ({lasting})",
            described(self.trace, span),
            seconds(span.from),
            seconds(until)
        )
    }

    /// Names and life lines; torn where time is cut.
    fn lanes(&self, svg: &mut Svg) {
        let bottom = self.layout.scale.bottom + 8.0;
        let gap = self.layout.lanes.get(1).map_or(160.0, |second| second - self.layout.lanes[0]);
        for (host, &x) in self.content.lanes.iter().zip(&self.layout.lanes) {
            let mut d = format!("M{} {HEAD}", n(x));
            let mut tears = String::new();
            for cut in &self.layout.scale.cuts {
                let middle = (cut.top + cut.bottom) / 2.0;
                let _ = write!(d, "V{}M{} {}", n(middle - 3.0), n(x), n(middle + 3.0));
                for y in [middle - 3.0, middle + 3.0] {
                    let _ = write!(tears, "M{} {}L{} {}", n(x - 5.0), n(y + 2.0), n(x + 5.0), n(y - 2.0));
                }
            }
            let _ = write!(d, "V{}", n(bottom));
            svg.path("ho-lane", &d);
            if !tears.is_empty() {
                svg.path("ho-tear", &tears);
            }
            let name = shortened(self.trace.host_name(*host), 13.0, gap - 24.0);
            let half = width(&name, 13.0) / 2.0 + 9.0;
            let (left, wide) = (n(x - half), n(half * 2.0));
            let _ = writeln!(
                svg.0,
                "<rect class=\"ho-box\" stroke=\"currentColor\" x=\"{left}\" y=\"3\" width=\"{wide}\" height=\"{}\" rx=\"5\"/>",
                n(HEAD - 3.0)
            );
            svg.text("ho-name", (x, HEAD / 2.0 + 6.0), "middle", &name);
        }
    }

    /// Faults of the world: a rule across the lanes.
    fn rules(&self, svg: &mut Svg, page: &mut Page) {
        let (left, right) = self.layout.between();
        if left == right {
            return;
        }
        for placed in self.layout.notes.iter().filter(|p| p.note.host.is_none()) {
            let y = placed.top + ABOVE_RULE;
            let middle = (left + right) / 2.0;
            let fault = if is_fault(placed.note) { " ho-fault" } else { "" };
            svg.open("ho-note", &placed.note.title);
            svg.line(&format!("ho-rule{fault}"), (left - 8.0, y), (right + 8.0, y));
            for (line, text) in placed.lines.iter().enumerate() {
                let half = name_width(placed.note, text) / 2.0;
                let at = (middle + 5.0, placed.top + 11.0 + line as f64 * EVENT.1);
                svg.text(&format!("ho-event{fault}"), at, "middle", text);
                glyphs::event(svg, placed.note.layer, (middle - half - 7.0, at.1 - 4.0));
                page.texts.push(Rect(middle - half - 12.0, at.1 - 11.0, middle + half + 8.0, y + 2.0));
            }
            for (line, text) in placed.fields.iter().enumerate() {
                let half = width(text, FIELDS.0) / 2.0;
                let at = (middle, y + 12.0 + line as f64 * FIELDS.1);
                svg.text("ho-fields", at, "middle", text);
                page.texts.push(Rect(middle - half, at.1 - 10.0, middle + half, at.1 + 3.0));
            }
            svg.close();
        }
    }

    /// What is not drawn to scale says so.
    fn cuts(&self, svg: &mut Svg, page: &mut Page) {
        let lanes = &self.layout.lanes;
        let (x, room) = match lanes.get(1) {
            Some(second) => ((lanes[0] + second) / 2.0, second - lanes[0] - 14.0),
            None => (lanes[0] - 62.0, 96.0),
        };
        for cut in &self.layout.scale.cuts {
            let lines = wrapped(&cut.label, 11.0, room, 2);
            let first = (cut.top + cut.bottom) / 2.0 + 4.0 - (lines.len() as f64 - 1.0) * 6.5;
            for (i, text) in lines.iter().enumerate() {
                let y = first + 13.0 * i as f64;
                let half = width(text, 11.0) / 2.0;
                svg.text("ho-cut", (x, y), "middle", text);
                page.texts.push(Rect(x - half, y - 10.0, x + half, y + 3.0));
            }
        }
    }

    /// Events: a marker on the lane, words beside it.
    fn notes(&self, svg: &mut Svg, page: &mut Page) {
        let last = self.layout.lanes.len() - 1;
        for placed in &self.layout.notes {
            let lane = match placed.note.host.and_then(|h| self.content.lanes.iter().position(|l| *l == h)) {
                Some(lane) => lane,
                None if last == 0 => 0,
                None => continue,
            };
            let side = if lane == 0 && last > 0 { -1.0 } else { 1.0 };
            self.note(svg, page, placed, self.layout.lanes[lane], side);
        }
    }

    fn note(&self, svg: &mut Svg, page: &mut Page, placed: &Placed, x: f64, side: f64) {
        let y = self.y(placed.at);
        let fault = if is_fault(placed.note) { " ho-fault" } else { "" };
        let anchor = if side < 0.0 { "end" } else { "start" };
        svg.open("ho-note", &placed.note.title);
        if placed.top + 8.0 - y > 3.0 {
            svg.line("ho-leader", (x + side * 3.0, y), (x + side * (BESIDE - 2.0), placed.top + 8.0));
        }
        glyphs::event(svg, placed.note.layer, (x, y));
        let x = x + side * BESIDE;
        let mut baseline = placed.top - 2.0;
        let lines = placed.lines.iter().map(|text| (text, EVENT, format!("ho-event{fault}")));
        let fields = placed.fields.iter().map(|text| (text, FIELDS, "ho-fields".to_owned()));
        for (text, (size, height), class) in lines.chain(fields) {
            baseline += height;
            svg.text(&class, (x, baseline), anchor, text);
            let far = x + side * width(text, size);
            page.texts.push(Rect(x.min(far), baseline - height + 3.0, x.max(far), baseline + 3.0));
        }
        svg.close();
    }

    fn flights(&self) -> impl Iterator<Item = (&Arrow, labels::Line)> {
        self.content.rows.iter().filter_map(|row| match &row.what {
            What::Arrow(arrow) => Some((arrow, self.flight(row, arrow)?)),
            What::Note(_) => None,
        })
    }

    /// The packets.
    fn arrows(&self, svg: &mut Svg, page: &mut Page) {
        for (arrow, line) in self.flights() {
            self.arrow(svg, arrow, line);
            page.lines.push(line);
            page.texts.extend(shapes(arrow, line));
        }
    }

    /// What the packets are: the weightiest first, where there is room.
    fn labels(&self, svg: &mut Svg, page: &mut Page) {
        let mut labelled: Vec<_> = self.flights().collect();
        labelled.sort_by_key(|(arrow, _)| arrow.weight);
        for (arrow, line) in labelled {
            self.label(svg, page, arrow, line);
        }
    }

    /// From where to where an arrow is drawn; `None` if one of its hosts has no lane.
    fn flight(&self, row: &Row, arrow: &Arrow) -> Option<labels::Line> {
        let x = self.x(arrow.from)?;
        let lanes = &self.layout.lanes;
        let gap = lanes.get(1).map_or(80.0, |second| second - lanes[0]);
        let right_of = |target: f64| if target >= x { 1.0 } else { -1.0 };
        let target = match arrow.to {
            Some(to) if to != arrow.from => self.x(to)?,
            // To nowhere, or to itself: towards the next lane.
            _ if x == self.layout.between().1 && lanes.len() > 1 => x - gap,
            _ => x + gap,
        };
        let end = lands(arrow, row.at, self.layout.latency);
        let share = match arrow.end {
            ArrowEnd::Arrives(_) => 1.0,
            ArrowEnd::Dies | ArrowEnd::Open => LOST_AT,
        };
        let side = right_of(target);
        let from = (x + side * OFF_LANE, self.y(row.at));
        let tip = (x + (target - x) * share - side * OFF_LANE, self.y(end));
        Some((from, tip))
    }

    fn arrow(&self, svg: &mut Svg, arrow: &Arrow, (from, tip): labels::Line) {
        let light = arrow.weight == Weight::Light;
        let marked = if arrow.mark == Mark::Plain { "" } else { " ho-marked" };
        svg.open(&format!("ho-packet{marked}"), &arrow.title);
        let class = glyphs::line_class(arrow.mark, light);
        svg.line(class, from, tip);
        glyphs::tail(svg, arrow.mark, tail((from, tip)));
        match arrow.end {
            ArrowEnd::Arrives(_) => glyphs::head(svg, from, tip, light),
            ArrowEnd::Dies => glyphs::cross(svg, tip),
            ArrowEnd::Open => {}
        }
        svg.close();
    }

    fn label(&self, svg: &mut Svg, page: &mut Page, arrow: &Arrow, line: labels::Line) {
        let (from, tip) = line;
        let reach = (tip.0 - from.0).abs().max(1.0);
        // Between lanes, never on one: the middle of each gap that the arrow crosses is a place, then beside it.
        let gap = self.layout.lanes.get(1).map_or(reach, |second| second - self.layout.lanes[0]);
        let gaps = (reach / gap).round().max(1.0);
        let middles: Vec<f64> = (0..gaps as usize).map(|g| (g as f64 + 0.5) / gaps).collect();
        let around = [0.0, -0.12, 0.12, -0.2, 0.2].iter();
        let shares: Vec<f64> = around.flat_map(|off| middles.iter().map(move |m| m + off / gaps)).collect();
        let whole = (tip.0 - from.0).hypot(tip.1 - from.1) / gaps;
        let room = if matches!(arrow.end, ArrowEnd::Arrives(_)) { whole - 18.0 } else { whole + 20.0 };
        let text = shortened(&arrow.label, labels::SIZE, room.max(40.0));
        let most_crossed = if arrow.weight == Weight::Heavy { usize::MAX } else { 1 };
        let Some(placed) = page.place(&text, line, &shares, most_crossed) else {
            return;
        };
        let light = if arrow.weight == Weight::Light { " ho-light" } else { "" };
        let marked = if arrow.mark == Mark::Plain { "" } else { "ho-marked" };
        svg.open(marked, "");
        svg.turned_text(&format!("ho-label{light}"), placed.at, placed.degrees, &text);
        svg.close();
    }
}

/// Where the shape at the beginning of a marked arrow stands.
fn tail((from, tip): labels::Line) -> (f64, f64) {
    let (dx, dy) = (tip.0 - from.0, tip.1 - from.1);
    let share = (7.0 / dx.hypot(dy).max(1.0)).min(1.0);
    (from.0 + dx * share, from.1 + dy * share)
}

/// The shapes on an arrow, which its label must leave free.
fn shapes(arrow: &Arrow, line: labels::Line) -> impl Iterator<Item = Rect> {
    let around = |(x, y): (f64, f64), r: f64| Rect(x - r, y - r, x + r, y + r);
    let tail = (arrow.mark != Mark::Plain).then(|| around(tail(line), 3.0));
    let cross = (arrow.end == ArrowEnd::Dies).then(|| around(line.1, 4.5));
    tail.into_iter().chain(cross)
}
