"""The figures and charts of the newest edition, cached until there is a newer one, and for at most five minutes.

The limit is for what changes without a load: continents, removed films, bridges.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd
import psycopg
import sqlalchemy as sa
import streamlit as st
from sqlalchemy.dialects import postgresql

from tmdb_assets.charts.labels import label_text
from tmdb_assets.charts.registry import PICTURES
from tmdb_assets.language import tr
from tmdb_assets.settings import SQL_DIR
from tmdb_assets.viz.matching import ALL_FILMS, KEYS, Filters, chosen_filters, narrow
from tmdb_assets.viz.reader import Edition, reading

KEPT_S = 300
MOST_KEPT = 200
LONGEST_LINE = 90  # characters of a line under a chart's title
# A picture is laid out at a fixed size and can only be scaled as a whole (`layout.STYLE`): as SVG it stays sharp, and
# tooltips still work.
EMBEDDED = {"embedOptions": {"renderer": "svg", "actions": False}}

Spec = dict[str, Any]


Values = Mapping[str, Any]


class Drawn(NamedTuple):
    """A chart's Vega-Lite specification, its figures as a table, and the query that gave them, with its values."""

    spec: Spec
    table: pd.DataFrame
    query: str


@st.cache_data(ttl=KEPT_S, max_entries=MOST_KEPT, show_spinner=False)
def read_rows(
    edition: Edition,
    query: str,
    parameters: Values | None = None,
    filters: Filters = ALL_FILMS,
) -> pd.DataFrame:
    """The rows of a query with its bind parameters, of the films that match."""
    query, values = narrowed(edition, query, parameters, filters)
    with reading() as connection:
        return pd.read_sql_query(sa.text(query), connection, params=values)


def narrowed(edition: Edition, query: str, parameters: Values | None, filters: Filters) -> tuple[str, dict[str, Any]]:
    """The query of the films that match, and its values."""
    values = dict(parameters or {})
    if not filters.chosen:
        return query, values
    for kind, chosen in filters.chosen.items():
        keys = read_rows(edition, KEYS[kind], {"name": chosen}).iloc[:, 0].tolist() if kind in KEYS else chosen
        values[f"match_{kind}"] = keys
    return narrow(query, filters), values


def query_as_run(query: str, values: Values) -> str:
    """A query with its values in it, for psql."""
    compiled = sa.text(query).compile(dialect=postgresql.dialect())  # %(name)s for each value
    return str(compiled) % {name: psycopg.sql.Literal(values[name]).as_string() for name in compiled.params}


def read_figures(
    edition: Edition, name: str, parameters: Values | None = None, filters: Filters | None = None
) -> pd.DataFrame:
    """The rows of a picture's query, of the films that match `filters`; None: the sidebar's."""
    filters = chosen_filters() if filters is None else filters
    return read_rows(edition, picture_query(name), _values_of(name, parameters), filters)


def _values_of(name: str, parameters: Values | None) -> Values:
    return {**PICTURES[name].parameters, **(parameters or {})}


def picture_query(name: str) -> str:
    """The query of a picture."""
    return (SQL_DIR / "pictures" / f"{name}.sql").read_text(encoding="utf-8")


def draw_picture(
    edition: Edition,
    name: str,
    parameters: Values | None = None,
    options: Values | None = None,
    filters: Filters | None = None,
) -> Drawn:
    """A picture's chart, figures and query; `options` are those of its chart.

    `filters`: which films it shows; None: the sidebar's.
    """
    filters = chosen_filters() if filters is None else filters
    return _draw_picture(edition, name, parameters, options, filters)


@st.cache_data(ttl=KEPT_S, max_entries=MOST_KEPT, show_spinner=False)
def _draw_picture(
    edition: Edition, name: str, parameters: Values | None, options: Values | None, filters: Filters
) -> Drawn:
    frame = read_figures(edition, name, parameters, filters)
    table = PICTURES[name].arrange(frame) if len(frame) else frame
    query = query_as_run(*narrowed(edition, picture_query(name), _values_of(name, parameters), filters))
    return Drawn(_draw(edition, name, frame, options, filters), table, query)


@st.cache_data(ttl=KEPT_S, max_entries=MOST_KEPT, show_spinner=False)
def draw_rows(edition: Edition, name: str, query: str, parameters: Values, options: Values, filters: Filters) -> Drawn:
    """A picture's chart drawn from another query's rows, these rows, and that query."""
    rows = read_rows(edition, query, parameters, filters)
    ran = query_as_run(*narrowed(edition, query, parameters, filters))
    return Drawn(_draw(edition, name, rows, options, filters), rows, ran)


@st.cache_data(ttl=KEPT_S, max_entries=20, show_spinner=False)
def render_picture(spec: Spec) -> bytes:
    """A chart as a PNG."""
    from tmdb_assets.charts.render import spec_to_png

    return spec_to_png({**spec, "padding": spec["padding"]["left"]})


def _draw(edition: Edition, name: str, frame: pd.DataFrame, options: Values | None, filters: Filters) -> Spec:
    picture = PICTURES[name]
    chart = picture.draw(frame, snapshot_date=edition.newest_day, is_sample=edition.is_sample, **(options or {}))
    spec: Spec = chart.to_dict(validate=False)  # the tests validate each picture
    if filters.words:
        only = tr("Only films that match: {filters}", filters=filters.words)
        spec["title"]["subtitle"].insert(1, label_text(only, LONGEST_LINE))
        spec["description"] = f"{spec['description']} {only}."
    # Streamlit would fit the chart including its padding into the width, and expects the padding per side.
    padding = dict.fromkeys(("left", "top", "right", "bottom"), spec["padding"])
    if len(frame):
        spec["description"] = f"{spec['description']} {in_words(picture.arrange(frame))}"
    return {**spec, "autosize": {"type": "pad"}, "padding": padding, "usermeta": EMBEDDED}


def in_words(table: pd.DataFrame, most: int = 10) -> str:
    """The first figures of a picture's table as text, for readers who cannot see it."""
    rows = table.head(most).to_dict(orient="records")
    said = "; ".join(", ".join(f"{name} {value}" for name, value in row.items() if not pd.isna(value)) for row in rows)
    if len(table) <= most:
        return tr("Figures: {figures}.", figures=said)
    return tr("The first {number} of {all} figures: {figures}.", number=most, all=len(table), figures=said)
