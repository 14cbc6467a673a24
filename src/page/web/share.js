// @ts-check
// Keeps what is shown in the address, so that a reload, a bookmark or a link shows it again. Of an address nothing is taken but values
// that are asked with, and the id of a block.

import { button, h } from "./dom.js";

/** @import { Inputs, View } from "./types.d.ts" */
/** @import { Block } from "./live.js" */

const OWN = ["ho", "set", "seed", "faults", "from", "until", "hosts", "layers", "packets", "fold"];

/** @typedef {{ id: string, inputs: Inputs, view: View }} Shared */

/** What an address says of a block; `null` if nothing. @param {string} [search] @returns {Shared | null} */
export function read(search = location.search) {
  const query = new URLSearchParams(search), id = query.get("ho");
  if (!id) return null;
  const set = Object.fromEntries(query.getAll("set").map(pair => {
    const at = pair.indexOf("=");
    return at < 0 ? [pair, ""] : [pair.slice(0, at), pair.slice(at + 1)];
  }));
  const seed = query.get("seed") ?? "0";
  /** @type {View} */
  const view = {};
  for (const name of /** @type {const} */ (["from", "until"])) if (query.has(name)) view[name] = query.get(name) ?? "";
  for (const name of /** @type {const} */ (["hosts", "layers"])) if (query.has(name)) view[name] = (query.get(name) ?? "").split(",").filter(Boolean);
  for (const name of /** @type {const} */ (["packets", "fold"])) if (query.has(name)) view[name] = query.get(name) === "true";
  return { id, inputs: { set, seed: /^\d{1,15}$/.test(seed) ? Number(seed) : /** @type {any} */ (seed), faults: query.get("faults") }, view };
}

/** The address of what a block shows. @param {Block} block @returns {URL} */
export function address(block) {
  if (block.address) return block.address();
  const { model: { now }, view, element } = block, url = new URL(location.href);
  for (const name of OWN) url.searchParams.delete(name);
  const same = block.model.changes().length === 0 && JSON.stringify(view) === JSON.stringify({ ...block.told.view });
  if (!same) {
    const { searchParams: query } = url;
    query.set("ho", element.id);
    for (const [name, value] of Object.entries(now.set)) query.append("set", `${name}=${value}`);
    if (String(now.seed) !== "0") query.set("seed", String(now.seed));
    if (now.faults !== null) query.set("faults", now.faults);
    for (const [name, value] of Object.entries(view)) query.set(name, String(value));
  }
  // An address leads to the block, changed or not.
  if (element.id) url.hash = element.id;
  return url;
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let soon;

/** Puts what a block shows into the address, when it has come to rest. @param {Block} block */
export function remember(block) {
  if (block.model.lead !== block || (!block.element.id && !block.address)) return;
  clearTimeout(soon);
  soon = setTimeout(() => history.replaceState(history.state, "", address(block)), 300);
}

/** @param {string} text */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Outside of secure contexts there is no clipboard but this one.
    const field = h("textarea", { class: "ho-off-screen" });
    field.value = text;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}

/** Says on a button what came of it, for a moment. @param {HTMLElement} element @param {string} text */
export function answerOn(element, text) {
  const before = element.dataset.text ?? element.textContent ?? "";
  element.dataset.text = before;
  element.textContent = text;
  setTimeout(() => { element.textContent = before; }, 1500);
}

/** @param {Block} block */
export function shareButton(block) {
  const share = button("Copy link", async () => {
    const url = address(block);
    history.replaceState(history.state, "", url);
    answerOn(share, await copy(url.href) ? "copied" : "it is in the address bar");
  });
  // A block without a name of its own cannot be found again; what it shows opens in the workbench.
  share.hidden = !block.element.id && !block.address;
  return share;
}
