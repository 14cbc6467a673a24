//! A run, in each of its forms.

use serde_json::{Map, Number, Value, json};

use super::columns::columns;
use super::forms;
use crate::scenario::{Measure, Outcome};

/// A run for a person: seed and all parameters (those that were changed marked with `*`), the story, the packets if
/// wanted, measures, claims, and the command that does it again.
pub fn text(outcome: &Outcome, with_packets: bool) -> String {
    let mut out = format!("{}  seed {}\n", outcome.scenario, outcome.seed);
    let parameters: Vec<Vec<String>> = outcome
        .parameters
        .iter()
        .map(|pair| {
            let mark = if outcome.changed.contains(pair) { "*" } else { " " };
            vec![format!("{mark} {}", pair.0), pair.1.clone()]
        })
        .collect();
    out += &columns("", &parameters);
    if let Some(script) = &outcome.faults {
        out += &format!("* faults  {script}\n");
    }

    section(&mut out, "story", &forms::story(&outcome.trace, true));
    if with_packets {
        section(&mut out, "packets", &forms::packets(&outcome.trace));
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

    out += &format!("\n{}\n", outcome.command());
    out
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

/// `{scenario, seed, parameters: {name: value}, measures: {NAME: number|null}, claims: [{id, statement, holds}],
/// trace: [{t_us, host, layer, event, ...}]}`.
pub fn json(outcome: &Outcome, with_packets: bool) -> Value {
    let parameters: Map<String, Value> =
        outcome.parameters.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let measures: Map<String, Value> =
        outcome.measures.iter().map(|m| (m.name.to_owned(), m.value.map_or(Value::Null, number))).collect();
    let claims: Value = outcome
        .claims
        .iter()
        .map(|c| json!({"id": c.id, "statement": c.statement, "holds": c.holds}))
        .collect();
    json!({
        "scenario": outcome.scenario,
        "seed": outcome.seed,
        "parameters": parameters,
        "measures": measures,
        "claims": claims,
        "trace": forms::json(&outcome.trace, with_packets),
    })
}

/// A whole number is written as one; JSON has no infinity and no NaN, they become null.
pub(super) fn number(value: f64) -> Value {
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
    use crate::explore::fake;
    use crate::scenario::Settings;

    fn outcome(given: &[(&str, &str)]) -> Outcome {
        let given = given.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let settings = Settings { given, ..Settings::default() };
        fake::REGISTRY.find("fake/stall").unwrap().run(&settings).unwrap()
    }

    #[test]
    fn the_text_begins_with_seed_and_parameters_and_ends_with_the_command() {
        let text = text(&outcome(&[("stall", "5s")]), false);
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
    fn the_json_has_exactly_the_promised_members_in_order() {
        let json = json(&outcome(&[]), false);
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
    fn numbers_are_written_without_noise() {
        assert_eq!(plain(15.04), "15.04");
        assert_eq!(plain(0.1 + 0.2), "0.3");
        assert_eq!(plain(1200.0), "1200");
        assert_eq!(plain(-0.0), "0");
        assert_eq!(plain(0.000_25), "0.00025");
        assert_eq!(plain(f64::INFINITY), "inf");
    }
}
