"""The filters in the sidebar: they stay from page to page, and are in the address."""

from __future__ import annotations

from typing import Any

import streamlit as st

from tmdb_assets.viz.cached import read_rows
from tmdb_assets.viz.matching import ALL, FILTER_CHOICES, chosen_filters
from tmdb_assets.viz.reader import Edition, read_edition
from tmdb_assets.warehouse.reading import NothingToReadError

SPANS = {7: "7 days", 30: "30 days", 90: "90 days", 365: "a year", 36500: "all"}
DEFAULT_DAYS = 30


def chosen_days() -> int:
    """How many days the curves show."""
    labels = {label: days for days, label in SPANS.items()}
    chosen = st.session_state.get("days")
    return chosen if chosen in SPANS else labels.get(str(chosen), DEFAULT_DAYS)


def show_filters() -> None:
    """Show the filters in the sidebar; without figures there is nothing to choose."""
    try:
        edition = read_edition()
        choices = read_rows(edition, FILTER_CHOICES)
    except NothingToReadError:
        return  # the page says so
    with st.sidebar:
        st.subheader("Filters")
        for kind, label in (("genre", "Genre"), ("country", "Production country"), ("language", "Original language")):
            names = choices["name"][choices["kind"] == kind].tolist()
            st.selectbox(label, [ALL, *names], key=kind, bind="query-params")
        first, last = st.columns(2)
        years: dict[str, Any] = {"min_value": 1850, "max_value": 2100, "value": None, "step": 1, "bind": "query-params"}
        first.number_input("From year", key="from_year", placeholder="any", **years)
        last.number_input("To year", key="to_year", placeholder="any", **years)
        st.selectbox(
            "Days of curves",
            list(SPANS),
            format_func=SPANS.__getitem__,
            index=list(SPANS).index(DEFAULT_DAYS),
            key="days",
            bind="query-params",
        )
        st.caption("The address holds these filters: copy it to share this view.")


def show_scope(edition: Edition, applies: str) -> None:
    """Say which films the page shows; `applies` says to what the filters do not apply, "" if to all that it shows."""
    words = chosen_filters().words
    if words:
        st.caption(applies or f"Films of {edition.newest_day} that match the filters: {words}.")
