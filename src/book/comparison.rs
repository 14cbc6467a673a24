//! The simulated kernel beside Linux, measurement by measurement, as it stands in a chapter.

use super::html::{code, escape, inline, table};
use crate::fidelity::{Agreement, Row};

/// How many rows agree, then two tables: what every measurement came to on Linux and here, and the known differences with
/// their causes.
pub fn tables(rows: &[Row]) -> String {
    let agree = rows.iter().filter(|row| row.agrees()).count();
    let measured = |row: &Row| {
        let id = format!("{}{}", code(row.id), if row.agrees() { "" } else { " ≠" });
        vec![id, inline(&row.what), inline(&row.linux), inline(&row.ours)]
    };
    let different = |row: &Row| match &row.agreement {
        Agreement::Agrees => None,
        Agreement::Differs { on, cause } => {
            Some(vec![code(row.id), escape(&on.join(", ")), inline(cause.unwrap_or("not yet known"))])
        }
    };
    let measured: Vec<Vec<String>> = rows.iter().map(measured).collect();
    let different: Vec<Vec<String>> = rows.iter().filter_map(different).collect();
    format!(
        "{agree} of {} measurements agree: every time within 9 % and 50 ms, every amount within 9 %, every outcome the \
         same.\n\n{}\n{}",
        rows.len(),
        table("fidelity", &["", "What", "Linux", "Here"], &measured),
        table("fidelity", &["", "Differs in", "Because"], &different),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fidelity::rows;

    fn row(id: &'static str, agreement: Agreement) -> Row {
        Row { id, what: "a < b".into(), linux: "1 s".into(), ours: "2 s".into(), agreement, listed: None }
    }

    #[test]
    fn a_difference_stands_in_both_tables_and_the_count_tells_them_apart() {
        let differs = Agreement::Differs { on: vec!["error"], cause: Some("no `ARP`") };
        let out = tables(&[row("a_1", Agreement::Agrees), row("x_1", differs)]);
        assert!(out.starts_with("1 of 2 measurements agree"));
        for cells in [
            "<td><code>a_1</code></td><td>a &lt; b</td><td>1 s</td><td>2 s</td>",
            "<td><code>x_1</code> ≠</td>",
            "<td><code>x_1</code></td><td>error</td><td>no <code>ARP</code></td>",
        ] {
            assert!(out.contains(cells), "{cells}: {out}");
        }
    }

    #[test]
    fn the_appendix_shows_every_measurement_and_the_cause_of_every_difference() {
        let text = tables(rows());
        for row in rows() {
            assert!(text.contains(&format!("<td>{}", code(row.id))), "{} is missing", row.id);
            if let Agreement::Differs { cause: Some(cause), .. } = &row.agreement {
                assert!(text.contains(&inline(cause)), "the cause of {} is missing", row.id);
            }
        }
    }
}
