// What the reader chose, mirrored in the address, so that a view can be shared.

const SORTS = ["title", "year", "popularity", "change", "rating", "votes"];
const BARS = ["share", "median", "films"];

function defaultState(model) {
  return {
    q: "", genre: "", continent: "", country: "", language: "", first_year: "", last_year: "",
    first_day: model.days[0], last_day: model.days.at(-1),
    sort: "popularity", descending: true, films: [], bars: "share", log: false, film: "", person: "",
  };
}

function readState(model, hash) {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  const state = defaultState(model);
  state.q = (given.get("q") ?? "").slice(0, 200);
  for (const { key, codes } of model.dimensions) {
    if (key in state && codes.includes(given.get(key))) state[key] = given.get(key);
  }
  for (const name of ["first_year", "last_year"]) {
    if (/^\d{1,4}$/.test(given.get(name) ?? "")) state[name] = given.get(name);
  }
  for (const name of ["first_day", "last_day"]) {
    if (model.days.includes(given.get(name))) state[name] = given.get(name);
  }
  if (state.first_day > state.last_day) [state.first_day, state.last_day] = [state.last_day, state.first_day];
  const [, minus, sort] = /^(-?)(.*)$/.exec(given.get("sort") ?? "");
  if (SORTS.includes(sort)) Object.assign(state, { sort, descending: minus === "-" });
  const ids = (given.get("films") ?? "").split(",").filter((id) => model.byId.has(id));
  state.films = [...new Set(ids)].slice(0, model.maxCurves);
  if (BARS.includes(given.get("bars"))) state.bars = given.get("bars");
  state.log = given.get("scale") === "log";
  if (model.byId.has(given.get("film"))) state.film = given.get("film");
  else if (model.peopleById.has(given.get("person"))) state.person = given.get("person");
  return state;
}

function addressOf(model, state) {
  const usual = defaultState(model);
  const kept = new URLSearchParams();
  for (const name of ["q", "genre", "continent", "country", "language", "first_year", "last_year", "first_day", "last_day"]) {
    if (state[name] !== usual[name]) kept.set(name, state[name]);
  }
  if (state.sort !== usual.sort || state.descending !== usual.descending) {
    kept.set("sort", `${state.descending ? "-" : ""}${state.sort}`);
  }
  if (state.films.length) kept.set("films", state.films.join(","));
  if (state.bars !== usual.bars) kept.set("bars", state.bars);
  if (state.log) kept.set("scale", "log");
  if (state.film) kept.set("film", state.film);
  else if (state.person) kept.set("person", state.person);
  if (language !== written) kept.set("lang", language);
  return `#${kept}`;
}

// `isStep`: the browser's button Back undoes it.
function writeState(model, state, isStep = false) {
  const address = addressOf(model, state);
  const target = address === "#" ? location.pathname + location.search : address;
  if (isStep) history.pushState(null, "", target);
  else history.replaceState(null, "", target);
}
