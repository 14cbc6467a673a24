//! Where a moment stands on the page.
//!
//! Time runs down. While anything drawn is in flight, a second is the same height everywhere in the figure, so that the
//! slope of an arrow is its latency and nothing else. Only silences bend: long ones are cut and say how long they were,
//! and where notes would pile up they are stretched until these fit. Notes that still find no room beside their moment
//! stand above or below it.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use super::select::Fold;
use super::words::stretch;
use crate::trace::text::grouped;

/// How far the arrow of a packet with the usual latency falls.
pub(super) const FALL: f64 = 28.0;
/// A silence that would take more than this is cut.
const LONGEST_SILENCE: f64 = 56.0;
/// A flight in which nothing happens for more than this is cut, too, and its arrow is drawn torn.
const LONGEST_FLIGHT: f64 = 440.0;
/// What all flights of a figure may take together; with more, all of them fall less.
const MOST_FLIGHT: f64 = 2200.0;
/// What the cut of a silence takes.
const SILENCE: f64 = 32.0;
/// What the cut of a routine takes, which has more to say.
const ROUTINE: f64 = 40.0;
/// Two moments that are closer than this share the room of their notes.
const CLOSE: f64 = 5.0;
/// Between two notes.
const LEADING: f64 = 4.0;
/// After so much the names of the lanes are told again.
const HEADS_EVERY: f64 = 620.0;
/// The room above the first moment for what stands beside it.
const ABOVE_FIRST: f64 = 10.0;
/// How often notes that overlap are moved apart, half each.
const ROUNDS: usize = 60;

/// A note that wants room beside its moment.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub at: Duration,
    /// The columns it stands in; blocks of one column must not overlap.
    pub columns: Range<usize>,
    pub height: f64,
    /// How much of the height stands above the moment.
    pub above: f64,
}

/// A silence, or a routine, that is not drawn to scale.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cut {
    pub top: f64,
    pub bottom: f64,
    pub label: String,
    /// From when to when.
    pub time: (Duration, Duration),
}

/// What a scale is made for.
#[derive(Debug, Default)]
pub(super) struct Wanted<'a> {
    /// All moments at which something is drawn.
    pub moments: BTreeSet<Duration>,
    /// Of these, those at which something only ends on the page: the cross of a lost packet. No silence begins there.
    pub drawn: BTreeSet<Duration>,
    /// What flies from when to when.
    pub flights: &'a [(Duration, Duration)],
    pub folds: &'a [Fold],
    /// The notes, in order of time.
    pub blocks: &'a [Block],
    /// The columns in which the label of a cut stands.
    pub middle: Range<usize>,
    /// How long packets fly.
    pub latency: Duration,
    /// Where it begins.
    pub top: f64,
    /// What the names of the lanes take where they are told again.
    pub head: f64,
}

/// The map from moments to heights.
#[derive(Debug)]
pub(super) struct Scale {
    points: Vec<(Duration, f64)>,
    pub cuts: Vec<Cut>,
    /// Where the top of each block ended up.
    pub tops: Vec<f64>,
    /// Where the names of the lanes are told again.
    pub heads: Vec<f64>,
    /// Where all of it ends.
    pub bottom: f64,
}

/// Moments between which nothing bends, and the notes at them, seen from the first.
struct Group {
    moments: Range<usize>,
    blocks: Range<usize>,
    tops: Vec<f64>,
}

