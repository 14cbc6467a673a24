// @ts-check
// What of a run its figure shows: from when until when, which machines, which layers.

import { fresh, h } from "./dom.js";

/** @import { Block } from "./live.js" */
/** @import { View } from "./types.d.ts" */

/** @param {Block} block @returns {{ element: HTMLElement, update: () => void }} */
export function viewControls(block) {
  /** @type {(() => void)[]} */
  const updates = [];
  /** @param {string} label @param {keyof View} name @param {string} hint */
  const text = (label, name, hint) => {
    const id = fresh("view"), list = name === "hosts" || name === "layers";
    const field = h("input", {
      type: "text", id, size: list ? 16 : 8, placeholder: hint, spellcheck: "false", autocapitalize: "off", autocomplete: "off",
      onchange: () => {
        const words = field.value.split(",").map(word => word.trim()).filter(Boolean);
        const { [name]: _, ...rest } = block.view;
        block.look(words.length === 0 ? rest : { ...rest, [name]: list ? words : words.join(",") });
      },
    });
    updates.push(() => { if (document.activeElement !== field) field.value = String(block.view[name] ?? ""); });
    return h("span", { class: "ho-check" }, h("label", { for: id }, label), field);
  };
  /** @param {string} label @param {"packets" | "fold"} name @param {boolean} otherwise */
  const check = (label, name, otherwise) => {
    const field = h("input", { type: "checkbox", onchange: () => block.look({ ...block.view, [name]: field.checked }) });
    updates.push(() => { field.checked = block.view[name] ?? otherwise; });
    return h("label", { class: "ho-check" }, field, label);
  };
  const element = h("fieldset", { class: "ho-view" }, h("legend", {}, "What is shown"),
    text("from", "from", "the start"), text("until", "until", "the end"), text("machines", "hosts", "all, or a,b"),
    text("layers", "layers", "all, or tcp,app"), check("every packet", "packets", true), check("fold what is empty", "fold", true));
  return { element, update: () => { for (const update of updates) update(); } };
}
