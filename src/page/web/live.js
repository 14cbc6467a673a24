// @ts-check
// A live block: a figure, story, table or chart of the book that is drawn anew when what it shows is changed. It asks only for the
// parts that are seen, puts in only what has become another, and keeps its last picture when something is wrong.

import { ask, scenarios } from "./ask.js";
import { changes, control, everything, few } from "./controls.js";
import { compare } from "./compare.js";
import { button, fresh, h, mark, say } from "./dom.js";
import { follow } from "./follow.js";
import { play } from "./play.js";
import { script } from "./script.js";
import { remember, shareButton } from "./share.js";
import { sweep } from "./sweep.js";
import { take } from "./take.js";
import { viewControls } from "./view.js";

/** @import { Answer, RunRequest, View } from "./types.d.ts" */
/** @import { Control } from "./controls.js" */
/** @import { Model } from "./model.js" */

/** How long a run may take before the page shows that it goes on, and offers to stop it. */
const LONG = 400;
/** How long to wait for the next change before a sweep begins: it is many runs. */
const PAUSE = 150;

/** @typedef {{ element: HTMLElement, wanted: () => boolean }} Part */

export class Block {
  /**
   * @param {HTMLElement} element
   * @param {RunRequest} request what it was built from
   * @param {Model} model
   * @param {{ first?: boolean, only?: boolean, tools?: boolean }} [options] `first`: draw at once; `only`: no other controls than
   *   those named; `tools`: no for a block without
   */
  constructor(element, request, model, options = {}) {
    this.element = element;
    this.told = request;
    this.model = model;
    this.options = options;
    this.key = element.id || fresh("block");
    /** @type {View} */
    this.view = { ...request.view };
    /** @type {Answer | null} The newest that is no error. */
    this.answer = null;
    this.kind = element.dataset.kind ?? "figure";
    /** Parts that the picture lacks, or shows of an older run. @type {Set<string>} */
    this.stale = new Set();
    this.visible = true;
    /** @type {Set<(answer: Answer) => void>} */
    this.drawn = new Set();
    /** @type {Control[]} */
    this.controls = [];
    /** @type {(() => void)[]} */
    this.updates = [];
    /** What is added to each request: the challenge's goal. @type {Partial<RunRequest>} */
    this.besides = {};
    this.lastDrawn = 0;
    /** An address of its own: the workbench's. @type {(() => URL) | undefined} */
    this.address = undefined;
    /** @type {AbortController | null} */
    this.stop = null;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.long = undefined;
    /** @type {Map<string, Part>} */
    this.parts = new Map();
    for (const part of /** @type {NodeListOf<HTMLElement>} */ (element.querySelectorAll("[data-part]"))) this.part(part);
    model.listeners.add(name => this.moved(name));
    new IntersectionObserver(entries => {
      this.visible = entries[entries.length - 1].isIntersecting;
      if (this.visible && this.stale.size > 0) this.draw();
    }, { rootMargin: "200px" }).observe(element);
    this.ready = this.start();
  }

  /** A place for a part, wanted while it is seen. @param {HTMLElement} element */
  part(element) {
    const name = element.dataset.part ?? "";
    const details = element.closest("details");
    let wide = true;
    if (name === "figure" || name === "narrow") {
      // Which of the two is shown, the style says; asking the layout while something is dragged would cost a frame.
      new ResizeObserver(([entry]) => {
        wide = entry.contentRect.width > 0;
        if (wide && this.stale.has(name)) this.draw();
      }).observe(element);
      wide = element.offsetParent !== null;
    }
    details?.addEventListener("toggle", () => { if (details.open && this.stale.has(name)) this.draw(); });
    const known = !details || !this.element.contains(details);
    this.parts.set(name, { element, wanted: () => wide && (known || /** @type {HTMLDetailsElement} */ (details).open) });
  }

