"""What the tests that use the replay server cannot see: that it refuses what TMDb refuses, and answers as recorded."""

from __future__ import annotations

import json

import pytest
import requests

from tmdb_assets_tests.cases.awkward import DAYS, catalogue, film
from tmdb_assets_tests.fakes.replay import ReplayServer
from tmdb_assets_tests.fakes.replay_catalogue import ITEM_KEYS, RECORDINGS, Catalogue, catalogue_of, recordings_missing
from tmdb_assets_tests.stage.waiting import PATIENCE_S

needs_recordings = pytest.mark.skipif(recordings_missing() is not None, reason=str(recordings_missing()))


def test_what_tmdb_refuses_is_refused() -> None:
    with ReplayServer(Catalogue([film(1), film(2)], gone={2})) as server:
        statuses = {
            "/movie/1": 200,
            "/movie/2": 404,
            "/movie/3": 404,
            "/movie/abc": 404,
            "/tv/1": 404,
            "/discover/movie?page=0": 400,
            "/discover/movie?page=x": 400,
            "/discover/movie?page=501": 400,
            "/discover/movie?page=500": 200,
            "/discover/movie?sort_by=title.asc": 501,
            "/discover/movie?year=1999": 501,
        }
        assert {path: server.get(path).status_code for path in statuses} == statuses
        refused = requests.get(f"{server.url}/movie/1", headers={"Authorization": "Bearer other"}, timeout=PATIENCE_S)
        assert (refused.status_code, refused.json()["status_code"]) == (401, 7)


def test_an_error_in_a_fault_hook_is_not_taken_for_a_network_fault() -> None:
    def hook(path: str, params: object) -> None:
        raise LookupError(path)

    server = ReplayServer(catalogue([film(1)]), hook)
    failing = pytest.raises(RuntimeError, match="fault hook")
    with failing as failure, server, pytest.raises(requests.ConnectionError):
        server.get("/movie/1")
    assert repr(failure.value.__cause__) == "LookupError('/movie/1')"


@needs_recordings
def test_discover_items_look_like_recorded_ones() -> None:
    real = {
        item["id"]: item
        for path in (RECORDINGS / "discover" / "popular_2026-07-29").glob("page_*.json")
        for item in json.loads(path.read_bytes())["results"]
    }
    built = {item["id"]: item for item in catalogue_of(DAYS[0]).listing}
    shared = real.keys() & built.keys()
    assert len(shared) == 140
    stable = set(ITEM_KEYS) - {"popularity", "vote_count", "vote_average", "backdrop_path"}  # fetched hours apart
    for movie_id in shared:
        assert list(built[movie_id]) == list(real[movie_id]) == ITEM_KEYS
        assert {key: built[movie_id][key] for key in stable} == {key: real[movie_id][key] for key in stable}


@needs_recordings
def test_reference_lists_and_errors_are_the_recorded_ones() -> None:
    with ReplayServer(catalogue_of(DAYS[0])) as server:
        answers = {
            "genre/movie_list": server.get("/genre/movie/list"),
            "configuration/countries": server.get("/configuration/countries"),
            "configuration/languages": server.get("/configuration/languages"),
            "errors/400_page_over_500": server.get("/discover/movie", page=501),
            "errors/404_not_found": server.get("/movie/999999999"),
            "errors/401_invalid_key": requests.get(server.url + "/movie/550?api_key=replay-token", timeout=PATIENCE_S),
        }
    for name, answer in answers.items():
        assert answer.json() == json.loads((RECORDINGS / f"{name}.json").read_bytes())
        assert answer.status_code == (int(name[7:10]) if name.startswith("errors/") else 200)
