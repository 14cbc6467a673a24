//! The rules of the accounting, one by one; `stalled` holds their sum against Linux.

mod stalled;

use std::time::Duration;

use super::*;
use crate::parameter::{ms, secs};

/// Data of a full segment: 1,460 bytes less the timestamps.
const MSS: u32 = 1448;
/// Half of the window that a Linux peer offers first, in whole segments.
const GOAL: u32 = 22 * MSS;

fn sender() -> SendMemory {
    let mut send = SendMemory::new(16 << 10, 4 << 20, None, 2);
    send.established(1460, 10);
    send
}

fn receiver(fixed: Option<u64>) -> ReceiveMemory {
    let mut receive = ReceiveMemory::new(128 << 10, 32 << 20, fixed);
    let (_, shift) = receive.initial_window(MSS);
    receive.established(secs(0), MSS, MSS, shift);
    receive
}

/// Writes until nothing more is taken: how much that was.
fn fill(send: &mut SendMemory) -> u64 {
    fill_by(send, GOAL)
}

fn fill_by(send: &mut SendMemory, goal: u32) -> u64 {
    let mut taken = 0;
    loop {
        match send.write(4096, goal) {
            0 => return taken,
            more => taken += more as u64,
        }
    }
}

#[test]
fn the_goal_is_half_the_largest_window_in_whole_segments() {
    assert_eq!(size_goal(MSS, 65_160), GOAL);
    assert_eq!(size_goal(MSS, 2896), MSS);
    assert_eq!(size_goal(MSS, 500), MSS, "a window smaller than a segment");
    assert_eq!(size_goal(MSS, 4 << 20), 45 * MSS, "64 KiB at most");
}

#[test]
fn the_last_packet_is_filled_although_the_limit_is_reached() {
    let mut send = sender();
    assert_eq!(send.usage(), (0, 46_080), "20 segments of 2,304");
    assert_eq!(fill(&mut send), 2 * u64::from(GOAL));
    assert_eq!(send.usage().0, 2 * u64::from(GOAL + 832));
}

#[test]
fn a_writer_is_woken_when_a_third_is_free() {
    let mut send = SendMemory::new(16 << 10, 4 << 20, Some(30_000), 2);
    send.established(1460, 10);
    assert_eq!(send.usage().1, 60_000);
    fill(&mut send);
    // Two packets of 31,856 and 832 bytes are 65,376; two thirds of the limit are 40,000.
    send.sent(2 * GOAL);
    send.acknowledged(25_375);
    assert!(!send.check_space(10, 0) && !send.is_writable(), "{:?}", send.usage());
    send.acknowledged(1);
    assert!(send.check_space(10, 0) && send.is_writable(), "{:?}", send.usage());
    assert!(!send.check_space(10, 0), "nobody waits any more");
}

#[test]
fn the_limit_follows_the_window_when_a_writer_waits_for_the_peer() {
    let mut send = sender();
    send.check_space(14, 0);
    assert_eq!(send.usage().1, 46_080, "nobody waits");
    fill(&mut send);
    send.check_space(14, 14);
    assert_eq!(send.usage().1, 46_080, "the window is what holds the data up");
    send.check_space(14, 13);
    assert_eq!(send.usage().1, 64_512, "28 segments of 2,304");
    // One more packet lets two go, in one packet; two more let four go.
    for (segments, expected) in [(2, 64_512), (4, 73_728)] {
        send.acknowledged(0);
        (0..segments).for_each(|_| send.sent(MSS));
        send.check_space(16, 16);
        assert_eq!(send.usage().1, expected, "{segments} segments let go");
    }
    send.check_space(1_000_000, 0);
    assert_eq!(send.usage().1, 4 << 20, "as much as there may be");
}

#[test]
fn a_limit_set_by_the_process_is_doubled_and_does_not_move() {
    let mut send = sender();
    send.set_fixed(1);
    assert_eq!(send.usage().1, 4608, "two packets at least");
    fill(&mut send);
    send.check_space(100, 0);
    assert_eq!(send.usage().1, 4608);
}

