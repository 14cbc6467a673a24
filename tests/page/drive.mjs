// [ONLY=A|B] node drive.mjs URL [PICTURES]: drives the chapter `book/fixture.md`, built by the program, in headless Chromium as a reader would,
// and says what does not hold. URL ends in a slash.
import assert from "node:assert/strict";
import { chromium } from "./chromium.mjs";

const [url, pictures] = process.argv.slice(2);
const browser = await chromium();
const checks = [];
const check = (name, run, options) => checks.push({ name, run, options });

const slide = (block, parameter, part) => `(() => {
  const slider = document.querySelector("${block} [data-parameter='${parameter}'] .ho-slider");
  slider.focus();
  slider.value = Math.round(slider.max * ${part});
  slider.dispatchEvent(new Event("input", { bubbles: true }));
})()`;
const text = selector => `document.querySelector(${JSON.stringify(selector)}).textContent`;
const click = selector => `document.querySelector(${JSON.stringify(selector)}).click()`;
const press = (within, label) => `[...document.querySelectorAll(${JSON.stringify(`${within} button, ${within} summary`)})].find(each => each.textContent.includes(${JSON.stringify(label)})).click()`;
const living = block => `document.querySelector("${block} .ho-live .ho-tools")`;
const done = block => `document.querySelector("${block}").dataset.state === "done"`;

check("a slider moves figure, number, claim and address, and back", async page => {
  await page.open(`${url}fixture.html`);
  await page.until(living("#fig-fixture-1"));
  const before = await page.value(text("#fig-fixture-1 [data-part=figure]"));
  assert.equal(await page.value(text("#n1")), "0.05");
  await page.value(slide("#fig-fixture-1", "one_way", 1));
  await page.until(`${text("#n1")} === "20"`);
  assert.notEqual(await page.value(text("#fig-fixture-1 [data-part=figure]")), before);
  await page.until(`document.querySelector("#fig-fixture-1 .ho-turned")`);
  assert.match(await page.value(text("#fig-fixture-1 .ho-turned")), /no longer holds: since one_way=10s \(before: 25ms\)/);
  assert.equal(await page.value(text("#fig-fixture-1 .ho-back:not([hidden])")), "↺ 25ms");
  await page.until(`location.search.includes("one_way")`);
  // The other block of the section shows the same run, when it is seen.
  await page.value(`document.querySelector("#fig-fixture-2").scrollIntoView()`);
  await page.until(`${text("#fig-fixture-2 [data-part=measures]")}.includes("20 s")`);
  await page.value(press("#fig-fixture-1", "↺ 25ms"));
  await page.until(`${text("#n1")} === "0.05" && !document.querySelector("#fig-fixture-1 .ho-turned")`);
  await page.until(`location.search === ""`);
  assert.equal(await page.value(text("#fig-fixture-1 [data-part=figure]")), before);
});

check("a slider is moved by the keyboard, and the book does not turn its page", async page => {
  await page.open(`${url}fixture.html`);
  await page.until(living("#fig-fixture-1"));
  await page.value(`document.querySelector("#fig-fixture-1 .ho-slider").focus()`);
  await page.key("ArrowRight");
  await page.until(`document.querySelector("#fig-fixture-1 .halfopen-command").textContent.includes("one_way=26ms")`);
  assert.ok(await page.value(`location.pathname.endsWith("/fixture.html")`));
});

check("what is typed wrong is refused in one line, and the picture stays", async page => {
  await page.open(`${url}fixture.html`);
  await page.until(living("#fig-fixture-1"));
  const before = await page.value(text("#fig-fixture-1 [data-part=figure]"));
  await page.value(`(() => { const field = document.querySelector("#fig-fixture-1 [data-parameter=one_way] .ho-exact");
    field.value = "soon<b>"; field.dispatchEvent(new Event("change", { bubbles: true })); })()`);
  await page.until(`document.querySelector("#fig-fixture-1").dataset.state === "failed"`);
  assert.match(await page.value(text("#fig-fixture-1 .ho-error")), /soon<b>/);
  assert.equal(await page.value(`document.querySelector("#fig-fixture-1 .ho-error b")`), null);
  assert.equal(await page.value(`document.querySelector("#fig-fixture-1 [data-parameter=one_way] .ho-exact").getAttribute("aria-invalid")`), "true");
  assert.equal(await page.value(text("#fig-fixture-1 [data-part=figure]")), before);
});

