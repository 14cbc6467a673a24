use std::num::{NonZeroU32, NonZeroUsize};

use roxmltree::{Document, Node};
use serde_json::json;

use super::*;
use crate::explore::fake;
use crate::scenario::Scenario;
use crate::trace::Recording;

fn plan(vary: &[(&str, &str)]) -> Plan {
    Plan {
        form: Form::Lines,
        scenario: "fake/stall".to_owned(),
        vary: vary.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        measures: Vec::new(),
        seeds: NonZeroU32::MIN,
        settings: Settings::default(),
    }
}

fn made(plan: &Plan) -> Sweep {
    run(fake::REGISTRY, plan, NonZeroUsize::MIN).unwrap()
}

fn error(plan: &Plan) -> String {
    run(fake::REGISTRY, plan, NonZeroUsize::MIN).unwrap_err().to_string()
}

/// Fails with odd seeds, and measures the seed, but not the seed 2.
struct Seeded;

impl Scenario for Seeded {
    fn name(&self) -> &'static str {
        "fake/seeded"
    }
    fn question(&self) -> &'static str {
        "Which seed?"
    }
    fn parameters(&self) -> Vec<Spec> {
        fake::Stall.parameters()
    }
    fn run(&self, settings: &Settings) -> Result<crate::scenario::Outcome, RunError> {
        let mut outcome = fake::Stall.run(settings)?;
        outcome.measures.truncate(1);
        outcome.measures[0].value = (settings.seed != 2).then_some(settings.seed as f64);
        outcome.claims.truncate(1);
        outcome.claims[0].holds = settings.seed.is_multiple_of(2);
        Ok(outcome)
    }
}

/// Measures how much of it is to be kept.
struct Recorded;

impl Scenario for Recorded {
    fn name(&self) -> &'static str {
        "fake/kept"
    }
    fn question(&self) -> &'static str {
        "How much?"
    }
    fn parameters(&self) -> Vec<Spec> {
        fake::Stall.parameters()
    }
    fn run(&self, settings: &Settings) -> Result<crate::scenario::Outcome, RunError> {
        let mut outcome = fake::Stall.run(settings)?;
        outcome.measures.truncate(1);
        outcome.measures[0].value = Some(f64::from(settings.recording as u8));
        Ok(outcome)
    }
}

#[test]
fn a_sweep_keeps_no_packets_and_no_events() {
    let mut plan = plan(&[("stall", "1s,2s")]);
    plan.scenario = "fake/kept".to_owned();
    plan.settings.recording = Recording::Packets;
    let sweep = run(Registry::of(&[&Recorded]), &plan, NonZeroUsize::MIN).unwrap();
    let kept = f64::from(Recording::Counters as u8);
    assert!(sweep.points.iter().all(|point| point.measures[0].unwrap().max == kept));
}

const SEEDED: Registry = Registry::of(&[&Seeded]);

fn seeded(seed: u64, seeds: u32) -> Sweep {
    let plan = Plan {
        scenario: "fake/seeded".to_owned(),
        seeds: NonZeroU32::new(seeds).unwrap(),
        settings: Settings { seed, ..Settings::default() },
        ..plan(&[("stall", "1s,2s")])
    };
    run(SEEDED, &plan, NonZeroUsize::MIN).unwrap()
}

#[test]
fn the_table_has_a_row_for_each_point_and_ends_with_the_command() {
    let mut plan = plan(&[("stall", "5s, 20s"), ("timers", "slow,fast")]);
    plan.settings.given.insert("updates".to_owned(), "07".to_owned());
    assert_eq!(
        text(&made(&plan)),
        "fake/stall  seed 0\n\
         * updates  7\n\
         \n\
         stall  timers  detect_time_s  updates_lost  keepalive_verdict_s  does not hold\n\
         5s     slow    2.54           0             -                    X-13\n\
         5s     fast    2.54           0             -                    X-13\n\
         20s    slow    10.04          0             -\n\
         20s    fast    10.04          0             -\n\
         \n\
         halfopen sweep fake/stall --vary stall='5s, 20s' --vary timers=slow,fast --set updates=07\n"
    );
}

