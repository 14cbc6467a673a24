// node drive.mjs URL [PICTURES]: drives the pages of mock.mjs in headless Chromium as a reader would, and says what does not hold.
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
  await page.open(`${url}/fixture.html`);
  await page.until(living("#fig-one"));
  const before = await page.value(text("#fig-one [data-part=figure]"));
  assert.equal(await page.value(text("#n1")), "0.05");
  await page.value(slide("#fig-one", "one_way", 1));
  await page.until(`${text("#n1")} === "20"`);
  assert.notEqual(await page.value(text("#fig-one [data-part=figure]")), before);
  await page.until(`document.querySelector("#fig-one .ho-turned")`);
  assert.match(await page.value(text("#fig-one .ho-turned")), /no longer holds: since one_way=10s \(before: 25ms\)/);
  assert.equal(await page.value(text("#fig-one .ho-back:not([hidden])")), "↺ 25ms");
  await page.until(`location.search.includes("one_way")`);
  // The other block of the section shows the same run, when it is seen.
  await page.value(`document.querySelector("#fig-one-m").scrollIntoView()`);
  await page.until(`${text("#fig-one-m [data-part=measures]")}.includes("20 s")`);
  await page.value(press("#fig-one", "↺ 25ms"));
  await page.until(`${text("#n1")} === "0.05" && !document.querySelector("#fig-one .ho-turned")`);
  await page.until(`location.search === ""`);
  assert.equal(await page.value(text("#fig-one [data-part=figure]")), before);
});

check("a slider is moved by the keyboard, and the book does not turn its page", async page => {
  await page.open(`${url}/fixture.html`);
  await page.until(living("#fig-one"));
  await page.value(`document.querySelector("#fig-one .ho-slider").focus()`);
  await page.key("ArrowRight");
  await page.until(`document.querySelector("#fig-one .halfopen-command").textContent.includes("one_way=26ms")`);
  assert.ok(await page.value(`location.pathname.endsWith("/fixture.html")`));
});

check("a run that takes long can be stopped, and the picture stays", async page => {
  await page.open(`${url}/fixture.html`);
  await page.until(living("#fig-one"));
  const before = await page.value(text("#fig-one [data-part=figure]"));
  await page.value(press("#fig-one", "Everything else"));
  const seed = n => page.value(`(() => { const field = document.querySelector("#fig-one [data-parameter=seed] .ho-exact"); field.value = "${n}"; field.dispatchEvent(new Event("change", { bubbles: true })); })()`);
  await seed(5000);
  await page.until(`!document.querySelector("#fig-one progress").hidden`);
  await page.value(press("#fig-one", "Stop"));
  await page.until(`document.querySelector("#fig-one").dataset.state === "stopped"`);
  assert.equal(await page.value(text("#fig-one [data-part=figure]")), before);
  await seed(7);
  await page.until(`document.querySelector("#fig-one .halfopen-command").textContent.includes("--seed 7")`);
  assert.ok(await page.value(`document.querySelector("#fig-one progress").hidden`));
});

check("what is typed wrong is refused in one line, and the picture stays", async page => {
  await page.open(`${url}/fixture.html`);
  await page.until(living("#fig-one"));
  const before = await page.value(text("#fig-one [data-part=figure]"));
  await page.value(`(() => { const field = document.querySelector("#fig-one [data-parameter=one_way] .ho-exact");
    field.value = "soon<b>"; field.dispatchEvent(new Event("change", { bubbles: true })); })()`);
  await page.until(`document.querySelector("#fig-one").dataset.state === "failed"`);
  assert.match(await page.value(text("#fig-one .ho-error")), /soon<b>/);
  assert.equal(await page.value(`document.querySelector("#fig-one .ho-error b")`), null);
  assert.equal(await page.value(`document.querySelector("#fig-one [data-parameter=one_way] .ho-exact").getAttribute("aria-invalid")`), "true");
  assert.equal(await page.value(text("#fig-one [data-part=figure]")), before);
});

check("a control among all the others follows, when its parameter is put back elsewhere", async page => {
  await page.open(`${url}/fixture.html`);
  await page.until(living("#fig-one"));
  await page.value(press("#fig-one", "Everything else"));
  await page.value(slide("#fig-one", "kernel.rto_max", 0));
  await page.until(`document.querySelector("#fig-one .ho-changes li")`);
  await page.value(press("#fig-one .ho-changes", "put back"));
  assert.equal(await page.value(`document.querySelector("#fig-one [data-parameter='kernel.rto_max'] .ho-exact").value`), "2m");
  assert.ok(await page.value(`document.querySelector("#fig-one .ho-changes").hidden`));
});

