//! Folding: which lines of a long run are told, and which stand behind "… more like these".
//!
//! The rule, for a sequence of items that each have a key (what kind of line it is):
//!
//! 1. An item is *remarkable* if it is marked so (faults are), or if there are at most [`RARE`] items with its key in
//!    the whole sequence. Remarkable items are always told.
//! 2. An item that is marked as *kept* (openings, closings, verdicts: see [`is_turning_point`]) is always told.
//! 3. Of the other items with one key the first [`FIRST`] are told, counted anew after each remarkable item.
//! 4. What remains is folded, but a run of fewer than [`SHORTEST`] items is told all the same.

use std::collections::BTreeMap;

/// A key with so few items is never folded. Linux retransmits 15 times before it gives up (`tcp_retries2`,
/// tcp(7)): the sixteen transmissions are a story, not a routine.
pub(crate) const RARE: usize = 16;
/// How many items of a routine are told before the rest is folded: two make a pattern, three confirm it.
pub(crate) const FIRST: usize = 3;
/// Fewer items than this are not worth the line that would stand for them.
pub(crate) const SHORTEST: usize = 3;

/// Words (or their beginnings) of event names that tell of an opening, a closing, a verdict or a failure.
const TURNING_POINTS: [&str; 19] = [
    "abort",
    "accept",
    "clos",
    "connect",
    "dead",
    "declar",
    "disconnect",
    "drop",
    "error",
    "fail",
    "gave",
    "gone",
    "lost",
    "open",
    "reconnect",
    "refus",
    "reset",
    "timed",
    "verdict",
];

/// Whether an event of this name opens or closes something, is a verdict, or a failure.
pub(crate) fn is_turning_point(name: &str) -> bool {
    name.split(|c: char| !c.is_ascii_alphabetic())
        .any(|word| TURNING_POINTS.iter().any(|start| word.to_ascii_lowercase().starts_with(start)))
}

/// A line, as the rule sees it.
#[derive(Debug, Clone)]
pub(crate) struct Item<K> {
    /// What kind of line it is.
    pub key: K,
    /// Always told, and the routine behind it is told anew.
    pub remarkable: bool,
    /// Always told.
    pub kept: bool,
}

/// Says of every item whether it is told. `first` stands for [`FIRST`] and `rare` for [`RARE`].
pub(crate) fn told<K: Ord>(items: &[Item<K>], first: usize, rare: usize) -> Vec<bool> {
    let mut totals: BTreeMap<&K, usize> = BTreeMap::new();
    for item in items {
        *totals.entry(&item.key).or_default() += 1;
    }
    let mut since: BTreeMap<&K, usize> = BTreeMap::new();
    let mut told: Vec<bool> = items
        .iter()
        .map(|item| {
            if item.remarkable || totals[&item.key] <= rare {
                since.clear();
                return true;
            }
            let seen = since.entry(&item.key).or_default();
            *seen += 1;
            item.kept || *seen <= first
        })
        .collect();
    for run in runs(&told) {
        if run.len() < SHORTEST {
            told[run].fill(true);
        }
    }
    told
}

/// The stretches of items that are not told.
pub(crate) fn runs(told: &[bool]) -> Vec<std::ops::Range<usize>> {
    let mut out = Vec::new();
    let mut start = None;
    for (i, told) in told.iter().chain([&true]).enumerate() {
        match (told, start) {
            (false, None) => start = Some(i),
            (true, Some(from)) => {
                out.push(from..i);
                start = None;
            }
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routine(n: usize) -> Vec<Item<&'static str>> {
        vec![Item { key: "ping", remarkable: false, kept: false }; n]
    }

    #[test]
    fn a_routine_is_told_three_times() {
        let told = told(&routine(100), FIRST, RARE);
        assert_eq!(told.iter().filter(|t| **t).count(), 3);
        assert_eq!(runs(&told), vec![3..100; 1]);
    }

    #[test]
    fn a_fault_is_told_and_so_is_the_routine_behind_it() {
        let mut items = routine(100);
        items[50].remarkable = true;
        assert_eq!(runs(&told(&items, FIRST, RARE)), [3..50, 54..100]);
    }

    #[test]
    fn what_happens_rarely_is_never_folded() {
        let mut items = routine(500);
        for n in 0..RARE {
            items[20 + n * 20].key = "retransmission";
        }
        let told = told(&items, FIRST, RARE);
        assert!(items.iter().zip(&told).all(|(item, told)| item.key != "retransmission" || *told));
    }

    #[test]
    fn two_lines_are_told_rather_than_folded() {
        let mut items = routine(40);
        for at in [6, 9] {
            items[at].remarkable = true;
        }
        // 3 told, 2 folded at most between, and so on: indices 3..6 are three, 10..13 told again.
        assert_eq!(runs(&told(&items, FIRST, RARE)), [3..6, 13..40]);
        items[5].remarkable = true;
        assert_eq!(runs(&told(&items, FIRST, RARE)), vec![13..40; 1]);
    }

    #[test]
    fn openings_closings_and_verdicts_are_known_by_their_words() {
        for name in [
            "connected",
            "peer declared dead",
            "Connection closed",
            "gave up",
            "connect failed",
            "update lost",
        ] {
            assert!(is_turning_point(name), "{name}");
        }
        for name in ["ping sent", "update received", "request", "heartbeat"] {
            assert!(!is_turning_point(name), "{name}");
        }
    }
}
