// @ts-check
// A challenge: the reader moves what may be moved, and each run says which conditions are met.

import { button, h, mark, say } from "./dom.js";
import { Block } from "./live.js";
import { Model } from "./model.js";
import { done, keep } from "./progress.js";

/** @import { RunRequest } from "./types.d.ts" */

/** @param {HTMLElement} section @param {RunRequest} request @returns {Block} */
export function challenge(section, request) {
  const model = new Model(request);
  const verdict = h("p", { class: "ho-verdict", role: "status" });
  const place = h("div", { "data-controls-here": true });
  const conditions = /** @type {NodeListOf<HTMLElement>} */ (section.querySelectorAll("[data-condition]"));
  const list = conditions.length > 0 ? conditions[0].closest("ul, ol") : null;
  if (list) list.after(verdict); else section.append(verdict);
  section.append(place);
  if (!section.querySelector("[data-part=figure], [data-part=story], [data-part=chart]")) {
    const wide = h("div", { class: "halfopen-drawing ho-wide", "data-part": "figure" });
    const narrow = h("div", { class: "halfopen-drawing ho-narrow", "data-part": "narrow" });
    const details = h("details", { class: "ho-lines" }, h("summary", {}, "See the run"), wide, narrow);
    section.append(details);
  }
  const block = new Block(section, request, model, { first: true, only: true });
  block.kind = "challenge";
  const solved = () => Boolean(done(section.id));
  const forget = button("Try again from the start", () => { keep(section.id, null); model.lead = block; model.reset(); });
  verdict.after(forget);
  forget.hidden = !solved();
  section.classList.toggle("ho-solved", solved());
  if (solved()) say(verdict, "You have solved this before.");

  block.drawn.add(({ goal = [] }) => {
    goal.forEach(({ text, met }, i) => {
      const item = [...conditions].find(({ dataset }) => dataset.condition === String(i));
      if (!item) return;
      let sign = item.querySelector(".ho-condition");
      if (!sign) item.prepend(sign = h("strong", { class: "ho-condition" }));
      const before = sign.textContent;
      say(sign, met ? "✓ met: " : "✗ not met: ");
      if (before && before !== sign.textContent) mark(item);
      item.classList.toggle("met", met);
      item.classList.toggle("unmet", !met);
      if (item.childNodes.length === 1) item.append(text);
    });
    const met = goal.filter(({ met }) => met).length;
    // As the book tells it, it is not solved; what was solved before stays so.
    if (goal.length > 0 && met === goal.length) {
      if (!solved()) keep(section.id, { kind: "challenge" });
      section.classList.add("ho-solved");
      forget.hidden = false;
      say(verdict, "✓ Solved: every condition is met.");
    } else if (model.changes().length > 0) {
      section.classList.toggle("ho-solved", solved());
      say(verdict, `${met} of ${goal.length} conditions are met.`);
    }
  });
  return block;
}
