// @ts-check
// Asks the program: in this browser where the book holds the module, else natively where the book is served by the program itself.
// Everything that is asked goes through here, so that the newest question of a block overtakes its older ones, and so that
// nothing runs longer than it may.
//
// To a worker goes first {module: WebAssembly.Module}, then for each question {id, request: JSON text}; back comes
// {id, answer: JSON text} or {id, failed: one line}.

/** @import { Answer, Build, Request } from "./types.d.ts" */

/** @typedef {{ send: (request: string) => Promise<Answer>, end: () => void }} Hand */
/** @typedef {{ text: string, urgent: boolean, signal: AbortSignal | undefined, resolve: (answer: Answer | null) => void, reject: (error: Error) => void }} Job */
/** @typedef {{ signal?: AbortSignal, key?: string, urgent?: boolean, bound?: number }} Options */

/** How long an answer may take, in milliseconds. */
const BOUND = 30_000;
/** How long a question that nobody waits for any more may go on before its worker is ended. */
const PATIENCE = 200;

/** @type {Promise<{ hand: (() => Hand) | null, why: string }> | undefined} */
let found;

/** Whether there is somebody to ask; if not, why, in one line. */
export const available = () => found ??= find();

/** How many questions are worked on at a time. */
export const abreast = () => Math.max(1, Math.min(navigator.hardwareConcurrency || 2, 4));

async function find() {
  /** @type {Build} */
  let build;
  try {
    const response = await fetch(new URL("build.json", import.meta.url), { cache: "no-cache" });
    if (!response.ok) throw new Error(String(response.status));
    build = await response.json();
  } catch {
    return { hand: null, why: "These figures stand still: the program that answers is not beside this page (live/build.json is missing)." };
  }
  let why = build.why ?? "This book was built without the program that answers.";
  if (build.module) {
    try {
      const module = await compiled(new URL(build.module, import.meta.url));
      return { hand: () => worker(module), why: "" };
    } catch (error) {
      why = `The program cannot be loaded: ${error instanceof Error ? error.message : error}`;
    }
  }
  return build.native ? { hand: native, why: "" } : { hand: null, why };
}

