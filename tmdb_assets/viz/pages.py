"""The pages, in `PAGES`: the composed ones, then one per picture that is on none of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from tmdb_assets.charts.picture import Picture
from tmdb_assets.charts.registry import PICTURES
from tmdb_assets.viz.cached import draw_picture, draw_rows, read_rows
from tmdb_assets.viz.layout import SPANS, show_chart, show_films, show_page, show_table
from tmdb_assets.viz.people import show_people, show_releases
from tmdb_assets.viz.queries import FIND_FILMS, LOADED_DAYS, TOP_FILMS, TOP_OF_CONTINENT, like_pattern
from tmdb_assets.viz.reader import Edition
from tmdb_assets.viz.similar import show_similar

MOST_CURVES = 8  # the number of colours in the chart


@dataclass(frozen=True)
class Page:
    """A page: the path of its address, title, icon, one line on what it shows, its body, and the pictures in it."""

    path: str
    title: str
    icon: str
    meaning: str
    body: Callable[[Edition], None]
    pictures: tuple[str, ...]

    def show(self) -> None:
        """Show the whole page."""
        show_page(self.title, self.meaning, self.body)


def _show_key_figures(edition: Edition) -> None:
    show_chart(*draw_picture(edition, "key_figures"))
    st.subheader("Loaded days")
    show_table(
        read_rows(edition, LOADED_DAYS),
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


def _show_top_films(edition: Edition) -> None:
    spec, _ = draw_picture(edition, "top_films")
    show_chart(spec)
    st.subheader("The top 200")
    show_films(read_rows(edition, TOP_FILMS))
    st.subheader("Similar films")
    show_similar(edition)


def _show_continents(edition: Edition) -> None:
    spec, table = draw_picture(edition, "continent_popularity")
    show_chart(spec, table)
    if not len(table):
        return
    st.subheader("Top ten produced on a continent")
    names = [str(name) for name in table["produced in"]]
    continent = st.selectbox("Continent of production", names, key="continent")
    parameters = {"day": edition.newest_day, "continent": continent}
    spec, films = draw_rows(edition, "top_films", TOP_OF_CONTINENT, parameters, {"group": continent})
    show_chart(spec)
    show_films(films)


def _show_trends(edition: Edition) -> None:
    show_chart(*draw_picture(edition, "movers_of_the_week"))
    st.subheader("Curves")
    chosen = _choose_films(edition)
    days = st.segmented_control(
        "Span", list(SPANS), format_func=SPANS.__getitem__, default=30, required=True, key="span"
    )
    parameters = {"movie_ids": chosen or None, "days": days}
    options = {"is_chosen": True} if chosen else {}
    spec, table = draw_picture(edition, "popularity_over_time", parameters, options)
    if chosen and not len(table):
        st.info("None of the chosen films has figures in this period. Choose a longer one, or other films.")
    else:
        show_chart(spec, table)


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


def _picture_page(picture: Picture, title: str, icon: str) -> Page:
    def body(edition: Edition) -> None:
        show_chart(*draw_picture(edition, picture.name))

    return Page(picture.name, title, icon, picture.shows, body, (picture.name,))


_COMPOSED = (
    Page(
        "key_figures",
        "Key figures",
        ":material/speed:",
        "Totals over the films of the newest loaded day, and the loaded days.",
        _show_key_figures,
        ("key_figures",),
    ),
    _picture_page(PICTURES["genre_popularity"], "Genres", ":material/theater_comedy:"),
    Page(
        "top_films",
        "Top films",
        ":material/trophy:",
        "The most popular films of the newest loaded day.",
        _show_top_films,
        ("top_films",),
    ),
    Page(
        "continents",
        "Continents of production",
        ":material/public:",
        "Where films are produced: each counts once for each continent of its production countries.",
        _show_continents,
        ("continent_popularity",),
    ),
    Page(
        "trends",
        "Trends",
        ":material/trending_up:",
        "The movers of the week, and popularity day by day.",
        _show_trends,
        ("movers_of_the_week", "popularity_over_time"),
    ),
    Page(
        "people",
        "People",
        ":material/groups:",
        "Who drives popularity: the films of people, in the cast or behind the camera, taken together.",
        show_people,
        ("top_people", "films_of_a_person"),
    ),
    Page(
        "releases",
        "Releases",
        ":material/event_upcoming:",
        "What opens where within 60 days of the newest loaded day, with type and certificate.",
        show_releases,
        ("releases_by_country",),
    ),
)
_PLACED = {name for page in _COMPOSED for name in page.pictures}

PAGES = (
    *_COMPOSED,
    *(
        _picture_page(picture, picture.title, ":material/bar_chart:")
        for name, picture in PICTURES.items()
        if name not in _PLACED
    ),
)
