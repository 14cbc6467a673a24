// @ts-check
// Numbers and commands in running text. A number belongs to the blocks of its section that show the same run, and moves with them; one
// that has no such block opens a small panel of its own when it is touched, and so does a command.

import { button, fresh, h } from "./dom.js";
import { Block } from "./live.js";
import { Model } from "./model.js";

/** @import { RunRequest } from "./types.d.ts" */

/** @param {HTMLElement} number @param {Model} model @param {RunRequest} request */
export function belongs(number, model, request) {
  const [wanted] = request.numbers ?? [];
  if (wanted) model.numbers.push({ element: number, number: wanted, told: number.textContent ?? "" });
}

/** What a panel stands behind: inside a list's item, after anything else. @param {HTMLElement} element */
const place = element => /** @type {HTMLElement} */ (element.closest(".table-wrapper") ?? element.closest("li, p, table, dd") ?? element);

/**
 * @param {HTMLElement} opener
 * @param {Model} model
 * @param {RunRequest} request
 * @param {string} title
 * @param {string[]} parts
 */
function panel(opener, model, request, title, parts) {
  const id = fresh("panel"), command = new URLSearchParams();
  const link = h("a", { href: "#" }, "open in the workbench");
  const element = h("aside", { class: "halfopen ho-panel", id, "data-kind": "panel", "aria-label": title },
    h("p", { class: "ho-panel-head" }, h("strong", {}, title), link, button("close", () => { close(); opener.focus(); })),
    ...parts.map(part => h("div", {
      "data-part": part, class: part === "figure" || part === "chart" ? "halfopen-drawing ho-wide" : part === "narrow" ? "halfopen-drawing ho-narrow" : null,
    })),
    h("div", { "data-controls-here": true }));
  const before = opener.getAttribute("value");
  const close = () => {
    element.remove();
    opener.setAttribute("aria-expanded", "false");
    // Without its panel nothing would say why it is another number than the sentence means.
    for (const { element: number, told } of model.numbers) {
      number.textContent = told;
      number.classList.remove("ho-is-changed");
      number.removeAttribute("title");
      if (before !== null) number.setAttribute("value", before);
    }
    model.numbers = [];
  };
  element.addEventListener("keydown", event => { if (event.key === "Escape") { close(); opener.focus(); } });
  const block = new Block(element, { ...request, id }, model, { first: true });
  block.key = id;
  element.removeAttribute("id");
  block.drawn.add(answer => {
    command.set("run", (answer.command ?? "").replace(/^halfopen /, ""));
    command.set("from", `${location.pathname.split("/").pop()}${location.hash}`);
    link.href = `${request.up ?? ""}run/index.html?${command}`;
  });
  const stands = place(opener);
  if (stands.matches("li, dd")) stands.append(element); else stands.after(element);
  opener.setAttribute("aria-expanded", "true");
  return { element, close };
}

/**
 * Opens and closes a panel at a touch, or by the keyboard.
 * @param {HTMLElement} opener
 * @param {() => { element: HTMLElement, close: () => void }} make
 */
function opens(opener, make) {
  /** @type {{ element: HTMLElement, close: () => void } | undefined} */
  let open;
  opener.setAttribute("aria-expanded", "false");
  /** @param {Event} event */
  const toggle = event => {
    const { ctrlKey, metaKey, shiftKey } = /** @type {MouseEvent} */ (event);
    if (ctrlKey || metaKey || shiftKey) return;
    event.preventDefault();
    if (open?.element.isConnected) open.close(); else open = make();
  };
  opener.addEventListener("click", toggle);
  if (!opener.matches("a")) opener.addEventListener("keydown", event => { if (event.key === "Enter" || event.key === " ") toggle(event); });
}

/** A number without a block of its own. @param {HTMLElement} number @param {RunRequest} request */
export function alone(number, request) {
  const name = request.numbers?.[0]?.name ?? "";
  number.setAttribute("role", "button");
  number.tabIndex = 0;
  opens(number, () => {
    const model = new Model(request);
    belongs(number, model, request);
    return panel(number, model, request, name, ["command", "claims", "measures"]);
  });
}

/** @param {HTMLElement} link @param {RunRequest} request */
export function command(link, request) {
  link.setAttribute("role", "button");
  opens(link, () => panel(link, new Model(request), request, link.textContent ?? "", [...(request.sweep ? ["chart", "narrow"] : ["figure", "narrow", "claims", "measures"])]));
}
