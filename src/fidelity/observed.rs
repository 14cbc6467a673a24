//! What is seen of a run, on Linux or here, and when two such views agree.

use std::fmt;

/// How far two times may be apart, for the grain of schedulers and samples, in seconds.
const SLACK_S: f64 = 0.05;
/// How far two times (or sizes) may be apart in proportion: Linux's timer wheel fires up to an eighth late, as it was
/// measured up to 9 %, depending on where the wheel happens to stand.
const SLACK_RATIO: f64 = 0.09;
/// How many items of a list a table shows.
const SHOWN: usize = 12;

/// One thing seen.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Seen {
    /// An outcome: an error, a state, a count.
    Said(String),
    /// An amount of data.
    Bytes(u64),
    /// Something that happened at a time, or did not.
    Event(Option<(f64, String)>),
    /// Things that happened one after the other, observed until the end of the run.
    List { items: Vec<(f64, String)>, until: f64 },
}

/// What was seen of a run: each with a name for it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Observed(pub Vec<(&'static str, Seen)>);

impl Observed {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn said(mut self, name: &'static str, what: impl Into<String>) -> Self {
        self.0.push((name, Seen::Said(what.into())));
        self
    }

    pub fn count(self, name: &'static str, n: usize) -> Self {
        self.said(name, n.to_string())
    }

    pub fn bytes(mut self, name: &'static str, n: u64) -> Self {
        self.0.push((name, Seen::Bytes(n)));
        self
    }

    pub fn event(mut self, name: &'static str, event: Option<(f64, String)>) -> Self {
        self.0.push((name, Seen::Event(event)));
        self
    }

    /// Something without particulars that happened at a time.
    pub fn at(self, name: &'static str, at: Option<f64>) -> Self {
        self.event(name, at.map(|t| (t, String::new())))
    }

    pub fn list(mut self, name: &'static str, items: Vec<(f64, String)>, until: f64) -> Self {
        self.0.push((name, Seen::List { items, until }));
        self
    }

    pub fn times(self, name: &'static str, times: Vec<f64>, until: f64) -> Self {
        let items = times.into_iter().map(|t| (t, String::new())).collect();
        self.list(name, items, until)
    }

    /// The names of what `self`, seen on Linux, and `ours` do not agree on.
    pub fn disagreements(&self, ours: &Self) -> Vec<&'static str> {
        let mut out: Vec<&'static str> = self
            .0
            .iter()
            .filter(|(name, seen)| {
                let here = ours.0.iter().find(|(n, _)| n == name).map(|(_, s)| s);
                !here.is_some_and(|here| seen.agrees(here))
            })
            .map(|(name, _)| *name)
            .collect();
        let unmatched = |name: &&'static str| !self.0.iter().any(|(n, _)| n == name);
        out.extend(ours.0.iter().map(|(name, _)| *name).filter(unmatched));
        out
    }
}

/// Whether a time or a size here agrees with one of Linux's.
fn close(linux: f64, ours: f64, slack: f64) -> bool {
    (linux - ours).abs() <= slack + SLACK_RATIO * linux.abs()
}

impl Seen {
    fn agrees(&self, ours: &Self) -> bool {
        match (self, ours) {
            (Seen::Said(a), Seen::Said(b)) => a == b,
            (Seen::Bytes(a), Seen::Bytes(b)) => close(*a as f64, *b as f64, 0.0),
            (Seen::Event(None), Seen::Event(None)) => true,
            (Seen::Event(Some((at, a))), Seen::Event(Some((bt, b)))) => a == b && close(*at, *bt, SLACK_S),
            (Seen::List { items: a, until }, Seen::List { items: b, .. }) => {
                let paired = a.iter().zip(b).all(|((at, a), (bt, b))| a == b && close(*at, *bt, SLACK_S));
                // What comes so close to the end of the observation may as well fall beyond it.
                let rest = &a[b.len().min(a.len())..];
                let surplus = &b[a.len().min(b.len())..];
                let late = |(t, _): &(f64, String)| t * (1.0 + SLACK_RATIO) + SLACK_S >= *until;
                paired && rest.iter().all(late) && surplus.iter().all(late)
            }
            _ => false,
        }
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

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Seen::Said(what) => f.write_str(what),
            Seen::Bytes(n) => write!(f, "{n} B"),
            Seen::Event(None) => f.write_str("never"),
            Seen::Event(Some((at, what))) if what.is_empty() => write!(f, "{} s", seconds(*at)),
            Seen::Event(Some((at, what))) => write!(f, "{what} at {} s", seconds(*at)),
            Seen::List { items, .. } if items.is_empty() => f.write_str("none"),
            Seen::List { items, .. } => {
                for (i, (at, what)) in items.iter().take(SHOWN).enumerate() {
                    let separator = if i == 0 { "" } else { ", " };
                    let blank = if what.is_empty() { "" } else { " " };
                    write!(f, "{separator}{}{blank}{what}", seconds(*at))?;
                }
                if items.len() > SHOWN {
                    write!(f, ", ... ({} in all)", items.len())?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (name, seen)) in self.0.iter().enumerate() {
            let separator = if i == 0 { "" } else { "; " };
            write!(f, "{separator}{name}: {seen}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(t: &[f64], until: f64) -> Observed {
        Observed::new().times("sent", t.to_vec(), until)
    }

    #[test]
    fn times_agree_within_nine_percent_and_fifty_milliseconds() {
        let linux = times(&[0.2, 10.0], 60.0);
        assert!(linux.disagreements(&times(&[0.26, 10.9], 60.0)).is_empty());
        assert_eq!(linux.disagreements(&times(&[0.2, 11.0], 60.0)), ["sent"]);
        assert_eq!(linux.disagreements(&times(&[0.3, 10.0], 60.0)), ["sent"]);
    }

    #[test]
    fn one_more_or_one_less_is_a_difference_unless_it_falls_on_the_end() {
        let linux = times(&[1.0, 10.0], 60.0);
        for other in [&[1.0][..], &[1.0, 10.0, 20.0]] {
            assert_eq!(linux.disagreements(&times(other, 60.0)), ["sent"]);
        }
        assert!(linux.disagreements(&times(&[1.0, 10.0, 57.0], 60.0)).is_empty());
    }

    #[test]
    fn outcomes_and_sizes_and_missing_observations_count() {
        let linux = Observed::new().said("end", "ETIMEDOUT").bytes("taken", 1000);
        let ours = |end: &str, taken| Observed::new().said("end", end).bytes("taken", taken);
        assert!(linux.disagreements(&ours("ETIMEDOUT", 1090)).is_empty());
        assert_eq!(linux.disagreements(&ours("ECONNRESET", 1000)), ["end"]);
        assert_eq!(linux.disagreements(&ours("ETIMEDOUT", 1091)), ["taken"]);
        assert_eq!(linux.disagreements(&Observed::new().said("end", "ETIMEDOUT")), ["taken"]);
        let more = ours("ETIMEDOUT", 1000).at("reset", Some(1.0));
        assert_eq!(linux.disagreements(&more), ["reset"]);
    }
}
