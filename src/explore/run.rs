//! A run, in each of its forms.

use std::time::Duration;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::{Map, Number, Value, json};

use super::forms;
use super::view::View;
use crate::figure::stretch;
use crate::parameter::{self, Parameters as _, Unit};
use crate::scenario::experiment::KERNEL;
use crate::scenario::{Distribution, Measure, Outcome, Told};
use crate::sim::Sysctls;
use crate::trace::Recording;
use crate::trace::text::{columns, grouped};

/// How a run is told to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telling {
    /// What of the story and the packets is told; measures and claims are always those of the whole run.
    pub view: View,
    /// Every packet as well.
    pub packets: bool,
    /// All settings of the machines' kernels, not only those that are not the kernel's own defaults.
    pub all_parameters: bool,
    /// The program that runs the scenario: what the command at the end begins with.
    pub program: &'static str,
}

/// No packets, the parameters that matter.
impl Default for Telling {
    fn default() -> Self {
        Self { view: View::default(), packets: false, all_parameters: false, program: "halfopen" }
    }
}

/// A run for a person: seed and parameters (those that were changed marked with `*`), the story, the packets if wanted,
/// measures, claims, and the command that does it again. Stories and packets are there as far as they were recorded.
pub fn text(outcome: &Outcome, telling: &Telling) -> String {
    let mut out = format!("{}  seed {}\n", outcome.scenario, outcome.seed);
    let parameters: Vec<Vec<String>> = shown(outcome, telling)
        .map(|pair| {
            let mark = if outcome.changed.contains(pair) { "*" } else { " " };
            vec![format!("{mark} {}", pair.0), pair.1.clone()]
        })
        .collect();
    out += &columns("", &parameters);
    if let Some(script) = &outcome.faults {
        out += &format!("* faults  {script}\n");
    }

    let others = outcome.others.iter().map(|other| (format!(": {}", other.title), &other.trace));
    for (title, trace) in std::iter::once((String::new(), &outcome.trace)).chain(others) {
        if trace.recording >= Recording::Story {
            section(&mut out, &format!("story{title}"), &forms::story_of(trace, &telling.view));
        }
        if telling.packets && trace.recording >= Recording::Packets {
            section(&mut out, &format!("packets{title}"), &forms::packets_of(trace, &telling.view));
        }
    }
    let measures: Vec<Vec<String>> =
        outcome.measures.iter().map(|m| vec![m.name.to_owned(), value(m)]).collect();
    section(&mut out, "measures", &columns("  ", &measures));
    let claims: Vec<Vec<String>> = outcome
        .claims
        .iter()
        .map(|c| vec![c.id.to_owned(), verdict(c.holds).to_owned(), c.statement.clone()])
        .collect();
    section(&mut out, "claims", &columns("  ", &claims));

    out += &format!("\n{}{}\n", outcome.command_of(telling.program), telling.view.arguments());
    out
}

/// The parameters that a run's head shows: the scenario's own, and of the kernel's settings those that are not as the
/// kernel has them by default, be it by the scenario or by whoever runs it.
fn shown<'a>(outcome: &'a Outcome, telling: &Telling) -> impl Iterator<Item = &'a (String, String)> {
    let mut usual = Vec::new();
    Sysctls::default().show(KERNEL, &mut usual);
    let all = telling.all_parameters;
    outcome
        .parameters
        .iter()
        .filter(move |pair| all || outcome.changed.contains(pair) || !usual.contains(pair))
}

fn section(out: &mut String, title: &str, body: &str) {
    if !body.is_empty() {
        let end = if body.ends_with('\n') { "" } else { "\n" };
        *out += &format!("\n{title}\n{body}{end}");
    }
}

/// `holds` or `does not hold`.
pub fn verdict(holds: bool) -> &'static str {
    if holds { "holds" } else { "does not hold" }
}

/// The value of a measure, `-` if it did not happen.
pub fn value(measure: &Measure) -> String {
    measure.value.map_or_else(|| "-".to_owned(), plain)
}

