"""docker-compose.scale.yml run natively: a backfill over two workers of Celery, one of which is killed in its run."""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import sqlalchemy as sa

from tmdb_assets import partitions
from tmdb_assets_tests.integration.project.test_services import Running, watch_often
from tmdb_assets_tests.oracle.compare import Tables
from tmdb_assets_tests.stage import restarts
from tmdb_assets_tests.stage.compose_file import SCALE_FILE, made_env, services
from tmdb_assets_tests.stage.many_days import content_of
from tmdb_assets_tests.stage.postgres import needs_embedded
from tmdb_assets_tests.stage.waiting import PATIENCE_S, wait_until

pytestmark = [
    needs_embedded,
    pytest.mark.long,
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed"),
]
DAYS = 5
WORKERS = ("worker-1", "worker-2")
MOST_UNTIL_CLOSED_S = 180
MOST_CONNECTIONS_A_RUN = 6
HOLDER = """
select split_part(application_name, ' ', 2) from pg_stat_activity
where application_name like 'tmdb-assets % run ' || left(:run, 8)
"""
LAUNCH = """
mutation ($days: [String!]) {
  launchPartitionBackfill(backfillParams: {
    selector: {partitionSetName: "backfill_partition_set", repositorySelector: {
      repositoryLocationName: "tmdb_assets", repositoryName: "__repository__"}},
    partitionNames: $days
  }) { __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } }
}
"""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Postgres, Redis, code server, webserver, daemon and two workers, on the sandbox of the API."""
    home = tmp_path_factory.mktemp("app")
    first = partitions.today() - dt.timedelta(days=DAYS)
    env = made_env() | {"TMDB_PAGES": "1", "TMDB_FIRST_DAY": first.isoformat()}
    with restarts.own_server() as own:
        port = own.listen(env["POSTGRES_PASSWORD"])
        engine = sa.create_engine(own.url.set(database="tmdb_sandbox"))
        with services(env, port, home, SCALE_FILE) as made:
            done = made.run("migrate")
            assert done.returncode == 0, done.stderr
            watch_often(home)
            for name in ("redis", "code", "webserver", "daemon"):
                made.start(name)
            for worker in WORKERS:
                made.start("worker", worker.removeprefix("worker"))
            made.await_healthy("redis", "code", "webserver")
            running = Running(made, engine)
            assert wait_until(running.knows_the_code, every=0.2)
            yield running
        engine.dispose()


def worker_of(platform: Running, run_id: str) -> str | None:
    """The worker whose process holds a run's lock."""
    with platform.engine.begin() as connection:
        process_id = connection.scalar(sa.text(HOLDER), {"run": run_id})
    parents = {parent.pid for parent in psutil.Process(int(process_id)).parents()}
    return next((name for name in WORKERS if platform.services.processes[name].pid in parents), None)


def connections_of(platform: Running) -> int:
    """The connections of the workers' processes."""
    with platform.engine.begin() as connection:
        named = list(connection.scalars(sa.text("select application_name from pg_stat_activity")))
    owners = {pid for name in WORKERS for pid in family(platform.services.processes[name].pid)}
    counted = [name for name in named if any(str(pid) in name.split() for pid in owners)]
    return len(counted)


def family(pid: int) -> list[int]:
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]


def runs_of(platform: Running, days: list[dt.date]) -> list[dict[str, Any]]:
    return [run for day in days for run in platform.runs(day)]


def test_a_backfill_over_two_workers_survives_the_kill_of_one(platform: Running, tmp_path: Path) -> None:
    days = [partitions.today() - dt.timedelta(days=back) for back in range(DAYS, 0, -1)]
    today = partitions.today()
    platform.await_status(platform.launch("daily", today), today, "SUCCESS", "daily")
    launched = platform.query(LAUNCH, days=[day.isoformat() for day in days])["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    with platform.loads_held():

        def started() -> list[str]:
            return [run["runId"] for run in runs_of(platform, days) if run["status"] == "STARTED"]

        assert wait_until(lambda: len(started()) == len(WORKERS), every=0.5), runs_of(platform, days)
        both = started()
        assert {worker_of(platform, run_id) for run_id in both} == set(WORKERS)
        (day,) = [day for day in days if both[0] in {run["runId"] for run in platform.runs(day)}]
        assert connections_of(platform) <= 2 * MOST_CONNECTIONS_A_RUN
        victim = str(worker_of(platform, both[0]))
        platform.services.kill(victim)
        killed_at = time.monotonic()
    platform.services.start("worker", victim.removeprefix("worker"))
    platform.await_status(both[0], day, "FAILURE")
    assert time.monotonic() - killed_at < MOST_UNTIL_CLOSED_S

    def ended() -> bool:
        by_day = [platform.runs(day) for day in days]
        return all(any(run["status"] == "SUCCESS" for run in runs) for runs in by_day)

    assert wait_until(ended, every=0.5), runs_of(platform, days)
    assert Counter(run["status"] for run in runs_of(platform, days)) == {"SUCCESS": DAYS, "FAILURE": 1}
    (again,) = [run for run in runs_of(platform, days) if run["parentRunId"] == both[0]]
    assert again["status"] == "SUCCESS"

    with restarts.own_server() as other:
        load_in_process(platform, other.listen(platform.services.env["POSTGRES_PASSWORD"]), days, tmp_path)
        engine = sa.create_engine(other.url.set(database="tmdb_sandbox"))
        assert tables_of(platform.engine) == tables_of(engine)
        engine.dispose()


def load_in_process(platform: Running, port: int, days: list[dt.date], home: Path) -> None:
    """Load the same days on another server, by the command, without Celery."""
    alone = {"TMDB_FIRST_DAY": partitions.today().isoformat()}  # without the sandbox's sample history
    commands: list[tuple[str, list[str], dict[str, str]]] = [
        ("migrate", ["migrate", "--roles"], {}),
        ("etl", ["run"], alone),
        ("etl", ["backfill", "--from", str(days[0]), "--to", str(days[-1])], {}),
    ]
    for service, arguments, more in commands:
        env = platform.services.environment(service) | {"TMDB_ASSETS_HOME": str(home)} | more
        env["WAREHOUSE_URL"] = env["WAREHOUSE_URL"].replace(f":{platform.engine.url.query['port']}/", f":{port}/")
        command = ["tmdb-assets", *arguments]
        done = subprocess.run(command, env=env, cwd=home, capture_output=True, timeout=PATIENCE_S)
        assert done.returncode == 0, done.stderr


def tables_of(engine: sa.Engine) -> dict[str, list[tuple[object, ...]]]:
    return content_of(Tables(SimpleNamespace(begin=engine.begin)))
