// From all films to those that match, and their totals.

const titles = new Intl.Collator(language, { sensitivity: "base", numeric: true });
const sum = (values) => values.reduce((total, value) => total + value, 0);
const mean = (values) => (values.length ? sum(values) / values.length : NaN);

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2; // NaN for none
}

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

// The people through whom a film matches the search, each for a word that its titles lack; nobody who matches only some
// of another's words, as every other Tom does for "tom hanks".
function peopleFound(film, state) {
  const words = fold(state.q).split(" ").filter(Boolean);
  const matched = film.people.map((person) => ({ person, words: words.filter((word) => person.text.includes(word)) }));
  const isLess = (one, other) => one.length < other.length && one.every((word) => other.includes(word));
  return matched
    .filter((one) => one.words.some((word) => !film.titles.includes(word)))
    .filter((one) => !matched.some((other) => isLess(one.words, other.words)))
    .map(({ person }) => person);
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
const TOP_FILMS = 200;

// The most popular of the films that match: where there are as many, the same however many more are loaded.
const topOf = (rows) => sortRows([...rows], "popularity", true).slice(0, TOP_FILMS);

// Each member of a dimension with its films, their median popularity, and its share of the popularity of the 200 most
// popular of these films, sorted by what the bars show. A median of a few films says little: where the bars show medians, such
// groups come last, sorted by their number of films.
function groupsOf(dimension, rows, bars) {
  const groups = dimension.names.map((name, place) => ({ code: dimension.codes[place], name, values: [], top: 0 }));
  const eachGroup = (row, change) => dimension.members(row.film).forEach((place) => change(groups[place]));
  const top = topOf(rows);
  const all = sum(top.map((row) => row.popularity));
  for (const row of rows) eachGroup(row, (group) => group.values.push(row.popularity));
  for (const row of top) eachGroup(row, (group) => { group.top += row.popularity; });
  const isFew = (group) => bars === "median" && group.films < FEW_FILMS;
  return groups.filter((group) => group.values.length)
    .map(({ code, name, values, top: part }) => ({
      code, name, films: values.length, median: median(values), share: all ? part / all : 0,
    }))
    .sort((a, b) => (dimension.key === "decade" ? b.code - a.code : 0) || isFew(a) - isFew(b) || (isFew(a) ? b.films - a.films : 0) || b[bars] - a[bars]
      || b.films - a.films || titles.compare(a.name, b.name));
}

function keyFiguresOf(rows) {
  const changes = rows.map((row) => row.change).filter((change) => change !== null);
  const rated = rows.filter((row) => row.rating !== null);
  const votes = sum(rated.map((row) => row.votes));
  return {
    films: rows.length,
    popularity: median(topOf(rows).map((row) => row.popularity)),
    rating: mean(rated.map((row) => row.rating)),
    weighted: votes ? sum(rated.map((row) => row.rating * row.votes)) / votes : NaN,
    votes: sum(rows.map((row) => row.votes ?? 0)),
    risen: changes.length ? changes.filter((change) => change > 0).length / changes.length : NaN,
  };
}

// The films that rose or fell most.
function moversOf(rows, falling, count) {
  const moved = rows.filter((row) => (falling ? row.change < 0 : row.change > 0));
  return sortRows(moved, "change", !falling).slice(0, count);
}
