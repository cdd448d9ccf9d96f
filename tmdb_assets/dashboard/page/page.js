// The controller: renders state into parts, and turns the reader's actions into state.

const ROWS_MORE = 25;
const find = (selector) => document.querySelector(selector);

class Dashboard {
  constructor(model) {
    this.model = model;
    this.state = readState(model, location.hash);
    this.rowsShown = ROWS_MORE;
    this.open = new Set();
    for (const dimension of model.dimensions) {
      dimension.isChosen = dimension.key === "decade"
        ? (state, code) => state.first_year === code && state.last_year === String(Number(code) + 9)
        : (state, code) => state[dimension.key] === code;
    }
    this.form = find("#form");
    this.panel = new Panel(this);
    this.addTools();
    this.fillForm();
    makeHeadings(find("#films thead tr"), find("#sort-by"), (name) => this.sortBy(name));
    this.listen();
    this.showControls();
    this.render();
    this.panel.show();
  }

  // Each part's figures, picture, link and query.
  addTools() {
    const { model } = this;
    const about = () => this.describe();
    find("#curves-tools").replaceWith(tools({
      name: "popularity", title: tr("Popularity over time"), about, query: model.queries.curves, svg: () => find("#curves svg"),
      figures: () => filmFigures(model, this.drawn),
      lines: () => this.drawn.map((film, place) => `${place + 1} ${film.title}`),
    }));
    find("#movers-tools").replaceWith(tools({
      name: "movers", title: tr("Movers of the week"), about, query: model.queries.movers,
      figures: () => filmFiguresOf([...moversOf(this.rows, false, PNG_ROWS), ...moversOf(this.rows, true, PNG_ROWS).reverse()]),
    }));
    find("#films-tools").replaceWith(tools({
      name: "films", title: tr("Films"), about, query: model.queries.films, figures: () => filmFiguresOf(this.rows),
    }));
  }

  // Opens or closes a film's or a person's panel; the page behind it stays as it is.
  goTo(chosen) {
    Object.assign(this.state, chosen);
    writeState(this.model, this.state, true);
    this.panel.show();
  }

  fillForm() {
    const { model, form } = this;
    const all = { genre: tr("All genres"), continent: tr("All continents"), country: tr("All countries"), language: tr("All languages") };
    for (const { key, codes, names } of model.dimensions.filter(({ key: name }) => name in all)) {
      const options = codes.map((code, place) => [code, names[place]]).sort((a, b) => titles.compare(a[1], b[1]));
      form.elements[key].append(...[["", all[key]], ...options].map(([value, name]) => element("option", { value }, name)));
    }
    for (const name of ["first_day", "last_day"]) {
      form.elements[name].append(...model.days.map((day) => element("option", { value: day }, dayText(day, "medium"))));
    }
    const years = model.films.map((film) => film.year).filter((year) => year !== null);
    form.elements.first_year.placeholder = years.reduce((a, b) => Math.min(a, b), 9999);
    form.elements.last_year.placeholder = years.reduce((a, b) => Math.max(a, b), 0);
  }

  listen() {
    this.form.addEventListener("input", () => this.readControls());
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.addEventListener("reset", (event) => { event.preventDefault(); this.reset(); });
    find("#reset-too").addEventListener("click", () => { this.reset(); find("#list-title").focus(); });
    const compare = find("#compare");
    compare.addEventListener("input", () => this.suggest(compare));
    find("#more").addEventListener("click", () => { this.rowsShown += ROWS_MORE; this.showList(); });
    find("#sort-by").addEventListener("input", (event) => this.sortBy(event.target.value));
    find("#log-scale").addEventListener("input", (event) => this.change({ log: event.target.checked }));
    find("#day").addEventListener("input", (event) => this.showDay(Number(event.target.value)));
    find("#curve-table").addEventListener("toggle", () => this.showCurveTable());
    for (const radio of document.getElementsByName("bars")) {
      radio.addEventListener("input", () => this.change({ bars: radio.value }));
    }
    window.addEventListener("hashchange", () => {
      this.state = readState(this.model, location.hash);
      this.showControls();
      this.render();
      this.panel.show();
    });
    let width = 0;
    new ResizeObserver(([box]) => {
      if (Math.abs(box.contentRect.width - width) > 1) { width = box.contentRect.width; this.showCurves(); }
    }).observe(find("#curves"));
    if (matchMedia("(max-width: 700px)").matches) find("#filters").open = false;
  }

