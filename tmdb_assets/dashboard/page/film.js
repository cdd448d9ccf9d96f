// What is known of one film, and of one person: the panels that a click on a name opens.

const POSTERS = "https://image.tmdb.org/t/p/w342";
const MONTH = 30;
const RELEASES_MARKED = ["Premiere", "Theatrical", "Theatrical (limited)", "Digital"];

// The details of the most popular films, unpacked when the first panel opens.
async function loadDetails() {
  const { id, ...columns } = JSON.parse(new TextDecoder().decode(await inflate("details")));
  return new Map((id ?? []).map((film, place) => [film, Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, values[place]]))]));
}

// A film's place among the films of this page on a day.
function rankOn(model, film, day) {
  const value = model.valueOf(film, day);
  if (day < 0 || Number.isNaN(value)) return NaN;
  return 1 + model.films.reduce((above, other) => above + (model.valueOf(other, day) > value ? 1 : 0), 0);
}

const dayBefore = (model, day, days) => model.dayNumbers.indexOf(model.dayNumbers[day] - days);
const valueOn = (model, film, day) => (day < 0 ? NaN : model.valueOf(film, day));

function facts(rows) {
  return element("dl", { class: "facts-list" }, ...rows.filter(([, value]) => value !== null && value !== "" && value?.length !== 0)
    .map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, ...[value].flat()))));
}

const tile = (name, value, ...note) => element("div", {}, element("dt", {}, name), element("dd", {}, value), element("dd", { class: "note" }, ...note));

const separated = (nodes) => nodes.flatMap((node, place) => (place ? [", ", node] : [node]));

// The rank by day as a line, the best rank on top.
function rankPath(model, film) {
  const ranks = model.days.map((_, day) => [day, rankOn(model, film, day)]).filter(([, rank]) => !Number.isNaN(rank));
  const [best, worst] = [Math.min, Math.max].map((most) => most(...ranks.map(([, rank]) => rank)));
  const x = (day) => 2 + (116 * day) / Math.max(1, model.days.length - 1);
  const y = (rank) => (worst > best ? 3 + (18 * (rank - best)) / (worst - best) : 12);
  const [day, rank] = ranks.at(-1);
  return shape("svg", { class: "rank-path", viewBox: "0 0 120 24", width: 120, height: 24, role: "img", "aria-label": tr("Rank by day: best {best}, lowest {worst}", { best: count(best), worst: count(worst) }) },
    shape("path", { d: `M${ranks.map((point) => `${x(point[0]).toFixed(1)},${y(point[1]).toFixed(1)}`).join("L")}` }), shape("circle", { cx: x(day), cy: y(rank), r: 2 }));
}

// `go` makes links to films and people, and `filter` buttons that filter by a member of a dimension.
function filmPanel(model, film, known, { go, filter, areImagesOn, onImages }) {
  const last = model.days.length - 1;
  const now = model.valueOf(film, last);
  const ranks = [0, model.week, MONTH].map((days) => rankOn(model, film, dayBefore(model, last, days)));
  const since = (days) => {
    const before = valueOn(model, film, dayBefore(model, last, days));
    return tile(tr("{days} days", { days }), changed(Number.isNaN(before) ? null : now - before), Number.isNaN(before) ? tr("no figure then") : [percentText(before, now), tr("from {value}", { value: measure(before) })].filter(Boolean).join(", "));
  };
  const named = (dimension, places) => separated(places.map((place) => filter(dimension, place)));
  const [genre, country, language] = ["genre", "country", "language"].map((key) => model.dimensions.find((each) => each.key === key));
  const people = (some) => separated(some.map((person) => go.person(person)));
  const box = element("div", { class: "plot" });
  const content = [
    element("div", { class: "film-head" }, known.poster ? poster(known.poster, film, areImagesOn, onImages) : null, element("div", {},
      film.original ? titled(film.original, { class: "original" }) : null,
      element("dl", { class: "tiles" },
        tile(tr("Popularity"), measure(now), tr("on {day}", { day: dayText(model.days[last]) })),
        since(model.week), since(MONTH),
        tile(tr("Rank"), count(ranks[0]), tr("of {all}; {week} days ago {then}, {month} days ago {earlier}", {
          all: count(model.films.length), week: model.week, then: count(ranks[1]), month: MONTH, earlier: count(ranks[2]),
        }), rankPath(model, film)),
        tile(tr("Rating"), rating(film.rating), trn("{votes} vote", "{votes} votes", film.votes, { votes: count(film.votes) }))))),
    box,
    known.overview ? element("p", { dir: "auto" }, known.overview) : null,
    facts([
      [tr("Released"), known.release ? dayText(known.release) : film.year ? String(film.year) : null],
      [tr("Runtime"), known.runtime ? tr("{minutes} min", { minutes: known.runtime }) : null],
      [tr("Genres"), named(genre, film.genres)],
      [tr("Produced in"), named(country, film.countries)],
      [tr("Language"), film.language < 0 ? null : named(language, [film.language])],
      [tr("Directed by"), people(film.people.slice(0, film.directors))],
      [tr("Cast"), people(film.people.slice(film.directors))],
      [tr("Keywords"), (known.keywords ?? []).join(", ")],
    ]),
    known.similar?.length ? element("section", {}, element("h3", {}, tr("Similar films")), element("ul", { class: "similar" },
      ...known.similar.filter(([id]) => model.byId.has(id)).map(([id, because]) => element("li", {}, go.film(model.byId.get(id)), element("span", { class: "quiet" }, ` ${reason(because)}`))))) : null,
    known.releases?.length ? element("details", { class: "releases" }, element("summary", {}, releasesIn(known.releases)),
      figuresTable(tr("Releases by country"), {
        headings: [tr("Country"), tr("Type"), tr("Date"), tr("Certificate")],
        rows: known.releases.map(([where, type, date, certificate]) => [where, tr(type), dayText(date, "medium"), certificate]),
      })) : null,
    element("p", {}, element("a", { href: model.filmAddress + film.id, target: "_blank", rel: "noopener noreferrer" }, tr("This film at TMDb"))),
  ];
  return { title: film.title, content, box, films: [film], marks: marksOf(known), figures: () => filmFigures(model, [film]) };
}

