//! The simulated kernel against a real Linux kernel: every measurement (`src/fidelity/LINUX.md`) made again, one named test each.
//!
//! A row passes if it agrees, or if it is on record as a difference with a cause. One that is on record and agrees fails as
//! well: the record is to be true. To see what was measured there and here, difference by difference:
//! `cargo test --test fidelity -- --nocapture` for all of them, `cargo test --test fidelity zwhole -- --nocapture` for one.

use halfopen::fidelity::{Agreement, Row, Table, names, row, rows};
use libtest_mimic::{Arguments, Failed, Trial};

/// Measurements of the first table; so many of them agree at least.
const FIRST: (usize, usize) = (93, 88);
/// Rows of the second table; so many of them, in ten, agree at least.
const SECOND: (usize, usize) = (29, 9);

/// Whether a row is as it should be: it agrees, or its difference is on record.
fn check(row: &Row) -> Result<(), Failed> {
    match (&row.agreement, row.listed) {
        (Agreement::Agrees, None) | (Agreement::Differs { .. }, Some(_)) => Ok(()),
        (Agreement::Agrees, Some(cause)) => {
            Err(format!("{} agrees, though it is on record as a difference: {cause}", row.id).into())
        }
        (Agreement::Differs { .. }, None) => Err(format!("no cause is on record for\n{row}").into()),
    }
}

/// The rows of a table that differ, and how many there are.
fn differing(table: Table) -> (Vec<&'static str>, usize) {
    let rows = rows(table);
    let differ = rows.iter().filter(|row| !row.agrees()).map(|row| row.id);
    (differ.collect(), rows.len())
}

fn of_the_first_93_measurements_88_agree() -> Result<(), Failed> {
    let (differ, all) = differing(Table::First);
    if all != FIRST.0 || all - differ.len() < FIRST.1 {
        return Err(format!("{} of {all} differ: {}", differ.len(), differ.join(", ")).into());
    }
    Ok(())
}

fn of_the_second_table_nine_rows_in_ten_agree() -> Result<(), Failed> {
    let (differ, all) = differing(Table::Second);
    if all != SECOND.0 || (all - differ.len()) * 10 < all * SECOND.1 {
        return Err(format!("{} of {all} differ: {}", differ.len(), differ.join(", ")).into());
    }
    Ok(())
}

fn main() {
    let arguments = Arguments::from_args();
    let told = arguments.nocapture;
    let one = move |id: &'static str| {
        Trial::test(id, move || {
            let row = row(id);
            if told {
                println!("{row}");
            }
            check(row)
        })
    };
    let mut trials: Vec<Trial> = names(Table::First).chain(names(Table::Second)).map(one).collect();
    trials.push(Trial::test("of_the_first_93_measurements_88_agree", of_the_first_93_measurements_88_agree));
    trials.push(Trial::test(
        "of_the_second_table_nine_rows_in_ten_agree",
        of_the_second_table_nine_rows_in_ten_agree,
    ));
    libtest_mimic::run(&arguments, trials).exit();
}
