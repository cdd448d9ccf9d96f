// The language of the page: the one that the address names, else the one in which it was written.

const LANGUAGES = { en: "English", fr: "Français" };
const written = document.documentElement.lang;
// `french` has the texts of the scripts by their English; `page` the texts of the page itself, in English and French.
const texts = JSON.parse(document.getElementById("texts").textContent);
const namedInAddress = () => new URLSearchParams(location.hash.slice(1)).get("lang");
const language = Object.hasOwn(LANGUAGES, namedInAddress()) ? namedInAddress() : written;

const filled = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));

// A text in the page's language, with {name} replaced by values.
const tr = (text, values = {}) => filled(language === "fr" ? [texts.french[text] ?? text].flat()[0] : text, values);

// The form of a text for a number.
function trn(one, many, number, values = {}) {
  if (language === "en") return filled(number === 1 ? one : many, values);
  return filled((texts.french[one] ?? [one, many])[Number(number >= 2)], values);
}

const ENDS_OF_TEXT = /^\s+|\s+$/g;

// Puts the page, as it was written, into the other language.
function translatePage() {
  const [from, to] = written === "en" ? [0, 1] : [1, 0];
  const other = new Map(texts.page.map((pair) => [pair[from], pair[to]]));
  const nodes = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT,
    (node) => (["SCRIPT", "STYLE"].includes(node.parentNode.nodeName) ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT));
  while (nodes.nextNode()) {
    const text = nodes.currentNode.data.replace(ENDS_OF_TEXT, "");
    if (other.has(text)) nodes.currentNode.data = nodes.currentNode.data.replace(text, () => other.get(text));
  }
  for (const name of ["aria-label", "placeholder", "title"]) {
    for (const found of document.querySelectorAll(`[${name}]`)) {
      const text = found.getAttribute(name);
      if (other.has(text)) found.setAttribute(name, other.get(text));
    }
  }
  document.documentElement.lang = language;
}

if (language !== written) translatePage();

const dayFormats = Object.fromEntries([["long", { dateStyle: "long" }], ["medium", { dateStyle: "medium" }], ["short", { day: "2-digit", month: "2-digit" }]]
  .map(([length, options]) => [length, new Intl.DateTimeFormat(language, { ...options, timeZone: "UTC" })]));

// A date: 2026-11-30, or in French “30 novembre 2026”, “30 nov. 2026” and “30/11”.
function dayText(iso, length = "long") {
  if (language === "en") return length === "short" ? iso.slice(5, 10) : iso;
  const text = dayFormats[length].format(new Date(iso));
  return length === "short" ? text : text.replace(/^1 /, "1er ");
}

// Links to the pages beside this one keep the language.
if (language !== written) {
  for (const link of document.querySelectorAll('a[href$=".html"]')) link.href = `${link.getAttribute("href")}#lang=${language}`;
}

// The button that changes the language keeps the rest of the address.
for (const button of document.querySelectorAll("#language")) {
  const [other] = Object.keys(LANGUAGES).filter((name) => name !== language);
  button.textContent = LANGUAGES[other];
  button.lang = other;
  button.hidden = false;
  button.addEventListener("click", () => {
    const address = new URLSearchParams(location.hash.slice(1));
    if (other === written) address.delete("lang");
    else address.set("lang", other);
    history.replaceState(null, "", `#${address}`);
    location.reload();
  });
}
window.addEventListener("hashchange", () => { if ((namedInAddress() ?? written) !== language) location.reload(); });
