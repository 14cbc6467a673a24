//! Drawing: bands, lanes, states, cuts, arrows, notes, the time axis, the key, the strip; later over earlier.

use std::fmt::Write as _;
use std::time::Duration;

use super::labels::{Page, Rect};
use super::layout::{HEAD, Layout};
use super::lines::lines;
use super::rows::Content;
use super::states::{self, State};
use super::svg::{Document, Svg, document, ident, n, sizes};
use super::words::{moment, shortened, width, wrapped};
use super::{Drawing, Options};
use crate::trace::{HostId, Trace};

/// Below the last moment: the lanes end, and it is said whether the run does.
const FOOT: f64 = 30.0;
/// A figure that is taller than this tells the names of its lanes at the end, too.
const TALL: f64 = 520.0;

pub(super) fn draw(trace: &Trace, options: &Options) -> Drawing {
    let content = Content::of(trace, options);
    let mut said = Document {
        id: &options.id,
        title: &options.title,
        description: &options.description,
        width: f64::from(options.width),
        height: 24.0,
        least_type: 12.0,
        class: "",
        attributes: "",
    };
    if content.lanes.is_empty() {
        said.description = "Nothing happened.";
        let mut svg = Svg::default();
        svg.text("ho-cut", (8.0, 16.0), "start", said.description);
        return Drawing { svg: document(&said, svg), heads: String::new(), lines: Vec::new() };
    }
    let layout = Layout::new(trace, &content, f64::from(options.width));
    let states = if options.states { states::states(trace, &content) } else { Vec::new() };
    let canvas = Canvas { trace, content: &content, layout: &layout, states, id: ident(&options.id) };
    let mut svg = Svg::default();
    let mut page = Page::default();
    canvas.patterns(&mut svg);
    canvas.bands(&mut svg);
    canvas.lanes(&mut svg, &mut page);
    canvas.bars(&mut svg);
    canvas.heads(&mut svg, &mut page);
    canvas.edges(&mut svg, &mut page);
    canvas.cuts(&mut svg, &mut page);
    canvas.arrows(&mut svg, &mut page);
    canvas.notes(&mut svg, &mut page);
    canvas.labels(&mut svg, &mut page);
    canvas.times(&mut svg);
    let bottom = canvas.strip(&mut svg, canvas.bottom() + 8.0);
    let bottom = canvas.key(&mut svg, bottom + 14.0);
    let times: Vec<String> =
        layout.scale.points().iter().map(|(at, y)| format!("{}:{}", at.as_micros(), n(*y))).collect();
    let attributes = format!(" data-times=\"{}\"", times.join(","));
    let summary = canvas.summary();
    let description = if options.description.is_empty() { &summary } else { &options.description };
    said = Document {
        description,
        width: layout.width,
        height: bottom,
        least_type: layout.fonts.small.0,
        class: if layout.fonts.narrow { " ho-small" } else { "" },
        attributes: &attributes,
        ..said
    };
    let heads = canvas.sticky_heads();
    Drawing { svg: document(&said, svg), heads, lines: lines(trace, &content) }
}

/// A figure while it is drawn.
pub(super) struct Canvas<'a> {
    pub trace: &'a Trace,
    pub content: &'a Content,
    pub layout: &'a Layout<'a>,
    pub states: Vec<State>,
    pub id: String,
}

