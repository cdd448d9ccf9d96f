// The parts of the page, each rendered from its figures.

const rating = (value) => (isUnknown(value) ? UNKNOWN : oneDecimal.format(value));

function showKeyFigures(box, figures, week) {
  const tiles = [
    [tr("Films"), count(figures.films)],
    [tr("Median popularity"), measure(figures.popularity),
      figures.films > TOP_FILMS ? tr("of the {number} most popular of these films", { number: TOP_FILMS }) : tr("of all these films")],
    [tr("Weighted rating, of 10"), rating(figures.weighted), tr("by votes; plain mean {mean}", { mean: rating(figures.rating) })],
    [tr("Votes"), short.format(figures.votes)],
    [tr("Risen in {days} days", { days: week }), share(figures.risen)],
  ];
  box.replaceChildren(...tiles.map(([name, value, note]) => element("div", {}, element("dt", {}, name), element("dd", {}, value),
    note ? element("dd", { class: "note" }, note) : null)));
}

const COLUMNS = [
  { name: "title", heading: tr("Title"), descending: false },
  { name: "year", heading: tr("Year"), descending: true },
  { name: "popularity", heading: tr("Popularity"), descending: true },
  { name: "change", heading: tr("Week"), descending: true, full: tr("Change in popularity over a week") },
  { name: "rating", heading: tr("Rating"), descending: true, full: tr("Mean rating, 0 to 10") },
  { name: "votes", heading: tr("Votes"), descending: true },
];

function makeHeadings(row, select, onSort) {
  row.append(element("th", { scope: "col", class: "place" }, "#"));
  for (const { name, heading, full } of COLUMNS) {
    const button = element("button", { type: "button", title: full ?? null, onclick: () => onSort(name) }, heading,
      element("span", { class: "arrow", "aria-hidden": "true" }));
    row.append(element("th", { scope: "col", class: name, "data-sort": name }, button));
    select.append(element("option", { value: name }, full ?? heading));
  }
  row.append(element("th", { scope: "col", class: "curve" }, tr("Curve")));
}

function showSort(row, select, state) {
  for (const heading of row.querySelectorAll("[data-sort]")) {
    const isSorted = heading.dataset.sort === state.sort;
    heading.setAttribute("aria-sort", isSorted ? (state.descending ? "descending" : "ascending") : "none");
    heading.querySelector(".arrow").textContent = isSorted ? (state.descending ? "▼" : "▲") : "";
  }
  select.value = state.sort;
}

function filmRow(model, state, row, place, onCurve, go) {
  const { film } = row;
  const people = peopleFound(film, state);
  const facts = [film.year ?? null, isUnknown(row.rating) ? null : tr("rated {rating} by {votes}", { rating: rating(row.rating), votes: short.format(row.votes) })];
  const [first, last] = [model.days.indexOf(state.first_day), model.days.indexOf(state.last_day)];
  return element("tr", { "data-film": film.id },
    element("td", { class: "place" }, count(place)),
    element("th", { scope: "row", class: "title" }, go.film(film, true),
      film.original ? titled(film.original, { class: "original" }) : null,
      people.length ? element("span", { class: "original", dir: "auto" }, `${tr("with")} `, ...separated(people.map((person) => go.person(person)))) : null,
      element("span", { class: "facts" }, facts.filter((fact) => fact !== null).join(" · "))),
    element("td", { class: "year" }, film.year ?? UNKNOWN),
    element("td", { class: "popularity" }, measure(row.popularity), element("span", { class: "below" }, changed(row.change))),
    element("td", { class: "change" }, changed(row.change), percentOf(row)),
    element("td", { class: "rating" }, rating(row.rating)),
    element("td", { class: "votes" }, count(row.votes)),
    element("td", { class: "curve" },
      element("button", {
        type: "button", "aria-pressed": String(state.films.includes(film.id)), "aria-label": tr("Curve of {title}", { title: film.title }),
        "data-focus": `curve-${film.id}`, onclick: () => onCurve(film.id),
      }, sparkline(model, film, first, last))));
}

const percentOf = (row) => element("span", { class: "percent" }, row.change ? percentText(row.earlier, row.popularity) : "");

function showMovers(box, rows, go) {
  const lists = [[tr("Rose most"), moversOf(rows, false, 5)], [tr("Fell most"), moversOf(rows, true, 5)]].filter(([, moved]) => moved.length);
  box.replaceChildren(...lists.map(([caption, moved]) => element("table", {}, element("caption", {}, caption),
    element("thead", { class: "unseen" }, element("tr", {},
      ...[tr("Title"), tr("A week before and on the day"), tr("Change")].map((heading) => element("th", { scope: "col" }, heading)))),
    element("tbody", {}, ...moved.map((row) => element("tr", {},
      element("th", { scope: "row" }, go.film(row.film)),
      element("td", { class: "quiet" }, `${measure(row.earlier)} → ${measure(row.popularity)}`),
      element("td", {}, changed(row.change), percentOf(row))))))));
  return lists.length > 0;
}

