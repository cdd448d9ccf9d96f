"""docker-compose.scale.yml run natively behind PgBouncer: two workers of Celery, one of which is killed in its run.

`CELERY_DAYS=30` spreads more days than the usual ones.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import sqlalchemy as sa

from tmdb_assets import partitions
from tmdb_assets_tests.cases.awkward import catalogue, film
from tmdb_assets_tests.fakes.replay import ReplayServer
from tmdb_assets_tests.fakes.virtual_time import most_in_a_window
from tmdb_assets_tests.integration.project.test_services import watch_often
from tmdb_assets_tests.oracle.compare import Tables
from tmdb_assets_tests.stage import restarts
from tmdb_assets_tests.stage.compose_file import SCALE_FILE, made_env, services
from tmdb_assets_tests.stage.many_days import content_of, export_of, exports
from tmdb_assets_tests.stage.pooler import needs_pgbouncer, transaction_pooler
from tmdb_assets_tests.stage.postgres import needs_embedded
from tmdb_assets_tests.stage.running import Running
from tmdb_assets_tests.stage.waiting import PATIENCE_S, wait_until

pytestmark = [
    needs_embedded,
    needs_pgbouncer,
    pytest.mark.long,
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed"),
]
DAYS = int(os.environ.get("CELERY_DAYS", "5"))
WORKERS = ("worker-1", "worker-2")
FILMS, RATE = 60, 10
LATE_S = 0.1  # by which a busy machine may send or read a request too late
MOST_UNTIL_CLOSED_S = 180
LEAST_CONNECTIONS_A_RUN, MOST_CONNECTIONS_A_RUN = 2, 6
POOL_SIZE = 8  # to each database and by each user: above runs times 2
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
RUNS = """
{ runsOrError(filter: {pipelineName: "backfill"}) {
    ... on Runs { results { runId status parentRunId tags { key value } } } } }
"""


@pytest.fixture(scope="module")
def replay() -> Iterator[ReplayServer]:
    """The API: the same films on each day, each day's export with other figures."""
    films = [film(9000 + number, title=f"Film {number}") for number in range(FILMS)]
    figures = {
        partitions.today() - dt.timedelta(days=back): export_of({each["id"]: back + each["id"] % 7 for each in films})
        for back in range(1, DAYS + 1)
    }
    with ReplayServer(catalogue(films), exports(figures)) as server:
        yield server


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory, replay: ReplayServer) -> Iterator[Running]:
    """Postgres behind PgBouncer, Redis, code server, webserver, daemon and two workers."""
    home = tmp_path_factory.mktemp("app")
    first = partitions.today() - dt.timedelta(days=DAYS)
    env = made_env() | {
        "TMDB_TOKEN": replay.token,
        "TMDB_API_URL": replay.url,
        "TMDB_PAGES": str(FILMS // 20),
        "TMDB_RATE_LIMIT": str(RATE),
        "TMDB_FIRST_DAY": first.isoformat(),
    }
    with ExitStack() as stack:
        own = stack.enter_context(restarts.own_server())
        own.listen(env["POSTGRES_PASSWORD"])
        engine = sa.create_engine(own.url.set(database="tmdb"))
        stack.callback(engine.dispose)
        pooler = transaction_pooler(own.url, pool_size=POOL_SIZE, users=["tmdb_loader", "tmdb_reader"])
        port = int(stack.enter_context(pooler).port or 0)
        made = stack.enter_context(services(env, port, home, SCALE_FILE))
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


def worker_of(platform: Running, run_id: str) -> str | None:
    """The worker whose process holds a run's lock."""
    with platform.engine.begin() as connection:
        process_id = connection.scalar(sa.text(HOLDER), {"run": run_id})
    if process_id is None or not psutil.pid_exists(int(process_id)):
        return None
    parents = {parent.pid for parent in psutil.Process(int(process_id)).parents()}
    return next((name for name in WORKERS if platform.services.processes[name].pid in parents), None)


def connections_of(platform: Running) -> int:
    """The connections of the workers' processes to the pooler."""
    port = sa.make_url(platform.services.environment("worker")["WAREHOUSE_URL"]).port
    owners = {pid for name in WORKERS for pid in family(platform.services.processes[name].pid)}
    opened = [each for pid in owners for each in psutil.Process(pid).net_connections("tcp")]
    return sum(bool(each.raddr) and each.raddr.port == port for each in opened)


def family(pid: int) -> list[int]:
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]


