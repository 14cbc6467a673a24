//! A figure as a list: every row that it draws, in order of time, and what it leaves out.

use std::time::Duration;

use super::notes::times_of;
use super::rows::Content;
use super::scale::more;
use super::words::moment;
use crate::trace::Trace;
use crate::trace::packets::described;

/// A line of the list under a figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The row of the figure that it tells: what stands in `data-r`; `None` for what is told without a row of its own
    /// (what was left out, a fault that began before, the edges of the window).
    pub row: Option<usize>,
    /// When.
    pub at: Duration,
    /// When, as it is told: `77.086 s`, exact to the microsecond.
    pub time: String,
    /// Who: a host, `client to server`, `the network`; empty where it is nobody.
    pub who: String,
    /// What: `tcp: FIN sent`, `SYN [S] seq 0:1, 0 B, arrived 0.050000 s`, `118 more packets`.
    pub text: String,
}

impl Line {
    fn remark(at: Duration, text: String) -> Self {
        Self { row: None, at, time: moment(at), who: String::new(), text }
    }
}

pub(super) fn lines(trace: &Trace, content: &Content) -> Vec<Line> {
    let mut out = Vec::new();
    if content.begins_later() {
        out.push(Line::remark(content.from, "shown from here on".to_owned()));
    }
    for span in content.spans.iter().filter(|span| span.from < content.from) {
        let times = times_of(span, (content.from, content.until), content.ended);
        out.push(Line::remark(content.from, format!("{} {times}", described(trace, span))));
    }
    let mut folds = content.folds.iter().peekable();
    for (i, row) in content.rows.iter().enumerate() {
        while let Some(fold) = folds.next_if(|fold| fold.until <= row.at) {
            out.extend(left_out(fold));
        }
        let (who, text) = row.who_and_what(trace);
        out.push(Line { row: Some(i), at: row.at, time: moment(row.at), who, text });
    }
    out.extend(folds.filter_map(left_out));
    out.push(if content.ends_sooner() {
        let until = format!("shown until here; the run ends at {}", moment(content.ended));
        Line::remark(content.until, until)
    } else {
        Line::remark(content.ended, "the run ends".to_owned())
    });
    out
}

fn left_out(fold: &super::select::Fold) -> Option<Line> {
    let text = match (fold.packets, fold.events) {
        (0, events) => more(0, events)?,
        (packets, 0) => more(packets, 0)?,
        (packets, events) => format!("{}, {}", more(packets, 0)?, more(0, events)?),
    };
    Some(Line::remark(fold.from, format!("{text}, until {}", moment(fold.until))))
}