const GROUPS_SHOWN = 8;

// One panel per dimension: a table whose rows are bars and buttons.
function groupPanel(dimension, groups, state, isOpen, onChoose, onOpen, query, about) {
  const { key, heading } = dimension;
  const shown = isOpen ? groups : groups.slice(0, GROUPS_SHOWN);
  const first = (key === "decade" ? Math.max(...groups.map((group) => group[state.bars])) : groups[0]?.[state.bars]) || 1; // the largest, but for medians of a few films
  const rows = shown.map((group) => {
    const bar = element("span", { class: "bar", "aria-hidden": "true" });
    bar.style.width = `${Math.min(100, (100 * group[state.bars]) / first)}%`;
    return element("tr", { class: dimension.isChosen(state, group.code) ? "chosen" : "" },
      element("th", { scope: "row" }, element("button", {
        type: "button", "aria-pressed": String(dimension.isChosen(state, group.code)), "data-focus": `${key}-${group.code}`,
        onclick: () => onChoose(key, group.code),
      }, titled(group.name))),
      element("td", { class: "bars" }, bar),
      element("td", { class: state.bars === "share" ? "" : "quiet" }, share(group.share)),
      element("td", { class: state.bars === "median" ? "" : "quiet" }, measure(group.median)),
      element("td", { class: state.bars === "films" ? "" : "quiet" }, count(group.films)));
  });
  const more = groups.length > GROUPS_SHOWN ? element("button", {
    type: "button", class: "plain", "aria-expanded": String(isOpen), "data-focus": `open-${key}`, onclick: () => onOpen(key),
  }, isOpen ? tr("The first {number}", { number: GROUPS_SHOWN }) : tr("All {number}", { number: groups.length })) : null;
  return element("div", { class: "panel group", id: `group-${key}` }, element("table", {},
    element("caption", {}, heading),
    element("thead", {}, element("tr", {}, element("th", { scope: "col" }, element("span", { class: "unseen" }, heading)),
      element("td", { class: "bars" }), ...[tr("Share"), tr("Median"), tr("Films")].map((name) => element("th", { scope: "col" }, name)))),
    element("tbody", {}, ...rows)), more, tools({
    name: `films_by_${key}`, title: tr("Films by {group}", { group: heading.toLowerCase() }), about, query,
    figures: () => ({
      headings: [heading, tr("Share of the top 200 %"), tr("Median popularity"), tr("Films")],
      rows: groups.map((group) => [group.name, rounded(100 * group.share), rounded(group.median), group.films]),
    }),
  }));
}

// Columns of films that match, for a table or a file.
function filmFiguresOf(rows) {
  return {
    headings: [tr("Title"), tr("TMDb id"), tr("Year"), tr("Popularity"), tr("Week before"), tr("Change"), tr("Rating"), tr("Votes")],
    rows: rows.map((row) => [row.title, Number(row.film.id), row.year, rounded(row.popularity), rounded(row.earlier), rounded(row.change), row.rating, row.votes]),
  };
}

function showLegend(list, model, state, films, day, onRemove, go) {
  list.replaceChildren(...films.map((film, place) => {
    const badge = element("span", { class: "badge" }, String(place + 1));
    badge.style.borderColor = colourOf(place);
    return element("li", {}, badge, go.film(film), element("b", {}, measure(model.valueOf(film, day))),
      state.films.includes(film.id)
        ? element("button", { type: "button", class: "remove", "aria-label": tr("Remove {title}", { title: film.title }), onclick: () => onRemove(film.id) }, "×")
        : null);
  }));
}

function curveTable(model, state, films) {
  const [first, last] = [model.days.indexOf(state.first_day), model.days.indexOf(state.last_day)];
  const rows = [];
  for (let day = last; day >= first; day -= 1) {
    rows.push(element("tr", {}, element("th", { scope: "row" }, dayText(model.days[day], "medium")),
      ...films.map((film) => element("td", {}, measure(model.valueOf(film, day))))));
  }
  return element("table", {}, element("caption", { class: "unseen" }, tr("Popularity by day and film")),
    element("thead", {}, element("tr", {}, element("th", { scope: "col" }, tr("Day (UTC)")),
      ...films.map((film) => element("th", { scope: "col", dir: "auto" }, film.title)))),
    element("tbody", {}, ...rows));
}
