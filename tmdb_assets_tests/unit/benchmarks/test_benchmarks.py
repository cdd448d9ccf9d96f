"""The benchmark at a tiny size: its films, its load server, and the figures of one round."""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import json
import time
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg
import pytest
import requests

from benchmarks import answers, catalogue, fake_api, films, ingest, phases
from tmdb_assets.warehouse.server.open import Server
from tmdb_assets.warehouse.server.urls import render_url

DAY = dt.date(2026, 1, 31)
AUTHORISATION = {"Authorization": f"Bearer {fake_api.TOKEN}"}
LONG_AGO, TOMORROW = DAY - dt.timedelta(days=91), DAY + dt.timedelta(days=1)
LEAST_RATE = 2000  # requests a second of CPU: about twice what 64 threads of requests ask


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    films.write_films(tmp_path, 45)
    return tmp_path


def test_films_are_the_same_each_time_and_look_like_real_ones(folder: Path, tmp_path_factory: pytest.TempPathFactory):
    again = tmp_path_factory.mktemp("again")
    films.write_films(again, 45)
    assert (again / "films.jsonl").read_bytes() == (folder / "films.jsonl").read_bytes()
    made = films.read_films(folder, DAY).films
    assert len(made) == 45
    assert all(200 < len(film["overview"]) < 1000 for film in made.values())
    assert {film["revenue"] == 0 for film in made.values()} == {True, False}


def test_expected_figures_count_what_the_answers_hold(folder: Path):
    catalogue = films.read_films(folder, DAY)
    expected = films.expected_figures(catalogue)
    assert set(expected) == set(films.FIGURES)
    assert expected["films"] == expected["facts"] == 45
    assert expected["votes"] == sum(film["vote_count"] for film in catalogue.films.values())
    assert expected["genre_links"] == sum(len(film["genres"]) for film in catalogue.films.values())


def test_a_wrong_load_is_seen(server: Server, database):
    url = render_url(server.url.set(database=database.database))
    with psycopg.connect(url) as connection:
        connection.execute("create table dim_movie (movie_id int, title text, revenue_usd bigint)")
        connection.execute("create table fact_movie_daily (vote_count int, popularity float8)")
        for table in ("dim_company", *(f"bridge_movie_{name}" for name in ("genre", "company", "country", "language"))):
            connection.execute(f"create table {table} (id int)")
        connection.execute("insert into dim_movie values (1, 'Été', 5000000000)")
        connection.execute("insert into fact_movie_daily values (3, 1.25)")
    expected = {
        "films": 1,
        "title_characters": 3,
        "revenue_usd": 5_000_000_000,
        "facts": 1,
        "votes": 4,
        "popularity": 1.3,
        "companies": 0,
    }
    assert films.wrong_figures(url, expected) == {"votes": (3, 4)}


def test_server_answers_like_the_api(folder: Path):
    with fake_api.fake_api(folder, DAY, latency_ms=0) as url:
        pages = [requests.get(f"{url}/discover/movie?page={n}", headers=AUTHORISATION).json() for n in (1, 2, 3, 4)]
        assert [len(page["results"]) for page in pages] == [20, 20, 5, 0]
        shown = [film for page in pages for film in page["results"]]
        assert len({film["id"] for film in shown}) == 45
        details = requests.get(f"{url}/movie/{shown[0]['id']}?language=en-US", headers=AUTHORISATION).json()
        assert details["vote_count"] == shown[0]["vote_count"]
        assert requests.get(f"{url}/movie/5", headers=AUTHORISATION).status_code == 404
        assert requests.get(f"{url}/discover/movie?page=501", headers=AUTHORISATION).status_code == 400
        assert requests.get(f"{url}/movie/5").status_code == 401
        told = requests.get(url.removesuffix("/3") + fake_api.COUNT_PATH).json()
        assert (told["requests"], told["refused"], told["peak"]) == (8, 0, 8)
        assert {kind: counted["requests"] for kind, counted in told["kinds"].items()} == {"discover": 5, "details": 3}


