// As much of WASI (preview 1) as a program needs that reads its arguments and prints: no files, no input, and a clock that
// stands still. https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md

// Error numbers.
const SUCCESS = 0, BADF = 8, NOSYS = 52;

// 2001: in the middle of what a clock can say, so that times before and after it exist.
const NOW_NS = 1_000_000_000_000_000_000n;

class Exit {
  constructor(status) { this.status = status; }
}

// Runs a program once: `args` begins with its name. Answers {status, stdout, stderr}; a program that breaks, whatever it
// says, has the status `null`, and its error's message stands at the end of `stderr`.
export async function run(module, args) {
  const encoder = new TextEncoder(), decoders = { 1: new TextDecoder(), 2: new TextDecoder() };
  const printed = { 1: "", 2: "" };
  let memory;
  const view = () => new DataView(memory.buffer);
  const bytes = (at, length) => new Uint8Array(memory.buffer, at, length);

  // Lists of strings that end with a zero: how many there are and how long, and the strings with pointers to each.
  const strings = list => list.map(text => encoder.encode(`${text}\0`));
  const sizes = list => (count, length) => {
    view().setUint32(count, list.length, true);
    view().setUint32(length, list.reduce((sum, text) => sum + text.length, 0), true);
    return SUCCESS;
  };
  const get = list => (pointers, at) => {
    list.forEach((text, i) => {
      view().setUint32(pointers + 4 * i, at, true);
      bytes(at, text.length).set(text);
      at += text.length;
    });
    return SUCCESS;
  };

  const functions = {
    args_sizes_get: sizes(strings(args)),
    args_get: get(strings(args)),
    environ_sizes_get: sizes([]),
    environ_get: get([]),
    clock_time_get(_id, _precision, at) {
      view().setBigUint64(at, NOW_NS, true);
      return SUCCESS;
    },
    // Nothing that is random here shows: what a run draws comes from its seed.
    random_get(at, length) {
      bytes(at, length).fill(0);
      return SUCCESS;
    },
    fd_write(descriptor, vectors, count, written) {
      if (!(descriptor in printed)) return BADF;
      let sum = 0;
      for (let i = 0; i < count; i++) {
        const at = view().getUint32(vectors + 8 * i, true), length = view().getUint32(vectors + 8 * i + 4, true);
        printed[descriptor] += decoders[descriptor].decode(bytes(at, length), { stream: true });
        sum += length;
      }
      view().setUint32(written, sum, true);
      return SUCCESS;
    },
    proc_exit(status) { throw new Exit(status); },
  };
  const imports = {};
  for (const { module: name, name: wanted } of WebAssembly.Module.imports(module)) {
    // No file is open, and none can be opened.
    const refused = /^(fd|path)_/.test(wanted) ? BADF : NOSYS;
    (imports[name] ??= {})[wanted] = functions[wanted] ?? (() => refused);
  }

  const instance = await WebAssembly.instantiate(module, imports);
  memory = instance.exports.memory;
  let status = 0;
  try {
    instance.exports._start();
  } catch (thrown) {
    status = thrown instanceof Exit ? thrown.status : null;
    if (status === null) printed[2] += `${thrown}\n`;
  }
  return { status, stdout: printed[1], stderr: printed[2] };
}
