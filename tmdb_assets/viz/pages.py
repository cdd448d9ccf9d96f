"""The pages, in `PAGES`: the composed ones, then one per picture that is on none of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from tmdb_assets.charts.registry import PICTURES
from tmdb_assets.language import mark, tr
from tmdb_assets.viz.address import CHOSEN, choose_here, name_here, names_of, say_unknown
from tmdb_assets.viz.cached import draw_picture, draw_rows, read_figures, read_rows
from tmdb_assets.viz.choosing import as_id
from tmdb_assets.viz.films import show_film, show_today, show_top_films
from tmdb_assets.viz.filters import chosen_days
from tmdb_assets.viz.layout import show_chart, show_films, show_page, show_picture
from tmdb_assets.viz.matching import ALL_FILMS, chosen_filters
from tmdb_assets.viz.people import show_people, show_person, show_releases
from tmdb_assets.viz.quality import show_quality
from tmdb_assets.viz.queries import FIND_FILMS, TITLES, TOP_FILMS, TOP_OF_CONTINENT, like_pattern
from tmdb_assets.viz.reader import Edition

MOST_CURVES = 8  # the number of colours in the chart


@dataclass(frozen=True)
class Page:
    """A page: the path of its address, title, icon, group, one line on what it shows, its body, the pictures in it.

    `scope` says to what the filters in the sidebar do not apply, "" if to all of it; `names` are those that only its
    address has.
    """

    path: str
    title: str
    icon: str
    group: str
    meaning: str
    body: Callable[[Edition], None]
    pictures: tuple[str, ...]
    scope: str = ""
    names: tuple[str, ...] = ()

    def show(self) -> None:
        """Show the whole page."""
        show_page(self.title, self.meaning, self.body, self.scope)


def _show_continents(edition: Edition) -> None:
    table = show_picture(edition, "continent_popularity")
    if not len(table):
        return
    st.subheader(tr("Top ten produced on a continent"))
    names = read_figures(edition, "continent_popularity")["continent"].dropna().astype(str).tolist()
    continent = choose_here(tr("Continent of production"), names, tr, name="continent", default=next(iter(names), None))
    if continent is None:
        if given := names_of("continent"):
            say_unknown(given, tr("Choose one from the list, or change the filters."))
        return
    parameters = {"day": edition.newest_day, "continent": continent}
    options = {"group": tr("produced in {continent}", continent=tr(str(continent)))}
    drawn = draw_rows(edition, "top_films", TOP_OF_CONTINENT, parameters, options, chosen_filters())
    show_chart(drawn, name="top_films")
    show_films(drawn.table)


def _show_trends(edition: Edition) -> None:
    show_picture(edition, "movers_of_the_week")
    st.subheader(tr("Curves"))
    chosen = _choose_films(edition)
    parameters = {"movie_ids": chosen or None, "days": chosen_days()}
    if not chosen:
        show_picture(edition, "popularity_over_time", parameters)
        return
    drawn = draw_picture(edition, "popularity_over_time", parameters, {"is_chosen": True}, ALL_FILMS)
    if len(drawn.table):
        show_chart(drawn, name="popularity_over_time")
    else:
        st.info(tr(_NO_FIGURES))


_NO_FIGURES = mark(
    "None of the chosen films has figures in this period. Choose more days in the sidebar, or other films."
)


def _choose_films(edition: Edition) -> list[int]:
    """The ids of the films picked from the top 200 and from the search results."""
    known: dict[int, str] = st.session_state.setdefault("known_films", {})
    given = {text: as_id(text) for text in names_of("films")}
    ids = [film for film in given.values() if film is not None]
    named = read_rows(edition, TITLES, {"movie_ids": ids}) if ids else None
    title = st.text_input(tr("Find films beyond the top 200"), placeholder=tr("Part of the title"), key="find").strip()
    found = read_rows(edition, FIND_FILMS, {"pattern": like_pattern(title)}) if title else None
    for films in (read_rows(edition, TOP_FILMS, None, chosen_filters()), found, named):
        if films is not None:
            known |= dict(
                zip(films["movie_id"].tolist(), map(_label, films["title"], films["release_date"]), strict=True)
            )
    if found is not None:
        number = len(found)
        st.caption(
            tr("Found: {number}. Choose them below.", number=number) if number else tr("No film has this in its title.")
        )
    first = found["movie_id"].tolist() if found is not None else []
    if unknown := [text for text, film in given.items() if film not in known]:
        say_unknown(unknown, tr("Choose other films below."))
    key = CHOSEN.format("films")
    st.session_state[key] = [film for film in dict.fromkeys(ids) if film in known][:MOST_CURVES]
    picked: list[int] = st.multiselect(
        tr("Films (at most {number}; the top {number} if none is chosen)", number=MOST_CURVES),
        list(dict.fromkeys([*first, *known])),
        format_func=lambda film: known[film],
        max_selections=MOST_CURVES,
        key=key,
        on_change=lambda: name_here("films", map(str, st.session_state[key])),
    )
    return picked


def _label(title: str | None, released: object) -> str:
    year = str(released)[:4]
    return f"{title or tr('Untitled film')} ({year})" if year.isdigit() else str(title)


def _picture_page(path: str, title: str, icon: str, group: str, meaning: str, *pictures: str) -> Page:
    def body(edition: Edition) -> None:
        for name in pictures:
            has_days = "days" in PICTURES[name].parameters
            show_picture(edition, name, {"days": chosen_days()} if has_days else None)

    return Page(path, title, f":material/{icon}:", group, meaning, body, pictures)


def _one_picture(name: str, icon: str, group: str) -> Page:
    picture = PICTURES[name]
    return _picture_page(name, picture.title, icon, group, picture.shows, name)


_COMPOSED = (
    Page(
        "today",
        mark("Today"),
        ":material/today:",
        mark("Today"),
        mark("The newest loaded day at a glance."),
        show_today,
        ("key_figures",),
    ),
    Page(
        "top_films",
        mark("Top films"),
        ":material/trophy:",
        mark("Films"),
        mark("The most popular films of the newest loaded day."),
        show_top_films,
        ("top_films",),
    ),
    Page(
        "film",
        mark("A film"),
        ":material/movie:",
        mark("Films"),
        mark("One film: figures, curve, people, releases, similar films."),
        show_film,
        (),
        mark("The filters do not apply to one film and those similar to it, only to the films that you can choose."),
        ("film",),
    ),
    _one_picture("release_calendar", "calendar_month", mark("Films")),
    _picture_page(
        "measures",
        mark("Ratings, runtimes, money"),
        "monitoring",
        mark("Films"),
        mark("How the films of the newest day are rated, how long they are, and what they cost and earned."),
        "rating_distribution",
        "runtime_distribution",
        "budget_and_revenue",
    ),
    Page(
        "people",
        mark("People"),
        ":material/groups:",
        mark("People"),
        mark("Who drives popularity: the films of people, in the cast or behind the camera, taken together."),
        show_people,
        ("top_people", "directors_by_rating"),
    ),
    Page(
        "person",
        mark("A person"),
        ":material/person:",
        mark("People"),
        mark("One person: films over time, films by popularity, costars."),
        show_person,
        ("films_of_a_person",),
        names=("person",),
    ),
    _one_picture("genre_popularity", "theater_comedy", mark("Genres")),
    _one_picture("genre_shares", "stacked_line_chart", mark("Genres")),
    _one_picture("rising_keywords", "sell", mark("Genres")),
    Page(
        "continents",
        mark("Continents of production"),
        ":material/public:",
        mark("Markets"),
        mark("Where films are produced: each counts once for each continent of its production countries."),
        _show_continents,
        ("continent_popularity",),
        names=("continent",),
    ),
    _one_picture("production_countries", "flag", mark("Markets")),
    _one_picture("original_languages", "translate", mark("Markets")),
    Page(
        "releases",
        mark("Releases"),
        ":material/event_upcoming:",
        mark("Markets"),
        mark("What opens where within 60 days of the newest loaded day, with type and certificate."),
        show_releases,
        ("releases_by_country",),
        names=("release_country",),
    ),
    Page(
        "trends",
        mark("Trends"),
        ":material/trending_up:",
        mark("Trends"),
        mark("The movers of the week, and popularity day by day."),
        _show_trends,
        ("movers_of_the_week", "popularity_over_time"),
        names=("films",),
    ),
    _one_picture("forecast_record", "online_prediction", mark("Trends")),
    Page(
        "quality",
        mark("Quality"),
        ":material/fact_check:",
        mark("Quality"),
        mark("Whether a day can be trusted: what its checks found and what to do; and each loaded day."),
        show_quality,
        (),
        mark("The filters do not apply to this page; the days do, to the list of loaded days."),
    ),
)
_PLACED = {name for page in _COMPOSED for name in page.pictures}

PAGES = (
    *_COMPOSED,
    *(_one_picture(name, "bar_chart", mark("More pictures")) for name in PICTURES if name not in _PLACED),
)
GROUPS: dict[str, list[Page]] = {}
for _page in PAGES:
    GROUPS.setdefault(_page.group, []).append(_page)
"""The pages by the group that the navigation shows them in."""
