// node browser.mjs FOLDER: opens each page of FOLDER/pages.json (a list of [ADDRESS, EXPRESSION]) in headless Chromium, one
// after the other, and prints the list of what the expressions come to (their promises kept).
import { readFileSync } from "node:fs";
import { chromium } from "../page/chromium.mjs";

const [folder] = process.argv.slice(2);
const browser = await chromium();
const values = [];
for (const [url, expression] of JSON.parse(readFileSync(`${folder}/pages.json`))) {
  const page = await browser.page();
  await page.open(url);
  values.push(await page.value(expression) ?? null);
}
console.log(JSON.stringify(values));
await browser.close();
