// Curves of popularity over days. A day without a figure is a gap; labels at their ends name the films.

const plain = new Intl.NumberFormat(language, { maximumSignificantDigits: 3 });
const nameOfDay = (number) => dayText(new Date(number * 86400000).toISOString(), "short");

// Round values from low to high: 1, 2 or 5 times a power of ten apart.
function linearTicks(high, wanted) {
  const rough = Math.max(high, 1e-6) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * power).find((candidate) => candidate >= rough);
  return Array.from({ length: Math.ceil(high / step - 1e-9) + 1 }, (_, place) => place * step);
}

function logTicks(low, high) {
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
    for (const times of [1, 2, 5]) ticks.push(times * 10 ** power);
  }
  const first = ticks.findLastIndex((tick) => tick <= low * 1.0001);
  const last = ticks.findIndex((tick) => tick >= high * 0.9999);
  const inside = ticks.slice(first, last + 1);
  return inside.length > 8 ? inside.filter((tick, place) => Number.isInteger(Math.log10(tick)) || place === 0 || place === inside.length - 1) : inside;
}

// A film's points, split into runs of consecutive days.
function runsOf(model, film, first, last) {
  const runs = [];
  for (let day = first; day <= last; day += 1) {
    const value = model.valueOf(film, day);
    if (Number.isNaN(value)) continue;
    const open = runs.at(-1);
    const follows = open && model.dayNumbers[day] - model.dayNumbers[open.at(-1).day] === 1;
    if (follows) open.push({ day, value });
    else runs.push([{ day, value }]);
  }
  return runs;
}

const pathOf = (runs, x, y) =>
  runs.map((run) => `M${run.map(({ day, value }) => `${x(day).toFixed(1)},${y(value).toFixed(1)}`).join("L")}`).join("");

