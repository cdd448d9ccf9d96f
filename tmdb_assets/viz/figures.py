"""The figures and charts of the newest edition, kept until there is another one, or for five minutes.

The time is for what changes without a load: the list of continents, films that were removed, links.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import sqlalchemy as sa
import streamlit as st

from tmdb_assets.charts.picture import read_frame
from tmdb_assets.charts.registry import PICTURES
from tmdb_assets.viz.reader import Edition, reading

if TYPE_CHECKING:
    from collections.abc import Mapping

KEPT_S = 300
MOST_KEPT = 200
# Everything has its fixed place in a picture, so that only the whole can be made smaller (`layout.STYLE`): as SVG it
# stays sharp then, and what is under the pointer is still found.
EMBEDDED = {"embedOptions": {"renderer": "svg", "actions": False}}

Spec = dict[str, Any]


@st.cache_data(ttl=KEPT_S, max_entries=MOST_KEPT, show_spinner=False)
def read_rows(edition: Edition, query: str, parameters: Mapping[str, Any] | None = None) -> pd.DataFrame:  # noqa: ARG001
    """The rows of a query with its bind parameters; `edition` is what they are kept under."""
    with reading() as connection:
        return pd.read_sql_query(sa.text(query), connection, params=dict(parameters or {}))


@st.cache_data(ttl=KEPT_S, max_entries=MOST_KEPT, show_spinner=False)
def draw_picture(
    edition: Edition, name: str, parameters: Mapping[str, Any] | None = None, options: Mapping[str, Any] | None = None
) -> tuple[Spec, pd.DataFrame]:
    """The Vega-Lite specification of a picture, and its figures as a table; `options` are those of its chart."""
    with reading() as connection:
        frame = read_frame(connection, PICTURES[name], **(parameters or {}))
    table = PICTURES[name].arrange(frame) if len(frame) else frame
    return _draw(edition, name, frame, options), table


@st.cache_data(ttl=KEPT_S, max_entries=MOST_KEPT, show_spinner=False)
def draw_rows(
    edition: Edition, name: str, query: str, parameters: Mapping[str, Any], options: Mapping[str, Any]
) -> tuple[Spec, pd.DataFrame]:
    """A picture's chart of another query's rows, and the rows."""
    rows = read_rows(edition, query, parameters)
    return _draw(edition, name, rows, options), rows


def _draw(edition: Edition, name: str, frame: pd.DataFrame, options: Mapping[str, Any] | None) -> Spec:
    chart = PICTURES[name].draw(frame, snapshot_date=edition.newest_day, is_sample=edition.is_sample, **(options or {}))
    spec: Spec = chart.to_dict(validate=False)  # its parts were validated as they were made
    # Streamlit would fit the chart with its padding into the width, and reads the padding by side.
    padding = dict.fromkeys(("left", "top", "right", "bottom"), spec["padding"])
    return {**spec, "autosize": {"type": "pad"}, "padding": padding, "usermeta": EMBEDDED}
