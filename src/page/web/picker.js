// @ts-check
// Picks a scenario by the question that it answers.

import { h } from "./dom.js";

/** @import { Scenario } from "./types.d.ts" */

/**
 * @param {Scenario[]} scenarios
 * @param {(scenario: string) => void} picked
 * @returns {HTMLDetailsElement}
 */
export function picker(scenarios, picked) {
  const items = scenarios.map(({ scenario, question, parameters }) => {
    const element = h("li", {}, h("button", { type: "button", class: "ho-pick", onclick: () => picked(scenario) },
      question, " ", h("code", {}, scenario)));
    const own = parameters.filter(({ name }) => !name.startsWith("kernel."));
    return { element, text: [scenario, question, ...own.flatMap(({ name, help }) => [name, help])].join(" ").toLowerCase() };
  });
  const none = h("p", { hidden: true }, "No scenario with these words.");
  const search = h("input", {
    type: "search", placeholder: "what do you want to know?", "aria-label": "search the questions", class: "ho-search",
    oninput: () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const { element, text } of items) element.hidden = !words.every(word => text.includes(word));
      none.hidden = items.some(({ element }) => !element.hidden);
    },
  });
  return h("details", { class: "ho-picker" }, h("summary", {}, "Choose a question"), search,
    h("ul", {}, ...items.map(({ element }) => element)), none);
}
