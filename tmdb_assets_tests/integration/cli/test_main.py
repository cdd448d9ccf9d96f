"""The command `tmdb-assets` in its own process: what it prints, its exit codes, and that it shows no secret."""

from __future__ import annotations

import datetime as dt
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from tmdb_assets.warehouse.server.urls import render_url
from tmdb_assets_tests.cases.awkward import catalogue, sound_films
from tmdb_assets_tests.fakes.replay import ReplayServer
from tmdb_assets_tests.oracle import expected
from tmdb_assets_tests.oracle.compare import Tables, assert_tables_equal, copied_warehouse, fresh_database
from tmdb_assets_tests.stage.command import COMMAND, command_environment, refusals, run
from tmdb_assets_tests.stage.ports import free_port

pytestmark = pytest.mark.usefixtures("far_from_midnight")

CATALOGUE = catalogue(sound_films(30))
STARTS_WITHIN_S = 60  # a process, on a busy machine
PASSWORD = "pass:wörd@of/tests"
REQUESTS = 2 + 30 + 3 + 1  # pages, films, reference lists, the id export
SCRIPT = Path(sys.executable).with_name("tmdb-assets")
INSTALLED = (str(SCRIPT),) if SCRIPT.exists() else COMMAND
ATTRIBUTION = "This product uses the TMDB API but is not endorsed or certified by TMDB."


@pytest.fixture(scope="module")
def replay():
    with ReplayServer(CATALOGUE) as server:
        yield server


@pytest.fixture(scope="module")
def database(server):
    """A database for the whole file; its URL has a password, which this server does not require."""
    with fresh_database(server) as url:
        yield url.set(password=PASSWORD)


def command(database, replay, *arguments, **changes):
    """Run the command to its end; its output must contain no token, password or stack trace."""
    done = run(command_environment(database, replay, **changes), *arguments, program=INSTALLED)
    printed = done.stdout + done.stderr
    if arguments != ("url",):
        for secret in (replay.token, PASSWORD, changes.get("TMDB_TOKEN", replay.token)):
            assert secret not in printed
    return done


def lines(text):
    return [line for line in text.splitlines() if line.strip()]


def table_rows(text):
    """The summary's table: name -> its row counts as text."""
    rows = (line.split() for line in lines(text))
    named = re.compile(r"(raw|dim|bridge|movie|fact|vw|country|report)_\w+")
    return {row[0]: row[1:] for row in rows if named.fullmatch(row[0])}


@pytest.fixture(scope="module")
def unreachable(replay):
    """A run against a server that does not exist, started early because it retries: the outcome and its seconds."""
    port = free_port()
    url = sa.URL.create("postgresql", "someone", PASSWORD, "127.0.0.1", port, "films")

    def outcome():
        started = time.monotonic()
        return command(url, replay, "run"), time.monotonic() - started, port

    with ThreadPoolExecutor(1) as executor:
        yield executor.submit(outcome)


@pytest.fixture(scope="module")
def first_run(unreachable, database, replay):
    """Today's run on an empty database: its output and number of requests."""
    replay.reset()
    done = command(database, replay, "run", "--verbose")
    return done, len(replay.asked)


@pytest.fixture(scope="module")
def tables(server, database):
    from tmdb_assets.warehouse.warehouse import Warehouse

    made = Warehouse(url=server.url.set(database=database.database))
    yield Tables(made)
    made.close()


def test_a_run_loads_the_day_and_prints_a_summary(first_run, database, tables):
    done, requests = first_run
    assert (done.returncode, done.stderr, requests) == (0, "", REQUESTS)
    (day,) = tables.column("select date_id from load_day")
    first, last = lines(done.stdout)[0], lines(done.stdout)[-1]
    assert first.startswith(f"Loading {day} into ")
    assert first.endswith(f"/{database.database}")
    assert last == ATTRIBUTION
    assert "Sample figures" not in done.stdout
    ended = rf"^Loaded     30 films, 1 day, 59 checks passed \({REQUESTS} requests, \d+ s\)$"
    assert re.search(ended, done.stdout, re.MULTILINE)
    (page,) = re.findall(r"^Dashboard  (.*)$", done.stdout, re.MULTILINE)
    assert Path(page).is_file()
    assert page in next(line for line in lines(done.stdout) if line.startswith("Open it "))
    assert "Next       make dev " in done.stdout
    figures = table_rows(done.stdout)
    assert figures["fact_movie_daily"] == ["30", "30", "0", "0", "0"]
    assert figures["dim_movie"] == ["30", "30", "0", "0", "0"]
    assert figures["vw_top_movies"] == ["30"]
    for name, row in figures.items():
        if not name.startswith("report"):
            assert int(row[0].replace(",", "")) == tables.value(f"select count(*) from {name}"), name
    assert "discover pages: 2/2" in done.stdout
    assert "film details: 30/30" in done.stdout
    assert_tables_equal(tables, expected.star({day: CATALOGUE}))


