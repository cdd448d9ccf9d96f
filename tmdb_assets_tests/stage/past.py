"""A platform on which one day was loaded weeks ago, for tests that load days before and after it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pytest

from tmdb_assets import partitions
from tmdb_assets.cli.day_run import DayRun
from tmdb_assets.cli.in_process import Platform as OpenPlatform
from tmdb_assets.cli.in_process import run_backfill
from tmdb_assets.warehouse.server.open import Server
from tmdb_assets_tests.cases.awkward import catalogue, sound_films
from tmdb_assets_tests.oracle.compare import copied_warehouse
from tmdb_assets_tests.stage.many_days import ONE_DAY
from tmdb_assets_tests.stage.platform import Platform, platform

DAY = dt.date(2026, 7, 29)
CATALOGUE = catalogue(sound_films(30))
IDS = sorted(CATALOGUE.films)


def days_from(first: dt.date, count: int) -> list[dt.date]:
    """`count` days in a row."""
    return [first + number * ONE_DAY for number in range(count)]


@contextmanager
def past_platform(server: Server, loaded: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    """A platform on a copy of a database with DAY loaded, 40 days later; nothing was requested yet."""
    with (
        copied_warehouse(server, loaded) as warehouse,
        platform(warehouse, CATALOGUE, monkeypatch, retry_seconds=0.3) as ready,
    ):
        monkeypatch.setattr(partitions, "today", lambda: DAY + 40 * ONE_DAY)
        monkeypatch.setattr(partitions, "now", lambda: dt.datetime.combine(DAY + 40 * ONE_DAY, dt.time(6), dt.UTC))
        yield ready


def backfill(made: Platform, days: Iterable[dt.date], *, refresh: bool = False) -> dict[dt.date, DayRun]:
    """Load days as the command does, in this process."""
    opened = OpenPlatform(made.instance, made.definitions, made.source, made.warehouse)
    return {outcome.day: outcome for outcome in run_backfill(opened, days, refresh=refresh)}
