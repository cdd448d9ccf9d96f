"""300 films recorded with their credits, through the real client into real Postgres, against figures computed apart."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tmdb_assets.warehouse.server.open import Server
from tmdb_assets_tests.cases.appended import FULL, actor, in_country, release, worker
from tmdb_assets_tests.cases.awkward import catalogue, film, sound_films
from tmdb_assets_tests.fakes.replay_catalogue import RECORDINGS, recordings_missing
from tmdb_assets_tests.oracle.compare import assert_tables_equal, copied_warehouse
from tmdb_assets_tests.oracle.expected import star
from tmdb_assets_tests.stage.platform import (
    Platform,
    assert_green,
    evaluations_of,
    failed_checks,
    failures_of,
    metadata_of,
    platform,
)

DAY = dt.date(2025, 12, 1)


@pytest.fixture(scope="module")
def films() -> list[dict[str, Any]]:
    """The recorded films, with everything that TMDb sent."""
    if reason := recordings_missing():
        pytest.skip(reason)
    return [json.loads(path.read_bytes()) for path in sorted((RECORDINGS / "movie_with_credits").glob("*.json"))]


@pytest.fixture
def ready(server: Server, films: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    with (
        copied_warehouse(server) as warehouse,
        platform(warehouse, catalogue(films), monkeypatch, tmdb_append="credits") as made,
    ):
        yield made


def test_people_are_those_of_the_recordings(ready: Platform, films: list[dict[str, Any]]) -> None:
    result = ready.run(DAY, charts=False)
    assert_green(result)
    assert_tables_equal(ready, star({DAY: catalogue(films)}))
    cast = [(film["id"], one) for film in films for one in film["credits"]["cast"] if one["order"] < 20]
    assert ready.value("select count(*) from bridge_movie_cast") == sum(
        min(len(film["credits"]["cast"]), 20) for film in films
    )
    told = metadata_of(result, "raw_details")
    assert told["cast_left_out"] == sum(max(len(film["credits"]["cast"]) - 20, 0) for film in films) > 1000
    assert "films_without_credits" not in told
    # The same person twice in one cast, several films of a person, and empty characters are in the recordings.
    twice = (
        "select count(*) from (select 1 from bridge_movie_cast group by movie_id, person_id having count(*) > 1) as t"
    )
    pairs = Counter((movie_id, one["id"]) for movie_id, one in cast)
    assert ready.value(twice) >= sum(count > 1 for count in pairs.values()) > 0
    assert ready.value("select count(*) from bridge_movie_cast where character_name is null") > 0
    assert ready.value("select count(*) from rejected_row") == 0


def test_broken_parts_are_set_aside_one_by_one(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    releases = [release("2026-07-01", 3, ""), release("2026-07-02", 9), release("2026-13-01", 4)]
    wrong = [
        film(101, credits="none", keywords={"keywords": [{"id": "x", "name": "a"}, {"id": 9, "name": "b"}]}),
        film(102, release_dates={"results": [in_country("US", *releases), in_country("", releases[0]), 7]}),
        film(103, credits={"cast": [actor(1, "a1", 0), {"id": 2}, None], "crew": [worker(1, "", "Director")]}),
    ]
    # Sound parts of other films, so that the broken rows stay below the share at which a load stops.
    days = catalogue([*wrong, *(sound | FULL for sound in sound_films())])
    where = "where movie_id < 200"
    with copied_warehouse(server) as warehouse, platform(warehouse, days, monkeypatch) as made:
        result = made.run(DAY, charts=False)
        assert failures_of(result) == []
        assert made.value("select count(*) from dim_movie where movie_id < 200 and details_date is not null") == 3
        assert made.rows("select movie_id, keyword_id from bridge_movie_keyword " + where) == [(101, 9)]
        found = "select movie_id, iso_3166_1, release_type, release_date, certification from movie_release "
        assert made.rows(found + where) == [(102, "US", "Theatrical", dt.date(2026, 7, 1), None)]
        assert made.rows("select movie_id, credit_id, person_id from bridge_movie_cast " + where) == [(103, "a1", 1)]
        assert made.rows("select credit_id from bridge_movie_crew " + where) == []
        told = "select table_name, count(*) from rejected_row group by table_name order by table_name"
        assert dict(made.rows(told)) == {
            "bridge_movie_cast": 3,
            "bridge_movie_crew": 2,
            "bridge_movie_keyword": 1,
            "dim_keyword": 1,
            "dim_person": 3,
            "movie_release": 4,
        }


def test_without_appended_parts_the_same_films_have_no_people(ready: Platform, films: list[dict[str, Any]]) -> None:
    bare = [{key: value for key, value in film.items() if key != "credits"} for film in films[:40]]
    assert_green(ready.fetch_day(DAY, catalogue(films[:40]), charts=False))
    people = ready.value("select count(*) from bridge_movie_cast")
    assert people > 0
    # The next day's answers come without credits: who made a film stays known.
    result = ready.fetch_day(DAY + dt.timedelta(days=1), catalogue(bare), charts=False)
    assert (failures_of(result), failed_checks(result)) == ([], ["raw_details.details_complete"])
    evaluation = evaluations_of(result)["raw_details.details_complete"]
    assert evaluation.severity.value == "WARN"
    assert "40 of the 40 films requested by this run came without credits" in evaluation.description
    assert metadata_of(result, "raw_details")["films_without_credits"] == 40
    assert ready.value("select count(*) from bridge_movie_cast") == people
    assert ready.rows("select distinct details_date, credits_date from dim_movie") == [
        (DAY + dt.timedelta(days=1), DAY)
    ]