check("a control among all the others follows, when its parameter is put back elsewhere", async page => {
  await page.open(`${url}fixture.html`);
  await page.until(living("#fig-fixture-1"));
  await page.value(press("#fig-fixture-1", "Everything else"));
  await page.value(slide("#fig-fixture-1", "kernel.rto_max", 0));
  await page.until(`document.querySelector("#fig-fixture-1 .ho-changes li")`);
  await page.value(press("#fig-fixture-1 .ho-changes", "put back"));
  assert.equal(await page.value(`document.querySelector("#fig-fixture-1 [data-parameter='kernel.rto_max'] .ho-exact").value`), "2m");
  assert.ok(await page.value(`document.querySelector("#fig-fixture-1 .ho-changes").hidden`));
});

check("a shared link shows the same picture", async page => {
  await page.open(`${url}fixture.html?ho=fig-fixture-1&set=one_way%3D1s&set=closer%3Dboth&seed=3#fig-fixture-1`);
  await page.until(`document.querySelector("#fig-fixture-1 .halfopen-command").textContent.includes("--set one_way=1s --set closer=both --seed 3")`);
  await page.until(`${text("#n1")} === "2"`);
  assert.ok(await page.value(`Math.abs(document.querySelector("#fig-fixture-1").getBoundingClientRect().top) < 200`));
});

check("an address cannot put markup into the page", async page => {
  const evil = encodeURIComponent(`<img src=x onerror="window.evil=1">`);
  await page.open(`${url}fixture.html?ho=fig-fixture-1&set=one_way%3D${evil}&set=${evil}%3D1&faults=${evil}&seed=${evil}&from=${evil}#fig-fixture-1`);
  await page.until(`document.querySelector("#fig-fixture-1").dataset.state === "failed"`);
  assert.equal(await page.value(`window.evil ?? document.querySelectorAll("img[src=x]").length`), 0);
  await page.open(`${url}run/index.html?run=${evil}&from=${encodeURIComponent("javascript:alert(1)")}`);
  await page.until(`document.querySelector(".ho-printed, .ho-error")`);
  assert.equal(await page.value(`window.evil ?? document.querySelectorAll("img[src=x], a[href^=javascript]").length`), 0);
}, { expected: /400|500/ });

check("all parameters are one click away, with a search", async page => {
  await page.open(`${url}fixture.html`);
  await page.until(living("#fig-fixture-1"));
  await page.value(press("#fig-fixture-1", "Everything else"));
  await page.until(`document.querySelector("#fig-fixture-1 [data-parameter='kernel.sack']")`);
  await page.value(`(() => { const search = document.querySelector("#fig-fixture-1 .ho-search"); search.value = "floor rto"; search.dispatchEvent(new Event("input")); })()`);
  assert.deepEqual(await page.value(`[...document.querySelectorAll("#fig-fixture-1 .ho-everything .ho-control:not([hidden])")].map(each => each.dataset.parameter)`), ["kernel.rto_min"]);
  await page.value(`document.querySelector("#fig-fixture-1 .ho-search").value = ""`);
  await page.value(`document.querySelector("#fig-fixture-1 .ho-search").dispatchEvent(new Event("input"))`);
  await page.value(click("#fig-fixture-1 [data-parameter='kernel.sack'] input"));
  await page.until(`document.querySelector("#fig-fixture-1 .halfopen-command").textContent.includes("kernel.sack=false")`);
  if (pictures) await page.picture(`${pictures}/everything.png`, true);
});

check("a fault is typed with completion, and what is wrong is said in place", async page => {
  await page.open(`${url}fixture.html`);
  await page.until(living("#fig-fixture-1"));
  await page.value(press("#fig-fixture-1", "Everything else"));
  await page.until(`document.querySelector("#fig-fixture-1 textarea")`);
  await page.value(`document.querySelector("#fig-fixture-1 textarea").focus()`);
  await page.type("at 1s par");
  await page.until(`document.querySelector("#fig-fixture-1 .ho-words li")?.textContent === "partition"`);
  await page.key("ArrowDown");
  await page.key("Enter");
  await page.until(`document.querySelector("#fig-fixture-1 textarea").value === "at 1s partition "`);
  await page.type("client server for 2s");
  await page.until(`document.querySelector("#fig-fixture-1 .halfopen-command").textContent.includes("+ at 1s partition client server for 2s")`);
  await page.until(`document.querySelector("#fig-fixture-1 .ho-script .ho-error").hidden`);
  await page.type("\nin 3s");
  await page.until(`!document.querySelector("#fig-fixture-1 .ho-script .ho-error").hidden`);
  assert.match(await page.value(text("#fig-fixture-1 .ho-script .ho-error")), /in 3s: starts with/);
  await page.value(press("#fig-fixture-1 .ho-script", "Add a fault"));
  await page.until(`document.querySelector("#fig-fixture-1 .ho-add select option")`);
});

