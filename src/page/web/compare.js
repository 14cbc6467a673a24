// @ts-check
// Two runs side by side: one stays as it is pinned, the other goes on moving. What differs between them is listed and marked.

import { ask } from "./ask.js";
import { button, h } from "./dom.js";

/** @import { Answer, Inputs, View } from "./types.d.ts" */
/** @import { Block } from "./live.js" */

/** What can stand beside its like. */
const KINDS = ["narrow", "figure", "story", "packets"];

/** @param {Block} block @returns {HTMLElement} the button that begins it */
export function compare(block) {
  const { element, model } = block;
  /** @type {{ inputs: Inputs, view: View, answer: Answer | null } | null} */
  let pinned = null;
  const title = h("p", { class: "ho-pin-title" });
  const drawing = h("div", { class: "halfopen-drawing" });
  const pane = h("div", { class: "ho-pin", role: "group", "aria-label": "The pinned run" }, title, drawing);
  const table = h("div", { class: "ho-differences" });
  const live = h("p", { class: "ho-now-title" }, "Now");
  const bar = h("div", { class: "ho-tools ho-compare-bar" },
    button("pin what is shown now", () => pin(model.now)), button("pin the book's", () => pin(model.told)),
    button("swap", () => {
      if (!pinned) return;
      const { inputs } = pinned;
      pin(model.now);
      model.lead = block;
      model.replace(inputs);
    }), button("end the comparison", () => end()));
  const toggle = button("Compare", () => pinned ? end() : begin(), { "aria-pressed": "false" });

  async function begin() {
    const main = KINDS.map(kind => block.parts.get(kind)?.element).find(Boolean);
    const first = main ? topmost(main) : block.element.firstElementChild;
    element.classList.add("ho-comparing");
    for (const kind of KINDS) {
      const own = block.parts.get(kind)?.element;
      if (own) topmost(own).classList.add("ho-main");
    }
    first?.before(pane, live);
    block.panel?.append(bar);
    block.panel?.after(table);
    toggle.setAttribute("aria-pressed", "true");
    await pin(model.told);
    if (!block.answer) block.draw();
  }
  /** The child of the block that holds it. @param {Element} part @returns {Element} */
  function topmost(part) {
    let at = part;
    while (at.parentElement && at.parentElement !== element) at = at.parentElement;
    return at;
  }
  function end() {
    pinned = null;
    for (const gone of [pane, live, bar, table]) gone.remove();
    element.classList.remove("ho-comparing");
    toggle.setAttribute("aria-pressed", "false");
  }

  /** @param {Inputs} inputs */
  async function pin(inputs) {
    const mine = pinned = { inputs: structuredClone(inputs), view: { ...block.view }, answer: /** @type {Answer | null} */ (null) };
    const part = KINDS.find(kind => block.parts.has(kind)) ?? "measures";
    const { up, ledger } = block.told;
    const answer = await ask({
      scenario: model.scenario, ...mine.inputs, view: mine.view, parts: [part], id: `${block.key}-pinned`, up, ledger,
    });
    if (!answer || pinned !== mine) return;
    title.replaceChildren(...(answer.error !== undefined ? [answer.error] : ["Pinned: ", h("code", {}, answer.command ?? "")]));
    if (answer.error === undefined) drawing.innerHTML = answer.parts?.[part] ?? "";
    mine.answer = answer;
    differences();
  }

  function differences() {
    const now = block.answer, then = pinned?.answer;
    if (now && then) table.replaceChildren(tabled(then, now, "pinned"));
  }

  block.drawn.add(() => {
    if (!pinned) return;
    if (JSON.stringify(pinned.view) !== JSON.stringify(block.view)) pin(pinned.inputs);
    else differences();
  });
  return toggle;
}

/**
 * Measures and claims of two runs, those that differ marked.
 * @param {Answer} then
 * @param {Answer} now
 * @param {string} called what the first is called
 */
export function tabled(then, now, called) {
  /** @param {string} name @param {string} then @param {string} now */
  const row = (name, then, now) => h("tr", { class: then === now ? null : "ho-differs" },
    h("th", { scope: "row" }, name), h("td", {}, then), h("td", {}, then === now ? now : `≠ ${now}`));
  const rows = (now.measures ?? []).map(({ name, label, text }) =>
    row(label ?? name, then.measures?.find(measure => measure.name === name)?.text ?? "-", text));
  const claims = (now.claims ?? []).map(({ id, statement, holds }) => {
    const other = then.claims?.find(claim => claim.id === id && claim.statement === statement)?.holds;
    const word = (/** @type {boolean | undefined} */ holds) => holds === undefined ? "-" : holds ? "holds" : "fails";
    return row(`${id} ${statement}`, word(other), word(holds));
  });
  const differing = [...rows, ...claims].filter(({ className }) => className !== "").length;
  return h("table", {},
    h("caption", {}, differing === 0 ? "No measure and no claim differs." : `${differing} of ${rows.length + claims.length} differ (≠).`),
    h("thead", {}, h("tr", {}, h("td", {}), h("th", { scope: "col" }, called), h("th", { scope: "col" }, "now"))),
    h("tbody", {}, ...rows, ...claims));
}