#[test]
fn a_packet_that_is_cut_for_sending_costs_another_one() {
    let mut send = sender();
    send.write(4 * MSS as usize, GOAL);
    let whole = send.usage().0;
    send.sent(MSS);
    send.sent(MSS);
    assert_eq!(send.usage().0, whole + 832, "two segments leave as one packet");
    send.sent(MSS);
    assert_eq!(send.usage().0, whole + 2 * 832);
    send.sent(MSS);
    assert_eq!(send.usage().0, whole + 832, "nothing is left of the first");
    send.acknowledged(4 * u64::from(MSS));
    assert_eq!(send.usage().0, 0);
}

#[test]
fn acknowledged_data_are_free_at_once_and_their_packet_when_it_is_whole() {
    let mut send = sender();
    send.write(2 * MSS as usize, GOAL);
    send.sent(MSS);
    send.sent(MSS);
    send.acknowledged(1000);
    assert_eq!(send.usage().0, u64::from(2 * MSS - 1000 + 832));
}

#[test]
fn a_limit_on_unsent_data_refuses_a_packet_and_wakes_at_half() {
    let mut send = sender();
    send.set_unsent_limit(Some(8192));
    assert_eq!(fill_by(&mut send, MSS), 6 * u64::from(MSS), "the packet that passes the limit is the last");
    send.sent(3 * MSS);
    assert!(!send.is_writable(), "4,344 bytes are unsent");
    send.sent(MSS);
    assert!(send.is_writable());
}

#[test]
fn the_first_window_is_half_the_memory_in_whole_segments() {
    assert_eq!(ReceiveMemory::new(128 << 10, 32 << 20, None).initial_window(1460), (64_240, 10));
    assert_eq!(ReceiveMemory::new(128 << 10, 32 << 20, None).initial_window(MSS), (65_160, 10));
    assert_eq!(ReceiveMemory::new(128 << 10, 32 << 20, Some(4096)).initial_window(MSS), (2896, 0));
    assert_eq!(ReceiveMemory::new(128 << 10, 32 << 20, Some(65_536)).initial_window(MSS), (65_160, 1));
}

/// As seen on Linux: one byte is echoed, then full segments come which nobody reads.
#[test]
fn the_window_opens_with_full_segments_and_falls_when_memory_runs_out() {
    let mut receive = receiver(None);
    let (mut edge, mut received) = (65_160, 0);
    let mut arrive = |receive: &mut ReceiveMemory, len: u32| {
        assert!(receive.arrived(ms(1), len as usize, true, 0));
        received += len;
        let window = receive.window(edge - received);
        edge = received + window;
        window >> 10
    };
    assert_eq!(arrive(&mut receive, 1), 64);
    receive.copied(ms(2), 1, 0);
    let windows: Vec<u32> = (0..7).map(|_| arrive(&mut receive, MSS)).collect();
    assert_eq!(windows, [67, 70, 73, 75, 74, 73, 72]);
}

#[test]
fn an_offered_window_is_never_taken_back() {
    let mut receive = receiver(None);
    for _ in 0..40 {
        assert!(receive.arrived(ms(1), MSS as usize, false, 0));
    }
    assert!(!receive.can_advance() && receive.is_half_full());
    assert_eq!(receive.window(50_000), 50_176, "the scale's unit rounds it up");
    assert_eq!(receive.window(500), 23 << 10, "what fits is more than that");
}

#[test]
fn rather_no_window_than_a_silly_one() {
    let mut receive = receiver(None);
    for _ in 0..52 {
        assert!(receive.arrived(ms(1), MSS as usize, false, 0));
    }
    assert_eq!(receive.usage(), (52 * 2304, 128 << 10), "7 KiB of window are left, more than a sixteenth");
    assert_eq!(receive.window(0), 6 << 10);
    assert!(receive.arrived(ms(1), MSS as usize, false, 0));
    assert_eq!(receive.window(0), 5 << 10);
    assert!(receive.arrived(ms(1), MSS as usize, false, 0));
    assert_eq!(receive.window(0), 0);
    assert!(!receive.should_announce(0));
    receive.copied(ms(2), 2 * MSS as usize, 52 * MSS as usize);
    assert!(receive.should_announce(0));
}