#[test]
fn csv_has_names_first_and_nothing_where_nothing_happened() {
    assert_eq!(
        csv(&made(&plan(&[("stall", "5s,1m")]))),
        "stall,detect_time_s,updates_lost,keepalive_verdict_s,claims_failed\r\n\
         5s,2.54,0,,X-13\r\n\
         1m,30.04,0,,\r\n"
    );
    assert_eq!(
        csv(&seeded(1, 3)),
        "stall,detect_time_s.min,detect_time_s.median,detect_time_s.max,detect_time_s.happened,claims_failed\r\n\
         1s,1,1,3,2,I-01\r\n\
         2s,1,1,3,2,I-01\r\n"
    );
}

#[test]
fn json_has_plain_numbers_for_one_seed_and_spreads_for_several() {
    let mut one = plan(&[("stall", "5s,1m")]);
    one.measures = vec!["keepalive_verdict_s".to_owned(), "detect_time_s".to_owned()];
    let one = json(&made(&one));
    assert_eq!(one["vary"], json!([{"name": "stall", "unit": "duration", "values": ["5s", "1m"]}]));
    assert_eq!(
        one["points"][0].to_string(),
        r#"{"parameters":{"stall":"5s"},"measures":{"keepalive_verdict_s":null,"detect_time_s":2.54},"claims_failed":["X-13"]}"#
    );
    let several = json(&seeded(1, 3));
    assert_eq!((&several["seed"], &several["seeds"]), (&json!(1), &json!(3)));
    assert_eq!(
        several["points"][1]["measures"]["detect_time_s"],
        json!({"min": 1, "median": 1, "max": 3, "happened": 2})
    );
}

#[test]
fn over_several_seeds_a_point_tells_its_spread_and_how_often_it_happened() {
    let table = text(&seeded(1, 3));
    assert!(table.starts_with("fake/seeded  seeds 1 to 3: min / median / max\n"), "{table}");
    assert!(table.contains("\n1s     1 / 1 / 3 (2 of 3)  I-01\n"), "{table}");
    assert!(table.ends_with("--vary stall=1s,2s --seed 1 --seeds 3\n"), "{table}");
    assert!(text(&seeded(2, 1)).contains("\n1s     -\n"), "what happened in no run is not a number");
}

#[test]
fn wrong_names_and_values_are_told_before_the_first_run() {
    let mut unlucky = plan(&[("stall", "1s,2s"), ("timers", "slow,medium")]);
    // A run would fail for its faults first.
    unlucky.settings.faults = Some("nonsense".to_owned());
    assert_eq!(error(&unlucky), "timers=medium: no such choice; valid: slow, fast");
    assert!(
        error(&plan(&[("stal", "1s,2s")])).starts_with("no parameter `stal`; did you mean `stall`?; valid:")
    );
    assert_eq!(error(&plan(&[])), "nothing is varied; valid: stall, timers, updates");
    assert_eq!(error(&plan(&[("stall", "1s"), ("stall", "2s")])), "the parameter `stall` is given twice");
    let mut set = plan(&[("stall", "1s")]);
    set.settings.given.insert("stall".to_owned(), "2s".to_owned());
    assert_eq!(error(&set), "the parameter `stall` is given twice");
    set.settings.given = [("updates".to_owned(), "0".to_owned())].into();
    assert_eq!(error(&set), "updates=0: out of range; valid: 1 to 100 (like 3)");
    let many = [("stall", "1s..1h/2000"), ("updates", "1..100/100")];
    assert_eq!(error(&plan(&many)), "more than 100000 runs; vary less, or with fewer seeds");
    let mut last = plan(&[("stall", "1s,2s")]);
    (last.settings.seed, last.seeds) = (u64::MAX - 1, NonZeroU32::new(3).unwrap());
    assert_eq!(
        error(&last),
        "3 seeds from 18446744073709551614 on: the largest seed is 18446744073709551615; begin lower, or with fewer seeds"
    );
    let mut measured = plan(&[("stall", "1s,2s")]);
    measured.measures = vec!["detect_tim_s".to_owned()];
    assert_eq!(
        error(&measured),
        "no measure `detect_tim_s`; did you mean `detect_time_s`?; valid: detect_time_s, updates_lost, keepalive_verdict_s"
    );
}

