// @ts-check
// The module as a function from a request to its answer, both JSON text; src/module.rs is the other side.
import { host } from "./wasi.js";

/** @typedef {{ memory: WebAssembly.Memory, reserve: (length: number) => number, ask: (length: number) => number, answer: () => number, __wasm_call_ctors?: () => void }} Exports */

/**
 * One instance answers one request after the other. One that broke is given up, and the next request gets a new one.
 * @param {WebAssembly.Module} module
 * @returns {(request: string) => string}
 */
export function program(module) {
  const encoder = new TextEncoder(), decoder = new TextDecoder();
  /** @type {{ exports: Exports, lastWords: () => string } | null} */
  let instance = null;

  function fresh() {
    const { imports, lend, lastWords } = host(module);
    const exports = /** @type {Exports} */ (/** @type {unknown} */ (new WebAssembly.Instance(module, imports).exports));
    lend(exports.memory);
    exports.__wasm_call_ctors?.();
    return { exports, lastWords };
  }

  return request => {
    try {
      instance ??= fresh();
      const { exports } = instance;
      const bytes = encoder.encode(request);
      new Uint8Array(exports.memory.buffer, exports.reserve(bytes.length), bytes.length).set(bytes);
      const length = exports.ask(bytes.length);
      // The memory may have grown, and its old view with it gone.
      return decoder.decode(new Uint8Array(exports.memory.buffer, exports.answer(), length));
    } catch (thrown) {
      const said = instance?.lastWords().trim().split("\n") ?? [];
      instance = null;
      // A panic says where it happened, then why.
      const why = said.filter(line => line !== "" && !line.startsWith("note: ")).slice(0, 2).join(" ") || String(thrown);
      return JSON.stringify({ error: `the program broke: ${why}` });
    }
  };
}
