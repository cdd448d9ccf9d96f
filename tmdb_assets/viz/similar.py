"""The films that are similar to a chosen one."""

from __future__ import annotations

import streamlit as st

from tmdb_assets.viz.cached import read_rows
from tmdb_assets.viz.layout import TMDB_PAGE, show_table
from tmdb_assets.viz.queries import FIND_FILMS, SIMILAR_FILMS, TOP_FILMS, like_pattern
from tmdb_assets.viz.reader import Edition


def show_similar(edition: Edition) -> None:
    """A film to choose, and the films that share most with it, with the reasons."""
    title = st.text_input("Find a film", placeholder="Part of the title", key="find_similar").strip()
    found = read_rows(edition, FIND_FILMS, {"pattern": like_pattern(title)}) if title else None
    if found is not None:
        st.caption(f"Found: {len(found)}. Choose below." if len(found) else "No film has this in its title.")
    films = found if found is not None and len(found) else read_rows(edition, TOP_FILMS)
    names = dict(zip(films["movie_id"].tolist(), films["title"], strict=True))
    film: int | None = st.selectbox(
        "Film", list(names), format_func=lambda key: names[key] or f"Film {key}", key="similar_to"
    )
    similar = read_rows(edition, SIMILAR_FILMS, {"movie_id": film})
    if not len(similar):
        st.info(
            "No similar films of it: it is not among the 10,000 most popular films of the newest day, the job daily "
            "has not run since, or similar films are switched off (SIMILAR=off)."
        )
        return
    column = st.column_config
    show_table(
        similar.assign(page=TMDB_PAGE + similar["movie_id"].astype(str)),
        column_order=["rank", "title", "release_date", "because", "score", "page"],
        column_config={
            "rank": column.NumberColumn("Rank", width="small"),
            "title": column.TextColumn("Film", width="medium"),
            "release_date": column.DateColumn("Released"),
            "because": column.TextColumn("Because of", width="large"),
            "score": column.NumberColumn("Score", format="%.3f", help="How much they share, 0 to 1."),
            "page": column.LinkColumn("At TMDb", display_text="Open"),
        },
    )