check("two runs stand side by side, and what differs is marked", async page => {
  await page.open(`${url}fixture.html`);
  await page.until(living("#fig-fixture-1"));
  await page.value(press("#fig-fixture-1", "Compare"));
  await page.until(`document.querySelector("#fig-fixture-1 .ho-pin svg")`);
  await page.value(slide("#fig-fixture-1", "one_way", 0.7));
  await page.until(`document.querySelector("#fig-fixture-1 .ho-differs")`);
  const [pin, now] = await page.value(`[".ho-pin", ".ho-narrow"].map(each => document.querySelector("#fig-fixture-1 > " + each + " svg").getBoundingClientRect().left)`);
  assert.ok(pin < now, `${pin} is left of ${now}`);
  if (pictures) await page.picture(`${pictures}/compare.png`, true);
  const ids = await page.value(`(() => { const ids = [...document.querySelectorAll("[id]")].map(each => each.id); return ids.filter((id, i) => ids.indexOf(id) !== i); })()`);
  assert.deepEqual(ids, []);
  await page.value(press("#fig-fixture-1", "end the comparison"));
  assert.equal(await page.value(`document.querySelector("#fig-fixture-1 .ho-pin")`), null);
});

check("an arrow and its line light up together, by mouse and by keyboard, and a panel tells all", async page => {
  await page.open(`${url}fixture.html`);
  await page.until(living("#fig-fixture-1"));
  await page.value(`document.querySelector("#fig-fixture-1 .ho-lines").open = true`);
  await page.until(`document.querySelector("#fig-fixture-1 li[data-r]")`);
  await page.value(`document.querySelector("#fig-fixture-1 [data-part=figure] g[data-r='1']").focus()`);
  assert.ok(await page.value(`document.querySelector("#fig-fixture-1 li[data-r='1']").classList.contains("ho-lit")`));
  assert.match(await page.value(text(".ho-tip")), /client to server: SYN/);
  await page.key("ArrowDown");
  assert.ok(await page.value(`document.querySelector("#fig-fixture-1 li[data-r='2']").classList.contains("ho-lit") && !document.querySelector("#fig-fixture-1 li[data-r='1']").classList.contains("ho-lit")`));
  await page.key("Escape");
  assert.ok(await page.value(`document.querySelector(".ho-tip").hidden`));
  const place = await page.value(`(() => { const line = document.querySelector("#fig-fixture-1 li[data-r='3']"); line.scrollIntoView({ block: "center" }); const { left, top } = line.getBoundingClientRect(); return [left + 20, top + 5]; })()`);
  await page.mouse("mouseMoved", ...place);
  await page.until(`document.querySelector("#fig-fixture-1 [data-part=figure] g[data-r='3']").classList.contains("ho-lit")`);
});

check("a run is played along its axis", async page => {
  await page.open(`${url}fixture.html`);
  await page.until(living("#fig-fixture-1"));
  await page.value(press("#fig-fixture-1", "Play"));
  await page.until(`parseFloat(document.querySelector("#fig-fixture-1 .ho-clock").textContent) > 0.05`);
  assert.ok(await page.value(`document.querySelector("#fig-fixture-1 .ho-cursor")`));
  await page.value(click("#fig-fixture-1 .ho-player button"));
  const at = await page.value(text("#fig-fixture-1 .ho-clock"));
  await new Promise(resolve => setTimeout(resolve, 200));
  assert.equal(await page.value(text("#fig-fixture-1 .ho-clock")), at);
});

check("who wants things to stay still steps from event to event", async page => {
  await page.open(`${url}fixture.html`);
  await page.until(living("#fig-fixture-1"));
  await page.value(press("#fig-fixture-1", "Play"));
  await new Promise(resolve => setTimeout(resolve, 300));
  assert.equal(await page.value(text("#fig-fixture-1 .ho-clock")), "0.000 s");
  await page.value(`document.querySelector("#fig-fixture-1 [aria-label='the next event']").click()`);
  assert.ok(await page.value(`document.querySelector("#fig-fixture-1 g.ho-lit")`));
}, { features: [{ name: "prefers-reduced-motion", value: "reduce" }] });

