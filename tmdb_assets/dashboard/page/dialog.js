// The dialog that shows a film or a person; the address names which, so that Back closes it and a link opens it.

class Panel {
  constructor(dashboard) {
    this.dashboard = dashboard;
    this.dialog = document.querySelector("#panel");
    this.areImagesOn = false;
    this.dialog.addEventListener("close", () => this.closed());
    this.dialog.addEventListener("click", (event) => { if (event.target === this.dialog) this.dialog.close(); });
    document.querySelector("#panel-close").addEventListener("click", () => this.dialog.close());
  }

  // Links to films and people; `isRow` gives a link the focus back when its row is redrawn.
  get go() {
    const { model } = this.dashboard;
    const link = (key, { id }, text, focus) => element("a", {
      href: addressOf(model, { ...this.dashboard.state, film: "", person: "", [key]: id }), dir: "auto", "data-focus": focus ?? null,
      onclick: (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        this.dashboard.goTo({ film: "", person: "", [key]: id });
      },
    }, text);
    return {
      film: (film, isRow = false) => link("film", film, film.title, isRow ? `film-${film.id}` : null),
      person: (person) => link("person", person, person.name),
    };
  }

  async show() {
    const { model, state } = this.dashboard;
    const film = model.byId.get(state.film);
    const person = model.peopleById.get(state.person);
    if (!film && !person) {
      if (this.dialog.open) this.dialog.close();
      return;
    }
    this.details ??= await loadDetails();
    const actions = {
      go: this.go,
      areImagesOn: this.areImagesOn,
      onImages: (isOn) => { this.areImagesOn = isOn; this.show(); },
      filter: (dimension, place) => element("button", {
        type: "button", class: "chip", onclick: () => { this.dialog.close(); this.dashboard.choose(dimension.key, dimension.codes[place]); },
      }, titled(dimension.names[place])),
    };
    const made = film ? filmPanel(model, film, this.details.get(film.id) ?? {}, actions) : personPanel(model, person, actions);
    document.querySelector("#panel-title").textContent = made.title;
    const query = film ? model.queries.film?.replaceAll("550", film.id) : null;
    document.querySelector("#panel-content").replaceChildren(...made.content.filter(Boolean), tools({
      name: film ? `film_${film.id}` : `person_${person.id}`, title: made.title, query, figures: made.figures,
      about: () => tr("Popularity from {first} to {last}", { first: dayText(model.days[0]), last: dayText(model.days.at(-1)) }), svg: () => made.box.querySelector("svg"),
    }));
    if (!this.dialog.open) this.dialog.showModal();
    this.dialog.scrollTop = 0;
    const all = { first_day: model.days[0], last_day: model.days.at(-1), log: false };
    const mark = drawCurves(made.box, model, all, made.films, (day) => mark(day), made.marks);
  }

  closed() {
    const { state } = this.dashboard;
    const focus = state.film ? `film-${state.film}` : null;
    if (state.film || state.person) this.dashboard.goTo({ film: "", person: "" });
    document.querySelector(focus ? `[data-focus="${CSS.escape(focus)}"]` : "#list-title")?.focus({ preventScroll: true });
  }
}
