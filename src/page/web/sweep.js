// @ts-check
// A sweep in slices: several workers share it, its progress shows, and it can be stopped between any two runs.

import { abreast, ask } from "./ask.js";

/** @import { Answer, RunRequest } from "./types.d.ts" */

/** How long a slice should take, in milliseconds: short enough that whatever else is asked need not wait. */
const SLICE = 60;

/**
 * @param {RunRequest} request
 * @param {AbortSignal} signal
 * @param {(done: number, all: number) => void} progress
 * @returns {Promise<Answer | null>} `null` when it was stopped
 */
export async function sweep(request, signal, progress) {
  const total = await ask({ ...request, slice: [0, 0], parts: [] }, { signal });
  if (!total || total.error !== undefined) return total;
  const all = total.runs ?? 0;
  /** @type {Map<number, unknown[]>} */
  const kept = new Map();
  let next = 0, done = 0, count = 1;
  /** @type {Answer | null} */
  let failed = null;
  const work = async () => {
    while (next < all && !failed && !signal.aborted) {
      const first = next, size = Math.min(count, all - first);
      next += size;
      const began = performance.now();
      const answer = await ask({ ...request, slice: [first, size], parts: [] }, { signal });
      if (!answer) return;
      if (answer.error !== undefined || !answer.kept) {
        failed = answer.error === undefined ? { error: "the program kept nothing of these runs" } : answer;
        return;
      }
      kept.set(first, answer.kept);
      done += size;
      const each = (performance.now() - began) / size;
      count = Math.max(1, Math.min(2 * count, Math.floor(SLICE / Math.max(each, 0.01))));
      progress(done, all);
    }
  };
  progress(0, all);
  await Promise.all(Array.from({ length: abreast() }, work));
  if (failed || signal.aborted) return failed;
  const inOrder = [...kept].sort(([a], [b]) => a - b).flatMap(([, part]) => part);
  return ask({ ...request, kept: inOrder }, { signal });
}