def runs_of(platform: Running, days: list[dt.date]) -> list[dict[str, Any]]:
    """The runs of the backfill of these days, each with its `day`."""
    found = platform.query(RUNS)["runsOrError"]["results"]
    for run in found:
        run["day"] = next(tag["value"] for tag in run["tags"] if tag["key"] == "dagster/partition")
    return [run for run in found if run["day"] in set(map(str, days))]


def test_two_workers_together_keep_the_rate_of_one(platform: Running, replay: ReplayServer) -> None:
    today = partitions.today()
    jobs = ("daily", "backfill")
    runs = [platform.launch(job, today, refresh=("raw_discover", "raw_details")) for job in jobs]
    assert wait_until(lambda: {worker_of(platform, run) for run in runs} == set(WORKERS), every=0.2)
    for job, run in zip(jobs, runs, strict=True):
        platform.await_status(run, today, "SUCCESS", job)
    assert replay.requests["details"] == 2 * FILMS
    times = [asked.at for asked in replay.asked if asked.kind != "export"]
    assert most_in_a_window(times, 1 - LATE_S) <= RATE


def test_a_backfill_over_two_workers_survives_the_kill_of_one(platform: Running, tmp_path: Path) -> None:
    days = [partitions.today() - dt.timedelta(days=back) for back in range(DAYS, 0, -1)]
    launched = platform.query(LAUNCH, days=[day.isoformat() for day in days])["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    both: list[dict[str, Any]] = []

    def held() -> bool:
        both[:] = [run for run in runs_of(platform, days) if run["status"] == "STARTED"]
        return {worker_of(platform, run["runId"]) for run in both} == set(WORKERS)

    with platform.loads_held():
        assert wait_until(held, every=0.5), runs_of(platform, days)
        assert 2 * LEAST_CONNECTIONS_A_RUN <= connections_of(platform) <= 2 * MOST_CONNECTIONS_A_RUN
        killed = both[0]["runId"]
        victim = str(worker_of(platform, killed))
        platform.services.kill(victim)
        killed_at = time.monotonic()
    platform.services.start("worker", victim.removeprefix("worker"))
    platform.await_status(killed, dt.date.fromisoformat(both[0]["day"]), "FAILURE")
    assert time.monotonic() - killed_at < MOST_UNTIL_CLOSED_S

    def ended() -> bool:
        return {run["day"] for run in runs_of(platform, days) if run["status"] == "SUCCESS"} == set(map(str, days))

    assert wait_until(ended, DAYS * PATIENCE_S, every=0.5), runs_of(platform, days)
    assert Counter(run["status"] for run in runs_of(platform, days)) == {"SUCCESS": DAYS, "FAILURE": 1}
    (again,) = [run for run in runs_of(platform, days) if run["parentRunId"] == killed]
    assert again["status"] == "SUCCESS"

    with restarts.own_server() as other:
        load_in_process(platform, other.listen(platform.services.env["POSTGRES_PASSWORD"]), days, tmp_path)
        engine = sa.create_engine(other.url.set(database="tmdb"))
        assert tables_of(platform.engine) == tables_of(engine)
        engine.dispose()


def load_in_process(platform: Running, port: int, days: list[dt.date], home: Path) -> None:
    """Load the same days on another server, by the command, without Celery."""
    commands = [
        ("migrate", ["migrate", "--roles"]),
        ("etl", ["run"]),
        ("etl", ["backfill", "--from", str(days[0]), "--to", str(days[-1])]),
    ]
    for service, arguments in commands:
        env = platform.services.environment(service) | {"TMDB_ASSETS_HOME": str(home)}
        env["WAREHOUSE_URL"] = re.sub(r":\d+/", f":{port}/", env["WAREHOUSE_URL"])
        command = ["tmdb-assets", *arguments]
        done = subprocess.run(command, env=env, cwd=home, capture_output=True, timeout=DAYS * PATIENCE_S)
        assert done.returncode == 0, done.stderr


def tables_of(engine: sa.Engine) -> dict[str, list[tuple[object, ...]]]:
    return content_of(Tables(SimpleNamespace(begin=engine.begin)))
