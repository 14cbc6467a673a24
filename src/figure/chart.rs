//! A chart: how one quantity or several move with another one.
//!
//! A panel for each quantity, one below the other, over the same horizontal axis; in each a line for each case. Dash and
//! shape tell the lines apart, besides colour. Where there is no value a line has a gap.

use super::glyphs;
use super::svg::{Document, Svg, document, n};
use super::ticks::Ticks;
use super::words::{shortened, width, wrapped};
use crate::trace::Layer;

pub use super::ticks::AxisUnit;

/// What a chart shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// What it is, in a few words: read by screen readers, shown under the pointer.
    pub title: String,
    /// What there is to see, in a sentence or two, for those who do not see it.
    pub description: String,
    /// The prefix of the ids inside; unique on its page.
    pub id: String,
    /// What the horizontal axis is, in a word or two.
    pub along: String,
    /// The horizontal axis.
    pub axis: Axis,
    /// What the lines differ in; empty where there is only one.
    pub cases: String,
    /// The lines' names.
    pub lines: Vec<String>,
    /// The quantities.
    pub panels: Vec<Panel>,
    /// Panels in a row, over one vertical scale: small multiples of one quantity. 1: one below the other, each with its
    /// own scale. On a narrow page always one below the other.
    pub columns: usize,
    /// The width it is laid out for, in CSS pixels: [`WIDE`](super::WIDE) or [`NARROW`](super::NARROW).
    pub width: u32,
}

/// A horizontal axis.
#[derive(Debug, Clone, PartialEq)]
pub enum Axis {
    /// Numbers, to scale.
    Numbers(AxisUnit),
    /// Words, in order; the first one stands at 0, the next one at 1.
    Words(Vec<String>),
}

/// A quantity.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// Its name.
    pub name: String,
    /// Its unit.
    pub unit: AxisUnit,
    /// The dots of each of [`Chart::lines`], from left to right.
    pub lines: Vec<Vec<Dot>>,
}

/// A value, or that there is none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dot {
    /// Where it stands on the horizontal axis.
    pub x: f64,
    /// Its lowest, middle and highest value.
    pub y: Option<[f64; 3]>,
}

/// Where a panel stands, and how large type is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    /// The width of the whole chart.
    pub width: f64,
    /// The ends of the horizontal axis.
    pub left: f64,
    pub right: f64,
    /// The height of the vertical axis.
    pub height: f64,
    /// The size of small type, and of names.
    pub size: f64,
    pub name: f64,
}

impl Frame {
    /// A chart of one column.
    pub fn of(width: u32) -> Self {
        let narrow = width < 500;
        let (size, name, left) = if narrow { (11.0, 13.0, 56.0) } else { (12.0, 14.0, 66.0) };
        let width = f64::from(width);
        let height = if narrow { 150.0 } else { 210.0 };
        Self { width, left, right: width - 16.0, height, size, name }
    }

    /// The frame of one of several columns.
    fn column(self, column: usize, columns: usize) -> Self {
        if columns < 2 {
            return self;
        }
        let wide = self.width / columns as f64;
        let left = wide * column as f64 + self.left;
        Self { left, right: wide * (column as f64 + 1.0) - 12.0, height: self.height * 0.66, ..self }
    }

    /// The classes of the whole chart.
    pub fn class(self) -> &'static str {
        if self.size < 12.0 { " ho-chart ho-small" } else { " ho-chart" }
    }
}

/// Above an axis, for the panel's name.
const HEAD: f64 = 30.0;
/// Below an axis, for the words of its ticks.
const FOOT: f64 = 24.0;
/// Below the last axis, for its name.
const NAME: f64 = 16.0;
/// A line of the key.
const KEY: f64 = 18.0;
/// A line with more dots than this has shapes only at some.
const MOST_SHAPES: usize = 24;
/// How many styles of lines the style sheet has.
const LOOKS: usize = 5;
/// The shapes of the dots.
const SHAPES: [Layer; LOOKS] = [Layer::App, Layer::Tcp, Layer::Http, Layer::Ws, Layer::Link];

/// Draws a chart; see the [module](self). It is styled by [`super::CSS`], as every figure.
pub fn chart(chart: &Chart) -> String {
    let frame = Frame::of(chart.width);
    let mut svg = Svg::default();
    let mut top = key(chart, frame, &mut svg);
    let columns = if chart.width < 500 { 1 } else { chart.columns.max(1) };
    // Small multiples are compared, and so they share a scale.
    let shared = (chart.columns > 1).then(|| {
        let all = chart.panels.iter().flat_map(|panel| panel.lines.iter().cloned()).collect();
        chart.panels.first().map(|first| Panel { lines: all, ..first.clone() })
    });
    let shared = shared.flatten();
    for row in chart.panels.chunks(columns) {
        top += HEAD;
        let mut height = 0.0;
        for (i, panel) in row.iter().enumerate() {
            let frame = frame.column(i, columns);
            let across = Across::of(chart, frame);
            let up = Up::of(shared.as_ref().unwrap_or(panel), top, frame.height);
            Plot { chart, panel, across: &across, up, frame }.draw(&mut svg);
            height = frame.height;
        }
        top += height + FOOT;
    }
    svg.text(
        "ho-name",
        (frame.right, top + 8.0),
        "end",
        &shortened(&chart.along, frame.name, frame.right - 8.0),
    );
    top += NAME;
    let said = Document {
        id: &chart.id,
        title: &chart.title,
        description: &chart.description,
        width: frame.width,
        height: top,
        least_type: frame.size,
        class: frame.class(),
        attributes: "",
    };
    document(&said, svg)
}

