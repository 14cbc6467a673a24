// HALFOPEN=program node --experimental-default-type=module --test units.test.mjs: what the page reads and writes of values and commands is
// what the program does.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { parse as command, words } from "../../src/page/web/command.js";
import { timeAt, times } from "../../src/page/web/play.js";
import { nearest, parse, same, show, stops } from "../../src/page/web/units.js";

const program = process.env.HALFOPEN;
const AMOUNTS = ["duration", "bytes", "count", "probability", "bit/s"];
const declared = program ? JSON.parse(execFileSync(program, ["list", "--format", "json"], { maxBuffer: 1 << 26 })) : [];
const amounts = declared.flatMap(({ scenario, parameters }) => parameters.filter(({ unit }) => AMOUNTS.includes(unit)).map(each => ({ scenario, ...each })));

test("values are read and written as the program writes them", () => {
  for (const { unit, default: told, min, max } of amounts) {
    for (const text of [told, min, max].filter(text => text !== null)) assert.equal(show(unit, parse(unit, text)), text);
  }
  assert.equal(parse("duration", "1m 30s"), 90e6);
  assert.equal(parse("duration", "1.5s"), 1.5e6);
  assert.equal(parse("duration", "soon"), null);
  assert.equal(parse("duration", "5"), null);
  assert.equal(parse("bytes", "64KiB"), 65536);
  assert.equal(parse("bit/s", "1Mbit/s"), 1e6);
  assert.equal(show("probability", 0.05), "5%");
  assert.ok(same("duration", "90s", "1m 30s") && !same("duration", "90s", "91s") && same("text", "a", "a"));
});

test("a slider stops at valid values, among them its default, from the smallest to the largest", () => {
  for (const declaration of amounts) {
    const places = stops(declaration, [declaration.default]);
    if (places.length === 0) continue;
    const { unit, min, max, name } = declaration;
    assert.equal(places[0], parse(unit, min), name);
    assert.equal(places.at(-1), parse(unit, max), name);
    assert.ok(places.includes(parse(unit, declaration.default)), name);
    assert.ok(places.every((place, i) => i === 0 || place > places[i - 1]), name);
    assert.ok(places.every(place => parse(unit, show(unit, place)) === place), name);
    // Fine enough to be dragged, coarse enough for the arrow keys.
    assert.ok(places.length <= 400, `${name}: ${places.length}`);
  }
});

test("the program takes every stop", { skip: !program }, () => {
  const { scenario, ...declaration } = amounts.find(({ scenario, name }) => scenario === "tcp/handshake" && name === "one_way");
  const values = stops(declaration, []).map(place => show("duration", place).replaceAll(" ", "")).join(",");
  execFileSync(program, ["sweep", scenario, "--vary", `one_way=${values}`, "--measure", "handshake_s", "--format", "csv"]);
});

test("the nearest stop is found", () => {
  assert.deepEqual([0, 4, 6, 14, 16, 99].map(amount => nearest([0, 10, 20], amount)), [0, 0, 1, 1, 2, 2]);
});

test("a command line is read as a shell and the program would", () => {
  assert.deepEqual(words(`$ halfopen run a/b --faults 'at 5s stall x; at 6s' --set t="1m 30s"`), ["run", "a/b", "--faults", "at 5s stall x; at 6s", "--set", "t=1m 30s"]);
  assert.throws(() => words(`run 'a`), /quote/);
  assert.deepEqual(command(words("run a/b --set x=1 --set=y=2 --seed 3 --from 5s --hosts a,b --no-arrows --format svg")), {
    scenario: "a/b", set: { x: "1", y: "2" }, seed: 3, faults: null, view: { from: "5s", hosts: ["a", "b"], packets: false },
  });
  assert.deepEqual(command(words("sweep a/b --vary x=1..2/3 --measure m,n")).sweep, { vary: [["x", "1..2/3"]], measures: ["m", "n"], seeds: 1 });
  for (const line of ["list", "claims", "run a/b --parameters", "run a/b --format json", "run", "sweep a/b", "run a/b c", "run a/b --set x"]) assert.equal(command(words(line)), null, line);
});

test("a height of the figure has its time", () => {
  const scale = times("0:10,1000:20,5000:20,6000:30");
  assert.deepEqual([0, 10, 15, 20, 25, 40].map(y => timeAt(scale, y)), [0, 0, 500, 1000, 5500, 6000]);
});

test("all that the page loads of its own is below 60 KB, each file gzipped as a web host would", () => {
  const folder = new URL("../../src/page/web/", import.meta.url), files = readdirSync(folder).filter(name => /\.(js|css)$/.test(name));
  const sizes = files.map(name => gzipSync(readFileSync(new URL(name, folder))).length);
  const all = sizes.reduce((sum, size) => sum + size, 0);
  assert.ok(files.length > 20 && all < 60_000, `${all} bytes`);
});