impl Scale {
    pub fn new(wanted: &Wanted<'_>) -> Self {
        let all: BTreeSet<Duration> = wanted.moments.iter().chain(&wanted.drawn).copied().collect();
        let moments: Vec<Duration> = all.into_iter().chain(wanted.blocks.iter().map(|b| b.at)).collect();
        let moments: Vec<Duration> = BTreeSet::from_iter(moments).into_iter().collect();
        let flying = flying(&moments, wanted.flights);
        let per_second = per_second(&moments, &flying, wanted.latency);
        let apart = |gap: usize| (moments[gap + 1] - moments[gap]).as_secs_f64() * per_second;
        let left_out = left_out(&moments, &flying, wanted.folds);
        let bends = |gap: usize| {
            let apart = apart(gap);
            let in_flight = flying[gap] && apart <= LONGEST_FLIGHT;
            !in_flight && (apart > CLOSE || left_out[gap] != (0, 0))
        };
        let groups = groups(&moments, wanted.blocks, per_second, bends);
        let columns = wanted.blocks.iter().map(|b| b.columns.end).max().unwrap_or(0).max(wanted.middle.end);
        let mut bottoms = vec![f64::NEG_INFINITY; columns];
        let mut out = Self {
            points: Vec::with_capacity(moments.len()),
            cuts: Vec::new(),
            tops: vec![0.0; wanted.blocks.len()],
            heads: Vec::new(),
            bottom: wanted.top,
        };
        let mut named = wanted.top;
        for group in &groups {
            let first = moments.get(group.moments.start).copied().unwrap_or_default();
            let blocks = || wanted.blocks[group.blocks.clone()].iter().zip(&group.tops);
            let reach = |columns: &Range<usize>| {
                let mine =
                    blocks().filter(|(b, _)| b.columns.start < columns.end && columns.start < b.columns.end);
                mine.map(|(_, top)| *top).fold(0.0, f64::min)
            };
            let mut y = wanted.top;
            if let Some(&(previous, before)) = out.points.last() {
                let gap = group.moments.start - 1;
                let low = bottoms.iter().copied().fold(before, f64::max);
                let mut free = bottoms[wanted.middle.clone()].iter().copied().fold(before, f64::max);
                y = before;
                if low - named > HEADS_EVERY {
                    named = low + 8.0;
                    out.heads.push(named);
                    free = named + wanted.head + 4.0;
                    bottoms.fill(free);
                    y = free + 6.0;
                }
                let (packets, events) = left_out[gap];
                if packets + events > 0 || apart(gap) > LONGEST_SILENCE {
                    let since = wanted.moments.range(..first).next_back().copied().unwrap_or(previous);
                    let silence = stretch(first - since);
                    let (height, label) = match more(packets, events) {
                        None => (SILENCE, format!("⋯ {silence}")),
                        Some(more) => (ROUTINE, format!("⋯ {silence}, {more}")),
                    };
                    let reach = reach(&wanted.middle);
                    y = y.max(free + height - reach);
                    y = blocks().fold(y, |y, (block, top)| y.max(below(&bottoms, block) - top));
                    out.cuts.push(Cut { top: free, bottom: y + reach, label, time: (since, first) });
                } else {
                    y += apart(gap);
                    y = blocks().fold(y, |y, (block, top)| y.max(below(&bottoms, block) - top));
                }
            } else {
                // There is a little room above the first moment.
                y += (-reach(&(0..columns)) - ABOVE_FIRST).max(0.0);
            }
            for (i, (block, top)) in group.blocks.clone().zip(blocks()) {
                out.tops[i] = y + top;
                for bottom in &mut bottoms[block.columns.clone()] {
                    *bottom = bottom.max(y + top + block.height);
                }
            }
            for at in &moments[group.moments.clone()] {
                out.points.push((*at, y + (*at - first).as_secs_f64() * per_second));
            }
        }
        // The last notes may stand below the last moment.
        let last = out.points.last().map_or(wanted.top, |p| p.1);
        out.bottom = bottoms.into_iter().fold(last, f64::max);
        out
    }

    /// Where a moment stands; between two moments of interest in proportion.
    pub fn y(&self, at: Duration) -> f64 {
        let i = self.points.partition_point(|(t, _)| *t < at);
        match (i.checked_sub(1).and_then(|p| self.points.get(p)), self.points.get(i)) {
            (Some((t0, y0)), Some((t1, y1))) => {
                let share = (at - *t0).as_secs_f64() / (*t1 - *t0).as_secs_f64();
                y0 + (y1 - y0) * share
            }
            (None, Some((_, y))) | (Some((_, y)), None) => *y,
            (None, None) => 0.0,
        }
    }

    /// Every moment of interest with its height.
    pub fn points(&self) -> &[(Duration, f64)] {
        &self.points
    }

    /// Whether time is cut between two moments.
    pub fn is_cut_between(&self, from: Duration, until: Duration) -> bool {
        let (top, bottom) = (self.y(from), self.y(until));
        self.cuts.iter().any(|cut| cut.top < bottom - 0.01 && cut.bottom > top + 0.01)
    }
}

