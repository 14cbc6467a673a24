//! What is seen of a run, on Linux or here, and where two such views differ.

use std::borrow::Cow;
use std::fmt;

use super::Difference;
use super::seen::Seen;

/// The name of something seen.
type Name = Cow<'static, str>;

/// What was seen of a run: each with a name for it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Observed(pub Vec<(Name, Seen)>);

impl Observed {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn saw(mut self, name: impl Into<Name>, seen: Seen) -> Self {
        self.0.push((name.into(), seen));
        self
    }

    pub fn said(self, name: impl Into<Name>, what: impl Into<String>) -> Self {
        self.saw(name, Seen::Said(what.into()))
    }

    pub fn count(self, name: impl Into<Name>, n: usize) -> Self {
        self.said(name, n.to_string())
    }

    pub fn bytes(self, name: impl Into<Name>, n: u64) -> Self {
        self.saw(name, Seen::bytes(n))
    }

    /// An amount of data of the second table.
    pub fn volume(self, name: impl Into<Name>, n: u64) -> Self {
        self.saw(name, Seen::volume(n))
    }

    pub fn event(self, name: impl Into<Name>, event: Option<(f64, String)>) -> Self {
        self.saw(name, Seen::Event(event))
    }

    /// Something without particulars that happened at a time.
    pub fn at(self, name: impl Into<Name>, at: Option<f64>) -> Self {
        self.event(name, at.map(|t| (t, String::new())))
    }

    pub fn list(self, name: impl Into<Name>, items: Vec<(f64, String)>, until: f64) -> Self {
        self.saw(name, Seen::List { items, until })
    }

    pub fn times(self, name: impl Into<Name>, times: Vec<f64>, until: f64) -> Self {
        let items = times.into_iter().map(|t| (t, String::new())).collect();
        self.list(name, items, until)
    }

    /// One time, measured in several runs.
    pub fn runs(self, name: impl Into<Name>, times: Vec<f64>) -> Self {
        self.saw(name, Seen::Runs { what: String::new(), times })
    }

    /// When something came to pass in several runs; what, has to be the same in all of them.
    pub fn outcomes(self, name: impl Into<Name>, outcomes: Vec<Option<(f64, String)>>) -> Self {
        let mut whats: Vec<String> = outcomes.iter().flatten().map(|(_, what)| what.clone()).collect();
        whats.dedup();
        let times = outcomes.iter().map(|o| o.as_ref().map_or(f64::INFINITY, |(t, _)| *t)).collect();
        self.saw(name, Seen::Runs { what: whats.join(" or "), times })
    }

    /// The distribution of many times.
    pub fn spread(self, name: impl Into<Name>, times: &[f64]) -> Self {
        self.saw(name, Seen::spread(times))
    }

