//! Timelines against an oracle that says, without their code, what must be true at an instant.

use std::time::Duration;

use proptest::prelude::*;

use super::{Beginning, Condition, Moment, Timeline};
use crate::parameter::{Probability, mins, ms, secs};
use crate::sim::fault::{Dns, Entry, Fault, Script, SuspendedClock};

const INTERFACES: [&str; 3] = ["wifi", "lte", "cable"];

fn timeline(script: &Script) -> Timeline {
    Timeline::new(script, "m", &INTERFACES).expect("its interfaces exist")
}

fn of(script: &str) -> Timeline {
    timeline(&script.parse().expect(script))
}

/// All moments until then.
fn moments(mut timeline: Timeline, until: Duration) -> Vec<Moment> {
    let next = |timeline: &mut Timeline| timeline.pass().filter(|moment| moment.at <= until);
    std::iter::from_fn(|| next(&mut timeline)).collect()
}

/// The times at which an aspect of the condition changes, and to what.
fn changes<T: PartialEq + Copy>(script: &str, aspect: fn(&Condition) -> T) -> Vec<(Duration, T)> {
    let mut last = aspect(&Condition::default());
    let mut out = Vec::new();
    for moment in moments(of(script), mins(60)) {
        let now = aspect(&moment.condition);
        if now != last {
            out.push((moment.at, now));
            last = now;
        }
    }
    out
}

#[test]
fn a_crash_within_a_power_loss_starts_nothing_while_the_machine_is_off() {
    let script = "at 10s power-loss m for 30s; at 15s crash m for 5s";
    assert_eq!(changes(script, |c| c.powered && !c.crashed), [(secs(10), false), (secs(40), true)]);
}

#[test]
fn a_crash_that_outlasts_a_power_loss_leaves_a_machine_without_processes() {
    let script = "at 10s power-loss m for 5s; at 12s crash m for 10s";
    assert_eq!(changes(script, |c| c.powered), [(secs(10), false), (secs(15), true)]);
    assert_eq!(changes(script, |c| c.powered && !c.crashed), [(secs(10), false), (secs(22), true)]);
}

#[test]
fn a_nested_stall_does_not_end_the_outer_one() {
    let script = "at 30s stall m for 1m 30s; at 40s stall m for 5s";
    assert_eq!(changes(script, |c| c.running), [(secs(30), false), (secs(120), true)]);
}

#[test]
fn who_was_offline_comes_back_on_the_interface_it_had() {
    let script = "at 10s switch m lte; at 20s offline m for 5s";
    let expected = [(secs(10), Some(1)), (secs(20), None), (secs(25), Some(1))];
    assert_eq!(changes(script, |c| c.interface), expected);
}

#[test]
fn the_switch_that_began_last_wins_and_the_one_before_holds_again_after_it() {
    let script = "at 10s switch m lte for 60s; at 20s switch m cable for 10s";
    let expected = [(secs(10), Some(1)), (secs(20), Some(2)), (secs(30), Some(1)), (secs(70), Some(0))];
    assert_eq!(changes(script, |c| c.interface), expected);
    // Those that begin together: the one that stands last.
    let both = "at 10s switch m lte; at 10s switch m cable";
    assert_eq!(changes(both, |c| c.interface), [(secs(10), Some(2))]);
}

#[test]
fn sockets_are_destroyed_when_a_switch_that_destroys_begins_and_when_it_ends() {
    let at: Vec<(Duration, bool)> =
        moments(of("at 10s switch m lte destroy for 5s; at 12s stall m for 1s"), mins(1))
            .into_iter()
            .map(|moment| (moment.at, moment.condition.destroys))
            .collect();
    assert_eq!(at, [(secs(10), true), (secs(12), false), (secs(13), false), (secs(15), true)]);
}

#[test]
fn a_slow_machine_runs_for_the_first_part_of_every_period_counted_from_the_faults_beginning() {
    let script = "at 1s50ms slow m 10% for 250ms";
    let expected = [(1060, false), (1150, true), (1160, false), (1250, true), (1260, false), (1300, true)];
    assert_eq!(changes(script, |c| c.running), expected.map(|(at, runs)| (ms(at), runs)));
}

