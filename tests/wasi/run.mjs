// node run.mjs MODULE FOLDER: runs each command line of FOLDER/commands.json (a list of lists of words, without the
// program's name) as an instance of its own under Node's WASI, leaves what line N printed in FOLDER/N.out and FOLDER/N.err,
// and prints the list of exit statuses.
import { closeSync, openSync, readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { WASI } from "node:wasi";

// Node's shorter way into WASI is open to the garbage collector, and now and then crashes (nodejs/node#46777).
setFlagsFromString("--no-turbo-fast-api-calls");

const [module, folder] = process.argv.slice(2);
const program = await WebAssembly.compile(readFileSync(module));
const statuses = [];
for (const [n, words] of JSON.parse(readFileSync(`${folder}/commands.json`)).entries()) {
  const stdout = openSync(`${folder}/${n}.out`, "w"), stderr = openSync(`${folder}/${n}.err`, "w");
  const args = ["halfopen", ...words];
  const wasi = new WASI({ version: "preview1", args, env: {}, stdout, stderr, returnOnExit: true });
  statuses.push(wasi.start(await WebAssembly.instantiate(program, wasi.getImportObject())));
  closeSync(stdout);
  closeSync(stderr);
}
console.log(JSON.stringify(statuses));
