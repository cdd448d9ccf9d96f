"""The services of docker-compose.yml run natively: healthy, a day through all of them, and no run lost by a kill."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tmdb_assets import partitions
from tmdb_assets.settings import SHIPPED_DIR
from tmdb_assets_tests.stage import restarts
from tmdb_assets_tests.stage.compose_file import made_env, services
from tmdb_assets_tests.stage.postgres import needs_embedded
from tmdb_assets_tests.stage.running import INSTIGATORS, Running
from tmdb_assets_tests.stage.waiting import wait_until

pytestmark = [needs_embedded, pytest.mark.long]
PAST_DAYS = 3  # one per killed service and no more: the gap filler and the one-shot day would load others


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Postgres, code server, webserver and daemon, healthy, on the sandbox of the API."""
    home = tmp_path_factory.mktemp("app")
    first = partitions.today() - dt.timedelta(days=PAST_DAYS)
    env = made_env() | {"TMDB_PAGES": "1", "TMDB_RATE_LIMIT": "0", "TMDB_FIRST_DAY": first.isoformat()}
    with restarts.own_server() as own:
        port = own.listen(env["POSTGRES_PASSWORD"])
        engine = sa.create_engine(own.url.set(database="tmdb_sandbox"))
        with services(env, port, home) as made:
            done = made.run("migrate")
            assert done.returncode == 0, done.stderr
            watch_often(home)
            for name in ("code", "webserver", "daemon"):
                made.start(name)
            made.await_healthy("code", "webserver")
            running = Running(made, engine)
            # All start at once, as under Docker after a reboot: the webserver may have started before the code
            # server, and retries every 10 s.
            assert wait_until(running.knows_the_code, every=0.2)
            yield running
        engine.dispose()


def watch_often(home: Path) -> None:
    """Use the project's dagster.yaml, but let the daemon poll its runs every second instead of every 30."""
    file = home / "data" / "dagster" / "dagster.yaml"
    file.unlink(missing_ok=True)
    shutil.copy(SHIPPED_DIR / "dagster.yaml", file)
    text = file.read_text(encoding="utf-8")
    assert text.count("poll_interval_seconds: 30") == 1
    file.write_text(text.replace("poll_interval_seconds: 30", "poll_interval_seconds: 1"), encoding="utf-8")


@pytest.fixture
def day(request: pytest.FixtureRequest) -> dt.date:
    """The test's own past day."""
    return partitions.today() - dt.timedelta(days=int(request.param))


def test_a_day_goes_through_webserver_daemon_and_code_server(platform: Running) -> None:
    today = partitions.today()
    run_id = platform.launch("daily", today)
    platform.await_status(run_id, today, "SUCCESS", "daily")
    loaded = platform.loaded(today)
    assert loaded is not None
    assert loaded[0] == loaded[1] == loaded[2] >= 20
    page = platform.services.home / "data" / "reports" / "dashboard_tmdb_sandbox.html"
    assert page.read_text(encoding="utf-8").lower().startswith("<!doctype html>")
    platform.services.await_healthy("daemon")


def test_schedules_and_sensors_run_by_default(platform: Running) -> None:
    found = platform.query(INSTIGATORS)["repositoryOrError"]
    assert {one["name"]: one["scheduleState"]["status"] for one in found["schedules"]} == {
        "daily_schedule": "RUNNING",
        "retention_schedule": "RUNNING",
    }
    assert {one["name"]: one["sensorState"]["status"] for one in found["sensors"]} == {
        "alerts": "RUNNING",
        "gap_filler": "RUNNING",
    }


@pytest.mark.parametrize("day", [1], indirect=True)
def test_a_restarted_daemon_runs_what_was_launched_meanwhile(platform: Running, day: dt.date) -> None:
    platform.services.kill("daemon")
    run_id = platform.launch("backfill", day)
    assert platform.status(run_id, day) == "QUEUED"
    platform.services.start("daemon")
    platform.await_status(run_id, day, "SUCCESS")
    assert_loaded_once(platform, day, run_id)


@pytest.mark.parametrize("day", [2], indirect=True)
def test_a_killed_webserver_does_not_affect_its_runs(platform: Running, day: dt.date) -> None:
    with platform.loads_held():
        run_id = platform.launch("backfill", day)
        platform.await_status(run_id, day, "STARTED")
        platform.services.kill("webserver")
    platform.services.start("webserver")
    platform.services.await_healthy("webserver")
    platform.await_status(run_id, day, "SUCCESS")
    assert_loaded_once(platform, day, run_id)


@pytest.mark.parametrize("day", [3], indirect=True)
def test_the_run_of_a_killed_code_server_is_retried(platform: Running, day: dt.date) -> None:
    with platform.loads_held():
        run_id = platform.launch("backfill", day)
        platform.await_status(run_id, day, "STARTED")
        platform.services.kill("code")
    assert platform.loaded(day) is None
    platform.services.start("code")
    platform.services.await_healthy("code")
    platform.await_status(run_id, day, "FAILURE")
    assert wait_until(lambda: any(run["parentRunId"] == run_id for run in platform.runs(day)), every=0.2)
    (again,) = [run["runId"] for run in platform.runs(day) if run["parentRunId"] == run_id]
    platform.await_status(again, day, "SUCCESS")
    assert_loaded_once(platform, day, run_id)


def test_the_one_shot_day_and_the_app_run_next_to_the_platform(platform: Running) -> None:
    done = platform.services.run("etl")
    assert done.returncode == 0, done.stderr
    assert platform.loaded(partitions.today()) is not None
    platform.services.start("viz")
    platform.services.await_healthy("viz")
    assert platform.services.stop("viz") == 0


def assert_loaded_once(platform: Running, day: dt.date, run_id: str) -> None:
    """Assert that every film of the day is stored once, loaded by the run itself or by its retry."""
    loaded = platform.loaded(day)
    assert loaded is not None
    assert loaded[0] == loaded[1] == loaded[2] > 0
    statuses = [run["status"] for run in platform.runs(day) if run_id in (run["runId"], run["parentRunId"])]
    assert statuses.count("SUCCESS") == 1
    assert set(statuses) <= {"SUCCESS", "FAILURE"}
