// @ts-check
// Reads a command line as a shell and the program would, as far as the workbench can show it with controls. What it cannot is given to
// the program as it stands.

/** @import { RunRequest, View } from "./types.d.ts" */

/** The words of a command line, quoted as in a shell. Throws where a quote is not closed. @param {string} line @returns {string[]} */
export function words(line) {
  /** @type {string[]} */
  const found = [];
  const word = /\s*((?:[^\s'"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+)\s*/suy;
  while (word.lastIndex < line.length && line.trim() !== "") {
    const match = word.exec(line);
    if (!match) throw new Error("a quote is not closed");
    found.push(match[1].replace(/'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)/gsu, (_, single, double, escaped) =>
      single ?? escaped ?? double.replace(/\\(["\\$`])/g, "$1")));
  }
  if (found[0] === "$") found.shift();
  if (found[0] === "halfopen") found.shift();
  return found;
}

/** Options that have a value. */
const VALUED = ["set", "seed", "faults", "vary", "measure", "seeds", "from", "until", "hosts", "layers", "format"];
/** `--packets` lists them in text: the workbench has a list of its own. */
const SWITCHES = ["packets", "no-arrows", "whole"];

/**
 * @param {string[]} words
 * @returns {RunRequest | null} `null`: nothing that controls could show
 */
export function parse([verb, ...rest]) {
  if (verb !== "run" && verb !== "sweep") return null;
  /** @type {RunRequest} */
  const request = { scenario: "", set: {}, seed: 0, faults: null };
  /** @type {View} */
  const view = {};
  /** @type {[string, string][]} */
  const vary = [];
  /** @type {string[]} */
  let measures = [];
  let seeds = 1;
  for (let i = 0; i < rest.length; i++) {
    const option = /^--([a-z-]+)(?:=(.*))?$/s.exec(rest[i]);
    if (!option) {
      if (rest[i].startsWith("-") || request.scenario) return null;
      request.scenario = rest[i];
      continue;
    }
    const [, name] = option;
    if (SWITCHES.includes(name)) {
      if (name === "no-arrows") view.packets = false;
      if (name === "whole") view.fold = false;
      continue;
    }
    const value = option[2] ?? rest[++i];
    if (!VALUED.includes(name) || value === undefined) return null;
    const at = value.indexOf("="), list = value.split(",").map(item => item.trim()).filter(Boolean);
    switch (name) {
      case "set": if (at < 0) return null; request.set = { ...request.set, [value.slice(0, at)]: value.slice(at + 1) }; break;
      case "vary": if (at < 0) return null; vary.push([value.slice(0, at), value.slice(at + 1)]); break;
      // The program says what is wrong with a seed that is none.
      case "seed": request.seed = /^\d{1,15}$/.test(value) ? Number(value) : /** @type {any} */ (value); break;
      case "seeds": seeds = Number(value); break;
      case "faults": request.faults = value; break;
      case "measure": measures = [...measures, ...list]; break;
      case "from": case "until": view[name] = value; break;
      case "hosts": case "layers": view[name] = list; break;
      // Another form than a picture is for the program to print.
      default: if (value !== "svg") return null;
    }
  }
  if (!request.scenario) return null;
  if (verb === "sweep") return vary.length > 0 ? { ...request, sweep: { vary, measures, seeds } } : null;
  return vary.length > 0 || measures.length > 0 ? null : { ...request, view };
}
