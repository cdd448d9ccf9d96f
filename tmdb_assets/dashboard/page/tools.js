// What each part offers: its figures as a table and as CSV, a picture, its link, its query.

// A spreadsheet would run a text that begins like a formula.
const FORMULA = /^\s*[=+\-@]/;

function csvCell(value) {
  if (isUnknown(value)) return "";
  const text = typeof value !== "number" && FORMULA.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

// With a byte order mark, by which spreadsheets know UTF-8.
const toCsv = ({ headings, rows }) => `\ufeff${[headings, ...rows].map((row) => row.map(csvCell).join(",")).join("\r\n")}\r\n`;

function download(name, blob) {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

const shownCell = (value) => (isUnknown(value) ? UNKNOWN : typeof value === "number" && !Number.isInteger(value) ? measure(value) : String(value));

function figuresTable(caption, { headings, rows }) {
  return element("table", {}, element("caption", { class: "unseen" }, caption),
    element("thead", {}, element("tr", {}, ...headings.map((heading) => element("th", { scope: "col" }, heading)))),
    element("tbody", {}, ...rows.map(([first, ...others]) => element("tr", {}, element("th", { scope: "row", dir: "auto" }, shownCell(first)),
      ...others.map((value) => element("td", {}, shownCell(value)))))));
}

// A drawing as an image: what the style sheet says is written into each shape.
async function imageOf(svg) {
  const copy = svg.cloneNode(true);
  const [from, to] = [svg, copy].map((root) => [root, ...root.querySelectorAll("*")]);
  from.forEach((shown, place) => {
    const style = getComputedStyle(shown);
    for (const name of ["fill", "stroke", "stroke-width", "stroke-dasharray", "font-size", "font-family"]) to[place].style.setProperty(name, style.getPropertyValue(name));
  });
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
  await image.decode();
  return image;
}

const PNG_ROWS = 25;

function drawTable(paint, { headings, rows }, left, top, width) {
  const columns = headings.length - 1;
  const first = Math.max(width - 110 * columns, width / (columns + 1));
  [headings, ...rows.slice(0, PNG_ROWS)].forEach((row, line) => {
    paint.font = `${line ? 400 : 600} 14px sans-serif`;
    row.forEach((value, place) => {
      paint.textAlign = place ? "right" : "left";
      const most = place ? 104 : first - 8;
      paint.fillText(cut(shownCell(value), place ? 15 : Math.floor(first / 7.5)), place ? left + first + ((width - first) * place) / columns : left, top + 24 * line, most);
    });
  });
}

// A picture of a part: title, what it shows, the drawing or the figures, and the page's lines on sample data and TMDb.
async function toPng({ title, about, svg, lines = [] }, figures) {
  const width = 760;
  const image = svg ? await imageOf(svg) : null;
  const inner = image ? (image.height * (width - 48)) / image.width : 24 * (Math.min(figures.rows.length, PNG_ROWS) + 1);
  const notes = [...document.querySelectorAll(".sample-mark, header .date, footer .attribution")].map((note) => note.textContent);
  const canvas = element("canvas", { width: 2 * width, height: 2 * (100 + inner + 20 * (lines.length + notes.length)) });
  const paint = canvas.getContext("2d");
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`);
  paint.scale(2, 2);
  paint.fillStyle = colour("panel");
  paint.fillRect(0, 0, width, canvas.height);
  paint.fillStyle = colour("ink");
  paint.font = "700 22px sans-serif";
  paint.fillText(title, 24, 38);
  paint.font = "400 14px sans-serif";
  paint.fillText(about, 24, 60, width - 48);
  if (image) paint.drawImage(image, 24, 74, width - 48, inner);
  else drawTable(paint, figures, 24, 92, width - 48);
  paint.textAlign = "left";
  paint.font = "400 13px sans-serif";
  [...lines, ...notes].forEach((line, place) => {
    if (place >= lines.length) paint.fillStyle = colour("quiet");
    paint.fillText(line, 24, 100 + inner + 20 * place, width - 48);
  });
  return new Promise((resolve) => { canvas.toBlob(resolve, "image/png"); });
}

async function copy(text, status, done) {
  try {
    await navigator.clipboard.writeText(text);
    status.replaceChildren(done);
  } catch {
    const field = element("input", { readonly: true, "aria-label": tr("To copy") });
    field.value = text;
    status.replaceChildren(`${tr("Copy it from here:")} `, field);
    field.select();
  }
}

// A part's tools. `part` is { name, title, about(), figures(), svg?(), lines?(), query? }.
function tools(part) {
  const status = element("p", { class: "hint", role: "status" });
  const shown = element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": tr("Figures of {part}", { part: part.title }), hidden: true });
  const query = part.query ? element("pre", { class: "scroll", tabindex: "0", "aria-label": tr("Query of {part}", { part: part.title }), hidden: true }, part.query) : null;
  const button = (label, onclick) => element("button", { type: "button", class: "plain", onclick }, label);
  const toggle = (label, box, fill) => {
    const made = button(label, () => {
      box.hidden = !box.hidden;
      made.setAttribute("aria-expanded", String(!box.hidden));
      if (!box.hidden) fill?.();
    });
    made.setAttribute("aria-expanded", "false");
    return made;
  };
  const about = () => ({ title: part.title, about: part.about(), svg: part.svg?.(), lines: part.lines?.() });
  return element("details", { class: "tools" }, element("summary", {}, tr("Data, picture, link"), element("span", { class: "unseen" }, ` ${tr("of {part}", { part: part.title })}`)),
    element("div", { class: "buttons" },
      toggle(tr("Table"), shown, () => shown.replaceChildren(figuresTable(part.title, part.figures()))),
      button("CSV", () => download(`${part.name}.csv`, new Blob([toCsv(part.figures())], { type: "text/csv" }))),
      button("PNG", async () => download(`${part.name}.png`, await toPng(about(), part.figures()))),
      button(tr("Copy link"), () => copy(location.href, status, tr("Copied: this address holds the view, with filters and films."))),
      query ? toggle(tr("Query"), query) : null,
      query ? button(tr("Copy query"), () => copy(part.query, status, tr("Copied. It runs in the warehouse: tmdb-assets psql"))) : null),
    status, shown, query);
}
