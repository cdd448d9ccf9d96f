"""The pages of people, of one person, and of releases by country."""

from __future__ import annotations

import streamlit as st

from tmdb_assets.viz.cached import draw_picture, read_rows
from tmdb_assets.viz.filters import chosen_days
from tmdb_assets.viz.layout import plain_markdown, show_chart, show_films, show_table
from tmdb_assets.viz.navigation import link, named_id
from tmdb_assets.viz.queries import (
    COSTARS,
    FIND_PEOPLE,
    PERSON_FILMS,
    PERSON_NAME,
    RELEASE_COUNTRIES,
    TOP_PEOPLE,
    like_pattern,
)
from tmdb_assets.viz.reader import Edition


def show_people(edition: Edition) -> None:
    """The people by popularity, with links to each, and the best rated directors."""
    show_chart(*draw_picture(edition, "top_people"), name="top_people")
    people = read_rows(edition, TOP_PEOPLE)
    if len(people):
        st.caption("Open a person:")
        with st.container(horizontal=True, gap="small"):
            for person in people.head(20).to_dict("records"):
                link("person", person["name"] or f"Person {person['person_id']}", person=person["person_id"])
    show_chart(*draw_picture(edition, "directors_by_rating"), name="directors_by_rating")


def show_person(edition: Edition) -> None:
    """One person's films over time and by popularity, and costars."""
    given = named_id("person")
    search, choice = st.columns(2)
    name = search.text_input("Find a person", placeholder="Part of the name", key="find_person").strip()
    found = read_rows(edition, FIND_PEOPLE, {"pattern": like_pattern(name)}) if name else None
    if found is not None and not len(found):
        st.caption("No person has this in the name. Try a shorter part of it.")
    people = found if found is not None and len(found) else read_rows(edition, TOP_PEOPLE)
    names = dict(zip(people["person_id"].tolist(), people["name"], strict=True))
    if given is not None and found is None and given not in names:
        known = read_rows(edition, PERSON_NAME, {"person_id": given})
        names = {given: known["name"].iloc[0] if len(known) else None, **names}
    if not names:
        return
    options = list(names)
    person: int = choice.selectbox(
        "Person",
        options,
        index=options.index(given) if given in names and found is None else 0,
        format_func=lambda key: names[key] or f"Person {key}",
        key=f"person_of_{given}",
    )
    st.subheader(plain_markdown(str(names[person] or f"Person {person}")), divider="gray")
    spec, table = draw_picture(edition, "films_of_a_person", {"person_id": person, "days": chosen_days()})
    if len(table):
        show_chart(spec, table, name="films_of_a_person")
    else:
        st.info("None of this person's films has figures in this period. Choose more days in the sidebar.")
    films = read_rows(edition, PERSON_FILMS, {"person_id": person, "day": edition.newest_day})
    if len(films):
        st.subheader("Films of the newest day")
        show_films(films, key=f"films_of_{person}")
    costars = read_rows(edition, COSTARS, {"person_id": person})
    if len(costars):
        st.caption("Shares the lead with")
        show_table(
            costars,
            alt="Costars",
            column_config={"costar_name": "Costar", "n_movies": st.column_config.NumberColumn("Films", width="small")},
        )


def show_releases(edition: Edition) -> None:
    """What opens in a country within 60 days."""
    countries = read_rows(edition, RELEASE_COUNTRIES)
    names = dict(zip(countries["iso_3166_1"], countries["country"], strict=True))
    label = "Country of release"
    country = st.selectbox(label, list(names), format_func=names.__getitem__, key="release_country") or "US"
    show_chart(*draw_picture(edition, "releases_by_country", {"country": country}), name="releases_by_country")
