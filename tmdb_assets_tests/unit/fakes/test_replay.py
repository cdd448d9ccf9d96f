"""The replay server serves what a catalogue holds, counts what was asked, and fails where it is told to."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import requests

from tmdb_assets_tests.cases.awkward import GALLERY, SOUND_FILMS, catalogue, film
from tmdb_assets_tests.fakes.replay import DROPPED, GARBAGE, TRUNCATED, Fault, ReplayServer
from tmdb_assets_tests.fakes.replay_catalogue import Catalogue
from tmdb_assets_tests.oracle.expected import star
from tmdb_assets_tests.stage.waiting import PATIENCE_S

if TYPE_CHECKING:
    pass


def test_statuses_hold_for_made_up_catalogues_too() -> None:
    films = Catalogue([film(1), film(2)], gone={2})
    with ReplayServer(films) as server:
        assert server.get("/movie/1").json() == film(1)
        asked = {
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
        assert {path: server.get(path).status_code for path in asked} == asked
        refused = requests.get(f"{server.url}/movie/1", headers={"Authorization": "Bearer other"}, timeout=PATIENCE_S)
        assert (refused.status_code, refused.json()["status_code"]) == (401, 7)


def test_an_empty_catalogue_has_no_pages() -> None:
    with ReplayServer(Catalogue()) as server:
        answer = server.get("/discover/movie").json()
    assert answer == {"page": 1, "results": [], "total_pages": 0, "total_results": 0}


def test_a_listing_can_repeat_films_and_a_copy_can_lose_some() -> None:
    films = Catalogue([film(1, popularity=1.0), film(2, popularity=2.0), film(3, popularity=2.0)])
    assert [item["id"] for item in films.listing] == [2, 3, 1]
    assert [item["id"] for item in films.but(discover_ids=[1, 1, 3]).listing] == [1, 1, 3]
    assert films.but(gone={1}).details(1) is None
    assert films.details(1) == film(1, popularity=1.0)


def test_requests_are_counted_under_concurrency_over_kept_connections() -> None:
    with ReplayServer(catalogue([film(n) for n in range(1, 51)])) as server:

        def ask(worker: int) -> int:
            with requests.Session() as own:
                own.headers["Authorization"] = f"Bearer {server.token}"
                answers = [own.get(f"{server.url}/movie/{n}") for n in range(1, 51)]
                assert [answer.json()["id"] for answer in answers] == list(range(1, 51))
                assert own.get(f"{server.url}/discover/movie?page=2").headers["Content-Encoding"] == "gzip"
                pools = own.get_adapter(server.url).poolmanager.pools
                return sum(pools[key].num_connections for key in pools.keys())  # noqa: SIM118 - it cannot be iterated

        with ThreadPoolExecutor(8) as workers:
            assert list(workers.map(ask, range(8))) == [1] * 8
        assert server.requests == Counter(details=400, discover=8)
        assert Counter(server.paths)["/movie/7"] == 8
        assert [dict(asked.params) for asked in server.asked if asked.kind == "discover"] == [{"page": "2"}] * 8
        server.reset()
        assert server.requests == Counter()
        assert server.paths == []


def test_faults_are_injected_where_asked() -> None:
    faults = {
        "/movie/1": Fault(status=429, headers={"Retry-After": "7"}),
        "/movie/2": GARBAGE,
        "/movie/3": TRUNCATED,
        "/movie/4": DROPPED,
        "/movie/5": Fault(status=503, body=b"busy"),
        "/movie/6": Fault(delay=60),
    }
    with ReplayServer(catalogue([film(n) for n in range(1, 8)]), lambda path, params: faults.get(path)) as server:
        limited = server.get("/movie/1")
        assert (limited.status_code, limited.headers["Retry-After"], limited.json()["success"]) == (429, "7", False)
        garbage = server.get("/movie/2")
        assert garbage.status_code == 200
        with pytest.raises(requests.JSONDecodeError):
            garbage.json()
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            server.get("/movie/3")
        with pytest.raises(requests.ConnectionError):
            server.get("/movie/4")
        busy = server.get("/movie/5")
        assert (busy.status_code, busy.content) == (503, b"busy")
        with pytest.raises(requests.ReadTimeout):
            requests.get(f"{server.url}/movie/6", headers={"Authorization": f"Bearer {server.token}"}, timeout=0.05)
        assert server.get("/movie/7").json() == film(7)
        assert server.requests["details"] == 7  # what failed was asked too


def test_a_failing_fault_hook_does_not_pass_for_the_network() -> None:
    def hook(path: str, params: object) -> None:
        raise LookupError(path)

    server = ReplayServer(catalogue([film(1)]), hook)
    failing = pytest.raises(RuntimeError, match="fault hook")
    with failing as failure, server, pytest.raises(requests.ConnectionError):
        server.get("/movie/1")
    assert repr(failure.value.__cause__) == "LookupError('/movie/1')"


def test_nothing_is_left_running() -> None:
    before = set(threading.enumerate())
    with ReplayServer(catalogue([film(1)])) as server:
        server.get("/movie/1")
        assert set(threading.enumerate()) > before
    assert set(threading.enumerate()) <= before
    with pytest.raises(requests.ConnectionError):
        server.get("/movie/1")


@pytest.mark.parametrize("name", GALLERY)
def test_every_awkward_case_is_served_as_it_is(name: str) -> None:
    case = GALLERY[name]()
    assert case.name == name
    assert case.why
    with ReplayServer(Catalogue()) as server:
        for day_catalogue in case.days.values():
            server.catalogue = day_catalogue
            assert server.get("/discover/movie").json()["results"] == day_catalogue.listing[:20]
            for movie_id in [movie_id for movie_id in day_catalogue.films if movie_id < 1000]:
                answer = server.get(f"/movie/{movie_id}")
                assert answer.json() == day_catalogue.details(movie_id) or answer.status_code == 404
    expected = star(case.days, without=case.broken)
    assert expected.dim_movie.keys().isdisjoint(case.broken)
    if case.broken:
        assert len(expected.dim_movie) == SOUND_FILMS
        assert len(case.broken) / SOUND_FILMS < 0.05
