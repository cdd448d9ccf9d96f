"""docker-compose.scale.yml in an engine: a backfill over two workers, one of which is killed in its run."""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from tmdb_assets import partitions
from tmdb_assets_tests.chaos.content import Content
from tmdb_assets_tests.images.compose import DEADLINE_S, Compose, kill
from tmdb_assets_tests.images.platform import Platform, assert_same
from tmdb_assets_tests.integration.project.test_celery import LAUNCH, MOST_UNTIL_CLOSED_S, runs_of
from tmdb_assets_tests.stage.compose_file import SCALE_FILE
from tmdb_assets_tests.stage.waiting import wait_until

pytestmark = pytest.mark.usefixtures("far_from_midnight")
PAST_DAYS = 4
SERVICES = ("postgres", "migrate", "redis", "code", "webserver", "daemon", "worker")
HOLDERS = """
select host(client_addr) from pg_stat_activity where application_name like 'tmdb-assets % run ' || left(:run, 8)
"""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Postgres, Redis, code server, webserver, daemon and two workers, healthy, with nothing loaded."""
    made = Platform(Compose(tmp_path_factory.mktemp("workers"), SERVICES, SCALE_FILE, days=PAST_DAYS))
    try:
        made.start()
        yield made
    finally:
        made.engine.dispose()
        made.compose.down()


@pytest.fixture(scope="module")
def days() -> list[dt.date]:
    return [partitions.today() - dt.timedelta(days=back) for back in range(PAST_DAYS, 0, -1)]


def worker_of(platform: Platform, run_id: str) -> int | None:
    """Process 1 of the worker's container from which a run holds its lock."""
    with platform.engine.connect() as connection:
        holders = set(connection.scalars(sa.text(HOLDERS), {"run": run_id}))
    for state in platform.compose.states("worker"):
        if holders & {network["IPAddress"] for network in state["NetworkSettings"]["Networks"].values()}:
            return int(state["State"]["Pid"])
    return None


def test_redis_is_on_a_network_of_its_own_and_asks_for_a_password(platform: Platform) -> None:
    compose = platform.compose
    assert "NOAUTH" in compose("exec", "-T", "--env", "REDISCLI_AUTH=", "redis", "redis-cli", "ping").stdout
    assert compose("exec", "-T", "redis", "redis-cli", "ping").stdout.strip() == "PONG"
    (redis,) = compose.state("redis")["NetworkSettings"]["Networks"].values()
    # From a container that is on another network: the password would not matter.
    reach = f"import socket; socket.create_connection(('{redis['IPAddress']}', 6379), timeout=3)"
    assert compose("exec", "-T", "code", "python", "-c", reach).returncode == 0
    assert compose("run", "--rm", "--no-deps", "--no-TTY", "etl", "python", "-c", reach, check=False).returncode != 0


def test_a_backfill_over_two_workers_survives_the_kill_of_one(platform: Platform, days: list[dt.date]) -> None:
    today = partitions.today()
    platform.launch("daily", today)
    platform.await_end(today)
    launched = platform.query(LAUNCH, days=[day.isoformat() for day in days])["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    held: dict[str, int] = {}

    def both_run() -> bool:
        started = [run["runId"] for run in runs_of(platform, days) if run["status"] == "STARTED"]
        held.clear()
        held.update({run: pid for run in started if (pid := worker_of(platform, run))})
        return len(set(held.values())) == 2

    with platform.loads_held():
        assert wait_until(both_run, DEADLINE_S, every=1), runs_of(platform, days)
        killed, pid = next(iter(held.items()))
        kill(pid)
        killed_at = time.monotonic()

    def closed() -> bool:
        return {"FAILURE"} == {run["status"] for run in runs_of(platform, days) if run["runId"] == killed}

    assert wait_until(closed, DEADLINE_S, every=1), runs_of(platform, days)
    assert time.monotonic() - killed_at < MOST_UNTIL_CLOSED_S

    def ended() -> bool:
        return {run["day"] for run in runs_of(platform, days) if run["status"] == "SUCCESS"} == set(map(str, days))

    assert wait_until(ended, DEADLINE_S, every=2), runs_of(platform, days)
    assert Counter(run["status"] for run in runs_of(platform, days)) == {"SUCCESS": PAST_DAYS, "FAILURE": 1}
    (again,) = [run for run in runs_of(platform, days) if run["parentRunId"] == killed]
    assert again["status"] == "SUCCESS"
    platform.compose.await_healthy("worker")
    assert sorted(state["RestartCount"] for state in platform.compose.states("worker")) == [0, 1]
    spread = platform.content()
    assert_same(in_one_process(platform, days), spread)


def in_one_process(platform: Platform, days: list[dt.date]) -> Content:
    """What the tables hold when one process loads the same days, on new volumes."""
    compose = platform.compose
    compose.down()
    platform.engine.dispose()
    compose("up", "--detach", "--no-build", "--wait", "postgres")
    compose.run("migrate")
    # Today alone: the sandbox's sample history asks discover for the days before, which the workers load by export.
    compose.run("etl", TMDB_FIRST_DAY=str(partitions.today()))
    span = ["--from", str(days[0]), "--to", str(days[-1])]
    compose.run("etl", "tmdb-assets", "backfill", *span)
    return platform.content()