impl Canvas<'_> {
    pub fn x(&self, host: HostId) -> Option<f64> {
        let lane = self.content.lanes.iter().position(|l| *l == host)?;
        Some(self.layout.lanes[lane])
    }

    pub fn y(&self, at: Duration) -> f64 {
        self.layout.scale.y(at)
    }

    /// Where the lanes end.
    pub fn bottom(&self) -> f64 {
        self.layout.scale.bottom + FOOT + if self.is_tall() { HEAD } else { 0.0 }
    }

    fn is_tall(&self) -> bool {
        self.layout.scale.bottom > TALL
    }

    /// Names and life lines; torn where time is cut, dashed where the run goes on out of sight.
    fn lanes(&self, svg: &mut Svg, page: &mut Page) {
        // No label stands on a lane.
        let bottom = self.layout.scale.bottom + 8.0;
        for &x in &self.layout.lanes {
            let top = if self.content.begins_later() { HEAD + 12.0 } else { HEAD };
            let mut d = format!("M{} {}", n(x), n(top));
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
            let mut beyond = String::new();
            if self.content.begins_later() {
                let _ = write!(beyond, "M{} {}V{}", n(x), n(HEAD), n(top));
            }
            if self.content.ends_sooner() {
                let _ = write!(beyond, "M{} {}V{}", n(x), n(bottom), n(bottom + 14.0));
            }
            for (class, d) in [("ho-tear", tears), ("ho-beyond", beyond)] {
                if !d.is_empty() {
                    svg.path(class, &d);
                }
            }
            page.texts.push(Rect(x - 7.0, HEAD, x + 7.0, bottom));
        }
    }

    /// The names of the lanes: above them, again where they would be out of sight, and below a tall figure.
    fn heads(&self, svg: &mut Svg, page: &mut Page) {
        let again = self.layout.scale.heads.iter().copied();
        let last = self.is_tall().then(|| self.bottom() - HEAD + 2.0);
        for y in [3.0].into_iter().chain(again).chain(last) {
            for lane in 0..self.layout.lanes.len() {
                self.head(svg, page, lane, y);
            }
        }
    }

    /// The name of a lane in its box.
    fn head(&self, svg: &mut Svg, page: &mut Page, lane: usize, top: f64) {
        let size = self.layout.fonts.name;
        let x = self.layout.lanes[lane];
        let name = self.trace.host_name(self.content.lanes[lane]);
        let room = if self.layout.lanes.len() > 1 { self.layout.gap() - 24.0 } else { 160.0 };
        let name = shortened(name, size, room);
        let half = width(&name, size) / 2.0 + 9.0;
        let bottom = top + HEAD - 3.0;
        svg.rect("ho-box", (x - half, top, x + half, bottom), " rx=\"5\"");
        svg.text("ho-name", (x, top + HEAD / 2.0 + 3.5), "middle", &name);
        page.texts.push(Rect(x - half, top, x + half, bottom));
    }

    /// The names alone, for a page that keeps them in sight.
    fn sticky_heads(&self) -> String {
        let mut svg = Svg::default();
        for lane in 0..self.layout.lanes.len() {
            self.head(&mut svg, &mut Page::default(), lane, 3.0);
        }
        let small = if self.layout.fonts.narrow { " ho-small" } else { "" };
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"ho-figure ho-heads{small}\" aria-hidden=\"true\" \
             viewBox=\"0 0 {} {}\" {}>\n{}</svg>\n",
            n(self.layout.width),
            n(HEAD + 2.0),
            // It takes no room: the figure begins where it does.
            sizes(self.layout.width, self.layout.fonts.small.0, Some(HEAD + 2.0)),
            svg.0
        )
    }

    /// Where words stand that concern all lanes: their middle, and the room.
    fn middle(&self) -> (f64, f64) {
        let lanes = &self.layout.lanes;
        match lanes.get(1) {
            Some(second) => ((lanes[0] + second) / 2.0, second - lanes[0] - 18.0),
            None => {
                let left = self.layout.ends.0;
                ((left + lanes[0] - 8.0) / 2.0, lanes[0] - 16.0 - left)
            }
        }
    }

    fn in_the_middle(&self, svg: &mut Svg, page: &mut Page, center: f64, text: &str) {
        let (x, room) = self.middle();
        let (size, height) = self.layout.fonts.small;
        let lines = wrapped(text, size, room, 2);
        let first = center + size * 0.35 - (lines.len() as f64 - 1.0) * height / 2.0;
        for (i, text) in lines.iter().enumerate() {
            let y = first + height * i as f64;
            let half = width(text, size) / 2.0;
            svg.text("ho-cut", (x, y), "middle", text);
            page.texts.push(Rect(x - half, y - size * 0.8, x + half, y + size * 0.25));
        }
    }

    /// What is not drawn to scale says so.
    fn cuts(&self, svg: &mut Svg, page: &mut Page) {
        for cut in &self.layout.scale.cuts {
            self.in_the_middle(svg, page, (cut.top + cut.bottom) / 2.0, &cut.label);
        }
    }

    /// Where the window begins and ends, and that it is not the run that does.
    fn edges(&self, svg: &mut Svg, page: &mut Page) {
        if self.content.begins_later() {
            self.in_the_middle(svg, page, HEAD + 13.0, &format!("shown from {}", moment(self.content.from)));
        }
        let end = if self.content.ends_sooner() {
            format!("shown until {}", moment(self.content.until))
        } else {
            format!("the run ends at {}", moment(self.content.ended))
        };
        self.in_the_middle(svg, page, self.layout.scale.bottom + 18.0, &end);
    }
}
