// node --no-warnings tests/wasi/halfopen.mjs ARGUMENTS..: the program as WebAssembly, called like the native one. The module
// is $HALFOPEN_WASM, or what `.ci/wasm` makes.
import { readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { WASI } from "node:wasi";

// See run.mjs.
setFlagsFromString("--no-turbo-fast-api-calls");

const built = new URL("../../target/wasm/halfopen.wasm", import.meta.url);
const module = await WebAssembly.compile(readFileSync(process.env.HALFOPEN_WASM ?? built));
const args = ["halfopen", ...process.argv.slice(2)];
const wasi = new WASI({ version: "preview1", args, env: {}, returnOnExit: true });
process.exitCode = wasi.start(await WebAssembly.instantiate(module, wasi.getImportObject()));