/// How low the columns of a block are taken.
fn below(bottoms: &[f64], block: &Block) -> f64 {
    bottoms[block.columns.clone()].iter().copied().fold(f64::NEG_INFINITY, f64::max) + LEADING
}

/// Whether something is in flight in the gap behind each moment.
fn flying(moments: &[Duration], flights: &[(Duration, Duration)]) -> Vec<bool> {
    let mut out = vec![false; moments.len()];
    for (from, until) in flights {
        let first = moments.partition_point(|m| m < from);
        let end = moments.partition_point(|m| m < until);
        out[first..end].fill(true);
    }
    out
}

/// The height of a second in flight.
fn per_second(moments: &[Duration], flying: &[bool], latency: Duration) -> f64 {
    let usual = FALL / latency.as_secs_f64().max(1e-6);
    let gaps = moments.windows(2).zip(flying).filter(|(_, flying)| **flying);
    let heights = gaps.map(|(w, _)| ((w[1] - w[0]).as_secs_f64() * usual).min(LONGEST_FLIGHT));
    let all: f64 = heights.sum();
    usual * (MOST_FLIGHT / all.max(1.0)).min(1.0)
}

/// Moments that stand together, with their notes moved apart where they overlap.
fn groups(
    moments: &[Duration],
    blocks: &[Block],
    per_second: f64,
    bends: impl Fn(usize) -> bool,
) -> Vec<Group> {
    let mut out = Vec::new();
    let (mut first, mut block) = (0, 0);
    for i in 0..moments.len() {
        if i + 1 < moments.len() && !bends(i) {
            continue;
        }
        let start = moments[first];
        let until = block + blocks[block..].partition_point(|b| b.at <= moments[i]);
        let mine = &blocks[block..until];
        let place = |b: &Block| (b.at - start).as_secs_f64() * per_second - b.above;
        let tops = moved_apart(mine, mine.iter().map(place).collect());
        out.push(Group { moments: first..i + 1, blocks: block..until, tops });
        (first, block) = (i + 1, until);
    }
    out
}

/// Moves blocks that overlap apart, each by half; at the end nothing overlaps, and the order is kept.
fn moved_apart(blocks: &[Block], wanted: Vec<f64>) -> Vec<f64> {
    let mut tops = wanted;
    let mut last = vec![None; blocks.iter().map(|b| b.columns.end).max().unwrap_or(0)];
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    for (j, block) in blocks.iter().enumerate() {
        for column in &mut last[block.columns.clone()] {
            pairs.extend(column.replace(j).map(|i| (i, j)));
        }
    }
    for round in 0..=ROUNDS {
        let mut moved = false;
        for &(i, j) in &pairs {
            let over = tops[i] + blocks[i].height + LEADING - tops[j];
            if over > 0.01 {
                moved = true;
                // In the last round only downwards, which comes to an end.
                let up = if round < ROUNDS { over / 2.0 } else { 0.0 };
                tops[i] -= up;
                tops[j] += over - up;
            }
        }
        if !moved {
            break;
        }
    }
    tops
}

/// `118 more packets`; events are counted where there are no packets.
pub(super) fn more(packets: usize, events: usize) -> Option<String> {
    let (count, what) = if packets > 0 { (packets, "packet") } else { (events, "event") };
    (count > 0).then(|| format!("{} more {what}{}", grouped(count), if count == 1 { "" } else { "s" }))
}

