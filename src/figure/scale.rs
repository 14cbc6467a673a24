//! Where a moment stands on the page.
//!
//! Time runs down. Busy stretches are drawn to scale, so that the slope of an arrow is its latency; long silences are
//! cut to a fixed height and say how long they were. Where notes would pile up, time is stretched until they fit.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use super::select::Fold;
use super::words::stretch;
use crate::trace::text::grouped;

/// How far the arrow of a packet with the usual latency falls.
const FALL: f64 = 26.0;
/// A silence that would take more than this is cut.
const LONGEST_SILENCE: f64 = 56.0;
/// The same while a packet is in flight: its slope is worth some room.
const LONGEST_FLIGHT: f64 = 150.0;
/// What the cut of a silence takes.
const SILENCE: f64 = 34.0;
/// What the cut of a routine takes, which has more to say.
const ROUTINE: f64 = 42.0;
/// How far a note may stand below its moment before time is stretched for it.
const LARGEST_PUSH: f64 = 22.0;
/// Between two notes.
const LEADING: f64 = 4.0;

/// A note that wants room beside its moment.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub at: Duration,
    /// The columns it stands in; blocks of one column must not overlap.
    pub columns: Range<usize>,
    pub height: f64,
    /// How much of the height stands above the moment.
    pub above: f64,
    /// Whether it must stand exactly at its moment.
    pub fixed: bool,
}

/// A silence, or a routine, that is not drawn to scale.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cut {
    pub top: f64,
    pub bottom: f64,
    pub label: String,
}

/// The map from moments to heights.
#[derive(Debug)]
pub(super) struct Scale {
    points: Vec<(Duration, f64)>,
    pub cuts: Vec<Cut>,
    /// Where the top of each block ended up.
    pub tops: Vec<f64>,
    /// Where all of it ends.
    pub bottom: f64,
}