  async start() {
    const panel = this.panel = h("div", { class: "ho-live" });
    this.error = h("p", { class: "ho-error", role: "alert", hidden: true });
    this.status = h("p", { class: "ho-status", role: "status" });
    let scenario;
    try {
      scenario = (await scenarios()).get(this.model.scenario);
      if (!scenario) throw new Error(`the program knows no scenario ${this.model.scenario}`);
    } catch (error) {
      this.fail(error instanceof Error ? error.message : String(error));
      this.place(this.error);
      return;
    }
    this.model.declarations = new Map(scenario.parameters.map(declaration => [declaration.name, declaration]));
    const given = this.element.dataset.controls?.split(",").map(name => name.trim()).filter(Boolean);
    const named = given ?? (this.options.only ? [] : this.kind === "panel" ? few(this.model) : []);
    for (const name of named) {
      if (name === "faults") this.add(panel, script(this.model));
      const made = control(this.model, name);
      if (made) panel.append(made.element);
      if (made) this.controls.push(made);
    }
    this.add(panel, changes(this.model, this.address ? [] : named));
    panel.append(this.error, this.status, this.tools(named));
    for (const touch of ["pointerdown", "input", "change", "click"]) panel.addEventListener(touch, () => this.take(), true);
    this.place(panel);
    this.element.dataset.live = "ready";
    follow(this);
    // Another block of the section may have been moved before this one began to live.
    const moved = this.model.changes().length > 0;
    if (moved || this.options.first) this.stale = new Set(this.parts.keys());
    if (this.options.first || (moved && this.visible)) await this.draw();
  }

  /** The reader has this block in hand: its controls stay in sight, and the numbers of its section are asked for by it. */
  take() {
    this.model.lead = this;
    if (this.element.classList.contains("ho-in-hand")) return;
    for (const other of document.querySelectorAll(".ho-in-hand")) other.classList.remove("ho-in-hand");
    this.element.classList.add("ho-in-hand");
  }

  /** Under the drawing, above the caption. @param {HTMLElement} panel */
  place(panel) {
    const caption = this.element.querySelector(":scope > figcaption");
    const place = this.element.querySelector(":scope > [data-controls-here]");
    if (place) place.replaceChildren(panel);
    else if (caption) caption.before(panel);
    else this.element.append(panel);
  }

  /** @param {HTMLElement} to @param {{ element: HTMLElement, update: () => void }} part */
  add(to, part) {
    to.append(part.element);
    this.updates.push(part.update);
    part.update();
  }

  /** What stands under the controls. @param {string[]} named the parameters that have their control already */
  tools(named) {
    const tools = h("div", { class: "ho-tools" });
    if (!this.options.only) {
      const rest = h("details", { class: "ho-all" }, h("summary", {}, named.length > 0 ? "Everything else" : "Try other values"));
      rest.addEventListener("toggle", () => {
        if (!rest.open || rest.childElementCount > 1) return;
        const all = everything(this.model, named);
        // Each is told when it is changed itself, not whenever anything is.
        this.controls.push(...all.controls);
        rest.append(all.element);
        if (!named.includes("faults")) this.add(rest, script(this.model));
        if (this.kind !== "sweep" && this.parts.has("figure")) this.add(rest, viewControls(this));
        this.refused(this.error?.textContent ?? "");
      });
      tools.append(rest);
    }
    if (this.options.tools === false) return tools;
    if (this.kind !== "sweep") tools.append(...play(this), compare(this));
    tools.append(shareButton(this), take(this));
    this.progress = h("progress", { hidden: true, "aria-label": "runs done" });
    this.halt = button("Stop", () => { this.stop?.abort(); }, { hidden: true });
    tools.prepend(this.progress, this.halt);
    return tools;
  }

  /** Whether it is shown that something goes on. @param {boolean} on */
  busy(on) {
    if (!this.progress || !this.halt || this.halt.hidden !== on) return;
    this.progress.hidden = this.halt.hidden = !on;
    if (!on) this.progress.removeAttribute("value");
  }

  stopped() {
    this.element.dataset.state = "stopped";
    this.busy(false);
    if (this.status) say(this.status, "Stopped. What is shown is the last that was finished.");
  }

  /** @returns {RunRequest} */
  request() {
    const { up, ledger, sweep, goal } = this.told;
    /** @type {RunRequest} */
    const request = { ...this.model.request(), ...this.besides, id: this.told.id ?? this.key };
    if (up !== undefined) request.up = up;
    if (ledger !== undefined) request.ledger = ledger;
    if (goal !== undefined) request.goal = goal;
    if (sweep) request.sweep = sweep;
    else request.view = this.view;
    return request;
  }

  /** @param {string | null} name what of the model was changed */
  moved(name) {
    for (const made of this.controls) if (name === null || made.name === name) made.update();
    for (const update of this.updates) update();
    for (const part of this.parts.keys()) this.stale.add(part);
    if (this.visible || this.model.lead === this) this.draw();
  }

  /** Another view of the same run. @param {View} view */
  look(view) {
    this.view = view;
    for (const update of this.updates) update();
    for (const part of this.parts.keys()) this.stale.add(part);
    this.draw();
  }

