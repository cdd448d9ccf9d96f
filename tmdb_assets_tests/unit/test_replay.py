"""The replay server answers as TMDb would, and the expected figures are right."""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tmdb_assets_tests.awkward import DAYS, GALLERY, SOUND_FILMS, catalogue, company, film
from tmdb_assets_tests.expected import (
    Average,
    Fact,
    continent_popularity,
    genre_popularity,
    movie_latest,
    read_continents,
    star,
    top_movies,
)
from tmdb_assets_tests.replay import (
    DROPPED,
    GARBAGE,
    ITEM_KEYS,
    RECORDINGS,
    TRUNCATED,
    Catalogue,
    Fault,
    ReplayServer,
    catalogue_of,
    recordings_missing,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tmdb_assets_tests.expected import Star

recorded = pytest.mark.skipif(recordings_missing() is not None, reason=str(recordings_missing()))


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = "Bearer replay-token"
        yield session


def get(session: requests.Session, server: ReplayServer, path: str, **params: Any) -> requests.Response:
    return session.get(server.url + path, params=params, timeout=5)


def recording(name: str) -> Any:
    return json.loads((RECORDINGS / name).read_bytes())


@recorded
def test_discover_pages_hold_the_films_of_the_day_in_popularity_order(session: requests.Session) -> None:
    with ReplayServer(catalogue_of(DAYS[0])) as server:
        pages = [get(session, server, "/discover/movie", page=n, include_adult="false").json() for n in range(1, 44)]
    items = [item for page in pages for item in page["results"]]
    assert [len(page["results"]) for page in pages] == [20] * 41 + [3, 0]
    assert {(page["total_pages"], page["total_results"]) for page in pages} == {(42, 823)}
    assert [page["page"] for page in pages] == list(range(1, 44))
    assert len({item["id"] for item in items}) == 823
    popularity = [item["popularity"] for item in items]
    assert popularity == sorted(popularity, reverse=True)


@recorded
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


@recorded
def test_details_are_those_of_the_day(session: requests.Session) -> None:
    with ReplayServer(catalogue_of(DAYS[1])) as server:
        before = get(session, server, "/movie/268531").json()
        server.catalogue = catalogue_of(DAYS[2])
        after = get(session, server, "/movie/268531", language="en-US").json()
    assert [genre["id"] for genre in before["genres"]] == [10751, 35, 16, 878, 28]
    assert [genre["id"] for genre in after["genres"]] == [10751, 35, 16, 878]
    assert set(after) > {"budget", "revenue", "runtime", "production_companies", "spoken_languages"}


@recorded
def test_every_single_recording_is_served(session: requests.Session) -> None:
    known = catalogue_of(DAYS[0]).films
    beyond = sorted(int(path.stem) for path in (RECORDINGS / "movie").iterdir() if int(path.stem) not in known)
    assert len(beyond) == 1238
    with ReplayServer(catalogue_of(DAYS[0])) as server:
        for movie_id in beyond[::100]:
            assert get(session, server, f"/movie/{movie_id}").json() == recording(f"movie/{movie_id}.json")


@recorded
def test_reference_lists_and_errors_are_the_recorded_ones(session: requests.Session) -> None:
    with ReplayServer(catalogue_of(DAYS[0])) as server:
        assert get(session, server, "/genre/movie/list").json() == recording("genre/movie_list.json")
        for name in ("countries", "languages"):
            assert get(session, server, f"/configuration/{name}").json() == recording(f"configuration/{name}.json")
        answers = {
            "errors/400_page_over_500.json": get(session, server, "/discover/movie", page=501),
            "errors/404_not_found.json": get(session, server, "/movie/999999999"),
            "errors/401_invalid_key.json": requests.get(server.url + "/movie/550?api_key=replay-token", timeout=5),
        }
    for name, answer in answers.items():
        assert (str(answer.status_code), answer.json()) == (name[7:10], recording(name))


def test_statuses_hold_for_made_up_catalogues_too(session: requests.Session) -> None:
    films = Catalogue([film(1), film(2)], gone={2})
    with ReplayServer(films) as server:
        assert get(session, server, "/movie/1").json() == film(1)
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
        assert {path: get(session, server, path).status_code for path in asked} == asked
        session.headers["Authorization"] = "Bearer other"
        refused = get(session, server, "/movie/1")
        assert (refused.status_code, refused.json()["status_code"]) == (401, 7)


def test_an_empty_catalogue_has_no_pages(session: requests.Session) -> None:
    with ReplayServer(Catalogue()) as server:
        answer = get(session, server, "/discover/movie").json()
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
                answers = [get(own, server, f"/movie/{n}") for n in range(1, 51)]
                assert [answer.json()["id"] for answer in answers] == list(range(1, 51))
                assert get(own, server, "/discover/movie", page=2).headers["Content-Encoding"] == "gzip"
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


def test_faults_are_injected_where_asked(session: requests.Session) -> None:
    faults = {
        "/movie/1": Fault(status=429, headers={"Retry-After": "7"}),
        "/movie/2": GARBAGE,
        "/movie/3": TRUNCATED,
        "/movie/4": DROPPED,
        "/movie/5": Fault(status=503, body=b"busy"),
        "/movie/6": Fault(delay=60),
    }
    with ReplayServer(catalogue([film(n) for n in range(1, 8)]), lambda path, params: faults.get(path)) as server:
        limited = get(session, server, "/movie/1")
        assert (limited.status_code, limited.headers["Retry-After"], limited.json()["success"]) == (429, "7", False)
        garbage = get(session, server, "/movie/2")
        assert garbage.status_code == 200
        with pytest.raises(requests.JSONDecodeError):
            garbage.json()
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            get(session, server, "/movie/3")
        with pytest.raises(requests.ConnectionError):
            get(session, server, "/movie/4")
        busy = get(session, server, "/movie/5")
        assert (busy.status_code, busy.content) == (503, b"busy")
        with pytest.raises(requests.ReadTimeout):
            session.get(server.url + "/movie/6", timeout=0.05)
        assert get(session, server, "/movie/7").json() == film(7)
        assert server.requests["details"] == 7  # what failed was asked too


def test_a_failing_fault_hook_does_not_pass_for_the_network(session: requests.Session) -> None:
    def hook(path: str, params: object) -> None:
        raise LookupError(path)

    server = ReplayServer(catalogue([film(1)]), hook)
    failing = pytest.raises(RuntimeError, match="fault hook")
    with failing as failure, server, pytest.raises(requests.ConnectionError):
        get(session, server, "/movie/1")
    assert repr(failure.value.__cause__) == "LookupError('/movie/1')"


def test_nothing_is_left_running(session: requests.Session) -> None:
    before = set(threading.enumerate())
    with ReplayServer(catalogue([film(1)])) as server:
        get(session, server, "/movie/1")
        assert set(threading.enumerate()) > before
    assert set(threading.enumerate()) <= before
    with pytest.raises(requests.ConnectionError):
        get(session, server, "/movie/1")


@recorded
def test_expected_figures_of_the_recorded_days() -> None:
    # The figures come from another reading of the same files (a data frame over the exploded lists).
    tables = star((day, catalogue_of(day)) for day in DAYS)
    counts = tables.row_counts()
    assert {name: counts[name] for name in ("fact_movie_daily", "raw_discover", "raw_details")} == {
        "fact_movie_daily": 2469,
        "raw_discover": 2469,
        "raw_details": 2469,
    }
    dimensions = ("dim_movie", "dim_genre", "dim_company", "dim_country", "dim_language", "raw_reference")
    assert [counts[name] for name in dimensions] == [823, 19, 1361, 251, 187, 19 + 251 + 187]
    bridges = ("genre", "company", "country", "language")
    assert [counts[f"bridge_movie_{name}"] for name in bridges] == [2392, 3165, 1169, 1334]
    assert [823 - len(tables.links_per_film(f"bridge_movie_{name}")) for name in bridges] == [3, 15, 10, 2]
    assert [tables.votes(day) for day in DAYS] == [3367985, 3369209, 3370363]
    assert [round(tables.popularity(day), 4) for day in DAYS] == [7724.3822, 7711.6324, 8031.1433]
    assert (tables.total("revenue_usd"), tables.total("budget_usd")) == (194895136128, 50096556714)
    assert {name: count for name, count in tables.unknown().items() if count} == {
        "runtime_minutes": 10,
        "budget_usd": 130,
        "homepage": 231,
        "imdb_id": 9,
        "overview": 4,
        "collection_id": 440,
        "collection_name": 440,
        "removed_date": 823,
    }
    assert sum(fact.vote_average is None for fact in tables.fact_movie_daily.values()) == 18
    assert tables.links_per_film("bridge_movie_genre")[268531] == 4  # Action went away on the last day


@recorded
def test_expected_views_of_the_newest_recorded_day(tmp_path: Path) -> None:
    tables = star({day: catalogue_of(day) for day in DAYS})
    assert top_movies(tables, 5) == [634649, 1311031, 83533, 299536, 1419406]
    assert len(top_movies(tables)) == 200
    genres = genre_popularity(tables)
    assert genres[28] == Average(pytest.approx(11.573704, abs=1e-6), 1667706, 346)
    assert genres[878] == Average(pytest.approx(16.778308, abs=1e-6), 1001033, 142)
    path = tmp_path / "continents.csv"
    path.write_text(
        "iso_3166_1,name,continent,note\nUS,,North America,\nCA,,North America,\nMX,,North America,\nFR,,,\n"
    )
    assert continent_popularity(tables, read_continents(path)) == {
        "North America": Average(pytest.approx(11.9209158, abs=1e-7), 3229966, 569)
    }


def test_expected_state_is_the_newest_days_in_any_order() -> None:
    case = GALLERY["a_b_a"]()
    first = star(case.days)
    assert all(star(order) == first for order in permutations(case.days.items()))
    assert first.dim_movie[101]["title"] == "First title"
    assert first.dim_movie[107]["release_date"] == dt.date(2026, 8, 1)
    assert first.dim_movie[150]["details_date"] == first.dim_movie[150]["as_of_date"] == DAYS[0]
    assert {key for film_id, key in first.bridge_movie_genre if film_id == 102} == {18, 35}
    assert {key for film_id, key in first.bridge_movie_country if film_id == 104} == {"US", "FR"}
    assert first.dim_company[3] == ("Old name", None)
    assert {1, 2, 3} < set(first.dim_company)
    assert [first.fact_movie_daily[day, 110] for day in DAYS] == [
        Fact(900.5, 8.0, 10),
        Fact(1.25, None, 0),
        Fact(900.5, 8.0, 10),
    ]
    between = star([*case.days.items()][:2])
    assert between.dim_movie[107]["release_date"] is None
    assert between.dim_movie[106]["budget_usd"] is None
    assert between.dim_movie[108]["collection_id"] is None
    assert {key for film_id, key in between.bridge_movie_genre if film_id == 102} == {35, 27}
    with pytest.raises(ValueError, match="twice"):
        star([*case.days.items(), (DAYS[0], Catalogue())])


def state_of(name: str) -> Star:
    case = GALLERY[name]()
    return star(case.days, without=case.broken)


def test_expected_state_of_the_awkward_films() -> None:
    nul = state_of("nul_in_title")
    assert nul.dim_movie[101]["title"] == "Beforeafter"
    assert nul.dim_movie[101]["original_title"] is None
    assert nul.dim_company[4] == ("Nul Pictures", None)
    twice = state_of("company_twice")
    assert twice.bridge_movie_company == {(101, 5), (102, 6), (103, 6)}
    assert twice.dim_company == {5: ("Twice", "US"), 6: ("Higher id", None)}
    countries = state_of("former_countries")
    assert countries.dim_country["SU"] == "Soviet Union"
    assert countries.dim_country["XK"] == "Kosovo"
    assert ("country", "XK") not in countries.raw_reference
    languages = state_of("odd_languages").dim_language
    assert {code: languages[code] for code in ("mo", "zz", "sh", "qq", "xx")} == {
        "mo": None,
        "zz": "Only native",
        "sh": "Serbo-Croatian",
        "qq": None,
        "xx": "No Language",
    }
    assert state_of("big_money").total("revenue_usd") == 2_923_706_026 + 2_000_000 + 2**53 + 1
    empty = state_of("empty_film")
    filled = {"title", "original_title", "original_language", "is_adult", "as_of_date", "details_date"}
    assert {name for name, value in empty.dim_movie[101].items() if value is not None} == filled
    facts = [empty.fact_movie_daily[DAYS[0], movie_id] for movie_id in (101, 102, 103)]
    assert [fact.vote_average for fact in facts] == [None, None, 0]
    assert top_movies(empty) == [103, 102, 101]


def test_expected_state_of_films_that_come_twice_or_go(session: requests.Session) -> None:
    case = GALLERY["listed_twice"]()
    with ReplayServer(case.days[DAYS[0]]) as server:
        pages = [get(session, server, "/discover/movie", page=page).json()["results"] for page in (1, 2, 3)]
    assert pages[0][-1]["id"] == pages[1][0]["id"] == 101
    assert [len(page) for page in pages] == [20, 20, 3]
    twice = star(case.days)
    assert len(twice.fact_movie_daily) == 41
    assert twice.fact_movie_daily[DAYS[0], 101] == Fact(77.5, 6.6, 101)
    assert twice.fact_movie_daily[DAYS[0], 102].popularity == 3.0
    assert star(case.days, pages=1).fact_movie_daily[DAYS[0], 101] == Fact(10.101, 6.5, 100)
    gone = state_of("gone")
    removed = {movie_id: row["removed_date"] for movie_id, row in gone.dim_movie.items() if row["removed_date"]}
    assert removed == {101: DAYS[2], 102: DAYS[2]}
    assert [gone.dim_movie[movie_id]["details_date"] for movie_id in (101, 102, 103)] == [None, DAYS[1], DAYS[2]]
    assert gone.dim_movie[101]["title"] == "Film 101"
    assert gone.raw_details[DAYS[1], 103] == 404
    assert movie_latest(gone)[102] == (DAYS[2], Fact(10.102, 6.5, 100))
    assert not {101, 102} & set(top_movies(gone))


def test_so_many_missing_films_are_not_believed() -> None:
    films = catalogue([film(n) for n in range(1, 101)])
    assert star({DAYS[0]: films.but(gone=range(1, 21))}).unknown()["removed_date"] == 80
    assert star({DAYS[0]: films.but(gone=range(1, 22))}).unknown()["removed_date"] == 100


@pytest.mark.parametrize("name", GALLERY)
def test_every_awkward_case_is_served_as_it_is(name: str, session: requests.Session) -> None:
    case = GALLERY[name]()
    assert case.name == name
    assert case.why
    with ReplayServer(Catalogue()) as server:
        for day_catalogue in case.days.values():
            server.catalogue = day_catalogue
            assert get(session, server, "/discover/movie").json()["results"] == day_catalogue.listing[:20]
            for movie_id in [movie_id for movie_id in day_catalogue.films if movie_id < 1000]:
                answer = get(session, server, f"/movie/{movie_id}")
                assert answer.json() == day_catalogue.details(movie_id) or answer.status_code == 404
    expected = star(case.days, without=case.broken)
    assert expected.dim_movie.keys().isdisjoint(case.broken)
    if case.broken:
        assert len(expected.dim_movie) == SOUND_FILMS
        assert len(case.broken) / SOUND_FILMS < 0.05


def test_the_newest_name_of_a_company_wins() -> None:
    days = {
        DAYS[0]: catalogue([film(1, production_companies=[company(9, "New", "FR")])]),
        DAYS[1]: catalogue([film(2, production_companies=[company(9, "Newer", "")])]),
    }
    tables = star(days)
    assert tables.dim_company == {9: ("Newer", None)}
    assert tables.bridge_movie_company == {(1, 9), (2, 9)}
    assert tables.dim_movie[1]["as_of_date"] == DAYS[0]