/// How many packets and events are left out in the gap behind each moment: a fold goes to the longest silence it
/// spans, or else to the next one.
fn left_out(moments: &[Duration], flying: &[bool], folds: &[Fold]) -> Vec<(usize, usize)> {
    let mut out = vec![(0, 0); moments.len()];
    let last = moments.len().saturating_sub(1);
    for fold in folds {
        let first = moments.partition_point(|m| *m < fold.from);
        let end = moments.partition_point(|m| *m < fold.until).max(first + 1);
        let silent = |gap: &usize| !flying[*gap];
        let length = |g: &usize| moments[g + 1] - moments[*g];
        // The later of two equally long gaps: closer to the row behind the fold.
        let spanned = (first..end.min(last)).filter(silent).max_by_key(length);
        let other = || (first..last).find(silent).or_else(|| (0..first.min(last)).rev().find(silent));
        let any = || (first..end.min(last)).max_by_key(length);
        if let Some(gap) = spanned.or_else(other).or_else(any) {
            out[gap].0 += fold.packets;
            out[gap].1 += fold.events;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn wanted<'a>(moments: &[u64], flights: &'a [(Duration, Duration)], folds: &'a [Fold]) -> Wanted<'a> {
        Wanted {
            moments: moments.iter().copied().map(ms).collect(),
            flights,
            folds,
            latency: ms(20),
            middle: 2..3,
            ..Wanted::default()
        }
    }

    #[test]
    fn a_flight_falls_by_its_latency_and_a_silence_is_cut() {
        let flights = [(ms(0), ms(20)), (ms(20), ms(40)), (ms(60_000), ms(60_020))];
        let scale = Scale::new(&wanted(&[0, 20, 40, 60_000, 60_020], &flights, &[]));
        let y: Vec<f64> = scale.points().iter().map(|p| p.1).collect();
        assert_eq!(y, [0.0, FALL, 2.0 * FALL, 2.0 * FALL + SILENCE, 3.0 * FALL + SILENCE]);
        assert_eq!(scale.cuts.len(), 1);
        assert_eq!(scale.cuts[0].label, "⋯ 59.96 s");
        assert_eq!(scale.y(ms(10)), FALL / 2.0);
    }

    #[test]
    fn what_is_left_out_is_told_in_the_longest_silence() {
        let folds = [Fold { from: ms(0), until: ms(100), packets: 7, events: 3 }];
        let scale = Scale::new(&wanted(&[0, 20, 100], &[], &folds));
        assert_eq!(scale.cuts.len(), 1);
        assert_eq!((scale.cuts[0].top, &scale.cuts[0].label[..]), (FALL, "⋯ 80 ms, 7 more packets"));
        // Never while a packet is in flight, even if that is where most was left out.
        let flights = [(ms(20), ms(100))];
        let scale = Scale::new(&wanted(&[0, 20, 100], &flights, &folds));
        assert_eq!((scale.cuts.len(), scale.cuts[0].top), (1, 0.0));
    }

    prop_compose! {
        fn blocks()(times in proptest::collection::vec((0u64..5000, 0usize..3, 10.0f64..60.0), 1..60)) -> Vec<Block> {
            let mut blocks: Vec<Block> = times.iter()
                .map(|(at, column, height)| Block {
                    at: ms(*at), columns: if *column == 2 { 1..3 } else { *column..column + 1 },
                    height: *height, above: 6.0,
                })
                .collect();
            blocks.sort_by_key(|b| b.at);
            blocks
        }
    }

    proptest! {
        #[test]
        fn time_never_runs_up_notes_never_overlap_and_flights_never_stretch(
            blocks in blocks(), latency in 1u64..200, flights in proptest::collection::vec((0u64..5000, 0u64..300), 0..20)
        ) {
            let flights: Vec<_> = flights.into_iter().map(|(at, lasts)| (ms(at), ms(at + lasts))).collect();
            let ends = flights.iter().flat_map(|(from, until)| [*from, *until]);
            let scale = Scale::new(&Wanted {
                moments: ends.collect(), flights: &flights, blocks: &blocks, latency: ms(latency), middle: 2..3,
                ..Wanted::default()
            });
            prop_assert!(scale.points().windows(2).all(|p| p[0].1 <= p[1].1));
            for column in 0..3 {
                let mine: Vec<(f64, f64)> = blocks.iter().zip(&scale.tops)
                    .filter(|(b, _)| b.columns.contains(&column)).map(|(b, top)| (*top, *top + b.height)).collect();
                prop_assert!(mine.windows(2).all(|w| w[0].1 < w[1].0), "{mine:?}");
            }
            let slopes: Vec<f64> = flights.iter()
                .filter(|(from, until)| from < until && !scale.is_cut_between(*from, *until))
                .map(|(from, until)| (scale.y(*until) - scale.y(*from)) / (*until - *from).as_secs_f64())
                .collect();
            prop_assert!(slopes.iter().all(|s| (s - slopes[0]).abs() < 1e-6 * slopes[0]), "{slopes:?}");
        }
    }
}
