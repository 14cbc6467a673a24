//! When the machines of a group want to be looked at, and why.
//!
//! A kernel's timer moves with nearly every packet, and mostly to a later time. An entry that has become too early stays
//! where it is until it is the first; only then is it put where it belongs.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// Why a machine wants to be looked at. At one and the same time faults come first; packets stand between them and
/// the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Why {
    /// A fault begins or ends.
    Fault,
    /// A step of a deploy.
    Step,
    /// A timer of its kernel.
    Timer,
}

impl Why {
    /// How many reasons there are.
    const COUNT: usize = 3;
}

#[derive(Debug, Default)]
pub(super) struct Calendar {
    /// Every date has an entry that is not later; the others mean nothing.
    entries: BinaryHeap<Reverse<(Duration, Why, usize)>>,
    /// By machine and reason.
    dates: Vec<[Date; Why::COUNT]>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Date {
    /// When to look.
    wanted: Option<Duration>,
    /// Its earliest entry.
    entered: Option<Duration>,
}

impl Calendar {
    /// From now on a machine wants to be looked at then for that reason; `None`: it does not.
    pub fn set(&mut self, machine: usize, why: Why, at: Option<Duration>) {
        if self.dates.len() <= machine {
            self.dates.resize(machine + 1, Default::default());
        }
        let date = &mut self.dates[machine][why as usize];
        date.wanted = at;
        if let Some(at) = at
            && date.entered.is_none_or(|entered| at < entered)
        {
            date.entered = Some(at);
            self.entries.push(Reverse((at, why, machine)));
        }
    }

    /// The next date: when, why, and which machine.
    pub fn first(&mut self) -> Option<(Duration, Why, usize)> {
        loop {
            let Reverse(first @ (at, why, machine)) = *self.entries.peek()?;
            let date = &mut self.dates[machine][why as usize];
            let is_its_entry = date.entered == Some(at);
            if is_its_entry && date.wanted == Some(at) {
                return Some(first);
            }
            self.entries.pop();
            if is_its_entry {
                // It was moved to a later time, or is not wanted any more.
                date.entered = date.wanted;
                self.entries.extend(date.wanted.map(|at| Reverse((at, why, machine))));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn the_first_date_is_the_earliest_that_is_wanted(
            changes in proptest::collection::vec((0usize..4, 0usize..3, proptest::option::of(0u64..9), any::<bool>()), 0..80)
        ) {
            let mut calendar = Calendar::default();
            let mut wanted = BTreeMap::new();
            for (machine, why, at, look) in changes {
                let why = [Why::Fault, Why::Step, Why::Timer][why];
                let at = at.map(Duration::from_millis);
                calendar.set(machine, why, at);
                wanted.insert((machine, why), at);
                if look {
                    let dates = wanted.iter().filter_map(|((machine, why), at)| Some(((*at)?, *why, *machine)));
                    prop_assert_eq!(calendar.first(), dates.min());
                }
            }
        }
    }

    #[test]
    fn a_timer_that_always_moves_to_a_later_time_takes_one_entry() {
        let mut calendar = Calendar::default();
        for n in 0..10_000 {
            calendar.set(0, Why::Timer, Some(Duration::from_millis(n)));
        }
        assert_eq!(calendar.first(), Some((Duration::from_millis(9_999), Why::Timer, 0)));
        assert_eq!(calendar.entries.len(), 1);
    }
}
