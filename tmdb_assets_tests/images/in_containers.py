"""The images, and the whole compose file in an engine: sizes, health, a day, backup and restore, and kills."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa
from pyarrow import parquet

from tmdb_assets import partitions
from tmdb_assets.settings import PROJECT_ROOT
from tmdb_assets_tests.chaos.content import Content, content_of, differences
from tmdb_assets_tests.images.compose import DEADLINE_S, TAG, Compose, built, docker, layers
from tmdb_assets_tests.integration.project.test_services import Running
from tmdb_assets_tests.stage.waiting import wait_until

pytestmark = pytest.mark.usefixtures("far_from_midnight")
MOST_MB = {"tmdb-assets": 900, "tmdb-assets-viz": 950, "tmdb-assets-scale": 1000}
SERVICES = ("postgres", "migrate", "code", "webserver", "daemon", "viz", "pgadmin")
WAITING = """
select count(*) from pg_locks where relation = 'load_day'::regclass and not granted
"""


def assert_same(wanted: Content, found: Content) -> None:
    """Fail with how many rows of which tables are missing or too many, and the first of each."""
    shown = [{name: (len(rows), rows[0]) for name, rows in each.items()} for each in differences(wanted, found)]
    assert shown == [{}, {}]


class Platform(Running):
    """The running services, and what their tables hold."""

    def __init__(self, compose: Compose) -> None:
        super().__init__(compose, sa.create_engine(compose.url(), pool_pre_ping=True))  # type: ignore[arg-type]
        self.compose = compose

    def content(self) -> Content:
        return content_of(self.compose.url().set(drivername="postgresql").render_as_string(hide_password=False))

    def start(self) -> None:
        """Start everything, on new volumes."""
        self.compose.down()
        self.engine.dispose()
        self.compose.up()
        assert wait_until(self.knows_the_code, DEADLINE_S, every=1)

    def await_end(self, day: dt.date) -> None:
        """Wait until the day's run, or one that repeats it, has loaded the day."""
        ended = wait_until(lambda: "SUCCESS" in {run["status"] for run in self.runs(day, "daily")}, DEADLINE_S, every=2)
        assert ended, self.runs(day, "daily")

    def repeated(self, day: dt.date, run_id: str) -> set[str]:
        """The states of the runs that repeat a run."""
        return {run["status"] for run in self.runs(day, "daily") if run["parentRunId"] == run_id}

    def await_load(self) -> None:
        """Wait until a run waits for the lock of `loads_held`."""

        def waits() -> bool:
            with self.engine.connect() as connection:
                return bool(connection.scalar(sa.text(WAITING)))

        assert wait_until(waits, DEADLINE_S, every=0.2)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """All services, healthy, with nothing loaded."""
    services = tuple(name for name in SERVICES if name not in os.environ.get("IMAGES_WITHOUT", "").split())
    compose = Compose(tmp_path_factory.mktemp("compose"), services)
    made = Platform(compose)
    try:
        made.start()
        yield made
    finally:
        made.engine.dispose()
        compose.down()


@pytest.fixture(scope="module")
def faultless(platform: Platform) -> Content:
    """What the tables hold after today's run by GraphQL, and one of `etl`, which adds the sandbox's days before."""
    day = partitions.today()
    platform.launch("daily", day)
    platform.await_end(day)
    assert platform.loaded(day)
    platform.compose.run("etl")
    return platform.content()


@pytest.mark.parametrize("image", sorted(MOST_MB))
def test_an_image_is_small_and_its_code_a_layer_of_its_own(image: str) -> None:
    found = built(f"{image}:{TAG}")
    assert found["Size"] / 1e6 < MOST_MB[image]
    assert found["Config"]["User"] == "10001:10001"
    ((code_mb, _),) = [(size, command) for size, command in layers(f"{image}:{TAG}") if "COPY /app /app" in command]
    assert code_mb < 10


