// From all films to those that match, and their totals.

const titles = new Intl.Collator("en", { sensitivity: "base", numeric: true });
const mean = (values) => (values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : NaN);

// Tests a film against every filter except that of the dimension `except`.
function fitting(model, state, except = "") {
  const words = fold(state.q).split(" ").filter(Boolean);
  const first = state.first_year === "" ? -Infinity : Number(state.first_year);
  const last = state.last_year === "" ? Infinity : Number(state.last_year);
  const chosen = model.dimensions
    .filter(({ key }) => key !== except && state[key])
    .map(({ key, codes, members }) => [codes.indexOf(state[key]), members]);
  const anyYear = except === "decade" || (first === -Infinity && last === Infinity);
  return (film) =>
    words.every((word) => film.text.includes(word))
    && (anyYear || (film.year !== null && film.year >= first && film.year <= last))
    && chosen.every(([place, members]) => members(film).includes(place));
}

// The people through whom a film matches the search; none where its titles match alone.
function peopleFound(film, state) {
  const words = fold(state.q).split(" ").filter(Boolean);
  if (words.every((word) => film.titles.includes(word))) return [];
  return film.people.filter(({ text }) => words.some((word) => text.includes(word))).map(({ name }) => name);
}

// A film with its figures on the last day shown; films without a figure that day are excluded.
function rowsOf(model, state, except) {
  const day = model.days.indexOf(state.last_day);
  const before = model.weekBefore(day);
  const fits = fitting(model, state, except);
  const rows = [];
  for (const film of model.films) {
    const popularity = model.valueOf(film, day);
    if (Number.isNaN(popularity) || !fits(film)) continue;
    const earlier = before < 0 ? NaN : model.valueOf(film, before);
    const change = Number.isNaN(earlier) ? null : popularity - earlier;
    rows.push({ film, popularity, earlier, change, rating: film.rating, votes: film.votes, year: film.year, title: film.title });
  }
  return rows;
}

// Sorts in place; unknown values come last in either direction.
function sortRows(rows, name, descending) {
  const sign = descending ? -1 : 1;
  const order = name === "title" ? (a, b) => titles.compare(a.title, b.title) : (a, b) => a[name] - b[name];
  const isUnknown = (row) => row[name] === null;
  return rows.sort((a, b) =>
    isUnknown(a) - isUnknown(b) || (isUnknown(a) ? 0 : sign * order(a, b))
    || b.popularity - a.popularity || a.film.place - b.film.place);
}

const FEW_FILMS = 5;

// Each member of a dimension with its films and their mean popularity, sorted by what the bars show. A mean over a few
// films says little: such groups come last, sorted by their number of films.
function groupsOf(dimension, rows, bars) {
  const sums = dimension.names.map((name, place) => ({ code: dimension.codes[place], name, films: 0, sum: 0 }));
  for (const row of rows) {
    for (const place of dimension.members(row.film)) {
      sums[place].films += 1;
      sums[place].sum += row.popularity;
    }
  }
  const isFew = (group) => group.films < FEW_FILMS;
  return sums.filter((group) => group.films).map((group) => ({ ...group, popularity: group.sum / group.films }))
    .sort((a, b) => isFew(a) - isFew(b) || (isFew(a) ? b.films - a.films : 0) || b[bars] - a[bars] || titles.compare(a.name, b.name));
}

function keyFiguresOf(rows) {
  const changes = rows.map((row) => row.change).filter((change) => change !== null);
  const ratings = rows.map((row) => row.rating).filter((rating) => rating !== null);
  return {
    films: rows.length,
    popularity: mean(rows.map((row) => row.popularity)),
    rating: mean(ratings),
    votes: rows.reduce((sum, row) => sum + (row.votes ?? 0), 0),
    risen: changes.length ? changes.filter((change) => change > 0).length / changes.length : NaN,
  };
}

// The films that rose or fell most.
function moversOf(rows, falling, count) {
  const moved = rows.filter((row) => (falling ? row.change < 0 : row.change > 0));
  return sortRows(moved, "change", !falling).slice(0, count);
}
