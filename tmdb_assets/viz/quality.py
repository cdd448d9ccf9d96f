"""The page of quality: the loaded days, and what the checks of one of them found."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import streamlit as st

from tmdb_assets.charts.labels import ADVICE, OWN_WORDS
from tmdb_assets.language import day_text, mark, tr
from tmdb_assets.settings import get_settings
from tmdb_assets.settings.folders import quality_pages
from tmdb_assets.viz.cached import read_rows
from tmdb_assets.viz.checked import checks_of, day_in_short
from tmdb_assets.viz.filters import chosen_days
from tmdb_assets.viz.languages import days_format
from tmdb_assets.viz.layout import show_table
from tmdb_assets.viz.navigation import plain_markdown
from tmdb_assets.viz.queries import LOADED_DAYS
from tmdb_assets.viz.reader import Edition

MARKS = {"error": mark("✕ Error"), "warn": mark("! Warning")}


def show_quality(edition: Edition) -> None:
    """A day's checks, its page of quality to save, and all loaded days."""
    days = read_rows(edition, LOADED_DAYS, {"days": chosen_days()})
    day: dt.date = st.selectbox(
        tr("Day (UTC)"), days["day"].tolist(), key="quality_day", bind="query-params", format_func=str
    )
    st.subheader(plain_markdown(day_in_short(edition, day) or tr("No check of {day} has run.", day=day_text(day))))
    checks = checks_of(edition, day)
    if len(checks):
        st.caption(tr(OWN_WORDS))
    for check in checks[~checks["is_passed"].astype(bool)].to_dict("records"):
        found, _, advice = str(check["description"] or "").partition(ADVICE)
        text = (
            f"**{plain_markdown(check['asset_name'])}: {plain_markdown(check['check_name'])}.** {plain_markdown(found)}"
        )
        show = st.error if check["severity"] == "error" else st.warning
        show(f"{text}\n\n*{tr('What to do:')}* {plain_markdown(advice)}" if advice else text)
    _offer_page(edition, day)
    if len(checks):
        with st.expander(tr("All {number} checks of {day}", number=len(checks), day=day_text(day))):
            result = checks["severity"].map({level: tr(text) for level, text in MARKS.items()})
            result = result.where(~checks["is_passed"].astype(bool), tr("✓ Passed"))
            show_table(
                checks.assign(result=result)[["result", "asset_name", "check_name", "description"]],
                alt=tr("Checks of {day}", day=day_text(day)),
                column_config={
                    "result": st.column_config.TextColumn(tr("Result"), width="small"),
                    "asset_name": tr("Table"),
                    "check_name": tr("Check"),
                    "description": st.column_config.TextColumn(tr("What it found"), width="large"),
                },
            )
    st.subheader(tr("Loaded days"))
    _show_days(days)


def _offer_page(edition: Edition, day: dt.date) -> None:
    """The page of quality that the runs write, where this machine has it: it opens in any browser."""
    page = quality_pages(get_settings().reports_folder, edition.database.rpartition("/")[2]) / f"{day}.html"
    try:
        content = page.read_bytes()
    except OSError:  # another machine runs the days, or the page is older than they are kept
        st.caption(
            tr("The whole report of the day (distributions, form of the answers, rejected rows) is in REPORTS_DIR.")
        )
        return
    st.download_button(
        tr("The whole report of the day (HTML)"), content, f"quality_{day}.html", "text/html", key="report"
    )


def _show_days(days: pd.DataFrame) -> None:
    column = st.column_config
    show_table(
        days,
        {"discover_percent": ".0f"},
        alt=tr("Loaded days"),
        column_config={
            "day": column.DateColumn(tr("Day (UTC)"), format=days_format()),
            "n_movies": column.NumberColumn(tr("Films")),
            "discover_percent": column.NumberColumn(
                tr("From discover (%)"),
                help=tr("The rest comes from the daily id export: popularity, no votes."),
            ),
            "n_rejected_rows": column.NumberColumn(tr("Rejected rows")),
            "loaded_at": column.DatetimeColumn(
                tr("Loaded (UTC)"), format=f"{days_format() or 'YYYY-MM-DD'} HH:mm", timezone="UTC"
            ),
        },
    )