def test_a_change_of_code_makes_one_small_layer(tmp_path: Path) -> None:
    context = tmp_path / "checkout"
    files = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, files.stdout.split("\0")):
        if (PROJECT_ROOT / name).is_file():
            (context / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT_ROOT / name, context / name)
    with (context / "tmdb_assets" / "partitions.py").open("a") as file:
        file.write("# A line more.\n")
    changed = f"tmdb-assets:{TAG}-changed"
    # As in run.sh: the network is part of what a cached layer is found by.
    docker("build", "--quiet", "--network", "host", "--target", "platform", "--tag", changed, str(context))
    try:
        old, new = (built(image)["RootFS"]["Layers"] for image in (f"tmdb-assets:{TAG}", changed))
    finally:
        docker("image", "rm", changed)
    assert len(old) == len(new)
    assert [number for number, (one, other) in enumerate(zip(old, new, strict=True)) if one != other] == [len(old) - 1]


def test_pages_answer_and_containers_are_locked(platform: Platform) -> None:
    paths = {"3000": "/server_info", "8501": "/_stcore/health", "5050": "/misc/ping"}
    if "pgadmin" not in platform.compose.services:
        del paths["5050"]
    for port, path in paths.items():
        answer = requests.get(f"http://127.0.0.1:{platform.compose.ports[port]}{path}", timeout=60)
        assert answer.ok, (port, answer)
    look = "id -u; grep CapEff /proc/1/status; touch /app/x 2>/dev/null || echo read-only"
    for service in ("code", "webserver", "daemon", "viz"):
        said = platform.compose("exec", "-T", service, "sh", "-c", look).stdout.split()
        assert said == ["10001", "CapEff:", "0000000000000000", "read-only"], service


def test_a_day_is_exported_and_the_doctor_finds_nothing(platform: Platform, faultless: Content) -> None:
    day = partitions.today()
    file = platform.compose.folder / "export" / "fact_movie_daily" / f"{day:%Y-%m}.parquet"
    days = parquet.read_table(file, columns=["date_id"])["date_id"].to_pylist()
    assert (days.count(day), days.count(day)) == (platform.loaded(day) or ())[1:]
    assert platform.compose.run("etl", "tmdb-assets", "doctor").returncode == 0
    page = platform.compose.folder / "dashboard.html"
    platform.compose("cp", "code:/app/data/reports/dashboard_tmdb_sandbox.html", str(page))
    assert page.stat().st_size > 50_000


def test_a_backup_is_restored(platform: Platform, faultless: Content) -> None:
    compose = platform.compose
    compose.run("migrate", "tmdb-assets", "backup", "/backups/tmdb.dump")
    with platform.engine.begin() as connection:
        connection.execute(sa.text("delete from bridge_movie_genre"))
    compose("stop", *(name for name in compose.services if name not in {"postgres", "migrate"}))
    platform.engine.dispose()
    compose.run("migrate", "tmdb-assets", "restore", "--replace", "/backups/tmdb.dump")
    compose.up()
    assert_same(faultless, platform.content())


def test_killed_services_leave_what_a_faultless_run_leaves(platform: Platform, faultless: Content) -> None:
    platform.start()
    compose, day = platform.compose, partitions.today()
    with platform.loads_held():
        run_id = platform.launch("daily", day)
        platform.await_load()
        compose.kill("code")
    compose.await_healthy("code")
    # The session that holds the lock ends with Postgres.
    with pytest.raises(sa.exc.DBAPIError), platform.loads_held():  # noqa: PT012
        # The killed run's session may still wait, as Postgres sees only later that its client is gone.
        assert wait_until(lambda: "STARTED" in platform.repeated(day, run_id), DEADLINE_S, every=2)
        platform.await_load()
        for service in ("daemon", "webserver", "postgres"):
            compose.kill(service)
    compose.await_healthy(*(name for name in compose.services if name != "migrate"))
    assert wait_until(platform.knows_the_code, DEADLINE_S, every=1)
    platform.await_end(day)

    with platform.loads_held():
        compose("--profile", "etl", "up", "--detach", "--no-build", "--no-deps", "etl")
        platform.await_load()
        compose.kill("etl")
    compose.run("etl")
    assert_same(faultless, platform.content())
    assert compose.state("code")["RestartCount"] == 1
