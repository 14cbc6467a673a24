// @ts-check
// A small editor for fault scripts. What can stand at the cursor, and what is wrong where, the program itself says: its grammar is
// nowhere repeated here.

import { ask } from "./ask.js";
import { button, fresh, h } from "./dom.js";

/** @import { Completion } from "./types.d.ts" */
/** @import { Model } from "./model.js" */

/** @param {Model} model @param {string} script @param {number} cursor @param {string} key @returns {Promise<Completion | null>} */
async function complete(model, script, cursor, key) {
  const answer = /** @type {any} */ (await ask({ scenario: model.scenario, complete: { script, cursor } }, { key }));
  return answer && Array.isArray(answer.words) ? answer : null;
}

/**
 * The editor of a model's faults.
 * @param {Model} model
 * @returns {{ element: HTMLElement, update: () => void }}
 */
export function script(model) {
  const id = fresh("script");
  const field = h("textarea", {
    id, rows: 3, spellcheck: "false", autocapitalize: "off", autocomplete: "off", "aria-autocomplete": "list",
    "aria-haspopup": "listbox", "aria-controls": `${id}-words`, "aria-describedby": `${id}-error`, placeholder: "at 5s partition client server for 10s",
    oninput: () => { taken(); look(); }, onkeydown: (/** @type {KeyboardEvent} */ event) => keys(event),
    onclick: () => look(), onblur: () => setTimeout(close, 200),
  });
  const besides = h("input", { type: "checkbox", id: `${id}-besides`, checked: true, onchange: () => taken() });
  const words = h("ul", { id: `${id}-words`, role: "listbox", class: "ho-words", "aria-label": "what can stand here", hidden: true });
  const error = h("p", { id: `${id}-error`, class: "ho-error", hidden: true });
  let from = 0, chosen = -1;

  /** What the editor says: nothing is the scenario's own faults; with `+` those of the editor come besides. */
  function told() {
    const text = field.value.split("\n").map(line => line.trim()).filter(Boolean).join("; ");
    if (besides.checked) return text === "" ? null : `+ ${text}`;
    return text;
  }
  let mine = /** @type {string | null} */ (null);
  function taken() {
    mine = told();
    if (mine !== model.now.faults) model.change("faults", mine);
  }

  function close() {
    words.hidden = true;
    chosen = -1;
    field.removeAttribute("aria-activedescendant");
  }

  /** @param {string} word */
  function take(word) {
    const end = field.selectionStart;
    const space = /\s/.test(field.value[end] ?? "") ? "" : " ";
    field.setRangeText(word + space, from, end, "end");
    field.focus();
    taken();
    look();
  }

  async function look() {
    const answer = await complete(model, field.value, field.selectionStart, id);
    if (!answer) return;
    from = answer.from;
    const begun = field.value.slice(from, field.selectionStart);
    const fitting = answer.words.filter(word => word.startsWith(begun) && word !== begun).slice(0, 24);
    words.replaceChildren(...fitting.map((word, i) => h("li", {
      id: `${id}-word-${i}`, role: "option", "aria-selected": "false",
      // Before the field loses the focus.
      onpointerdown: (/** @type {Event} */ event) => { event.preventDefault(); take(word); },
    }, word)));
    chosen = -1;
    words.hidden = fitting.length === 0 || document.activeElement !== field;
    wrong(field.value.trim() === "" ? null : answer.error);
  }

  /** @param {Completion["error"]} problem */
  function wrong(problem) {
    error.hidden = !problem;
    field.setAttribute("aria-invalid", String(Boolean(problem)));
    if (!problem) return;
    const line = field.value.slice(problem.at).split(/[;\n]/)[0].trim();
    error.replaceChildren(line ? h("mark", {}, line) : "at the end", `: ${problem.message}`);
  }

  /** @param {KeyboardEvent} event */
  function keys(event) {
    if (words.hidden) {
      if (event.key === " " && event.ctrlKey) look();
      return;
    }
    const all = [...words.children];
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      chosen = (chosen + (event.key === "ArrowDown" ? 1 : all.length + (chosen < 0 ? 0 : -1))) % all.length;
      all.forEach((option, i) => { option.setAttribute("aria-selected", String(i === chosen)); });
      field.setAttribute("aria-activedescendant", all[chosen].id);
      all[chosen].scrollIntoView({ block: "nearest" });
    } else if ((event.key === "Enter" || event.key === "Tab") && chosen >= 0) {
      take(all[chosen].textContent ?? "");
    } else if (event.key === "Escape") {
      close();
    } else {
      return;
    }
    event.preventDefault();
  }

  const element = h("div", { class: "ho-script" },
    h("label", { for: id }, "Faults, one a line"), h("div", { class: "ho-script-field" }, field, words), error,
    h("label", { class: "ho-check" }, besides, "besides the scenario's own"),
    add(model, entry => {
      field.value = [field.value.trim(), entry].filter(Boolean).join("\n");
      taken();
      look().then(close);
    }));

  /** Shows what the model holds, unless it came from here. */
  function update() {
    if (model.now.faults === mine && field.dataset.shown) return;
    field.dataset.shown = "yes";
    mine = model.now.faults;
    const text = mine ?? "", plus = /^\s*\+/.test(text);
    besides.checked = mine === null || plus;
    field.value = text.replace(/^\s*\+\s*/, "").split(";").map(entry => entry.trim()).join("\n");
    if (field.value === "") wrong(null);
  }
  update();
  return { element, update };
}