#[test]
fn a_stall_within_slowness_and_slowness_within_a_stall_leave_no_time_to_run() {
    let runs = |moment: &Moment| moment.condition.running;
    for script in ["at 1s slow m 50%; at 2s stall m for 1s", "at 1s stall m for 2s; at 2s slow m 50% for 10s"]
    {
        let during = moments(of(script), secs(20));
        assert!(during.iter().filter(|m| m.at >= secs(2) && m.at < secs(3)).all(|m| !runs(m)), "{script}");
        assert!(during.iter().filter(|m| m.at >= secs(3)).any(runs), "{script}");
    }
}

#[test]
fn a_fault_of_no_duration_is_a_moment() {
    let moments =
        moments(of("at 5s crash m for 0s; at 5s power-loss m for 0s; at 5s stall m for 0s"), mins(1));
    let [moment] = &moments[..] else { panic!("{moments:?}") };
    assert_eq!(moment.begins, [Beginning::Crash, Beginning::PowerLoss]);
    assert_eq!(moment.condition, Condition::default());
}

#[test]
fn what_routers_do_happens_before_the_interface_in_use() {
    let script = "at 1s forget m; at 2s switch m lte; at 3s rebind m; at 4s offline m; at 5s forget m";
    let begins: Vec<Beginning> = moments(of(script), mins(1)).into_iter().flat_map(|m| m.begins).collect();
    assert_eq!(begins, [Beginning::Forget(0), Beginning::Rebind(1), Beginning::Forget(1)]);
}

#[test]
fn a_machine_without_faults_never_changes() {
    assert_eq!(of("at 1s stall other; at 1s partition m other").pass(), None);
}

#[test]
fn an_interface_that_is_not_there_is_told_with_those_that_are() {
    let script: Script = "at 1s switch m 5g".parse().expect("a script");
    let error = Timeline::new(&script, "m", &INTERFACES).expect_err("no such interface").to_string();
    assert_eq!(error, "fault `at 1s switch m 5g`: m has no interface `5g`; valid: wifi, lte, cable");
}

/// Times on a coarse grid, so that beginnings and ends fall together; it does not fit the period of a slow CPU.
fn time() -> impl Strategy<Value = Duration> {
    (0u64..16).prop_map(|n| ms(n * 70))
}

fn fault() -> impl Strategy<Value = Fault> {
    let m = || "m".to_owned();
    prop_oneof![
        Just(Fault::Stall(m())),
        (1u32..100).prop_map(move |p| Fault::Slow(m(), Probability(f64::from(p) / 100.0))),
        Just(Fault::Suspend(m(), SuspendedClock::Stops)),
        Just(Fault::Suspend(m(), SuspendedClock::Runs)),
        Just(Fault::Crash(m())),
        Just(Fault::PowerLoss(m())),
        Just(Fault::Offline(m())),
        Just(Fault::Dns(m(), Dns::Dead)),
        Just(Fault::Dns(m(), Dns::Takes(secs(3)))),
        (0..3usize, any::<bool>()).prop_map(move |(i, destroy)| Fault::Switch {
            machine: m(),
            to: INTERFACES[i].into(),
            destroy
        }),
        Just(Fault::Forget(m())),
        Just(Fault::Stall("other".into())),
    ]
}

fn script() -> impl Strategy<Value = Script> {
    let entry =
        (time(), fault(), proptest::option::weighted(0.8, time())).prop_map(|(at, fault, lasting)| {
            let lasting = lasting.filter(|_| !fault.is_momentary());
            Entry { at, fault, lasting }
        });
    proptest::collection::vec(entry, 0..8).prop_map(Script)
}

/// What must be true at an instant, in microseconds and plain words.
struct Oracle<'a> {
    script: &'a Script,
    t: i128,
}