check("a prediction hides its answer and the block after it, and remembers the guess", async page => {
  await page.open(`${url}fixture.html`);
  await page.value(`localStorage.clear()`);
  await page.open(`${url}fixture.html`);
  const seen = selector => `document.querySelector("${selector}").checkVisibility()`;
  await page.until(`document.querySelector("#task-fixture-1").dataset.state === "asking"`);
  assert.deepEqual([await page.value(seen("#fig-fixture-3")), await page.value(seen("#task-fixture-1 details"))], [false, false]);
  await page.value(click("#task-fixture-1 input[value='1']"));
  await page.value(press("#task-fixture-1", "my guess"));
  assert.deepEqual([await page.value(seen("#fig-fixture-3")), await page.value(seen("#task-fixture-1 details"))], [true, true]);
  assert.match(await page.value(text("#task-fixture-1 .ho-verdict")), /Not so/);
  await page.value(`(() => { const field = document.querySelector("#task-fixture-2 input"); field.value = "0.06"; field.dispatchEvent(new Event("input")); })()`);
  await page.value(press("#task-fixture-2", "my guess"));
  assert.match(await page.value(text("#task-fixture-2 .ho-verdict")), /Close: you said 0.06 s, the run says 0.05 s/);
  await page.open(`${url}fixture.html`);
  await page.until(`document.querySelector("#task-fixture-1").dataset.state === "answered"`);
  await page.until(`${text("[data-progress]")}.includes("Predicted: 2 of 2, 1 of them right")`);
  assert.deepEqual(await page.value(`Object.keys(localStorage).filter(name => !name.startsWith("mdbook"))`), ["halfopen:progress"]);
  await page.value(click("[data-progress] button"));
  assert.equal(await page.value(`localStorage.getItem("halfopen:progress")`), null);
});

check("a challenge is judged by running it", async page => {
  await page.open(`${url}fixture.html`);
  await page.value(`document.querySelector("#task-fixture-3").scrollIntoView()`);
  await page.until(`document.querySelector("#task-fixture-3 .ho-condition")`);
  assert.deepEqual(await page.value(`[...document.querySelectorAll("#task-fixture-3 .ho-condition")].map(each => each.textContent)`), ["✗ not met: ", "✓ met: "]);
  await page.value(slide("#task-fixture-3", "one_way", 0.2));
  await page.until(`document.querySelector("#task-fixture-3").classList.contains("ho-solved")`);
  assert.match(await page.value(text("#task-fixture-3 .ho-verdict")), /Solved/);
  assert.equal(await page.value(`document.querySelectorAll("#task-fixture-3 .ho-control").length`), 2);
  if (pictures) await page.picture(`${pictures}/challenge.png`);
});

check("a number without a block opens its panel, and a command its own", async page => {
  await page.open(`${url}fixture.html`);
  await page.until(`document.querySelector("#n2 data").getAttribute("role") === "button"`);
  await page.value(`document.querySelector("#n2 data").focus()`);
  await page.key("Enter");
  await page.until(`document.querySelector(".ho-panel [data-parameter=one_way]")`);
  await page.value(slide(".ho-panel", "one_way", 1));
  await page.until(`${text("#n2")} === "20"`);
  await page.until(`document.querySelector(".ho-panel a").href.includes("run/index.html?run=run+tcp%2Fhandshake")`);
  await page.key("Escape");
  assert.equal(await page.value(text("#n2")), "0.2");
  await page.value(click("a.ho-command"));
  await page.until(`document.querySelector(".ho-panel svg")`);
  if (pictures) await page.picture(`${pictures}/panel.png`);
  assert.ok(await page.value(`location.pathname.endsWith("fixture.html")`));
});

check("a run is taken along", async page => {
  await page.open(`${url}fixture.html`);
  await page.until(living("#fig-fixture-1"));
  await page.value(`window.saved = []; HTMLAnchorElement.prototype.click = function () { saved.push(this.download); }`);
  await page.value(press("#fig-fixture-1", "Take along"));
  for (const form of ["packets (pcap)", "JSON", "SVG"]) await page.value(press("#fig-fixture-1 .ho-take", form));
  await page.until(`saved.length === 3`);
  assert.deepEqual((await page.value(`saved`)).sort(), ["tcp-handshake.json", "tcp-handshake.pcap", "tcp-handshake.svg"]);
});

