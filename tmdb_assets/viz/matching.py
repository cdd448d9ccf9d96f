"""The films that match the filters: any query of films, narrowed to these.

A narrowed query is the query itself. It reads the same tables and views, each replaced by a common table expression of
its name that holds what would be in it if only the matching films were loaded. So the figures of a filtered page are
computed by the SQL of the unfiltered one. `tmdb_reader` may run them all.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
import streamlit as st

from tmdb_assets.language import mark, tr
from tmdb_assets.language.names import country_named, language_named
from tmdb_assets.viz.address import chosen
from tmdb_assets.warehouse.schema.ddl import function_file, view_file
from tmdb_assets.warehouse.schema.fact import popularity_total, top_movie
from tmdb_assets.warehouse.schema.views import VIEWS

ALL = mark("All")
# What a film is linked to by each filter: `b` is the film, `d` has the name.
_NAMES = {
    "genre": "bridge_movie_genre as b inner join dim_genre as d on b.genre_id = d.genre_id",
    "country": "bridge_movie_country as b inner join dim_country as d on b.iso_3166_1 = d.iso_3166_1",
    "language": "dim_movie as b inner join dim_language as d on b.original_language = d.iso_639_1",
}
KEYS = {
    "genre": "select d.genre_id from dim_genre as d where d.name = :name order by 1",
    "country": "select d.iso_3166_1 from dim_country as d where d.name = :name order by 1",
    "language": "select d.iso_639_1 from dim_language as d where d.name = :name order by 1",
}
"""The keys of what has a name: a narrowed query takes these, because the planner knows how many films a key has."""
# Only the conditions of the filters that are set, so that the planner can estimate how many films match.
_CONDITIONS = {
    "from_year": "m.release_date >= make_date(:match_from_year, 1, 1)",
    "to_year": "m.release_date < make_date(:match_to_year + 1, 1, 1)",
    "genre": "m.movie_id in (select b.movie_id from bridge_movie_genre as b where b.genre_id = any(:match_genre))",
    "country": (
        "m.movie_id in (select b.movie_id from bridge_movie_country as b where b.iso_3166_1 = any(:match_country))"
    ),
    "language": "m.original_language = any(:match_language)",
}
_MATCHED = "select t.* from {table} as t where t.movie_id in (select m.movie_id from matching as m)"

_CHOICES = "select '{kind}' as kind, d.name, count(*) as n_movies from {names} where d.name is not null group by d.name"

FILTER_CHOICES = (
    "\nunion all\n".join(_CHOICES.format(kind=kind, names=names) for kind, names in _NAMES.items())
    + "\norder by kind, n_movies desc, name"
)
"""Names to filter by, those with the most films first."""


def shown_name(kind: str, name: str) -> str:
    """A genre, country or language in the reader's language; the address and the queries have its English name."""
    if name == ALL:
        return tr(ALL)
    if kind == "genre":
        return tr(name)
    return country_named(name) if kind == "country" else language_named(name)


@dataclass(frozen=True)
class Filters:
    """What the reader chose: names of a genre, production country and original language, and years of release."""

    genre: str | None = None
    country: str | None = None
    language: str | None = None
    from_year: int | None = None
    to_year: int | None = None

    @property
    def chosen(self) -> dict[str, Any]:
        """What is chosen, by kind of filter."""
        return {kind: value for kind, value in asdict(self).items() if value is not None}

    @property
    def words(self) -> str:
        """The filters in words, "" without any."""
        years = [
            tr(text, year=year)
            for text, year in ((mark("from {year}"), self.from_year), (mark("to {year}"), self.to_year))
            if year is not None
        ]
        named = [shown_name(kind, name) for kind in _NAMES if (name := getattr(self, kind))]
        return ", ".join(filter(None, (*named, " ".join(years))))


ALL_FILMS = Filters()


def chosen_filters() -> Filters:
    """The filters as the sidebar has them."""
    values = {name: chosen(name) if name in _NAMES else st.session_state.get(name) for name in asdict(ALL_FILMS)}
    return Filters(**{name: None if value in {ALL, None} else value for name, value in values.items()})


def narrow(query: str, filters: Filters) -> str:
    """The query, of the matching films only.

    It also takes `match_...` for each filter that is chosen: a year, or the keys of a name.
    """
    body = re.sub(r"\A(\s*--.*\n)*\s*", "", query)
    conditions = " and\n    ".join(_CONDITIONS[kind] for kind in filters.chosen) or "true"
    matching = f"select m.movie_id\nfrom dim_movie as m\nwhere\n    {conditions}"
    replaced = ",\n\n".join(
        f"{name} as {how}(\n{sql.strip()}\n)"
        for name, how, sql in (("matching", "materialized ", matching), *_replaced())
    )
    return f"with {replaced},\n{body[4:]}" if body.startswith("with") else f"with {replaced}\n{body}"


@cache
def _replaced() -> tuple[tuple[str, str, str], ...]:
    """Each name with how it is kept and its SQL; each reads those before it, and never itself."""
    counts = function_file("renew_totals").read_text(encoding="utf-8")
    top, totals = re.findall(r"as \$\$\n((?:select|with)\b.*?)\$\$;", counts, re.DOTALL)
    again = "not materialized "
    return (
        *((name, again, _MATCHED.format(table=name)) for name in ("dim_movie", "fact_movie_daily", "vw_movie_latest")),
        # Tables that the views are made of, and the reader may not read.
        ("movie_latest", again, "select l.* from vw_movie_latest as l"),
        ("load_day", again, "select s.date_id from vw_load_status as s"),
        (_with_columns(top_movie), "", top),
        (_with_columns(popularity_total), "", totals.replace("count_top()", "top_movie")),
        *(
            (view.name, "", _select_of(view.name))
            for view in VIEWS
            if view.name not in {"vw_movie_latest", "vw_load_status"}
        ),
    )


def _with_columns(table: sa.Table) -> str:
    return f"{table.name} ({', '.join(table.columns.keys())})"


def _select_of(view: str) -> str:
    return view_file(view).read_text(encoding="utf-8").split(" as\n", 1)[1].split(";\n", 1)[0]