/** Whether words are durations, of which none is a name. @param {string} word */
const isTime = word => /^\d/.test(word);

/**
 * A form that makes an entry: the verb, the machines, from when, for how long. Which verbs and machines there are, it asks.
 * @param {Model} model
 * @param {(entry: string) => void} made
 */
function add(model, made) {
  const verb = h("select", { "aria-label": "fault", onchange: () => machines() });
  const at = h("input", { type: "text", "aria-label": "from", value: "5s", size: 6 });
  const first = h("select", { "aria-label": "machine", onchange: () => other() });
  const second = h("select", { "aria-label": "the other machine" });
  const more = h("input", { type: "text", "aria-label": "how much", size: 8, placeholder: "how much" });
  const lasting = h("input", { type: "text", "aria-label": "for how long", value: "10s", size: 6 });
  const element = h("details", { class: "ho-add", ontoggle: () => { if (element.open && verb.options.length === 0) fill(); } },
    h("summary", {}, "Add a fault"),
    h("div", { class: "ho-inline" }, "at ", at, verb, first, second, more, " for ", lasting, button("add", () => {
      const words = ["at", at.value, verb.value, first.value, second.hidden ? "" : second.value, more.value, lasting.value.trim() && "for", lasting.value];
      made(words.map(word => word.trim()).filter(Boolean).join(" "));
    })));
  const options = (/** @type {HTMLSelectElement} */ select, /** @type {string[]} */ words) =>
    select.replaceChildren(...words.map(word => h("option", {}, word)));
  const asked = async (/** @type {string} */ text) => (await complete(model, text, text.length, fresh("add")))?.words ?? [];
  const names = (/** @type {string[]} */ words) => words.filter(word => !word.includes("->") && !isTime(word) && word !== "for");

  /** @type {string[]} */
  let all = [];
  async function fill() {
    options(verb, (await asked("at 5s ")).filter(word => word !== "lose"));
    await machines();
  }
  async function machines() {
    all = names(await asked(`at 5s ${verb.value} `));
    options(first, all);
    await other();
  }
  /** A fault between two machines goes on with the other one. */
  async function other() {
    const others = names(await asked(`at 5s ${verb.value} ${first.value} `)).filter(word => all.includes(word) && word !== first.value);
    options(second, others);
    second.hidden = others.length === 0;
  }
  return element;
}
