//! A run as a space-time diagram: time runs down, a lane a host, arrows whose slope is the latency.
//!
//! The figure is one inline `<svg>` that follows the reader's theme: it uses the colour of the text around it and a
//! few CSS variables. Its style sheet, [`CSS`], is shipped once by the page; [`standalone`] puts it into a file that
//! is opened on its own. The same trace and options give the same bytes. Numbers that move are a [`chart`], made the
//! same way.
//!
//! Busy stretches are drawn to scale; silences are cut and say how long they were; a run with more rows than a page
//! can hold shows its beginning, what surrounds everything remarkable, and its end.

pub mod chart;
mod draw;
mod glyphs;
mod labels;
mod layout;
mod margins;
mod rows;
mod scale;
mod select;
pub(crate) mod svg;
#[cfg(test)]
mod tests;
mod ticks;
mod words;

use std::time::Duration;

use crate::trace::{Layer, Trace};

pub(crate) use words::stretch;

/// The style sheet of all figures. The page may set `--ho-accent`, `--ho-fault` and `--ho-bg`.
pub const CSS: &str = include_str!("style.css");

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
        }
    }
}

/// Draws a run; see the [module](self).
///
/// # Panics
/// If `options.hosts` names a host that the trace does not have.
pub fn figure(trace: &Trace, options: &Options) -> String {
    draw::draw(trace, &rows::Content::of(trace, options), options)
}

/// Makes a figure a file of its own: with its style sheet, light or dark as the reader's system is.
pub fn standalone(figure: &str) -> String {
    const PAGE: &str = "\
        svg { color: #1f2328; background: #fff; --ho-bg: #fff; } \
        @media (prefers-color-scheme: dark) { svg { color: #e6e6e6; background: #16181d; --ho-bg: #16181d; } }";
    // A `>` inside an attribute would be escaped: the first one ends the opening tag.
    let (tag, rest) = figure.split_at(figure.find('>').map_or(0, |end| end + 1));
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{tag}\n<style>\n{PAGE}\n{CSS}</style>{rest}")
}
