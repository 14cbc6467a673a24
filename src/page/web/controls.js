// @ts-check
// Controls for parameters, made from the program's own declarations: a slider beside a field for the exact value, a switch, a list of
// choices. Each is marked where it differs from what the book tells, and can be put back.

import { button, fresh, h } from "./dom.js";
import { nearest, parse, show, stops } from "./units.js";

/** @import { Declaration } from "./types.d.ts" */
/** @import { Model } from "./model.js" */

/** @typedef {{ name: string, element: HTMLElement, update: () => void, refuse: (refused: boolean) => void }} Control */

/** @type {Declaration} */
const SEED = {
  name: "seed", unit: "seed", default: "0", min: null, max: null,
  help: "The seed of everything random: another seed is another run, the same seed the same.",
};

/** @param {Model} model @param {string} name @returns {Declaration | undefined} */
const declared = (model, name) => name === "seed" ? SEED : model.declarations.get(name);

/**
 * One parameter's control; `null` for a name that the scenario does not have.
 * @param {Model} model
 * @param {string} name
 * @returns {Control | null}
 */
export function control(model, name) {
  const declaration = declared(model, name);
  if (!declaration) return null;
  const id = fresh("control"), help = `${id}-help`;
  const set = (/** @type {string | null} */ value) => model.change(name, value);
  const kind = declaration.unit === "flag" ? flag : declaration.choices?.length ? choice : amount;
  const { parts, update, fields } = kind(model, declaration, id, set);
  for (const field of fields) field.setAttribute("aria-describedby", help);
  const back = button("", () => { set(null); fields[fields.length - 1].focus(); }, { class: "ho-button ho-back" });
  const element = h("div", { class: "ho-control", "data-parameter": name },
    h("label", { for: id }, ...named(declaration)), ...parts, back, h("p", { class: "ho-help", id: help }, declaration.help));
  const all = () => {
    update(model.value(name));
    const changed = model.isChanged(name), told = model.toldValue(name) || "none";
    element.classList.toggle("ho-is-changed", changed);
    back.hidden = !changed;
    if (changed) {
      back.textContent = `↺ ${told}`;
      back.setAttribute("aria-label", `put ${declaration.label ?? name} back to ${told}`);
    }
  };
  all();
  return {
    name, element, update: all,
    refuse: refused => { for (const field of fields) field.setAttribute("aria-invalid", String(refused)); },
  };
}

/** @param {Declaration} declaration */
const named = ({ name, label }) => label ? [`${label} `, h("code", {}, name)] : [h("code", {}, name)];

/** @typedef {{ parts: HTMLElement[], fields: HTMLElement[], update: (value: string) => void }} Made */
/** @typedef {(model: Model, declaration: Declaration, id: string, set: (value: string | null) => void) => Made} Make */

/** @type {Make} */
function flag(_model, _declaration, id, set) {
  const field = h("input", { type: "checkbox", role: "switch", id, class: "ho-switch", onchange: () => set(String(field.checked)) });
  const word = h("span", { class: "ho-word", "aria-hidden": "true" });
  return {
    parts: [h("span", { class: "ho-field" }, field, word)], fields: [field],
    update(value) {
      field.checked = ["true", "on", "yes"].includes(value);
      word.textContent = field.checked ? "on" : "off";
    },
  };
}

/** @type {Make} */
function choice(_model, { choices = [] }, id, set) {
  const field = h("select", { id, onchange: () => set(field.value) }, ...choices.map(word => h("option", { value: word }, word)));
  return { parts: [h("span", { class: "ho-field" }, field)], fields: [field], update: value => { field.value = value; } };
}

