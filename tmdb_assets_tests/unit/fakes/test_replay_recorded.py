"""The replay server answers as TMDb did when its answers were recorded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tmdb_assets_tests.cases.awkward import DAYS
from tmdb_assets_tests.fakes.replay import ReplayServer
from tmdb_assets_tests.fakes.replay_catalogue import ITEM_KEYS, RECORDINGS, catalogue_of, recordings_missing
from tmdb_assets_tests.stage.waiting import PATIENCE_S

if TYPE_CHECKING:
    pass

pytestmark = pytest.mark.skipif(recordings_missing() is not None, reason=str(recordings_missing()))


def recording(name: str) -> Any:
    return json.loads((RECORDINGS / name).read_bytes())


def test_discover_pages_hold_the_films_of_the_day_in_popularity_order() -> None:
    with ReplayServer(catalogue_of(DAYS[0])) as server:
        pages = [server.get("/discover/movie", page=n, include_adult="false").json() for n in range(1, 44)]
    items = [item for page in pages for item in page["results"]]
    assert [len(page["results"]) for page in pages] == [20] * 41 + [3, 0]
    assert {(page["total_pages"], page["total_results"]) for page in pages} == {(42, 823)}
    assert [page["page"] for page in pages] == list(range(1, 44))
    assert len({item["id"] for item in items}) == 823
    popularity = [item["popularity"] for item in items]
    assert popularity == sorted(popularity, reverse=True)


def test_discover_items_look_like_recorded_ones() -> None:
    real = {
        item["id"]: item
        for path in (RECORDINGS / "discover" / "popular_2026-07-29").glob("page_*.json")
        for item in json.loads(path.read_bytes())["results"]
    }
    built = {item["id"]: item for item in catalogue_of(DAYS[0]).listing}
    shared = real.keys() & built.keys()
    assert len(shared) == 140
    drifting = {"popularity", "vote_count", "vote_average", "backdrop_path"}  # fetched hours apart
    for movie_id in shared:
        assert list(built[movie_id]) == list(real[movie_id]) == ITEM_KEYS
        assert {key: built[movie_id][key] for key in ITEM_KEYS if key not in drifting} == {
            key: real[movie_id][key] for key in ITEM_KEYS if key not in drifting
        }


def test_details_are_those_of_the_day() -> None:
    with ReplayServer(catalogue_of(DAYS[1])) as server:
        before = server.get("/movie/268531").json()
        server.catalogue = catalogue_of(DAYS[2])
        after = server.get("/movie/268531", language="en-US").json()
    assert [genre["id"] for genre in before["genres"]] == [10751, 35, 16, 878, 28]
    assert [genre["id"] for genre in after["genres"]] == [10751, 35, 16, 878]
    assert set(after) > {"budget", "revenue", "runtime", "production_companies", "spoken_languages"}


def test_every_single_recording_is_served() -> None:
    known = catalogue_of(DAYS[0]).films
    beyond = sorted(int(path.stem) for path in (RECORDINGS / "movie").iterdir() if int(path.stem) not in known)
    assert len(beyond) == 1238
    with ReplayServer(catalogue_of(DAYS[0])) as server:
        for movie_id in beyond[::100]:
            assert server.get(f"/movie/{movie_id}").json() == recording(f"movie/{movie_id}.json")


def test_reference_lists_and_errors_are_the_recorded_ones() -> None:
    with ReplayServer(catalogue_of(DAYS[0])) as server:
        assert server.get("/genre/movie/list").json() == recording("genre/movie_list.json")
        for name in ("countries", "languages"):
            assert server.get(f"/configuration/{name}").json() == recording(f"configuration/{name}.json")
        answers = {
            "errors/400_page_over_500.json": server.get("/discover/movie", page=501),
            "errors/404_not_found.json": server.get("/movie/999999999"),
            "errors/401_invalid_key.json": requests.get(
                f"{server.url}/movie/550?api_key=replay-token", timeout=PATIENCE_S
            ),
        }
    for name, answer in answers.items():
        assert (str(answer.status_code), answer.json()) == (name[7:10], recording(name))
