// In place of the book's own worker: one that breaks at a seed, takes long at another, and is slow with sweeps.
import { program } from "./program.js";

let ask;
const wait = ms => { for (const end = Date.now() + ms; Date.now() < end;); };
onmessage = ({ data }) => {
  if (data.module) {
    ask = program(data.module);
    return;
  }
  const { seed, slice } = JSON.parse(data.request);
  if (seed === 666) throw new Error("the worker broke");
  if (seed === 5000) wait(8000);
  if (slice) wait(10 * slice[1]);
  postMessage({ id: data.id, answer: ask(data.request) });
};
