// node --experimental-default-type=module mock.mjs HALFOPEN BOOK PORT [native|module|none|real MODULE [FOLDER]]: serves a built book with pages
// that have every hook, and the page's modules. Answers come from runs of the command line HALFOPEN, at /.halfopen/ask or in workers
// that ask there; with `real` from the program's own module, with the worker in FOLDER.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync, mkdtempSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { fixtures } from "./fixture.mjs";

const [program, book, port = "8123", by = "native", wasm, folder] = process.argv.slice(2);
const modules = new URL("../../src/page/web/", import.meta.url).pathname, workers = folder ?? modules;
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".json": "application/json", ".wasm": "application/wasm", ".png": "image/png", ".woff2": "font/woff2" };

const execute = args => {
  try {
    return { status: 0, stdout: execFileSync(program, args, { encoding: "utf8", maxBuffer: 1 << 28 }), stderr: "" };
  } catch (error) {
    return { status: error.status, stdout: error.stdout ?? "", stderr: error.stderr ?? String(error) };
  }
};
const run = args => {
  const { status, stdout, stderr } = execute(args);
  // 1: a claim does not hold.
  if (stdout === "") throw new Error(stderr.trim().split("\n")[0].replace(/^halfopen: /, "") || `status ${status}`);
  return stdout;
};
const escape = text => text.replace(/[&<>"]/g, letter => `&#${letter.charCodeAt(0)};`);
const quoted = word => /^[\w./:,=%+-]+$/.test(word) ? word : `'${word}'`;

const options = ({ set = {}, seed = 0, faults = null }) => [
  ...Object.entries(set).flatMap(([name, value]) => ["--set", `${name}=${value}`]),
  ...(seed ? ["--seed", String(seed)] : []), ...(faults === null ? [] : ["--faults", faults]),
];
const seconds = text => [...text.matchAll(/([\d.]+)(ms|s|m|h)/g)].reduce((sum, [, n, unit]) => sum + n * { ms: 1e-3, s: 1, m: 60, h: 3600 }[unit], 0);

/** Numbers the rows of an old figure, as the figures will come. */
function figure(svg, id, view) {
  let n = 0;
  const times = [];
  const rows = [];
  const drawn = svg.replace(/<\?xml.*?\?>/, "").replace(/<style>[\s\S]*?<\/style>/, "").replaceAll("figure-", `${id}-`).replace('id="figure"', `id="${id}"`)
    .replace(/<g class="(ho-packet|ho-note)([^"]*)"><title>([^<]*)<\/title>\n(<path[^>]* d="M[\d.]+ ([\d.]+))/g, (_, kind, more, title, path, y) => {
      times.push([Math.round(parseFloat(title) * 1e6), Number(y)]);
      rows.push(title);
      return `<g class="${kind}${more}" data-r="${n++}" tabindex="0" role="img"><title>${title}</title>${path}`;
    });
  times.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const rising = times.filter(([, y], i) => times.slice(0, i).every(([, other]) => other <= y));
  return { svg: drawn.replace("<svg ", `<svg data-times="${rising.map(pair => pair.join(":")).join(",")}" `), rows };
}