  showControls() {
    for (const name of ["q", "genre", "continent", "country", "language", "first_year", "last_year", "first_day", "last_day"]) {
      this.form.elements[name].value = this.state[name];
    }
    find("#log-scale").checked = this.state.log;
    for (const radio of document.getElementsByName("bars")) radio.checked = radio.value === this.state.bars;
  }

  readControls() {
    const { elements } = this.form;
    const chosen = Object.fromEntries(
      ["q", "genre", "continent", "country", "language", "first_year", "last_year", "first_day", "last_day"].map((name) => [name, elements[name].value]));
    const isTurned = chosen.first_day > chosen.last_day;
    if (isTurned) [chosen.first_day, chosen.last_day] = [chosen.last_day, chosen.first_day];
    this.change(chosen);
    if (isTurned) this.showControls();
  }

  change(chosen) {
    Object.assign(this.state, chosen);
    this.rowsShown = ROWS_MORE;
    writeState(this.model, this.state);
    this.render();
  }

  reset() {
    this.change(defaultState(this.model));
    this.showControls();
  }

  sortBy(name) {
    const { descending } = COLUMNS.find((column) => column.name === name);
    this.change({ sort: name, descending: this.state.sort === name ? !this.state.descending : descending });
  }

  toggleCurve(id) {
    const { films } = this.state;
    const others = films.filter((film) => film !== id);
    this.change({ films: others.length < films.length ? others : [...films, id].slice(-this.model.maxCurves) });
  }

  // The films that a text may mean; one that is written out joins the curves.
  suggest(compare) {
    const { model, state } = this;
    const nameOf = (film) => `${film.title} (${film.year ?? tr("no year")})`;
    const text = fold(compare.value);
    const found = text ? model.films.filter((film) => film.titles.includes(text) || nameOf(film) === compare.value).slice(0, 12) : [];
    const exact = found.find((film) => nameOf(film) === compare.value) ?? model.films.find((film) => nameOf(film) === compare.value);
    if (exact) {
      compare.value = "";
      if (!state.films.includes(exact.id)) this.toggleCurve(exact.id);
    }
    find("#titles").replaceChildren(...(exact ? [] : found.map((film) => element("option", { value: nameOf(film) }))));
  }

  choose(key, code) {
    const dimension = this.model.dimensions.find((each) => each.key === key);
    const isChosen = dimension.isChosen(this.state, code);
    if (key === "decade") {
      this.change(isChosen ? { first_year: "", last_year: "" } : { first_year: code, last_year: String(Number(code) + 9) });
    } else {
      this.change({ [key]: isChosen ? "" : code });
    }
    this.showControls();
  }

  render() {
    const { model, state } = this;
    this.rows = sortRows(rowsOf(model, state), state.sort, state.descending);
    find("#status").textContent = this.describe();
    showKeyFigures(find("#key-figures"), keyFiguresOf(this.rows), model.week);
    this.showMovers();
    this.showList();
    this.showGroups();
    this.showCurves();
    this.showEmpty();
  }

  // Without films, the page shows which filters to remove, and no empty parts.
  showEmpty() {
    document.body.classList.toggle("no-match", this.rows.length === 0);
    if (this.rows.length) return;
    const { model, state } = this;
    const usual = defaultState(model);
    const names = {
      ...Object.fromEntries(model.dimensions.filter(({ key }) => state[key]).map(({ key, codes, names: of }) => [key, of[codes.indexOf(state[key])]])),
      q: tr("“{words}”", { words: state.q.trim() }), first_year: tr("from {year}", { year: state.first_year }),
      last_year: tr("to {year}", { year: state.last_year }), last_day: tr("day {day}", { day: dayText(state.last_day) }),
    };
    const left = (name) => rowsOf(model, { ...state, [name]: usual[name] }).length;
    const removable = Object.keys(names).filter((name) => state[name] !== usual[name]).map((name) => [name, left(name)]).filter(([, films]) => films);
    find("#remove-filters").replaceChildren(...removable.map(([name, films]) => element("li", {}, element("button", {
      type: "button", class: "plain", onclick: () => { this.change({ [name]: usual[name] }); this.showControls(); },
    }, trn("Without {filter}: {films} film", "Without {filter}: {films} films", films, { filter: names[name], films: count(films) })))));
  }

