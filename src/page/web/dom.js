// @ts-check
// Makes elements. Text goes in as text, never as HTML, so that nothing from an address or an error can become markup.

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, unknown>} [attributes] `onclick` and the like are listeners; `false`, `null` and `undefined` are left out
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children);
  return element;
}

/**
 * A button that submits nothing.
 * @param {string} text
 * @param {() => void} pressed
 * @param {Record<string, unknown>} [attributes]
 */
export const button = (text, pressed, attributes = {}) =>
  h("button", { type: "button", class: "ho-button", onclick: pressed, ...attributes }, text);

/** Whether the reader wants things to stay still. */
export const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

let last = 0;
/** An id that nothing else on the page has. @param {string} stem */
export const fresh = stem => `ho-${stem}-${++last}`;

/**
 * Sets a text only where it is another one: the page is not laid out again for nothing.
 * @param {Element} element
 * @param {string} text
 */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Marks for a moment what has just changed.
 * @param {Element} element
 */
export function mark(element) {
  element.classList.add("ho-moved");
  clearTimeout(marked.get(element));
  marked.set(element, setTimeout(() => element.classList.remove("ho-moved"), 1200));
}
/** @type {WeakMap<Element, ReturnType<typeof setTimeout>>} */
const marked = new WeakMap();
