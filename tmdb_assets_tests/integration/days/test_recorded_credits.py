"""300 films recorded with their credits, through the real client into real Postgres, against figures computed apart."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tmdb_assets.warehouse.server.open import Server
from tmdb_assets_tests.cases.awkward import catalogue
from tmdb_assets_tests.fakes.replay_catalogue import RECORDINGS, recordings_missing
from tmdb_assets_tests.oracle.compare import assert_tables_equal, copied_warehouse
from tmdb_assets_tests.oracle.expected import star
from tmdb_assets_tests.stage.platform import Platform, assert_green, metadata_of, platform

DAY = dt.date(2025, 12, 1)


@pytest.fixture(scope="module")
def films() -> list[dict[str, Any]]:
    """The recorded films, with everything that TMDb sent."""
    if reason := recordings_missing():
        pytest.skip(reason)
    return [json.loads(path.read_bytes()) for path in sorted((RECORDINGS / "movie_with_credits").glob("*.json"))]


@pytest.fixture
def ready(server: Server, films: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    with copied_warehouse(server) as warehouse, platform(warehouse, catalogue(films), monkeypatch) as made:
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
    assert (told["films_without_keywords"], told["films_without_release_dates"]) == (300, 300)
    assert "films_without_credits" not in told
    # The same person twice in one cast, several films of a person, and empty characters are in the recordings.
    twice = (
        "select count(*) from (select 1 from bridge_movie_cast group by movie_id, person_id having count(*) > 1) as t"
    )
    pairs = Counter((movie_id, one["id"]) for movie_id, one in cast)
    assert ready.value(twice) >= sum(count > 1 for count in pairs.values()) > 0
    assert ready.value("select count(*) from bridge_movie_cast where character_name is null") > 0
    assert ready.value("select count(*) from rejected_row") == 0


def test_without_appended_parts_the_same_films_have_no_people(ready: Platform, films: list[dict[str, Any]]) -> None:
    bare = [{key: value for key, value in film.items() if key != "credits"} for film in films[:40]]
    assert_green(ready.fetch_day(DAY, catalogue(films[:40]), charts=False))
    people = ready.value("select count(*) from bridge_movie_cast")
    assert people > 0
    # The next day's answers come without credits: who made a film stays known.
    assert_green(ready.fetch_day(DAY + dt.timedelta(days=1), catalogue(bare), charts=False))
    assert ready.value("select count(*) from bridge_movie_cast") == people
    assert ready.rows("select distinct details_date, credits_date from dim_movie") == [
        (DAY + dt.timedelta(days=1), DAY)
    ]
