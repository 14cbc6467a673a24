//! A run, or a sweep, to be taken along as a file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Bounds, Request};
use crate::explore::sweep::{self, Sweep};
use crate::explore::{Registry, forms, run};
use crate::scenario::{Outcome, Settings};
use crate::trace::Recording;

/// In which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// A test that compiles in any crate that depends on this one.
    Rust,
    /// The packets, for Wireshark.
    Pcap,
    /// What `--format json` prints.
    Json,
    /// What `--format svg` prints.
    Svg,
}

/// `{name, text}` or `{name, base64}`.
pub fn answer(
    registry: Registry,
    request: &Request,
    form: Form,
    bounds: &Bounds<'_>,
) -> Result<Value, String> {
    let name = |ending: &str| format!("{}.{ending}", request.scenario.replace('/', "-"));
    if let Some(words) = &request.sweep {
        let plan = bounds.plan(request, words);
        let sweep = sweep::run_while(registry, &plan, bounds.threads, bounds.go_on);
        let sweep = sweep.map_err(|error| error.to_string())?;
        return of_sweep(&sweep, form, &name);
    }
    let scenario = registry.find(&request.scenario).map_err(|error| error.to_string())?;
    let view = request.view.read().map_err(|error| error.to_string())?;
    let recording = if form == Form::Rust { Recording::Counters } else { Recording::Packets };
    let settings = Settings { recording, ..bounds.settings(request) };
    let outcome = bounds.run(registry, request, &settings)?;
    view.fits(&outcome).map_err(|error| error.to_string())?;
    Ok(match form {
        Form::Rust => json!({"name": name("rs").replace('-', "_"), "text": rust(&outcome)}),
        Form::Pcap => {
            let mut bytes = Vec::new();
            forms::pcap(&outcome.trace, &mut bytes).map_err(|error| error.to_string())?;
            json!({"name": name("pcap"), "base64": STANDARD.encode(bytes)})
        }
        Form::Json => json!({"name": name("json"), "text": pretty(&run::json(&outcome, true))?}),
        Form::Svg => {
            let text = forms::standalone_svg(&outcome, &view, scenario.question());
            json!({"name": name("svg"), "text": text})
        }
    })
}

fn of_sweep(sweep: &Sweep, form: Form, name: &dyn Fn(&str) -> String) -> Result<Value, String> {
    match form {
        Form::Json => Ok(json!({"name": name("json"), "text": pretty(&sweep::json(sweep))?})),
        Form::Svg => Ok(json!({"name": name("svg"), "text": sweep::standalone_svg(sweep)})),
        Form::Rust | Form::Pcap => Err("a sweep is taken along as json or svg".to_owned()),
    }
}

/// As the command prints it.
fn pretty(value: &impl serde::Serialize) -> Result<String, String> {
    serde_json::to_string_pretty(value).map(|text| text + "\n").map_err(|error| error.to_string())
}

/// A file of tests with one test in it: the run, and that it measures and claims what it did.
fn rust(outcome: &Outcome) -> String {
    let function: String =
        outcome.scenario.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let given: String =
        outcome.changed.iter().map(|(name, value)| format!("        ({name:?}, {value:?}),\n")).collect();
    let measured: String = outcome
        .measures
        .iter()
        // What is no number a source can hold, no test can ask for.
        .filter(|measure| measure.value.is_none_or(f64::is_finite))
        .map(|measure| format!("        ({:?}, {:?}),\n", measure.name, measure.value))
        .collect();
    let claimed: String = outcome
        .claims
        .iter()
        .map(|claim| format!("        ({:?}, {:?}, {:?}),\n", claim.id, claim.statement, claim.holds))
        .collect();
    format!(
        "//! `{command}`, as a test.

use halfopen::explore::Registry;
use halfopen::scenario::Settings;

#[test]
fn {function}() {{
    let given: &[(&str, &str)] = &[
{given}    ];
    let settings = Settings {{
        seed: {seed},
        given: given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        faults: {faults:?}.map(|script: &str| script.to_owned()),
        ..Settings::default()
    }};
    let scenario = Registry::all().find({scenario:?}).expect(\"a scenario of the book\");
    let outcome = scenario.run(&settings).expect(\"settings that are valid\");

    let measured: &[(&str, Option<f64>)] = &[
{measured}    ];
    for (name, value) in measured {{
        assert_eq!(outcome.measure(name), Some(*value), \"{{name}}\");
    }}
    let claimed: &[(&str, &str, bool)] = &[
{claimed}    ];
    let claims: Vec<_> = outcome.claims.iter().map(|c| (c.id, c.statement.as_str(), c.holds)).collect();
    assert_eq!(claims, claimed);
}}
",
        command = outcome.command(),
        seed = outcome.seed,
        faults = outcome.faults.as_deref(),
        scenario = outcome.scenario,
    )
}