#[test]
fn small_packets_cost_what_large_ones_cost_unless_they_fit_behind_the_last() {
    let cost = |len: usize, packets: usize| {
        let mut receive = receiver(None);
        for _ in 0..packets {
            assert!(receive.arrived(ms(1), len, true, 0));
        }
        receive.usage().0
    };
    assert_eq!(
        [cost(1, 1), cost(140, 1), cost(141, 1), cost(588, 1), cost(589, 1)],
        [832, 832, 1280, 1280, 2304]
    );
    assert_eq!([cost(100, 10), cost(10, 10), cost(200, 2), cost(200, 3)], [8320, 832, 1280, 2560]);
}

#[test]
fn a_limit_that_may_move_makes_room_for_everything_within_the_window() {
    let mut receive = receiver(None);
    for _ in 0..1000 {
        assert!(receive.arrived(ms(1), 100, true, 0));
    }
    assert_eq!(receive.usage(), (832_000, 831_168), "it moves up to what is used");
}

#[test]
fn a_fixed_limit_squeezes_small_packets_together_then_drops_and_closes_the_window() {
    let mut receive = receiver(Some(16_384));
    let mut taken = 0;
    while receive.arrived(ms(1), 100, true, 0) {
        taken += 100;
    }
    let (used, limit) = receive.usage();
    assert_eq!(limit, 32_768);
    assert!(used > limit && taken > 20_000, "{taken} bytes in {used}; without squeezing it were 4,000");
    assert_eq!(receive.window(3000), 0, "even what was offered is taken back");
}

/// The numbers of a measured connection: from 15,784 bytes a round trip to 53,432, tcp_rmem at its defaults.
#[test]
fn a_process_that_reads_more_in_a_round_trip_gets_a_larger_buffer() {
    let mut receive = receiver(None);
    let mut now = secs(0);
    let mut read = |receive: &mut ReceiveMemory, bytes: usize| {
        now += ms(60);
        let mut rest = bytes;
        while rest > 0 {
            let len = rest.min(MSS as usize);
            receive.rtt(ms(60), len, bytes - rest);
            assert!(receive.arrived(now, len, false, 0));
            receive.copied(now, len, 0);
            rest -= len;
        }
        receive.usage().1
    };
    // What is read in a round trip is looked at with the first packet of the next one.
    assert_eq!(read(&mut receive, MSS as usize), 128 << 10);
    assert_eq!(read(&mut receive, 15_784), 128 << 10);
    assert_eq!(read(&mut receive, 53_432), 128 << 10, "15,784 is hardly more than the first window");
    assert_eq!(read(&mut receive, MSS as usize), 986_636);
}

#[test]
fn what_lies_unread_does_not_count_as_read() {
    let mut receive = receiver(None);
    receive.rtt(ms(60), MSS as usize, 0);
    for _ in 0..40 {
        assert!(receive.arrived(ms(1), MSS as usize, false, 0));
    }
    receive.copied(ms(122), 20 * MSS as usize, 20 * MSS as usize);
    assert_eq!(
        receive.usage().1,
        128 << 10,
        "20 packets in two round trips are enough to grow, but 20 lie there"
    );
}

#[test]
fn who_reads_a_burst_at_the_instant_it_arrives_has_kept_up() {
    let mut receive = receiver(None);
    receive.rtt(ms(60), MSS as usize, 0);
    for round in 1..=3 {
        for _ in 0..20 {
            assert!(receive.arrived(ms(61 * round), MSS as usize, false, 0));
        }
        receive.copied(ms(61 * round), 20 * MSS as usize, 0);
    }
    assert!(receive.usage().1 > 128 << 10, "28,960 bytes a round trip are twice the first window");
}

#[test]
fn data_out_of_order_make_room_for_what_is_missing() {
    let mut receive = receiver(None);
    assert!(receive.arrived(ms(1), MSS as usize, false, 0));
    assert!(receive.arrived(ms(1), MSS as usize, false, 200_000));
    // Twice the first window of 14,480 and what is out of order, 160/256 of memory being data.
    assert_eq!(receive.usage().1, (2 * 14_480 + 200_000) * 256 / 160);
}

#[test]
fn two_equal_smaller_segments_are_the_peers_size() {
    let mut receive = receiver(None);
    assert_eq!(receive.segment(), 536);
    for (len, expected) in [(MSS, MSS), (1000, MSS), (1000, 1000), (100, 1000), (100, 1000)] {
        assert!(receive.arrived(Duration::ZERO, len as usize, true, 0));
        assert_eq!(receive.segment(), expected);
    }
}