check("a shared link shows the same picture", async page => {
  await page.open(`${url}/fixture.html?ho=fig-one&set=one_way%3D1s&set=closer%3Dboth&seed=3#fig-one`);
  await page.until(`document.querySelector("#fig-one .halfopen-command").textContent.includes("--set one_way=1s --set closer=both --seed 3")`);
  await page.until(`${text("#n1")} === "2"`);
  assert.ok(await page.value(`Math.abs(document.querySelector("#fig-one").getBoundingClientRect().top) < 200`));
});

check("an address cannot put markup into the page", async page => {
  const evil = encodeURIComponent(`<img src=x onerror="window.evil=1">`);
  await page.open(`${url}/fixture.html?ho=fig-one&set=one_way%3D${evil}&set=${evil}%3D1&faults=${evil}&seed=${evil}&from=${evil}#fig-one`);
  await page.until(`document.querySelector("#fig-one").dataset.state === "failed"`);
  assert.equal(await page.value(`window.evil ?? document.querySelectorAll("img[src=x]").length`), 0);
  await page.open(`${url}/run/index.html?run=${evil}&from=${encodeURIComponent("javascript:alert(1)")}`);
  await page.until(`document.querySelector(".ho-printed, .ho-error")`);
  assert.equal(await page.value(`window.evil ?? document.querySelectorAll("img[src=x], a[href^=javascript]").length`), 0);
}, { expected: /400|500/ });

check("all parameters are one click away, with a search", async page => {
  await page.open(`${url}/fixture.html`);
  await page.until(living("#fig-one"));
  await page.value(press("#fig-one", "Everything else"));
  await page.until(`document.querySelector("#fig-one [data-parameter='kernel.sack']")`);
  await page.value(`(() => { const search = document.querySelector("#fig-one .ho-search"); search.value = "floor rto"; search.dispatchEvent(new Event("input")); })()`);
  assert.deepEqual(await page.value(`[...document.querySelectorAll("#fig-one .ho-everything .ho-control:not([hidden])")].map(each => each.dataset.parameter)`), ["kernel.rto_min"]);
  await page.value(`document.querySelector("#fig-one .ho-search").value = ""`);
  await page.value(`document.querySelector("#fig-one .ho-search").dispatchEvent(new Event("input"))`);
  await page.value(click("#fig-one [data-parameter='kernel.sack'] input"));
  await page.until(`document.querySelector("#fig-one .halfopen-command").textContent.includes("kernel.sack=false")`);
  if (pictures) await page.picture(`${pictures}/everything.png`, true);
});

check("a fault is typed with completion, and what is wrong is said in place", async page => {
  await page.open(`${url}/fixture.html`);
  await page.until(living("#fig-one"));
  await page.value(press("#fig-one", "Everything else"));
  await page.until(`document.querySelector("#fig-one textarea")`);
  await page.value(`document.querySelector("#fig-one textarea").focus()`);
  await page.type("at 1s par");
  await page.until(`document.querySelector("#fig-one .ho-words li")?.textContent === "partition"`);
  await page.key("ArrowDown");
  await page.key("Enter");
  await page.until(`document.querySelector("#fig-one textarea").value === "at 1s partition "`);
  await page.type("client server for 2s");
  await page.until(`document.querySelector("#fig-one .halfopen-command").textContent.includes("+ at 1s partition client server for 2s")`);
  await page.until(`document.querySelector("#fig-one .ho-script .ho-error").hidden`);
  await page.type("\nin 3s");
  await page.until(`!document.querySelector("#fig-one .ho-script .ho-error").hidden`);
  assert.match(await page.value(text("#fig-one .ho-script .ho-error")), /in 3s: starts with/);
  await page.value(press("#fig-one .ho-script", "Add a fault"));
  await page.until(`document.querySelector("#fig-one .ho-add select option")`);
});

