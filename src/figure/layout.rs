//! Where everything stands: columns, lanes, notes, heights.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use super::arrows::{Arrow, ArrowEnd};
use super::notes::{Note, Part};
use super::rows::{Content, Row};
use super::scale::{Block, Scale, Wanted};
use super::words::{listed, shortened, tick, width, wrapped};
use crate::trace::{HostId, Trace};

/// The sizes of type, in CSS pixels at the width the figure is laid out for. The style sheet has the same.
#[derive(Debug, Clone, Copy)]
pub(super) struct Type {
    /// Whether it is laid out for a narrow page.
    pub narrow: bool,
    /// The names of events, and the height of their lines.
    pub event: (f64, f64),
    /// Everything small: fields, labels, times, the key; and the height of their lines.
    pub small: (f64, f64),
    /// The names of the lanes.
    pub name: f64,
}

impl Type {
    pub const fn at(width: f64) -> Self {
        if width < 500.0 {
            Self { narrow: true, event: (12.0, 14.0), small: (11.0, 13.0), name: 13.0 }
        } else {
            Self { narrow: false, event: (13.0, 16.0), small: (12.0, 14.0), name: 14.0 }
        }
    }
}

/// From the baseline of the last line above a rule to the rule.
pub(super) const ABOVE_RULE: f64 = 6.0;
/// The height of the names above the lanes.
pub(super) const HEAD: f64 = 26.0;
/// The least room for notes beside an outer lane.
const COLUMN: f64 = 40.0;
/// Between lanes, at least.
const LANE_GAP: f64 = 112.0;
/// How far along its way a lost packet is drawn, as a share of the way.
pub(super) const LOST_AT: f64 = 0.62;
/// A note that stands further than this from its moment tells no fields, if that makes room.
const FAR: f64 = 20.0;
/// More parts of a note than this are not told one by one.
const MOST_PARTS: usize = 6;

/// A line of a note.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TextLine {
    pub text: String,
    pub look: Look,
}

/// How a line of a note looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    Time,
    Event,
    Fault,
    Fields,
}

impl Look {
    pub fn class(self) -> &'static str {
        match self {
            Look::Time => "ho-time",
            Look::Event => "ho-event",
            Look::Fault => "ho-event ho-fault",
            Look::Fields => "ho-fields",
        }
    }

    /// Its size and the height of its line.
    pub fn size(self, fonts: Type) -> (f64, f64) {
        if matches!(self, Look::Event | Look::Fault) { fonts.event } else { fonts.small }
    }

    /// The size for estimates: a fault's name is bold, and so wider.
    fn broad(self, fonts: Type) -> f64 {
        let size = self.size(fonts).0;
        if self == Look::Fault { size * 1.12 } else { size }
    }
}

impl TextLine {
    pub fn width(&self, fonts: Type) -> f64 {
        width(&self.text, self.look.broad(fonts))
    }
}

/// On which side of its lane a note stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
    /// Across the lanes.
    Across,
}

/// A note in its place.
#[derive(Debug)]
pub(super) struct Placed<'a> {
    pub row: usize,
    pub note: &'a Note,
    pub at: Duration,
    pub lane: usize,
    pub side: Side,
    /// Where it stands: a note between the lanes leaves the way free for the arrows at its lane.
    pub stand: Stand,
    pub lines: Vec<TextLine>,
    pub top: f64,
}

/// How a note stands to its moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stand {
    /// Its first line stands at it.
    At,
    /// It ends there: an arrow goes down from there.
    Above,
    /// It begins there: an arrow comes down to there.
    Below,
}

impl Placed<'_> {
    pub fn height(&self, fonts: Type) -> f64 {
        self.lines.iter().map(|l| l.look.size(fonts).1).sum()
    }
}

/// The geometry of a figure.
#[derive(Debug)]
pub(super) struct Layout<'a> {
    pub width: f64,
    pub fonts: Type,
    /// Where the labels of the time axis end; nowhere on a narrow page, where notes tell their times.
    pub axis: Option<f64>,
    /// The lanes, from left to right.
    pub lanes: Vec<f64>,
    /// From a lane to the notes beside it.
    pub beside: f64,
    /// How far left and right of the lanes words may stand.
    pub ends: (f64, f64),
    pub notes: Vec<Placed<'a>>,
    pub scale: Scale,
    pub latency: Duration,
}

/// Where lanes stand, and how much room there is beside each.
struct Columns {
    width: f64,
    lanes: Vec<f64>,
    /// The notes of the outer lanes stand between the lanes: there is no room outside.
    inward: bool,
    ends: (f64, f64),
    beside: f64,
}

