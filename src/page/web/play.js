// @ts-check
// Plays a run along its figure's axis: a cursor goes down, and what happens under it lights up. Who wants things to stay still goes
// from event to event.

import { button, h, still } from "./dom.js";
import { drawing, light } from "./follow.js";

/** @import { Block } from "./live.js" */

/** How fast the cursor goes, in pixels of the figure a second. */
const PACE = 70;

/** `data-times`: microseconds and heights, in order. @param {string} text @returns {[number, number][]} */
export const times = text => text.split(",").map(pair => {
  const [t, y] = pair.split(":").map(Number);
  return /** @type {[number, number]} */ ([t, y]);
}).filter(([t, y]) => Number.isFinite(t) && Number.isFinite(y));

/** When it is at a height of the figure, in microseconds. @param {[number, number][]} scale @param {number} y */
export function timeAt(scale, y) {
  const after = scale.findIndex(([, at]) => at >= y);
  if (after <= 0) return scale[after === 0 ? 0 : scale.length - 1]?.[0] ?? 0;
  const [[t0, y0], [t1, y1]] = [scale[after - 1], scale[after]];
  return y1 === y0 ? t1 : t0 + ((t1 - t0) * (y - y0)) / (y1 - y0);
}

/** @param {Block} block @returns {HTMLElement[]} the button, and the bar that it opens */
export function play(block) {
  if (!block.parts.has("figure") && !block.parts.has("narrow")) return [];
  const { element } = block;
  /** @type {{ scale: [number, number][], rows: { number: string, from: number, to: number }[], cursor: SVGElement, from: number, to: number } | null} */
  let score = null;
  let y = 0, began = 0, playing = false;

  const go = button("▶", () => playing ? pause() : begin(), { "aria-label": "play" });
  const scrub = h("input", { type: "range", min: 0, max: 1000, value: 0, "aria-label": "where in the run", oninput: () => {
    pause();
    if (score) to(score.from + (score.to - score.from) * Number(scrub.value) / 1000);
  } });
  const speed = h("select", { "aria-label": "speed" }, ...[["0.5", "½×"], ["1", "1×"], ["2", "2×"], ["4", "4×"]].map(([value, text]) =>
    h("option", { value, selected: value === "1" }, text)));
  const clock = h("output", { class: "ho-clock" });
  const bar = h("div", { class: "ho-player", role: "group", "aria-label": "Play the run", hidden: true },
    go, button("◂", () => step(-1), { "aria-label": "the event before" }), button("▸", () => step(1), { "aria-label": "the next event" }),
    scrub, speed, clock);
  const open = button("Play", () => {
    bar.hidden = !bar.hidden;
    open.setAttribute("aria-expanded", String(!bar.hidden));
    if (bar.hidden) return end();
    if (!ready()) return;
    to(score?.from ?? 0);
    if (!still()) begin();
  }, { "aria-expanded": "false" });

  /** Reads the figure that is seen: once for each that is drawn, and only while it is played. */
  function ready() {
    const svg = drawing(element), text = svg?.dataset.times;
    score?.cursor.remove();
    score = null;
    if (!svg || !text) return false;
    const scale = times(text);
    if (scale.length < 2) return false;
    const rows = /** @type {SVGGElement[]} */ ([...svg.querySelectorAll("g[data-r]")]).map(row => {
      const { y, height } = row.getBBox();
      return { number: row.dataset.r ?? "", from: y, to: y + height };
    }).sort((a, b) => a.from - b.from);
    const cursor = document.createElementNS("http://www.w3.org/2000/svg", "path");
    cursor.setAttribute("class", "ho-cursor");
    cursor.setAttribute("d", `M0 0H${svg.viewBox.baseVal.width}`);
    svg.append(cursor);
    score = { scale, rows, cursor, from: scale[0][1], to: scale[scale.length - 1][1] };
    return true;
  }

  /** @param {number} at */
  function to(at) {
    if (!score) return;
    y = Math.max(score.from, Math.min(at, score.to));
    score.cursor.setAttribute("transform", `translate(0 ${y.toFixed(1)})`);
    scrub.value = String(Math.round(1000 * (y - score.from) / (score.to - score.from || 1)));
    clock.textContent = `${(timeAt(score.scale, y) / 1e6).toFixed(3)} s`;
    scrub.setAttribute("aria-valuetext", clock.textContent);
    const under = new Set(score.rows.filter(({ from, to }) => from <= y && y <= to).map(({ number }) => number));
    for (const row of element.querySelectorAll("[data-r]")) {
      const lit = under.has(row.getAttribute("data-r") ?? "");
      if (row.classList.contains("ho-lit") !== lit) row.classList.toggle("ho-lit", lit);
    }
  }

  /** @param {number} now */
  function frame(now) {
    if (!playing || !score) return;
    to(y + PACE * Number(speed.value) * Math.min(now - began, 100) / 1000);
    began = now;
    if (y >= score.to) pause();
    else requestAnimationFrame(frame);
  }
  function begin() {
    if (!score && !ready()) return;
    if (score && y >= score.to) y = score.from;
    playing = true;
    element.dataset.playing = "yes";
    go.textContent = "❚❚";
    go.setAttribute("aria-label", "pause");
    began = performance.now();
    requestAnimationFrame(frame);
  }
  function pause() {
    playing = false;
    go.textContent = "▶";
    go.setAttribute("aria-label", "play");
  }
  function end() {
    pause();
    delete element.dataset.playing;
    score?.cursor.remove();
    score = null;
    light(element, null);
  }
  /** @param {1 | -1} way */
  function step(way) {
    pause();
    if (!score && !ready()) return;
    const next = way === 1 ? score?.rows.find(({ from }) => from > y + 0.5) : score?.rows.findLast(({ from }) => from < y - 0.5);
    to(next?.from ?? (way === 1 ? score?.to : score?.from) ?? 0);
  }

  // Not every figure has an axis to go along.
  const offer = () => { open.hidden = !element.querySelector("svg[data-times]"); };
  offer();
  block.drawn.add(() => {
    offer();
    if (bar.hidden || !score) return;
    const part = (y - score.from) / (score.to - score.from || 1);
    if (ready() && score) to(score.from + part * (score.to - score.from));
  });
  return [open, bar];
}