// A sparkline of a film's days, on its own scale.
function sparkline(model, film, first, last) {
  const runs = runsOf(model, film, first, last);
  const values = runs.flat().map((point) => point.value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const x = (day) => 2 + (76 * (model.dayNumbers[day] - model.dayNumbers[first])) / Math.max(1, model.dayNumbers[last] - model.dayNumbers[first]);
  const y = (value) => (high > low ? 20 - (16 * (value - low)) / (high - low) : 12);
  const end = runs.at(-1).at(-1);
  return shape("svg", { viewBox: "0 0 80 24", width: 80, height: 24, "aria-hidden": "true" },
    shape("path", { d: pathOf(runs, x, y) }), shape("circle", { cx: x(end.day), cy: y(end.value), r: 2 }));
}

// Positions at least `gap` apart and within [low, high], each as close to its own as the others allow.
function spread(wanted, gap, low, high) {
  const order = wanted.map((_, place) => place).sort((a, b) => wanted[a] - wanted[b]);
  const placed = [];
  order.forEach((place, rank) => { placed[rank] = Math.max(wanted[place], rank ? placed[rank - 1] + gap : low); });
  for (let rank = placed.length - 1, most = high; rank >= 0; rank -= 1, most = placed[rank + 1] - gap) {
    placed[rank] = Math.min(placed[rank], most);
  }
  return wanted.map((_, place) => placed[order.indexOf(place)]);
}

const colourOf = (place) => `var(--curve-${place})`;

function coloured(made, property, place) {
  made.style[property] = colourOf(place);
  return made;
}

// Draws the films into `box`; returns a function that marks a day. `onDay` gets the day under the pointer; `marks` are
// vertical lines with labels, at day numbers.
function drawCurves(box, model, state, films, onDay, marks = []) {
  const [first, last] = [model.days.indexOf(state.first_day), model.days.indexOf(state.last_day)];
  const runs = films.map((film) => runsOf(model, film, first, last));
  const values = runs.flat(2).map((point) => point.value).filter((value) => !state.log || value > 0);
  if (!values.length) {
    box.replaceChildren(element("p", { class: "quiet" }, tr("Nothing to draw.")));
    return () => {};
  }
  const width = Math.max(280, box.clientWidth);
  const isWide = width >= 560;
  const height = isWide ? 330 : 250;
  const plot = { left: 46, right: width - (films.length === 1 ? 20 : isWide ? 178 : 26), top: 12, bottom: height - 28 };
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const ticks = state.log ? logTicks(low, high) : linearTicks(high, 5);
  const scaled = state.log ? (value) => Math.log(Math.max(value, ticks[0])) : (value) => value;
  const [bottom, top] = [scaled(ticks[0]), scaled(ticks.at(-1))];
  const y = (value) => plot.bottom - ((plot.bottom - plot.top) * (scaled(value) - bottom)) / (top - bottom || 1);
  const [start, end] = [model.dayNumbers[first], model.dayNumbers[last]];
  const x = (day) => (end > start ? plot.left + ((plot.right - plot.left) * (model.dayNumbers[day] - start)) / (end - start) : plot.right);
  const grid = ticks.map((tick) => shape("g", { class: "tick" },
    shape("line", { x1: plot.left, x2: plot.right, y1: y(tick), y2: y(tick) }),
    shape("text", { x: plot.left - 8, y: y(tick), "text-anchor": "end", "dominant-baseline": "middle" }, tick < 10000 ? plain.format(tick) : short.format(tick))));
  const svg = shape("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img" }, ...grid, ...dayTicks(start, end, plot));
  svg.setAttribute("aria-label", tr("Popularity by day of {films}, from {first} to {last}. The table below has the figures.", {
    films: films.map((film) => film.title).join(", "), first: dayText(state.first_day), last: dayText(state.last_day),
  }));
  films.forEach((_, place) => {
    svg.append(coloured(shape("path", { class: "curve", d: pathOf(runs[place], x, y) }), "stroke", place));
    for (const run of runs[place].filter((points) => points.length === 1)) {
      svg.append(coloured(shape("circle", { cx: x(run[0].day), cy: y(run[0].value), r: 3.5 }), "fill", place));
    }
  });
  if (films.length > 1) svg.append(...endLabels(films, runs, { x, y, plot, isWide }));
  marks.filter(({ number }) => number >= start && number <= end).forEach(({ number, label }, place) => {
    const at = plot.left + ((plot.right - plot.left) * (number - start)) / (end - start || 1);
    svg.append(shape("g", { class: "release" }, shape("line", { x1: at, x2: at, y1: plot.top, y2: plot.bottom }),
      shape("text", { x: at + 4, y: plot.top + 10 + 15 * place }, label)));
  });
  const mark = shape("g", { class: "mark" });
  svg.append(mark);
  svg.addEventListener("pointermove", (event) => {
    const at = start + ((event.clientX - svg.getBoundingClientRect().left - plot.left) / (plot.right - plot.left)) * (end - start);
    let nearest = first;
    for (let day = first; day <= last; day += 1) {
      if (Math.abs(model.dayNumbers[day] - at) < Math.abs(model.dayNumbers[nearest] - at)) nearest = day;
    }
    onDay(nearest);
    tip.hidden = false;
    tip.replaceChildren(element("b", {}, dayText(model.days[nearest])), ...films.map((film) => element("span", { dir: "auto" }, `${cut(film.title, 28)} ${measure(model.valueOf(film, nearest))}`)));
    const box = svg.getBoundingClientRect();
    tip.style.left = `${Math.min(event.clientX - box.left + 14, Math.max(0, box.width - 240))}px`;
    tip.style.top = `${event.clientY - box.top + 14}px`;
  });
  const tip = element("p", { class: "tip", hidden: true });
  box.replaceChildren(svg, tip);
  svg.addEventListener("pointerleave", () => { tip.hidden = true; });
  fitLabels(svg, width - plot.right - LABEL_GAP);
  return (day) => {
    const dots = films.map((film, place) => [model.valueOf(film, day), place]).filter(([value]) => !Number.isNaN(value));
    mark.replaceChildren(shape("line", { x1: x(day), x2: x(day), y1: plot.top, y2: plot.bottom }),
      ...dots.map(([value, place]) => coloured(shape("circle", { cx: x(day), cy: y(value), r: 4 }), "fill", place)));
  };
}

function dayTicks(start, end, plot) {
  const most = Math.max(2, Math.floor((plot.right - plot.left) / 80));
  const step = [1, 2, 7, 14, 28, 56, 91, 182, 364].find((days) => (end - start) / days < most) ?? 364;
  const made = [];
  for (let number = end; number >= start; number -= step) {
    const x = end > start ? plot.left + ((plot.right - plot.left) * (number - start)) / (end - start) : plot.right;
    made.push(shape("text", { class: "day", x, y: plot.bottom + 20, "text-anchor": "middle" }, nameOfDay(number)));
  }
  return made;
}

const LABEL_GAP = 15;

function endLabels(films, runs, { x, y, plot, isWide }) {
  const drawn = films.map((film, place) => ({ film, place, end: runs[place].at(-1)?.at(-1) })).filter(({ end }) => end);
  const heights = spread(drawn.map(({ end }) => y(end.value)), 18, plot.top, plot.bottom);
  return drawn.flatMap(({ film, place, end }, rank) => [
    coloured(shape("path", { class: "leader", d: `M${x(end.day) + 3},${y(end.value)}L${plot.right + 12},${heights[rank]}` }), "stroke", place),
    shape("text", { class: "label", x: plot.right + LABEL_GAP, y: heights[rank], "dominant-baseline": "middle" },
      isWide ? `${place + 1} ${cut(film.title, 22)}` : String(place + 1)),
  ]);
}

// Cuts labels that are wider than the room next to the plot: their width is known only once they are drawn.
function fitLabels(svg, room) {
  for (const label of svg.querySelectorAll(".label")) {
    const text = label.textContent;
    for (let length = text.length; length > 2 && label.getComputedTextLength() > room; length -= 1) label.textContent = cut(text, length);
  }
}