impl<'a> Layout<'a> {
    pub fn new(trace: &Trace, content: &'a Content, wanted: f64) -> Self {
        let fonts = Type::at(wanted);
        let latency = content.latency.unwrap_or_else(|| typical_gap(content));
        let axis = (!fonts.narrow).then(|| {
            let times = content.rows.iter().map(|r| width(&tick(r.at, latency), fonts.small.0));
            4.0 + times.fold(40.0, f64::max).min(96.0)
        });
        let columns = columns(trace, content, fonts, axis, wanted);
        let mut notes = placed(content, &columns);
        let tell = |notes: &mut Vec<Placed>, with_fields: &dyn Fn(usize) -> bool| {
            for (i, placed) in notes.iter_mut().enumerate() {
                placed.lines = lines(placed, &columns, fonts, latency, with_fields(i));
            }
        };
        tell(&mut notes, &|_| true);
        let scale = scale(content, &notes, &columns, fonts, latency);
        // Notes that were pushed away, and those that pushed them, say less.
        let crowded = crowded(&notes, &scale, fonts);
        let scale = if crowded.is_empty() {
            scale
        } else {
            tell(&mut notes, &|i| !crowded.contains(&i));
            self::scale(content, &notes, &columns, fonts, latency)
        };
        for (placed, top) in notes.iter_mut().zip(&scale.tops) {
            placed.top = *top;
        }
        let Columns { width, lanes, ends, beside, .. } = columns;
        Self { width, fonts, axis, lanes, beside, ends, notes, scale, latency }
    }

    /// The room between the outer lanes.
    pub fn between(&self) -> (f64, f64) {
        (self.lanes[0], self.lanes[self.lanes.len() - 1])
    }

    /// From one lane to the next.
    pub fn gap(&self) -> f64 {
        self.lanes.get(1).map_or(90.0, |second| second - self.lanes[0])
    }
}

