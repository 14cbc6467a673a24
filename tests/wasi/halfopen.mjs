// node tests/wasi/halfopen.mjs ARGUMENTS..: the program as WebAssembly, called like the native one. The module is $HALFOPEN_WASM, or
// what `.ci/wasm` makes. It has no files.
import { readFileSync } from "node:fs";
import { program } from "../../src/page/web/program.js";

const built = new URL("../../target/wasm/halfopen.wasm", import.meta.url);
const ask = program(await WebAssembly.compile(readFileSync(process.env.HALFOPEN_WASM ?? built)));
const { error, status, stdout, stderr } = JSON.parse(ask(JSON.stringify({ args: process.argv.slice(2) })));
process.stdout.write(stdout ?? "");
process.stderr.write(stderr ?? `${error}\n`);
process.exitCode = status ?? 134;
