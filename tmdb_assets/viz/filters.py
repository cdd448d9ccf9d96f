"""The filters in the sidebar: they stay from page to page, and are in the address."""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from tmdb_assets.language import day_text, mark, tr
from tmdb_assets.viz.address import choose_named, chosen
from tmdb_assets.viz.cached import read_rows
from tmdb_assets.viz.matching import ALL, FILTER_CHOICES, chosen_filters, shown_name
from tmdb_assets.viz.reader import Edition, read_edition
from tmdb_assets.warehouse.reading import NothingToReadError

SPANS = {7: mark("7 days"), 30: mark("30 days"), 90: mark("90 days"), 365: mark("a year"), 36500: mark("all")}
DEFAULT_DAYS = 30
KINDS = {"genre": mark("Genre"), "country": mark("Production country"), "language": mark("Original language")}


def chosen_days() -> int:
    """How many days the curves show."""
    days = chosen("days")
    return days if isinstance(days, int) else DEFAULT_DAYS


def show_filters() -> None:
    """Show the filters in the sidebar; without figures there is nothing to choose."""
    try:
        edition = read_edition()
        choices = read_rows(edition, FILTER_CHOICES)
    except NothingToReadError:
        return  # the page says so
    with st.sidebar:
        st.subheader(tr("Filters"))
        for kind, label in KINDS.items():
            names = choices["name"][choices["kind"] == kind].tolist()
            choose_named(tr(label), [ALL, *names], ALL, partial(shown_name, kind), name=kind)
        first, last = st.columns(2)
        years: dict[str, Any] = {"min_value": 1850, "max_value": 2100, "value": None, "step": 1, "bind": "query-params"}
        first.number_input(tr("From year"), key="from_year", placeholder=tr("any"), **years)
        last.number_input(tr("To year"), key="to_year", placeholder=tr("any"), **years)
        choose_named(tr("Days of curves"), list(SPANS), DEFAULT_DAYS, lambda days: tr(SPANS[days]), name="days")
        st.caption(tr("The address holds these filters: copy it to share this view."))


def show_scope(edition: Edition, applies: str) -> None:
    """Say which films the page shows; `applies` says to what the filters do not apply, "" if to all that it shows."""
    words = chosen_filters().words
    if words:
        about = {"day": day_text(edition.newest_day), "filters": words}
        st.caption(tr(applies) if applies else tr("Films of {day} that match the filters: {filters}.", **about))
