"""`tmdb-assets backfill`, and `run --date` for a past day, each in its own process: output and exit codes."""

from __future__ import annotations

import datetime as dt

import pytest

from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.awkward import catalogue, sound_films
from tmdb_assets_tests.fakes.replay import ReplayServer
from tmdb_assets_tests.oracle.compare import Tables, fresh_database
from tmdb_assets_tests.stage.command import command_environment, refusals, run
from tmdb_assets_tests.stage.many_days import MISSING, ONE_DAY, asked_exports, exports

pytestmark = pytest.mark.usefixtures("far_from_midnight")

CATALOGUE = catalogue(sound_films(30))


@pytest.fixture(scope="module")
def today():
    return dt.datetime.now(dt.UTC).date()


@pytest.fixture(scope="module")
def replay():
    with ReplayServer(CATALOGUE) as server:
        yield server


@pytest.fixture(scope="module")
def database(server, loaded_databases, today):
    """A database in which today is loaded."""
    with fresh_database(server, loaded_databases(CATALOGUE, today)) as url:
        yield url


@pytest.fixture
def tables(database):
    made = Warehouse(url=database)
    yield Tables(made)
    made.close()


@pytest.fixture(autouse=True)
def no_requests_yet(replay, database):
    replay.faults = None
    replay.reset()


def command(database, replay, *arguments):
    return run(command_environment(database, replay), *arguments)


def test_a_range_is_loaded_and_the_days_that_cannot_be_loaded_are_listed(database, replay, tables, today):
    days = [today - back * ONE_DAY for back in (10, 9, 8, 7)]
    replay.faults = exports({days[1]: MISSING, days[2]: MISSING})
    done = command(database, replay, "backfill", "--from", str(days[0]), "--to", str(days[3]))
    assert (done.returncode, done.stderr) == (1, "")
    assert "2 of 4 days loaded in " in done.stdout
    (line,) = [line for line in done.stdout.splitlines() if "no longer published" in line]
    gone = "no longer published (404): TMDb keeps exports for about 3 months."
    assert line.startswith(f"  {days[1]} to {days[2]}: {gone}")
    assert done.stdout.splitlines()[-1].startswith("This product uses the TMDB API")
    assert asked_exports(replay) == days
    loaded = "select date_id, discover_count, export_count from load_day order by 1"
    assert tables.rows(loaded) == [(days[0], 0, 30), (days[3], 0, 30), (today, 30, 0)]
    # Once the exports are available, the same command completes the range and requests nothing else.
    replay.faults = None
    replay.reset()
    done = command(database, replay, "backfill", "--from", str(days[0]), "--to", str(days[3]))
    assert (done.returncode, "4 of 4 days loaded in " in done.stdout) == (0, True)
    assert replay.requests == {"export": 2}


@pytest.mark.long
def test_a_past_day_without_raw_rows_is_loaded_from_its_export(database, replay, tables, today):
    day = today - 3 * ONE_DAY
    done = command(database, replay, "run", "--date", str(day))
    assert (done.returncode, done.stderr) == (0, "")
    assert "(1 request, " in done.stdout
    facts = tables.rows("select distinct source, vote_count from fact_movie_daily where date_id = :day", day=day)
    assert facts == [("export", None)]


@pytest.mark.long
def test_a_past_day_without_an_export_ends_in_one_line(database, replay, tables, today):
    day = today - 4 * ONE_DAY
    replay.faults = exports({}, otherwise=MISSING)
    before = tables.counts()
    done = command(database, replay, "run", "--date", str(day))
    assert done.returncode == 1
    (line,) = [line for line in done.stdout.splitlines() if "cannot be loaded" in line]
    assert line.startswith(f"Failed. {day} cannot be loaded: nothing was stored on that day, and its export is not")
    # It says once what is kept, and does not advise to run again, which would not help.
    assert done.stdout.count("is kept") == 1
    assert "un again" not in done.stdout
    assert tables.counts() == before


REFUSED = {
    "backwards": ("{later}", "{today}", "--from {later} is after --to {today}."),
    "future": ("{today}", "{later}", "Days from 2025-08-11 (TMDB_FIRST_DAY) to {today} (today, UTC) can be loaded."),
    "before-the-first-day": (
        "2025-08-10",
        "{today}",
        "Days from 2025-08-11 (TMDB_FIRST_DAY) to {today} (today, UTC) can be loaded.",
    ),
    "rubbish": ("today", "{today}", "Error: Invalid value for '--from': 'today' is not a date; write YYYY-MM-DD."),
}


@pytest.fixture(scope="module")
def refused(database, replay, today):
    """The command's output for each range of `REFUSED`, and the expected message."""
    days = {"today": today, "later": today + 2 * ONE_DAY}
    cases = {name: [text.format(**days) for text in texts] for name, texts in REFUSED.items()}
    commands = {name: ["backfill", "--from", first, "--to", last] for name, (first, last, _) in cases.items()}
    replay.reset()
    found = refusals(commands, command_environment(database, replay))
    assert replay.asked == []
    return {name: (found[name], cases[name][2]) for name in REFUSED}


@pytest.mark.parametrize("name", REFUSED)
def test_an_invalid_range_is_refused_in_one_line(refused, name):
    done, message = refused[name]
    assert (done.returncode, done.stdout) == (2, "")
    shown = [line for line in done.stderr.splitlines() if line and not line.startswith(("Usage:", "Try "))]
    assert shown == [message]
