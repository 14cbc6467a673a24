// @ts-check
// What a reader has changed of a run. Blocks and numbers of one section that show the same run share one model: they move together,
// and the text never says another number than the figure beside it.

import { ask } from "./ask.js";
import { same } from "./units.js";

/** @import { Answer, Declaration, Inputs, RunRequest } from "./types.d.ts" */

/** What makes two requests the same run. @param {RunRequest} request */
export function runKey({ scenario, set = {}, seed = 0, faults = null }) {
  return JSON.stringify([scenario, Object.entries(set).sort(([a], [b]) => (a < b ? -1 : 1)), seed, faults]);
}

export class Model {
  /** @param {RunRequest} told the request that the book was built with */
  constructor(told) {
    this.scenario = told.scenario;
    /** @type {Inputs} What the book tells. */
    this.told = { set: { ...told.set }, seed: told.seed ?? 0, faults: told.faults ?? null };
    /** @type {Inputs} What is shown now. */
    this.now = structuredClone(this.told);
    /** @type {Map<string, Declaration>} */
    this.declarations = new Map();
    /** @type {Set<(changed: string | null) => void>} */
    this.listeners = new Set();
    /** @type {{ element: HTMLElement, number: import("./types.d.ts").NumberOf, told: string }[]} */
    this.numbers = [];
    /** What was changed last, for a claim that turns: name, value, and the value before. @type {[string, string, string] | null} */
    this.last = null;
    /** The block that the reader touches: it asks for the numbers. @type {object | null} */
    this.lead = null;
    /** @type {Map<string, string>} What made a claim turn, by the claim's id and statement. */
    this.turned = new Map();
    /** @type {Promise<Answer | null> | undefined} */
    this.originally = undefined;
  }

  /** @param {string} name */
  value(name) {
    if (name === "seed") return String(this.now.seed);
    if (name === "faults") return this.now.faults ?? "";
    return this.now.set[name] ?? this.declarations.get(name)?.default ?? "";
  }

  /** What the book tells. @param {string} name */
  toldValue(name) {
    if (name === "seed") return String(this.told.seed);
    if (name === "faults") return this.told.faults ?? "";
    return this.told.set[name] ?? this.declarations.get(name)?.default ?? "";
  }

  /** @param {string} name */
  isChanged(name) {
    if (name === "faults") return this.now.faults !== this.told.faults;
    return !same(this.declarations.get(name)?.unit ?? "text", this.value(name), this.toldValue(name));
  }

  /** The names of all that differs from what the book tells. */
  changes() {
    const names = new Set([...Object.keys(this.now.set), ...Object.keys(this.told.set), "seed", "faults"]);
    return [...names].filter(name => this.isChanged(name));
  }

  /** @param {string} name @param {string | null} value `null`: as the book tells, or for the faults the scenario's own */
  change(name, value) {
    const before = this.value(name);
    if (name === "faults") {
      this.now.faults = value;
    } else if (name === "seed") {
      // The program says what is wrong with a seed that is none.
      this.now.seed = value === null ? this.told.seed : /^\d{1,15}$/.test(value.trim()) ? Number(value) : /** @type {any} */ (value);
    } else {
      const { unit = "text", default: otherwise } = this.declarations.get(name) ?? {};
      const wanted = value ?? this.toldValue(name);
      if (otherwise !== undefined && same(unit, wanted, otherwise)) delete this.now.set[name];
      else this.now.set[name] = wanted;
    }
    this.last = [name, this.value(name), before];
    this.tell(name);
  }

  /** All at once. @param {Inputs} inputs */
  replace(inputs) {
    this.now = structuredClone(inputs);
    this.last = null;
    this.tell(null);
  }

  reset() {
    this.replace(this.told);
  }

  /** @param {string | null} name */
  tell(name) {
    for (const listener of this.listeners) listener(name);
  }

  /** @returns {RunRequest} */
  request() {
    return { scenario: this.scenario, set: this.now.set, seed: this.now.seed, faults: this.now.faults };
  }

  /** Measures and claims of the run that the book tells, to compare with. @returns {Promise<Answer | null>} */
  original() {
    this.originally ??= ask({ scenario: this.scenario, ...this.told, parts: [] });
    return this.originally;
  }
}
