// @ts-check
// Reads and writes values as the command line does, so that a slider can stand for `1m 30s`. The program remains the judge of
// what is typed: what cannot be read here is sent to it as it is, and its error is shown.

/** @import { Declaration } from "./types.d.ts" */

const MS = 1e3, S = 1e6, M = 60 * S, H = 60 * M;
/** @type {[RegExp, number][]} */
const TIMES = [
  [/^(h|hrs?|hours?)$/, H], [/^(m|mins?|minutes?)$/, M], [/^(s|secs?|seconds?)$/, S],
  [/^(ms|msecs?|millis?|milliseconds?)$/, MS], [/^(us|µs|μs|usecs?|micros?|microseconds?)$/, 1], [/^(ns|nsecs?|nanos?|nanoseconds?)$/, 1e-3],
];
/** @type {[string, number][]} */
const BYTES = [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10], ["GB", 1e9], ["MB", 1e6], ["KB", 1e3], ["B", 1]];
/** @type {[string, number][]} */
const RATES = [["Gbit/s", 1e9], ["Mbit/s", 1e6], ["kbit/s", 1e3], ["bit/s", 1]];

/** @param {string} text in microseconds */
function duration(text) {
  const word = /\s*(\d+(?:\.\d+)?)\s*([a-zµμ]+),?\s*/y;
  let sum = 0, at = 0;
  while (at < text.length) {
    word.lastIndex = at;
    const found = word.exec(text), one = found && TIMES.find(([names]) => names.test(found[2]))?.[1];
    if (!found || !one) return null;
    sum += Number(found[1]) * one;
    at = word.lastIndex;
  }
  return text.trim() === "" ? null : Math.round(sum);
}

/** @param {number} us */
function durationShown(us) {
  const parts = [];
  let rest = Math.round(us);
  for (const [name, one] of /** @type {[string, number][]} */ ([["h", H], ["m", M], ["s", S], ["ms", MS], ["µs", 1]])) {
    const n = Math.floor(rest / one);
    if (n > 0) parts.push(`${n}${name}`);
    rest -= n * one;
  }
  return parts.join(" ") || "0s";
}

/** @param {string} text @param {[string, number][]} units */
function suffixed(text, units) {
  const unit = units.find(([suffix]) => text.endsWith(suffix));
  const digits = unit && text.slice(0, -unit[0].length).trim();
  return unit && digits && /^\d+$/.test(digits) ? Number(digits) * unit[1] : null;
}

/** @param {number} amount @param {[string, number][]} units those that divide it without a rest */
const shownIn = (amount, units) => {
  const [suffix, one] = units.find(([, one]) => amount > 0 && amount % one === 0) ?? units[units.length - 1];
  return `${amount / one}${suffix}`;
};

/**
 * Where a value stands: microseconds, bytes, bits a second, or a number; `null` where it is none.
 * @param {string} unit
 * @param {string | null} given
 * @returns {number | null}
 */
export function parse(unit, given) {
  const text = (given ?? "").trim();
  const plain = /^\d+(\.\d+)?$/.test(text) ? Number(text) : null;
  switch (unit) {
    case "duration": return duration(text);
    case "bytes": return /^\d+$/.test(text) ? Number(text) : suffixed(text, BYTES);
    case "bit/s": return suffixed(text, RATES);
    case "count": return /^\d+$/.test(text) ? Number(text) : null;
    case "probability": {
      const percent = /^(\d+(?:\.\d+)?)\s*%$/.exec(text);
      return percent ? Math.round(Number(percent[1]) * 1e6) / 1e8 : plain;
    }
    default: return null;
  }
}

/**
 * A value, as it would be typed.
 * @param {string} unit
 * @param {number} amount
 */
export function show(unit, amount) {
  switch (unit) {
    case "duration": return durationShown(amount);
    case "bytes": return shownIn(amount, [BYTES[0], BYTES[1], BYTES[2], BYTES[6]]);
    case "bit/s": return shownIn(amount, RATES);
    case "probability": return `${Math.round(amount * 1e8) / 1e6}%`;
    default: return String(amount);
  }
}

/** Whether two texts mean the same value. @param {string} unit @param {string} a @param {string} b */
export const same = (unit, a, b) => {
  const amount = parse(unit, a);
  return a.trim() === b.trim() || (amount !== null && amount === parse(unit, b));
};