check("the workbench opens a command, picks by question, sweeps, and leads back", async page => {
  await page.open(`${url}run/index.html?run=${encodeURIComponent("run tcp/handshake --set closer=both")}&from=belief.html%23fig-2`);
  await page.until(`document.querySelector(".ho-workbench [data-part=measures] table")`);
  assert.match(await page.value(text(".ho-workbench .ho-changes")), /closer=both instead of client/);
  assert.equal(await page.value(`document.querySelector(".ho-from a").getAttribute("href")`), "../belief.html#fig-2");
  if (pictures) await page.picture(`${pictures}/workbench.png`, true);
  await page.value(`(() => { document.querySelector(".ho-picker").open = true; const search = document.querySelector(".ho-picker .ho-search"); search.value = "phone sleeps"; search.dispatchEvent(new Event("input")); })()`);
  assert.equal(await page.value(`document.querySelectorAll(".ho-picker li:not([hidden])").length`), 1);
  await page.value(click(".ho-picker li:not([hidden]) button"));
  await page.until(`document.querySelector(".ho-scenario")?.textContent === "websocket/suspend" && document.querySelector(".ho-workbench").dataset.state === "done"`);
  await page.until(`new URLSearchParams(location.search).get("run").startsWith("run websocket/suspend")`);
  await page.value(`(() => { const field = document.querySelector(".ho-command-line input"); field.value = "halfopen sweep tcp/outage-tail --vary outage=1s..40s/40 --measure stall_s"; field.form.requestSubmit(); })()`);
  await page.until(`document.querySelector(".ho-workbench [data-part=chart] svg")`);
  await page.value(`(() => { const field = document.querySelector(".ho-command-line input"); field.value = "run tcp/handshake --parameters"; field.form.requestSubmit(); })()`);
  await page.until(`document.querySelector(".ho-printed")?.textContent.includes("kernel.first_local_port")`);
});

check("nothing is wider than the page, and nothing to touch smaller than 24 px", async page => {
  for (const width of [360, 1400]) {
    await page.size(width, 800);
    await page.open(`${url}fixture.html`);
    await page.until(living("#fig-fixture-1"));
    await page.value(press("#fig-fixture-1", "Everything else"));
    await page.value(press("#fig-fixture-1", "Take along"));
    await page.value(press("#fig-fixture-1", "Compare"));
    await page.value(press("#fig-fixture-1", "Play"));
    await page.until(`document.querySelector("#fig-fixture-1 .ho-differences table")`);
    await page.value(`document.querySelector("#task-fixture-3").scrollIntoView()`);
    await page.until(living("#task-fixture-3"));
    assert.equal(await page.value(`document.documentElement.scrollWidth`), width);
    const small = await page.value(`[...document.querySelectorAll(":is(.ho-live, .ho-predict, .ho-challenge) :is(button, select, summary, textarea, input:not([type=radio]))")].filter(each => each.checkVisibility()).map(each => [each.outerHTML.slice(0, 90), each.getBoundingClientRect().height, each.getBoundingClientRect().width]).filter(([, height, width]) => height < 24 || width < 20)`);
    assert.deepEqual(small, []);
    const out = await page.value(`[...document.querySelectorAll(".ho-live *, .ho-challenge *")].filter(each => each.checkVisibility() && !each.closest("svg, pre, .ho-differences") && each.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map(each => each.outerHTML.slice(0, 90))`);
    assert.deepEqual(out, []);
    if (pictures) await page.picture(`${pictures}/at-${width}.png`, true);
    await page.open(`${url}run/index.html?run=run%20tcp%2Fhandshake`);
    await page.until(`document.querySelector(".ho-workbench [data-part=measures] table")`);
    assert.equal(await page.value(`document.documentElement.scrollWidth`), width);
    if (pictures) await page.picture(`${pictures}/workbench-${width}.png`, true);
  }
});

check("while a slider is dragged, pictures keep coming, and the last one is the last value's", async page => {
  await page.open(`${url}fixture.html`);
  await page.until(living("#fig-fixture-1"));
  await page.value(`(async () => {
    window.drawn = 0;
    document.addEventListener("halfopen:drawn", () => { drawn++; });
    const slider = document.querySelector("#fig-fixture-1 [data-parameter=one_way] .ho-slider");
    for (let i = 0; i <= 60; i++) {
      slider.value = i;
      slider.dispatchEvent(new Event("input", { bubbles: true }));
      await new Promise(requestAnimationFrame);
    }
  })()`);
  const last = await page.value(`document.querySelector("#fig-fixture-1 [data-parameter=one_way] .ho-exact").value`);
  await page.until(`document.querySelector("#fig-fixture-1 .halfopen-command").textContent.includes("one_way=" + ${JSON.stringify(last)}.replace(" ", ""))
    || document.querySelector("#fig-fixture-1 .halfopen-command").textContent.includes(${JSON.stringify(last)})`);
  assert.ok(await page.value("drawn") >= 3);
});

