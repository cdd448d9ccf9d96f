"""The pages: each a function without arguments that shows itself."""

from __future__ import annotations

import streamlit as st

from tmdb_assets.viz.figures import draw_picture, read_rows
from tmdb_assets.viz.page import show, show_chart
from tmdb_assets.viz.reader import Edition

LOADED_DAYS = """
select
    date_id as day,
    n_movies as films,
    discover_share,
    n_rejected_rows as rejected_rows,
    loaded_at
from vw_load_status
order by date_id desc
limit 30
"""


def key_figures() -> None:
    """The newest day in four figures, and the days that are loaded."""
    show("Key figures", "All films of the newest loaded day together.", _key_figures)


def _key_figures(edition: Edition) -> None:
    show_chart(*draw_picture(edition, "key_figures"))
    st.subheader("Loaded days")
    st.dataframe(read_rows(edition, LOADED_DAYS), hide_index=True)