// Within a decade, two digits that a person would choose; close enough together for a slider that is dragged.
const DECADE = [
  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 22, 24, 25, 26, 28, 30, 32, 35, 38, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90, 95,
];
const OF_MINUTES = [
  1, 1.25, 1.5, 1.75, 2, 2.25, 2.5, 2.75, 3, 3.5, 4, 4.5, 5, 5.5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 20, 22, 25, 27, 30, 35, 40,
  45, 50, 55,
];
const OF_HOURS = [1, 1.25, 1.5, 1.75, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 22];
const OF_DAYS = [1, 1.5, 2, 3, 4, 5, 6, 7, 10, 14, 21, 30, 60, 90, 180, 365];

/** Decades from `from` to `to`, in ones of `one`. @param {number} from @param {number} to @param {number} one */
function decades(from, to, one) {
  const found = [];
  for (let exponent = Math.floor(Math.log10(from / one)); one * 10 ** exponent <= to; exponent++) {
    // Not a product of 0.1, which would not be exact.
    for (const digits of DECADE) found.push(exponent >= 1 ? digits * 10 ** (exponent - 1) * one : (digits * one) / 10 ** (1 - exponent));
  }
  return found;
}

/** @param {string} unit @param {number} from @param {number} to */
function logarithmic(unit, from, to) {
  switch (unit) {
    case "duration": return [
      ...decades(from, Math.min(to, M - 1), S), ...OF_MINUTES.map(n => n * M), ...OF_HOURS.map(n => n * H), ...OF_DAYS.map(n => n * 24 * H),
    ];
    case "bytes": {
      const found = [];
      for (let one = 1; one <= to; one *= 2) found.push(one, one * 1.25, one * 1.5, one * 1.75);
      return found;
    }
    case "probability": return decades(from, to, 0.01);
    default: return decades(from, to, 1);
  }
}

/** @param {string} unit @param {number} from @param {number} to */
function linear(unit, from, to) {
  const wanted = (to - from) / (unit === "count" ? 200 : 120);
  const steps = unit === "duration"
    ? [1, 2, 5, 10, 20, 50, 100, 200, 500].map(n => n * MS).concat([1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600].map(n => n * S))
    : unit === "bytes" ? Array.from({ length: 40 }, (_, n) => 2 ** n)
    : unit === "probability" ? [0.0001, 0.001, 0.002, 0.005, 0.01]
    : Array.from({ length: 36 }, (_, n) => [1, 2, 5][n % 3] * 10 ** Math.floor(n / 3));
  const step = steps.find(step => step >= wanted * 0.999) ?? steps[steps.length - 1];
  const found = [];
  for (let n = Math.ceil(from / step); n * step <= to; n++) found.push(unit === "probability" ? Math.round(n * step * 1e8) / 1e8 : n * step);
  return found;
}

/**
 * The values that a slider stops at: round ones, and those given, from the smallest to the largest. Empty where there is nothing
 * to slide along.
 * @param {Declaration} declaration
 * @param {string[]} given
 */
export function stops(declaration, given) {
  const { unit } = declaration;
  const from = parse(unit, declaration.min), to = parse(unit, declaration.max);
  if (from === null || to === null || to <= from) return [];
  const whole = unit !== "probability";
  // Zero stands on no logarithmic scale: it is the stop before the first.
  const first = from > 0 ? from : unit === "duration" ? Math.max(MS, to / 1e5) : unit === "probability" ? 0.001 : 1;
  const log = declaration.scale ? declaration.scale === "log" : to / first > 100 && !(unit === "count" && to - from <= 200);
  const found = (log ? logarithmic(unit, first, to) : linear(unit, from, to)).map(n => whole ? Math.round(n) : Math.round(n * 1e8) / 1e8);
  const own = given.map(text => parse(unit, text)).filter(n => n !== null);
  return [...new Set([from, to, ...found, ...own])].filter(n => n >= from && n <= to).sort((a, b) => a - b);
}

/** The place of the stop that is nearest. @param {number[]} stops @param {number} amount */
export function nearest(stops, amount) {
  let low = 0, high = stops.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (stops[middle] < amount) low = middle + 1; else high = middle;
  }
  return low > 0 && amount - stops[low - 1] < stops[low] - amount ? low - 1 : low;
}
