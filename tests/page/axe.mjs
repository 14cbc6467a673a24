// node axe.mjs URL AXE_CORE [PICTURES]: axe-core over the pages of mock.mjs, with everything opened, in every theme, wide and narrow.
import { readFileSync } from "node:fs";
import { chromium } from "./chromium.mjs";

const [url, core, pictures] = process.argv.slice(2);
const axe = readFileSync(core, "utf8");
const browser = await chromium();
let found = 0;
for (const theme of ["light", "rust", "coal", "navy", "ayu"]) {
  for (const width of [360, 1400]) {
    for (const path of ["fixture.html", "run/index.html?run=run%20tcp%2Fhandshake%20--set%20one_way%3D1s"]) {
      const page = await browser.page({ width, features: [{ name: "prefers-reduced-motion", value: "reduce" }] });
      await page.open(`${url}/${path}`);
      await page.value(`localStorage.clear(); localStorage.setItem("mdbook-theme", "${theme}")`);
      await page.open(`${url}/${path}`);
      await page.until(`document.querySelector(".ho-live .ho-tools")`);
      await page.value(`(async () => {
        const press = label => [...document.querySelectorAll("button, summary")].filter(each => each.textContent.includes(label)).forEach(each => each.click());
        document.querySelector("#challenge-1")?.scrollIntoView();
        await new Promise(resolve => setTimeout(resolve, 300));
        for (const label of ["Everything else", "Try other", "Take along", "Compare", "Play", "Choose a question", "Sweep: the", "Add a fault"]) press(label);
        const slider = document.querySelector("#fig-one .ho-slider");
        if (slider) { slider.value = slider.max; slider.dispatchEvent(new Event("input", { bubbles: true })); }
        document.querySelector("#c1")?.click();
        document.querySelector("#guess-choice input")?.click();
        document.querySelector("#guess-choice button[type=submit]")?.click();
        await new Promise(resolve => setTimeout(resolve, 2500));
      })()`);
      await page.value(`${axe}; 0`);
      const { violations } = await page.value(`axe.run(document.querySelector("main"), { resultTypes: ["violations"] })`);
      // The drawings and the frame are others' work.
      for (const { id, nodes } of violations) {
        const own = nodes.filter(({ html, target }) => !/<(svg|g|text)\b/.test(html) && !/data-part/.test(String(target)));
        if (own.length === 0) continue;
        found++;
        console.log(`${theme} ${width} ${path.split("?")[0]}: ${id}\n  ${own.slice(0, 3).map(({ html, failureSummary }) => `${html.slice(0, 160)}\n    ${failureSummary.split("\n").slice(1, 3).join(" ").slice(0, 220)}`).join("\n  ")}`);
      }
      if (pictures && path === "fixture.html") await page.picture(`${pictures}/${theme}-${width}.png`, true);
      await page.close();
    }
  }
}
await browser.close();
console.log(found === 0 ? "ok" : `${found} violations`);
process.exit(found === 0 ? 0 : 1);
