"""The pages of people, of one person, and of releases by country."""

from __future__ import annotations

import streamlit as st

from tmdb_assets.language import country_name, mark, tr
from tmdb_assets.viz.address import choose_here, names_of, say_unknown
from tmdb_assets.viz.cached import draw_picture, read_figures, read_rows
from tmdb_assets.viz.choosing import PERSON, choose
from tmdb_assets.viz.filters import chosen_days
from tmdb_assets.viz.layout import NO_MATCH, show_chart, show_films, show_picture, show_table
from tmdb_assets.viz.matching import chosen_filters
from tmdb_assets.viz.navigation import link, plain_markdown
from tmdb_assets.viz.queries import COSTARS, PERSON_FILMS, RELEASE_COUNTRIES
from tmdb_assets.viz.reader import Edition

_NO_FIGURES = mark("None of this person's films has figures in this period. Choose more days in the sidebar.")
_NO_FIGURES_THAT_MATCH = mark(
    "None of this person's films that match the filters has figures in this period. Choose more days in the sidebar."
)


def show_people(edition: Edition) -> None:
    """The people by popularity, with links to each, and the best rated directors."""
    show_picture(edition, "top_people")
    people = read_figures(edition, "top_people")
    if len(people):
        st.caption(tr("Open a person:"))
        with st.container(horizontal=True, gap="small"):
            for person in people.to_dict("records"):
                link("person", person["name"] or f"{tr('Person')} {person['person_id']}", person=person["person_id"])
    show_picture(edition, "directors_by_rating")


def show_person(edition: Edition) -> None:
    """One person's films over time and by popularity, and costars."""
    chosen = choose(edition, PERSON)
    if chosen is None:
        return
    person, name = chosen
    st.subheader(plain_markdown(name), divider="gray")
    drawn = draw_picture(edition, "films_of_a_person", {"person_id": person, "days": chosen_days()})
    if len(drawn.table):
        show_chart(drawn, name="films_of_a_person")
    else:
        text = _NO_FIGURES_THAT_MATCH if chosen_filters().words else _NO_FIGURES
        st.info(tr(text))
    filters = chosen_filters()
    films = read_rows(edition, PERSON_FILMS, {"person_id": person, "day": edition.newest_day}, filters)
    if len(films):
        st.subheader(tr("Films of the newest day"))
        show_films(films, key=f"films_of_{person}")
    costars = read_rows(edition, COSTARS, {"person_id": person}, filters)
    if len(costars):
        st.caption(tr("Shares the lead with"))
        show_table(
            costars,
            alt=tr("Costars"),
            column_config={
                "costar_name": tr("Costar"),
                "n_movies": st.column_config.NumberColumn(tr("Films"), width="small"),
            },
        )


def show_releases(edition: Edition) -> None:
    """What opens in a country within 60 days."""
    countries = read_rows(edition, RELEASE_COUNTRIES, None, chosen_filters())
    if not len(countries) and chosen_filters().words:
        st.info(tr(NO_MATCH))
        return
    names = dict(zip(countries["iso_3166_1"], countries["country"], strict=True))
    country = choose_here(
        tr("Country of release"),
        list(names),
        lambda code: country_name(code, names[code]) or code,
        name="release_country",
        default=next(iter(names), None),
    )
    if country is None and (given := names_of("release_country")):
        say_unknown(given, tr("Choose one from the list, or change the filters."))
    else:
        show_picture(edition, "releases_by_country", {"country": country or "US"})
