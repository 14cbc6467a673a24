// ONLY=CHECK node book.mjs URL PAGES [CHALLENGES]: checks of a whole built book. URL ends in a slash; PAGES is a JSON list of paths in it.
import assert from "node:assert/strict";
import { chromium } from "./chromium.mjs";

const [url, list, challenges] = process.argv.slice(2);
const pages = JSON.parse(list);
const browser = await chromium();
const checks = [];
const check = (name, run) => checks.push([name, run]);

/** In the page: what is there to do with a block. */
const HELP = `
  const drawn = block => [...block.querySelectorAll("[data-part]")].filter(part => part.checkVisibility() && !part.closest(".ho-live")).map(part => {
    const html = part.innerHTML.replace(/<span class="ho-cause">.*?<[/]span>|ho-turned|ho-moved|ho-lit/g, "").replace(/ class=" *"/g, "");
    // What is searched goes through mdBook, which sets lines of its own.
    return /claims|measures|command/.test(part.dataset.part) ? html.replace(/\\s+/g, "") : html;
  });
  const rest = async block => {
    for (let i = 0; i < 200; i++) {
      await new Promise(resolve => setTimeout(resolve, 25));
      if (["done", "failed"].includes(block.dataset.state)) return block.dataset.state;
    }
    return "never";
  };
  const put = (block, name, value) => {
    const field = block.querySelector("[data-parameter='" + name + "'] :is(.ho-exact, select, .ho-switch)");
    block.dataset.state = "";
    if (field.type === "checkbox") field.checked = value === "true"; else field.value = value;
    field.dispatchEvent(new Event("change", { bubbles: true }));
  };`;

check("the first figure", async page => {
  let moved = 0;
  for (const path of pages.filter(path => !/^(run|index)/.test(path))) {
    await page.open(url + path);
    if (!await page.value(`document.querySelector("figure.halfopen[data-kind=figure]")`).then(Boolean)) continue;
    // Guesses hide what stands above it, and move it out of sight again.
    await page.until(`document.querySelector("figure.halfopen[data-kind=figure] .ho-tools")
      || (document.querySelector("figure.halfopen[data-kind=figure]").scrollIntoView(), false)`);
    const told = await page.value(`(async () => {${HELP}
      const block = document.querySelector("figure.halfopen[data-kind=figure]"), slider = block.querySelector(".ho-slider");
      if (!slider) return { block: block.id, without: true };
      const first = drawn(block), from = slider.value;
      const move = async to => { block.dataset.state = ""; slider.value = to; slider.dispatchEvent(new Event("input", { bubbles: true })); return rest(block); };
      const there = await move(from === slider.max ? slider.min : slider.max), other = drawn(block);
      const back = await move(from);
      // What moved is marked for a moment, and what a claim owed its turn to is told as long.
      const same = () => drawn(block).map((part, i) => part === first[i]);
      for (let i = 0; i < 80 && !same().every(Boolean); i++) await new Promise(resolve => setTimeout(resolve, 25));
      return { block: block.id, there, back, changed: other.join() !== first.join(), same: same(),
        differs: drawn(block).filter((part, i) => part !== first[i]).map(part => part.slice(0, 400)) };
    })()`);
    if (told.without) continue;
    moved++;
    assert.equal(told.there, "done", JSON.stringify(told));
    assert.ok(told.changed, `${path}: nothing has changed: ${JSON.stringify(told)}`);
    assert.ok(told.back === "done" && told.same.length > 1 && told.same.every(Boolean), `${path}: it is not what it was: ${JSON.stringify(told)}`);
  }
  assert.ok(moved >= 5, `${moved} figures were moved`);
});

