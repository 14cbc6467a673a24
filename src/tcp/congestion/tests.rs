//! The window over many round trips, held against the RFCs' formulae.

use super::*;
use crate::parameter::{ms, secs};

fn cubic() -> Congestion {
    Congestion::new(CongestionControl::Cubic, true)
}

/// A window of `segments` at which a segment was lost, recovered from.
fn after_a_loss_at(control: CongestionControl, segments: u32) -> Congestion {
    let mut congestion = Congestion::new(control, true);
    congestion.set_cwnd(segments);
    let reduced = congestion.loss_ssthresh();
    congestion.set_cwnd(reduced);
    congestion
}

/// Full windows, one every `rtt`, from `from` to `until`; each segment is acknowledged by itself. The window after each.
fn rounds(
    congestion: &mut Congestion,
    rtt: Duration,
    from: Duration,
    until: Duration,
) -> Vec<(Duration, u32)> {
    let mut now = from;
    let mut windows = Vec::new();
    while now < until {
        let flight = congestion.cwnd();
        for segment in 0..flight {
            let at = now + rtt * segment / flight;
            congestion.rtt_sample(at, rtt, 0, 0);
            congestion.acked(at, 1, true);
        }
        now += rtt;
        windows.push((now, congestion.cwnd()));
    }
    windows
}

#[test]
fn slow_start_adds_a_segment_for_every_segment_acknowledged() {
    let mut congestion = cubic();
    assert_eq!((congestion.cwnd(), congestion.in_slow_start()), (10, true));
    congestion.acked(ms(60), 4, true);
    congestion.acked(ms(61), 6, true);
    assert_eq!(congestion.cwnd(), 20);
}

#[test]
fn a_window_that_is_not_used_does_not_grow() {
    let mut congestion = cubic();
    congestion.acked(ms(60), 10, false);
    assert_eq!(congestion.cwnd(), 10);
}

#[test]
fn slow_start_ends_at_the_threshold_and_what_is_left_counts_for_avoidance() {
    let mut congestion = Congestion::new(CongestionControl::Reno, false);
    congestion.set_ssthresh(12);
    congestion.acked(ms(60), 14, true);
    assert_eq!(
        (congestion.cwnd(), congestion.in_slow_start()),
        (13, false),
        "2 to the threshold, 12 for one more"
    );
}

#[test]
fn reno_grows_by_a_segment_a_round_trip_and_halves() {
    let mut congestion = after_a_loss_at(CongestionControl::Reno, 40);
    assert_eq!(congestion.cwnd(), 20);
    let windows = rounds(&mut congestion, ms(100), secs(0), secs(1));
    assert!((29..=30).contains(&windows.last().unwrap().1), "{windows:?}");
}

#[test]
fn no_loss_takes_the_threshold_below_two_segments() {
    for control in [CongestionControl::Cubic, CongestionControl::Reno] {
        assert_eq!(after_a_loss_at(control, 2).ssthresh(), 2);
    }
}

/// RFC 9438 section 4.2: W(t) = C (t - K)^3 + W_max with K = cbrt(W_max (1 - beta) / C), on a path so long that the Reno
/// estimate stays below.
#[test]
fn cubic_follows_rfc_9438s_curve_through_the_plateau() {
    let (rtt, max) = (ms(200), 1000u32);
    let mut congestion = after_a_loss_at(CongestionControl::Cubic, max);
    assert_eq!(congestion.cwnd(), 700);
    let k = (f64::from(max - 700) / 0.4).cbrt();
    let windows = rounds(&mut congestion, rtt, secs(0), secs(16));
    for (at, window) in &windows {
        let t = at.as_secs_f64();
        let curve = 0.4 * (t - k).powi(3) + f64::from(max);
        let off = f64::from(*window) / curve - 1.0;
        assert!(off.abs() < 0.02, "at {t:.1} s: {window} instead of {curve:.0}");
    }
    let growth = |from: f64, to: f64| {
        let at = |t: f64| windows.iter().find(|(at, _)| at.as_secs_f64() >= t).unwrap().1;
        at(to) - at(from)
    };
    assert!(growth(0.2, 3.0) > 5 * growth(6.0, 9.0), "concave before the plateau");
    assert!(growth(13.0, 15.8) > 5 * growth(9.0, 11.0), "convex after it");
}

