"""The filters in the sidebar: they stay from page to page, and are in the address."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import streamlit as st

from tmdb_assets.viz.cached import read_rows
from tmdb_assets.viz.matching import FILTER_CHOICES
from tmdb_assets.viz.reader import Edition, read_edition
from tmdb_assets.warehouse.reading import NothingToReadError

SPANS = {7: "7 days", 30: "30 days", 90: "90 days", 365: "a year", 36500: "all"}
DEFAULT_DAYS = 30
ALL = "All"
_KEYS = ("genre", "country", "language", "from_year", "to_year")


@dataclass(frozen=True)
class Filters:
    """What the reader chose: names of a genre, production country and original language, and years of release."""

    genre: str | None = None
    country: str | None = None
    language: str | None = None
    from_year: int | None = None
    to_year: int | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """The bind parameters of the filtered queries."""
        return asdict(self)

    @property
    def words(self) -> str:
        """The filters in words, "" without any."""
        years = " ".join(
            f"{word} {year}" for word, year in (("from", self.from_year), ("to", self.to_year)) if year is not None
        )
        return ", ".join(filter(None, (self.genre, self.country, self.language, years)))


def chosen_filters() -> Filters:
    """The filters as the sidebar has them."""
    values = {name: st.session_state.get(name) for name in _KEYS}
    return Filters(**{name: None if value in {ALL, None} else value for name, value in values.items()})


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


def show_scope(edition: Edition, *, applies: bool) -> None:
    """Say which films the page shows."""
    words = chosen_filters().words
    if words and applies:
        st.caption(f"Films of {edition.newest_day}: {words}. Popularity is TMDb's daily score of attention, no unit.")
    elif words:
        st.caption("This page shows all films: the filters in the sidebar do not apply to it.")
