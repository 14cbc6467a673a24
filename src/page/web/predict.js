// @ts-check
// Asks for a guess before the answer is shown: who has committed to one reads the answer differently.

import { button, h } from "./dom.js";
import { done, keep } from "./progress.js";

/** How far off, as a factor, a guessed number may be and still count as right. */
const NEAR = 1.25;

/** @param {HTMLFormElement} form */
export function predict(form) {
  const details = /** @type {HTMLDetailsElement | null} */ (form.querySelector("details.ho-answer"));
  const next = /** @type {HTMLElement | null} */ (form.nextElementSibling);
  // Only what shows the answer: the run that was asked for.
  const after = next?.matches("[data-ask]") && !next.matches(".ho-predict, .ho-challenge") ? next : null;
  const number = form.dataset.kind === "number";
  const field = /** @type {HTMLInputElement | null} */ (form.querySelector("input[type=range], input[type=number]"));
  const unit = form.dataset.unit ? ` ${form.dataset.unit}` : "";
  const verdict = h("p", { class: "ho-verdict", role: "status" });
  const guess = h("button", { type: "submit", class: "ho-button" }, "That is my guess");
  const give = button("Show me", () => reveal(null));
  const again = button("Guess again", () => {
    keep(form.id, null);
    hide();
  });
  const tools = h("div", { class: "ho-tools" }, guess, give, again);
  if (details) details.before(tools, verdict); else form.append(tools, verdict);
  form.noValidate = true;
  // A form of the builder's may have a button of its own; there is one way to answer.
  for (const other of form.querySelectorAll("button[type=submit], input[type=submit]")) if (other !== guess) other.remove();

  if (field) {
    const range = Number(field.max) - Number(field.min);
    // Nobody guesses to the sixteenth digit.
    if (field.step === "any" && range > 0) field.step = String(10 ** Math.floor(Math.log10(range / 100)));
    const own = form.querySelector("output"), shown = own ?? h("output", {});
    if (!own) field.after(shown);
    const tell = () => {
      // Beside an output of the builder's stands the unit already.
      shown.textContent = own ? field.value : `${field.value}${unit}`;
      field.setAttribute("aria-valuetext", `${field.value}${unit}`);
    };
    field.addEventListener("input", tell);
    tell();
  }

  const fields = () => /** @type {NodeListOf<HTMLInputElement>} */ (form.querySelectorAll("fieldset input, input[type=range], input[type=number]"));
  const guessed = () => field && number ? field.value : [...fields()].find(({ checked }) => checked)?.value ?? null;

  /** @param {string} value */
  function isRight(value) {
    if (!number) return value === form.dataset.right;
    const mine = Number(value), real = Number(form.dataset.value);
    if (mine === real) return true;
    return mine > 0 && real > 0 && Math.max(mine / real, real / mine) <= NEAR;
  }

  /** @param {string} value */
  function words(value) {
    if (!number) {
      return isRight(value) ? "✓ As you said." : "✗ Not so. What happens instead:";
    }
    const real = form.dataset.value, factor = Number(value) / Number(real);
    const how = Number(value) === Number(real) ? "✓ Exactly" : isRight(value) ? "✓ Close" :
      !Number.isFinite(factor) || factor <= 0 ? "✗ No" : factor > 1 ? `✗ ${times(factor)} too much` : `✗ ${times(1 / factor)} too little`;
    return `${how}: you said ${value}${unit}, the run says ${real}${unit}.`;
  }

  function hide() {
    form.dataset.state = "asking";
    if (details) { details.hidden = true; details.open = false; }
    if (after) after.hidden = true;
    guess.hidden = give.hidden = false;
    again.hidden = true;
    verdict.textContent = "";
    for (const input of fields()) input.disabled = false;
  }

  /** @param {string | null} value */
  function reveal(value) {
    form.dataset.state = "answered";
    if (details) { details.hidden = false; details.open = true; }
    if (after) after.hidden = false;
    guess.hidden = give.hidden = true;
    again.hidden = false;
    for (const input of fields()) input.disabled = true;
    verdict.textContent = value === null ? "" : words(value);
    verdict.classList.toggle("ho-met", value !== null && isRight(value));
    if (value !== null) keep(form.id, { kind: "prediction", guess: value, right: isRight(value) });
  }

  form.addEventListener("submit", event => {
    event.preventDefault();
    const value = guessed();
    if (value === null) verdict.textContent = "Choose one first; a wrong guess is worth more than none.";
    else reveal(value);
  });
  // A link to what is hidden, or to something in it, shows it.
  const linked = () => {
    const target = location.hash.length > 1 ? document.getElementById(decodeURIComponent(location.hash.slice(1))) : null;
    if (target && (after?.contains(target) || details?.contains(target)) && form.dataset.state === "asking") {
      reveal(null);
      target.scrollIntoView();
    }
  };
  addEventListener("hashchange", linked);

  hide();
  const before = done(form.id);
  if (before?.guess !== undefined) {
    for (const input of fields()) if (input.type === "radio") input.checked = input.value === before.guess;
    if (field && number) {
      field.value = before.guess;
      field.dispatchEvent(new Event("input"));
    }
    reveal(before.guess);
  }
  linked();
  return { reveal: () => { if (form.dataset.state === "asking") reveal(null); } };
}

/** @param {number} factor */
const times = factor => factor >= 10 ? `${Math.round(factor)} times` : `${Math.round(10 * factor) / 10} times`;
