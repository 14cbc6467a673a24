// @ts-check
// The program of the book, away from the page, which stays alive meanwhile. It is compiled once, by the page, and instantiated
// once, here; after an answer that failed, anew.
//
// Comes in: {module: WebAssembly.Module}, and then for each question {id, request: JSON text}. Goes out: {id, answer: JSON text}.
import { program } from "./program.js";

/** @type {((request: string) => string) | undefined} */
let ask;

addEventListener("message", ({ data }) => {
  if (data.module) {
    ask = program(data.module);
    return;
  }
  const answer = ask?.(data.request) ?? JSON.stringify({ error: "the program was not given" });
  postMessage({ id: data.id, answer });
});
