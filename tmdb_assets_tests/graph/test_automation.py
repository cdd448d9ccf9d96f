"""The gap filler and the schedule: which days they ask for, and what comes of a tick that fires after midnight."""

from __future__ import annotations

import datetime as dt

import pytest
from dagster import build_schedule_context, build_sensor_context

from tmdb_assets import partitions
from tmdb_assets.automation import EXPORT_KEPT_DAYS
from tmdb_assets.definitions import build_definitions, defs
from tmdb_assets.tmdb.export import ExportGoneError
from tmdb_assets.transforms.calendar import calendar_rows
from tmdb_assets.warehouse.dimensions import dim_date
from tmdb_assets_tests.awkward import catalogue, sound_films
from tmdb_assets_tests.compare import Tables, copied_warehouse, state_of
from tmdb_assets_tests.many_days import ONE_DAY
from tmdb_assets_tests.platform import checks_of, evaluations_of, failures_of, fake_graph, loaded_by_fake
from tmdb_assets_tests.sound import load_rows

DAY = dt.date(2026, 7, 29)
FILMS = 20
CATALOGUE = catalogue(sound_films(FILMS))
FACTS = "select date_id, source, count(*), count(vote_count) from fact_movie_daily group by 1, 2 order by 1, 2"


@pytest.fixture(scope="module")
def loaded_database(server):
    with loaded_by_fake(server, CATALOGUE, DAY) as name:
        yield name


@pytest.fixture
def loaded(server, loaded_database, monkeypatch):
    """The graph on a copy of a warehouse in which DAY is loaded; nothing was asked yet."""
    with copied_warehouse(server, loaded_database) as made, fake_graph(made, CATALOGUE, monkeypatch) as graph:
        yield graph


@pytest.fixture
def books(warehouse):
    """An empty warehouse with a calendar, in which days can be noted as loaded."""
    load_rows(warehouse, dim_date, calendar_rows(2025, 2026))
    return Tables(warehouse)


def note_loaded(books, *days, export=True):
    for day in days:
        books.execute("insert into load_day (date_id, discover_count, export_count) values (:day, 1, 0)", day=day)
        books.execute(
            "insert into fetch_log values (:day, 'export', 'all', now(), case when :export then now() end, 1, 1)",
            day=day,
            export=export,
        )


def tick(warehouse, monkeypatch, today):
    """Evaluate the gap filler as on a day, as the daemon does: the requests, and why there are none."""
    monkeypatch.setattr(partitions, "today", lambda: today)
    definitions = build_definitions(warehouse=warehouse)
    repository = definitions.get_repository_def()
    with build_sensor_context(repository_def=repository, resources={"warehouse": warehouse}) as context:
        outcome = repository.get_sensor_def("gap_filler").evaluate_tick(context)
    return outcome.run_requests, outcome.skip_message


def days_of(requests):
    return [dt.date.fromisoformat(request.partition_key) for request in requests]


def test_nothing_is_asked_before_the_first_load_nor_when_nothing_is_missing(books, monkeypatch):
    assert tick(books.warehouse, monkeypatch, DAY) == ([], "No day is missing.")
    note_loaded(books, DAY - 2 * ONE_DAY, DAY - ONE_DAY)
    assert tick(books.warehouse, monkeypatch, DAY) == ([], "No day is missing.")  # today is the schedule's
    note_loaded(books, DAY)
    assert tick(books.warehouse, monkeypatch, DAY) == ([], "No day is missing.")


def test_each_missing_day_is_asked_for_once_oldest_first(books, monkeypatch):
    first = DAY - 9 * ONE_DAY
    note_loaded(books, first, first + 3 * ONE_DAY, DAY)
    missing = [first + n * ONE_DAY for n in (1, 2, 4, 5, 6, 7, 8)]
    requests, skipped = tick(books.warehouse, monkeypatch, DAY)
    assert (days_of(requests), skipped) == (missing, None)
    # Dagster launches a run key once; the same day keeps its key, and no two days share one.
    keys = [request.run_key for request in requests]
    assert len(set(keys)) == len(missing)
    again, _ = tick(books.warehouse, monkeypatch, DAY)
    assert [request.run_key for request in again] == keys
    note_loaded(books, *missing[:6])
    requests, _ = tick(books.warehouse, monkeypatch, DAY + ONE_DAY)
    assert [request.run_key for request in requests] == keys[6:]


def test_no_day_is_asked_for_whose_export_is_no_longer_kept(books, monkeypatch):
    note_loaded(books, DAY - 200 * ONE_DAY, DAY - ONE_DAY)
    days = days_of(tick(books.warehouse, monkeypatch, DAY)[0])
    assert (len(days), days[0], days[-1]) == (EXPORT_KEPT_DAYS - 1, DAY - EXPORT_KEPT_DAYS * ONE_DAY, DAY - 2 * ONE_DAY)
    assert EXPORT_KEPT_DAYS == 88


