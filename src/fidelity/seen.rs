//! One thing seen of a run: when what was seen here agrees with what was seen on Linux, and how it is told.

use std::fmt;

use crate::trace::quantile;

/// How far two times may be apart, for the grain of schedulers and samples, in seconds.
const SLACK_S: f64 = 0.05;
/// How far two times (or sizes) may be apart in proportion: Linux's timer wheel fires up to an eighth late, as it was
/// measured up to 9 %, depending on where the wheel happens to stand.
const SLACK_RATIO: f64 = 0.09;
/// How far a count of bytes may be off in the second table: what fits into a buffer depends on how the packets fell.
const BYTES_RATIO: f64 = 0.12;
/// How far the median and the ninth decile of two distributions may be apart in proportion.
const SPREAD_RATIO: f64 = 0.15;
/// How many items of a list a table shows.
const SHOWN: usize = 12;

/// One thing seen. Times are in seconds; what never came to pass, where there has to be a number, is infinite.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Seen {
    /// An outcome: an error, a state, a count.
    Said(String),
    /// An amount of data (` B`), or of packets (no unit), and how far off it may be in proportion.
    Amount { n: u64, unit: &'static str, within: f64 },
    /// Something that happened at a time, or did not.
    Event(Option<(f64, String)>),
    /// Things that happened one after the other, observed until the end of the run.
    List { items: Vec<(f64, String)>, until: f64 },
    /// One time, measured in several runs, and what came to pass then.
    Runs { what: String, times: Vec<f64> },
    /// The distribution of many times: the median, and the ninth decile where that counts.
    Spread { median: f64, p90: Option<f64> },
}

/// Whether a time or a size here agrees with one of Linux's.
fn close(linux: f64, ours: f64, slack: f64, ratio: f64) -> bool {
    // Equal, if neither ever came to pass.
    linux == ours || (linux - ours).abs() <= slack + ratio * linux.abs()
}

/// Whether a time here agrees with one of Linux's.
fn close_time(linux: f64, ours: f64) -> bool {
    close(linux, ours, SLACK_S, SLACK_RATIO)
}

fn median(times: &[f64]) -> f64 {
    quantile(times, 0.5).unwrap_or(f64::INFINITY)
}

fn range(times: &[f64]) -> (f64, f64) {
    let fold = |from, f: fn(f64, f64) -> f64| times.iter().copied().fold(from, f);
    (fold(f64::INFINITY, f64::min), fold(f64::NEG_INFINITY, f64::max))
}

impl Seen {
    /// An amount of data of the first table.
    pub fn bytes(bytes: u64) -> Self {
        Seen::Amount { n: bytes, unit: " B", within: SLACK_RATIO }
    }

    /// An amount of data of the second table.
    pub fn volume(bytes: u64) -> Self {
        Seen::Amount { n: bytes, unit: " B", within: BYTES_RATIO }
    }

    /// How many packets something took, in the second table.
    pub fn packets(n: u64) -> Self {
        Seen::Amount { n, unit: "", within: BYTES_RATIO }
    }

    /// The distribution of these times.
    pub fn spread(times: &[f64]) -> Self {
        Seen::Spread { median: median(times), p90: Some(quantile(times, 0.9).unwrap_or(f64::INFINITY)) }
    }

    /// Whether `ours` agrees with this, seen on Linux.
    pub fn agrees(&self, ours: &Self) -> bool {
        match (self, ours) {
            (Seen::Said(a), Seen::Said(b)) => a == b,
            (Seen::Amount { n: a, within, .. }, Seen::Amount { n: b, .. }) => {
                close(*a as f64, *b as f64, 0.0, *within)
            }
            (Seen::Event(None), Seen::Event(None)) => true,
            (Seen::Event(Some((at, a))), Seen::Event(Some((bt, b)))) => a == b && close_time(*at, *bt),
            (Seen::List { items: a, until }, Seen::List { items: b, .. }) => {
                let paired = a.iter().zip(b).all(|((at, a), (bt, b))| a == b && close_time(*at, *bt));
                // What comes so close to the end of the observation may as well fall beyond it.
                let rest = &a[b.len().min(a.len())..];
                let surplus = &b[a.len().min(b.len())..];
                let late = |(t, _): &(f64, String)| t * (1.0 + SLACK_RATIO) + SLACK_S >= *until;
                paired && rest.iter().all(late) && surplus.iter().all(late)
            }
            (Seen::Runs { what: a, times: linux }, Seen::Runs { what: b, times }) => {
                let (ours, (min, max)) = (median(times), range(linux));
                a == b && ((min..=max).contains(&ours) || close_time(median(linux), ours))
            }
            (Seen::Spread { median: a, p90: b }, Seen::Spread { median: c, p90: d }) => {
                let near = |linux: f64, ours: f64| close(linux, ours, 0.0, SPREAD_RATIO);
                near(*a, *c) && b.zip(*d).is_none_or(|(b, d)| near(b, d))
            }
            _ => false,
        }
    }