#[test]
fn a_claim_that_fails_where_nothing_is_changed_is_remembered() {
    assert!(!made(&plan(&[("stall", "5s,30s")])).failed_at_the_defaults);
    let mut odd = plan(&[("stall", "5s,30s")]);
    odd.scenario = "fake/seeded".to_owned();
    odd.settings.seed = 1;
    assert!(run(SEEDED, &odd, NonZeroUsize::MIN).unwrap().failed_at_the_defaults);
    odd.vary[0].1 = "5s,31s".to_owned();
    assert!(!run(SEEDED, &odd, NonZeroUsize::MIN).unwrap().failed_at_the_defaults);
}

#[test]
fn one_thread_and_many_print_the_same_bytes() {
    let mut plan = plan(&[("outage", "0s..40s/9"), ("kernel.timers", "linux,rfc6298")]);
    plan.scenario = "tcp/outage-tail".to_owned();
    plan.seeds = NonZeroU32::new(2).unwrap();
    let printed = |threads| {
        let sweep = run(Registry::all(), &plan, NonZeroUsize::new(threads).unwrap()).unwrap();
        [text(&sweep), csv(&sweep), json(&sweep).to_string(), standalone_svg(&sweep)]
    };
    let one = printed(1);
    assert!(one[1].lines().count() == 19);
    for threads in [2, 5] {
        assert_eq!(printed(threads), one, "{threads} threads");
    }
}

#[test]
fn slices_of_any_size_passed_on_as_json_make_the_same_bytes_as_one_sweep() {
    let mut plan = plan(&[("outage", "0s..40s/5"), ("kernel.timers", "linux,rfc6298")]);
    plan.scenario = "tcp/outage-tail".to_owned();
    plan.seeds = NonZeroU32::new(3).unwrap();
    let forms = |sweep: &Sweep| [text(sweep), csv(sweep), json(sweep).to_string(), standalone_svg(sweep)];
    let whole = forms(&run(Registry::all(), &plan, threads()).unwrap());
    let prepared = Prepared::new(Registry::all(), &plan).unwrap();
    assert_eq!(prepared.runs(), 30);
    for size in [1, 7, 29, 30, 50] {
        let mut kept: Vec<Kept> = Vec::new();
        for first in (0..prepared.runs()).step_by(size) {
            let slice = prepared.slice(first..first + size, &|| true).unwrap();
            let passed_on = serde_json::to_string(&slice).unwrap();
            kept.extend(serde_json::from_str::<Vec<Kept>>(&passed_on).unwrap());
        }
        assert_eq!(forms(&prepared.drawn_from(&kept).unwrap()), whole, "slices of {size}");
    }
}

#[test]
fn a_slice_beyond_the_end_is_empty_and_results_that_are_missing_are_missed() {
    let plan = plan(&[("stall", "1s,2s,3s")]);
    let prepared = Prepared::new(fake::REGISTRY, &plan).unwrap();
    assert!(prepared.slice(3..9, &|| true).unwrap().is_empty());
    let two = prepared.slice(0..2, &|| true).unwrap();
    assert_eq!(
        prepared.drawn_from(&two).unwrap_err().to_string(),
        "2 kept results for a sweep of 3 runs; valid: one for each run, in order"
    );
}

#[test]
fn a_sweep_that_nobody_waits_for_any_more_is_stopped_between_two_runs() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let plan = plan(&[("stall", "1s..9s/9")]);
    let asked = AtomicUsize::new(0);
    let thrice = || asked.fetch_add(1, Ordering::SeqCst) < 3;
    let error = run_while(fake::REGISTRY, &plan, NonZeroUsize::MIN, &thrice).unwrap_err().to_string();
    assert_eq!(error, "stopped after 4 of 9 runs");
    let error = Prepared::new(fake::REGISTRY, &plan).unwrap().slice(2..9, &|| false).unwrap_err().to_string();
    assert_eq!(error, "stopped after 0 of 9 runs");
}