def test_no_day_is_asked_for_before_the_first_partition(books, monkeypatch):
    """The first day was set later than a day that is loaded: what lies before it has no partition."""
    first = dt.date.fromisoformat(partitions.daily_partitions().get_first_partition_key())
    note_loaded(books, first - 5 * ONE_DAY, first + 2 * ONE_DAY)
    requests, _ = tick(books.warehouse, monkeypatch, first + 3 * ONE_DAY)
    assert days_of(requests) == [first, first + ONE_DAY]


def test_a_day_without_its_export_is_asked_for_it_once_it_is_past(books, monkeypatch):
    """It was loaded before its export was there, or its export was asked for in vain."""
    note_loaded(books, DAY - 2 * ONE_DAY)
    note_loaded(books, DAY - ONE_DAY, DAY, export=False)
    (request,), _ = tick(books.warehouse, monkeypatch, DAY)
    assert (request.run_key, request.partition_key) == (f"export-{DAY - ONE_DAY}", str(DAY - ONE_DAY))
    assert {key.to_user_string() for key in request.asset_selection} == {"raw_export", "fact_movie_daily"}
    assert request.run_config == {"ops": {"raw_export": {"config": {"refresh": True}}}}


def run_requests(graph, monkeypatch, today):
    """Launch what the gap filler asks for, as the daemon would; the results by day."""
    results = {}
    for request in tick(graph.warehouse, monkeypatch, today)[0]:
        day = dt.date.fromisoformat(request.partition_key)
        only = {key.to_user_string() for key in request.asset_selection or ()} or None
        results[day] = graph.run(day, today=today, job="backfill", only=only, config=request.run_config.get("ops"))
    return results


def test_days_slept_through_are_filled_from_their_exports(loaded, monkeypatch):
    today = DAY + 3 * ONE_DAY
    results = run_requests(loaded, monkeypatch, today)
    assert list(results) == [DAY + ONE_DAY, DAY + 2 * ONE_DAY]
    for result in results.values():
        assert failures_of(result) == []
    assert loaded.client.asked == [f"/export/{day}" for day in results]
    assert loaded.rows(FACTS) == [(DAY, "discover", FILMS, FILMS), *((day, "export", FILMS, 0) for day in results)]
    assert tick(loaded.warehouse, monkeypatch, today) == ([], "No day is missing.")


def test_a_day_loaded_before_its_export_was_there_gets_it(loaded, monkeypatch):
    loaded.execute("delete from fetch_log where kind = 'export'")
    loaded.execute("delete from raw_export")
    outside = min(CATALOGUE.films)
    loaded.execute("delete from raw_discover where movie_id = :film", film=outside)
    loaded.execute("delete from fact_movie_daily where movie_id = :film", film=outside)
    today = DAY + ONE_DAY
    check = evaluations_of(loaded.run(DAY, today=today, job="backfill"))["raw_export.export_stored"]
    assert not check.passed
    assert f"tmdb-assets backfill --from {DAY} --to {DAY} --refresh" in check.description
    assert (loaded.client.asked, loaded.value("select count(*) from fact_movie_daily")) == ([], FILMS - 1)

    (result,) = run_requests(loaded, monkeypatch, today).values()
    assert (failures_of(result), loaded.client.asked) == ([], [f"/export/{DAY}"])
    assert loaded.rows(FACTS) == [(DAY, "discover", FILMS - 1, FILMS - 1), (DAY, "export", 1, 0)]
    assert checks_of(result)["raw_export.export_stored"]
    assert tick(loaded.warehouse, monkeypatch, today) == ([], "No day is missing.")


def test_a_day_that_cannot_be_filled_leaves_everything_as_it_was(loaded, monkeypatch):
    def missing(day, now):
        raise ExportGoneError(f"The id export of {day} is no longer published (404).")

    loaded.source.export = missing
    before = state_of(loaded), loaded.counts()
    (result,) = run_requests(loaded, monkeypatch, DAY + 2 * ONE_DAY).values()
    assert not result.success
    assert f"{DAY + ONE_DAY} cannot be loaded" in failures_of(result)[0]
    assert (state_of(loaded), loaded.counts()) == before


def test_a_schedule_tick_that_fires_after_midnight_fills_its_day_from_the_export(loaded):
    day = DAY + ONE_DAY
    at = dt.datetime.combine(day, dt.time(9), dt.UTC)
    context = build_schedule_context(scheduled_execution_time=at, repository_def=defs.get_repository_def())
    (request,) = defs.resolve_schedule_def("daily_schedule").evaluate_tick(context).run_requests
    assert request.partition_key == day.isoformat()
    result = loaded.run(day, today=day + ONE_DAY, charts=False)
    assert failures_of(result) == []
    assert loaded.client.asked == [f"/export/{day}"]
    assert loaded.rows(FACTS) == [(DAY, "discover", FILMS, FILMS), (day, "export", FILMS, 0)]
    latest = loaded.rows("select distinct snapshot_date, votes_date, vote_count from vw_movie_latest")
    assert latest == [(day, DAY, 100)]
    assert [name for name, passed in checks_of(result).items() if not passed] == ["fact_movie_daily.today_is_there"]