check("a shared link", async page => {
  const path = pages.find(path => path.startsWith("belief"));
  await page.open(url + path);
  // What a prediction hides is asked for first.
  await page.until(`document.querySelector(".ho-predict[data-state=asking] .ho-tools")`);
  await page.value(`document.querySelectorAll(".ho-predict .ho-tools button:nth-child(2)").forEach(each => each.click())`);
  await page.until(`document.querySelector("#fig-belief-2 .ho-tools") || (document.querySelector("#fig-belief-2").scrollIntoView(), false)`);
  const first = await page.value(`(async () => {${HELP}
    const block = document.querySelector("#fig-belief-2");
    put(block, "one_way", "350ms");
    await rest(block);
    await new Promise(resolve => setTimeout(resolve, 400));
    return [location.href, drawn(block)];
  })()`);
  assert.match(first[0], /one_way%3D350ms/);
  // Elsewhere: another browser, of another size.
  const other = await chromium(), there = await other.page({ width: 1300 });
  await there.open(first[0]);
  await there.until(`document.querySelector("#fig-belief-2").dataset.state === "done"`);
  assert.deepEqual(await there.value(`(() => {${HELP} return drawn(document.querySelector("#fig-belief-2")); })()`), first[1]);
  assert.deepEqual(there.errors, []);
  await other.close();
});

check("a prediction", async page => {
  let asked = 0;
  for (const path of pages) {
    await page.open(url + path);
    await page.value(`localStorage.removeItem("halfopen:progress")`);
    await page.open(url + path);
    await page.until(`[...document.querySelectorAll("form.ho-predict")].every(form => form.dataset.state === "asking")`);
    const told = await page.value(`(async () => {
      const told = [];
      for (const form of document.querySelectorAll("form.ho-predict")) {
        const details = form.querySelector("details.ho-answer"), next = form.nextElementSibling;
        const after = next?.matches("[data-ask]") && !next.matches(".ho-predict, .ho-challenge") ? next : null;
        const seen = () => [details, after].filter(Boolean).map(each => each.checkVisibility());
        const before = seen();
        const right = [...form.querySelectorAll("input[type=radio]")].find(input => input.value === form.dataset.right);
        const field = form.querySelector("input[type=range]");
        if (right) right.checked = true;
        if (field) { field.value = form.dataset.value; field.dispatchEvent(new Event("input")); }
        form.requestSubmit();
        told.push([form.id, before, seen(), form.querySelector("p.ho-verdict").textContent]);
      }
      return told;
    })()`);
    asked += told.length;
    for (const [id, before, after, verdict] of told) {
      assert.ok(before.every(seen => !seen) && after.every(Boolean) && after.length > 0, `${path} ${id}: ${before} ${after}`);
      assert.match(verdict, /^✓/, `${path} ${id}`);
    }
  }
  assert.ok(asked >= 6, String(asked));
});

check("a sweep", async page => {
  await page.open(`${url}run/index.html?run=${encodeURIComponent("sweep tcp/outage-tail --vary outage=1s..120s/4000 --measure stall_s")}`);
  await page.until(`(bar => bar && !bar.hidden && bar.value > 0 && bar.value < bar.max)(document.querySelector(".ho-workbench progress"))`);
  const how = await page.value(`(async () => {
    const bar = document.querySelector(".ho-workbench progress"), stop = [...document.querySelectorAll(".ho-workbench button")].find(each => each.textContent === "Stop");
    const seen = [bar.value];
    for (let i = 0; i < 200 && bar.value === seen[0]; i++) await new Promise(requestAnimationFrame);
    seen.push(bar.value);
    stop.click();
    await new Promise(resolve => setTimeout(resolve, 300));
    return { seen, max: bar.max, hidden: bar.hidden, state: document.querySelector(".ho-workbench").dataset.state };
  })()`);
  assert.ok(how.seen[0] < how.seen[1] && how.max === 4000, JSON.stringify(how));
  assert.ok(how.hidden && how.state === "stopped", JSON.stringify(how));
});

