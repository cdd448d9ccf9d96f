"""A load that is stopped between its rows and its merge does not overwrite what another run loads meanwhile."""

from __future__ import annotations

import datetime as dt
import threading

import pytest

from tmdb_assets.warehouse.loading import staging
from tmdb_assets_tests.cases.awkward import catalogue, sound_films
from tmdb_assets_tests.stage.at_once import BLOCKED, in_background
from tmdb_assets_tests.stage.platform import checks_of, failures_of, platform
from tmdb_assets_tests.stage.waiting import PATIENCE_S, wait_until

DAY = dt.date(2026, 7, 29)
NEXT = DAY + dt.timedelta(days=1)
CATALOGUE = catalogue(sound_films(20))
DETAILS = "update raw_details set fetched_at = fetched_at + interval '1 second', payload = payload || '{}'"
# What another run stores meanwhile, and what the table then holds, in the order of the ids.
NEWER = {
    "fact_movie_daily": (
        "update raw_discover set popularity = popularity + 100, fetched_at = clock_timestamp()",
        "select popularity > 100 from fact_movie_daily where date_id = '2026-07-29'",
        [True] * 20,
    ),
    "dim_movie": (DETAILS.format('{"title": "Newer"}'), "select title from dim_movie", ["Newer"] * 20),
    "bridge_movie_genre": (
        DETAILS.format('{"genres": [{"id": 35, "name": "Comedy"}]}'),
        "select genre_id from bridge_movie_genre",
        [35] * 20,
    ),
    "dim_company": (
        DETAILS.format('{"production_companies": [{"id": 79001, "name": "Newer", "origin_country": ""}]}'),
        "select name from dim_company where company_id = 79001",
        ["Newer"],
    ),
    "dim_genre": (
        "update raw_reference set name = 'Newer' where (kind, code) = ('genre', '18')",
        "select name from dim_genre where genre_id = 18",
        ["Newer"],
    ),
    "country_continent": ("", "select name from country_continent where iso_3166_1 = 'FR'", ["Newer"]),
}


@pytest.fixture
def stopped(monkeypatch):
    """Two events: the first load has staged its rows; it may go on. Later loads are not stopped."""
    has_staged, may_go_on = threading.Event(), threading.Event()
    original = staging.reject_orphans

    def stop_the_first(connection, table):
        if not has_staged.is_set():
            has_staged.set()
            assert may_go_on.wait(PATIENCE_S)
        yield from original(connection, table)

    monkeypatch.setattr(staging, "reject_orphans", stop_the_first)
    return has_staged, may_go_on


@pytest.mark.parametrize("name", NEWER)
def test_what_was_stored_last_is_loaded_last(loaded, monkeypatch, stopped, tmp_path, name):
    has_staged, may_go_on = stopped
    change, query, right = NEWER[name]
    file = tmp_path / "continents.csv"
    file.write_text("iso_3166_1,name,continent,note\nFR,Older,Europe,\n")
    config = {name: {"config": {"path": str(file)}}} if name == "country_continent" else None
    # Names of TMDb's lists belong to no day: the load of another day has them too.
    loaded.execute("update raw_reference set fetched_date = :day", day=NEXT)
    other_day = NEXT if name == "dim_genre" else DAY
    with platform(loaded.warehouse, CATALOGUE, monkeypatch) as other:
        has_staged.set()
        loaded.run(DAY, today=NEXT, only={"raw_discover"})  # the clock and the definitions of both are ready
        # Postgres, whose clock stamps the load, is on another day than the platform.
        loaded.execute("alter table raw_discover drop constraint ck_raw_discover_fetched_at_on_day")
        has_staged.clear()
        first = in_background(lambda: loaded.run(DAY, today=NEXT, only={name}, config=config))
        assert has_staged.wait(PATIENCE_S)
        if change:
            loaded.execute(change)
        file.write_text("iso_3166_1,name,continent,note\nFR,Newer,Europe,\n")
        second = in_background(lambda: other.run(other_day, today=NEXT, only={name}, config=config))
        assert wait_until(lambda: second.done() or loaded.rows(BLOCKED) != [(0,)])
        may_go_on.set()
        results = [run.result(timeout=PATIENCE_S) for run in (first, second)]
    assert [failures_of(result) for result in results] == [[], []]
    assert loaded.column(query) == right
    if name == "fact_movie_daily":
        assert checks_of(results[1])["fact_movie_daily.every_discover_film_is_there"]