// With the worker `worker.js`, that is slow and breaks.
check("a run that takes long can be stopped, and the picture stays", async page => {
  await page.open(`${url}fixture.html`);
  await page.until(living("#fig-fixture-1"));
  const before = await page.value(text("#fig-fixture-1 [data-part=figure]"));
  await page.value(press("#fig-fixture-1", "Everything else"));
  const seed = n => page.value(`(() => { const field = document.querySelector("#fig-fixture-1 [data-parameter=seed] .ho-exact"); field.value = "${n}"; field.dispatchEvent(new Event("change", { bubbles: true })); })()`);
  await seed(5000);
  await page.until(`!document.querySelector("#fig-fixture-1 progress").hidden`);
  await page.value(press("#fig-fixture-1", "Stop"));
  await page.until(`document.querySelector("#fig-fixture-1").dataset.state === "stopped"`);
  assert.equal(await page.value(text("#fig-fixture-1 [data-part=figure]")), before);
  await seed(7);
  await page.until(`document.querySelector("#fig-fixture-1 .halfopen-command").textContent.includes("--seed 7")`);
  assert.ok(await page.value(`document.querySelector("#fig-fixture-1 progress").hidden`));
}, { slow: true });

check("a worker that dies is followed by another", async page => {
  await page.open(`${url}fixture.html`);
  await page.until(living("#fig-fixture-1"));
  const workers = await page.value(`fetch("live/build.json").then(build => build.json()).then(({ module }) => module !== null)`);
  if (!workers) return;
  await page.value(press("#fig-fixture-1", "Everything else"));
  const seed = n => page.value(`(() => { const field = document.querySelector("#fig-fixture-1 [data-parameter=seed] .ho-exact"); field.value = "${n}"; field.dispatchEvent(new Event("change", { bubbles: true })); })()`);
  await seed(666);
  await page.until(`document.querySelector("#fig-fixture-1").dataset.state === "failed"`);
  assert.match(await page.value(text("#fig-fixture-1 .ho-error")), /the worker broke/);
  await seed(667);
  await page.until(`document.querySelector("#fig-fixture-1 .halfopen-command").textContent.includes("--seed 667")`);
  assert.ok(await page.value(`document.querySelector("#fig-fixture-1 .ho-error").hidden`));
}, { expected: /the worker broke/, slow: true });

check("a sweep shows its progress, can be stopped, and goes on from anew", async page => {
  await page.open(`${url}fixture.html`);
  await page.value(`document.querySelector("#fig-fixture-4").scrollIntoView()`);
  await page.until(living("#fig-fixture-4"));
  const before = await page.value(text("#fig-fixture-4 [data-part=chart]"));
  await page.value(slide("#fig-fixture-4", "kernel.rto_max", 0.1));
  await page.until(`!document.querySelector("#fig-fixture-4 progress").hidden && document.querySelector("#fig-fixture-4 progress").value > 0`);
  await page.value(press("#fig-fixture-4", "Stop"));
  await page.until(`document.querySelector("#fig-fixture-4").dataset.state === "stopped"`);
  assert.equal(await page.value(text("#fig-fixture-4 [data-part=chart]")), before);
  await page.value(slide("#fig-fixture-4", "kernel.rto_max", 0.2));
  await page.until(done("#fig-fixture-4"));
  assert.notEqual(await page.value(text("#fig-fixture-4 [data-part=chart]")), before);
  assert.ok(await page.value(`document.querySelector("#fig-fixture-4 progress").hidden`));
}, { slow: true });

let failed = 0;
const only = process.env.ONLY;
for (const { name, run, options = {} } of checks.filter(({ name, options }) => only ? only.split("|").some(begin => name.startsWith(begin)) : !options?.slow)) {
  const page = await browser.page(options);
  try {
    await run(page);
    const errors = page.errors.filter(error => !options.expected?.test(error));
    assert.deepEqual(errors, []);
    console.log(`ok      ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAILED  ${name}\n        ${String(error.message).split("\n").slice(0, 14).join("\n        ")}${page.errors.length ? `\n        console: ${page.errors.join("\n        ")}` : ""}`);
  }
  await page.close();
}
await browser.close();
process.exit(failed === 0 ? 0 : 1);
