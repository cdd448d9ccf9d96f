// Elements and wording. Text is only ever set as text: titles are untrusted.

function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key === "class") made.className = value;
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

function shape(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const titled = (text, properties = {}) => element("span", { dir: "auto", ...properties }, text);

const UNKNOWN = "–";
const whole = new Intl.NumberFormat(language);
const oneDecimal = new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const short = new Intl.NumberFormat(language, { notation: "compact", maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat(language, { style: "percent" });

const isUnknown = (value) => value === null || value === undefined || Number.isNaN(value);
const count = (value) => (isUnknown(value) ? UNKNOWN : whole.format(value));
const measure = (value) => (isUnknown(value) ? UNKNOWN : value > 0 && value < 0.05 ? `<${oneDecimal.format(0.1)}` : oneDecimal.format(value));
const share = (value) => (isUnknown(value) ? UNKNOWN : percent.format(value));

// The sign carries the meaning; the colour only supports it.
function changed(value) {
  if (isUnknown(value)) return element("span", { class: "quiet" }, UNKNOWN);
  const text = oneDecimal.format(Math.abs(value));
  if (Math.abs(value) < 0.05) return element("span", { class: "quiet" }, text);
  return element("span", { class: value > 0 ? "rise" : "fall" }, `${value > 0 ? "+" : "−"}${text}`);
}

const PERCENT_FLOOR = 5;
const signed = new Intl.NumberFormat(language, { style: "percent", signDisplay: "exceptZero" });

// A change in percent, where there was enough before: a percentage of a small figure says little.
const percentText = (before, now) => (isUnknown(before) || before < PERCENT_FLOOR ? "" : `${signed.format((now - before) / before).replace("-", "−")}`);
const rounded = (value) => (isUnknown(value) ? null : Math.round(value * 10000) / 10000);

const cut = (text, length) => (text.length > length ? `${[...text].slice(0, length - 1).join("").trimEnd()}…` : text);