/// The notes that stand far from their moment, and their neighbours in the same place.
fn crowded(notes: &[Placed<'_>], scale: &Scale, fonts: Type) -> BTreeSet<usize> {
    let mut out = BTreeSet::new();
    for (i, placed) in notes.iter().enumerate() {
        let wanted = scale.y(placed.at) - above(placed, fonts);
        if (scale.tops[i] - wanted).abs() <= FAR {
            continue;
        }
        let touches = |j: &usize| {
            (notes[*j].lane, notes[*j].side) == (placed.lane, placed.side)
                && (scale.tops[*j] - scale.tops[i]).abs() < 90.0
        };
        out.extend((0..notes.len()).filter(touches));
    }
    out
}

fn columns(trace: &Trace, content: &Content, fonts: Type, axis: Option<f64>, wanted: f64) -> Columns {
    let last = content.lanes.len().saturating_sub(1);
    let beside = if fonts.narrow { 9.0 } else { 12.0 };
    let inward = fonts.narrow && last == 2;
    let lane_of = |host: HostId| content.lanes.iter().position(|l| *l == host);
    let head =
        |lane: usize| content.lanes.get(lane).map_or(0.0, |h| width(trace.host_name(*h), fonts.name) / 2.0);
    // As much as the widest line wants, and the head of the lane needs.
    let wish = |lane: usize| {
        let notes = content.notes().filter(|(_, _, n)| n.host.and_then(lane_of) == Some(lane));
        let words = notes.flat_map(|(_, _, note)| &note.parts).map(|part| {
            let fields = part.fields().iter().map(|f| width(f, fonts.small.0)).fold(0.0, f64::max);
            width(&part.label(), fonts.event.0 * 1.05).max(fields)
        });
        words.fold(COLUMN, f64::max) + beside + 6.0
    };
    let left_edge = axis.map_or(2.0, |axis| axis + 12.0);
    let right_edge = wanted - 2.0;
    let room = right_edge - left_edge;
    if last == 0 {
        let x = left_edge + head(0).max(if fonts.narrow { 24.0 } else { 110.0 }) + 12.0;
        return Columns {
            width: wanted,
            lanes: vec![x],
            inward: false,
            ends: (left_edge, right_edge),
            beside,
        };
    }
    let gaps = last as f64;
    if inward {
        let (first, end) = (head(0) + 11.0, wanted - head(last) - 11.0);
        let gap = ((end - first) / gaps).max(LANE_GAP);
        let lanes = (0..=last).map(|i| first + gap * i as f64).collect();
        return Columns { width: wanted, lanes, inward: true, ends: (2.0, right_edge), beside };
    }
    let least = |lane: usize| (head(lane) + 11.0).max(COLUMN + beside);
    // What the outer columns may take: on a narrow page a good quarter each.
    let most = if fonts.narrow {
        92.0
    } else if last == 1 {
        190.0
    } else {
        150.0
    };
    let (left, right) = (wish(0).min(most).max(least(0)), wish(last).min(most).max(least(last)));
    let gap = ((room - left - right) / gaps).max(LANE_GAP);
    // With much room the lanes do not drift apart: it goes to the notes.
    let widest = if last == 1 { 300.0 } else { 230.0 };
    let spare = ((gap - widest) * gaps).max(0.0);
    let gap = gap.min(widest);
    let first = left_edge + left + spare / 2.0;
    let lanes: Vec<f64> = (0..=last).map(|i| first + gap * i as f64).collect();
    let end = lanes[last] + right + spare / 2.0;
    Columns { width: wanted.max(end + 2.0), lanes, inward: false, ends: (left_edge, end), beside }
}

impl Columns {
    fn gap(&self) -> f64 {
        self.lanes.get(1).map_or(90.0, |second| second - self.lanes[0])
    }

    /// On which side of its lane a note stands. Between two lanes it turns its back on the host it is about: from
    /// there the arrows come.
    fn side(&self, lane: usize, note: &Note, content: &Content) -> Side {
        let last = self.lanes.len() - 1;
        let about = || content.lanes.iter().position(|l| note.about.contains(l));
        match lane {
            0 if last > 0 && !self.inward => Side::Left,
            lane if lane == last && last > 0 && self.inward => Side::Left,
            lane if lane > 0 && lane < last && about().is_some_and(|other| other > lane) => Side::Left,
            _ => Side::Right,
        }
    }

    /// The columns that a note takes. The outer lanes' stand outside, where nothing else does; those of the lanes
    /// between share the page with what goes across it.
    fn taken(&self, lane: usize, side: Side) -> Range<usize> {
        let last = self.lanes.len() - 1;
        match side {
            Side::Across => 2..last.max(1) + 2,
            Side::Left if lane == 0 => 0..1,
            Side::Right if lane == last => 1..2,
            Side::Left => lane + 1..lane + 2,
            Side::Right => lane + 2..lane + 3,
        }
    }

    /// How wide a note may be.
    fn room(&self, lane: usize, side: Side) -> f64 {
        let last = self.lanes.len() - 1;
        match side {
            Side::Across => self.gap() * last as f64 - 22.0,
            Side::Left if lane == 0 => self.lanes[0] - self.beside - self.ends.0,
            Side::Right if lane == last => self.ends.1 - self.lanes[last] - self.beside,
            _ => self.gap() - self.beside - 12.0,
        }
    }
}

/// The notes, without words yet.
fn placed<'a>(content: &'a Content, columns: &Columns) -> Vec<Placed<'a>> {
    let last = content.lanes.len() - 1;
    let place = |(row, at, note): (usize, Duration, &'a Note)| {
        let lane = note.host.and_then(|host| content.lanes.iter().position(|l| *l == host));
        let (lane, side) = match lane {
            Some(lane) => (lane, columns.side(lane, note, content)),
            None if last == 0 => (0, Side::Right),
            None => (0, Side::Across),
        };
        let stand = stand(content, (lane, side), note, at);
        Placed { row, note, at, lane, side, stand, lines: Vec::new(), top: 0.0 }
    };
    content.notes().map(|(row, r, note)| place((row, r.at, note))).collect()
}

fn stand(content: &Content, (lane, side): (usize, Side), note: &Note, at: Duration) -> Stand {
    let last = content.lanes.len() - 1;
    let outside =
        matches!((side, lane), (Side::Across, _) | (Side::Left, 0)) || (side == Side::Right && lane == last);
    let Some(host) = note.host.filter(|_| !outside) else { return Stand::At };
    // Only arrows on its own side are in its way.
    let there = |other: Option<HostId>| {
        let other = other.and_then(|o| content.lanes.iter().position(|l| *l == o));
        other.is_none_or(|other| (other > lane) == (side == Side::Right))
    };
    let mut arrows = content.arrows();
    if arrows.any(|(_, row, a)| row.at == at && a.from == host && there(a.to)) {
        return Stand::Above;
    }
    let arrives = |(_, _, a): (usize, &Row, &Arrow)| {
        a.to == Some(host) && a.end == ArrowEnd::Arrives(at) && there(Some(a.from))
    };
    if content.arrows().any(arrives) { Stand::Below } else { Stand::At }
}