/// Claim X-02: between two retransmissions a longer outage means a shorter wait.
#[test]
fn the_longer_the_outage_the_shorter_the_stall_until_the_next_retransmission_is_missed() {
    let mut plan = plan(&[("outage", "1s..120s/120")]);
    plan.scenario = "tcp/outage-tail".to_owned();
    plan.measures = vec!["stall_s".to_owned()];
    let sweep = run(Registry::all(), &plan, threads()).unwrap();
    let stalls: Vec<f64> = sweep.points.iter().map(|point| point.measures[0].unwrap().median).collect();
    let jumps = stalls.windows(2).filter(|pair| pair[1] > pair[0]).count();
    assert!((4..=8).contains(&jumps), "as many teeth as retransmissions in two minutes: {jumps}");
    let falls = stalls.windows(2).filter(|pair| (pair[0] - pair[1] - 1.0).abs() < 1e-6).count();
    assert!(falls >= 100, "elsewhere it is a second less for every second more: {falls}");
}

fn classed<'a>(svg: &'a Document<'_>, class: &str) -> Vec<Node<'a, 'a>> {
    let has = |node: &Node| node.attribute("class").is_some_and(|c| c.split(' ').any(|c| c == class));
    svg.descendants().filter(has).collect()
}

fn texts(svg: &Document<'_>) -> Vec<String> {
    svg.descendants().filter(|n| n.has_tag_name("text")).filter_map(|n| n.text()).map(str::to_owned).collect()
}

#[test]
fn the_chart_is_well_formed_and_says_what_it_is() {
    let mut plan = plan(&[("stall", "5s..1m/12"), ("timers", "slow,fast")]);
    plan.measures = vec!["detect_time_s".to_owned(), "keepalive_verdict_s".to_owned()];
    let sweep = made(&plan);
    let text = standalone_svg(&sweep);
    let svg = Document::parse(&text).unwrap();
    let root = svg.root_element();
    assert_eq!((root.attribute("role"), root.attribute("id")), (Some("img"), Some("figure")));
    let title = root.children().find(|n| n.has_tag_name("title")).unwrap();
    assert_eq!(title.text(), Some("Does anybody notice a stall?"));
    let description = root.children().find(|n| n.has_tag_name("desc")).unwrap().text().unwrap();
    assert!(description.contains("detect_time_s lies between 2.54 and 30.04."), "{description}");
    assert!(description.contains("did not happen at 24 of 24 points"), "{description}");
    let words = texts(&svg);
    for word in
        ["detect_time_s", "keepalive_verdict_s", "stall", "timers:", "slow", "fast", "30 s", "did not happen"]
    {
        assert!(words.iter().any(|text| text == word), "{word}: {words:?}");
    }
    // Two in the key, two in the first panel; nothing happened in the second one.
    assert_eq!(classed(&svg, "ho-course").len(), 4);
    assert!(!text.contains("NaN") && !text.contains("inf"));
}

#[test]
fn a_line_has_a_gap_where_the_measure_did_not_happen() {
    let mut plan = plan(&[("stall", "30s..130s/11")]);
    plan.scenario = "websocket/stalled-server".to_owned();
    plan.measures = vec!["heartbeat_verdict_s".to_owned()];
    let sweep = run(Registry::all(), &plan, threads()).unwrap();
    let missing = sweep.points.iter().filter(|point| point.measures[0].is_none()).count();
    assert!(missing > 0 && missing < 11, "{missing}");
    let text = svg(&sweep, "x", 720);
    let svg = Document::parse(&text).unwrap();
    assert_eq!(classed(&svg, "ho-dot").len(), 11 - missing, "a shape for each value, none for no value");
    assert_eq!(classed(&svg, "ho-course").len(), 1);
    assert!(texts(&svg).iter().any(|text| text == "gaps: did not happen"));
}

#[test]
fn words_stand_beside_each_other_and_are_not_joined() {
    let text = svg(&made(&plan(&[("timers", "slow,fast"), ("stall", "5s,10s,20s")])), "x", 720);
    let svg = Document::parse(&text).unwrap();
    // The three in the key are all there are.
    assert_eq!(classed(&svg, "ho-course").len(), 3);
    assert!(texts(&svg).iter().any(|text| text == "slow"));
}

#[test]
fn the_spread_over_seeds_is_drawn() {
    let text = svg(&seeded(3, 3), "x", 720);
    assert_eq!(classed(&Document::parse(&text).unwrap(), "ho-spread").len(), 1);
    let text = svg(&seeded(3, 1), "x", 720);
    assert_eq!(classed(&Document::parse(&text).unwrap(), "ho-spread").len(), 0, "one run has none");
}
