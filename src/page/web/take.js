// @ts-check
// Takes a run along: as a command, a Rust test, a capture for Wireshark, JSON, or a drawing.

import { ask } from "./ask.js";
import { button, h } from "./dom.js";
import { answerOn, copy } from "./share.js";

/** @import { Answer, RunRequest } from "./types.d.ts" */
/** @import { Block } from "./live.js" */

/** @param {Block} block */
export function take(block) {
  const menu = h("details", { class: "ho-take" }, h("summary", {}, "Take along"));
  const list = menu.appendChild(h("div", { class: "ho-tools" }));
  /** @param {string} text @param {(told: (text: string) => void) => Promise<void>} action */
  const item = (text, action) => {
    const made = button(text, () => { action(said => answerOn(made, said)).catch(error => answerOn(made, String(error.message ?? error))); });
    list.append(made);
  };
  item("copy the command", async told => {
    const command = block.answer?.command ?? (await ask({ ...block.request(), parts: [] }))?.command ?? "";
    told(await copy(command) ? "copied" : command);
  });
  const sweep = block.kind === "sweep";
  if (!sweep) item("copy as a Rust test", async told => told(await copy((await taken(block, "rust")).text ?? "") ? "copied" : "not copied"));
  for (const [form, text] of [["pcap", "packets (pcap)"], ["json", "JSON"], ["svg", "SVG"]]) {
    if (sweep && form === "pcap") continue;
    item(text, async told => {
      save(await taken(block, form), form);
      told("saved");
    });
  }
  menu.addEventListener("keydown", event => {
    if (event.key === "Escape") { menu.open = false; menu.querySelector("summary")?.focus(); }
  });
  return menu;
}

/** @param {Block} block @param {string} form @returns {Promise<Answer>} */
async function taken(block, form) {
  const { scenario, set, seed, faults, view, sweep } = block.request();
  const answer = await ask(/** @type {RunRequest} */ ({ scenario, set, seed, faults, view, sweep, take: form }));
  if (!answer || answer.error !== undefined) throw new Error(answer?.error ?? "stopped");
  return answer;
}

/** @param {Answer} answer @param {string} form */
function save(answer, form) {
  const { name = `run.${form}`, text, base64 } = answer;
  const type = form === "svg" ? "image/svg+xml" : form === "json" ? "application/json" : "application/vnd.tcpdump.pcap";
  const content = base64 === undefined ? text ?? "" : Uint8Array.from(atob(base64), letter => letter.charCodeAt(0));
  const url = URL.createObjectURL(new Blob([content], { type }));
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