  async draw() {
    this.element.dataset.state = "running";
    if (this.kind === "sweep") return this.drawSweep();
    const parts = [...this.parts].filter(([, { wanted }]) => wanted()).map(([name]) => name);
    const leads = !this.model.lead || this.model.lead === this;
    // A number that does not happen in the reader's run is no reason to show nothing of it.
    const numbers = leads ? this.model.numbers.map(({ number }) => ({ ...number, none: number.none ?? "never" })) : [];
    const asked = performance.now();
    if (!this.stop || this.stop.signal.aborted) this.stop = new AbortController();
    const { stop } = this;
    this.long ??= setTimeout(() => this.busy(true), LONG);
    const answer = await ask({ ...this.request(), parts, ...(numbers.length > 0 ? { numbers } : {}) }, { key: this.key, signal: stop.signal });
    // Without an answer a newer question is under way, or the reader has had enough.
    if (!answer && !stop.signal.aborted) return;
    clearTimeout(this.long);
    this.long = undefined;
    this.busy(false);
    if (answer) this.soon(answer, leads, asked); else if (this.stop === stop) this.stopped();
  }

  /** At once, but only once a frame. @param {Answer} answer @param {boolean} leads @param {number} asked */
  soon(answer, leads, asked) {
    const waiting = this.pending !== undefined;
    this.pending = () => { this.pending = undefined; this.show(answer, leads, asked); };
    if (waiting) return;
    if (performance.now() - this.lastDrawn > 12) this.pending();
    else requestAnimationFrame(() => this.pending?.());
  }

  async drawSweep() {
    this.stop?.abort();
    const stop = this.stop = new AbortController();
    await new Promise(resolve => setTimeout(resolve, this.answer || !this.options.first ? PAUSE : 0));
    if (stop.signal.aborted || this.stop !== stop) return;
    const asked = performance.now(), { progress } = this;
    /** @param {number} done @param {number} all */
    const told = (done, all) => {
      if (!progress || this.stop !== stop) return;
      this.busy(true);
      progress.max = all;
      progress.value = done;
    };
    const parts = [...this.parts.keys()];
    const answer = await sweep({ ...this.request(), parts }, stop.signal, told);
    if (this.stop !== stop) return;
    this.busy(false);
    if (answer) this.show(answer, true, asked); else this.stopped();
  }

  /** @param {Answer} answer @param {boolean} leads @param {number} asked */
  show(answer, leads, asked) {
    if (answer.error !== undefined) {
      this.fail(answer.error);
      return;
    }
    const answered = performance.now();
    // A drawing of another height would push away the slider that is being moved.
    const held = this.panel?.contains(document.activeElement) ? this.panel.getBoundingClientRect().top : null;
    for (const [name, html] of Object.entries(answer.parts ?? {})) this.put(name, html);
    if (held !== null && this.panel) {
      const moved = this.panel.getBoundingClientRect().top - held;
      if (Math.abs(moved) >= 1) scrollBy({ top: moved, behavior: "instant" });
    }
    if (this.error && !this.error.hidden) {
      this.error.hidden = true;
      this.refused("");
    }
    const before = this.answer;
    this.answer = answer;
    this.lastDrawn = performance.now();
    this.element.dataset.state = "done";
    if (leads && answer.numbers) this.tellNumbers(answer.numbers, answer.measures ?? []);
    this.judge(answer, before);
    remember(this);
    for (const listener of this.drawn) listener(answer);
    // What a bench, or a test, waits for.
    this.element.dispatchEvent(new CustomEvent("halfopen:drawn", { bubbles: true, detail: { asked, answered, drawn: this.lastDrawn } }));
  }

  /** A part that was drawn anew. @param {string} name @param {string} html */
  put(name, html) {
    const element = this.parts.get(name)?.element;
    this.stale.delete(name);
    if (!element || this.html.get(name) === html) return;
    const first = !this.html.has(name);
    this.html.set(name, html);
    const focused = element.contains(document.activeElement) ? document.activeElement?.closest("[data-r]")?.getAttribute("data-r") : null;
    const list = name === "measures" || name === "claims";
    const before = list ? texts(element) : [];
    element.innerHTML = html;
    // mdBook's highlighting gives every piece of code its class when the page is loaded, and with it colour and room.
    if (document.querySelector("code.hljs")) for (const code of element.querySelectorAll("code")) code.classList.add("hljs");
    if (focused) /** @type {HTMLElement | null} */ (element.querySelector(`[data-r="${CSS.escape(focused)}"]`))?.focus({ preventScroll: true });
    if (list && !(first && this.options.first)) rows(element).forEach((row, i) => { if (before[i] !== row.textContent) mark(row); });
  }
  /** @type {Map<string, string>} */
  html = new Map();

