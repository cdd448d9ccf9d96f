"""The images, and the whole compose file in an engine: sizes, health, a day, backup and restore, and kills."""

from __future__ import annotations

import re
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
from tmdb_assets_tests.chaos.content import Content
from tmdb_assets_tests.images.compose import DEADLINE_S, TAG, Compose, built, docker, layers
from tmdb_assets_tests.images.platform import Platform, assert_same
from tmdb_assets_tests.stage.waiting import wait_until

pytestmark = pytest.mark.usefixtures("far_from_midnight")
MOST_MB = {"tmdb-assets": 900, "tmdb-assets-viz": 950, "tmdb-assets-scale": 1000}
LOADING = ("postgres", "migrate", "code", "webserver", "daemon")
SERVICES = (*LOADING, "viz", "pgadmin")


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """All services, healthy, with nothing loaded."""
    compose = Compose(tmp_path_factory.mktemp("compose"), SERVICES)
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


def test_a_day_is_exported_and_the_doctor_finds_nothing(platform: Platform, faultless: Content) -> None:
    day = partitions.today()
    file = platform.compose.folder / "export" / "fact_movie_daily" / f"{day:%Y-%m}.parquet"
    days = parquet.read_table(file, columns=["date_id"])["date_id"].to_pylist()
    assert (days.count(day), days.count(day)) == (platform.loaded(day) or ())[1:]
    platform.compose.run("etl", "tmdb-assets", "doctor")
    page = platform.compose.folder / "dashboard.html"
    platform.compose("cp", "code:/app/data/reports/dashboard_tmdb_sandbox.html", str(page))
    assert page.stat().st_size > 50_000


def test_pages_answer_and_containers_are_locked(platform: Platform) -> None:
    platform.compose.await_healthy("viz", "pgadmin")
    paths = {"3000": "/server_info", "8501": "/_stcore/health", "5050": "/misc/ping"}
    for port, path in paths.items():
        answer = requests.get(f"http://127.0.0.1:{platform.compose.ports[port]}{path}", timeout=60)
        assert answer.ok, (port, answer)
    look = "id -u; grep CapEff /proc/1/status; touch /app/x 2>/dev/null || echo read-only"
    for service in ("code", "webserver", "daemon", "viz"):
        said = platform.compose("exec", "-T", service, "sh", "-c", look).stdout.split()
        assert said == ["10001", "CapEff:", "0000000000000000", "read-only"], service


def test_pgadmin_connects_to_the_warehouse_as_the_reader(platform: Platform) -> None:
    platform.compose.await_healthy("pgadmin")
    page, pgadmin = f"http://127.0.0.1:{platform.compose.ports['5050']}", requests.Session()

    def token(path: str, pattern: str) -> str:
        found = re.search(pattern, pgadmin.get(page + path, timeout=60).text)
        assert found, path
        return found[1]

    login = {"email": "admin@example.com", "password": platform.compose.env["PGADMIN_PASSWORD"]}
    login |= {"csrf_token": token("/login", r"csrfToken\W+([\w.-]{30,})"), "internal_button": "Login"}
    pgadmin.post(f"{page}/authenticate/login", data=login, timeout=60)
    header = {"X-pgA-CSRFToken": token("/browser/js/utils.js", r"csrf_token\W{3,6}([\w.-]{30,})")}
    answer = pgadmin.post(f"{page}/browser/server/connect/1/1", headers=header, timeout=60).json()
    assert answer["success"] == 1, answer
    assert (answer["data"]["connected"], answer["data"]["user"]["name"]) == (True, "tmdb_reader")


def test_a_backup_is_restored(platform: Platform, faultless: Content) -> None:
    compose = platform.compose
    compose.run("migrate", "tmdb-assets", "backup", "/backups/tmdb.dump")
    with platform.engine.begin() as connection:
        connection.execute(sa.text("delete from bridge_movie_genre"))
    compose("stop", *(name for name in compose.services if name not in {"postgres", "migrate"}))
    platform.engine.dispose()
    compose.run("migrate", "tmdb-assets", "restore", "--replace", "/backups/tmdb.dump")
    assert_same(faultless, platform.content())


def test_killed_services_leave_what_a_faultless_run_leaves(platform: Platform, faultless: Content) -> None:
    platform.start(*LOADING)
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
    compose.await_healthy("postgres", "code", "webserver", "daemon")
    assert wait_until(platform.knows_the_code, DEADLINE_S, every=1)
    platform.await_end(day)

    with platform.loads_held():
        compose("--profile", "etl", "up", "--detach", "--no-build", "--no-deps", "etl")
        platform.await_load()
        compose.kill("etl")
    compose.run("etl")
    assert_same(faultless, platform.content())
    assert compose.state("code")["RestartCount"] == 1
