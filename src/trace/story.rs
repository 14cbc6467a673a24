//! The story of a run: what a person reads, one line an event. [`LEGEND`] explains it column by column.

use std::collections::BTreeMap;
use std::time::Duration;

use super::fold::{self, Item};
use super::text::{Align, Line, grouped, seconds, table};
use super::{Event, Layer, Trace, Value};

/// What the columns of a story mean; one line each, Markdown.
pub const LEGEND: &str = "\
- the margin: `!` marks a fault, something that was done to the world; `…` stands for lines left out
- `time`: seconds of virtual time since the start of the run, exact to the microsecond
- `host`: where it was noticed; `-` is the world itself (a link, a router)
- `layer`: how high in the stack: `fault` (done to the world), `link` (interfaces, links, routers), `tcp` (a machine's \
TCP), `http`, `ws` (WebSocket), `app` (the application)
- `event`: what happened
- the rest: its particulars as `key=value`; a value that contains a blank stands in quotes
- `… n more lines like these, until t (…)`: a routine that goes on; it was told three times, and is told again after \
everything remarkable. Faults, openings, closings, verdicts and whatever happens rarely are never left out
- the last line says when the run ended; a story that is shown only in part says until when, too
";

/// How to tell a story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Fold long routines. Off: one line for every event.
    pub fold: bool,
    /// The trace holds the events up to this moment, not those of the whole run.
    pub until: Option<Duration>,
}

impl Default for Options {
    fn default() -> Self {
        Self { fold: true, until: None }
    }
}

/// The story of a run; see [`LEGEND`].
pub fn story(trace: &Trace, options: &Options) -> String {
    let items: Vec<_> = trace
        .events
        .iter()
        .map(|e| Item {
            key: (e.host, e.layer, e.name),
            remarkable: e.layer == Layer::Fault,
            kept: fold::is_turning_point(e.name),
        })
        .collect();
    let told =
        if options.fold { fold::told(&items, fold::FIRST, fold::RARE) } else { vec![true; items.len()] };
    let mut lines = Vec::new();
    let mut folded = Vec::new();
    for (event, told) in trace.events.iter().zip(told) {
        if told {
            lines.extend(fold_line(&folded));
            folded.clear();
            lines.push(line(trace, event));
        } else {
            folded.push(event);
        }
    }
    lines.extend(fold_line(&folded));
    lines.push(match options.until.filter(|until| *until < trace.ended) {
        None => Line::Across(' ', seconds(trace.ended), "the run ends".to_owned()),
        Some(until) => {
            let ends = format!("shown until here; the run ends at {}", seconds(trace.ended));
            Line::Across(' ', seconds(until), ends)
        }
    });
    let left = Align::Left;
    table(["time", "host", "layer", "event", ""], [Align::Right, left, left, left, left], &lines)
}

fn line(trace: &Trace, event: &Event) -> Line<5> {
    let margin = if event.layer == Layer::Fault { '!' } else { ' ' };
    let host = event.host.map_or("-", |h| trace.host_name(h));
    let fields: Vec<String> =
        event.fields.iter().map(|(name, value)| format!("{name}={}", shown(value))).collect();
    let cells = [
        seconds(event.at),
        host.to_owned(),
        event.layer.name().to_owned(),
        event.name.to_owned(),
        fields.join(" "),
    ];
    Line::Cells(margin, cells)
}

/// `… 3 598 more lines like these, until 3600.000000 (ping sent × 1 799, pong received × 1 799)`
fn fold_line(folded: &[&Event]) -> Option<Line<5>> {
    let last = folded.last()?;
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut names: Vec<&str> = Vec::new();
    for event in folded {
        let count = counts.entry(event.name).or_default();
        if *count == 0 {
            names.push(event.name);
        }
        *count += 1;
    }
    let kinds: Vec<String> = names.iter().map(|n| format!("{n} × {}", grouped(counts[n]))).collect();
    let count = grouped(folded.len());
    let remark = format!("{count} more lines like these, until {} ({})", seconds(last.at), kinds.join(", "));
    Some(Line::Across('…', String::new(), remark))
}

/// A value as a story shows it: in quotes if it would not read as one word.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Text(text)
            if text.is_empty()
                || text.contains(|c: char| c.is_whitespace() || c.is_control() || "\"=".contains(c)) =>
        {
            format!("{text:?}")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::testing::{TraceBuilder, a_day_in_the_life, an_hour_of_pings};
    use proptest::prelude::*;

    #[test]
    fn a_story_is_aligned_and_its_faults_stand_out() {
        let mut b = TraceBuilder::new(&["phone", "server"]);
        b.event(0, "phone", Layer::Tcp, "connecting", &[("to", "server:80".into())])
            .event(12_345, "", Layer::Fault, "partition", &[])
            .event(
                12_400,
                "server",
                Layer::Ws,
                "closed",
                &[("code", 1001.into()), ("reason", "going away".into())],
            )
            .ended(20_000);
        let expected = "
       time  host    layer  event
   0.000000  phone   tcp    connecting  to=server:80
! 12.345000  -       fault  partition
  12.400000  server  ws     closed      code=1001 reason=\"going away\"
  20.000000  the run ends
";
        assert_eq!(story(&b.build(), &Options::default()), expected[1..]);
    }

    #[test]
    fn an_hour_of_pings_folds_into_a_few_lines() {
        let trace = an_hour_of_pings();
        let told = story(&trace, &Options::default());
        assert_eq!(told.lines().count(), 1 + 1 + 3 * 2 + 1 + 1, "{told}");
        let fold =
            "… 7 194 more lines like these, until 3600.040000 (ping sent × 3 597, pong received × 3 597)";
        assert!(told.lines().any(|l| l == fold), "{told}");
        let all = story(&trace, &Options { fold: false, ..Options::default() });
        assert_eq!(all.lines().count(), 1 + trace.events.len() + 1);
    }

    #[test]
    fn a_story_without_routine_is_told_in_full() {
        let trace = a_day_in_the_life();
        assert_eq!(
            story(&trace, &Options::default()),
            story(&trace, &Options { fold: false, ..Options::default() })
        );
    }

    proptest! {
        #[test]
        fn folding_hides_no_fault_no_turning_point_and_loses_no_line(
            kinds in proptest::collection::vec(prop_oneof![30 => 0usize..3, 1 => 3usize..6], 0..400)
        ) {
            const KINDS: [(&str, Layer); 6] = [
                ("ping sent", Layer::Ws), ("pong received", Layer::Ws), ("update received", Layer::App),
                ("stall", Layer::Fault), ("peer declared dead", Layer::App), ("connection closed", Layer::Tcp),
            ];
            let mut b = TraceBuilder::new(&["phone"]);
            for (n, kind) in kinds.iter().enumerate() {
                b.event(n as u64, "phone", KINDS[*kind].1, KINDS[*kind].0, &[]);
            }
            let told = story(&b.build(), &Options::default());
            let mut lines = 0;
            for line in told.lines() {
                lines += match line.strip_prefix('…') {
                    Some(rest) => rest.split(" more").next().unwrap().replace(' ', "").parse().unwrap(),
                    None => 1,
                };
            }
            prop_assert_eq!(lines, kinds.len() + 2);
            for (kind, (name, _)) in KINDS.iter().enumerate().skip(3) {
                let shown = told.lines().filter(|l| !l.starts_with('…') && l.contains(name)).count();
                prop_assert_eq!(shown, kinds.iter().filter(|k| **k == kind).count());
            }
        }
    }
}