    /// Where `ours` differs from this, and by how much.
    pub fn difference(&self, ours: &Self) -> String {
        let there_and_here = |a: String, b: String, change: Option<String>| {
            let change = change.map_or(String::new(), |c| format!(" ({c})"));
            format!("{a} there, {b} here{change}")
        };
        let items = |seen: &(f64, String)| Seen::Event(Some(seen.clone())).to_string();
        match (self, ours) {
            (Seen::List { items: a, .. }, Seen::List { items: b, .. }) => {
                let first = a.iter().zip(b).position(|((at, a), (bt, b))| a != b || !close_time(*at, *bt));
                let n = first.unwrap_or(a.len().min(b.len()));
                let told = |list: &[(f64, String)]| list.get(n).map_or("none".to_owned(), items);
                let change = match (a.get(n), b.get(n)) {
                    (Some((a, _)), Some((b, _))) => change(*a, *b),
                    _ => Some(format!("{} and {} in all", a.len(), b.len())),
                };
                format!("no. {}: {}", n + 1, there_and_here(told(a), told(b), change))
            }
            (Seen::Spread { median: a, p90: b }, Seen::Spread { median: c, p90: d }) => {
                let told = |what, by: Option<String>| by.map(|by| format!("{what} {by}"));
                let tail = b.zip(*d).and_then(|(b, d)| told("ninth decile", change(b, d)));
                let changes: Vec<String> = told("median", change(*a, *c)).into_iter().chain(tail).collect();
                let change = (!changes.is_empty()).then(|| changes.join(", "));
                there_and_here(self.to_string(), ours.to_string(), change)
            }
            (a, b) => {
                let change = a.magnitude().zip(b.magnitude()).and_then(|(a, b)| change(a, b));
                there_and_here(a.to_string(), b.to_string(), change)
            }
        }
    }

    /// The number it comes down to, if it does.
    fn magnitude(&self) -> Option<f64> {
        match self {
            Seen::Said(what) => what.parse().ok(),
            Seen::Amount { n, .. } => Some(*n as f64),
            Seen::Event(event) => event.as_ref().map(|(t, _)| *t),
            Seen::List { .. } | Seen::Spread { .. } => None,
            Seen::Runs { times, .. } => Some(median(times)),
        }
    }
}

/// By how much a number differs: in per cent, or as a factor where it is more than twice as large.
fn change(linux: f64, ours: f64) -> Option<String> {
    let ratio = ours / linux;
    match ratio {
        r if !r.is_finite() || r <= 0.0 || (r - 1.0).abs() < 0.005 => None,
        r if r >= 2.0 => Some(format!("{r:.1} times")),
        r => Some(format!("{:+.0} %", (r - 1.0) * 100.0)),
    }
}

/// A time as the tables show it: three digits, no more than milliseconds.
fn seconds(t: f64) -> String {
    let t = if t.abs() < 0.0005 { 0.0 } else { t };
    let digits = match t.abs() {
        t if t >= 100.0 => 0,
        t if t >= 10.0 => 1,
        t if t >= 1.0 => 2,
        _ => 3,
    };
    let mut out = format!("{t:.digits$}");
    if out.contains('.') {
        out.truncate(out.trim_end_matches('0').trim_end_matches('.').len());
    }
    out
}

/// The same with its unit.
fn in_seconds(t: f64) -> String {
    if t.is_finite() { format!("{} s", seconds(t)) } else { "never".to_owned() }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Seen::Said(what) => f.write_str(what),
            Seen::Amount { n, unit, .. } => write!(f, "{n}{unit}"),
            Seen::Event(None) => f.write_str("never"),
            Seen::Event(Some((at, what))) if what.is_empty() => f.write_str(&in_seconds(*at)),
            Seen::Event(Some((at, what))) => write!(f, "{what} at {}", in_seconds(*at)),
            Seen::List { items, .. } if items.is_empty() => f.write_str("none"),
            Seen::List { items, .. } => {
                for (i, (at, what)) in items.iter().take(SHOWN).enumerate() {
                    let separator = if i == 0 { "" } else { ", " };
                    let blank = if what.is_empty() { "" } else { " " };
                    let at = if at.is_finite() { seconds(*at) } else { "never".to_owned() };
                    write!(f, "{separator}{at}{blank}{what}")?;
                }
                if items.len() > SHOWN {
                    write!(f, ", ... ({} in all)", items.len())?;
                }
                Ok(())
            }
            Seen::Runs { what, times } => {
                let at = if what.is_empty() { "" } else { " at " };
                let (min, max) = range(times);
                write!(f, "{what}{at}{}", in_seconds(median(times)))?;
                if seconds(min) != seconds(max) && max.is_finite() {
                    write!(f, " ({} to {})", seconds(min), seconds(max))?;
                }
                Ok(())
            }
            Seen::Spread { median, p90 } => {
                write!(f, "median {}", in_seconds(*median))?;
                p90.map_or(Ok(()), |p90| write!(f, ", nine in ten by {}", in_seconds(p90)))
            }
        }
    }
}