check("two runs stand side by side, and what differs is marked", async page => {
  await page.open(`${url}/fixture.html`);
  await page.until(living("#fig-one"));
  await page.value(press("#fig-one", "Compare"));
  await page.until(`document.querySelector("#fig-one .ho-pin svg")`);
  await page.value(slide("#fig-one", "one_way", 0.7));
  await page.until(`document.querySelector("#fig-one .ho-differs")`);
  const [pin, now] = await page.value(`[...document.querySelectorAll("#fig-one > .ho-pin svg, #fig-one > .ho-narrow svg")].map(each => each.getBoundingClientRect().left)`);
  assert.ok(pin < now, `${pin} is left of ${now}`);
  if (pictures) await page.picture(`${pictures}/compare.png`, true);
  const ids = await page.value(`(() => { const ids = [...document.querySelectorAll("[id]")].map(each => each.id); return ids.filter((id, i) => ids.indexOf(id) !== i); })()`);
  assert.deepEqual(ids, []);
  await page.value(press("#fig-one", "end the comparison"));
  assert.equal(await page.value(`document.querySelector("#fig-one .ho-pin")`), null);
});

check("an arrow and its line light up together, by mouse and by keyboard, and a panel tells all", async page => {
  await page.open(`${url}/fixture.html`);
  await page.until(living("#fig-one"));
  await page.value(`document.querySelector("#fig-one .ho-lines").open = true`);
  await page.until(`document.querySelector("#fig-one li[data-r]")`);
  await page.value(`document.querySelector("#fig-one [data-part=figure] g[data-r='1']").focus()`);
  assert.ok(await page.value(`document.querySelector("#fig-one li[data-r='1']").classList.contains("ho-lit")`));
  assert.match(await page.value(text(".ho-tip")), /server to client: SYN ACK/);
  await page.key("ArrowDown");
  assert.ok(await page.value(`document.querySelector("#fig-one li[data-r='2']").classList.contains("ho-lit") && !document.querySelector("#fig-one li[data-r='1']").classList.contains("ho-lit")`));
  await page.key("Escape");
  assert.ok(await page.value(`document.querySelector(".ho-tip").hidden`));
  const place = await page.value(`(() => { const line = document.querySelector("#fig-one li[data-r='3']"); line.scrollIntoView({ block: "center" }); const { left, top } = line.getBoundingClientRect(); return [left + 20, top + 5]; })()`);
  await page.mouse("mouseMoved", ...place);
  await page.until(`document.querySelector("#fig-one [data-part=figure] g[data-r='3']").classList.contains("ho-lit")`);
});

check("a run is played along its axis", async page => {
  await page.open(`${url}/fixture.html`);
  await page.until(living("#fig-one"));
  await page.value(press("#fig-one", "Play"));
  await page.until(`parseFloat(document.querySelector("#fig-one .ho-clock").textContent) > 0.05`);
  assert.ok(await page.value(`document.querySelector("#fig-one .ho-cursor")`));
  await page.value(click("#fig-one .ho-player button"));
  const at = await page.value(text("#fig-one .ho-clock"));
  await new Promise(resolve => setTimeout(resolve, 200));
  assert.equal(await page.value(text("#fig-one .ho-clock")), at);
});

check("who wants things to stay still steps from event to event", async page => {
  await page.open(`${url}/fixture.html`);
  await page.until(living("#fig-one"));
  await page.value(press("#fig-one", "Play"));
  await new Promise(resolve => setTimeout(resolve, 300));
  assert.equal(await page.value(text("#fig-one .ho-clock")), "0.000 s");
  await page.value(`document.querySelector("#fig-one [aria-label='the next event']").click()`);
  assert.ok(await page.value(`document.querySelector("#fig-one g.ho-lit")`));
}, { features: [{ name: "prefers-reduced-motion", value: "reduce" }] });

check("a prediction hides its answer and the block after it, and remembers the guess", async page => {
  await page.open(`${url}/fixture.html`);
  await page.value(`localStorage.clear()`);
  await page.open(`${url}/fixture.html`);
  const seen = selector => `document.querySelector("${selector}").checkVisibility()`;
  await page.until(`document.querySelector("#guess-choice").dataset.state === "asking"`);
  assert.deepEqual([await page.value(seen("#fig-two")), await page.value(seen("#guess-choice details"))], [false, false]);
  await page.value(click("#guess-choice input[value='1']"));
  await page.value(press("#guess-choice", "my guess"));
  assert.deepEqual([await page.value(seen("#fig-two")), await page.value(seen("#guess-choice details"))], [true, true]);
  assert.match(await page.value(text("#guess-choice .ho-verdict")), /Not so/);
  await page.value(`(() => { const field = document.querySelector("#guess-number input"); field.value = "0.06"; field.dispatchEvent(new Event("input")); })()`);
  await page.value(press("#guess-number", "my guess"));
  assert.match(await page.value(text("#guess-number .ho-verdict")), /Close: you said 0.06 s, the run says 0.05 s/);
  await page.open(`${url}/fixture.html`);
  await page.until(`document.querySelector("#guess-choice").dataset.state === "answered"`);
  await page.until(`${text("[data-progress]")}.includes("Predicted: 2 of 2, 1 of them right")`);
  assert.deepEqual(await page.value(`Object.keys(localStorage).filter(name => !name.startsWith("mdbook"))`), ["halfopen:progress"]);
  await page.value(click("[data-progress] button"));
  assert.equal(await page.value(`localStorage.getItem("halfopen:progress")`), null);
});

