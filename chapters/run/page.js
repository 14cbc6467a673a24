// A command line, and what the program says to it. `?run=COMMAND` in the address runs the command at once.

const element = id => document.getElementById(id);
const form = document.querySelector("form"), field = element("command");

// The words of a command line, quoted as in a shell. Throws where a quote is not closed.
function words(line) {
  const found = [];
  const word = /\s*((?:[^\s'"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+)\s*/suy;
  while (word.lastIndex < line.length && line.trim() !== "") {
    const match = word.exec(line);
    if (!match) throw new Error("halfopen: a quote is not closed");
    found.push(match[1].replace(/'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)/gsu, (_, single, double, escaped) =>
      single ?? escaped ?? double.replace(/\\(["\\$`])/g, "$1")));
  }
  if (found[0] === "$") found.shift();
  if (found[0] === "halfopen") found.shift();
  return found;
}

// What to run for a command line: a `run` that does not say in what form is told and drawn.
function lines(words) {
  const formed = words.some(word => word === "--format" || word.startsWith("--format="));
  return words[0] === "run" && !formed ? [words, [...words, "--format", "svg"]] : [words];
}

const live = new URL("../live/", import.meta.url);
let worker = null, module = null;

// Compiled once.
async function compiled() {
  const response = await fetch(new URL("build.json", live));
  if (!response.ok) throw new Error(`${response.status} for live/build.json`);
  const build = await response.json();
  if (!build.module) throw new Error(build.why);
  const program = await fetch(new URL(build.module, live));
  if (!program.ok) throw new Error(`${program.status} for ${build.module}`);
  return WebAssembly.compile(await program.arrayBuffer());
}

// Has command lines run, up to the first that prints nothing. Another run that is under way is given up.
async function ask(lines) {
  module ??= await compiled().catch(error => { throw new Error(`The program cannot be loaded: ${error.message}`); });
  if (worker?.busy) {
    worker.terminate();
    worker = null;
  }
  if (!worker) {
    worker = new Worker(new URL("worker.js", live), { type: "module" });
    worker.postMessage({ module });
  }
  const asked = worker, began = performance.now();
  asked.busy = true;
  const runs = [];
  for (const [id, args] of lines.entries()) {
    asked.postMessage({ id, request: JSON.stringify({ args }) });
    const answer = await new Promise((resolve, reject) => {
      asked.onmessage = ({ data }) => resolve(JSON.parse(data.answer));
      asked.onerror = event => reject(new Error(event.message || "The program cannot be loaded."));
    });
    runs.push(answer.error ? { status: null, stdout: "", stderr: answer.error } : answer);
    if (runs.at(-1).stdout === "") break;
  }
  asked.busy = false;
  return { runs, ms: performance.now() - began };
}

function show(id, content) {
  element(id).hidden = !content;
  element(id).replaceChildren(...content ? [content] : []);
}

function clear(state, status) {
  // What a test, or an impatient reader's style sheet, waits for.
  document.body.dataset.state = state;
  element("status").textContent = status;
  for (const id of ["error", "figure", "text"]) show(id, null);
}

function fail(message) {
  clear("failed", "");
  show("error", message.trimEnd());
}

// A figure is the program's own SVG; everything else is text.
function tell(output) {
  if (output.startsWith("<?xml")) {
    const figure = new DOMParser().parseFromString(output, "image/svg+xml").documentElement;
    show("figure", document.importNode(figure, true));
  } else {
    show("text", output);
  }
}

async function run(line) {
  try {
    const wanted = lines(words(line));
    clear("running", "running ..");
    const { runs, ms } = await ask(wanted);
    const [first] = runs;
    if (first.stdout === "") return fail(first.stderr);
    clear("done", `${ms.toFixed(0)} ms in your browser${first.status === 0 ? "" : `, exit status ${first.status}`}`);
    for (const { stdout } of runs) tell(stdout);
  } catch (error) {
    fail(error.message);
  }
}

form.addEventListener("submit", event => {
  event.preventDefault();
  history.replaceState(null, "", `?${new URLSearchParams({ run: field.value })}`);
  run(field.value);
});

const given = new URLSearchParams(location.search).get("run");
if (given !== null) {
  field.value = given;
  run(given);
}
