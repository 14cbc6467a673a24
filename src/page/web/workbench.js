// @ts-check
// The workbench: any scenario, any command, in the book's own page. What a run came to stands first, then what made it, then its figure
// and story.

import { ask, scenarios } from "./ask.js";
import { parse, words } from "./command.js";
import { tabled } from "./compare.js";
import { button, fresh, h } from "./dom.js";
import { Block } from "./live.js";
import { Model } from "./model.js";
import { picker } from "./picker.js";

/** @import { RunRequest, Scenario } from "./types.d.ts" */

/** Where the book's pages are, seen from the workbench. */
const UP = "../";

/** @param {HTMLElement} place */
export async function start(place) {
  /** @type {Map<string, Scenario>} */
  let all;
  try {
    all = await scenarios();
  } catch (error) {
    place.replaceChildren(h("p", { class: "ho-why" }, error instanceof Error ? error.message : String(error)));
    return;
  }
  const query = new URLSearchParams(location.search);
  const id = fresh("command");
  const field = h("input", { id, name: "run", type: "text", spellcheck: "false", autocapitalize: "off", autocomplete: "off", enterkeyhint: "go" });
  const form = h("form", { class: "ho-command-line", onsubmit: (/** @type {Event} */ event) => { event.preventDefault(); run(field.value); } },
    h("label", { for: id }, "$ halfopen"), field, h("button", { class: "ho-button" }, "Run"));
  const bench = h("div", { class: "ho-bench" });
  const pick = picker([...all.values()], scenario => {
    pick.open = false;
    run(`run ${scenario}`);
    field.focus();
  });
  place.replaceChildren(...origin(query.get("from")), pick, form, bench);
  /** @type {AbortController | null} */
  let printing = null;

  /** @param {string} line */
  async function run(line) {
    field.value = line.trim().replace(/^\$?\s*halfopen\s+/, "");
    printing?.abort();
    /** @type {string[]} */
    let given;
    try {
      given = words(line);
    } catch (error) {
      bench.replaceChildren(h("p", { class: "ho-error", role: "alert" }, String(/** @type {Error} */ (error).message)));
      return;
    }
    if (given.length === 0 || (given[0] === "list" && given.length === 1)) {
      pick.open = true;
      bench.replaceChildren();
      return;
    }
    const request = parse(given);
    if (request && all.has(request.scenario)) return show(request);
    address(field.value);
    const stop = printing = new AbortController();
    const answer = await ask({ args: given }, { signal: stop.signal });
    if (!answer || printing !== stop) return;
    const said = answer.error ?? ([answer.stdout, answer.stderr].filter(Boolean).join("\n").trimEnd() || `exit status ${answer.status}`);
    bench.replaceChildren(h("pre", { class: "ho-printed", tabindex: "0" }, said));
  }

  /** @param {string} command */
  function address(command) {
    const url = new URL(location.href);
    url.searchParams.set("run", command);
    return url;
  }

  /** @param {RunRequest} request */
  function show(request) {
    const { question, parameters } = /** @type {Scenario} */ (all.get(request.scenario));
    // Changes are told against the scenario as it is, whatever the command sets.
    const model = new Model({ scenario: request.scenario });
    model.now = { set: { ...request.set }, seed: request.seed ?? 0, faults: request.faults ?? null };
    const element = request.sweep ? sweepBlock() : runBlock();
    // The scenario's own parameters; those of the kernels are one click away.
    const own = parameters.map(({ name }) => name).filter(name => !name.startsWith("kernel."));
    element.dataset.controls = [...own, "seed"].join(",");
    element.prepend(h("h2", {}, question), h("p", { class: "ho-scenario" }, h("code", {}, request.scenario)));
    const block = new Block(element, { ...request, up: UP, ledger: `${UP}ledger.html` }, model, { first: true });
    block.key = "workbench";
    model.lead = block;
    let command = field.value;
    block.address = () => address(command);
    block.drawn.add(answer => {
      command = (answer.command ?? command).replace(/^halfopen /, "");
      if (document.activeElement !== field) field.value = command;
    });
    const differing = element.querySelector(".ho-differences");
    block.drawn.add(async answer => {
      const changed = model.changes().length > 0;
      const original = changed ? await model.original() : null;
      if (!differing || block.answer !== answer) return;
      /** @type {HTMLElement | null} */ (differing.closest("details"))?.toggleAttribute("hidden", !original?.measures);
      if (original?.measures) differing.replaceChildren(tabled(original, answer, "by default"));
    });
    bench.replaceChildren(element, ...(request.sweep ? [] : [sweepForm(request.scenario, model, line => run(line))]));
    return block;
  }

  const given = query.get("run");
  if (given !== null) await run(given); else pick.open = true;
}

