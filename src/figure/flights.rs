//! Packets: arrows from lane to lane, and what they are.

use super::arrows::{Arrow, ArrowEnd, Mark, Weight};
use super::draw::Canvas;
use super::glyphs;
use super::labels::{self, Page, Rect};
use super::layout::{LOST_AT, lands};
use super::rows::Row;
use super::svg::{Svg, n};
use super::words::{shortened, stretch};

impl Canvas<'_> {
    /// From a lane to the ends of its arrows: states stand between.
    fn off_lane(&self) -> f64 {
        if self.states.is_empty() { 2.0 } else { 8.0 }
    }

    fn flights(&self) -> impl Iterator<Item = (usize, &Row, &Arrow, labels::Line)> {
        self.content.arrows().filter_map(|(i, row, arrow)| Some((i, row, arrow, self.flight(row, arrow)?)))
    }

    /// The packets.
    pub fn arrows(&self, svg: &mut Svg, page: &mut Page) {
        for (i, row, arrow, line) in self.flights() {
            self.arrow(svg, (i, row), arrow, line);
            page.lines.push(line);
            page.texts.extend(shapes(arrow, line));
        }
    }

    /// What the packets are: the weightiest first, where there is room.
    pub fn labels(&self, svg: &mut Svg, page: &mut Page) {
        let mut labelled: Vec<_> = self.flights().collect();
        labelled.sort_by_key(|(_, _, arrow, _)| arrow.weight);
        for (i, _, arrow, line) in labelled {
            self.label(svg, page, i, arrow, line);
        }
    }

    /// From where to where an arrow is drawn; `None` if one of its hosts has no lane.
    fn flight(&self, row: &Row, arrow: &Arrow) -> Option<labels::Line> {
        let x = self.x(arrow.from)?;
        let lanes = &self.layout.lanes;
        let gap = self.layout.gap();
        let target = match arrow.to {
            Some(to) if to != arrow.from => self.x(to)?,
            // To nowhere, or to itself: towards the next lane.
            _ if x == self.layout.between().1 && lanes.len() > 1 => x - gap,
            _ => x + gap,
        };
        let end = lands(arrow, row.at, self.layout.latency);
        let share = if arrow.arrives() { 1.0 } else { LOST_AT };
        let side = if target >= x { 1.0 } else { -1.0 };
        let off = self.off_lane();
        let from = (x + side * off, self.y(row.at));
        let tip = (x + (target - x) * share - side * off, self.y(end));
        Some((from, tip))
    }

    fn arrow(&self, svg: &mut Svg, (i, row): (usize, &Row), arrow: &Arrow, (from, tip): labels::Line) {
        let light = arrow.weight == Weight::Light;
        let marked = if arrow.mark == Mark::Plain { "" } else { " ho-marked" };
        let end = lands(arrow, row.at, self.layout.latency);
        // Longer under way than it falls: it is drawn torn.
        let broken = self.layout.scale.is_cut_between(row.at, end);
        let mut title = row.title(self.trace);
        if broken {
            title += &format!(" ({} under way: longer than it is drawn)", stretch(end - row.at));
        }
        let broken_class = if broken { " ho-broken" } else { "" };
        svg.row(&format!("ho-packet{marked}{broken_class}"), i, &title);
        svg.line("ho-hit", from, tip);
        let class = glyphs::line_class(arrow.mark, light);
        svg.line(class, from, tip);
        if broken {
            let (x, y) = ((from.0 + tip.0) / 2.0, (from.1 + tip.1) / 2.0);
            let (l, r) = (n(x - 6.0), n(x + 6.0));
            svg.path("ho-gap", &format!("M{} {}L{} {}", n(x - 4.0), n(y), n(x + 4.0), n(y)));
            let slash = |dy: f64| format!("M{l} {}L{r} {}", n(y + dy + 3.0), n(y + dy - 3.0));
            svg.path("ho-tear", &(slash(-3.0) + &slash(3.0)));
        }
        glyphs::tail(svg, arrow.mark, tail((from, tip)));
        match arrow.end {
            ArrowEnd::Arrives(_) => glyphs::head(svg, from, tip, light),
            ArrowEnd::Dies => glyphs::cross(svg, tip),
            ArrowEnd::Open => {}
        }
        svg.close();
    }

    fn label(&self, svg: &mut Svg, page: &mut Page, row: usize, arrow: &Arrow, line: labels::Line) {
        let size = self.layout.fonts.small.0;
        let (from, tip) = line;
        let reach = (tip.0 - from.0).abs().max(1.0);
        // Between lanes, never on one: the middle of each gap that the arrow crosses is a place, then beside it.
        let gap = if self.layout.lanes.len() > 1 { self.layout.gap() } else { reach };
        let gaps = (reach / gap).round().max(1.0);
        let middles: Vec<f64> = (0..gaps as usize).map(|g| (g as f64 + 0.5) / gaps).collect();
        let around = [0.0, -0.12, 0.12, -0.2, 0.2, -0.28, 0.28].iter();
        let shares: Vec<f64> = around.flat_map(|off| middles.iter().map(move |m| m + off / gaps)).collect();
        let whole = (tip.0 - from.0).hypot(tip.1 - from.1) / gaps;
        let room = if arrow.arrives() { whole - 18.0 } else { whole + 20.0 };
        let text = shortened(&arrow.label, size, room.max(40.0));
        let most_crossed = match arrow.weight {
            Weight::Heavy => 3,
            _ => 1,
        };
        let Some(placed) = page.place((&text, size), line, &shares, most_crossed) else {
            return;
        };
        let light = if arrow.weight == Weight::Light { " ho-light" } else { "" };
        let marked = if arrow.mark == Mark::Plain { "" } else { " ho-marked" };
        // Over all lines, and so behind the groups of the rows; the row's own group says what it is.
        let open = format!("<g class=\"ho-of{marked}\" data-r=\"{row}\" aria-hidden=\"true\">\n");
        svg.0.push_str(&open);
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
