// @ts-check
// Finds in a chapter what can be brought to life, and does so when it comes near or is touched. The page is complete without this;
// nothing here runs before it has been painted.

/** @import { RunRequest } from "./types.d.ts" */
/** @import { Block } from "./live.js" */
/** @import { Model } from "./model.js" */

/** Where blocks begin to live: this far before they are seen. */
const NEAR = "600px";

const main = document.querySelector("#mdbook-content main, main") ?? document.body;

/** @param {HTMLElement} element @returns {RunRequest | null} */
function request(element) {
  try {
    const read = JSON.parse(element.dataset.ask ?? "");
    return typeof read?.scenario === "string" ? read : null;
  } catch {
    return null;
  }
}

/** The styles are the page's once it has a script to use them. */
function styles() {
  const href = new URL("live.css", import.meta.url).href;
  if ([...document.styleSheets].some(sheet => sheet.href === href)) return Promise.resolve();
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = href;
  const loaded = new Promise(resolve => { link.onload = link.onerror = resolve; });
  document.head.append(link);
  return loaded;
}

/** Says once, in place, why nothing answers. @param {string} why */
function dead(why) {
  const first = main.querySelector("[data-ask], #workbench");
  if (!first || main.querySelector(".ho-why")) return;
  const line = document.createElement("p");
  line.className = "ho-why";
  line.textContent = why;
  first.after(line);
}

async function begin() {
  const styled = styles();
  /** @type {Map<HTMLElement, { reveal: () => void }>} */
  const predictions = new Map();
  const forms = /** @type {NodeListOf<HTMLFormElement>} */ (main.querySelectorAll("form.ho-predict"));
  const counted = /** @type {NodeListOf<HTMLElement>} */ (main.querySelectorAll("[data-progress]"));
  // Predictions need no program, and come first: what they ask should not be seen before.
  if (forms.length > 0) {
    const { predict } = await import("./predict.js");
    for (const form of forms) predictions.set(form, predict(form));
  }
  if (counted.length > 0) {
    const { summary } = await import("./progress.js");
    for (const place of counted) summary(place);
  }
  const workbench = document.getElementById("workbench");
  const hooks = /** @type {HTMLElement[]} */ ([...main.querySelectorAll("h2, [data-ask]")]);
  if (!workbench && !hooks.some(({ dataset }) => dataset.ask)) return;

  await new Promise(resolve => "requestIdleCallback" in window ? requestIdleCallback(resolve, { timeout: 500 }) : setTimeout(resolve, 50));
  const { available, warm } = await import("./ask.js");
  const { hand, why } = await available();
  await styled;
  if (!hand) return dead(why);
  if (workbench) {
    const { start } = await import("./workbench.js");
    return start(workbench);
  }
  await chapter(hooks, predictions);
  warm();
}

/** @param {HTMLElement[]} hooks headings and hooks, in order @param {Map<HTMLElement, { reveal: () => void }>} predictions */
async function chapter(hooks, predictions) {
  const [{ Block }, { Model, runKey }, numbers, share] =
    await Promise.all([import("./live.js"), import("./model.js"), import("./numbers.js"), import("./share.js")]);
  /** @type {Map<string, Model>} Of a section, by the run that is shown. */
  let models = new Map();
  /** @type {Map<Element, () => Block | Promise<Block>>} */
  const waiting = new Map();
  /** @type {Map<Element, Promise<Block>>} */
  const living = new Map();
  /** @type {{ element: HTMLElement, asked: RunRequest, models: Map<string, Model> }[]} */
  const told = [];
  for (const element of hooks) {
    if (element.matches("h2")) {
      models = new Map();
      continue;
    }
    const asked = request(element);
    if (!asked || element.matches("form.ho-predict")) continue;
    if (element.matches("data.ho-number")) {
      told.push({ element, asked, models });
    } else if (element.matches("a.ho-command")) {
      numbers.command(element, asked);
    } else if (element.matches(".ho-challenge")) {
      waiting.set(element, async () => (await import("./challenge.js")).challenge(element, asked));
    } else {
      const key = runKey(asked), model = asked.sweep ? new Model(asked) : models.get(key) ?? new Model(asked);
      if (!asked.sweep) models.set(key, model);
      waiting.set(element, () => new Block(element, asked, model));
    }
  }
  // A number may stand before the block that it belongs to.
  for (const { element, asked, models } of told) {
    const model = models.get(runKey(asked));
    if (model) numbers.belongs(element, model, asked); else numbers.alone(element, asked);
  }

  /** @param {Element} element */
  const live = element => {
    const make = waiting.get(element);
    if (make) living.set(element, Promise.resolve(make()));
    waiting.delete(element);
    near.unobserve(element);
    return living.get(element);
  };
  const near = new IntersectionObserver(entries => {
    for (const { isIntersecting, target } of entries) if (isIntersecting) live(target);
  }, { rootMargin: NEAR });
  for (const element of waiting.keys()) near.observe(element);
  for (const touch of ["pointerdown", "focusin"]) {
    main.addEventListener(touch, ({ target }) => {
      const block = /** @type {Element} */ (target).closest("[data-ask]");
      if (block && waiting.has(block)) live(block);
    });
  }

  // An address that says what a block shows.
  const shared = share.read(), element = shared && document.getElementById(shared.id);
  if (!shared || !element) return;
  const block = await live(element);
  if (!block) return;
  for (const [form, { reveal }] of predictions) if (form.nextElementSibling === element) reveal();
  await block.ready;
  block.model.lead = block;
  block.view = shared.view;
  block.model.replace(shared.inputs);
  element.scrollIntoView();
}

begin();