    /// What `self`, seen on Linux, and `ours` do not agree on.
    pub fn differences(&self, ours: &Self) -> Vec<Difference> {
        let find = |all: &Self, name: &Name| all.0.iter().find(|(n, _)| n == name).map(|(_, s)| s.clone());
        let of_linux = self.0.iter().filter_map(|(name, seen)| {
            let by = match find(ours, name) {
                Some(here) if seen.agrees(&here) => return None,
                Some(here) => seen.difference(&here),
                None => format!("{seen} there, nothing here"),
            };
            Some(Difference { on: name.to_string(), by })
        });
        let unmatched = ours.0.iter().filter(|(name, _)| find(self, name).is_none());
        let of_ours = unmatched.map(|(name, seen)| Difference {
            on: name.to_string(),
            by: format!("nothing there, {seen} here"),
        });
        of_linux.chain(of_ours).collect()
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

    fn on(linux: &Observed, ours: &Observed) -> Vec<String> {
        linux.differences(ours).into_iter().map(|d| d.on).collect()
    }

    fn by(linux: &Observed, ours: &Observed) -> Vec<String> {
        linux.differences(ours).into_iter().map(|d| d.by).collect()
    }

    #[test]
    fn times_agree_within_nine_percent_and_fifty_milliseconds() {
        let linux = times(&[0.2, 10.0], 60.0);
        assert!(on(&linux, &times(&[0.26, 10.9], 60.0)).is_empty());
        assert_eq!(on(&linux, &times(&[0.2, 11.0], 60.0)), ["sent"]);
        assert_eq!(on(&linux, &times(&[0.3, 10.0], 60.0)), ["sent"]);
    }

    #[test]
    fn one_more_or_one_less_is_a_difference_unless_it_falls_on_the_end() {
        let linux = times(&[1.0, 10.0], 60.0);
        for other in [&[1.0][..], &[1.0, 10.0, 20.0]] {
            assert_eq!(on(&linux, &times(other, 60.0)), ["sent"]);
        }
        assert!(on(&linux, &times(&[1.0, 10.0, 57.0], 60.0)).is_empty());
    }

    #[test]
    fn outcomes_and_sizes_and_missing_observations_count() {
        let linux = Observed::new().said("end", "ETIMEDOUT").bytes("taken", 1000);
        let ours = |end: &str, taken| Observed::new().said("end", end).bytes("taken", taken);
        assert!(on(&linux, &ours("ETIMEDOUT", 1090)).is_empty());
        assert_eq!(on(&linux, &ours("ECONNRESET", 1000)), ["end"]);
        assert_eq!(on(&linux, &ours("ETIMEDOUT", 1091)), ["taken"]);
        assert_eq!(on(&linux, &Observed::new().said("end", "ETIMEDOUT")), ["taken"]);
        let more = ours("ETIMEDOUT", 1000).at("reset", Some(1.0));
        assert_eq!(on(&linux, &more), ["reset"]);
        let volume = |n| Observed::new().volume("taken", n);
        assert!(on(&volume(1000), &volume(1120)).is_empty());
        assert_eq!(on(&volume(1000), &volume(879)), ["taken"]);
    }

    #[test]
    fn a_time_of_several_runs_agrees_within_their_range_or_close_to_their_median() {
        let runs = |times: &[f64]| Observed::new().runs("stall", times.to_vec());
        let linux = runs(&[1.0, 1.1, 2.0]);
        for inside in [&[1.9][..], &[1.24], &[0.96], &[0.5, 1.5, 9.0]] {
            assert!(on(&linux, &runs(inside)).is_empty(), "{inside:?}");
        }
        for outside in [&[2.01][..], &[0.9], &[], &[f64::INFINITY]] {
            assert_eq!(on(&linux, &runs(outside)), ["stall"], "{outside:?}");
        }
        let ended = |what: &str| Observed::new().outcomes("end", vec![Some((1.0, what.to_owned()))]);
        assert_eq!(on(&ended("ETIMEDOUT"), &ended("ECONNRESET")), ["end"]);
        assert_eq!(by(&linux, &runs(&[])), ["1.1 s (1 to 2) there, never here"]);
    }

    #[test]
    fn a_distribution_agrees_if_its_median_and_its_ninth_decile_do() {
        let spread = |median, p90| Observed::new().saw("took", Seen::Spread { median, p90: Some(p90) });
        let linux = spread(1.0, 2.0);
        assert!(on(&linux, &spread(1.14, 1.71)).is_empty());
        assert_eq!(on(&linux, &spread(1.16, 2.0)), ["took"]);
        assert_eq!(on(&linux, &spread(1.0, 2.31)), ["took"]);
        let of = |times: &[f64]| Observed::new().spread("took", times);
        let ten: Vec<f64> = (1..=10).map(f64::from).collect();
        assert_eq!(of(&ten), spread(5.0, 9.0));
        assert_eq!(of(&[]), spread(f64::INFINITY, f64::INFINITY));
    }

    #[test]
    fn a_difference_tells_the_first_item_that_differs_and_by_how_much() {
        assert_eq!(
            by(&times(&[1.0, 2.0], 60.0), &times(&[1.0, 4.0], 60.0)),
            ["no. 2: 2 s there, 4 s here (2.0 times)"]
        );
        assert_eq!(
            by(&times(&[1.0], 60.0), &times(&[1.0, 4.0], 60.0)),
            ["no. 2: none there, 4 s here (1 and 2 in all)"]
        );
        let spread = |median, p90| Observed::new().saw("took", Seen::Spread { median, p90: Some(p90) });
        assert_eq!(
            by(&spread(1.0, 2.0), &spread(1.0, 5.0)),
            [
                "median 1 s, nine in ten by 2 s there, median 1 s, nine in ten by 5 s here (ninth decile 2.5 times)"
            ]
        );
        let bytes = |n| Observed::new().bytes("taken", n);
        assert_eq!(by(&bytes(1000), &bytes(800)), ["1000 B there, 800 B here (-20 %)"]);
    }
}
