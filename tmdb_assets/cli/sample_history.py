"""The sandbox's sample history: the days before today, as if a run had loaded each of them on that day.

The sandbox knows every day, the API only today: so this is done without a token only. Each day is requested from the
sandbox as of that day, by the steps that request today, and then loaded from the stored answers like any past day.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from contextlib import closing
from functools import partial

import sqlalchemy as sa
from rich.console import Console

from tmdb_assets.assets.declare import DERIVED_GROUP, REPORTS_GROUP
from tmdb_assets.assets.quality_report import NAME as QUALITY_REPORT
from tmdb_assets.assets.tmdb_source import TmdbSource
from tmdb_assets.cli.console import print_days, print_summary, track_days
from tmdb_assets.cli.day_run import DayRun
from tmdb_assets.cli.in_process import Platform, Steps, run_backfill, run_day
from tmdb_assets.fetch.catalogue import fetch_catalogue
from tmdb_assets.fetch.details import fetch_details
from tmdb_assets.fetch.discover import fetch_discover
from tmdb_assets.fetch.export import fetch_export_day
from tmdb_assets.fetch.progress import LogProgress
from tmdb_assets.fetch.step import Fetcher
from tmdb_assets.settings import get_settings
from tmdb_assets.warehouse.ledger.check_results import forget_tables_behind
from tmdb_assets.warehouse.schema.fact import load_day

SAMPLE_HISTORY_DAYS = 30
NINE = dt.time(9, tzinfo=dt.UTC)
# What a day of the sandbox can change after the first: of details only genres and columns of the film.
CHANGING = ("dim_movie", "bridge_movie_genre", "movie_history", "fact_movie_daily")


def fill_sample_history(console: Console, platform: Platform, day: dt.date, steps: Steps | None = None) -> list[DayRun]:
    """Load the days before today that are missing, so that charts over time, history and features have data.

    Then compute and draw what is made of all days, which the run of today left out (`before_history`).
    """
    missing = _missing(platform, day)
    if not missing:
        return []
    console.print(f"Loading the {len(missing)} days before, as the sandbox answered on them", highlight=False)
    with closing(run_backfill(platform, missing, prepare=partial(_request, platform))) as runs:
        outcomes = list(track_days(console, runs, len(missing)))
    if not all(outcome.ok for outcome in outcomes):
        print_days(console, outcomes, len(missing))
    if any(outcome.interrupted for outcome in outcomes):
        return outcomes
    console.print("Computing forecasts and drawing the pictures, with these days")
    again = [*platform.assets_of(DERIVED_GROUP), *platform.assets_of(REPORTS_GROUP)]
    charts = run_day(platform, day, assets=again, steps=steps)
    if not charts.ok:
        print_summary(console, charts)
    return [*outcomes, charts]


def before_history(platform: Platform, day: dt.date) -> list[str]:
    """The assets of today's run when days before it are missing: all but pictures and dashboard; none: all.

    The page of quality is made in any case: after a failed run it is needed most.
    """
    if not _missing(platform, day):
        return []
    later = {*platform.assets_of(REPORTS_GROUP)} - {QUALITY_REPORT}
    return [name for name in platform.assets_of() if name not in later]


def _missing(platform: Platform, day: dt.date) -> list[dt.date]:
    before = [day - dt.timedelta(days=back) for back in range(SAMPLE_HISTORY_DAYS, 0, -1)]
    return [past for past in before if past >= get_settings().tmdb_first_day and not platform.is_loaded(past)]


def _request(platform: Platform, day: dt.date) -> Sequence[str]:
    """Store what the sandbox answered on a past day; return the assets to load from it, () for all.

    Before the first loaded day nothing is known: the details of every film are requested, and every table is loaded.
    """
    settings = get_settings()
    with platform.warehouse.begin() as connection:
        is_first = not connection.scalar(sa.select(sa.exists().where(load_day.c.date_id < day)))

    def nine() -> dt.datetime:
        return dt.datetime.combine(day, NINE)

    with closing(TmdbSource(settings, day)) as source:
        fetcher = Fetcher(platform.warehouse, source.client, day, False, LogProgress(), lambda _: None, clock=nine)
        if settings.tmdb_pages == "all":
            fetch_catalogue(fetcher)
        else:
            fetch_discover(fetcher, settings.tmdb_pages)
        fetcher.refresh = is_first
        fetch_details(fetcher, settings.tmdb_details_max_age_days, settings.wanted)
        fetcher.refresh = False
        fetch_export_day(fetcher, source.export)
    if is_first:
        return ()
    with platform.warehouse.begin() as connection:
        forget_tables_behind(connection, day, but=CHANGING)
    return CHANGING