def test_slices_of_release_dates_hold_the_films_of_their_days(folder: Path):
    dates = {film["id"]: film["release_date"] for film in films.read_films(folder, DAY).films.values()}
    query = "page=1&primary_release_date.gte=1960-01-01&primary_release_date.lte=1999-12-31"
    with fake_api.fake_api(folder, DAY, latency_ms=0) as url:
        page = requests.get(f"{url}/discover/movie?{query}", headers=AUTHORISATION).json()
    inside = [film for film, date in dates.items() if "1960-01-01" <= date <= "1999-12-31"]
    assert page["total_results"] == len(inside) < 45
    assert {film["id"] for film in page["results"]} <= set(inside)


def test_exports_hold_every_film_with_that_days_popularity(folder: Path):
    day = DAY - dt.timedelta(days=3)
    with fake_api.fake_api(folder, DAY, latency_ms=0, options=["--export-days", "5"]) as url:
        base = url.removesuffix("/3") + "/p/exports/movie_ids_"
        got = requests.get(f"{base}{day:%m_%d_%Y}.json.gz")
        missing = [requests.get(f"{base}{day:%m_%d_%Y}.json.gz").status_code for day in (LONG_AGO, TOMORROW)]
    lines = [json.loads(line) for line in gzip.decompress(got.content).splitlines()]
    told = {film["id"]: film for film in films.read_films(folder, DAY).films.values()}
    assert {line["id"]: line["popularity"] for line in lines} == {
        film_id: films.export_popularity(film, day) for film_id, film in told.items()
    }
    assert missing == [404, 404]


def test_edited_films_are_the_share_asked_for_and_stand_on_the_change_lists(folder: Path):
    before = films.read_films(folder, DAY - dt.timedelta(days=1)).films
    after, listed = films.read_edited_films(folder, DAY, 0.4)
    daily = {"popularity", "vote_average", "vote_count"}
    changed = {
        film_id
        for film_id, film in after.films.items()
        if any(film[name] != before[film_id][name] for name in film.keys() - daily)
    }
    assert len(changed) == 18
    assert changed == {film for day in listed.values() for film in day}
    with fake_api.fake_api(folder, DAY, latency_ms=0, options=["--edited", "0.4"]) as url:
        for day, ids in listed.items():
            answer = requests.get(f"{url}/movie/changes?page=1&start_date={day}&end_date={day}", headers=AUTHORISATION)
            assert [entry["id"] for entry in answer.json()["results"]] == ids
        film = next(iter(changed))
        title = requests.get(f"{url}/movie/{film}", headers=AUTHORISATION).json()["title"]
        assert title == after.films[film]["title"]


def test_requests_over_the_rate_are_refused_and_the_rest_answered():
    now = 0.0
    traffic = answers.Traffic(5, clock=lambda: now)
    assert [traffic.admit("/3/movie/1") for _ in range(7)] == [True] * 5 + [False] * 2
    assert traffic.admit("/p/exports/movie_ids_01_31_2026.json.gz")  # another host's: without limit
    now = 0.4
    assert [traffic.admit("/3/discover/movie") for _ in range(3)] == [True, True, False]
    now = 60.0
    assert [traffic.admit("/3/movie/changes") for _ in range(6)] == [True] * 5 + [False]  # nothing is saved up
    told = traffic.told()
    assert (told["requests"], told["refused"], told["peak"]) == (17, 4, 10)
    assert told["kinds"]["details"] == {"requests": 7, "first": 0.0, "last": 0.0}


def test_large_catalogue_has_every_dated_film_in_one_slice_and_all_in_its_export():
    made = catalogue.Films(1000)
    assert (made.count, made.dated) == (1000, 990)
    halves = [made.ranked("1874-01-01", "1999-12-31"), made.ranked("2000-01-01", "2041-12-31")]
    assert sorted(int(place) for half in halves for place in half) == list(range(990))
    told = [made.listed(int(place)) for place in halves[1]]
    assert all("2000-01-01" <= film["release_date"] <= "2027-12-31" for film in told)
    assert [film["popularity"] for film in told] == sorted((film["popularity"] for film in told), reverse=True)
    lines = [json.loads(line) for line in gzip.decompress(made.export()).splitlines()]
    assert len({line["id"] for line in lines}) == 1000
    for place in (0, 989, 999):
        assert made.place_of(made.listed(place)["id"]) == place
    assert made.listed(999)["release_date"] == ""
    assert made.place_of(3) is made.place_of(10**9) is None
    expected = made.expected_figures()
    assert (expected["films"], expected["votes"]) == (
        990,
        sum(made.listed(place)["vote_count"] for place in range(990)),
    )


