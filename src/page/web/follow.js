// @ts-check
// Ties the lines of a list to what is drawn: pointing at one, tabbing to it or touching it lights up the other, and a panel tells all
// about it, for mouse, touch and keyboard alike.

import { h } from "./dom.js";

/** @import { Block } from "./live.js" */

/** @type {HTMLElement | undefined} */
let tip;
/** @type {Element | null} */
let owner = null;

/** The panel, beside the pointer or below what has the focus. @param {Element} row @param {string} text */
function tell(row, text) {
  if (!tip) {
    tip = document.body.appendChild(h("div", { class: "ho-tip", "aria-hidden": "true" }));
    addEventListener("keydown", event => { if (event.key === "Escape") hush(); });
    addEventListener("scroll", () => { if (owner) hush(); }, { passive: true });
  }
  owner = row;
  tip.textContent = text;
  tip.hidden = false;
  const { left, right, top, bottom } = row.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = tip;
  const room = document.documentElement.clientWidth, gap = 8;
  const x = Math.max(gap, Math.min((left + right - width) / 2, room - width - gap));
  const y = bottom + gap + height <= innerHeight ? bottom + gap : Math.max(gap, top - height - gap);
  tip.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
}

function hush() {
  if (tip) tip.hidden = true;
  owner = null;
}

/** Lights up every mark of a row within a block; `null` lights up none. @param {Element} within @param {string | null} number */
export function light(within, number) {
  for (const lit of within.querySelectorAll(".ho-lit")) if (lit.getAttribute("data-r") !== number) lit.classList.remove("ho-lit");
  if (number === null) return;
  for (const row of within.querySelectorAll(`[data-r="${CSS.escape(number)}"]`)) row.classList.add("ho-lit");
}

/**
 * What there is to say of a row. Its title becomes its label, or the browser would show it a second time.
 * @param {Element} row
 * @returns {string}
 */
function about(row) {
  const title = row.querySelector(":scope > title");
  if (title) {
    row.setAttribute("aria-label", title.textContent ?? "");
    title.remove();
  }
  const label = row.getAttribute("aria-label");
  if (label !== null) return label;
  // A further mark of a row that is told elsewhere in the drawing.
  const told = row.closest("svg")?.querySelector(`[data-r="${CSS.escape(row.getAttribute("data-r") ?? "")}"]:is([aria-label], :has(> title))`);
  return told && told !== row ? about(told) : "";
}

/** The figure of a block that is seen. @param {Element} element @returns {SVGSVGElement | null} */
export function drawing(element) {
  const all = /** @type {SVGSVGElement[]} */ ([...element.querySelectorAll("[data-part] svg.ho-figure:not(.ho-heads)")]);
  return all.find(svg => svg.checkVisibility?.() ?? svg.getBoundingClientRect().width > 0) ?? null;
}

/** @param {Block} block */
export function follow({ element }) {
  /** @param {Event} event */
  const row = event => /** @type {Element} */ (event.target).closest?.("[data-r]") ?? null;
  /** @param {Event} event */
  const on = event => {
    const found = row(event);
    if (!found || found === owner) return;
    light(element, found.getAttribute("data-r"));
    if (found.closest("svg")) {
      if (about(found)) tell(found, about(found));
    } else {
      // A line of the list tells all itself; only its arrow is to be found.
      hush();
    }
  };
  const off = () => { light(element, null); hush(); };
  element.addEventListener("pointerover", event => {
    if (row(event)) on(event);
    else if (element.querySelector(".ho-lit") && !element.dataset.playing) off();
  });
  element.addEventListener("pointerleave", () => { if (!element.dataset.playing) off(); });
  element.addEventListener("focusin", on);
  element.addEventListener("focusout", off);
  // A finger does not hover, and a line that is touched stays lit.
  element.addEventListener("click", on);
  // The lines are reached by the keyboard, too, as one stop: the arrow keys go on from there.
  element.addEventListener("keydown", event => {
    const here = row(event);
    if (!here || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
    const all = /** @type {HTMLElement[]} */ ([...(here.closest("svg, ol, ul, table")?.querySelectorAll("[data-r]:not([aria-hidden=true])") ?? [])]);
    const next = all[all.indexOf(/** @type {HTMLElement} */ (here)) + (event.key === "ArrowDown" ? 1 : -1)];
    if (!next) return;
    event.preventDefault();
    next.setAttribute("tabindex", "0");
    next.focus({ preventScroll: !next.closest("svg") });
  });
}