/// Linux 6.18 on a path of 64 ms, cwnd after every round trip since the recovery from a loss at 185 segments ended.
#[test]
fn cubic_grows_as_it_was_measured_to_grow_on_linux() {
    let linux = [
        131, 134, 135, 139, 139, 141, 143, 144, 147, 148, 149, 151, 153, 154, 155, 157, 158, 159, 161, 162,
        163, 164, 165, 166,
    ];
    let mut congestion = after_a_loss_at(CongestionControl::Cubic, 185);
    assert_eq!(congestion.cwnd(), 129);
    let windows = rounds(&mut congestion, ms(64), secs(0), ms(64) * linux.len() as u32);
    for ((at, ours), linux) in windows.iter().zip(linux) {
        assert!(ours.abs_diff(linux) <= 2, "after {at:?}: {ours}, on Linux {linux}: {windows:?}");
    }
}

/// RFC 9438 section 4.3: on short paths CUBIC grows as Reno would with alpha = 3 (1 - beta) / (1 + beta) = 0.53.
#[test]
fn on_a_short_path_cubic_keeps_up_with_reno() {
    let mut congestion = after_a_loss_at(CongestionControl::Cubic, 20);
    let start = congestion.cwnd();
    let windows = rounds(&mut congestion, ms(10), secs(0), secs(1));
    let grown = f64::from(windows.last().unwrap().1 - start);
    let alpha = grown / 100.0;
    assert!((0.45..0.6).contains(&alpha), "{alpha} segments a round trip");
}

#[test]
fn a_flow_that_did_not_reach_its_old_maximum_aims_lower() {
    let mut congestion = after_a_loss_at(CongestionControl::Cubic, 1000);
    congestion.set_cwnd(800);
    congestion.loss_ssthresh();
    congestion.set_cwnd(560);
    // W_max = 800 (1 + 0.7) / 2 = 680: K = cbrt(120 / 0.4) = 6.7 s.
    let windows = rounds(&mut congestion, ms(200), secs(0), secs(7));
    let plateau = windows.last().unwrap().1;
    assert!((675..=685).contains(&plateau), "{plateau}");
}

#[test]
fn a_pause_is_no_time_on_the_curve() {
    let (mut paused, mut steady) = (after_a_loss_at(CongestionControl::Cubic, 1000), cubic());
    steady.clone_from(&paused);
    rounds(&mut paused, ms(200), secs(0), secs(2));
    rounds(&mut steady, ms(200), secs(0), secs(2));
    paused.tx_start(secs(62), secs(2));
    let after_pause = rounds(&mut paused, ms(200), secs(62), secs(64)).last().unwrap().1;
    let without = rounds(&mut steady, ms(200), secs(2), secs(4)).last().unwrap().1;
    assert!(after_pause.abs_diff(without) <= 2, "{after_pause} and {without}");
}

#[test]
fn hystart_leaves_slow_start_when_the_delay_grows() {
    let grown = |extra: Duration| {
        let mut congestion = cubic();
        congestion.set_cwnd(20);
        congestion.rtt_sample(secs(1), ms(60), 1, 1);
        // The next round, ten milliseconds between acknowledgements so that they are no train.
        for n in 0..10u64 {
            congestion.rtt_sample(secs(2) + ms(10 * n), ms(60) + extra, 2, 3);
        }
        congestion.ssthresh()
    };
    assert_eq!(grown(ms(7)), INFINITE_THRESHOLD, "an eighth of 60 ms is 7.5 ms");
    assert_eq!(grown(ms(8)), 20);
}

#[test]
fn hystart_leaves_slow_start_when_a_train_of_acks_lasts_half_a_round_trip() {
    let left_after = |gap: Duration| {
        let mut congestion = cubic();
        congestion.set_cwnd(100);
        let acks = |n: u32| secs(1) + gap * n;
        (0..100).find(|n| {
            congestion.rtt_sample(acks(*n), ms(60), 2, 3);
            congestion.ssthresh() < INFINITE_THRESHOLD
        })
    };
    assert_eq!(left_after(ms(1)), Some(31), "more than (60 ms + 1 ms) / 2");
    assert_eq!(left_after(ms(3)), None, "too far apart to be a train");
}

