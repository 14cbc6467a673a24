//! The program as a module for a page: what is asked comes in as JSON, and the answer goes out as JSON.
//!
//! `.ci/wasm` builds the library as a WebAssembly module without a `main`; its exports are in `exports`, and
//! `src/page/web/program.js` calls them. One instance answers one request after the other.

#[cfg(target_family = "wasm")]
mod exports;

use serde_json::{Value, json};

use crate::explore::Registry;
use crate::{cli, page};

/// What the module was built from: a hash of the sources that it is made of. A book is not given a module that is older than
/// the program that builds it.
pub const SOURCES: &str = env!("HALFOPEN_SOURCES");

/// The custom section of the module that holds [`SOURCES`].
pub const SECTION: &str = "halfopen.sources";

/// Answers all that a page asks ([`page::ask`]), and `{args: [WORD, ..]}`: the whole command line, as `{status, stdout, stderr}`.
pub fn answer(registry: Registry, request: &str) -> String {
    // Every other request is read where it is answered.
    match serde_json::from_str::<CommandLine>(request) {
        Ok(line) => {
            let printed = cli::printed(registry, &line.args);
            let [stdout, stderr] =
                [printed.stdout, printed.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            Value::to_string(&json!({"status": printed.status, "stdout": stdout, "stderr": stderr}))
        }
        Err(_) => page::ask(registry, request),
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct CommandLine {
    args: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::fake;

    #[test]
    fn a_command_line_prints_what_the_program_prints_and_everything_else_goes_to_the_page() {
        let ask = |request: Value| -> Value {
            serde_json::from_str(&answer(fake::REGISTRY, &request.to_string())).unwrap()
        };
        let ran = ask(json!({"args": ["run", "fake/stall", "--set", "stall=5s"]}));
        assert_eq!(ran["status"], 0);
        assert!(ran["stdout"].as_str().unwrap().ends_with("\nhalfopen run fake/stall --set stall=5s\n"));
        let wrong = ask(json!({"args": ["run", "fake/stal"]}));
        assert_eq!((&wrong["status"], &wrong["stdout"]), (&json!(2), &json!("")));
        assert!(
            wrong["stderr"].as_str().unwrap().starts_with("halfopen: no scenario `fake/stal`; did you mean")
        );
        let helped = ask(json!({"args": ["--help"]}));
        assert!(helped["status"] == 0 && helped["stdout"].as_str().unwrap().contains("Usage: halfopen"));
        assert_eq!(ask(json!({"scenario": "fake/stall"}))["command"], "halfopen run fake/stall");
        assert!(answer(fake::REGISTRY, "nonsense").starts_with("{\"error\":\"the request cannot be read: "));
    }
}