check("a challenge", async page => {
  const all = JSON.parse(challenges);
  let solved = 0;
  for (const path of pages.filter(path => path !== "index.html")) {
    await page.open(url + path);
    for (const id of await page.value(`[...document.querySelectorAll(".ho-challenge")].map(each => each.id)`)) {
      await page.value(`document.getElementById("${id}").scrollIntoView()`);
      await page.until(`document.querySelector("#${id} .ho-tools") && document.querySelector("#${id}").dataset.state === "done"`);
      const request = await page.value(`JSON.parse(document.getElementById("${id}").dataset.ask)`);
      const { solution } = all.find(({ scenario, goal }) => scenario === request.scenario && goal === request.goal);
      assert.ok(await page.value(`!document.getElementById("${id}").classList.contains("ho-solved")`), id);
      await page.value(`(async () => {${HELP}
        const block = document.getElementById("${id}");
        for (const [name, value] of Object.entries(${JSON.stringify(solution)})) { put(block, name, value); await rest(block); }
      })()`);
      await page.until(`document.getElementById("${id}").classList.contains("ho-solved")`).catch(async () => assert.fail(`${path} ${id} is not solved by ${JSON.stringify(solution)}: ${await page.value(`document.getElementById("${id}").innerText`)}`));
      solved++;
    }
  }
  assert.equal(solved, all.length);
});

check("without JavaScript", async page => {
  await page.call("Emulation.setScriptExecutionDisabled", { value: true });
  for (const path of pages.filter(path => !path.startsWith("run/"))) {
    await page.open(url + path);
    // What is there: figures that are seen, numbers and claims that say something, answers that can be opened; nothing that cannot be used.
    const told = await page.value(`(() => {
      const all = selector => [...document.querySelectorAll(selector)], seen = element => element.checkVisibility() && element.getBoundingClientRect().height > 0;
      return {
        dead: all("figure.halfopen").filter(figure => !figure.closest("details") && !seen(figure) || ![...figure.querySelectorAll(":scope > [data-part]")].some(part => (seen(part) || part.closest("details")) && part.textContent.trim().length > 5)).map(({ id }) => id),
        empty: all("data.ho-number, [data-part=command], [data-part=claims], [data-condition]").filter(each => !seen(each) && !each.closest("details:not([open]), [popover]") || each.textContent.trim() === "").map(each => each.outerHTML.slice(0, 120)),
        unanswered: all("form.ho-predict").filter(form => !seen(form.querySelector("details.ho-answer > summary")) || form.querySelector("details.ho-answer").textContent.trim().length < 12).map(({ id }) => id),
        useless: all("main :is(button, input[type=submit], select)").filter(each => seen(each) && !each.hasAttribute("popovertarget") && !each.closest("form.ho-predict fieldset")).map(each => each.outerHTML.slice(0, 120)),
        numbers: all("data.ho-number").length,
      };
    })()`).catch(error => ({ error: String(error) }));
    assert.deepEqual({ ...told, numbers: 0 }, { dead: [], empty: [], unanswered: [], useless: [], numbers: 0 }, path);
  }
});

check("as a file", async page => {
  await page.open(`${url}index.html`);
  const said = await page.until(`document.querySelector(".ho-why")?.textContent`);
  assert.match(said, /python3 -m http.server/);
  await page.open(`${url}run/index.html`);
  assert.match(await page.until(`document.querySelector(".ho-why")?.textContent`), /python3 -m http.server/);
  page.errors.length = 0;
});

check("a page that is missing", async page => {
  for (const path of ["no-such.html", "deeper/down/there/no-such.html?x=1"]) {
    await page.open(url + path);
    await page.until(`document.getElementById("book")?.href === ${JSON.stringify(url)}`);
    assert.ok(await page.value(`getComputedStyle(document.body).maxWidth === "576px" && document.documentElement.scrollWidth <= innerWidth`));
  }
  // The browser says so of every page that is missing, and so it should.
  page.errors.length = 0;
});

