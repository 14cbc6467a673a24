//! Text in columns.

/// Aligns the cells of `rows` in columns two spaces apart, each row indented by `indent` and ended by a line feed. The
/// last cell of a row is not padded.
pub fn columns(indent: &str, rows: &[Vec<String>]) -> String {
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
    use super::columns;

    #[test]
    fn cells_stand_under_each_other_and_no_line_ends_in_a_blank() {
        let row = |cells: &[&str]| cells.iter().map(|c| (*c).to_owned()).collect::<Vec<_>>();
        let text = columns("  ", &[row(&["a", "→→", "x"]), row(&["long", "", ""]), row(&["b", "c", "yy"])]);
        assert_eq!(text, "  a     →→  x\n  long\n  b     c   yy\n");
    }
}
