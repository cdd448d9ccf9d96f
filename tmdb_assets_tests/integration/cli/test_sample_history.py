"""The sandbox's days before today: votes, changed attributes, a removal and a return, by the product's own steps."""

from __future__ import annotations

import datetime as dt
import io
from contextlib import closing

import pytest
from rich.console import Console

from tmdb_assets import partitions
from tmdb_assets.assets.tmdb_source import TmdbSource
from tmdb_assets.cli import sample_history
from tmdb_assets.cli.in_process import Platform
from tmdb_assets.orchestration.gaps import find_gaps
from tmdb_assets.settings import Settings
from tmdb_assets.tmdb.sandbox.catalogue import COUNTRIES_CSV, SAMPLE_DIR, WITHHELD, Catalogue, is_withheld
from tmdb_assets_tests.stage.platform import Graph, failures_of

ONE_DAY = dt.timedelta(days=1)
BACK, GONE = WITHHELD[:2]
# On the second of four days one film is back, on the fourth another is gone.
FIRST = next(
    day
    for day in (dt.date(2026, 6, 1) + number * ONE_DAY for number in range(60))
    if is_withheld(BACK, day) and not is_withheld(BACK, day + ONE_DAY)
)
TODAY = FIRST + 4 * ONE_DAY
DAYS = [FIRST + number * ONE_DAY for number in range(5)]
ATTRIBUTES = "date_id, movie_id, vote_count, runtime_minutes, budget_usd, revenue_usd, genre_ids, source"


def answered(day: dt.date) -> list[tuple[object, ...]]:
    """What the sandbox says of its films on a day."""
    films = Catalogue(day, SAMPLE_DIR, COUNTRIES_CSV).films
    return [
        (
            day,
            film["id"],
            film["vote_count"],
            *(film[name] or None for name in ("runtime", "budget", "revenue")),
            sorted(genre["id"] for genre in film["genres"]),
            "discover",
        )
        for film in sorted(films.values(), key=lambda film: film["id"])
    ]


@pytest.mark.long
def test_each_day_before_is_as_the_sandbox_answered_on_it(warehouse, monkeypatch):
    drawn = []
    monkeypatch.setattr(sample_history, "SAMPLE_HISTORY_DAYS", 4)
    with closing(Graph(warehouse, TmdbSource(Settings.load(), TODAY), monkeypatch)) as graph:
        assert failures_of(graph.run(TODAY, charts=False)) == []
        monkeypatch.setattr(partitions, "today", lambda: TODAY)
        opened = Platform(graph.instance, graph.definitions, graph.source, warehouse)
        load = sample_history.run_day
        monkeypatch.setattr(
            sample_history,
            "run_day",
            lambda *_, assets, **__: drawn.append(assets) or load(opened, TODAY, assets=["vw_movie_latest"]),
        )
        console = Console(file=io.StringIO(), width=200)
        outcomes = sample_history.fill_sample_history(console, opened, TODAY)
        assert [outcome.causes for outcome in outcomes if not outcome.ok] == []
        assert [outcome.day for outcome in outcomes] == [*DAYS[:4], TODAY]
        assert "days: 4/4 in" in console.file.getvalue()

        query = f"select {ATTRIBUTES} from movie_features(:first, :last) order by date_id, movie_id"
        assert graph.rows(query, first=FIRST, last=TODAY) == [row for day in DAYS for row in answered(day)]
        assert graph.value("select count(*) from movie_features(:day, :day) where votes_per_day > 0", day=TODAY) > 250
        states = "select valid_from, valid_to, is_removed from movie_history where movie_id = :film order by 1"
        assert graph.rows(states, film=GONE)[-1] == (DAYS[3], None, True)
        assert graph.rows(states, film=BACK)[0] == (DAYS[1], None, False)
        removed = "select movie_id, removed_date from dim_movie where removed_date is not null"
        assert graph.rows(removed) == [(GONE, DAYS[3])]
        assert graph.value("select count(*) from rejected_row") == 0
        assert sample_history.fill_sample_history(console, opened, TODAY) == []
        with warehouse.begin() as connection:
            assert find_gaps(connection, DAYS[0], TODAY) == []
    (again,) = drawn
    assert {"forecast_movie_daily", "movie_similar", "report_trends", "dashboard"} <= {*again}