function answerRun(request) {
  const { scenario, parts = [], numbers = [], goal, id = "figure", view = {} } = request;
  const own = options(request);
  const outcome = JSON.parse(run(["run", scenario, ...own, "--format", "json"]));
  const declared = JSON.parse(run(["list", "--format", "json"])).find(each => each.scenario === scenario).parameters;
  const command = ["halfopen", "run", scenario, ...own].map(quoted).join(" ");
  const measures = Object.entries(outcome.measures).map(([name, value]) => ({
    name, label: name.replaceAll("_", " "), value, text: value === null ? "did not happen" : name.endsWith("_s") ? `${value} s` : String(value),
  }));
  const word = holds => `<strong class="${holds ? "holds" : "fails"}">${holds ? "holds" : "fails"}</strong>`;
  const html = {};
  const needs = part => parts.includes(part);
  if (needs("figure") || needs("narrow") || needs("lines")) {
    const { svg, rows } = figure(run(["run", scenario, ...own, "--format", "svg"]), id, view);
    html.figure = svg;
    html.narrow = svg.replaceAll(`"${id}`, `"${id}-narrow`);
    html.lines = `<ol>${rows.map((row, i) => `<li data-r="${i}">${row}</li>`).join("")}</ol>`;
  }
  if (needs("story") || needs("packets")) html.story = html.packets = `<pre tabindex="0"><code class="language-text halfopen-story">${escape(run(["run", scenario, ...own]))}</code></pre>`;
  html.measures = `<div class="table-wrapper"><table class="halfopen-measures"><thead><tr><th>measured</th><th>value</th></tr></thead><tbody>${measures.map(({ label, text }) => `<tr><td>${label}</td><td>${text}</td></tr>`).join("")}</tbody></table></div>`;
  html.claims = `<ul class="halfopen-claims">${outcome.claims.map(({ id, statement, holds }) => `<li>${word(holds)} ${id} ${escape(statement)}</li>`).join("\n")}</ul>`;
  html.command = `<p class="halfopen-command"><code>${escape(command)}</code></p>`;
  const conditions = (goal ?? "").split(";").map(text => text.trim()).filter(Boolean).map(text => {
    const [, name, how, number] = /^(\w+)(<=|>=)(.+)$/.exec(text) ?? [];
    if (name) {
      const value = outcome.measures[name];
      return { text, met: value !== null && (how === "<=" ? value <= Number(number) : value >= Number(number)) };
    }
    const [row] = text.split(" ");
    return { text, met: outcome.claims.filter(({ id }) => id === row).every(({ holds }) => holds) };
  });
  return {
    command, changed: declared.filter(({ name, default: value }) => outcome.parameters[name] !== value).map(({ name }) => [name, outcome.parameters[name]]),
    parts: Object.fromEntries(parts.filter(part => html[part] !== undefined).map(part => [part, html[part]])), measures, claims: outcome.claims,
    numbers: numbers.map(({ name, precision, none }) => {
      const value = outcome.measures[name];
      if (value === undefined) throw new Error(`no measure \`${name}\``);
      if (value === null && none === undefined) throw new Error(`\`${name}\` did not happen`);
      return value === null ? none : precision === undefined ? String(value) : value.toFixed(precision);
    }),
    goal: conditions, ended_s: 1,
  };
}

function answerSweep(request) {
  const { scenario, sweep: { vary, measures }, slice, kept, parts = [] } = request;
  const counts = vary.map(([, values]) => values.split(",").reduce((sum, value) => sum + Number(/\/(\d+)$/.exec(value)?.[1] ?? 1), 0));
  const runs = counts.reduce((product, n) => product * n, 1);
  if (slice) {
    const [first, count] = slice;
    // As long as such runs take.
    for (const end = Date.now() + 4 * count; Date.now() < end;);
    return { runs, kept: Array.from({ length: count }, (_, i) => first + i) };
  }
  if (kept && (kept.length !== runs || kept.some((n, i) => n !== i))) throw new Error(`kept ${JSON.stringify(kept)} of ${runs}`);
  const args = ["sweep", scenario, ...vary.flatMap(([name, values]) => ["--vary", `${name}=${values}`]), ...options(request), ...(measures?.length ? ["--measure", measures.join(",")] : [])];
  const chart = run([...args, "--format", "svg"]).replace(/<\?xml.*?\?>/, "").replace(/<style>[\s\S]*?<\/style>/, "");
  const command = ["halfopen", ...args].map(quoted).join(" ");
  const html = { chart, command: `<p class="halfopen-command"><code>${escape(command)}</code></p>`, claims: "" };
  return { command, parts: Object.fromEntries(parts.map(part => [part, html[part] ?? ""])) };
}

function complete({ script, cursor }) {
  const text = script.slice(0, cursor), entry = text.split(/[;\n]/).pop(), words = entry.trimStart().split(/\s+/), begun = words.at(-1);
  const verbs = ["partition", "reject", "hold", "loss", "latency", "stall", "crash", "power-loss", "offline"], hosts = ["client", "server"];
  const stands = words.length === 1 ? ["at"] : words.length === 2 ? ["5s", "30s"] : words.length === 3 ? verbs
    : words.length === 4 ? hosts : words.length === 5 && ["partition", "reject", "hold", "loss", "latency"].includes(words[2]) ? hosts : ["for"];
  let error = null;
  const bad = script.split(/[;\n]/).find(each => each.trim() && !new RegExp(`^\\s*at \\S+ (${verbs.join("|")}) (client|server)`).test(each));
  if (bad !== undefined) error = { at: script.indexOf(bad) + bad.search(/\S/), message: "starts with `at TIME`, then a fault" };
  return { from: cursor - begun.length, words: stands, error };
}