impl Scale {
    /// `moments` are all moments at which something happened, `drawn` those at which something only ends on the page
    /// (the cross of a lost packet); `blocks` in order of time.
    pub fn new(
        moments: Vec<Duration>,
        drawn: Vec<Duration>,
        flights: &[(Duration, Duration)],
        folds: &[Fold],
        blocks: &[Block],
        latency: Duration,
        top: f64,
    ) -> Self {
        let happened: BTreeSet<Duration> = moments.into_iter().chain(blocks.iter().map(|b| b.at)).collect();
        let moments: BTreeSet<Duration> = happened.iter().copied().chain(drawn).collect();
        let moments: Vec<Duration> = moments.into_iter().collect();
        let per_second = FALL / latency.as_secs_f64().max(1e-6);
        let left_out = left_out(&moments, folds);
        let columns = blocks.iter().map(|b| b.columns.end).max().unwrap_or(0);
        let mut bottoms = vec![f64::NEG_INFINITY; columns];
        let mut out =
            Self { points: Vec::new(), cuts: Vec::new(), tops: vec![0.0; blocks.len()], bottom: top };
        let mut next_block = 0;
        let mut y = top;
        // Where the last block that stands at its moment ends.
        let mut across = f64::NEG_INFINITY;
        for (i, &at) in moments.iter().enumerate() {
            let mine: Vec<usize> = (next_block..blocks.len()).take_while(|b| blocks[*b].at == at).collect();
            next_block += mine.len();
            if let Some(previous) = i.checked_sub(1).map(|p| moments[p]) {
                let gap = at - previous;
                let in_flight = flights.iter().any(|(from, until)| *from <= previous && *until >= at);
                let to_scale = gap.as_secs_f64() * per_second;
                let longest = if in_flight { LONGEST_FLIGHT } else { LONGEST_SILENCE };
                let (packets, events) = left_out[i - 1];
                if packets + events > 0 || to_scale > longest {
                    let silent_since = happened.range(..at).next_back().copied().unwrap_or(previous);
                    let silence = stretch(at - silent_since);
                    let (height, label) = match more(packets, events) {
                        None => (SILENCE, format!("⋯ {silence}")),
                        Some(more) => (ROUTINE, format!("⋯ {silence}, {more}")),
                    };
                    // The cut's label stands between the notes that go across the page.
                    let fixed = |b: &usize| blocks[*b].fixed.then_some(blocks[*b].above);
                    let top = y.max(across);
                    let bottom = top + height;
                    y = bottom + mine.iter().find_map(fixed).unwrap_or(0.0);
                    out.cuts.push(Cut { top, bottom, label });
                } else {
                    y += to_scale;
                }
            }
            // A block that finds its column taken moves down a little; time is stretched for the rest. Only the first
            // block of a column stretches time: those of the same moment stand below it.
            let lowest = |bottoms: &[f64], block: &Block| {
                bottoms[block.columns.clone()].iter().copied().fold(f64::NEG_INFINITY, f64::max) + LEADING
            };
            let mut free = bottoms.clone();
            for block in mine.iter().map(|b| &blocks[*b]) {
                let allowed = if block.fixed { 0.0 } else { LARGEST_PUSH };
                y = y.max(lowest(&free, block) + block.above - allowed);
                free[block.columns.clone()].fill(f64::NEG_INFINITY);
            }
            for b in mine {
                let block = &blocks[b];
                let top = (y - block.above).max(lowest(&bottoms, block));
                out.tops[b] = top;
                bottoms[block.columns.clone()].fill(top + block.height);
                if block.fixed {
                    across = top + block.height;
                }
            }
            out.points.push((at, y));
        }
        // The last notes may stand below the last moment.
        out.bottom = bottoms.into_iter().fold(y, f64::max);
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
}

/// `118 more packets`; events are counted where there are no packets.
fn more(packets: usize, events: usize) -> Option<String> {
    let (count, what) = if packets > 0 { (packets, "packet") } else { (events, "event") };
    (count > 0).then(|| format!("{} more {what}{}", grouped(count), if count == 1 { "" } else { "s" }))
}

/// How many packets and events are left out in the gap behind each moment: a fold goes to the longest gap it spans.
fn left_out(moments: &[Duration], folds: &[Fold]) -> Vec<(usize, usize)> {
    let mut out = vec![(0, 0); moments.len()];
    for fold in folds {
        let first = moments.partition_point(|m| *m < fold.from);
        let end = moments.partition_point(|m| *m < fold.until).max(first + 1);
        let gaps = first..end.min(moments.len().saturating_sub(1));
        // The later of two equally long gaps: closer to the row behind the fold.
        if let Some(gap) = gaps.max_by_key(|g| moments[g + 1] - moments[*g]) {
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

    #[test]
    fn a_flight_falls_by_its_latency_and_a_silence_is_cut() {
        let scale = Scale::new(
            vec![ms(0), ms(20), ms(40), ms(60_000), ms(60_020)],
            vec![],
            &[(ms(0), ms(20)), (ms(20), ms(40)), (ms(60_000), ms(60_020))],
            &[],
            &[],
            ms(20),
            0.0,
        );
        let y: Vec<f64> = scale.points().iter().map(|p| p.1).collect();
        assert_eq!(y, [0.0, FALL, 2.0 * FALL, 2.0 * FALL + SILENCE, 3.0 * FALL + SILENCE]);
        assert_eq!(scale.cuts.len(), 1);
        assert_eq!(scale.cuts[0].label, "⋯ 59.96 s");
        assert_eq!(scale.y(ms(10)), FALL / 2.0);
    }

    #[test]
    fn what_is_left_out_is_told_in_the_longest_gap() {
        let folds = [Fold { from: ms(0), until: ms(100), packets: 7, events: 3 }];
        let scale = Scale::new(vec![ms(0), ms(20), ms(100)], vec![], &[], &folds, &[], ms(20), 0.0);
        assert_eq!(scale.cuts.len(), 1);
        assert_eq!((scale.cuts[0].top, &scale.cuts[0].label[..]), (FALL, "⋯ 80 ms, 7 more packets"));
    }

    proptest! {
        #[test]
        fn time_never_runs_up_and_notes_never_overlap(
            times in proptest::collection::vec((0u64..5000, 0usize..3, 10.0f64..60.0), 1..60), latency in 1u64..200
        ) {
            let mut blocks: Vec<Block> = times.iter()
                .map(|(at, column, height)| Block {
                    at: ms(*at), columns: if *column == 2 { 1..3 } else { *column..column + 1 },
                    height: *height, above: 6.0, fixed: *column == 2,
                })
                .collect();
            blocks.sort_by_key(|b| b.at);
            let scale = Scale::new(vec![], vec![], &[], &[], &blocks, ms(latency), 0.0);
            prop_assert!(scale.points().windows(2).all(|p| p[0].1 <= p[1].1));
            for column in 0..3 {
                let mine: Vec<(f64, f64)> = blocks.iter().zip(&scale.tops)
                    .filter(|(b, _)| b.columns.contains(&column)).map(|(b, top)| (*top, *top + b.height)).collect();
                prop_assert!(mine.windows(2).all(|w| w[0].1 < w[1].0));
            }
        }
    }
}
