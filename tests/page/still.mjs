// node still.mjs URL [FILE]: a book without its program, at URL, and one opened as a file say why nothing moves, once and in place.
import assert from "node:assert/strict";
import { chromium } from "./chromium.mjs";

const [url, file] = process.argv.slice(2);
const browser = await chromium();
const page = await browser.page();
await page.open(`${url}/fixture.html`);
await page.until(`document.querySelector(".ho-why")`);
assert.deepEqual(await page.value(`[...document.querySelectorAll(".ho-why")].map(each => each.textContent)`),
  ["This book was built without its program: rustup target add wasm32-wasip1, and build it again."]);
assert.equal(await page.value(`document.querySelectorAll(".ho-live").length`), 0);
await page.open(`${url}/run/index.html`);
await page.until(`document.querySelector(".ho-why")`);
assert.deepEqual(page.errors, []);
if (file) {
  await page.open(`file://${file}`);
  await page.until(`document.querySelector(".ho-why")`);
  assert.match(await page.value(`document.querySelector(".ho-why").textContent`), /python3 -m http.server/);
}
await browser.close();
console.log("ok");