/// Draws how the lines look; returns where it ends.
fn key(chart: &Chart, frame: Frame, svg: &mut Svg) -> f64 {
    let (size, whole) = (frame.size, frame.width);
    if chart.lines.len() < 2 {
        return 0.0;
    }
    const SAMPLE: f64 = 30.0;
    let mut at = (8.0, 14.0);
    let said = format!("{}:", shortened(&chart.cases, size, whole / 2.0));
    svg.text("ho-time", at, "start", &said);
    at.0 += width(&said, size) + 10.0;
    for (i, line) in chart.lines.iter().enumerate() {
        let line = shortened(line, size, whole - SAMPLE - 32.0);
        let wide = SAMPLE + 6.0 + width(&line, size);
        if at.0 + wide > whole - 8.0 {
            at = (8.0, at.1 + KEY);
        }
        let y = at.1 - 3.5;
        svg.open(&look(i), "");
        svg.line("ho-course", (at.0, y), (at.0 + SAMPLE, y));
        shape(svg, i, (at.0 + SAMPLE / 2.0, y));
        svg.close();
        svg.text("ho-time", (at.0 + SAMPLE + 6.0, at.1), "start", &line);
        at.0 += wide + 14.0;
    }
    at.1 + 6.0
}

/// The classes of a line.
fn look(line: usize) -> String {
    format!("ho-line ho-line-{}", line % LOOKS)
}

fn shape(svg: &mut Svg, line: usize, (x, y): (f64, f64)) {
    // From the sixth line on a look comes back with the next shape.
    svg.path("ho-dot", &glyphs::shape(SHAPES[(line + line / LOOKS) % LOOKS], x, y));
}

/// The horizontal axis.
struct Across {
    low: f64,
    high: f64,
    ticks: Vec<(f64, String)>,
    frame: Frame,
    /// Whether the ticks are words; no line joins their dots, as there is nothing between two words.
    words: bool,
}

impl Across {
    fn of(chart: &Chart, frame: Frame) -> Self {
        match &chart.axis {
            Axis::Words(words) => {
                let ticks = words.iter().enumerate().map(|(i, word)| (i as f64, word.clone())).collect();
                Self { low: -0.5, high: words.len() as f64 - 0.5, ticks, frame, words: true }
            }
            Axis::Numbers(unit) => {
                let dots = chart.panels.iter().flat_map(|panel| &panel.lines).flatten();
                let (low, high) = ends(dots.map(|dot| dot.x)).unwrap_or((0.0, 1.0));
                // The axis begins at 0 if that is near.
                let low = if low > 0.0 && low <= high * 0.25 { 0.0 } else { low };
                let ticks = Ticks::new(*unit, low, high, ((frame.right - frame.left) / 70.0) as usize + 1)
                    .between(low, high);
                Self { low, high, ticks, frame, words: false }
            }
        }
    }

    fn x(&self, value: f64) -> f64 {
        // A single value stands in the middle.
        let share = if self.high > self.low { (value - self.low) / (self.high - self.low) } else { 0.5 };
        self.frame.left + share * (self.frame.right - self.frame.left)
    }

    /// The width that one word may take.
    fn room(&self) -> f64 {
        (self.frame.right - self.frame.left) / (self.high - self.low).max(1.0)
    }
}

/// The vertical axis of a panel.
struct Up {
    low: f64,
    high: f64,
    top: f64,
    height: f64,
    ticks: Vec<(f64, String)>,
}

impl Up {
    /// From 0, or below, to a round value above all others.
    fn of(panel: &Panel, top: f64, height: f64) -> Self {
        let values = panel.lines.iter().flatten().filter_map(|dot| dot.y).flatten();
        let Some((low, high)) = ends(values) else {
            return Self { low: 0.0, high: 1.0, top, height, ticks: vec![(0.0, "0".to_owned())] };
        };
        let (low, high) = (low.min(0.0), high.max(0.0));
        let ticks = Ticks::new(panel.unit, low, high, 5);
        let round = |value: f64| value / ticks.step;
        let low = (round(low) + 1e-9).floor() * ticks.step;
        let high = (round(high) - 1e-9).ceil().max(round(low) + 1.0) * ticks.step;
        Self { low, high, top, height, ticks: ticks.between(low, high) }
    }

    fn y(&self, value: f64) -> f64 {
        self.top + self.height * (self.high - value) / (self.high - self.low)
    }
}

/// The smallest and the largest of some values.
fn ends(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.filter(|value| value.is_finite()).fold(None, |ends, value| {
        let (low, high) = ends.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    })
}

