//! What there is to run.

use serde_json::json;

use super::Registry;
use crate::parameter::{Course, Spec, Value};
use crate::trace::text::columns;

/// The scenarios, their questions and parameters, for a person.
pub fn text(registry: Registry) -> String {
    let mut out = String::new();
    for scenario in registry.scenarios() {
        if !out.is_empty() {
            out.push('\n');
        }
        out += &format!("{}  {}\n", scenario.name(), scenario.question());
        let rows: Vec<Vec<String>> = scenario
            .parameters()
            .iter()
            .map(|s| {
                vec![s.name.clone(), s.default.text.clone(), s.unit.to_string(), range(s), s.help.to_owned()]
            })
            .collect();
        out += &columns("  ", &rows);
    }
    out
}

/// The values allowed, in words: `1ms to 1h`, `linux, rfc6298`, or nothing where all of the type are.
pub fn range(spec: &Spec) -> String {
    let text = |value: &Option<Value>| value.as_ref().map(|value| value.text.clone());
    match (text(&spec.min), text(&spec.max)) {
        _ if !spec.choices.is_empty() => spec.choices.join(", "),
        (Some(min), Some(max)) => format!("{min} to {max}"),
        (Some(min), None) => format!("from {min}"),
        (None, Some(max)) => format!("up to {max}"),
        (None, None) => String::new(),
    }
}

/// `[{scenario, question, parameters: [{name, unit, default, min, max, help}]}]`, with `choices` where the values are
/// words, and `scale` (`linear` or `log`) where they stand on one.
pub fn json(registry: Registry) -> serde_json::Value {
    registry
        .scenarios()
        .iter()
        .map(|scenario| {
            json!({
                "scenario": scenario.name(),
                "question": scenario.question(),
                "parameters": scenario.parameters().iter().map(spec).collect::<Vec<_>>(),
            })
        })
        .collect()
}

fn spec(spec: &Spec) -> serde_json::Value {
    let mut value = json!({
        "name": spec.name,
        "unit": spec.unit.to_string(),
        "default": spec.default.text,
        "min": spec.min.as_ref().map(|value| &value.text),
        "max": spec.max.as_ref().map(|value| &value.text),
        "help": spec.help,
    });
    if let Some(course) = spec.course() {
        value["scale"] = json!(match course {
            Course::Linear => "linear",
            Course::Logarithmic => "log",
        });
    }
    if !spec.choices.is_empty() {
        value["choices"] = json!(spec.choices);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::fake;

    #[test]
    fn the_list_names_every_parameter_with_default_range_and_help() {
        assert_eq!(
            text(fake::REGISTRY),
            "fake/stall  Does anybody notice a stall?\n\
             \x20 stall    30s   duration  1ms to 1h   How long the server stalls.\n\
             \x20 timers   slow  choice    slow, fast  Whose timers.\n\
             \x20 updates  3     count     1 to 100    Updates sent.\n\
             \n\
             fake/quiet  Does nothing happen?\n"
        );
    }

    #[test]
    fn the_json_list_has_choices_only_where_values_are_words() {
        let list = json(fake::REGISTRY);
        assert_eq!(
            list[0]["parameters"][0],
            json!({"name": "stall", "unit": "duration", "default": "30s", "min": "1ms", "max": "1h",
                   "help": "How long the server stalls.", "scale": "log"})
        );
        assert_eq!(list[0]["parameters"][1]["choices"], json!(["slow", "fast"]));
        assert_eq!(
            list[1],
            json!({"scenario": "fake/quiet", "question": "Does nothing happen?", "parameters": []})
        );
    }
}
