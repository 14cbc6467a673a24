// node bench.mjs URL [BLOCK PARAMETER]: how long from an input event to the new picture in the page, warm, and how long the page takes to
// put it in; in milliseconds.
import { chromium } from "./chromium.mjs";

const [url, block = "#fig-one", parameter = "one_way"] = process.argv.slice(2);
const browser = await chromium();
const page = await browser.page();
await page.open(url);
await page.until(`document.querySelector("${block} .ho-live .ho-tools")`);
const told = await page.value(`(async () => {
  const slider = document.querySelector("${block} [data-parameter='${parameter}'] .ho-slider"), block = document.querySelector("${block}");
  const samples = [];
  const frame = () => new Promise(requestAnimationFrame);
  const last = Number(slider.max);
  for (let i = 0; i < 120; i++) {
    slider.value = [0.3, 0.35, 0.4, 0.45][i % 4] * last | 0;
    const drawn = new Promise(resolve => block.addEventListener("halfopen:drawn", ({ detail }) => resolve(detail), { once: true }));
    await frame();
    const began = performance.now();
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    const { answered, drawn: put } = await drawn;
    // What the browser itself then takes: style and layout.
    block.getBoundingClientRect();
    samples.push([put - began, put - answered, performance.now() - put]);
    await frame();
  }
  return samples.slice(20);
})()`);
const at = (i, share) => told.map(sample => sample[i]).sort((a, b) => a - b)[Math.floor(told.length * share)].toFixed(2);
console.log(`input to picture: ${at(0, 0.5)} median, ${at(0, 0.95)} p95; of it putting in: ${at(1, 0.5)}, ${at(1, 0.95)}; layout after: ${at(2, 0.5)}, ${at(2, 0.95)}`);
await browser.close();
