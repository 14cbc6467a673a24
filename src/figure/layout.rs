//! Where everything stands: columns, lanes, notes, heights.

use std::ops::Range;
use std::time::Duration;

use super::rows::{Arrow, ArrowEnd, Content, Note, What};
use super::scale::{Block, Scale};
use super::words::{moment, width, wrapped};
use crate::trace::{HostId, Layer, Trace};

/// The size of an event's name, and the height of its line.
pub(super) const EVENT: (f64, f64) = (12.0, 14.0);
/// The size of an event's fields, and the height of their line.
pub(super) const FIELDS: (f64, f64) = (10.5, 12.0);
/// From the top of a note that goes across the page to its rule.
pub(super) const ABOVE_RULE: f64 = 19.0;
/// From a lane to the notes beside it.
pub(super) const BESIDE: f64 = 12.0;
/// The height of the names above the lanes.
pub(super) const HEAD: f64 = 26.0;
/// The width of a figure with up to two lanes: legible on a telephone.
const NARROW: f64 = 442.0;
/// The least room for notes beside an outer lane, and the most.
const COLUMN: Range<f64> = 34.0..116.0;
/// The room for the labels of the time axis: at least for `+480.5 ms`, and a little more.
const AXIS: Range<f64> = 64.0..90.0;
/// Between lanes, when there are more than two.
const LANE_GAP: f64 = 118.0;
/// How far along its way a lost packet is drawn, as a share of the way.
pub(super) const LOST_AT: f64 = 0.62;

/// A note in its place.
#[derive(Debug)]
pub(super) struct Placed<'a> {
    pub note: &'a Note,
    pub at: Duration,
    pub lines: Vec<String>,
    pub fields: Vec<String>,
    pub top: f64,
}

/// The geometry of a figure.
#[derive(Debug)]
pub(super) struct Layout<'a> {
    pub width: f64,
    /// Where the labels of the time axis end.
    pub axis: f64,
    /// The lanes, from left to right.
    pub lanes: Vec<f64>,
    pub notes: Vec<Placed<'a>>,
    pub scale: Scale,
    pub latency: Duration,
}