/** Compiled once, whatever the number of workers. @param {URL} url */
async function compiled(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${response.status} for ${url.pathname}`);
  // Not every web host knows the module's media type, and without it there is no streaming.
  return response.headers.get("content-type") === "application/wasm"
    ? WebAssembly.compileStreaming(response)
    : WebAssembly.compile(await response.arrayBuffer());
}

/** @param {WebAssembly.Module} module @returns {Hand} */
function worker(module) {
  const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  worker.postMessage({ module });
  let id = 0;
  return {
    send: request => new Promise((resolve, reject) => {
      const asked = ++id;
      worker.onmessage = ({ data }) => {
        if (data.id !== asked) return;
        if (data.failed !== undefined) reject(new Error(data.failed));
        else resolve(typeof data.answer === "string" ? JSON.parse(data.answer) : data.answer);
      };
      worker.onerror = event => reject(new Error(event.message || "The program cannot be loaded."));
      worker.postMessage({ id: asked, request });
    }),
    end: () => worker.terminate(),
  };
}

/** @returns {Hand} */
function native() {
  let stop = new AbortController();
  return {
    send: async request => {
      stop = new AbortController();
      const headers = { "content-type": "application/json" };
      const response = await fetch("/.halfopen/ask", { method: "POST", headers, body: request, signal: stop.signal });
      if (!response.ok) throw new Error(`the program says ${response.status} ${response.statusText}`);
      return response.json();
    },
    end: () => stop.abort(),
  };
}

/** @type {Job[]} */
const waiting = [];
/** @type {Hand[]} */
const idle = [];
let hands = 0;

/** Gives work to whoever is free. @param {() => Hand} make */
function distribute(make) {
  while (waiting.length > 0 && (idle.length > 0 || hands < abreast())) {
    const job = /** @type {Job} */ (waiting.shift());
    let hand = idle.pop();
    if (!hand) {
      hands++;
      try {
        hand = make();
      } catch (error) {
        hands--;
        job.reject(error instanceof Error ? error : new Error(String(error)));
        continue;
      }
    }
    work(hand, job, make);
  }
}

/** @param {Hand} hand @param {Job} job @param {() => Hand} make */
async function work(hand, job, make) {
  let ended = false;
  /** @param {string} why */
  const end = why => {
    if (ended) return;
    ended = true;
    hand.end();
    hands--;
    job.reject(new Error(why));
    distribute(make);
  };
  const late = setTimeout(() => end(`stopped: no answer after ${BOUND / 1000} s`), BOUND);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let soon;
  const aborted = () => {
    job.resolve(null);
    // A run cannot be interrupted, only its worker ended; a short one is not worth a new worker.
    soon = setTimeout(() => end("stopped"), PATIENCE);
  };
  job.signal?.addEventListener("abort", aborted, { once: true });
  try {
    const answer = await hand.send(job.text);
    if (ended) return;
    ended = true;
    idle.push(hand);
    job.resolve(answer);
    distribute(make);
  } catch (error) {
    // What has failed once is not asked again: the next question gets a new worker.
    end(error instanceof Error ? error.message : String(error));
  } finally {
    clearTimeout(late);
    clearTimeout(soon);
    job.signal?.removeEventListener("abort", aborted);
  }
}

/** @param {Request} request @param {Options} options @returns {Promise<Answer | null>} */
async function submit(request, { signal, urgent }) {
  const { hand, why } = await available();
  if (!hand) return { error: why };
  if (signal?.aborted) return null;
  return new Promise((resolve, reject) => {
    /** @type {Job} */
    const job = { text: JSON.stringify(request), urgent: urgent ?? false, signal, resolve, reject };
    // What the reader is moving goes before what merely fills a chart.
    const place = job.urgent ? waiting.findIndex(other => !other.urgent) : -1;
    waiting.splice(place < 0 ? waiting.length : place, 0, job);
    signal?.addEventListener("abort", () => {
      const at = waiting.indexOf(job);
      if (at >= 0) waiting.splice(at, 1);
      resolve(null);
    }, { once: true });
    distribute(hand);
  });
}

/** @typedef {{ request: Request, options: Options, resolve: (answer: Answer | null) => void }} Next */
/** @type {Map<string, Next | null>} By key, while a question is under way: the newest that came in the meantime. */
const lanes = new Map();

/** @param {Request} request @param {Options} options @returns {Promise<Answer | null>} */
async function answered(request, options) {
  try {
    return await submit(request, options);
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

/**
 * Asks. The answer is `null` where a newer question with the same key, or the signal, made this one needless; a failure is an
 * answer with an `error`. With a key at most one question is under way: while it is, only the newest is remembered.
 * @param {Request} request
 * @param {Options} [options]
 * @returns {Promise<Answer | null>}
 */
export async function ask(request, options = {}) {
  const { key } = options;
  if (key === undefined) return answered(request, options);
  if (lanes.has(key)) {
    return new Promise(resolve => {
      lanes.get(key)?.resolve(null);
      lanes.set(key, { request, options, resolve });
    });
  }
  lanes.set(key, null);
  const answer = await answered(request, { urgent: true, ...options });
  const next = lanes.get(key);
  lanes.delete(key);
  if (next) ask(next.request, next.options).then(next.resolve);
  return answer;
}

/** @type {Promise<Map<string, import("./types.d.ts").Scenario>> | undefined} */
let listed;

/** Every scenario with its parameters, asked for once. */
export function scenarios() {
  listed ??= ask({ list: true }).then(answer => {
    if (!answer?.scenarios) throw new Error(answer?.error ?? "the program lists no scenarios");
    return new Map(answer.scenarios.map(scenario => [scenario.scenario, scenario]));
  });
  // A failure is not remembered.
  listed.catch(() => { listed = undefined; });
  return listed;
}

/** Gets the program ready before the first touch needs it. */
export const warm = () => { scenarios().catch(() => {}); };
