// @ts-check
// What a reader has predicted and solved. It stays in this browser, under one name, and can be forgotten.

import { button, h } from "./dom.js";

const NAME = "halfopen:progress";

/** @typedef {{ kind: "prediction" | "challenge", guess?: string, right?: boolean }} Done */

/** @returns {Record<string, Done>} by chapter and id */
export function all() {
  try {
    const read = JSON.parse(localStorage.getItem(NAME) ?? "{}");
    return typeof read === "object" && read !== null && !Array.isArray(read) ? read : {};
  } catch {
    // Neither a browser that keeps nothing nor a broken entry is in the way of reading.
    return {};
  }
}

/** The chapter's file stands before the id: ids are the chapter's own. @param {string} id */
const key = id => `${location.pathname.split("/").pop() || "index.html"}#${id}`;

/** @param {string} id */
export const done = id => /** @type {Done | undefined} */ (all()[key(id)]);

/** @param {string} id @param {Done | null} what `null`: forget it */
export function keep(id, what) {
  const kept = all();
  if (what) kept[key(id)] = what; else delete kept[key(id)];
  try {
    if (Object.keys(kept).length === 0) localStorage.removeItem(NAME); else localStorage.setItem(NAME, JSON.stringify(kept));
  } catch {
    // As above: it is then forgotten with the page.
  }
}

/**
 * A summary, where a page has a place for it. Its `data-progress` may say how many there are: {"predictions":12,"challenges":5}.
 * @param {HTMLElement} place
 */
export function summary(place) {
  const kept = Object.values(all());
  /** @type {{ predictions?: number, challenges?: number }} */
  let there = {};
  try {
    there = JSON.parse(place.dataset.progress || "{}");
  } catch {
    // Then it is not said how many there are.
  }
  const guessed = kept.filter(({ kind }) => kind === "prediction"), solved = kept.filter(({ kind }) => kind === "challenge");
  const of = (/** @type {number | undefined} */ n) => n === undefined ? "" : ` of ${n}`;
  if (kept.length === 0) {
    place.replaceChildren(h("p", {}, "Predictions and challenges that you have done will be counted here, in this browser and nowhere else."));
    return;
  }
  const right = guessed.filter(({ right }) => right).length;
  place.replaceChildren(h("p", {},
    `Predicted: ${guessed.length}${of(there.predictions)}, ${right} of them right. Challenges solved: ${solved.length}${of(there.challenges)}. `,
    button("forget this", () => {
      try { localStorage.removeItem(NAME); } catch { /* Nothing was kept. */ }
      summary(place);
    })));
}