impl<'a> Layout<'a> {
    pub fn new(trace: &Trace, content: &'a Content) -> Self {
        let notes = || {
            content.rows.iter().filter_map(|row| match &row.what {
                What::Note(note) => Some((row.at, note)),
                What::Arrow(_) => None,
            })
        };
        let lane_of = |host: HostId| content.lanes.iter().position(|l| *l == host);
        let last = content.lanes.len().saturating_sub(1);
        let column_width = |lane: usize| {
            let widest = notes()
                .filter(|(_, n)| n.host.and_then(lane_of) == Some(lane))
                .map(|(_, n)| name_width(n, &n.name).max(width(&n.fields, FIELDS.0)) + BESIDE + 5.0)
                .fold(COLUMN.start, f64::max);
            let name = content.lanes.get(lane).map_or(0.0, |h| width(trace.host_name(*h), 13.0) / 2.0 + 12.0);
            widest.min(COLUMN.end).max(name.min(COLUMN.end))
        };
        let axis = content.rows.iter().map(|r| r.at).chain([content.from, content.until]);
        let axis = axis.map(|at| width(&moment(at), 10.5)).fold(AXIS.start, f64::max).min(AXIS.end);
        let left = if last == 0 { COLUMN.end } else { column_width(0) };
        let right = column_width(last);
        let first_lane = axis + 6.0 + left;
        let gap = match last {
            0 => 0.0,
            1 => (NARROW - first_lane - right).max(LANE_GAP),
            _ => LANE_GAP,
        };
        let lanes: Vec<f64> = (0..=last).map(|i| first_lane + gap * i as f64).collect();
        let page = (lanes[last] + right).max(NARROW);

        let room = |note: &Note| match note.host.and_then(lane_of) {
            None if last == 0 => page - first_lane,
            None => gap * last as f64 - 12.0,
            Some(0) if last > 0 => left - BESIDE - 2.0,
            Some(lane) if lane == last => page - lanes[last] - BESIDE - 4.0,
            Some(_) => gap - BESIDE - 10.0,
        };
        let mut placed: Vec<Placed> = notes()
            .map(|(at, note)| Placed {
                note,
                at,
                lines: wrapped(
                    &note.name,
                    name_size(note),
                    room(note),
                    if note.host.is_some() { 2 } else { 1 },
                ),
                fields: wrapped(&note.fields, FIELDS.0, room(note), 2),
                top: 0.0,
            })
            .collect();
        let blocks: Vec<Block> = placed
            .iter()
            .map(|p| {
                let text = p.lines.len() as f64 * EVENT.1 + p.fields.len() as f64 * FIELDS.1;
                match p.note.host.and_then(lane_of).or((last == 0).then_some(0)) {
                    Some(lane) => Block {
                        at: p.at,
                        columns: column(lane, last),
                        height: text,
                        above: 8.0,
                        fixed: false,
                    },
                    None => Block {
                        at: p.at,
                        columns: 2..last + 2,
                        height: text + ABOVE_RULE - EVENT.1,
                        above: ABOVE_RULE,
                        fixed: true,
                    },
                }
            })
            .collect();
        let latency = content.latency().unwrap_or_else(|| typical_gap(content));
        let mut moments = vec![content.from, content.until];
        let mut drawn = Vec::new();
        let mut flights = Vec::new();
        for row in &content.rows {
            moments.push(row.at);
            if let What::Arrow(arrow) = &row.what {
                let end = lands(arrow, row.at, latency);
                let made_up = !matches!(arrow.end, ArrowEnd::Arrives(_));
                if made_up { &mut drawn } else { &mut moments }.push(end);
                flights.push((row.at, end));
            }
        }
        for span in &content.spans {
            moments.extend([span.from, span.until.unwrap_or(content.until)]);
        }
        let scale = Scale::new(moments, drawn, &flights, &content.folds, &blocks, latency, HEAD + 22.0);
        for (placed, top) in placed.iter_mut().zip(&scale.tops) {
            placed.top = *top;
        }
        Self { width: page, axis, lanes, notes: placed, scale, latency }
    }

    /// The room between the outer lanes.
    pub fn between(&self) -> (f64, f64) {
        (self.lanes[0], self.lanes[self.lanes.len() - 1])
    }
}

/// The column of a lane's notes. The outer lanes' stand outside, where nothing else does; those of the lanes between
/// share the page with what goes across it, which takes all columns from 2 on.
fn column(lane: usize, last: usize) -> Range<usize> {
    match lane {
        0 => 0..1,
        lane if lane == last => 1..2,
        lane => lane + 1..lane + 2,
    }
}

/// When an arrow ends on the page.
pub(super) fn lands(arrow: &Arrow, sent: Duration, latency: Duration) -> Duration {
    match arrow.end {
        ArrowEnd::Arrives(at) => at.max(sent),
        ArrowEnd::Dies | ArrowEnd::Open => sent + latency.mul_f64(LOST_AT),
    }
}

/// Without packets: what stands for a latency is the median of the gaps between events.
fn typical_gap(content: &Content) -> Duration {
    let mut gaps: Vec<Duration> =
        content.rows.windows(2).map(|w| w[1].at - w[0].at).filter(|g| !g.is_zero()).collect();
    gaps.sort();
    gaps.get(gaps.len().saturating_sub(1) / 2).copied().unwrap_or(Duration::from_secs(1))
}

/// The size of a note's name for estimates: a fault's is bold, and so wider.
fn name_size(note: &Note) -> f64 {
    if is_fault(note) { EVENT.0 * 1.12 } else { EVENT.0 }
}

/// The width of a line of a note's name.
pub(super) fn name_width(note: &Note, line: &str) -> f64 {
    width(line, name_size(note))
}

/// Whether a note tells of a fault.
pub(super) fn is_fault(note: &Note) -> bool {
    note.layer == Layer::Fault
}
