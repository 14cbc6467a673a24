// Runs command lines away from the page, which stays alive meanwhile. The module is compiled once; each run is an instance of
// its own.
//
// Comes in: a list of command lines (lists of words, without the program's name). Goes out: {runs: [{status, stdout, stderr}],
// ms}; {missing: true} where the book was built without the program; {failed: why} where it cannot be loaded. After a run that
// printed nothing none is made.
import { run } from "./wasi.js";

let module;

async function compiled() {
  const response = await fetch("halfopen.wasm");
  if (!response.ok) return null;
  return WebAssembly.compile(await response.arrayBuffer());
}

async function answer(lines) {
  module ??= await compiled();
  if (!module) return { missing: true };
  const began = performance.now();
  const runs = [];
  for (const line of lines) {
    runs.push(await run(module, ["halfopen", ...line]));
    if (runs.at(-1).stdout === "") break;
  }
  return { runs, ms: performance.now() - began };
}

onmessage = async ({ data: lines }) => {
  postMessage(await answer(lines).catch(error => ({ failed: error.message })));
};