def test_large_catalogue_is_served_by_slices():
    with fake_api.fake_api(300, DAY, latency_ms=0) as url:
        query = "page={}&primary_release_date.gte=1874-01-01&primary_release_date.lte=2041-12-31"
        pages = [requests.get(f"{url}/discover/movie?{query.format(n)}", headers=AUTHORISATION).json() for n in (1, 15)]
        film = pages[1]["results"][-1]
        details = requests.get(f"{url}/movie/{film['id']}", headers=AUTHORISATION).json()
        answers = [requests.get(f"{url}/{path}", headers=AUTHORISATION).status_code for path in ("movie/3", "movie/x")]
        countries = requests.get(f"{url}/configuration/countries", headers=AUTHORISATION).json()
    assert [(page["total_results"], page["total_pages"], len(page["results"])) for page in pages] == [
        (297, 15, 20),
        (297, 15, 17),
    ]
    assert {name: details[name] for name in film if name != "genre_ids"} == {
        name: value for name, value in film.items() if name != "genre_ids"
    }
    assert len(details["genres"]) == 2
    assert answers == [404, 404]
    assert {"FR", "US"} <= {country["iso_3166_1"] for country in countries}


def test_history_that_differs_from_its_exports_is_seen(server: Server, database):
    url = render_url(server.url.set(database=database.database))
    with psycopg.connect(url) as connection:
        connection.execute("create table fact_movie_daily (date_id date, popularity float8)")
        connection.execute("insert into fact_movie_daily values ('2026-01-30', 1.5), ('2026-01-31', 2.5)")
    expected = {DAY: (1, 2.5), DAY - dt.timedelta(days=1): (1, 2.5), DAY - dt.timedelta(days=2): (1, 2.5)}
    wrong = films.wrong_days(url, expected)
    assert [(day, found) for day, found, _ in wrong] == [(dt.date(2026, 1, 30), (1, 1.5)), (dt.date(2026, 1, 29), None)]


def test_latency_of_one_request_holds_up_no_other(folder: Path):
    with fake_api.fake_api(folder, DAY, latency_ms=1000) as url:
        started = time.monotonic()
        asyncio.run(ask(url, connections=20, requests_each=1))
        assert 1 <= time.monotonic() - started < 20  # one after the other they would take 20 s


def test_server_is_not_what_is_measured(folder: Path):
    with fake_api.fake_api(folder, DAY, latency_ms=0) as url:
        (process,) = psutil.Process().children()
        before = process.cpu_times()
        asyncio.run(ask(url, connections=16, requests_each=60))
        after = process.cpu_times()
    assert 16 * 60 / (after.user + after.system - before.user - before.system) > LEAST_RATE


async def ask(url: str, connections: int, requests_each: int) -> None:
    """Ask for one film over and over, each connection waiting for its answer before the next request."""
    address = urlsplit(url)
    head = f"GET /3/movie/1007 HTTP/1.1\r\nHost: x\r\nAuthorization: {AUTHORISATION['Authorization']}\r\n\r\n".encode()

    async def converse() -> None:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        for _ in range(requests_each):
            writer.write(head)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200")
            length = int(answer.split(b"Content-Length: ")[1].split(b"\r\n")[0])
            assert json.loads(await reader.readexactly(length))["id"] == 1007
        writer.close()

    await asyncio.gather(*(converse() for _ in range(connections)))


def test_imports_are_told_apart_by_when_they_happen(tmp_path: Path):
    output = tmp_path / "output.txt"
    output.write_text(
        "import time: self [us] | cumulative | imported package\n"
        "import time:      1000 |       1000 |   dagster.core\n"
        "import time:      2000 |       3000 | dagster\n"
        "Loading 2026-01-31 into local socket\n"
        "import time:       500 |        500 | altair\n"
    )
    assert phases.read_imports(output) == ({"dagster": 0.003}, {"altair": 0.0005})


@pytest.mark.parametrize(
    "arguments", [["--parts", "all"], ["--films", "10001"], ["--days", "90", "--pace-films", "0"], ["--days", "120"]]
)
def test_what_cannot_be_measured_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as stopped:
        ingest.main(arguments)
    assert stopped.value.code == 2
    assert "error: " in capsys.readouterr().err
