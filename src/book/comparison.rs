//! The simulated kernel beside Linux, measurement by measurement, as it stands in a chapter.

use crate::fidelity::{Agreement, Row};
use crate::page::html::{code, inline, table};

/// Of both tables of measurements how many rows agree, and what every one came to on Linux and here; then the differences
/// of both, with their causes.
pub fn tables(first: &[&Row], second: &[&Row]) -> String {
    let different = |row: &&Row| match &row.agreement {
        Agreement::Agrees => None,
        Agreement::Differs { on, cause } => {
            let on: Vec<String> = on.iter().map(|difference| inline(&difference.to_string())).collect();
            Some(vec![code(row.id), on.join("<br>"), inline(cause.unwrap_or("not yet known"))])
        }
    };
    let different: Vec<Vec<String>> = first.iter().chain(second).filter_map(different).collect();
    format!(
        "{} of {} measurements agree: every time within 9 % and 50 ms, every amount within 9 %, every outcome the \
         same.\n\n{}\n\nOf a second series, of several cases and several runs of each, {} of {} rows agree: every case of a row \
         does. A time lies within the range of Linux's runs, or within 9 % and 50 ms of their median; median and ninth decile of \
         a distribution within 15 %, an amount within 12 %.\n\n{}\n\nWhat differs:\n\n{}",
        agreeing(first),
        first.len(),
        measured(first),
        agreeing(second),
        second.len(),
        measured(second),
        table("fidelity", &["", "Differs in", "Because"], &different),
    )
}

fn agreeing(rows: &[&Row]) -> usize {
    rows.iter().filter(|row| row.agrees()).count()
}

fn measured(rows: &[&Row]) -> String {
    let cells = |row: &&Row| {
        let id = format!("{}{}", code(row.id), if row.agrees() { "" } else { " ≠" });
        vec![id, inline(&row.what), inline(&row.linux), inline(&row.ours)]
    };
    let rows: Vec<Vec<String>> = rows.iter().map(cells).collect();
    table("fidelity", &["", "What", "Linux", "Here"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fidelity::{Difference, Table, rows};

    fn row(id: &'static str, agreement: Agreement) -> Row {
        Row { id, what: "a < b".into(), linux: "1 s".into(), ours: "2 s".into(), agreement, listed: None }
    }

    #[test]
    fn a_difference_stands_in_both_tables_and_the_counts_tell_them_apart() {
        let on = |name: &str| Difference { on: name.into(), by: "1 s there, 2 s here".into() };
        let differs = |on| Agreement::Differs { on, cause: Some("no `ARP`") };
        let first = [row("a_1", Agreement::Agrees), row("x_1", differs(vec![on("error"), on("sent")]))];
        let second = [row("loss", differs(vec![on("all")]))];
        let out = tables(&first.iter().collect::<Vec<_>>(), &second.iter().collect::<Vec<_>>());
        assert!(out.starts_with("1 of 2 measurements agree"));
        for text in [
            "0 of 1 rows agree",
            "<td><code>a_1</code></td><td>a &lt; b</td><td>1 s</td><td>2 s</td>",
            "<td><code>x_1</code> ≠</td>",
            "<td><code>x_1</code></td><td>error: 1 s there, 2 s here<br>sent: 1 s there, 2 s here</td><td>no <code>ARP</code></td>",
            "<td><code>loss</code> ≠</td>",
            "<td><code>loss</code></td><td>all: ",
        ] {
            assert!(out.contains(text), "{text}: {out}");
        }
    }

    #[test]
    fn the_appendix_shows_every_measurement_and_every_difference_with_its_cause() {
        let (first, second) = (rows(Table::First), rows(Table::Second));
        let text = tables(&first, &second);
        for row in first.iter().chain(&second) {
            assert!(text.contains(&format!("<td>{}", code(row.id))), "{} is missing", row.id);
            if let Agreement::Differs { on, cause: Some(cause) } = &row.agreement {
                assert!(text.contains(&inline(cause)), "the cause of {} is missing", row.id);
                for difference in on {
                    assert!(
                        text.contains(&inline(&difference.to_string())),
                        "{}: {difference} is missing",
                        row.id
                    );
                }
            }
        }
    }
}
