// node axe.mjs URL AXE_CORE PAGES: axe-core over the pages of a built book, with everything opened, in every theme, wide and narrow. All rules
// are asked at both widths; in the other themes those that a theme can break.
import { readFileSync } from "node:fs";
import { chromium } from "./chromium.mjs";

const [url, core, list] = process.argv.slice(2);
const axe = readFileSync(core, "utf8");
const found = new Set();

/** In the page: opens what can be opened, of the first of each. */
const OPEN = `(async () => {
  const press = label => [...document.querySelectorAll("main button, main summary")].find(each => each.textContent.includes(label) && each.checkVisibility())?.click();
  document.querySelectorAll(".ho-predict .ho-tools button:nth-child(2)").forEach(each => each.click());
  for (const label of ["Everything else", "Take along", "Compare", "Play", "Choose a question", "Sweep: the", "Add a fault"]) press(label);
  const slider = document.querySelector("figure .ho-slider");
  if (slider) { slider.value = slider.max; slider.dispatchEvent(new Event("input", { bubbles: true })); }
  document.querySelector("a.ho-command")?.click();
  document.querySelectorAll("details.ho-lines").forEach((each, i) => { each.open = i === 0; });
  await new Promise(resolve => setTimeout(resolve, 700));
  for (let i = 0; i < 100 && document.querySelector("[data-state=running]"); i++) await new Promise(resolve => setTimeout(resolve, 50));
})()`;

const rest = JSON.parse(list);
/** A page that is not in front does not live: each has its own browser. */
async function work() {
  const browser = await chromium();
  for (let path; (path = rest.shift());) {
    const page = await browser.page({ features: [{ name: "prefers-reduced-motion", value: "reduce" }] });
    for (const width of [1400, 360]) {
      await page.size(width, 900);
      await page.open(url + path);
      await page.live();
      await page.value(OPEN);
      await page.value(`${axe}; 0`);
      for (const theme of ["light", "rust", "coal", "navy", "ayu"]) {
        // Contrast does not depend on the width.
        if (theme !== "light" && width !== 1400) continue;
        await page.value(`document.getElementById("mdbook-theme-${theme}").click(); document.getElementById("mdbook-theme-toggle").focus(); new Promise(resolve => setTimeout(resolve, 300))`);
        const rules = theme === "light" ? "" : `, runOnly: ["color-contrast", "link-in-text-block"]`;
        const violations = await page.value(`axe.run(document, { resultTypes: ["violations"]${rules} }).then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes.length, nodes.slice(0, 4).map(({ html, failureSummary }) => html.replace(/\\s+/g, " ").slice(0, 200) + "\\n      " + failureSummary.split("\\n").slice(1, 3).join(" ").slice(0, 240))]))`);
        for (const [id, count, nodes] of violations) found.add(`${theme} ${width} ${path}: ${id}, ${count} times\n    ${nodes.join("\n    ")}`);
      }
    }
    for (const error of page.errors) found.add(`${path}: ${error}`);
    await page.close();
  }
  await browser.close();
}
await Promise.all([work(), work()]);
for (const each of found) console.log(each);
console.log(found.size === 0 ? "ok" : `${found.size} violations`);
process.exit(found.size === 0 ? 0 : 1);
