"""The films that are similar to a film."""

from __future__ import annotations

import re

import streamlit as st

from tmdb_assets.language import mark, tr
from tmdb_assets.language.names import language_named
from tmdb_assets.viz.cached import read_rows
from tmdb_assets.viz.languages import days_format
from tmdb_assets.viz.layout import show_table
from tmdb_assets.viz.navigation import go
from tmdb_assets.viz.queries import SIMILAR_FILMS
from tmdb_assets.viz.reader import Edition

# What films share, as the loader names it before the name; a decade is "1980s".
KINDS = (
    mark("genre"),
    mark("keyword"),
    mark("company"),
    mark("language"),
    mark("director"),
    mark("cast"),
    mark("crew"),
)


def reasons(because: str) -> str:
    """Why films are similar, in the chosen language; names stay as they are stored, but genres and languages."""
    return ", ".join(map(_reason, because.split(", ")))


def _reason(part: str) -> str:
    if decade := re.fullmatch(r"(\d{4})s", part):
        return tr("{year}s", year=decade[1])
    kind, _, name = part.partition(" ")
    if kind not in KINDS or not name:
        return part
    if kind == "language":
        return f"{tr(kind)} {language_named(name)}"
    return f"{tr(kind)} {tr(name) if kind == 'genre' else name}"


def show_similar(edition: Edition, movie_id: int | None) -> None:
    """The films that share most with a film, with the reasons; a click on a title opens it."""
    similar = read_rows(edition, SIMILAR_FILMS, {"movie_id": movie_id})
    if not len(similar):
        st.info(
            tr(
                "No similar films of it: it is not among the 10,000 most popular films of the newest day, the job "
                "daily has not run since, or similar films are switched off (SIMILAR=off)."
            )
        )
        return
    column = st.column_config
    event = show_table(
        similar.assign(because=similar["because"].map(reasons)),
        {"score": ".3f"},
        key=f"similar_to_{movie_id}",
        on_select="rerun",
        selection_mode="single-cell",
        alt=tr("Similar films"),
        column_order=["rank", "title", "release_date", "because", "score"],
        column_config={
            "rank": column.NumberColumn(tr("Rank"), width="small"),
            "title": column.TextColumn(tr("Film"), width="medium"),
            "release_date": column.DateColumn(tr("Released"), format=days_format()),
            "because": column.TextColumn(tr("Because of"), width="large"),
            "score": column.NumberColumn(tr("Score"), help=tr("How much they share, 0 to 1.")),
        },
    )
    cells = event["selection"]["cells"]
    if cells and cells[0][1] == "title":
        go("film", film=similar["movie_id"].iloc[cells[0][0]])