function take(request) {
  const args = ["run", request.scenario, ...options(request)], name = request.scenario.replace("/", "-");
  switch (request.take) {
    case "rust": return { name: `${name}.rs`, text: "#[test]\nfn a_run_of_the_book() {}\n" };
    case "json": return { name: `${name}.json`, text: run([...args, "--format", "json"]) };
    case "svg": return { name: `${name}.svg`, text: run([...args, "--format", "svg"]) };
    default: {
      const file = join(mkdtempSync(join(tmpdir(), "halfopen-mock-")), "run.pcap");
      run([...args, "--pcap", file]);
      return { name: `${name}.pcap`, base64: readFileSync(file).toString("base64") };
    }
  }
}

const real = by === "real"
  ? (await import(join(workers, "program.js"))).program(new WebAssembly.Module(readFileSync(wasm))) : null;
const known = new Map();
export function ask(text) {
  if (real) return real(text);
  if (known.has(text)) return known.get(text);
  const request = JSON.parse(text);
  let answer;
  try {
    answer = request.list ? { scenarios: JSON.parse(run(["list", "--format", "json"])) } : request.args ? execute(request.args)
      : request.complete ? complete(request.complete) : request.take ? take(request) : request.sweep ? answerSweep(request) : answerRun(request);
  } catch (error) {
    answer = { error: error.message };
  }
  const told = JSON.stringify(answer);
  if (!request.slice) known.set(text, told);
  return told;
}

// Asks, as slowly as a run: a worker that is busy hears nothing.
const WORKER = `
let module;
onmessage = ({ data }) => {
  if (data.module) { module = data.module; return; }
  if (!(module instanceof WebAssembly.Module)) { postMessage({ id: data.id, failed: "no module" }); return; }
  if (data.request.includes('"seed":666')) throw new Error("the worker broke");
  const request = new XMLHttpRequest();
  request.open("POST", "/.halfopen/ask", false);
  request.send(data.request);
  postMessage({ id: data.id, answer: request.responseText });
};`;
// The smallest module.
const EMPTY = Buffer.from([0, 97, 115, 109, 1, 0, 0, 0]);

const pages = fixtures(book, text => {
  const { error } = JSON.parse(ask(text));
  if (error) throw new Error(`${text}: ${error}`);
  return ask(text);
});
createServer((request, response) => {
  const { pathname } = new URL(request.url, "http://localhost");
  const send = (type, body, status = 200) => response.writeHead(status, { "content-type": type, "cache-control": "no-store" }).end(body);
  if (pathname === "/.halfopen/ask") {
    let body = "";
    request.on("data", part => { body += part; }).on("end", () => {
      // A run that takes long.
      if (body.includes('"seed":5000')) setTimeout(() => send("application/json", ask(body)), 8000);
      else send("application/json", ask(body));
    });
    return;
  }
  if (pathname.endsWith("/live/build.json")) {
    return send("application/json", JSON.stringify({
      module: by === "module" || by === "real" ? "halfopen.wasm?v=1" : null, why: by !== "none" ? null : "This book was built without its program: rustup target add wasm32-wasip1, and build it again.", native: by === "native",
    }));
  }
  if (pathname.endsWith("/live/worker.js") && by === "module") return send("text/javascript", WORKER);
  if (pathname.endsWith("/live/halfopen.wasm")) return send("application/wasm", by === "real" ? readFileSync(wasm) : EMPTY);
  if (pages[pathname]) return send("text/html", pages[pathname]);
  const live = /\/live\/([\w.]+)$/.exec(pathname);
  const file = live ? join(/^(worker|program|wasi)\.js$/.test(live[1]) ? workers : modules, live[1]) : join(book, normalize(pathname));
  if (!existsSync(file) || !statSync(file).isFile()) return send("text/plain", "not here", 404);
  send(TYPES[extname(file)] ?? "application/octet-stream", readFileSync(file));
}).listen(Number(port), "127.0.0.1", () => console.log(`http://127.0.0.1:${port}/fixture.html, run/index.html`));