  describe() {
    const { model, state } = this;
    const named = model.dimensions.filter(({ key }) => state[key]).map(({ key, codes, names }) => names[codes.indexOf(state[key])]);
    const years = state.first_year || state.last_year ? [tr("released {first} to {last}", { first: state.first_year || "…", last: state.last_year || "…" })] : [];
    const words = state.q.trim() ? [tr("“{words}”", { words: state.q.trim() })] : [];
    const day = state.last_day === model.days.at(-1) ? [] : [tr("figures of {day}", { day: dayText(state.last_day) })];
    const filters = [...words, ...named, ...years, ...day];
    return tr("{shown} of {all} films", { shown: count(this.rows.length), all: count(model.films.length) })
      + (filters.length ? tr(": {filters}", { filters: filters.join(", ") }) : "");
  }

  showMovers() {
    const { model, state } = this;
    const day = model.days.indexOf(state.last_day);
    const before = model.weekBefore(day);
    const anyMoved = showMovers(find("#movers"), this.rows, this.panel.go);
    find("#movers-hint").textContent = before < 0
      ? tr("Nothing to compare with: the day a week before {day} is not among the days here.", { day: dayText(state.last_day) })
      : anyMoved ? tr("From {first} to {last}", { first: dayText(model.days[before]), last: dayText(state.last_day) }) : tr("No film moved.");
  }

  showList() {
    const { model, state, rows } = this;
    const { go } = this.panel;
    showSort(find("#films thead"), find("#sort-by"), state);
    this.keepFocus(() => find("#films tbody").replaceChildren(...rows.slice(0, this.rowsShown).map(
      (row, place) => filmRow(model, state, row, place + 1, (id) => this.toggleCurve(id), go))));
    find("#films").hidden = rows.length === 0;
    find("#no-films").hidden = rows.length > 0;
    find("#more").hidden = rows.length <= this.rowsShown;
  }

  showGroups() {
    const { model, state } = this;
    const panels = model.dimensions.map((dimension) => {
      const isFiltered = dimension.key === "decade" ? state.first_year || state.last_year : state[dimension.key];
      const groups = groupsOf(dimension, isFiltered ? rowsOf(model, state, dimension.key) : this.rows, state.bars);
      return groupPanel(dimension, groups, state, this.open.has(dimension.key), (key, code) => this.choose(key, code), (key) => {
        if (!this.open.delete(key)) this.open.add(key);
        this.showGroups();
      }, model.queries[dimension.key], () => this.describe());
    });
    this.keepFocus(() => find("#groups").replaceChildren(...panels));
  }

  showCurves() {
    const { model, state } = this;
    const chosen = state.films.map((id) => model.byId.get(id));
    this.drawn = chosen.length ? chosen : this.rows.slice(0, model.maxCurves).map((row) => row.film);
    find("#curves-hint").textContent = model.days.length === 1
      ? tr("Only one day so far: curves start with the second.")
      : chosen.length ? tr("Films you chose, {number} at most.", { number: model.maxCurves })
        : tr("The first {number} of the list below. Compare others: by name, or by their button in the column Curve.", { number: model.maxCurves });
    this.markDay = drawCurves(find("#curves"), model, state, this.drawn, (day) => this.showDay(day));
    const slider = find("#day");
    slider.min = model.days.indexOf(state.first_day);
    slider.max = model.days.indexOf(state.last_day);
    find("#day-slider").hidden = slider.min === slider.max || !this.drawn.length;
    this.showDay(Number(slider.max));
    this.showCurveTable();
  }

  showDay(day) {
    const slider = find("#day");
    slider.value = day;
    slider.setAttribute("aria-valuetext", dayText(this.model.days[day]));
    find("#day-shown").textContent = dayText(this.model.days[day], "medium");
    this.markDay(day);
    showLegend(find("#legend"), this.model, this.state, this.drawn, day, (id) => { this.toggleCurve(id); find("#list-title").focus(); }, this.panel.go);
  }

  showCurveTable() {
    if (find("#curve-table").open) find("#curve-table div").replaceChildren(curveTable(this.model, this.state, this.drawn));
  }

  // A redrawn part keeps the focus of the element it replaces.
  keepFocus(draw) {
    const key = document.activeElement?.dataset.focus;
    draw();
    if (key) document.querySelector(`[data-focus="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
  }
}

try {
  if (typeof DecompressionStream === "undefined") {
    throw new Error(tr("this browser cannot open compressed data; one of 2023 or later can"));
  }
  new Dashboard(await loadModel());
  document.documentElement.dataset.ready = "true";
} catch (error) {
  const trouble = find("#trouble");
  trouble.textContent = tr("The page could not be shown: {reason}.", { reason: error.message });
  trouble.hidden = false;
  throw error;
}
