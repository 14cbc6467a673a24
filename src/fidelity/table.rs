//! The rows as Markdown, for the appendix of the book.

use std::fmt::Write as _;

use super::{Agreement, Row, rows};

/// How many rows agree, then two tables: what every measurement came to on Linux and here, and the known differences with
/// their causes.
pub fn markdown() -> String {
    render(rows())
}

fn render(rows: &[Row]) -> String {
    let agree = rows.iter().filter(|row| row.agrees()).count();
    let mut out = format!(
        "{agree} of {} measurements agree: every time within 9 % and 50 ms, every amount within 9 %, every outcome the same.\n\n",
        rows.len()
    );
    out += "| | What | Linux | Here |\n|---|---|---|---|\n";
    for row in rows {
        let id = if row.agrees() { format!("`{}`", row.id) } else { format!("`{}` ≠", row.id) };
        let cells = [&id, &row.what, &row.linux, &row.ours].map(|cell| escaped(cell));
        // Writing to a String cannot fail.
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
    out += "\n| | Differs in | Because |\n|---|---|---|\n";
    for row in rows {
        if let Agreement::Differs { on, cause } = &row.agreement {
            let cause = escaped(cause.unwrap_or("not yet known"));
            let _ = writeln!(out, "| `{}` | {} | {cause} |", row.id, escaped(&on.join(", ")));
        }
    }
    out
}

/// As the content of a table's cell.
fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &'static str, agreement: Agreement) -> Row {
        Row { id, what: "a | b".into(), linux: "1 s".into(), ours: "2 s".into(), agreement, listed: None }
    }

    #[test]
    fn a_difference_stands_in_both_tables_and_the_count_tells_them_apart() {
        let differs = Agreement::Differs { on: vec!["error"], cause: Some("no ARP") };
        let out = render(&[row("a_1", Agreement::Agrees), row("x_1", differs)]);
        assert!(out.starts_with("1 of 2 measurements agree"));
        assert!(out.contains("| `a_1` | a \\| b | 1 s | 2 s |"));
        assert!(out.contains("| `x_1` ≠ |"));
        assert!(out.contains("| `x_1` | error | no ARP |"));
    }
}
