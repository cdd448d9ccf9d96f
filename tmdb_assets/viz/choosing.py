"""Choosing one film or person: the one that the address names, or one from the search or the most popular."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from tmdb_assets.language import mark, tr
from tmdb_assets.viz.address import choose_here, name_here, names_of, say_unknown
from tmdb_assets.viz.cached import picture_query, read_rows
from tmdb_assets.viz.matching import chosen_filters
from tmdb_assets.viz.queries import FIND_FILMS, FIND_PEOPLE, PERSON_NAME, TITLE, TOP_FILMS, like_pattern
from tmdb_assets.viz.reader import Edition

if TYPE_CHECKING:
    import pandas as pd

_SEARCHED = "searched_{}"


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
    """The id and the name of the chosen one, which the address names; None where there is none to choose.

    The most popular are those that match the filters; the search finds all, and chooses the first that it finds.
    """
    search, choice = st.columns(2)
    part = search.text_input(
        tr(kind.search), placeholder=tr(kind.hint), key=f"find_{kind.word}", on_change=_searched, args=(kind,)
    ).strip()
    found = read_rows(edition, kind.find, {"pattern": like_pattern(part)}) if part else None
    if found is not None and not len(found):
        st.caption(tr(kind.no_match))
        found = None
    if st.session_state.pop(_SEARCHED.format(kind.word), False) and found is not None:
        name_here(kind.word, [str(found[kind.key].iloc[0])])
    names = _named(kind, read_rows(edition, kind.top, None, chosen_filters()) if found is None else found)
    given = names_of(kind.word)[-1:]
    if given and given[0] not in map(str, names):
        number = as_id(given[0])
        known = {} if number is None else _named(kind, read_rows(edition, kind.one, {kind.key: number}))
        if not known:
            say_unknown(given, tr("Search for another one, or choose one from the list."))
        names = {**known, **names}
    if not names:
        st.info(tr("Nothing matches the filters in the sidebar. Remove one of them, or search above."))
        return None
    with choice:
        chosen = choose_here(tr(kind.label), list(names), names.__getitem__, name=kind.word, default=next(iter(names)))
    return None if chosen is None else (chosen, names[chosen])


def _searched(kind: Kind) -> None:
    st.session_state[_SEARCHED.format(kind.word)] = True


def _named(kind: Kind, rows: pd.DataFrame) -> dict[int, str]:
    pairs = zip(rows[kind.key], rows[kind.name], strict=True)
    return {int(key): name or f"{tr(kind.label)} {key}" for key, name in pairs}


def as_id(text: str) -> int | None:
    """The id of a film or person that an address gives; None if it can be none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
