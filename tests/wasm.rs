//! The same program as WebAssembly tells the same stories: under Node's WASI, and in the book's page in a browser.
//!
//! Wants `HALFOPEN_WASM`, the path of the module that `.ci/wasm` makes of the code under test.

mod common;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use halfopen::scenario::REGISTRY;
use serde_json::{Value, json};

/// The module, if there is one.
fn module() -> Option<PathBuf> {
    let path = std::env::var_os("HALFOPEN_WASM").map(PathBuf::from);
    if path.is_none() {
        common::missing("HALFOPEN_WASM is not set to the module of `.ci/wasm`");
    }
    // From the root of the repository, where cargo runs tests.
    path.map(|path| std::path::absolute(path).unwrap())
}

fn native(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_halfopen")).args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// What a script of `tests/wasi` prints. The flag is what Node before 20 wants.
fn node(script: &str, arguments: &[&std::ffi::OsStr]) -> Value {
    let script = format!("{}/tests/wasi/{script}", env!("CARGO_MANIFEST_DIR"));
    let output = Command::new("node")
        .args(["--no-warnings", "--experimental-wasi-unstable-preview1", &script])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn webassembly_prints_what_the_native_program_prints_byte_for_byte() {
    let Some(module) = module().filter(|_| common::have("node")) else {
        return;
    };
    let mut commands: Vec<Vec<&str>> =
        REGISTRY.iter().map(|scenario| vec!["run", scenario.name(), "--format", "json"]).collect();
    for line in [
        "list --format json",
        "claims --format json",
        "run websocket/partition --set partition=10s --seed 7 --format json --packets",
        "run tcp/outage-tail --set outage=60s --set one_way=50ms --seed 3 --format json --packets",
        "run websocket/wifi-switch --seed 11 --format svg",
        "sweep tcp/outage-tail --vary outage=1s..60s/20 --vary kernel.timers=linux,rfc6298 --measure stall_s --format svg",
        "sweep tcp/lossy-pushes --vary loss=0%,5% --set pushes=50 --seeds 3 --format json",
        "run tcp/no-such-scenario",
        "run websocket/partition --set partition=soon",
    ] {
        commands.push(line.split(' ').collect());
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("commands.json"), json!(commands).to_string()).unwrap();
    let statuses = node("run.mjs", &[module.as_os_str(), folder.path().as_os_str()]);
    assert_eq!(statuses.as_array().unwrap().len(), commands.len());
    for (n, command) in commands.iter().enumerate() {
        let expected = native(command);
        let printed = |kind: &str| fs::read(folder.path().join(format!("{n}.{kind}"))).unwrap();
        assert!(printed("out") == expected.stdout, "`{}` prints something else", command.join(" "));
        let error = printed("err");
        let [said, expected_said] = [&error, &expected.stderr].map(|bytes| String::from_utf8_lossy(bytes));
        assert_eq!(said, expected_said, "{}", command.join(" "));
        assert_eq!(statuses[n], json!(expected.status.code()), "{}", command.join(" "));
    }
}

#[cfg(feature = "book")]
mod page {
    use std::io::{BufRead, BufReader};
    use std::path::Path;
    use std::process::Child;

    use super::*;

    /// The book, served until this goes.
    struct Served {
        child: Child,
        address: String,
    }

    impl Served {
        fn start(root: &Path) -> Self {
            let mut child = Command::new(env!("CARGO_BIN_EXE_halfopen"))
                .args(["book", "serve", "--port", "0"])
                .current_dir(root)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut line = String::new();
            BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
            let address = line.split(' ').find(|word| word.starts_with("http://")).expect("an address");
            Self { address: address.to_owned(), child }
        }

        /// The page, with a command line to run at once.
        fn page(&self, command: &str) -> String {
            let query: String = command.bytes().map(|byte| format!("%{byte:02x}")).collect();
            format!("{}/run/index.html?run={query}", self.address)
        }
    }

    impl Drop for Served {
        fn drop(&mut self) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    /// A book of one chapter with this book's page, and with a module if one is given.
    fn book(module: Option<&Path>) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        fs::write(root.path().join("book.toml"), "[book]\nsrc = \"chapters\"\n").unwrap();
        let run = root.path().join("chapters/run");
        fs::create_dir_all(&run).unwrap();
        fs::write(root.path().join("chapters/SUMMARY.md"), "# Summary\n\n- [One](one.md)\n").unwrap();
        fs::write(root.path().join("chapters/one.md"), "# One\n").unwrap();
        for file in fs::read_dir(here.join("chapters/run")).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), run.join(file.file_name())).unwrap();
        }
        if let Some(module) = module {
            fs::create_dir_all(root.path().join("target/wasm")).unwrap();
            fs::copy(module, root.path().join("target/wasm/halfopen.wasm")).unwrap();
        }
        root
    }

    /// Waits for the end of the run, then answers what is to be seen. What is typed in afterwards is run by the button.
    fn look(typed: Option<&str>) -> String {
        let type_in = typed.map_or(String::new(), |text| {
            format!("await ended(); field.value = {}; document.querySelector('button').click();", json!(text))
        });
        "(async () => {
            const field = document.querySelector('input');
            const shown = id => { const e = document.getElementById(id); return e.hidden ? null : e.textContent; };
            const ended = async () => {
                while (!/done|failed/.test(document.body.dataset.state)) await new Promise(wait => setTimeout(wait, 5));
            };
            TYPE_IN
            await ended();
            const svg = document.querySelector('#figure svg');
            return {
                text: shown('text'), error: shown('error'),
                figure: svg && svg.namespaceURI.endsWith('/svg') && svg.getBBox().height > 100 && svg.textContent,
            };
        })()"
            .replace("TYPE_IN", &type_in)
    }

    fn browse(pages: &[(String, String)]) -> Vec<Value> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("pages.json"), json!(pages).to_string()).unwrap();
        let answers = node("browser.mjs", &[folder.path().as_os_str()]);
        answers.as_array().unwrap().clone()
    }

    #[test]
    fn the_page_shows_the_native_story_and_figure_and_a_wrong_command_as_its_one_line() {
        let Some(module) = module().filter(|_| common::have("node") & common::have("chromium")) else {
            return;
        };
        let root = book(Some(&module));
        let served = Served::start(root.path());
        let first = "run websocket/partition --set partition=10s";
        let quoted = "$ halfopen run websocket/partition --faults 'at 1m stall server for 5m'";
        let wrong = "run websocket/partition --set 'partition=<img src=x onerror=alert(1)>'";
        let pages: Vec<_> = [
            (first, None),
            (first, Some(quoted)),
            ("list --format json", None),
            (wrong, None),
            ("run 'websocket/partition", None),
        ]
        .map(|(command, typed)| (served.page(command), look(typed)))
        .into();
        let shown = browse(&pages);

        let told = |arguments: &[&str]| String::from_utf8(native(arguments).stdout).unwrap();
        let first: Vec<&str> = first.split(' ').collect();
        assert_eq!(shown[0]["text"], json!(told(&first)));
        assert!(
            shown[0]["figure"].as_str().is_some_and(|text| text.contains("peer declared dead")),
            "{}",
            shown[0]
        );
        assert_eq!(shown[0]["error"], Value::Null);
        let quoted = ["run", "websocket/partition", "--faults", "at 1m stall server for 5m"];
        assert_eq!(shown[1]["text"], json!(told(&quoted)));
        assert_eq!(shown[2]["text"], json!(told(&["list", "--format", "json"])));
        assert_eq!(shown[2]["figure"], Value::Null);
        let wrong = ["run", "websocket/partition", "--set", "partition=<img src=x onerror=alert(1)>"];
        let said = String::from_utf8(native(&wrong).stderr).unwrap();
        assert_eq!(shown[3]["error"], json!(said.trim_end()));
        assert_eq!((&shown[3]["text"], &shown[3]["figure"]), (&Value::Null, &Value::Null));
        assert_eq!(shown[4]["error"], json!("halfopen: a quote is not closed"));
    }

    #[test]
    fn a_reader_may_run_one_command_after_another() {
        let Some(module) = module().filter(|_| common::have("node") & common::have("chromium")) else {
            return;
        };
        let root = book(Some(&module));
        let served = Served::start(root.path());
        // More than the connections that a browser opens to one server; a page of another address is another page.
        let pages: Vec<_> =
            (0..15).map(|n| (served.page(&format!("run tcp/handshake --seed {n}")), look(None))).collect();
        let shown = browse(&pages);
        assert_eq!(shown.len(), pages.len());
        assert!(shown.iter().all(|page| page["error"].is_null()), "{shown:?}");
    }

    #[test]
    fn in_a_book_built_without_the_program_or_with_a_broken_one_the_page_says_so() {
        if !(common::have("node") & common::have("chromium")) {
            return;
        }
        let root = book(None);
        let served = Served::start(root.path());
        let shown = browse(&[(served.page("list"), look(None))]);
        let error = shown[0]["error"].as_str().unwrap();
        assert!(error.contains("built without the program") && error.contains(".ci/wasm"), "{error}");
        drop(served);

        let something_else = root.path().join("book.toml");
        let root = book(Some(&something_else));
        let served = Served::start(root.path());
        let shown = browse(&[(served.page("list"), look(None))]);
        let error = shown[0]["error"].as_str().unwrap();
        assert!(error.starts_with("The program cannot be loaded: "), "{error}");
    }
}
