// Pages with every hook of the live book, in the frame of a built chapter.
import { readFileSync } from "node:fs";
import { join } from "node:path";

const attribute = value => JSON.stringify(value).replaceAll("&", "&amp;").replaceAll("'", "&#39;").replaceAll("<", "&lt;");

export function fixtures(book, ask) {
  const told = request => JSON.parse(ask(JSON.stringify(request)));
  const drawing = (name, html) => `<div class="halfopen-drawing ho-${name}" data-part="${name === "wide" ? "figure" : name}">${html}</div>`;
  let number = 0;
  const figure = (request, controls, caption) => {
    const asked = { ...request, parts: ["figure", "narrow", "lines", "claims", "command"] };
    const { parts } = told(asked);
    return `<figure class="halfopen" id="fig-${request.id}" data-ask='${attribute(asked)}' data-controls="${controls}" data-kind="figure">
${drawing("wide", parts.figure)}
${drawing("narrow", parts.narrow)}
<figcaption><p class="ho-caption"><a class="ho-fig" href="#fig-${request.id}">Figure 1.${++number}</a> ${caption}</p>
<div data-part="command">${parts.command}</div><div data-part="claims">${parts.claims}</div>
<details class="ho-lines"><summary>Line by line</summary><div data-part="lines">${parts.lines}</div></details></figcaption></figure>`;
  };
  const simple = (kind, part, request, controls = "") => {
    const asked = { ...request, parts: [part, "command"] };
    const { parts } = told(asked);
    return `<figure class="halfopen" id="fig-${request.id}" data-ask='${attribute(asked)}' data-controls="${controls}" data-kind="${kind}">
<div data-part="${part}"${part === "chart" ? ' class="halfopen-drawing"' : ""}>${parts[part]}</div><figcaption><div data-part="command">${parts.command}</div></figcaption></figure>`;
  };
  const value = (request, name, more = {}) => {
    const asked = { ...request, numbers: [{ name, ...more }] };
    return `<data class="ho-number" value="0" data-ask='${attribute(asked)}'>${told(asked).numbers[0]}</data>`;
  };
  const handshake = { scenario: "tcp/handshake" };
  const keepalive = { scenario: "tcp/keepalive-power-loss" };
  const main = `<h1>Fixture</h1><p data-progress='{"predictions":2,"challenges":1}'></p>
<h2 id="first">One: a figure and its numbers</h2>
<p>The client is connected after <span id="n1">${value(handshake, "handshake_s")}</span> s; the server is in TIME-WAIT for ${value(handshake, "server_time_wait_s", { none: "never" })} s.</p>
${figure({ ...handshake, id: "one" }, "one_way,closer", "Opening and closing")}
<p>Over a longer link: <span id="n2">${value({ ...handshake, set: { one_way: "100ms" } }, "handshake_s")}</span> s. Try <a class="ho-command" id="c1" href="run/index.html?run=run%20tcp%2Fhandshake%20--set%20closer%3Dboth" data-ask='${attribute({ ...handshake, set: { closer: "both" } })}'><code>halfopen run tcp/handshake --set closer=both</code></a>.</p>
${simple("measures", "measures", { ...handshake, id: "one-m" })}
<h2 id="second">Two: predictions</h2>
<form class="ho-predict" id="guess-choice" data-kind="choice" data-right="2" data-ask='${attribute(keepalive)}'><p class="ho-question"><strong>Your guess first.</strong> Who notices?</p><fieldset>
<label><input type="radio" name="guess-choice" value="0"> nobody</label>
<label><input type="radio" name="guess-choice" value="1"> the client at once</label>
<label><input type="radio" name="guess-choice" value="2"> the kernel, later</label></fieldset>
<details class="ho-answer"><summary>The answer</summary><p>Its keepalive does.</p></details></form>
${figure({ ...keepalive, id: "two" }, "", "Keepalive")}
<form class="ho-predict" id="guess-number" data-kind="number" data-value="0.05" data-unit="s" data-ask='${attribute(handshake)}'><p class="ho-question">How long?</p>
<fieldset><label><input type="range" name="guess-number" min="0" max="1" step="any"> <output></output> s</label></fieldset>
<details class="ho-answer"><summary>The answer</summary><p>connected after: <strong>50 ms</strong></p></details></form>
<h2 id="third">Three: a challenge, a sweep, a story</h2>
<section class="ho-challenge" id="challenge-1" data-ask='${attribute({ ...handshake, set: { one_way: "200ms" }, goal: "handshake_s<=0.1; segments_count<=8" })}' data-controls="one_way,closer"><h3>Challenge: quick</h3><p>Open it in time.</p>
<ul class="ho-conditions"><li data-condition="0" class="unmet">the client is connected after at most 0.1 s</li><li data-condition="1" class="met">at most 8 segments</li></ul></section>
${simple("sweep", "chart", { scenario: "tcp/outage-tail", id: "three", sweep: { vary: [["outage", "1s..60s/60"]], measures: ["stall_s"], seeds: 1, title: null } }, "kernel.rto_max")}
${simple("story", "story", { scenario: "tcp/outage-tail", id: "four" }, "outage")}`;
  const shell = readFileSync(join(book, "half-open.html"), "utf8");
  const style = `<style>@media(min-width:620px){.ho-narrow{display:none}}@media(max-width:619px){.ho-wide{display:none}}</style>`;
  const page = (html, main, up) => html.replace(/(<main>\s*<style>[\s\S]*?<\/style>)[\s\S]*?(<\/main>)/, (_, before, after) => `${before}${style}${main}${after}
<script type="module" src="${up}live/main.js"></script>`);
  const below = page(shell, `<h1>Workbench</h1><div id="workbench"></div>`, "../").replaceAll(/(href|src)="(?!https?:|#|\.\.)/g, '$1="../').replace('path_to_root = ""', 'path_to_root = "../"');
  return { "/fixture.html": page(shell, main, ""), "/run/index.html": below, "/run/": below };
}
