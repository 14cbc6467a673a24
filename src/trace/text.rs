//! What the text forms share: times, aligned columns, counts.

use std::time::Duration;

/// Seconds since the start of the run with six decimals, so that microseconds are exact: `12.345678`.
pub(crate) fn seconds(at: Duration) -> String {
    format!("{}.{:06}", at.as_secs(), at.subsec_micros())
}

/// A count in groups of three digits: `3 598`.
pub(crate) fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

/// On which side a column is aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// A line of a table.
pub(crate) enum Line<const N: usize> {
    /// What marks the line in the margin, and a cell a column.
    Cells(char, [String; N]),
    /// What marks the line in the margin, the cell of the first column (empty: the remark begins there), and a remark
    /// across the other columns.
    Across(char, String, String),
}

/// Sets lines in columns: a margin of one character, then `N` columns two blanks apart, each as wide as its widest
/// cell (a column without any cell is left out), no blanks at the end of a line.
pub(crate) fn table<const N: usize>(header: [&str; N], align: [Align; N], lines: &[Line<N>]) -> String {
    let mut widths = [0; N];
    for line in lines {
        let cells = match line {
            Line::Cells(_, cells) => &cells[..],
            Line::Across(_, first, _) => std::slice::from_ref(first),
        };
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for (width, title) in widths.iter_mut().zip(header) {
        if *width > 0 {
            *width = (*width).max(title.chars().count());
        }
    }
    let cell = |column: usize, text: &str| {
        let width = widths[column];
        match align[column] {
            Align::Left => format!("{text:<width$}"),
            Align::Right => format!("{text:>width$}"),
        }
    };
    let row = |cells: [&str; N]| {
        let shown: Vec<String> = (0..N).filter(|c| widths[*c] > 0).map(|c| cell(c, cells[c])).collect();
        shown.join("  ")
    };
    let mut out = format!("  {}", row(header)).trim_end().to_owned() + "\n";
    for line in lines {
        let line = match line {
            Line::Cells(margin, cells) => format!("{margin} {}", row(cells.each_ref().map(String::as_str))),
            Line::Across(margin, first, remark) if first.is_empty() => format!("{margin} {remark}"),
            Line::Across(margin, first, remark) => format!("{margin} {}  {remark}", cell(0, first)),
        };
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// Aligns the cells of `rows` in columns two spaces apart, each row indented by `indent` and ended by a line feed. The
/// last cell of a row is not padded.
pub(crate) fn columns(indent: &str, rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        // Only a cell that another one follows has to be padded.
        let followed = rows.iter().filter(|row| row.len() > column + 1);
        followed.map(|row| row[column].chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..rows.iter().map(Vec::len).max().unwrap_or(0)).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let mut line = indent.to_owned();
        for (cell, &width) in row.iter().zip(&widths) {
            line += &format!("{cell:width$}  ");
        }
        out += line.trim_end();
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microseconds_are_exact() {
        assert_eq!(seconds(Duration::from_micros(12_345_678)), "12.345678");
        assert_eq!(seconds(Duration::from_nanos(1_000_000_999)), "1.000000");
        assert_eq!(seconds(Duration::from_secs(86_400)), "86400.000000");
    }

    #[test]
    fn counts_are_grouped_by_three() {
        assert_eq!([7, 1000, 3598, 1_234_567].map(grouped), ["7", "1 000", "3 598", "1 234 567"]);
    }

    #[test]
    fn cells_stand_under_each_other_and_no_line_ends_in_a_blank() {
        let row = |cells: &[&str]| cells.iter().map(|c| (*c).to_owned()).collect::<Vec<_>>();
        let text = columns("  ", &[row(&["a", "→→", "x"]), row(&["long", "", ""]), row(&["b", "c", "yy"])]);
        assert_eq!(text, "  a     →→  x\n  long\n  b     c   yy\n");
    }
}
