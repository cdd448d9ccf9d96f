"""Forecasts in the warehouse: of which days, in whatever order they are loaded, and with nothing of later days."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tmdb_assets.assets.forecast import judge
from tmdb_assets.definitions import build_definitions
from tmdb_assets.settings import Settings
from tmdb_assets.transforms.forecast import HORIZONS, LAST_VALUE, MODELS
from tmdb_assets.warehouse.loading.forecasts import read_scores
from tmdb_assets.warehouse.server.open import Server
from tmdb_assets_tests.cases.awkward import catalogue
from tmdb_assets_tests.cases.small_star import load_day
from tmdb_assets_tests.oracle.compare import copied_warehouse
from tmdb_assets_tests.stage.platform import Graph, evaluations_of, failures_of, metadata_of, platform

NEWEST = dt.date(2026, 7, 31)
DAYS = [NEWEST - dt.timedelta(days=ago) for ago in range(39, -1, -1) if ago not in (5, 20)]  # two days are missing
FILMS = range(1, 6)
FORECASTS = "select origin_date, horizon, movie_id, model, popularity from forecast_movie_daily order by 1, 2, 3"
SCORES = (
    "select origin_date, model, horizon, origin_count, pair_count, mae, wape, mase, is_published from forecast_score "
    "order by 1, 3, 2"
)
VERSIONS = "select ctid::text, xmin::text from forecast_movie_daily order by 1"


def popularity(film: int, day: dt.date) -> float:
    """A weekly curve without noise: the seasonal naive model is right."""
    return 10.0 * film + day.weekday() * film


def load_days(graph: Graph, days: Collection[dt.date]) -> None:
    for day in days:
        load_day(graph.warehouse, day, {film: (popularity(film, day), None, 0) for film in FILMS})


@contextmanager
def made(server: Server, monkeypatch: pytest.MonkeyPatch, template: str | None = None) -> Iterator[Graph]:
    with copied_warehouse(server, template) as warehouse, platform(warehouse, catalogue(()), monkeypatch) as graph:
        if template is None:
            graph.execute(
                "insert into dim_movie (movie_id, title, as_of_date) "
                "select film, 'Film ' || film, date '2026-07-31' from generate_series(1, 5) as film"
            )
        yield graph


@pytest.fixture(scope="module")
def whole(server: Server) -> Iterator[str]:
    """The name of a database with all days and the forecasts of each."""
    with pytest.MonkeyPatch.context() as monkeypatch, made(server, monkeypatch) as graph:
        load_days(graph, DAYS)
        compute(graph)
        graph.warehouse.close()
        yield str(graph.warehouse.url.database)


@pytest.fixture
def graph(server: Server, whole: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Graph]:
    with made(server, monkeypatch, whole) as copied:
        yield copied


def compute(graph: Graph) -> dict[str, object]:
    """Compute what is due; the metadata of the materialization."""
    result = graph.run(NEWEST, only=["forecast_movie_daily"])
    assert failures_of(result) == []
    return metadata_of(result, "forecast_movie_daily")


def test_each_loaded_day_is_an_origin_with_the_best_model_of_its_time(graph: Graph) -> None:
    found = graph.rows(FORECASTS)
    assert [row[:3] for row in found] == [(day, step, film) for day in DAYS for step in range(1, 8) for film in FILMS]
    first = [row for row in found if row[0] == DAYS[0]]
    assert {(row[2], row[3], row[4]) for row in first} == {
        (film, LAST_VALUE, popularity(film, DAYS[0])) for film in FILMS
    }
    newest = [row for row in found if row[0] == NEWEST]
    # Two days ahead is a weekday whose day of the past week is missing: what a film lacks becomes the last value.
    gap = NEWEST - dt.timedelta(days=5)
    for _, step, film, model, value in newest:
        day = NEWEST + dt.timedelta(days=step)
        if day - dt.timedelta(days=7) == gap:
            assert (model, value) == (LAST_VALUE, popularity(film, NEWEST))
        elif step < HORIZONS:
            assert (model, value) == ("seasonal_naive", popularity(film, day))
        else:
            assert value == popularity(film, day)  # all of a week ago: the last value is as good, so it is published
            assert model == LAST_VALUE
    scores = graph.rows(SCORES)
    assert len(scores) == len(DAYS) * len(MODELS) * HORIZONS
    published = [(row[0], row[2]) for row in scores if row[-1]]
    assert published == [(day, step) for day in DAYS for step in range(1, 8)]
    (seasonal,) = [row for row in scores if row[:3] == (NEWEST, "seasonal_naive", 3)]
    # Of the 28 days before, two are still to come; two are missing, and two are three days before a missing one.
    assert seasonal[3:5] == (28 - 2 - 2 - 2, 22 * 5)
    assert 0 < seasonal[6] < 0.05


def test_nothing_of_later_days_is_in_a_forecast(server: Server, graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    known = DAYS[:-4]
    with made(server, monkeypatch) as earlier:
        load_days(earlier, known)
        compute(earlier)
        before = earlier.rows(FORECASTS), earlier.rows(SCORES)
        for day in DAYS[-4:]:  # one by one, each with another curve
            load_day(earlier.warehouse, day, {film: (1000.0 * film, None, 0) for film in FILMS})
            compute(earlier)
        after = earlier.rows(FORECASTS), earlier.rows(SCORES)
    for rows, rows_after, of_whole in zip(before, after, (graph.rows(FORECASTS), graph.rows(SCORES)), strict=True):
        assert rows == [row for row in rows_after if row[0] <= known[-1]]
        assert rows == [row for row in of_whole if row[0] <= known[-1]]


def test_an_older_day_that_comes_later_counts_where_it_would_have(
    server: Server, graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = graph.rows(FORECASTS), graph.rows(SCORES)
    late = [DAYS[3], DAYS[25], DAYS[-2]]
    with made(server, monkeypatch) as other:
        load_days(other, [day for day in DAYS if day not in late])
        compute(other)
        assert late[1] not in other.column(FORECASTS)
        load_days(other, late)
        compute(other)
        assert (other.rows(FORECASTS), other.rows(SCORES)) == right


def test_a_run_again_writes_nothing_and_a_day_loaded_again_only_its_own(graph: Graph) -> None:
    before = graph.rows(VERSIONS)
    assert compute(graph)["rows_received"] == 0
    load_days(graph, [NEWEST])
    assert compute(graph)["rows_unchanged"] == HORIZONS * len(FILMS)
    assert graph.rows(VERSIONS) == before
    load_day(graph.warehouse, NEWEST, {1: (99.0, None, 0)})  # the others stay, as a load removes none
    assert compute(graph)["rows_updated"] == sum(row[2:4] == (1, LAST_VALUE) for row in graph.rows(FORECASTS)[-35:])


def test_a_rejected_forecast_stays_listed_until_its_own_origin_is_made_again(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    def computed(day: dt.date | None) -> list[tuple[dt.date, int]]:
        graph.execute(f"update load_day set loaded_at = now() where date_id = '{day or dt.date.min}'")
        compute(graph)
        return graph.rows("select snapshot_date, (payload ->> 'horizon')::int from rejected_row order by 1, 2")

    monkeypatch.setattr("tmdb_assets.warehouse.loading.load.MAX_REJECTED_SHARE", 0.5)
    before, newest = ([(day, step) for step in range(1, 8)] for day in DAYS[-2:])
    graph.execute("set session_replication_role = replica; delete from dim_movie where movie_id = 5")
    assert computed(NEWEST) == newest
    assert computed(None) == newest  # nothing is due
    assert computed(DAYS[-2]) == before + newest
    graph.execute("insert into dim_movie (movie_id, title, as_of_date) values (5, 'Film 5', '2026-07-31')")
    assert computed(NEWEST) == before


def test_ninety_days_are_kept(graph: Graph) -> None:
    later = DAYS[5] + dt.timedelta(days=90)
    load_days(graph, [later])
    compute(graph)
    assert sorted(set(graph.column(FORECASTS))) == [*DAYS[6:], later]
    assert sorted(set(graph.column(SCORES))) == [*DAYS[6:], later]


def test_forecasts_and_scores_are_stored_together_or_not_at_all(graph: Graph) -> None:
    right = graph.rows(FORECASTS), graph.rows(SCORES)
    graph.execute("alter table forecast_score add constraint no_more check (false) not valid")
    load_days(graph, [NEWEST + dt.timedelta(days=1)])
    assert failures_of(graph.run(NEWEST, only=["forecast_movie_daily"])) != []
    assert (graph.rows(FORECASTS), graph.rows(SCORES)) == right


def test_the_check_warns_where_what_was_published_missed_more_than_the_last_value(graph: Graph) -> None:
    def check() -> Any:
        result = graph.run(NEWEST, only=["forecast_movie_daily"])
        return evaluations_of(result)["forecast_movie_daily.no_worse_than_last_value"]

    found = check()
    assert found.passed
    now = "Another model than the last value is published 1, 2, 3, 4, 5, 6 days ahead. "
    now += "Other models' forecasts of the past 28 days missed by "
    assert found.description.startswith(f"{now}0.0% of what came;")
    assert [record.data["days_ahead"] for record in found.metadata["scores"].records] == list(range(1, 8))

    # Twice what came: 100%. Older forecasts, those of the last value, and of days to come do not count.
    newest = f"'{NEWEST}'::date"
    graph.execute(
        "update forecast_movie_daily set popularity = 9e9 "
        f"where model = 'last_value' or origin_date < {newest} - 28 or origin_date + horizon > {newest}; "
        "update forecast_movie_daily as f set popularity = 2 * a.popularity from fact_movie_daily as a where "
        f"f.popularity < 9e9 and a.movie_id = f.movie_id and a.date_id = f.origin_date + f.horizon"
    )
    worse = check()
    assert (worse.passed, worse.severity.value) == (False, "WARN")
    assert worse.description.startswith(f"{now}100.0% of what came;")
    assert "Nothing has to be done" in worse.description


def test_while_the_last_value_is_published_the_check_passes(graph: Graph) -> None:
    with graph.warehouse.begin() as connection:
        scores = read_scores(connection)
    last = judge([score | {"is_published": score["model"] == LAST_VALUE} for score in scores], [])
    assert last.passed
    assert last.description.startswith("No model beat the last value in the past 28 days, so that is published: ")
    for early in ([], [score | {"origin_count": 6} for score in scores]):
        result = judge(early, [])
        assert result.passed
        assert result.description == "Before there are 7 days to compare, the last value is published."


def test_switched_off_there_is_no_asset_and_no_row() -> None:
    off = build_definitions(Settings.load(forecast="off", similar="off"))
    graph = off.resolve_asset_graph()
    names = {key.to_user_string() for key in graph.get_all_asset_keys()}
    whole = {key.to_user_string() for key in build_definitions().resolve_asset_graph().get_all_asset_keys()}
    assert whole - names == {"forecast_movie_daily", "movie_similar"}
    assert {node.key.to_user_string() for node in graph.asset_nodes if not node.is_materializable} == set()
