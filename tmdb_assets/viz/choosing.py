"""Choosing one film or person: the one that the address names, or one from the search or the most popular."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from tmdb_assets.language import mark, tr
from tmdb_assets.viz.cached import picture_query, read_rows
from tmdb_assets.viz.matching import chosen_filters
from tmdb_assets.viz.navigation import named_id
from tmdb_assets.viz.queries import FIND_FILMS, FIND_PEOPLE, PERSON_NAME, TITLE, TOP_FILMS, like_pattern
from tmdb_assets.viz.reader import Edition


@dataclass(frozen=True)
class Kind:
    """What is chosen: its name in the address, the columns of its id and its name, and the queries for it.

    `top`: the most popular, `find`: those whose names contain `pattern`, `one`: the name of one.
    """

    word: str
    key: str
    name: str
    top: str
    find: str
    one: str
    search: str
    label: str
    hint: str
    no_match: str


FILM = Kind(
    "film",
    "movie_id",
    "title",
    TOP_FILMS,
    FIND_FILMS,
    TITLE,
    mark("Find a film"),
    mark("Film"),
    mark("Part of the title"),
    mark("No film has this in its title. Try a shorter part of it."),
)
PERSON = Kind(
    "person",
    "person_id",
    "name",
    picture_query("top_people"),
    FIND_PEOPLE,
    PERSON_NAME,
    mark("Find a person"),
    mark("Person"),
    mark("Part of the name"),
    mark("No person has this in the name. Try a shorter part of it."),
)


def choose(edition: Edition, kind: Kind) -> tuple[int, str] | None:
    """The id and the name of the chosen one; None where there is none to choose.

    The most popular are those that match the filters; the search finds all.
    """
    given = named_id(kind.word)
    search, choice = st.columns(2)
    part = search.text_input(tr(kind.search), placeholder=tr(kind.hint), key=f"find_{kind.word}").strip()
    found = read_rows(edition, kind.find, {"pattern": like_pattern(part)}) if part else None
    if found is not None and not len(found):
        st.caption(tr(kind.no_match))
        found = None
    rows = read_rows(edition, kind.top, None, chosen_filters()) if found is None else found
    names = {
        int(key): name or f"{tr(kind.label)} {key}" for key, name in zip(rows[kind.key], rows[kind.name], strict=True)
    }
    if given is not None and found is None and given not in names:
        known = read_rows(edition, kind.one, {kind.key: given})
        name = known[kind.name].iloc[0] if len(known) else None
        names = {given: name or f"{tr(kind.label)} {given}", **names}
    if not names:
        st.info(tr("Nothing matches the filters in the sidebar. Remove one of them, or search above."))
        return None
    options = list(names)
    index = options.index(given) if given in names and found is None else 0
    chosen: int = choice.selectbox(
        tr(kind.label), options, index=index, format_func=names.__getitem__, key=f"{kind.word}_of_{given}"
    )
    return chosen, str(names[chosen])