def test_a_second_run_requests_nothing_and_changes_nothing(first_run, database, replay, tables):
    before = tables.rows("select max(updated_at), count(*) from dim_movie")
    replay.reset()
    done = command(database, replay, "run")
    assert (done.returncode, replay.asked) == (0, [])
    (line,) = [line for line in lines(done.stdout) if "was already loaded" in line]
    assert ": 0 requests, no row changed, 59 checks passed (" in line
    assert table_rows(done.stdout) == {}
    assert tables.rows("select max(updated_at), count(*) from dim_movie") == before


def test_psql_and_url_reach_the_warehouse(first_run, database, replay):
    done = command(database, replay, "psql", "-At", "-c", "select count(*) from vw_top_movies")
    assert (done.stdout, done.stderr, done.returncode) == ("30\n", "", 0)
    done = command(database, replay, "psql", "-v", "ON_ERROR_STOP=1", "-c", "select wrong")
    assert (done.returncode, 'column "wrong" does not exist' in done.stderr) == (1, True)
    done = command(database, replay, "url")
    assert (done.stdout, done.stderr, done.returncode) == (f"{render_url(database)}\n", "", 0)
    with psycopg.connect(done.stdout.strip()) as connection:
        assert connection.execute("select count(*) from fact_movie_daily").fetchone() == (30,)


def test_no_secret_is_in_dagsters_storage(first_run, server, replay):
    engine = sa.create_engine(server.url.set(database="dagster"), poolclass=sa.NullPool)
    tables_of = "select table_name from information_schema.tables where table_schema = 'public'"
    with engine.connect() as connection:
        names = list(connection.scalars(sa.text(tables_of)))
        assert connection.scalar(sa.text("select count(*) from event_logs")) > 100
        for name in names:
            for secret in (PASSWORD, render_url(server.url.set(password=PASSWORD)).split("@")[0], replay.token):
                query = sa.text(f"select count(*) from {name} as t where strpos(t::text, :secret) > 0")
                assert connection.scalar(query, {"secret": secret}) == 0, name


def test_a_refused_token_ends_in_one_line_and_an_empty_warehouse(server, replay):
    with copied_warehouse(server) as warehouse:
        done = command(warehouse.url, replay, "run", TMDB_TOKEN="a-wrong-token")
        assert done.returncode == 1
        (line,) = [line for line in lines(done.stdout) if "token" in line]
        assert line.startswith("Failed. TMDb refused the token (401, code 7)")
        assert line.endswith("(themoviedb.org, Settings, API: the long one, not the API key). Then run again.")
        assert table_rows(done.stdout) == {}
        assert Tables(warehouse).counts() == {}


def today():
    return dt.datetime.now(dt.UTC).date()


REFUSED = {
    "rubbish": ("--date tomorrow", "Error: Invalid value for '--date': 'tomorrow' is not a date; write YYYY-MM-DD."),
    "no-such-day": (
        "--date 2026-02-30",
        "Error: Invalid value for '--date': '2026-02-30' is not a date; write YYYY-MM-DD.",
    ),
    "future": ("--date 2099-01-01", "2099-01-01 is in the future; today is {today} (UTC)."),
    "before-first-day": (
        "--date 2025-08-10",
        "2025-08-10 is before the first day, 2025-08-11 (TMDB_FIRST_DAY).",
    ),
    "refresh-past": (
        "--date {yesterday} --refresh",
        "--refresh works only for today ({today}), not for {yesterday}: TMDb's API has no history.",
    ),
}


@pytest.fixture(scope="module")
def refused(database, replay):
    """The command's output for each day of `REFUSED`, and the expected message."""
    days = {"today": today(), "yesterday": today() - dt.timedelta(days=1)}
    cases = {name: [text.format(**days) for text in texts] for name, texts in REFUSED.items()}
    commands = {name: ["run", *arguments.split()] for name, (arguments, _) in cases.items()}
    replay.reset()
    found = refusals(commands, command_environment(database, replay))
    assert replay.asked == []
    return {name: (found[name], cases[name][1]) for name in REFUSED}


@pytest.mark.parametrize("name", REFUSED)
def test_a_day_that_cannot_be_loaded_is_refused_in_one_line(refused, name):
    done, message = refused[name]
    assert (done.returncode, done.stdout) == (2, "")
    shown = [line for line in lines(done.stderr) if not line.startswith(("Usage:", "Try "))]
    assert shown == [message]


@pytest.mark.parametrize(
    ("setting", "value", "shown"),
    [
        ("TMDB_PAGES", "0", "TMDB_PAGES='0' is not valid. Expected: discover pages a day, 20 films each: a whole"),
        ("WAREHOUSE_URL", f"mysql://someone:{PASSWORD}@host/db", "WAREHOUSE_URL is not valid. Expected: postgresql"),
    ],
)
def test_an_invalid_setting_stops_the_command_and_is_named(database, replay, setting, value, shown):
    done = command(database, replay, "run", **{setting: value})
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = lines(done.stderr)
    assert line.startswith(shown)


def test_an_unreachable_warehouse_is_reported_within_half_a_minute_without_its_password(unreachable):
    done, seconds, port = unreachable.result()
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = lines(done.stderr)
    assert line.startswith(f"Postgres at 127.0.0.1:{port}/films cannot be reached (")
    assert line.endswith("Nothing was changed. Start it, or correct WAREHOUSE_URL. Run again.")
    assert seconds < 30 + STARTS_WITHIN_S
