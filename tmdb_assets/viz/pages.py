"""The pages, in `PAGES`: the composed ones, then one per picture that is on none of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from tmdb_assets.charts.registry import PICTURES
from tmdb_assets.viz.cached import draw_picture, draw_rows, read_rows
from tmdb_assets.viz.films import show_film, show_today, show_top_films
from tmdb_assets.viz.filters import chosen_days, show_scope
from tmdb_assets.viz.layout import show_chart, show_films, show_page, show_table
from tmdb_assets.viz.people import show_people, show_person, show_releases
from tmdb_assets.viz.queries import FIND_FILMS, LOADED_DAYS, TOP_FILMS, TOP_OF_CONTINENT, like_pattern
from tmdb_assets.viz.reader import Edition

MOST_CURVES = 8  # the number of colours in the chart


@dataclass(frozen=True)
class Page:
    """A page: the path of its address, title, icon, group, one line on what it shows, its body, the pictures in it."""

    path: str
    title: str
    icon: str
    group: str
    meaning: str
    body: Callable[[Edition], None]
    pictures: tuple[str, ...]

    def show(self) -> None:
        """Show the whole page."""
        show_page(self.title, self.meaning, self.body)


def _show_loaded_days(edition: Edition) -> None:
    show_table(
        read_rows(edition, LOADED_DAYS),
        alt="Loaded days",
        column_config={
            "day": st.column_config.DateColumn("Day (UTC)"),
            "n_movies": st.column_config.NumberColumn("Films", format="localized"),
            "discover_percent": st.column_config.NumberColumn(
                "From discover", format="%.0f%%", help="The rest comes from the daily id export: popularity, no votes."
            ),
            "n_rejected_rows": st.column_config.NumberColumn("Rejected rows", format="localized"),
            "loaded_at": st.column_config.DatetimeColumn("Loaded (UTC)", format="YYYY-MM-DD HH:mm", timezone="UTC"),
        },
    )


def _show_continents(edition: Edition) -> None:
    spec, table = draw_picture(edition, "continent_popularity")
    show_chart(spec, table, name="continent_popularity")
    if not len(table):
        return
    st.subheader("Top ten produced on a continent")
    names = [str(name) for name in table["produced in"]]
    continent = st.selectbox("Continent of production", names, key="continent")
    parameters = {"day": edition.newest_day, "continent": continent}
    spec, films = draw_rows(edition, "top_films", TOP_OF_CONTINENT, parameters, {"group": f"produced in {continent}"})
    show_chart(spec, name="top_films")
    show_films(films)


def _show_trends(edition: Edition) -> None:
    show_scope(edition, applies=False)
    show_chart(*draw_picture(edition, "movers_of_the_week"), name="movers_of_the_week")
    st.subheader("Curves")
    chosen = _choose_films(edition)
    parameters = {"movie_ids": chosen or None, "days": chosen_days()}
    options = {"is_chosen": True} if chosen else {}
    spec, table = draw_picture(edition, "popularity_over_time", parameters, options)
    if chosen and not len(table):
        st.info("None of the chosen films has figures in this period. Choose more days in the sidebar, or other films.")
    else:
        show_chart(spec, table, name="popularity_over_time")


def _choose_films(edition: Edition) -> list[int]:
    """The ids of the films picked from the top 200 and from the search results."""
    known: dict[int, str] = st.session_state.setdefault("known_films", {})
    title = st.text_input("Find films beyond the top 200", placeholder="Part of the title", key="find").strip()
    found = read_rows(edition, FIND_FILMS, {"pattern": like_pattern(title)}) if title else None
    for films in (read_rows(edition, TOP_FILMS), found):
        if films is not None:
            known |= dict(
                zip(films["movie_id"].tolist(), map(_label, films["title"], films["release_date"]), strict=True)
            )
    if found is not None:
        st.caption(f"Found: {len(found)}. Choose them below." if len(found) else "No film has this in its title.")
    first = found["movie_id"].tolist() if found is not None else []
    picked: list[int] = st.multiselect(
        f"Films (at most {MOST_CURVES}; the top {MOST_CURVES} if none is chosen)",
        list(dict.fromkeys([*first, *known])),
        format_func=lambda film: known[film],
        max_selections=MOST_CURVES,
        key="films",
    )
    return picked


def _label(title: str | None, released: object) -> str:
    year = str(released)[:4]
    return f"{title or 'Untitled film'} ({year})" if year.isdigit() else str(title)


def _picture_page(path: str, title: str, icon: str, group: str, meaning: str, *pictures: str) -> Page:
    def body(edition: Edition) -> None:
        show_scope(edition, applies=False)
        for name in pictures:
            show_chart(*draw_picture(edition, name), name=name)

    return Page(path, title, f":material/{icon}:", group, meaning, body, pictures)


def _one_picture(name: str, icon: str, group: str) -> Page:
    picture = PICTURES[name]
    return _picture_page(name, picture.title, icon, group, picture.shows, name)


_COMPOSED = (
    Page(
        "today",
        "Today",
        ":material/today:",
        "Today",
        "The newest loaded day at a glance.",
        show_today,
        ("key_figures",),
    ),
    Page(
        "top_films",
        "Top films",
        ":material/trophy:",
        "Films",
        "The most popular films of the newest loaded day.",
        show_top_films,
        ("top_films",),
    ),
    Page(
        "film",
        "A film",
        ":material/movie:",
        "Films",
        "One film: figures, curve, people, releases, similar films.",
        show_film,
        (),
    ),
    _one_picture("release_calendar", "calendar_month", "Films"),
    _picture_page(
        "measures",
        "Ratings, runtimes, money",
        "monitoring",
        "Films",
        "How the films of the newest day are rated, how long they are, and what they cost and earned.",
        "rating_distribution",
        "runtime_distribution",
        "budget_and_revenue",
    ),
    Page(
        "people",
        "People",
        ":material/groups:",
        "People",
        "Who drives popularity: the films of people, in the cast or behind the camera, taken together.",
        show_people,
        ("top_people", "directors_by_rating"),
    ),
    Page(
        "person",
        "A person",
        ":material/person:",
        "People",
        "One person: films over time, films by popularity, costars.",
        show_person,
        ("films_of_a_person",),
    ),
    _one_picture("genre_popularity", "theater_comedy", "Genres"),
    _one_picture("genre_shares", "stacked_line_chart", "Genres"),
    _one_picture("rising_keywords", "sell", "Genres"),
    Page(
        "continents",
        "Continents of production",
        ":material/public:",
        "Markets",
        "Where films are produced: each counts once for each continent of its production countries.",
        _show_continents,
        ("continent_popularity",),
    ),
    _one_picture("production_countries", "flag", "Markets"),
    _one_picture("original_languages", "translate", "Markets"),
    Page(
        "releases",
        "Releases",
        ":material/event_upcoming:",
        "Markets",
        "What opens where within 60 days of the newest loaded day, with type and certificate.",
        show_releases,
        ("releases_by_country",),
    ),
    Page(
        "trends",
        "Trends",
        ":material/trending_up:",
        "Trends",
        "The movers of the week, and popularity day by day.",
        _show_trends,
        ("movers_of_the_week", "popularity_over_time"),
    ),
    _one_picture("forecast_record", "online_prediction", "Trends"),
    Page(
        "loaded_days",
        "Loaded days",
        ":material/fact_check:",
        "Quality",
        "Each loaded day: films, where they came from, rows that were rejected, when it was loaded.",
        _show_loaded_days,
        (),
    ),
)
_PLACED = {name for page in _COMPOSED for name in page.pictures}

PAGES = (
    *_COMPOSED,
    *(_one_picture(name, "bar_chart", "More pictures") for name in PICTURES if name not in _PLACED),
)
GROUPS: dict[str, list[Page]] = {}
for _page in PAGES:
    GROUPS.setdefault(_page.group, []).append(_page)
"""The pages by the group that the navigation shows them in."""
