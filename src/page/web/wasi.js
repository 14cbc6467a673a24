// @ts-check
// As much of WASI (preview 1) as the module needs: no arguments, no files, no input, a clock that stands still, and somewhere
// to print last words. https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md

// Error numbers.
const SUCCESS = 0, BADF = 8, NOSYS = 52;
// The first descriptors after input.
const STDOUT = 1, STDERR = 2;

// 2001: in the middle of what a clock can say, so that times before and after it exist.
const NOW_NS = 1_000_000_000_000_000_000n;

/**
 * What a module asks of its host, and what it printed there: a panic says why.
 * @param {WebAssembly.Module} module
 */
export function host(module) {
  const decoder = new TextDecoder();
  /** @type {WebAssembly.Memory} */
  let memory;
  let printed = "";
  const view = () => new DataView(memory.buffer);

  /** A list of strings without any in it: arguments, the environment. @param {number} count @param {number} length */
  const none = (count, length) => {
    view().setUint32(count, 0, true);
    view().setUint32(length, 0, true);
    return SUCCESS;
  };
  /** @type {Record<string, (...args: any[]) => any>} */
  const functions = {
    args_sizes_get: none,
    args_get: () => SUCCESS,
    environ_sizes_get: none,
    environ_get: () => SUCCESS,
    clock_time_get(_id, _precision, at) {
      view().setBigUint64(at, NOW_NS, true);
      return SUCCESS;
    },
    // Nothing that is random here shows: what a run draws comes from its seed.
    random_get(at, length) {
      new Uint8Array(memory.buffer, at, length).fill(0);
      return SUCCESS;
    },
    fd_write(descriptor, vectors, count, written) {
      if (descriptor !== STDOUT && descriptor !== STDERR) return BADF;
      let sum = 0;
      for (let i = 0; i < count; i++) {
        const at = view().getUint32(vectors + 8 * i, true), length = view().getUint32(vectors + 8 * i + 4, true);
        printed += decoder.decode(new Uint8Array(memory.buffer, at, length), { stream: true });
        sum += length;
      }
      view().setUint32(written, sum, true);
      return SUCCESS;
    },
    proc_exit(status) { throw new Error(`the program ended with status ${status}`); },
  };
  /** @type {WebAssembly.Imports} */
  const imports = {};
  for (const { module: name, name: wanted } of WebAssembly.Module.imports(module)) {
    // No file is open, and none can be opened.
    const refused = /^(fd|path)_/.test(wanted) ? BADF : NOSYS;
    (imports[name] ??= {})[wanted] = functions[wanted] ?? (() => refused);
  }
  return {
    imports,
    /** Where the module keeps what the functions are pointed to. @param {WebAssembly.Memory} its */
    lend(its) { memory = its; },
    /** What was printed since the last time. */
    lastWords() {
      const said = printed;
      printed = "";
      return said;
    },
  };
}
