// node ask.mjs MODULE FOLDER [fresh]: answers each request of FOLDER/requests.json (a list of texts) by one instance of the module, or
// each by a fresh one, leaves the list of the answers in FOLDER/answers.json, and prints how many bytes of memory there are after each.
import { readFileSync, writeFileSync } from "node:fs";
import { program } from "../../src/page/web/program.js";

const [file, folder, fresh] = process.argv.slice(2);
const module = await WebAssembly.compile(readFileSync(file));
let memory;
const { Instance } = WebAssembly;
WebAssembly.Instance = function (...given) {
  const made = new Instance(...given);
  memory = made.exports.memory;
  return made;
};
let ask = program(module);
const answers = [], sizes = [];
for (const request of JSON.parse(readFileSync(`${folder}/requests.json`))) {
  if (fresh) ask = program(module);
  answers.push(ask(request));
  sizes.push(memory.buffer.byteLength);
}
writeFileSync(`${folder}/answers.json`, JSON.stringify(answers));
console.log(JSON.stringify(sizes));