impl Oracle<'_> {
    /// The faults in force that are wanted: (when begun, place in the script, fault).
    fn in_force(&self, wanted: fn(&Fault) -> bool) -> Vec<(i128, usize, &Fault)> {
        let us = |d: Duration| d.as_nanos() as i128 / 1000;
        let mut found = Vec::new();
        for (place, entry) in self.script.0.iter().enumerate() {
            let begun = us(entry.at) <= self.t;
            let ended = entry.lasting.is_some_and(|lasting| us(entry.at) + us(lasting) <= self.t);
            if begun && !ended && wanted(&entry.fault) && entry.fault.machines() == ["m"] {
                found.push((us(entry.at), place, &entry.fault));
            }
        }
        found
    }

    fn any(&self, wanted: fn(&Fault) -> bool) -> bool {
        !self.in_force(wanted).is_empty()
    }

    /// Of those the one that began last.
    fn last(&self, wanted: fn(&Fault) -> bool) -> Option<(i128, &Fault)> {
        let found = self.in_force(wanted).into_iter();
        found.max_by_key(|(begun, place, _)| (*begun, *place)).map(|(begun, _, fault)| (begun, fault))
    }

    fn check(&self, now: &Condition) -> Result<(), TestCaseError> {
        prop_assert_eq!(now.powered, !self.any(|f| matches!(f, Fault::PowerLoss(_))));
        prop_assert_eq!(now.crashed, self.any(|f| matches!(f, Fault::Crash(_))));
        let sleeps = self.last(|f| matches!(f, Fault::Suspend(..)));
        prop_assert_eq!(now.asleep.is_some(), sleeps.is_some());
        if let (Some(clock), Some((_, Fault::Suspend(_, expected)))) = (now.asleep, sleeps) {
            prop_assert_eq!(clock, *expected);
        }
        let has_its_turn = match self.last(|f| matches!(f, Fault::Slow(..))) {
            // Shares here are whole percents: so many milliseconds of every 100.
            Some((begun, Fault::Slow(_, share))) => {
                (self.t - begun) % 100_000 < (share.0 * 100.0).round() as i128 * 1000
            }
            _ => true,
        };
        prop_assert_eq!(now.running, has_its_turn && !self.any(|f| matches!(f, Fault::Stall(_))));
        let chosen = match self.last(|f| matches!(f, Fault::Switch { .. })) {
            Some((_, Fault::Switch { to, .. })) => to.as_str(),
            _ => "wifi",
        };
        let expected = (!self.any(|f| matches!(f, Fault::Offline(_)))).then_some(chosen);
        prop_assert_eq!(now.interface.map(|i| INTERFACES[i]), expected);
        let dns = match self.last(|f| matches!(f, Fault::Dns(..))) {
            Some((_, Fault::Dns(_, dns))) => Some(*dns),
            _ => None,
        };
        prop_assert_eq!(now.dns, dns);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]
    #[test]
    fn at_every_instant_a_machine_is_as_the_faults_in_force_say(script in script()) {
        let end = secs(3);
        let mut timeline = timeline(&script);
        let mut now = Condition::default();
        // Every millisecond, just before and just after it: all edges lie on whole milliseconds.
        for ms_ in 0..=end.as_millis() as u64 {
            for us in [ms_ * 1000, ms_ * 1000 + 1, ms_ * 1000 + 999] {
                while let Some(at) = timeline.next().filter(|at| at.as_micros() as u64 <= us) {
                    prop_assert_eq!(at.as_micros() as u64, us, "no instant is passed late");
                    let moment = timeline.pass().expect("there is a next one");
                    prop_assert_eq!(moment.at, at);
                    now = moment.condition;
                }
                (Oracle { script: &script, t: us.into() }).check(&now)?;
            }
        }
    }

    #[test]
    fn everything_that_happens_in_a_moment_happens_once(script in script()) {
        let begins = moments(timeline(&script), secs(10)).into_iter().flat_map(|moment| moment.begins).count();
        let expected = script.0.iter().filter(|entry| {
            matches!(&entry.fault, Fault::Crash(m) | Fault::PowerLoss(m) | Fault::Forget(m) if m == "m")
        });
        prop_assert_eq!(begins, expected.count());
    }

    #[test]
    fn a_timeline_moves_on_and_the_order_of_a_script_matters_only_to_those_that_begin_together(script in script()) {
        let all = moments(timeline(&script), secs(10));
        prop_assert!(all.windows(2).all(|pair| pair[0].at < pair[1].at));
        let mut sorted = script.clone();
        sorted.0.sort_by_key(|entry| entry.at);
        prop_assert_eq!(all, moments(timeline(&sorted), secs(10)));
    }
}