/** @type {Make} */
function amount(model, declaration, id, set) {
  const { name, unit } = declaration;
  const places = stops(declaration, [declaration.default, model.toldValue(name)]);
  const range = declaration.min !== null && declaration.max !== null ? `${declaration.min} to ${declaration.max}` : null;
  const field = h("input", {
    type: "text", id, class: "ho-exact", title: range, spellcheck: "false", autocapitalize: "off", autocomplete: "off",
    inputmode: unit === "count" || unit === "seed" ? "numeric" : null, size: unit.startsWith("list") || unit === "text" ? 24 : 9,
    // What can be read is tried at once; of the rest the program says what is wrong when the field is left.
    oninput: () => { if (parse(unit === "seed" ? "count" : unit, field.value) !== null && inRange(declaration, field.value)) set(field.value.trim()); },
    onchange: () => { if (field.value.trim() !== model.value(name)) set(field.value.trim() === "" ? null : field.value.trim()); },
  });
  /** @type {HTMLInputElement | null} */
  let slider = null;
  if (places.length > 1) {
    slider = h("input", {
      type: "range", min: 0, max: places.length - 1, step: 1, "aria-label": declaration.label ?? name, class: "ho-slider",
      oninput: () => set(show(unit, places[Number(/** @type {HTMLInputElement} */ (slider).value)])),
    });
  }
  const parts = [h("span", { class: "ho-field" }, ...(slider ? [slider] : []), field)];
  if (unit === "seed") {
    parts[0].append(button("another", () => set(String((Number(model.value(name)) || 0) + 1)), { "aria-label": "another seed" }));
  }
  return {
    parts, fields: slider ? [slider, field] : [field],
    update(value) {
      if (document.activeElement !== field) field.value = value;
      const at = slider && parse(unit, value);
      if (!slider || at === null) return;
      const place = String(nearest(places, at));
      if (slider.value !== place) slider.value = place;
      slider.setAttribute("aria-valuetext", value);
    },
  };
}

/** @param {Declaration} declaration @param {string} text */
function inRange({ unit, min, max }, text) {
  const value = parse(unit, text), from = parse(unit, min), to = parse(unit, max);
  return value === null || ((from === null || value >= from) && (to === null || value <= to));
}

/** The few that matter where a chapter names none: what the book sets, and the scenario's first own ones. @param {Model} model */
export function few(model) {
  const own = [...model.declarations.keys()].filter(name => !name.startsWith("kernel."));
  return [...new Set([...Object.keys(model.told.set), ...own.slice(0, 2)])];
}

/**
 * All parameters of a scenario, with a search among them; the controls are made when they are first looked at.
 * @param {Model} model
 * @param {string[]} except those that stand elsewhere
 * @returns {{ element: HTMLElement, controls: Control[] }}
 */
export function everything(model, except) {
  /** @type {Control[]} */
  const controls = [];
  const none = h("p", { hidden: true }, "No parameter with this in its name or explanation.");
  const search = h("input", {
    type: "search", placeholder: "search the parameters", "aria-label": "search the parameters", class: "ho-search",
    oninput: () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const { element } of controls) {
        const text = element.textContent?.toLowerCase() ?? "";
        element.hidden = !words.every(word => text.includes(word));
      }
      none.hidden = controls.some(({ element }) => !element.hidden);
    },
  });
  const element = h("div", { class: "ho-everything" }, search);
  for (const name of [...model.declarations.keys(), "seed"]) {
    const made = except.includes(name) ? null : control(model, name);
    if (made) controls.push(made);
  }
  element.append(...controls.map(({ element }) => element), none);
  return { element, controls };
}

/**
 * What is changed, each with its value in the book and a way back.
 * @param {Model} model
 * @param {string[]} except those whose controls say it beside it
 * @returns {{ element: HTMLElement, update: () => void }}
 */
export function changes(model, except) {
  const list = h("ul", { class: "ho-changes", "aria-label": "Changed" });
  let shown = "";
  return {
    element: list,
    update() {
      const all = model.changes();
      const items = all.filter(name => !except.includes(name)).map(name => ({ name, value: model.value(name), told: model.toldValue(name) }));
      const text = JSON.stringify([items, all.length]);
      if (text === shown) return;
      shown = text;
      list.hidden = items.length === 0 && all.length < 2;
      list.replaceChildren(...items.map(({ name, value, told }) => h("li", {},
        h("code", {}, `${name}=${value || "none"}`), ` instead of ${told || (name === "faults" ? "the scenario's own" : "none")} `,
        button("put back", () => name === "faults" ? model.change(name, model.told.faults) : model.change(name, null),
          { "aria-label": `put back ${name}` }))));
      if (all.length > 1) list.append(h("li", {}, button("put all back", () => model.reset())));
    },
  };
}