check("without its module", async page => {
  await page.open(`${url}fixture.html`);
  await page.until(`document.querySelector(".ho-why")`);
  const said = await page.value(`[...document.querySelectorAll(".ho-why")].map(each => each.textContent)`);
  assert.equal(said.length, 1);
  assert.match(said[0], /built without the module.*rustup target add/);
  assert.equal(await page.value(`document.querySelectorAll(".ho-live").length`), 0);
  await page.open(`${url}run/index.html`);
  assert.match(await page.until(`document.querySelector(".ho-why")?.textContent`), /rustup target add/);
});

check("on paper", async page => {
  // The width of a page of A4 within its margins, in CSS pixels.
  const wide = Math.round((8.27 - 0.8) * 96);
  for (const path of pages) {
    await page.size(1200, 900);
    await page.open(url + path);
    await page.live();
    const { data } = await page.call("Page.printToPDF", { printBackground: true });
    const sheets = Buffer.from(data, "base64").toString("latin1").match(/\/Type\s*\/Page\b/g).length;
    await page.call("Emulation.setEmulatedMedia", { media: "print", features: [{ name: "prefers-color-scheme", value: "light" }] });
    await page.call("Emulation.setDeviceMetricsOverride", { width: wide, height: 1056, deviceScaleFactor: 1, mobile: false });
    const told = await page.value(`(() => {
      const name = each => each.tagName + " " + each.id + " " + each.getAttribute("class") + " " + each.textContent.trim().slice(0, 40);
      const seen = each => each.checkVisibility() && each.getBoundingClientRect().width > 0;
      const all = selector => [...document.querySelectorAll(selector)].filter(seen);
      const touched = "#mdbook-sidebar, #mdbook-menu-bar, .nav-chapters, .ho-live, .ho-tools, .buttons, .ho-tip, button:not(.ho-term), input:not([type=radio]), select, progress, textarea";
      const inside = each => each.closest("svg") && each.tagName !== "svg";
      return {
        out: all("main *").filter(each => !inside(each) && !each.closest("[popover]") && (each.getBoundingClientRect().right > ${wide} + 1 || each.getBoundingClientRect().left < -1)).map(name),
        cut: all("main *").filter(each => !inside(each) && each.scrollWidth > each.clientWidth + 1 && each.clientWidth > 0 && getComputedStyle(each).overflowX !== "visible").map(name),
        high: all("main *").filter(each => !inside(each) && each.scrollHeight > each.clientHeight + 2 && each.clientHeight > 0 && getComputedStyle(each).overflowY !== "visible" && !each.matches(".content, main")).map(name),
        touched: all(touched).map(name),
        missing: all("figure.halfopen").filter(figure => ![...figure.querySelectorAll(":scope > [data-part]")].some(seen)).map(name),
        hidden: [...document.querySelectorAll("main :is(figure.halfopen, .ho-answer)")].filter(each => !seen(each) && !each.closest("[popover]")).map(name),
        high_px: document.documentElement.scrollHeight,
      };
    })()`);
    const { high_px, ...wrong } = told;
    assert.deepEqual(wrong, { out: [], cut: [], high: [], touched: [], missing: [], hidden: [] }, path);
    // A page that was clipped would be one sheet; one whose figures stand alone on theirs has many more.
    const least = high_px / 1056;
    assert.ok(sheets >= Math.floor(least * 0.8) && sheets <= Math.ceil(least * 1.6) + 1, `${path}: ${sheets} sheets for ${least.toFixed(1)}`);
    if (process.env.PRINTED) console.log(path, sheets, least.toFixed(1));
    await page.call("Emulation.setEmulatedMedia", { media: "", features: [] });
  }
});

const chosen = checks.filter(([name]) => name.startsWith(process.env.ONLY ?? ""));
if (chosen.length === 0) throw new Error(`no check begins with ${process.env.ONLY}`);
let failed = 0;
for (const [name, run] of chosen) {
  const page = await browser.page();
  try {
    await run(page);
    assert.deepEqual(page.errors, []);
    console.log(`ok      ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAILED  ${name}\n${error.message}\n${page.errors.join("\n")}`);
  }
  await page.close();
}
await browser.close();
process.exit(failed === 0 ? 0 : 1);
