// The page's data: unpacked, decoded (the counterpart of history.py) and turned into films and dimensions.

const bytesOf = (id) => Uint8Array.from(atob(document.getElementById(id).textContent), (char) => char.charCodeAt(0));

async function inflate(id) {
  const stream = new Blob([bytesOf(id)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Popularity of film f on day d at [f * days + d]; NaN where it has none.
function decodeHistory(planes, days, step, floor) {
  const count = planes.length / 2;
  const values = new Float32Array(count);
  let level = 0;
  for (let place = 0; place < count; place += 1) {
    if (place % days === 0) level = 0;
    const zigzag = planes[place] | (planes[count + place] << 8);
    level = (level + ((zigzag >>> 1) ^ -(zigzag & 1))) & 0xffff;
    values[place] = level === 0 ? NaN : level === 1 ? 0 : floor * Math.exp(step * (level - 2));
  }
  return values;
}

// Letters that Unicode decomposition does not split.
const FOLDED = { ø: "o", ł: "l", đ: "d", ð: "d", þ: "th", ß: "ss", æ: "ae", œ: "oe", ı: "i", ħ: "h" };

// Text for searching: without accents or case, words separated by one space; a title of only symbols stays unchanged.
function fold(text) {
  const bare = text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const plain = bare.replace(/[øłđðþßæœıħ]/g, (char) => FOLDED[char]);
  return plain.replace(/['’]/g, "").replace(/[^\p{L}\p{N}]+/gu, " ").trim() || bare.trim();
}

// The people of a film are its directors and leads; the search finds them like titles.
function makeFilms(columns, names, ids) {
  const people = names.map((name, place) => ({ id: String(ids[place]), name, text: fold(name) }));
  return columns.id.map((id, place) => ({
    place,
    id,
    title: columns.title[place],
    original: columns.original[place],
    year: columns.year[place],
    rating: columns.rating[place],
    votes: columns.votes[place],
    genres: columns.genres[place],
    countries: columns.countries[place],
    language: columns.language[place],
    people: columns.people[place].map((person) => people[person]),
    directors: columns.directors[place], // how many of the people, the first ones
    titles: [columns.title[place], columns.original[place]].filter(Boolean).map(fold).join(" | "),
  }));
}

// What films are grouped and filtered by; a film's members are indexes into codes and names.
function makeDimensions(data, films) {
  const continents = [...new Set(data.countries.map((country) => country[2]).filter(Boolean))].sort();
  const continentOf = data.countries.map((country) => continents.indexOf(country[2]));
  for (const film of films) {
    film.continents = [...new Set(film.countries.map((place) => continentOf[place]).filter((place) => place >= 0))];
  }
  const decadeOf = (film) => Math.floor(film.year / 10) * 10;
  const decades = [...new Set(films.filter((film) => film.year !== null).map(decadeOf))].sort((a, b) => a - b);
  const listed = (key, heading, rows, members) => ({
    key, heading, codes: rows.map((row) => String(row[0])), names: rows.map((row) => row[1]), members,
  });
  const named = (rows, french) => rows.map(([code, name], place) => [code, language === "fr" && french ? french[place] : tr(name)]);
  return [
    listed("genre", tr("Genre"), named(data.genres), (film) => film.genres),
    listed("country", tr("Production country"), named(data.countries, data.french.countries), (film) => film.countries),
    listed("language", tr("Original language"), named(data.languages, data.french.languages), (film) => (film.language < 0 ? [] : [film.language])),
    listed("continent", tr("Production continent"), named(continents.map((name) => [name, name])), (film) => film.continents),
    listed("decade", tr("Decade"), decades.map((year) => [year, tr("{year}s", { year })]),
      (film) => (film.year === null ? [] : [decades.indexOf(decadeOf(film))])),
  ];
}

async function loadModel() {
  const data = JSON.parse(new TextDecoder().decode(await inflate("data")));
  const values = decodeHistory(await inflate("history"), data.days.length, data.step, data.floor);
  for (const [day, column] of Object.entries(data.exact)) {
    column.forEach((value, film) => { values[film * data.days.length + Number(day)] = value ?? NaN; });
  }
  const films = makeFilms(data.films, data.people, data.people_ids);
  for (const film of films) film.text = [film.titles, ...film.people.map(({ text }) => text)].join(" | ");
  const dayNumbers = data.days.map((day) => Date.parse(day) / 86400000);
  return {
    films,
    dimensions: makeDimensions(data, films),
    days: data.days,
    dayNumbers,
    week: data.week,
    maxCurves: data.max_curves,
    filmAddress: data.film_address,
    queries: data.queries,
    peopleById: new Map(films.flatMap((film) => film.people.map((person) => [person.id, person]))),
    byId: new Map(films.map((film) => [film.id, film])),
    valueOf: (film, day) => values[film.place * data.days.length + day],
    // The day a week before, or -1 if it is not loaded.
    weekBefore: (day) => dayNumbers.indexOf(dayNumbers[day] - data.week),
  };
}
