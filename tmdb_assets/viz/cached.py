"""The figures and charts of the newest edition, cached until there is a newer one, and for at most five minutes.

The limit is for what changes without a load: continents, removed films, bridges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import sqlalchemy as sa
import streamlit as st

from tmdb_assets.charts.registry import PICTURES
from tmdb_assets.viz.reader import Edition, reading
from tmdb_assets.warehouse.read_pictures import read_picture

if TYPE_CHECKING:
    from collections.abc import Mapping

KEPT_S = 300
MOST_KEPT = 200
# A picture is laid out at a fixed size and can only be scaled as a whole (`layout.STYLE`): as SVG it stays sharp, and
# tooltips still work.
EMBEDDED = {"embedOptions": {"renderer": "svg", "actions": False}}

Spec = dict[str, Any]


@st.cache_data(ttl=KEPT_S, max_entries=MOST_KEPT, show_spinner=False)
def read_rows(edition: Edition, query: str, parameters: Mapping[str, Any] | None = None) -> pd.DataFrame:  # noqa: ARG001
    """The rows of a query with its bind parameters; `edition` is the cache key."""
    with reading() as connection:
        return pd.read_sql_query(sa.text(query), connection, params=dict(parameters or {}))


@st.cache_data(ttl=KEPT_S, max_entries=MOST_KEPT, show_spinner=False)
def draw_picture(
    edition: Edition, name: str, parameters: Mapping[str, Any] | None = None, options: Mapping[str, Any] | None = None
) -> tuple[Spec, pd.DataFrame]:
    """The Vega-Lite specification of a picture, and its figures as a table; `options` are those of its chart."""
    picture = PICTURES[name]
    with reading() as connection:
        frame = read_picture(connection, name, {**picture.parameters, **(parameters or {})})
    table = picture.arrange(frame) if len(frame) else frame
    return _draw(edition, name, frame, options), table


@st.cache_data(ttl=KEPT_S, max_entries=MOST_KEPT, show_spinner=False)
def draw_rows(
    edition: Edition, name: str, query: str, parameters: Mapping[str, Any], options: Mapping[str, Any], most: int = 200
) -> tuple[Spec, pd.DataFrame]:
    """A picture's chart drawn from another query's first rows, and these rows."""
    rows = read_rows(edition, query, parameters).head(most)
    return _draw(edition, name, rows, options), rows


@st.cache_data(ttl=KEPT_S, max_entries=20, show_spinner=False)
def render_picture(spec: Spec) -> bytes:
    """A chart as a PNG."""
    from tmdb_assets.charts.render import spec_to_png

    return spec_to_png({**spec, "padding": spec["padding"]["left"]})


def _draw(edition: Edition, name: str, frame: pd.DataFrame, options: Mapping[str, Any] | None) -> Spec:
    picture = PICTURES[name]
    chart = picture.draw(frame, snapshot_date=edition.newest_day, is_sample=edition.is_sample, **(options or {}))
    spec: Spec = chart.to_dict(validate=False)  # the tests validate each picture
    # Streamlit would fit the chart including its padding into the width, and expects the padding per side.
    padding = dict.fromkeys(("left", "top", "right", "bottom"), spec["padding"])
    if len(frame):
        spec["description"] = f"{spec['description']} {in_words(picture.arrange(frame))}"
    return {**spec, "autosize": {"type": "pad"}, "padding": padding, "usermeta": EMBEDDED}


def in_words(table: pd.DataFrame, most: int = 10) -> str:
    """The first figures of a picture's table as text, for readers who cannot see it."""
    rows = table.head(most).to_dict(orient="records")
    said = "; ".join(", ".join(f"{name} {value}" for name, value in row.items() if not pd.isna(value)) for row in rows)
    return f"Figures: {said}." if len(table) <= most else f"The first {most} of {len(table)} figures: {said}."