/** The way back to where the reader came from: a page of this book, and nothing else. @param {string | null} from */
function origin(from) {
  if (!from || !/^[a-z0-9][a-z0-9_-]*\.html(#[\w.-]*)?$/i.test(from)) return [];
  return [h("p", { class: "ho-from" }, h("a", { href: `${UP}${from}` }, "← back to where you came from"))];
}

/** @param {string} name @param {Record<string, unknown>} [attributes] */
const part = (name, attributes = {}) => h("div", { "data-part": name, ...attributes });

function runBlock() {
  const folded = (/** @type {string} */ title, /** @type {string} */ name) =>
    h("details", { class: "ho-lines" }, h("summary", {}, title), part(name, { class: name === "lines" ? null : "ho-wide-text" }));
  return h("section", { class: "halfopen ho-workbench", "data-kind": "figure" },
    part("claims"), part("measures"), h("div", { "data-controls-here": true }),
    h("details", { class: "ho-lines", open: true, hidden: true }, h("summary", {}, "What differs from the defaults"), h("div", { class: "ho-differences" })),
    part("figure", { class: "halfopen-drawing ho-wide" }), part("narrow", { class: "halfopen-drawing ho-narrow" }),
    folded("Line by line", "lines"), folded("Story, as printed", "story"), folded("Every packet", "packets"),
    part("command"));
}

function sweepBlock() {
  return h("section", { class: "halfopen ho-workbench", "data-kind": "sweep" },
    part("claims"), h("div", { "data-controls-here": true }), part("chart", { class: "halfopen-drawing ho-wide" }), part("narrow", { class: "halfopen-drawing ho-narrow" }), part("command"));
}

/**
 * A sweep of what is shown: one parameter, from where to where.
 * @param {string} scenario
 * @param {Model} model
 * @param {(line: string) => void} run
 */
function sweepForm(scenario, model, run) {
  const name = h("select", { "aria-label": "parameter", onchange: () => values() });
  const range = h("input", { type: "text", "aria-label": "values", size: 22, spellcheck: "false" });
  const measure = h("input", { type: "text", "aria-label": "measures, separated by commas", size: 18, placeholder: "all measures", spellcheck: "false" });
  const values = () => {
    const { min, max, choices } = model.declarations.get(name.value) ?? {};
    range.value = choices ? choices.join(",") : min && max ? `${compact(min)}..${compact(max)}/24` : "";
  };
  const fill = () => {
    if (name.options.length > 0) return;
    for (const { name: each, unit } of model.declarations.values()) if (unit !== "text") name.append(h("option", {}, each));
    values();
  };
  const details = h("details", { class: "ho-sweep", ontoggle: fill }, h("summary", {}, "Sweep: the same for many values"),
    h("div", { class: "ho-inline" }, name, " = ", range, " measure ", measure, button("Sweep", () => {
      const { set, seed, faults } = model.now;
      const sets = Object.entries(set).filter(([other]) => other !== name.value).map(([other, value]) => ` --set ${quoted(`${other}=${value}`)}`);
      run(`sweep ${scenario} --vary ${quoted(`${name.value}=${range.value}`)}${sets.join("")}${
        seed ? ` --seed ${seed}` : ""}${faults === null ? "" : ` --faults ${quoted(faults)}`}${
        measure.value.trim() ? ` --measure ${quoted(measure.value.replace(/\s+/g, ""))}` : ""}`);
    })));
  return details;
}

/** @param {string} value */
const compact = value => value.replace(/\s+/g, "");

/** A word for a shell. @param {string} word */
const quoted = word => /^[\w./:,=%+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
