//! The simulated kernel against a real Linux kernel: 93 measurements (`src/fidelity/LINUX.md`), each made again.
//!
//! A row passes if it agrees (every time within 9 % and 50 ms, every amount within 9 %, every outcome the same), or if it
//! is on record as a difference with a cause. One that is on record and agrees fails as well: the record is to be true.

use halfopen::fidelity::{Agreement, Row, rows};

/// What is wrong with a row, if anything.
fn fault(row: &Row) -> Option<String> {
    match (&row.agreement, row.listed) {
        (Agreement::Agrees, None) | (Agreement::Differs { .. }, Some(_)) => None,
        (Agreement::Agrees, Some(cause)) => {
            Some(format!("{} agrees, though it is on record as a difference: {cause}", row.id))
        }
        (Agreement::Differs { on, .. }, None) => Some(format!(
            "{} ({}) differs in {}\n  Linux: {}\n  here:  {}",
            row.id,
            row.what,
            on.join(", "),
            row.linux,
            row.ours
        )),
    }
}

/// Checks the rows whose names begin so.
fn check(family: &str, expected: usize) {
    let of_family: Vec<&Row> = rows().iter().filter(|row| row.id.starts_with(family)).collect();
    assert_eq!(of_family.len(), expected, "measurements `{family}*`");
    let faults: Vec<String> = of_family.into_iter().filter_map(fault).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn unacknowledged_data_are_sent_again_when_linux_sent_them_again() {
    check("a_", 15);
}

#[test]
fn keepalives_are_sent_answered_and_given_up_as_on_linux() {
    check("b_", 8);
}

#[test]
fn a_stopped_process_is_connected_to_written_to_and_probed_as_on_linux() {
    check("c_", 11);
}

#[test]
fn whoever_closed_first_on_linux_is_left_in_time_wait_here() {
    check("d_", 6);
}

#[test]
fn syns_are_sent_again_and_given_up_when_linux_did() {
    check("e_", 6);
}

#[test]
fn a_rebooted_peer_is_noticed_by_whom_linux_let_notice_it() {
    check("f_", 4);
}

#[test]
fn a_lost_address_silences_a_connection_and_does_not_end_it_before_linux_would() {
    check("g_", 7);
}

#[test]
fn what_was_sent_in_an_outage_arrives_as_late_as_on_linux() {
    check("h_", 13);
}

#[test]
fn and_it_did_so_on_linux_every_time() {
    check("hr_", 6);
}

#[test]
fn a_lost_segment_and_nagles_algorithm_cost_what_they_cost_on_linux() {
    check("j_", 9);
}

#[test]
fn what_lies_beside_tcp_agrees_or_is_named() {
    check("x_", 8);
}

#[test]
fn nine_measurements_in_ten_agree() {
    let agree = rows().iter().filter(|row| row.agrees()).count();
    assert_eq!(rows().len(), 93);
    assert!(agree * 10 >= rows().len() * 9, "{agree} of {} agree", rows().len());
}
