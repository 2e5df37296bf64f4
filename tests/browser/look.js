// SPDX-License-Identifier: GPL-3.0-or-later
// Runs in the page and leaves what it finds in an attribute of the document, as JSON.
{
  const light = (text) => {
    const [r, g, b] = text.match(/[\d.]+/g).slice(0, 3).map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (!/^rgba\(.*, 0\)$/.test(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  let worst = { ratio: 99, text: "" };
  for (const element of document.querySelectorAll("main *:not(svg *)")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own) continue;
    const [a, b] = [light(getComputedStyle(element).color), light(ground(element))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < worst.ratio) worst = { ratio, text: element.textContent.trim().slice(0, 60) };
  }
  document.documentElement.dataset.seen = JSON.stringify({
    title: document.title,
    background: getComputedStyle(document.body).backgroundColor,
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    loaded: performance.getEntriesByType("resource").length,
    scripts: document.scripts.length,
    lines: document.querySelectorAll(".topology line").length,
    names: [...document.querySelectorAll(".topology .name")].filter((name) => getComputedStyle(name).display !== "none").length,
    boxes: document.querySelectorAll(".topology rect").length,
    cells: document.querySelectorAll(".matrix td:not(.own)").length,
    sections: [...document.querySelectorAll("h2")].map((heading) => heading.textContent),
    findings: document.querySelectorAll(".findings li").length,
    contrast: worst.ratio,
    faintest: worst.text,
  });
}
