//! Which rows a figure shows when there are more than a page can hold.

use std::time::Duration;

use super::rows::{Row, What};
use crate::trace::HostId;
use crate::trace::fold::{self, Item};

/// With more rows than this, routines are left out.
const MOST_ROWS: usize = 60;
/// What is told of a routine, and what counts as rare, from generous to strict; the first that gives few enough rows.
const STRICTNESS: [(usize, usize); 4] = [(fold::FIRST, fold::RARE), (3, 8), (2, 4), (1, 2)];
/// Rows shown before a fault or a turning point, and at the end of the run.
const CONTEXT: usize = 2;

/// Rows left out between two that are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fold {
    pub from: Duration,
    pub until: Duration,
    pub packets: usize,
    pub events: usize,
}

/// Leaves out routines when there are too many rows; says how much was left out where.
pub(super) fn folded(rows: Vec<Row>, from: Duration, until: Duration) -> (Vec<Row>, Vec<Fold>) {
    if rows.len() <= MOST_ROWS {
        return (rows, Vec::new());
    }
    let items: Vec<Item<_>> = rows.iter().map(item).collect();
    let mut shown = vec![false; rows.len()];
    for (first, rare) in STRICTNESS {
        shown = with_context(fold::told(&items, first, rare), &items);
        if count(&shown) <= MOST_ROWS {
            break;
        }
    }
    if count(&shown) > MOST_ROWS {
        shown = most_important(&shown, &items);
    }
    let mut folds = Vec::new();
    for run in fold::runs(&shown) {
        let (mut packets, mut events) = (0, 0);
        for row in &rows[run.clone()] {
            match &row.what {
                What::Arrow(arrow) => packets += arrow.packets,
                What::Note(note) => events += note.events(),
            }
        }
        folds.push(Fold {
            from: run.start.checked_sub(1).map_or(from, |i| rows[i].at),
            until: rows.get(run.end).map_or(until, |r| r.at),
            packets,
            events,
        });
    }
    let rows = rows.into_iter().zip(shown).filter(|(_, shown)| *shown).map(|(row, _)| row).collect();
    (rows, folds)
}

fn count(shown: &[bool]) -> usize {
    shown.iter().filter(|s| **s).count()
}

fn item(row: &Row) -> Item<(u8, Option<HostId>, Option<HostId>, String)> {
    match &row.what {
        What::Note(n) => Item {
            key: (
                n.layer() as u8,
                n.host,
                None,
                n.parts.iter().map(|p| p.name).collect::<Vec<_>>().join("; "),
            ),
            remarkable: n.is_fault(),
            kept: n.parts.iter().any(|p| fold::is_turning_point(p.name)),
        },
        What::Arrow(a) => {
            // Arrows are alike if they look alike, whatever bytes they carry.
            let look = format!("{:?} {:?} {}", a.mark, a.weight, a.arrives());
            Item { key: (u8::MAX, Some(a.from), a.to, look), remarkable: false, kept: false }
        }
    }
}

/// Adds the rows just before faults and turning points, and the last ones.
fn with_context<K>(mut shown: Vec<bool>, items: &[Item<K>]) -> Vec<bool> {
    for (i, item) in items.iter().enumerate() {
        if item.remarkable || item.kept {
            shown[i.saturating_sub(CONTEXT)..i].fill(true);
        }
    }
    let len = shown.len();
    shown[len.saturating_sub(2 * CONTEXT)..].fill(true);
    for run in fold::runs(&shown) {
        if run.len() < fold::SHORTEST {
            shown[run].fill(true);
        }
    }
    shown
}

/// When even the strictest rule shows too much: faults, the first and the last rows, turning points, then the others
/// in order, as many as there is room for.
fn most_important<K>(shown: &[bool], items: &[Item<K>]) -> Vec<bool> {
    let last = items.len().saturating_sub(2 * CONTEXT);
    let mut order: Vec<usize> = (0..items.len()).filter(|i| shown[*i]).collect();
    order.sort_by_key(|i| match &items[*i] {
        item if item.remarkable => (0, *i),
        _ if *i < 2 * CONTEXT || *i >= last => (1, *i),
        item if item.kept => (2, *i),
        _ => (3, *i),
    });
    let mut out = vec![false; items.len()];
    for i in order.into_iter().take(MOST_ROWS) {
        out[i] = true;
    }
    out
}