  /** @param {string[]} numbers @param {import("./types.d.ts").Measure[]} measures */
  tellNumbers(numbers, measures) {
    this.model.numbers.forEach(({ element, number, told }, i) => {
      const text = numbers[i];
      if (text === undefined || element.textContent === text) return;
      element.textContent = text;
      element.setAttribute("value", String(measures.find(({ name }) => name === number.name)?.value ?? ""));
      const moved = text !== told;
      element.classList.toggle("ho-is-changed", moved);
      if (moved) element.title = `as written: ${told}`;
      else element.removeAttribute("title");
      mark(element);
    });
  }

  /** Says of each claim that no longer holds what has turned it. @param {Answer} answer @param {Answer | null} before */
  async judge(answer, before) {
    const claims = answer.claims ?? [];
    if (claims.length === 0 || this.kind === "sweep") return;
    const changed = this.model.changes();
    const original = changed.length > 0 ? (await this.model.original())?.claims ?? [] : claims;
    if (this.answer !== answer) return;
    const turned = claims.filter(claim => turnedFrom(original, claim));
    for (const claim of claims) {
      const id = claimKey(claim), was = before?.claims?.find(other => claimKey(other) === id);
      if (!turned.includes(claim)) this.model.turned.delete(id);
      else if (!this.model.turned.has(id) || was?.holds !== claim.holds) this.model.turned.set(id, this.cause());
    }
    const part = this.parts.get("claims")?.element;
    const items = part ? [...part.querySelectorAll("li")] : [];
    claims.forEach((claim, i) => {
      const item = items.length === claims.length ? items[i] : null;
      if (!item) return;
      const is = turned.includes(claim);
      item.classList.toggle("ho-turned", is);
      let note = item.querySelector(".ho-cause");
      if (!is) note?.remove();
      if (!is) return;
      if (!note) item.append(note = h("span", { class: "ho-cause" }));
      say(note, ` ${claim.holds ? "now holds" : "no longer holds"}: ${this.model.turned.get(claimKey(claim))}`);
    });
    if (this.status) {
      const fallen = turned.filter(({ holds }) => !holds).map(({ id }) => id);
      say(this.status, fallen.length > 0 ? `No longer ${fallen.length === 1 ? "holds" : "hold"}: ${[...new Set(fallen)].join(", ")}.`
        : changed.length > 0 && claims.every(({ holds }) => holds) ? "All claims hold." : "");
    }
  }

  /** What has just been changed, and what else is. */
  cause() {
    const { last, now } = this.model;
    const others = this.model.changes().filter(name => name !== last?.[0]);
    const value = (/** @type {string} */ name) => `${name}=${this.model.value(name) || (name === "faults" && now.faults === null ? "the scenario's own" : "none")}`;
    const with_ = others.length > 0 ? `${last ? ", with " : ""}${others.map(value).join(", ")}` : "";
    if (!last) return with_.trim() || "another run";
    return `since ${value(last[0])} (before: ${last[2] || "none"})${with_}`;
  }

  /** @param {string} message */
  fail(message) {
    this.element.dataset.state = "failed";
    if (!this.error) return;
    this.error.hidden = false;
    say(this.error, message.trim().split("\n")[0]);
    this.refused(message);
  }

  /** Marks the controls that an error names. @param {string} message */
  refused(message) {
    for (const made of this.controls) {
      // As a word: `kernel.rto_max` is not `rto_max`.
      made.refuse(new RegExp(`(^|[^\\w.])${made.name.replaceAll(".", "\\.")}($|[^\\w.])`).test(message));
    };
  }
}

/** @param {Element} element */
const rows = element => {
  const items = [...element.querySelectorAll("tbody tr")];
  return items.length > 0 ? items : [...element.querySelectorAll("li")];
};
/** @param {Element} element */
const texts = element => rows(element).map(row => row.textContent);

/** @param {{ id: string, statement: string }} claim */
const claimKey = ({ id, statement }) => `${id} ${statement}`;

/** @param {{ id: string, statement: string, holds: boolean }[]} original @param {{ id: string, statement: string, holds: boolean }} claim */
const turnedFrom = (original, claim) => original.some(other => claimKey(other) === claimKey(claim) && other.holds !== claim.holds);