function releasesIn(releases) {
  const countries = new Set(releases.map(([where]) => where)).size;
  return trn("Releases in {countries} country", "Releases in {countries} countries", countries, { countries: count(countries) });
}

// Why films are similar, in the page's language: each part begins with its kind, and a decade is 1980s.
const KINDS = { genre: tr("genre"), keyword: tr("keyword"), company: tr("company"), language: tr("language"), director: tr("director"), cast: tr("cast"), crew: tr("crew") };
const reason = (because) => because.split(", ").map((part) => part.replace(/^[a-z]+(?= )/, (kind) => KINDS[kind] ?? kind)
  .replace(/^(\d{4})s$/, (whole, year) => tr("{year}s", { year }))).join(", ");

// The days of first releases, one per type.
function marksOf(known) {
  const first = new Map();
  for (const [, type, date] of known.releases ?? []) {
    if (RELEASES_MARKED.includes(type) && !(first.get(type) <= date)) first.set(type, date);
  }
  return [...first].map(([label, date]) => ({ label: tr(label), number: Date.parse(date) / 86400000 }));
}

function filmFigures(model, films) {
  return {
    headings: [tr("Day (UTC)"), ...films.map((film) => film.title)],
    rows: model.days.map((day, place) => [day, ...films.map((film) => rounded(model.valueOf(film, place)))]).reverse(),
  };
}

// Nothing is loaded from a network unless the reader switches it on.
function poster(path, film, areImagesOn, onImages) {
  const box = element("input", { type: "checkbox", onchange: (event) => onImages(event.target.checked) });
  box.checked = areImagesOn;
  return element("figure", { class: "poster" },
    areImagesOn ? element("img", { src: POSTERS + path, alt: tr("Poster of {title}", { title: film.title }), referrerpolicy: "no-referrer", width: 171, height: 256 }) : null,
    element("figcaption", {}, element("label", {}, box, ` ${tr("Posters, loaded from TMDb")}`), areImagesOn ? element("span", {}, tr("Image: TMDB")) : null));
}

function personPanel(model, person, { go }) {
  const films = model.films.filter((film) => film.people.some((one) => one.id === person.id));
  const last = model.days.length - 1;
  const together = (day) => (day < 0 ? NaN : sum(films.map((film) => model.valueOf(film, day)).filter((value) => !Number.isNaN(value))));
  const [now, before] = [together(last), together(dayBefore(model, last, model.week))];
  const role = (film) => (film.people.findIndex((one) => one.id === person.id) < film.directors ? tr("director") : tr("cast"));
  const box = element("div", { class: "plot" });
  const drawn = films.slice(0, model.maxCurves);
  const content = [
    element("dl", { class: "tiles" },
      tile(tr("Films here"), count(films.length), tr("as director or lead")),
      tile(tr("Popularity together"), measure(now), tr("on the newest day")),
      tile(tr("{days} days", { days: model.week }), changed(Number.isNaN(before) ? null : now - before), percentText(before, now))),
    box,
    element("table", { class: "films-of" }, element("caption", { class: "unseen" }, tr("Films of {name}", { name: person.name })),
      element("thead", {}, element("tr", {}, ...[tr("Film"), tr("Year"), tr("Role"), tr("Popularity"), tr("Rating")].map((heading) => element("th", { scope: "col" }, heading)))),
      element("tbody", {}, ...films.map((film) => element("tr", {}, element("th", { scope: "row" }, go.film(film)), element("td", {}, film.year ?? UNKNOWN),
        element("td", {}, role(film)), element("td", {}, measure(model.valueOf(film, last))), element("td", {}, rating(film.rating)))))),
    element("p", {}, element("a", { href: `${model.filmAddress.replace("/movie/", "/person/")}${person.id}`, target: "_blank", rel: "noopener noreferrer" }, tr("This person at TMDb"))),
  ];
  return { title: person.name, content, box, films: drawn, marks: [], figures: () => filmFigures(model, drawn) };
}