/// The words of a note.
fn lines(
    placed: &Placed<'_>,
    columns: &Columns,
    fonts: Type,
    latency: Duration,
    fields: bool,
) -> Vec<TextLine> {
    let room = columns.room(placed.lane, placed.side);
    let mut out = Vec::new();
    let time = tick(placed.at, latency);
    if fonts.narrow {
        out.push(TextLine { text: shortened(&time, fonts.small.0, room), look: Look::Time });
    }
    let parts = &placed.note.parts;
    let told = if parts.len() > MOST_PARTS { MOST_PARTS - 1 } else { parts.len() };
    for part in &parts[..told] {
        part_lines(part, room, fonts, fields && told < MOST_PARTS - 1, placed.side == Side::Across, &mut out);
    }
    if told < parts.len() {
        let events: usize = parts[told..].iter().map(|p| p.count).sum();
        out.push(TextLine { text: format!("… {events} more"), look: Look::Fields });
    }
    out
}

fn part_lines(part: &Part, room: f64, fonts: Type, fields: bool, across: bool, out: &mut Vec<TextLine>) {
    let look = if part.layer == crate::trace::Layer::Fault { Look::Fault } else { Look::Event };
    // Beside the marker that stands in the line.
    let room_of_name = if across { room - 16.0 } else { room };
    let most = if across && !fonts.narrow { 1 } else { 3 };
    let name = wrapped(&part.label(), look.broad(fonts), room_of_name, most);
    out.extend(name.into_iter().map(|text| TextLine { text, look }));
    if fields {
        let mut told = part.fields();
        if fonts.narrow {
            // A sentence does not fit: it is told in the list, and when pointed at.
            told.retain(|field| width(field, fonts.small.0) <= 1.7 * room);
        }
        let lines = listed(&told, fonts.small.0, room, 2);
        out.extend(lines.into_iter().map(|text| TextLine { text, look: Look::Fields }));
    }
}

/// How much of a note stands above its moment: all of it above a rule, half a line beside a lane.
fn above(placed: &Placed<'_>, fonts: Type) -> f64 {
    match placed.side {
        Side::Across => placed.height(fonts) + ABOVE_RULE,
        _ if placed.stand == Stand::Above => placed.height(fonts) + 1.0,
        _ if placed.stand == Stand::Below => -3.0,
        // The first line that tells what happened stands at the moment.
        _ => {
            let times = placed.lines.iter().take_while(|l| l.look == Look::Time);
            times.map(|l| l.look.size(fonts).1).sum::<f64>() + fonts.event.1 / 2.0
        }
    }
}

fn scale(
    content: &Content,
    notes: &[Placed<'_>],
    columns: &Columns,
    fonts: Type,
    latency: Duration,
) -> Scale {
    let blocks: Vec<Block> = notes
        .iter()
        .map(|p| Block {
            at: p.at,
            columns: columns.taken(p.lane, p.side),
            height: p.height(fonts) + if p.side == Side::Across { ABOVE_RULE + 2.0 } else { 0.0 },
            above: above(p, fonts),
        })
        .collect();
    let mut moments: BTreeSet<Duration> = content.rows.iter().map(|r| r.at).collect();
    let mut drawn = BTreeSet::new();
    let mut flights = Vec::new();
    for (_, row, arrow) in content.arrows() {
        let end = lands(arrow, row.at, latency);
        if arrow.arrives() { &mut moments } else { &mut drawn }.insert(end);
        flights.push((row.at, end));
    }
    for span in &content.spans {
        let inside = |at: &Duration| (content.from..=content.until).contains(at);
        moments.extend([Some(span.from), span.until].into_iter().flatten().filter(inside));
    }
    for fold in &content.folds {
        // What is left out before the first row and behind the last one is told there.
        let before = moments.first().is_none_or(|first| fold.from < *first);
        let behind = moments.last().is_none_or(|last| fold.until > *last);
        moments.extend(before.then_some(fold.from));
        moments.extend(behind.then_some(fold.until));
    }
    if moments.is_empty() {
        moments.insert(content.from);
    }
    let across = columns.taken(0, Side::Across);
    Scale::new(&Wanted {
        moments,
        drawn,
        flights: &flights,
        folds: &content.folds,
        blocks: &blocks,
        middle: if columns.lanes.len() == 1 { 0..1 } else { across },
        latency,
        top: HEAD + if content.begins_later() { 36.0 } else { 20.0 },
        head: HEAD,
    })
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
