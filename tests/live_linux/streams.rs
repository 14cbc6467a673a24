//! Streams arrive whole, both ways, over whatever path.

use std::time::Duration;

use halfopen::net::SocketOptions;
use halfopen::tcp::Sysctls;

use super::live::{Live, each, live, live_with};
use super::namespace::set;
use super::path::From;
use super::talk::{Talk, bytes, connect, exchange, joined, listener, patient, same, serve};

const MIB: usize = 1 << 20;

/// We connect; each side writes that many bytes, closes, and reads to the end. Returns how long it took.
fn both_ways(live: &mut Live, ours: usize, theirs: usize) -> Duration {
    let began = live.now();
    let linux = serve(listener(5_000), move |stream| exchange(stream, bytes(2, theirs)));
    let id = live.connect(40_000, 5_000, &SocketOptions::default());
    let mut talk = Talk::new(id, bytes(1, ours));
    finish(live, &mut talk);
    let got = joined(live, "Linux's end", linux).unwrap_or_else(|error| panic!("{error}\n{}", live.told()));
    same("what Linux got", &got, &bytes(1, ours));
    same("what we got", &talk.got, &bytes(2, theirs));
    live.now() - began
}

fn finish(live: &mut Live, talk: &mut Talk) {
    let result = live.until("the end of both streams", |endpoint, now| match talk.go_on(endpoint, now) {
        Ok(false) => None,
        Ok(true) => Some(Ok(())),
        Err(error) => Some(Err(error)),
    });
    result.unwrap_or_else(|error| panic!("{error}\n{}", live.told()));
}

fn sent_again(live: &Live, from: From) -> usize {
    let data = live.seen.iter().filter(|seen| seen.from == from && !seen.segment.data.is_empty());
    let mut seqs: Vec<u32> = data.map(|seen| seen.segment.seq).collect();
    let all = seqs.len();
    seqs.sort_unstable();
    seqs.dedup();
    all - seqs.len()
}

#[test]
fn a_megabyte_each_way_arrives_whole_over_a_good_path_and_nothing_is_sent_twice() {
    live(1, |live| {
        both_ways(live, MIB, MIB);
        assert_eq!(sent_again(live, From::Us), 0, "{}", live.told());
    });
}

#[test]
fn a_connection_that_linux_opens_carries_a_megabyte_each_way() {
    live(2, |live| {
        live.listen(80);
        let linux = std::thread::spawn(|| exchange(patient(connect(80)?)?, bytes(2, MIB)));
        let id = live.accept(80);
        let mut talk = Talk::new(id, bytes(1, MIB));
        finish(live, &mut talk);
        let got = joined(live, "Linux's end", linux).expect("no error");
        same("what Linux got", &got, &bytes(1, MIB));
        same("what we got", &talk.got, &bytes(2, MIB));
    });
}

#[test]
fn streams_arrive_whole_over_a_path_that_loses_repeats_and_overtakes() {
    each([(11, 5), (12, 10), (13, 15)], |live, one_way_ms| {
        live.path.one_way = Duration::from_millis(one_way_ms);
        (live.path.loss, live.path.reorder, live.path.duplicate) = (0.02, 0.03, 0.01);
        both_ways(live, 300_000, 300_000);
        for from in [From::Us, From::Linux] {
            let lost = live.seen.iter().filter(|seen| seen.from == from && seen.arrivals.is_empty());
            assert!(lost.count() > 0, "the path lost nothing of {from:?}");
        }
        assert!(sent_again(live, From::Us) > 0);
    });
}

#[test]
fn a_lossless_path_that_overtakes_is_no_reason_to_send_much_twice() {
    live(21, |live| {
        live.path.one_way = Duration::from_millis(10);
        live.path.reorder = 0.05;
        both_ways(live, 500_000, 500_000);
        let data = live.since(Duration::ZERO, From::Us).filter(|s| !s.data.is_empty()).count();
        let again = sent_again(live, From::Us);
        // Linux's own sender sends some of it again until it has learnt how far packets are overtaken (RACK's window).
        assert!(again * 10 < data, "{again} of {data}");
    });
}

#[test]
fn heavy_loss_slows_a_stream_but_does_not_break_it() {
    each([(31, 0.15), (32, 0.2)], |live, loss| {
        live.path.loss = loss;
        both_ways(live, 100_000, 100_000);
    });
}

#[test]
fn streams_go_on_after_outages() {
    each([(41, 460), (42, 550)], |live, ends_ms| {
        live.path.one_way = Duration::from_millis(10);
        let ms = Duration::from_millis;
        live.path.outages = vec![ms(60)..ms(ends_ms), ms(900)..ms(1_300)];
        both_ways(live, MIB / 2, MIB / 2);
    });
}

#[test]
fn timestamps_window_scaling_and_sack_are_negotiated_by_either_opener() {
    live(51, |live| {
        live.path.loss = 0.05;
        both_ways(live, 200_000, 200_000);
        live.listen(80);
        let linux = std::thread::spawn(|| exchange(patient(connect(80)?)?, bytes(2, 100_000)));
        let id = live.accept(80);
        finish(live, &mut Talk::new(id, bytes(1, 100_000)));
        joined(live, "Linux's end", linux).expect("no error");
        let syns: Vec<_> = live.seen.iter().filter(|seen| seen.segment.flags.syn).collect();
        assert!(syns.len() >= 4);
        for seen in &syns {
            let options = seen.segment.options;
            assert!(options.timestamps.is_some() && options.sack_permitted, "{options:?}");
            assert!(options.window_scale.is_some() && options.mss == Some(1_460), "{options:?}");
        }
        for from in [From::Us, From::Linux] {
            let mut sent = live.since(Duration::ZERO, from);
            assert!(sent.all(|s| s.flags.rst || s.options.timestamps.is_some()), "{from:?}: {}", live.told());
            assert!(
                live.since(Duration::ZERO, from).any(|s| !s.options.sack.is_empty()),
                "{from:?}: no SACK"
            );
        }
    });
}

#[test]
fn what_linux_declines_is_not_used() {
    live(52, |live| {
        for option in ["tcp_timestamps", "tcp_sack", "tcp_window_scaling"] {
            set(option, "0").expect("a namespace of our own");
        }
        live.path.loss = 0.02;
        both_ways(live, 150_000, 150_000);
        let later = live.since(Duration::ZERO, From::Us).filter(|s| !s.flags.syn);
        for segment in later {
            assert!(segment.options.timestamps.is_none() && segment.options.sack.is_empty(), "{segment:?}");
        }
    });
}

#[test]
fn what_we_do_not_offer_linux_does_not_use() {
    let sysctls = Sysctls { timestamps: false, sack: false, ..Sysctls::default() };
    live_with(53, sysctls, |live| {
        live.path.loss = 0.02;
        both_ways(live, 150_000, 150_000);
        for segment in live.since(Duration::ZERO, From::Linux) {
            assert!(segment.options.timestamps.is_none() && segment.options.sack.is_empty(), "{segment:?}");
        }
    });
}

#[test]
fn a_path_of_small_packets_is_obeyed() {
    live(54, |live| {
        // What Linux announces as its maximum follows its device.
        super::namespace::ip(&["link", "set", "tun0", "mtu", "600"]).expect("a namespace of our own");
        both_ways(live, 100_000, 100_000);
        assert!(live.since(Duration::ZERO, From::Us).all(|s| s.data.len() <= 560));
    });
}