/// A number as a person writes it: to six decimals (microseconds, where it is seconds), without trailing zeros.
pub fn plain(value: f64) -> String {
    if value != 0.0 && value.abs() < 1e-3 {
        return value.to_string();
    }
    let text = format!("{value:.6}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// The value of a measure as people write it, by the unit that its name ends with: `382 ms`, `16 min 18 s`, `1 799`; `never`
/// if it did not happen.
pub fn human(measure: &Measure) -> String {
    let Some(value) = measure.value else {
        return "never".to_owned();
    };
    let statistic = |part: &&str| !["min", "median", "p99", "max"].contains(part);
    match measure.name.rsplit('_').find(statistic) {
        Some("s") if value >= 0.0 => {
            Duration::try_from_secs_f64(value).map_or_else(|_| plain(value), stretch)
        }
        Some("bytes") => format!("{} B", whole(value)),
        Some("count") => whole(value),
        _ => plain(value),
    }
}

/// The value of a parameter as people write it: `1 min 30 s`, `10 000 B`, `64 KiB`, `1 Mbit/s`.
pub fn human_value(unit: Unit, value: &parameter::Value) -> String {
    match (unit, value.position) {
        (Unit::Duration, Some(seconds)) => {
            Duration::try_from_secs_f64(seconds).map_or_else(|_| value.text.clone(), stretch)
        }
        (Unit::Bytes | Unit::BitRate, _) => {
            let digits = value.text.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.text.len());
            let (number, unit) = value.text.split_at(digits);
            let number = number.parse().map_or_else(|_| number.to_owned(), grouped);
            format!("{number} {unit}").trim_end().to_owned()
        }
        _ => value.text.clone(),
    }
}

/// A whole number in groups of three digits; another one as it is.
fn whole(value: f64) -> String {
    match value.fract() == 0.0 && (0.0..1e15).contains(&value) {
        true => grouped(value as usize),
        false => plain(value),
    }
}

/// `{scenario, seed, parameters: {name: value}, measures: {NAME: number|null}, claims: [{id, statement, holds}],
/// trace: [{t_us, host, layer, event, ...}]}`; behind the measures `distributions: {NAME: [number]}` where there are any,
/// and at the end `others: [{title, trace}]` where the experiment has several worlds.
///
/// It is put together while it is serialised: [`serde_json::to_writer_pretty`] holds nothing but the run itself.
///
/// # Panics
/// When it is serialised, if the run did not keep its events (or the packets that are wanted).
pub fn json(outcome: &Outcome, with_packets: bool) -> impl Serialize + '_ {
    Json { outcome, with_packets }
}

struct Json<'a> {
    outcome: &'a Outcome,
    with_packets: bool,
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { outcome, with_packets } = self;
        let parameters: Map<String, Value> =
            outcome.parameters.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        let measures: Map<String, Value> = outcome
            .measures
            .iter()
            .map(|m| (m.name.to_owned(), m.value.map_or(Value::Null, number)))
            .collect();
        let claims: Value = outcome
            .claims
            .iter()
            .map(|c| json!({"id": c.id, "statement": c.statement, "holds": c.holds}))
            .collect();
        let mut out = serializer.serialize_map(None)?;
        out.serialize_entry("scenario", outcome.scenario)?;
        out.serialize_entry("seed", &outcome.seed)?;
        out.serialize_entry("parameters", &parameters)?;
        out.serialize_entry("measures", &measures)?;
        if !outcome.distributions.is_empty() {
            let values = |d: &Distribution| d.values.iter().copied().map(number).collect::<Value>();
            let distributions: Map<String, Value> =
                outcome.distributions.iter().map(|d| (d.name.to_owned(), values(d))).collect();
            out.serialize_entry("distributions", &distributions)?;
        }
        out.serialize_entry("claims", &claims)?;
        out.serialize_entry("trace", &forms::json(&outcome.trace, *with_packets))?;
        if !outcome.others.is_empty() {
            out.serialize_entry("others", &Others { others: &outcome.others, with_packets: *with_packets })?;
        }
        out.end()
    }
}

struct Others<'a> {
    others: &'a [Told],
    with_packets: bool,
}

impl Serialize for Others<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_seq(Some(self.others.len()))?;
        for told in self.others {
            out.serialize_element(&Other { told, with_packets: self.with_packets })?;
        }
        out.end()
    }
}

struct Other<'a> {
    told: &'a Told,
    with_packets: bool,
}

impl Serialize for Other<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_map(None)?;
        out.serialize_entry("title", &self.told.title)?;
        out.serialize_entry("trace", &forms::json(&self.told.trace, self.with_packets))?;
        out.end()
    }
}