check("a challenge is judged by running it", async page => {
  await page.open(`${url}/fixture.html`);
  await page.value(`document.querySelector("#challenge-1").scrollIntoView()`);
  await page.until(`document.querySelector("#challenge-1 .ho-condition")`);
  assert.deepEqual(await page.value(`[...document.querySelectorAll("#challenge-1 .ho-condition")].map(each => each.textContent)`), ["✗ not met: ", "✓ met: "]);
  await page.value(slide("#challenge-1", "one_way", 0.2));
  await page.until(`document.querySelector("#challenge-1").classList.contains("ho-solved")`);
  assert.match(await page.value(text("#challenge-1 .ho-verdict")), /Solved/);
  assert.equal(await page.value(`document.querySelectorAll("#challenge-1 .ho-control").length`), 2);
  if (pictures) await page.picture(`${pictures}/challenge.png`);
});

check("a sweep shows its progress, can be stopped, and goes on from anew", async page => {
  await page.open(`${url}/fixture.html`);
  await page.value(`document.querySelector("#fig-three").scrollIntoView()`);
  await page.until(living("#fig-three"));
  const before = await page.value(text("#fig-three [data-part=chart]"));
  await page.value(slide("#fig-three", "kernel.rto_max", 0.1));
  await page.until(`!document.querySelector("#fig-three progress").hidden && document.querySelector("#fig-three progress").value > 0`);
  await page.value(press("#fig-three", "Stop"));
  await page.until(`document.querySelector("#fig-three").dataset.state === "stopped"`);
  assert.equal(await page.value(text("#fig-three [data-part=chart]")), before);
  await page.value(slide("#fig-three", "kernel.rto_max", 0.2));
  await page.until(done("#fig-three"));
  assert.notEqual(await page.value(text("#fig-three [data-part=chart]")), before);
  assert.ok(await page.value(`document.querySelector("#fig-three progress").hidden`));
});

check("a number without a block opens its panel, and a command its own", async page => {
  await page.open(`${url}/fixture.html`);
  await page.until(`document.querySelector("#n2 data").getAttribute("role") === "button"`);
  await page.value(`document.querySelector("#n2 data").focus()`);
  await page.key("Enter");
  await page.until(`document.querySelector(".ho-panel [data-parameter=one_way]")`);
  await page.value(slide(".ho-panel", "one_way", 1));
  await page.until(`${text("#n2")} === "20"`);
  await page.until(`document.querySelector(".ho-panel a").href.includes("run/index.html?run=run+tcp%2Fhandshake")`);
  await page.key("Escape");
  assert.equal(await page.value(text("#n2")), "0.2");
  await page.value(click("#c1"));
  await page.until(`document.querySelector(".ho-panel svg")`);
  if (pictures) await page.picture(`${pictures}/panel.png`);
  assert.ok(await page.value(`location.pathname.endsWith("fixture.html")`));
});

check("a run is taken along", async page => {
  await page.open(`${url}/fixture.html`);
  await page.until(living("#fig-one"));
  await page.value(`window.saved = []; HTMLAnchorElement.prototype.click = function () { saved.push(this.download); }`);
  await page.value(press("#fig-one", "Take along"));
  for (const form of ["packets (pcap)", "JSON", "SVG"]) await page.value(press("#fig-one .ho-take", form));
  await page.until(`saved.length === 3`);
  assert.deepEqual((await page.value(`saved`)).sort(), ["tcp-handshake.json", "tcp-handshake.pcap", "tcp-handshake.svg"]);
});