/// Linux 6.18 behind a link of 1 MB/s, 60 ms away: when each acknowledgement came (in us), the round trip it measured,
/// what it acknowledged and what had been sent by then (in segments since the first), and the window after it.
const UNTIL_SLOW_START_ENDED: [(u64, u64, u32, u32, u32); 42] = [
    (67122, 66996, 0, 8, 12),
    (67278, 67142, 2, 12, 14),
    (71121, 70978, 4, 16, 16),
    (75111, 74956, 6, 20, 18),
    (79110, 78939, 8, 24, 20),
    (130482, 63216, 10, 28, 22),
    (133471, 66197, 12, 32, 24),
    (136464, 69152, 14, 36, 26),
    (139456, 72137, 16, 40, 28),
    (142461, 71236, 18, 44, 30),
    (147103, 75871, 20, 48, 32),
    (148392, 73200, 22, 52, 34),
    (151460, 76258, 24, 56, 36),
    (154454, 75269, 26, 60, 38),
    (159113, 79921, 28, 64, 40),
    (197263, 66708, 30, 68, 42),
    (197353, 66791, 32, 72, 44),
    (199670, 66138, 34, 76, 46),
    (202655, 69115, 36, 80, 48),
    (212121, 75583, 38, 84, 50),
    (212223, 75678, 40, 88, 52),
    (212281, 72767, 42, 92, 54),
    (215146, 75624, 44, 96, 56),
    (219146, 76628, 46, 100, 58),
    (220687, 78161, 48, 104, 60),
    (223758, 76589, 50, 108, 62),
    (226773, 79596, 52, 112, 64),
    (229843, 81392, 54, 116, 66),
    (232824, 84365, 56, 120, 68),
    (242302, 90775, 58, 124, 70),
    (245330, 90800, 64, 128, 76),
    (249339, 90155, 66, 140, 78),
    (250766, 91576, 68, 144, 80),
    (267136, 69794, 70, 148, 82),
    (267263, 69914, 72, 152, 84),
    (267326, 69942, 74, 156, 86),
    (271186, 73796, 76, 160, 88),
    (272452, 72708, 78, 164, 90),
    (275471, 75720, 80, 168, 92),
    (278472, 75763, 82, 172, 94),
    (281461, 78745, 84, 176, 96),
    (284457, 72255, 86, 180, 96),
];

#[test]
fn hystart_ends_slow_start_at_the_acknowledgement_at_which_linux_ended_it() {
    let us = Duration::from_micros;
    let mut congestion = cubic();
    // A few echoes before: the fastest round trip.
    congestion.rtt_sample(secs(0), us(60_300), 0, 0);
    let mut last = 0;
    for (at, rtt, una, nxt, window) in UNTIL_SLOW_START_ENDED {
        assert_eq!(congestion.ssthresh(), INFINITE_THRESHOLD, "too early: {at} us");
        let (una, nxt) = (una + 2, nxt + 2);
        congestion.rtt_sample(us(at), us(rtt), una, nxt);
        congestion.acked(us(at), una - last, true);
        assert_eq!(congestion.cwnd(), window, "after {at} us");
        last = una;
    }
    assert_eq!(congestion.ssthresh(), 96);
}

#[test]
fn hystart_waits_for_a_window_of_sixteen() {
    let mut congestion = cubic();
    congestion.set_cwnd(15);
    for n in 0..100 {
        congestion.rtt_sample(secs(1) + ms(n), ms(60), 2, 3);
    }
    assert_eq!(congestion.ssthresh(), INFINITE_THRESHOLD);
}

#[test]
fn a_loss_that_was_none_is_undone() {
    let mut congestion = cubic();
    congestion.set_cwnd(50);
    assert_eq!(congestion.loss_ssthresh(), 35);
    congestion.set_cwnd(1);
    congestion.on_timeout();
    congestion.undo();
    assert_eq!((congestion.cwnd(), congestion.ssthresh()), (50, INFINITE_THRESHOLD));
}

#[test]
fn a_timeout_forgets_the_maximum() {
    let mut congestion = after_a_loss_at(CongestionControl::Cubic, 1000);
    congestion.on_timeout();
    // Without a maximum the window grows by a twentieth a round trip at least; with it, by a segment or two here.
    congestion.set_cwnd(700);
    let window = rounds(&mut congestion, ms(10), secs(0), ms(10))[0].1;
    assert!((734..=736).contains(&window), "{window}");
}

#[test]
fn an_idle_connection_loses_half_its_window_for_every_rto() {
    let mut congestion = cubic();
    congestion.set_cwnd(36);
    congestion.restart_after_idle(ms(500), ms(260));
    assert_eq!(congestion.cwnd(), 18);
    congestion.restart_after_idle(secs(10), ms(260));
    assert_eq!((congestion.cwnd(), congestion.ssthresh()), (10, INFINITE_THRESHOLD));
    let mut after_loss = after_a_loss_at(CongestionControl::Cubic, 100);
    after_loss.set_cwnd(200);
    after_loss.restart_after_idle(secs(10), ms(260));
    assert_eq!((after_loss.cwnd(), after_loss.ssthresh()), (10, 150), "three quarters are remembered");
}
