//! A run as a space-time diagram: time runs down, a lane a host, arrows whose slope is the latency.
//!
//! The figure is one inline `<svg>` that follows the reader's theme: it uses the colour of the text around it and a
//! few CSS variables. Its style sheet, [`CSS`], is shipped once by the page; [`standalone`] puts it into a file that
//! is opened on its own. The same trace and options give the same bytes. Numbers that move are a [`chart`], made the
//! same way.
//!
//! While a packet is in flight, time is drawn to scale, the same everywhere in the figure; silences are cut and say how
//! long they were, and a strip at the foot shows the whole stretch of time as it was. A run with more rows than a page
//! can hold shows its beginning, what surrounds everything remarkable, and its end. A fault that goes on beyond what is
//! shown is torn there. Type is laid out for a width in CSS pixels; every row can be pointed at, touched and focused.

mod arrows;
mod bands;
mod beside;
pub mod chart;
pub mod distribution;
mod draw;
mod flights;
mod glyphs;
pub mod heat;
mod labels;
mod layout;
mod lines;
mod margins;
mod notes;
mod rows;
mod scale;
mod select;
mod states;
mod strip;
pub(crate) mod svg;
#[cfg(test)]
mod tests;
mod ticks;
#[cfg(test)]
mod truth;
mod words;

use std::time::Duration;

use crate::trace::{Layer, Trace};

pub use lines::Line;
pub(crate) use words::stretch;

/// The style sheet of all figures. The page may set `--ho-accent`, `--ho-fault`, `--ho-muted`, `--ho-faint` and
/// `--ho-bg`.
pub const CSS: &str = include_str!("style.css");

/// The width of a figure on a wide page, in CSS pixels.
pub const WIDE: u32 = 720;
/// The width of a figure on a narrow page, in CSS pixels.
pub const NARROW: u32 = 328;

/// What a figure shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// From this moment on; `None`: from the start of the run.
    pub from: Option<Duration>,
    /// Up to this moment; `None`: to the end of the run.
    pub until: Option<Duration>,
    /// What it is, in a few words: read by screen readers, shown under the pointer.
    pub title: String,
    /// What there is to see, in a sentence or two, for those who do not see it; empty: a count of what is drawn.
    pub description: String,
    /// The prefix of the ids inside the figure; unique on its page.
    pub id: String,
    /// Draw the packets.
    pub packets: bool,
    /// The layers whose events are told beside the lanes.
    pub layers: Vec<Layer>,
    /// The hosts that have a lane, from left to right; empty: those that take part, at most six.
    pub hosts: Vec<String>,
    /// Leave the bulk of long routines out. Off: every packet and every event.
    pub fold: bool,
    /// Show beside the lanes what each side takes its connection for.
    pub states: bool,
    /// The width it is laid out for, in CSS pixels: type is legible there, and it is never shown larger. [`WIDE`] or
    /// [`NARROW`]; with many lanes it becomes wider.
    pub width: u32,
}

/// All layers, packets drawn, the whole run.
impl Default for Options {
    fn default() -> Self {
        Self {
            from: None,
            until: None,
            title: "Space-time diagram".to_owned(),
            description: String::new(),
            id: "figure".to_owned(),
            packets: true,
            layers: Layer::ALL.to_vec(),
            hosts: Vec::new(),
            fold: true,
            states: true,
            width: WIDE,
        }
    }
}

/// A figure and what a page may show with it; all three tell the same rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawing {
    /// The figure: an `<svg class="ho-figure">`.
    pub svg: String,
    /// The names of the lanes alone, as wide as the figure: an `<svg class="ho-heads">` for a page that keeps them in
    /// sight. It is to lie exactly over the top of the figure.
    pub heads: String,
    /// The figure as a list.
    pub lines: Vec<Line>,
}

/// Draws a run; see the [module](self).
///
/// # Panics
/// If `options.hosts` names a host that the trace does not have.
pub fn figure(trace: &Trace, options: &Options) -> String {
    drawing(trace, options).svg
}

/// Draws a run, with what a page may show beside the figure; from one pass over the trace.
///
/// # Panics
/// As [`figure`].
pub fn drawing(trace: &Trace, options: &Options) -> Drawing {
    draw::draw(trace, options)
}

/// Makes a figure a file of its own: with its style sheet, light or dark as the reader's system is.
pub fn standalone(figure: &str) -> String {
    const PAGE: &str = "\
        svg { color: #1f2328; background: #fff; --ho-bg: #fff; --ho-accent: #1d5fc4; --ho-fault: #b3400a; } \
        @media (prefers-color-scheme: dark) { svg { color: #e6e6e6; background: #16181d; --ho-bg: #16181d; \
        --ho-accent: #7fb2ff; --ho-fault: #ff9a5c; } }";
    // A `>` inside an attribute would be escaped: the first one ends the opening tag.
    let (tag, rest) = figure.split_at(figure.find('>').map_or(0, |end| end + 1));
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{tag}\n<style>\n{PAGE}\n{CSS}</style>{rest}")
}