check("the workbench opens a command, picks by question, sweeps, and leads back", async page => {
  await page.open(`${url}/run/index.html?run=${encodeURIComponent("run tcp/handshake --set closer=both")}&from=belief.html%23fig-2`);
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
    await page.open(`${url}/fixture.html`);
    await page.until(living("#fig-one"));
    await page.value(press("#fig-one", "Everything else"));
    await page.value(press("#fig-one", "Take along"));
    await page.value(press("#fig-one", "Compare"));
    await page.value(press("#fig-one", "Play"));
    await page.until(`document.querySelector("#fig-one .ho-differences table")`);
    await page.value(`document.querySelector("#challenge-1").scrollIntoView()`);
    await page.until(living("#challenge-1"));
    assert.equal(await page.value(`document.documentElement.scrollWidth`), width);
    const small = await page.value(`[...document.querySelectorAll(":is(.ho-live, .ho-predict, .ho-challenge) :is(button, select, summary, textarea, input:not([type=radio]))")].filter(each => each.checkVisibility()).map(each => [each.outerHTML.slice(0, 90), each.getBoundingClientRect().height, each.getBoundingClientRect().width]).filter(([, height, width]) => height < 24 || width < 20)`);
    assert.deepEqual(small, []);
    const out = await page.value(`[...document.querySelectorAll(".ho-live *, .ho-challenge *")].filter(each => each.checkVisibility() && !each.closest("svg, pre, .ho-differences") && each.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map(each => each.outerHTML.slice(0, 90))`);
    assert.deepEqual(out, []);
    if (pictures) await page.picture(`${pictures}/at-${width}.png`, true);
    await page.open(`${url}/run/index.html?run=run%20tcp%2Fhandshake`);
    await page.until(`document.querySelector(".ho-workbench [data-part=measures] table")`);
    assert.equal(await page.value(`document.documentElement.scrollWidth`), width);
    if (pictures) await page.picture(`${pictures}/workbench-${width}.png`, true);
  }
});

check("a worker that dies is followed by another", async page => {
  await page.open(`${url}/fixture.html`);
  await page.until(living("#fig-one"));
  const workers = await page.value(`fetch("live/build.json").then(build => build.json()).then(({ module }) => module !== null)`);
  if (!workers) return;
  await page.value(press("#fig-one", "Everything else"));
  const seed = n => page.value(`(() => { const field = document.querySelector("#fig-one [data-parameter=seed] .ho-exact"); field.value = "${n}"; field.dispatchEvent(new Event("change", { bubbles: true })); })()`);
  await seed(666);
  await page.until(`document.querySelector("#fig-one").dataset.state === "failed"`);
  assert.match(await page.value(text("#fig-one .ho-error")), /the worker broke/);
  await seed(667);
  await page.until(`document.querySelector("#fig-one .halfopen-command").textContent.includes("--seed 667")`);
  assert.ok(await page.value(`document.querySelector("#fig-one .ho-error").hidden`));
}, { expected: /the worker broke/ });

check("while a slider is dragged, pictures keep coming, and the last one is the last value's", async page => {
  await page.open(`${url}/fixture.html`);
  await page.until(living("#fig-one"));
  await page.value(`(async () => {
    window.drawn = 0;
    document.addEventListener("halfopen:drawn", () => { drawn++; });
    const slider = document.querySelector("#fig-one [data-parameter=one_way] .ho-slider");
    for (let i = 0; i <= 60; i++) {
      slider.value = i;
      slider.dispatchEvent(new Event("input", { bubbles: true }));
      await new Promise(requestAnimationFrame);
    }
  })()`);
  const last = await page.value(`document.querySelector("#fig-one [data-parameter=one_way] .ho-exact").value`);
  await page.until(`document.querySelector("#fig-one .halfopen-command").textContent.includes("one_way=" + ${JSON.stringify(last)}.replace(" ", ""))
    || document.querySelector("#fig-one .halfopen-command").textContent.includes(${JSON.stringify(last)})`);
  assert.ok(await page.value("drawn") >= 3);
});

// What the mock alone can do: runs that take long, workers that die; and what the figures have to have.
const mocked = ["a run that takes long", "a worker that dies"], followed = ["an arrow", "a run is played", "who wants"];
const skipped = process.env.SKIP === "mocked" ? mocked : process.env.SKIP === "all" ? [...mocked, ...followed] : [];
let failed = 0;
const only = process.env.ONLY;
for (const { name, run, options = {} } of checks.filter(({ name }) => (!only || name.includes(only)) && !skipped.some(begin => name.startsWith(begin)))) {
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
