// node browser.mjs FOLDER: opens each page of FOLDER/pages.json (a list of [ADDRESS, EXPRESSION]) in headless Chromium, one
// after the other, and prints the list of what the expressions come to (their promises kept). Chromium's profile is FOLDER/profile.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";

const [folder] = process.argv.slice(2);
const chromium = spawn("chromium", [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--remote-debugging-pipe",
  `--user-data-dir=${folder}/profile`, "about:blank",
], { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
const [, , , commands, answers] = chromium.stdio;

// The DevTools protocol over a pipe: JSON, each message ended by a zero.
const waiting = new Map(), listeners = new Set();
let last = 0, unread = "";
answers.setEncoding("utf8").on("data", text => {
  const messages = (unread + text).split("\0");
  unread = messages.pop();
  for (const message of messages.map(JSON.parse)) {
    waiting.get(message.id)?.(message);
    for (const listener of listeners) listener(message);
  }
});
const call = (method, params = {}, sessionId = undefined) => new Promise((resolve, reject) => {
  const id = ++last;
  waiting.set(id, ({ result, error }) => error ? reject(new Error(`${method}: ${error.message}`)) : resolve(result));
  commands.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
});
const heard = method => new Promise(resolve => {
  const listener = message => message.method === method && (listeners.delete(listener), resolve());
  listeners.add(listener);
});

chromium.on("exit", status => process.exit(status ?? 1));
// Nobody waits for ever.
setTimeout(() => { console.error("no answer from Chromium"); chromium.kill("SIGKILL"); }, Number(process.env.PATIENCE_MS ?? 60_000)).unref();

const { targetId } = await call("Target.createTarget", { url: "about:blank" });
const { sessionId } = await call("Target.attachToTarget", { targetId, flatten: true });
await call("Page.enable", {}, sessionId);
const values = [];
for (const [url, expression] of JSON.parse(readFileSync(`${folder}/pages.json`))) {
  const loaded = heard("Page.loadEventFired");
  await call("Page.navigate", { url }, sessionId);
  await loaded;
  const evaluation = { expression, awaitPromise: true, returnByValue: true };
  const { result, exceptionDetails } = await call("Runtime.evaluate", evaluation, sessionId);
  if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  values.push(result.value ?? null);
}
console.log(JSON.stringify(values));
await call("Browser.close");
