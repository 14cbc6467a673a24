// Headless Chromium, driven over the DevTools protocol: a page with its console, keys, pointer and pictures.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export async function chromium() {
  const profile = mkdtempSync(join(tmpdir(), "halfopen-page-"));
  const child = spawn(process.env.CHROMIUM ?? "chromium", [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe",
    `--user-data-dir=${profile}`, "about:blank",
  ], { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
  const [, , , commands, answers] = child.stdio;
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
    waiting.set(id, ({ result, error }) => { waiting.delete(id); error ? reject(new Error(`${method}: ${error.message}`)) : resolve(result); });
    commands.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
  });

  async function page({ width = 1200, height = 900, features = [] } = {}) {
    const { targetId } = await call("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await call("Target.attachToTarget", { targetId, flatten: true });
    const errors = [], asked = new Map();
    const own = (method, params) => call(method, params, sessionId);
    listeners.add(({ sessionId: from, method, params }) => {
      if (from !== sessionId) return;
      if (method === "Runtime.exceptionThrown") errors.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
      if (method === "Runtime.consoleAPICalled" && params.type === "error") errors.push(params.args.map(({ value, description }) => value ?? description).join(" "));
      if (method === "Log.entryAdded" && params.entry.level === "error") errors.push(`${params.entry.text} ${params.entry.url ?? ""}`);
      // What the page asks for and does not get; what it no longer wants, when it is left, is no failure.
      if (method === "Network.requestWillBeSent") asked.set(params.requestId, params.request.url);
      if (method === "Network.loadingFailed" && !params.canceled) errors.push(`${params.errorText} ${asked.get(params.requestId)}`);
      if (method === "Network.responseReceived" && params.response.status >= 400) errors.push(`${params.response.status} ${params.response.url}`);
    });
    for (const domain of ["Page", "Runtime", "Log", "Network"]) await own(`${domain}.enable`);
    const self = {
      errors, call: own,
      async size(width, height) { await own("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: width < 500 }); },
      async open(url) {
        const loaded = new Promise(resolve => {
          const listener = ({ sessionId: from, method }) => { if (from === sessionId && method === "Page.loadEventFired") { listeners.delete(listener); resolve(); } };
          listeners.add(listener);
        });
        await own("Page.navigate", { url });
        await loaded;
      },
      /** The value of an expression, its promise kept. */
      async value(expression) {
        const { result, exceptionDetails } = await own("Runtime.evaluate", { expression: typeof expression === "function" ? `(${expression})()` : expression, awaitPromise: true, returnByValue: true, userGesture: true });
        if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
        return result.value;
      },
      /** Waits until an expression is true. */
      async until(expression, bound = 30_000) {
        for (const end = Date.now() + bound; Date.now() < end; await new Promise(resolve => setTimeout(resolve, 25))) {
          const value = await self.value(expression);
          if (value) return value;
        }
        throw new Error(`never came true: ${expression}`);
      },
      /** Waits until the first block that is seen lives, if there is one, or the workbench. */
      live: () => self.until(`(() => {
        if (document.querySelector(".ho-why")) return true;
        if (document.querySelector("#workbench")) return Boolean(document.querySelector(".ho-command-line"));
        const first = [...document.querySelectorAll("figure[data-ask]")].find(each => each.checkVisibility());
        if (!first || first.querySelector(".ho-live")) return true;
        first.scrollIntoView();
        return false;
      })()`, 30_000),
      async key(key, code = key, text = undefined) {
        await own("Input.dispatchKeyEvent", { type: "keyDown", key, code, text });
        await own("Input.dispatchKeyEvent", { type: "keyUp", key, code });
      },
      async type(text) { await own("Input.insertText", { text }); },
      async mouse(type, x, y, more = {}) { await own("Input.dispatchMouseEvent", { type, x, y, ...more }); },
      async picture(file, whole = false) {
        const { data } = await own("Page.captureScreenshot", { format: "png", captureBeyondViewport: whole });
        writeFileSync(file, Buffer.from(data, "base64"));
      },
      close: () => call("Target.closeTarget", { targetId }),
    };
    await self.size(width, height);
    if (features.length > 0) await own("Emulation.setEmulatedMedia", { features });
    return self;
  }
  return {
    page,
    async close() {
      await call("Browser.close").catch(() => {});
      await new Promise(resolve => child.exitCode === null ? child.once("exit", resolve) : resolve());
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
