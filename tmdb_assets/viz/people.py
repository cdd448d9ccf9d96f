"""The pages of people, and of releases by country."""

from __future__ import annotations

import streamlit as st

from tmdb_assets.viz.cached import draw_picture, read_rows
from tmdb_assets.viz.layout import SPANS, show_chart, show_table
from tmdb_assets.viz.queries import COSTARS, FIND_PEOPLE, RELEASE_COUNTRIES, TOP_PEOPLE, like_pattern
from tmdb_assets.viz.reader import Edition


def show_people(edition: Edition) -> None:
    """The people by popularity, and one person's films and costars."""
    show_chart(*draw_picture(edition, "top_people"))
    st.subheader("A person")
    name = st.text_input("Find a person", placeholder="Part of the name", key="find_person").strip()
    found = read_rows(edition, FIND_PEOPLE, {"pattern": like_pattern(name)}) if name else None
    if found is not None:
        st.caption(f"Found: {len(found)}. Choose below." if len(found) else "No person has this in the name.")
    people = found if found is not None and len(found) else read_rows(edition, TOP_PEOPLE)
    if not len(people):
        return
    names = dict(zip(people["person_id"].tolist(), people["name"], strict=True))
    person: int = st.selectbox(
        "Person", list(names), format_func=lambda key: names[key] or f"Person {key}", key="person"
    )
    days = st.segmented_control(
        "Span", list(SPANS), format_func=SPANS.__getitem__, default=30, required=True, key="person_span"
    )
    spec, table = draw_picture(edition, "films_of_a_person", {"person_id": person, "days": days})
    if len(table):
        show_chart(spec, table)
    else:
        st.info("None of this person's films has figures in this period.")
    costars = read_rows(edition, COSTARS, {"person_id": person})
    if len(costars):
        st.caption("Shares the lead with")
        show_table(
            costars,
            column_config={"costar_name": "Costar", "n_movies": st.column_config.NumberColumn("Films", width="small")},
        )


def show_releases(edition: Edition) -> None:
    """What opens in a country within 60 days."""
    countries = read_rows(edition, RELEASE_COUNTRIES)
    names = dict(zip(countries["iso_3166_1"], countries["country"], strict=True))
    label = "Country of release"
    country = st.selectbox(label, list(names), format_func=names.__getitem__, key="release_country") or "US"
    show_chart(*draw_picture(edition, "releases_by_country", {"country": country}))
