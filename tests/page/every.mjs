// node every.mjs URL PAGES: looks at every page of a built book, light and dark, on a phone and on a wide screen, and prints what is wrong.
// PAGES is a JSON list of paths.
import { chromium } from "./chromium.mjs";

const [url, pages] = process.argv.slice(2);

/** In the page: what does not fit, one line each. */
const look = () => {
  const wrong = [];
  const name = element => {
    const { tagName, id, textContent } = element, block = element.closest("[id^=fig-], .ho-predict, .ho-challenge, [id]");
    return `${block && block !== element ? `#${block.id} ` : ""}<${tagName.toLowerCase()}${id ? ` #${id}` : ""} ${element.getAttribute("class") ?? ""}> ${textContent.replace(/\s+/g, " ").trim().slice(0, 40)}`;
  };
  const { clientWidth, scrollWidth } = document.documentElement;
  if (scrollWidth > clientWidth) wrong.push(`the page is ${scrollWidth} px wide, the window ${clientWidth}`);
  // What is wider than its column, and has nothing around it in which it could be scrolled.
  const main = document.querySelector("#mdbook-content").getBoundingClientRect();
  const scrolls = element => element && element.tagName !== "MAIN" && (/auto|scroll/.test(getComputedStyle(element).overflowX) || scrolls(element.parentElement));
  for (const element of document.querySelectorAll("main *")) {
    if (element.closest("svg") && element.tagName !== "svg") continue;
    const { left, right, width } = element.getBoundingClientRect();
    if (width > 0 && element.checkVisibility() && (right > main.right + 1.5 || left < main.left - 1.5) && !scrolls(element.parentElement)) wrong.push(`sticks out by ${Math.round(right - main.right)} px: ${name(element)}`);
  }
  for (const drawing of document.querySelectorAll(".halfopen-drawing")) {
    if (!drawing.checkVisibility()) continue;
    const lanes = drawing.querySelectorAll(".ho-heads text").length;
    if (drawing.scrollWidth > drawing.clientWidth + 1 && lanes <= 3) wrong.push(`cut: ${drawing.scrollWidth} px of ${lanes} lanes in ${drawing.clientWidth}: ${name(drawing)}`);
  }
  for (const svg of document.querySelectorAll("svg.ho-figure")) {
    if (!svg.checkVisibility() || svg.getBoundingClientRect().width === 0) continue;
    const frame = svg.getBoundingClientRect(), scale = frame.width / svg.viewBox.baseVal.width;
    const texts = [...svg.querySelectorAll("text")].map(text => ({ text, box: text.getBoundingClientRect(), size: parseFloat(getComputedStyle(text).fontSize) * scale }));
    for (const { text, box, size } of texts) {
      if (size < 10.99) wrong.push(`${size.toFixed(1)} px type: ${name(text)}`);
      if (size > 16.01) wrong.push(`${size.toFixed(1)} px type is larger than the text: ${name(text)}`);
      if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 2 || box.bottom > frame.bottom + 2) wrong.push(`beyond its figure: ${name(text)} ${Math.round(box.left - frame.left)} ${Math.round(frame.right - box.right)}`);
    }
    // A line of type is less high than its box: what is above its capitals and below its base line may be shared.
    texts.forEach(({ text, box }, i) => {
      const turned = text.hasAttribute("transform");
      for (const other of texts.slice(i + 1)) {
        const across = Math.min(box.right, other.box.right) - Math.max(box.left, other.box.left);
        const down = Math.min(box.bottom, other.box.bottom) - Math.max(box.top, other.box.top);
        if (turned || other.text.hasAttribute("transform")) continue;
        if (across > 2 && down > 0.4 * Math.min(box.height, other.box.height)) wrong.push(`overlap by ${across.toFixed(0)} x ${down.toFixed(0)}: ${name(text)} | ${other.text.textContent.slice(0, 40)}`);
      }
    });
    if (svg.classList.contains("ho-heads")) {
      const figure = svg.nextElementSibling?.getBoundingClientRect();
      if (!figure || Math.abs(figure.left - frame.left) > 1 || Math.abs(figure.right - frame.right) > 1) wrong.push(`the names stand beside their lanes: ${Math.round(frame.left)} and ${Math.round(figure?.left)}: ${name(svg)}`);
    }
  }
  return wrong;
};

const browser = await chromium();
let found = 0;
const page = await browser.page();
for (const theme of ["light", "navy"]) {
  for (const width of [360, 1400]) {
    await page.size(width, 900);
    for (const path of JSON.parse(pages)) {
      await page.open(`${url}${path}`);
      if (await page.value(`localStorage.getItem("mdbook-theme")`) !== theme) {
        await page.value(`localStorage.setItem("mdbook-theme", "${theme}")`);
        await page.open(`${url}${path}`);
      }
      await page.live();
      const wrong = [...await page.value(look), ...page.errors.splice(0)];
      for (const line of wrong) console.log(`${theme} ${width} ${path}: ${line}`);
      found += wrong.length;
    }
  }
}
await browser.close();
console.log(found === 0 ? "ok" : `${found} faults`);
process.exit(found === 0 ? 0 : 1);