/// A panel while it is drawn.
struct Plot<'a> {
    chart: &'a Chart,
    panel: &'a Panel,
    across: &'a Across,
    up: Up,
    frame: Frame,
}

/// A dot that has a value: where it stands, and the ends of its spread.
#[derive(Debug, Clone, Copy)]
struct Place {
    x: f64,
    y: f64,
    low: f64,
    high: f64,
}

impl Plot<'_> {
    fn draw(&self, svg: &mut Svg) {
        self.axes(svg);
        for (i, dots) in self.panel.lines.iter().enumerate() {
            svg.open(&look(i), self.chart.lines.get(i).map_or("", String::as_str));
            self.line(svg, i, dots);
            svg.close();
        }
        let dots = || self.panel.lines.iter().flatten();
        if dots().all(|dot| dot.y.is_none()) {
            let middle = ((self.frame.left + self.frame.right) / 2.0, self.up.top + self.up.height / 2.0);
            svg.text("ho-cut", middle, "middle", "did not happen");
        } else if dots().any(|dot| dot.y.is_none()) {
            svg.text("ho-key", (self.frame.right, self.up.top + 10.0), "end", "gaps: did not happen");
        }
    }

    fn axes(&self, svg: &mut Svg) {
        let Frame { left, right, size, name, .. } = self.frame;
        let bottom = self.up.top + self.up.height;
        let from = if self.chart.columns > 1 { left - 8.0 } else { 8.0 };
        svg.text(
            "ho-name",
            (from, self.up.top - 13.0),
            "start",
            &shortened(&self.panel.name, name, right - from),
        );
        for (value, label) in &self.up.ticks {
            let y = self.up.y(*value);
            let class = if *value == 0.0 { "ho-axis" } else { "ho-grid" };
            svg.line(class, (left, y), (right, y));
            svg.text("ho-time", (left - 6.0, y + size * 0.35), "end", label);
        }
        svg.line("ho-axis", (left, self.up.top), (left, bottom));
        let mut free = f64::NEG_INFINITY;
        for (value, label) in &self.across.ticks {
            let x = self.across.x(*value);
            svg.line("ho-axis", (x, bottom), (x, bottom + 4.0));
            let lines = match self.across.words {
                true => wrapped(label, size, self.across.room() - 4.0, 1),
                false => vec![label.clone()],
            };
            let text = lines.into_iter().next().unwrap_or_default();
            let half = width(&text, size) / 2.0;
            // At the right end there is no more room than to the edge.
            let middle = x.min(right + 14.0 - half);
            if middle - half >= free {
                svg.text("ho-time", (middle, bottom + 16.0), "middle", &text);
                free = middle + half + 6.0;
            }
        }
    }

    fn line(&self, svg: &mut Svg, line: usize, dots: &[Dot]) {
        let count = self.panel.lines.len() as f64;
        // Dots on the same word stand beside each other.
        let aside = if self.across.words {
            (line as f64 - (count - 1.0) / 2.0) * (self.across.room() * 0.6 / count).min(14.0)
        } else {
            0.0
        };
        let place = |dot: &Dot| {
            let [low, middle, high] = dot.y?.map(|value| self.up.y(value));
            [low, middle, high].iter().all(|y| y.is_finite()).then_some(Place {
                x: self.across.x(dot.x) + aside,
                y: middle,
                low,
                high,
            })
        };
        let places: Vec<Option<Place>> = dots.iter().map(place).collect();
        let few = places.len() <= MOST_SHAPES || self.across.words;
        // A single line with many dots needs no shapes: there is none to tell it from.
        let shapes = few || self.panel.lines.len() > 1;
        let every = if few { 1 } else { places.len().div_ceil(MOST_SHAPES / 2) };
        // The shapes of one line stand between those of the others.
        let first = if few { 0 } else { (every / 2 + line * every / self.panel.lines.len()) % every };
        let mut seen = 0;
        for run in places.split(Option::is_none) {
            let run: Vec<Place> = run.iter().flatten().copied().collect();
            let joined = run.len() > 1 && !self.across.words;
            if joined {
                spread(svg, &run);
                let points: Vec<String> = run.iter().map(|p| format!("{} {}", n(p.x), n(p.y))).collect();
                svg.path("ho-course", &format!("M{}", points.join("L")));
            }
            for (i, place) in run.iter().enumerate() {
                if !joined && n(place.low) != n(place.high) {
                    svg.line("ho-whisker", (place.x, place.low), (place.x, place.high));
                }
                if !joined || (shapes && (seen + i) % every == first) {
                    shape(svg, line, (place.x, place.y));
                }
            }
            // The gap behind it counts, too.
            seen += run.len() + 1;
        }
    }
}

/// The stretch between the lowest and the highest values, where there is one.
fn spread(svg: &mut Svg, run: &[Place]) {
    if run.iter().all(|place| n(place.low) == n(place.high)) {
        return;
    }
    let there = run.iter().map(|p| format!("{} {}", n(p.x), n(p.high)));
    let back = run.iter().rev().map(|p| format!("{} {}", n(p.x), n(p.low)));
    let points: Vec<String> = there.chain(back).collect();
    svg.path("ho-spread", &format!("M{}Z", points.join("L")));
}
