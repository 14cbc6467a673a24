//! The ledger: what is said about real-time web connections, one statement a row, each with a verdict.
//!
//! A scenario's claims carry the id of the row they show. Where the verdict is not a plain *holds*, the scenario shows
//! the condition or the correction.

use std::sync::LazyLock;

/// What became of a statement when it was checked against the specifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// True as it stands.
    Holds,
    /// True under conditions that it does not mention.
    WithConditions,
    /// It was true once.
    Outdated,
    /// Not true.
    Wrong,
}

impl Verdict {
    const ALL: [Verdict; 4] = [Verdict::Holds, Verdict::WithConditions, Verdict::Outdated, Verdict::Wrong];

    /// The verdict in words.
    pub const fn words(self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::WithConditions => "holds with conditions",
            Verdict::Outdated => "outdated",
            Verdict::Wrong => "wrong",
        }
    }
}

/// A row of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Its group's letter and its number in it: `I-01`.
    pub id: &'static str,
    /// What became of it.
    pub verdict: Verdict,
    /// What is said.
    pub statement: &'static str,
    /// Under what condition it holds, or what is true instead; empty where there is nothing to add.
    pub condition: &'static str,
    /// Who says it and what decides, separated by `; `: a note of the book's with its lines, a section of an RFC, a document.
    pub source: &'static str,
}

/// Rows about the same subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its letter.
    pub letter: &'static str,
    /// Its subject.
    pub title: &'static str,
    /// Its rows, in order.
    pub rows: Vec<Row>,
}

static GROUPS: LazyLock<Vec<Group>> =
    LazyLock::new(|| parse(include_str!("ledger.tsv")).expect("a test reads the same file"));

/// The ledger, group by group.
pub fn groups() -> &'static [Group] {
    &GROUPS
}

/// The rows of the ledger, in order.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    GROUPS.iter().flat_map(|group| &group.rows)
}

/// The row with this id.
pub fn find(id: &str) -> Option<&'static Row> {
    rows().find(|row| row.id == id)
}

/// Reads groups and rows; an error is the line that cannot be read.
fn parse(text: &'static str) -> Result<Vec<Group>, &'static str> {
    let mut groups: Vec<Group> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with("# ")) {
        match line.split('\t').collect::<Vec<_>>()[..] {
            ["#", letter, title] => groups.push(Group { letter, title, rows: Vec::new() }),
            [id, verdict, statement, condition, source] => {
                let verdict = Verdict::ALL.into_iter().find(|v| v.words() == verdict).ok_or(line)?;
                let group = groups.last_mut().filter(|group| id.starts_with(group.letter)).ok_or(line)?;
                group.rows.push(Row { id, verdict, statement, condition, source });
            }
            _ => return Err(line),
        }
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_ledger_has_204_rows_no_id_twice_and_no_gap_in_the_numbers() {
        assert_eq!(rows().count(), 204);
        assert_eq!(rows().map(|row| row.id).collect::<BTreeSet<_>>().len(), 204);
        for group in groups() {
            for (n, row) in group.rows.iter().enumerate() {
                assert_eq!(row.id, format!("{}-{:02}", group.letter, n + 1));
                assert!(!row.statement.trim().is_empty());
            }
        }
    }

    #[test]
    fn every_group_has_its_number_of_verdicts() {
        // holds, with conditions, outdated, wrong
        let expected = [
            ("A", [10, 8, 2, 0]),
            ("B", [3, 3, 0, 1]),
            ("C", [5, 6, 1, 2]),
            ("D", [4, 2, 1, 0]),
            ("E", [8, 6, 1, 4]),
            ("F", [9, 5, 1, 3]),
            ("G", [5, 0, 1, 0]),
            ("H", [4, 5, 0, 0]),
            ("I", [6, 6, 0, 0]),
            ("J", [5, 3, 0, 0]),
            ("K", [7, 1, 0, 2]),
            ("L", [6, 2, 0, 0]),
            ("M", [4, 4, 0, 1]),
            ("N", [3, 4, 2, 0]),
            ("X", [48, 0, 0, 0]),
        ];
        let counted: Vec<_> = groups()
            .iter()
            .map(|g| (g.letter, Verdict::ALL.map(|v| g.rows.iter().filter(|r| r.verdict == v).count())))
            .collect();
        assert_eq!(counted, expected);
    }

    #[test]
    fn every_row_has_a_source_and_whatever_does_not_plainly_hold_says_under_what_condition() {
        for row in rows() {
            assert!(!row.source.is_empty() && row.source.split("; ").all(|s| s == s.trim()), "{row:?}");
            assert!(row.verdict == Verdict::Holds || !row.condition.is_empty(), "{row:?}");
        }
    }

    #[test]
    fn what_the_notes_say_is_told_with_note_and_lines_and_what_they_do_not_say_without() {
        const NOTES: [&str; 5] = ["Connections", "Sockets", "Heartbeats", "Survey", "WebSocket"];
        for row in rows() {
            let from_the_notes = row.source.split("; ").any(|source| {
                source.split_once(' ').is_some_and(|(name, lines)| {
                    NOTES.contains(&name) && lines.starts_with(|c: char| c.is_ascii_digit())
                })
            });
            assert_eq!(from_the_notes, !row.id.starts_with('X'), "{row:?}");
        }
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named() {
        assert_eq!(parse("#\tA\tTitle\nA-01\tperhaps\tx\t\ty"), Err("A-01\tperhaps\tx\t\ty"));
        assert_eq!(parse("A-01\tholds\tno group yet\t\ty"), Err("A-01\tholds\tno group yet\t\ty"));
        assert_eq!(parse("#\tA\tTitle\nB-01\tholds\tx\t\ty"), Err("B-01\tholds\tx\t\ty"));
        assert_eq!(parse("#\tA\tTitle\nA-01\tholds\tno source"), Err("A-01\tholds\tno source"));
        assert_eq!(parse("#\tA"), Err("#\tA"));
    }
}
