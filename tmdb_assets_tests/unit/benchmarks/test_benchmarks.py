"""What a round of the benchmarks cannot show: wrong loads are found, the load server is fast and keeps its rate."""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import json
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg
import pytest

from benchmarks import answers, catalogue, fake_api, films, ingest, phases
from tmdb_assets.warehouse.server.open import Server
from tmdb_assets.warehouse.server.urls import render_url

DAY = dt.date(2026, 1, 31)
AUTHORISATION = {"Authorization": f"Bearer {fake_api.TOKEN}"}
LEAST_RATE = 2000  # requests per second of CPU: about twice what 64 threads of requests send


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    films.write_films(tmp_path, 45)
    return tmp_path


def test_a_wrong_load_is_found(server: Server, database):
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


def test_requests_over_the_rate_are_refused_and_the_rest_answered():
    now = 0.0
    traffic = answers.Traffic(5, clock=lambda: now)
    assert [traffic.admit("/3/movie/1") for _ in range(7)] == [True] * 5 + [False] * 2
    assert traffic.admit("/p/exports/movie_ids_01_31_2026.json.gz")  # another host, without a limit
    now = 0.4
    assert [traffic.admit("/3/discover/movie") for _ in range(3)] == [True, True, False]
    now = 60.0
    assert [traffic.admit("/3/movie/changes") for _ in range(6)] == [True] * 5 + [False]  # still no larger burst
    counts = traffic.counts()
    assert (counts["requests"], counts["refused"], counts["peak"]) == (17, 4, 10)
    assert counts["kinds"]["details"] == {"requests": 7, "first": 0.0, "last": 0.0}


def test_large_catalogue_has_every_dated_film_in_one_slice_and_all_in_its_export():
    made = catalogue.Films(1000)
    assert (made.count, made.dated) == (1000, 990)
    halves = [made.ranked("1874-01-01", "1999-12-31"), made.ranked("2000-01-01", "2041-12-31")]
    assert sorted(int(place) for half in halves for place in half) == list(range(990))
    shown = [made.listed(int(place)) for place in halves[1]]
    assert all("2000-01-01" <= film["release_date"] <= "2027-12-31" for film in shown)
    assert [film["popularity"] for film in shown] == sorted((film["popularity"] for film in shown), reverse=True)
    lines = [json.loads(line) for line in gzip.decompress(made.export()).splitlines()]
    assert len({line["id"] for line in lines}) == 1000
    for place in (0, 989, 999):
        assert made.place_of(made.listed(place)["id"]) == place
    assert made.listed(999)["release_date"] == ""
    assert made.place_of(3) is made.place_of(10**9) is None
    # Slices list the dated films only, unless one slice without dates holds all.
    for count, listed in ((1000, 1000), (12_000, 11_880)):
        made = catalogue.Films(count)
        votes = sum(made.listed(place)["vote_count"] for place in range(listed))
        expected = made.expected_figures()
        assert (expected["films"], expected["facts"], expected["votes"]) == (listed, listed, votes)


def test_history_that_differs_from_its_exports_is_found(server: Server, database):
    url = render_url(server.url.set(database=database.database))
    with psycopg.connect(url) as connection:
        connection.execute("create table fact_movie_daily (date_id date, popularity float8)")
        connection.execute("insert into fact_movie_daily values ('2026-01-30', 1.5), ('2026-01-31', 2.5)")
    expected = {DAY: (1, 2.5), DAY - dt.timedelta(days=1): (1, 2.5), DAY - dt.timedelta(days=2): (1, 2.5)}
    wrong = films.wrong_days(url, expected)
    assert [(day, found) for day, found, _ in wrong] == [(dt.date(2026, 1, 30), (1, 1.5)), (dt.date(2026, 1, 29), None)]


def test_the_load_server_is_not_the_bottleneck(folder: Path):
    earlier = psutil.Process().children()
    with fake_api.fake_api(folder, DAY, latency_ms=0) as url:
        (process,) = set(psutil.Process().children()) - {*earlier}
        before = process.cpu_times()
        asyncio.run(request_often(url, connections=16, requests_each=60))
        after = process.cpu_times()
    assert 16 * 60 / (after.user + after.system - before.user - before.system) > LEAST_RATE


async def request_often(url: str, connections: int, requests_each: int) -> None:
    """Request one film again and again; each connection waits for its answer before the next request."""
    address = urlsplit(url)
    head = f"GET /3/movie/1007 HTTP/1.1\r\nHost: x\r\nAuthorization: {AUTHORISATION['Authorization']}\r\n\r\n".encode()

    async def client() -> None:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        for _ in range(requests_each):
            writer.write(head)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200")
            length = int(answer.split(b"Content-Length: ")[1].split(b"\r\n")[0])
            assert json.loads(await reader.readexactly(length))["id"] == 1007
        writer.close()

    await asyncio.gather(*(client() for _ in range(connections)))


def test_imports_are_split_at_the_start_of_the_run(tmp_path: Path):
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
def test_invalid_options_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as stopped:
        ingest.main(arguments)
    assert stopped.value.code == 2
    assert "error: " in capsys.readouterr().err