/// A whole number is written as one; JSON has no infinity and no NaN, they become null.
pub(crate) fn number(value: f64) -> Value {
    /// The largest integer up to which every integer is a float.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() <= EXACT {
        return Value::from(value as i64);
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::{Registry, fake};
    use crate::scenario::Settings;

    fn outcome(given: &[(&str, &str)]) -> Outcome {
        let given = given.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let settings = Settings { given, ..Settings::default() };
        fake::REGISTRY.find("fake/stall").unwrap().run(&settings).unwrap()
    }

    #[test]
    fn the_text_begins_with_seed_and_parameters_and_ends_with_the_command() {
        let text = text(&outcome(&[("stall", "5s")]), &Telling::default());
        assert!(
            text.starts_with("fake/stall  seed 0\n* stall    5s\n  timers   slow\n  updates  3\n\nstory\n"),
            "{text}"
        );
        assert!(
            text.ends_with(
                "\nmeasures\n  detect_time_s        2.54\n  updates_lost         0\n  keepalive_verdict_s  -\n\
                 \nclaims\n  I-01  holds          keepalives are answered for as long as the process stalls\n\
                 \x20 X-13  does not hold  a stall of `10s` or more is noticed\n\
                 \nhalfopen run fake/stall --set stall=5s\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn a_parameters_value_has_a_blank_before_its_unit() {
        let told = |unit, text: &str, position| {
            human_value(unit, &parameter::Value { text: text.to_owned(), position })
        };
        assert_eq!(told(Unit::Duration, "25ms", Some(0.025)), "25 ms");
        assert_eq!(told(Unit::Duration, "1m 30s", Some(90.0)), "90 s");
        assert_eq!(told(Unit::Bytes, "10000B", Some(1e4)), "10 000 B");
        assert_eq!(told(Unit::BitRate, "1Mbit/s", Some(1e6)), "1 Mbit/s");
        assert_eq!(told(Unit::Count, "12", Some(12.0)), "12");
        assert_eq!(told(Unit::Choice, "linux", None), "linux");
    }

    #[test]
    fn a_value_is_written_as_people_write_it() {
        let told = |name, value| human(&Measure { name, label: "", value });
        assert_eq!(told("late_s", Some(0.382)), "382 ms");
        assert_eq!(told("connect_s_p99", Some(978.2)), "16 min 18 s");
        assert_eq!(told("held_bytes", Some(428_104.0)), "428 104 B");
        assert_eq!(told("lost_count", Some(1_799.0)), "1 799");
        assert_eq!(told("share", Some(0.125)), "0.125");
        assert_eq!(told("early_s", Some(-0.5)), "-0.5", "a time before is no stretch of time");
        assert_eq!(told("late_s", None), "never");
    }

    #[test]
    fn the_json_has_exactly_the_promised_members_in_order() {
        let json = serde_json::to_value(json(&outcome(&[]), false)).unwrap();
        let names: Vec<&String> = json.as_object().unwrap().keys().collect();
        assert_eq!(names, ["scenario", "seed", "parameters", "measures", "claims", "trace"]);
        assert_eq!(json["parameters"], json!({"stall": "30s", "timers": "slow", "updates": "3"}));
        assert_eq!(
            json["measures"].to_string(),
            r#"{"detect_time_s":15.04,"updates_lost":0,"keepalive_verdict_s":null}"#
        );
        assert_eq!(json["claims"][1]["holds"], json!(true));
        assert_eq!(json["trace"][1]["t_us"], json!(1_000_000));
        assert_eq!(json["trace"][1]["host"], json!("server"));
    }

    #[test]
    fn distributions_and_other_worlds_are_members_only_where_there_are_any() {
        let mut outcome = outcome(&[]);
        outcome.distributions.push(Distribution {
            name: "connect_s",
            label: "time to connect",
            values: vec![0.5, 3.0],
        });
        outcome.others.push(Told { title: "without a stall".to_owned(), trace: outcome.trace.clone() });
        let json = serde_json::to_value(json(&outcome, false)).unwrap();
        let names: Vec<&String> = json.as_object().unwrap().keys().collect();
        let members =
            ["scenario", "seed", "parameters", "measures", "distributions", "claims", "trace", "others"];
        assert_eq!(names, members);
        assert_eq!(json["distributions"].to_string(), r#"{"connect_s":[0.5,3]}"#);
        assert_eq!(json["others"][0]["title"], "without a stall");
        assert_eq!(json["others"][0]["trace"], json["trace"]);
        let text = text(&outcome, &Telling::default());
        assert!(text.contains("\nstory: without a stall\n"), "{text}");
    }

    #[test]
    fn the_head_shows_of_the_kernels_settings_those_that_are_not_its_defaults() {
        let run = |given: &[(&str, &str)], telling: &Telling| {
            let given = given.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            let settings = Settings { given, ..Settings::default() };
            let outcome = Registry::all().find("tcp/backlog").unwrap().run(&settings).unwrap();
            let text = text(&outcome, telling);
            let head = text.split("\n\n").next().unwrap().to_owned();
            head.lines().filter(|l| l.contains("kernel.")).map(str::to_owned).collect::<Vec<_>>()
        };
        let by_the_scenario = "  kernel.syn_linear_timeouts  0";
        assert_eq!(run(&[], &Telling::default()), [by_the_scenario]);
        assert_eq!(
            run(&[("kernel.retries2", "8")], &Telling::default()),
            ["* kernel.retries2             8", by_the_scenario]
        );
        let all = run(&[], &Telling { all_parameters: true, ..Telling::default() });
        assert!(all.len() > 10 && all.iter().all(|line| line.starts_with("  ")), "{all:?}");
    }

    #[test]
    fn numbers_are_written_without_noise() {
        assert_eq!(plain(15.04), "15.04");
        assert_eq!(plain(0.1 + 0.2), "0.3");
        assert_eq!(plain(1200.0), "1200");
        assert_eq!(plain(-0.0), "0");
        assert_eq!(plain(0.000_25), "0.00025");
        assert_eq!(plain(f64::INFINITY), "inf");
    }
}
