"""The compose files started by Docker Compose under a project name, ports and image tags of the tests' own."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import yaml

from tmdb_assets import partitions
from tmdb_assets.settings import PROJECT_ROOT
from tmdb_assets_tests.stage.compose_file import FILE, made_env, read_compose
from tmdb_assets_tests.stage.ports import free_port
from tmdb_assets_tests.stage.waiting import wait_until

TAG = "test"
PAGES = {"POSTGRES_PORT": "5432", "WEBSERVER_PORT": "3000", "VIZ_PORT": "8501", "PGADMIN_PORT": "5050"}
NOT_AWAITED = {"migrate", "pgadmin"}  # the one exits; the other's first start takes longest, and its tests wait for it
DEADLINE_S = 600.0  # three times what a start takes on two busy cores


def docker(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the client; by default an error fails the test with what it printed."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True, cwd=PROJECT_ROOT, timeout=DEADLINE_S)
    assert done.returncode == 0 or not check, f"docker {' '.join(words)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done


class Compose:
    """The services of docker-compose.yml and of the files `more` over it.

    `folder` holds their `.env`, their exports and their backups, and names the project. Days begin `days` before today.
    """

    def __init__(self, folder: Path, services: tuple[str, ...], *more: Path, days: int = 1) -> None:
        self.folder, self.services, self.files = folder, services, (FILE, *more)
        self.env = made_env() | {name: str(free_port()) for name in PAGES}
        first = (partitions.today() - dt.timedelta(days=days)).isoformat()  # else the sandbox adds 30 days before today
        self.env |= {"TMDB_PAGES": "1", "TMDB_FIRST_DAY": first, "EXPORT_DIR": str(folder / "export")}
        for name in ("export", "backups"):
            (folder / name).mkdir()
            (folder / name).chmod(0o777)  # the containers' user is none of this machine
        (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in self.env.items()))
        declared = read_compose(self.env, *more)["services"]
        ours = {name: part["image"] for name, part in declared.items() if ":" not in part["image"]}
        over = {"services": {name: {"image": f"{image}:{TAG}"} for name, image in ours.items()}}
        (folder / "images.yml").write_text(yaml.safe_dump(over))

    @property
    def ports(self) -> dict[str, str]:
        """The ports on this machine, by those within the containers."""
        return {inside: self.env[name] for name, inside in PAGES.items()}

    def url(self, user: str = "postgres", database: str = "tmdb_sandbox") -> sa.URL:
        """Postgres, as the superuser."""
        port = int(self.env["POSTGRES_PORT"])
        return sa.URL.create("postgresql+psycopg", user, self.env["POSTGRES_PASSWORD"], "127.0.0.1", port, database)

    def __call__(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `docker compose`."""
        files = [word for file in (*self.files, self.folder / "images.yml") for word in ("--file", str(file))]
        project = f"tmdb-assets-test-{self.folder.name}"
        given = ["--project-name", project, "--env-file", str(self.folder / ".env"), *files]
        return docker("compose", *given, *words, check=check)

    def run(self, service: str, *words: str, **env: str) -> None:
        """Run a command in a container of its own, with the folder of backups, and `env` beside its variables."""
        given = [word for name, value in env.items() for word in ("--env", f"{name}={value}")]
        backups = f"{self.folder / 'backups'}:/backups"
        self("run", "--rm", "--no-TTY", "--volume", backups, *given, service, *words)

    def up(self, *names: str) -> None:
        """Start the services, or those named, and wait until each but `NOT_AWAITED` is healthy."""
        self("up", "--detach", "--no-build", *(names or self.services))
        self.await_healthy(*(name for name in names or self.services if name not in NOT_AWAITED))

    def down(self) -> None:
        """Remove containers, networks and volumes."""
        self("--profile", "etl", "down", "--volumes", "--timeout", "60")

    def states(self, service: str) -> list[dict[str, Any]]:
        """What `docker inspect` says of each of its containers."""
        ids = self("ps", "--all", "--quiet", service, check=False).stdout.split()
        return list(json.loads((docker("inspect", *ids, check=False).stdout if ids else "") or "[]"))

    def state(self, service: str) -> dict[str, Any]:
        """The same of its first container; empty without one."""
        return next(iter(self.states(service)), {})

    def health(self, service: str) -> str:
        """`healthy` where each of its containers is, or what the first other one is."""
        found = [
            str(state["State"].get("Health", {}).get("Status"))
            if state["State"].get("Running")
            else str(state["State"].get("Status"))
            for state in self.states(service)
        ]
        return next((each for each in found if each != "healthy"), found[0] if found else "missing")

    def await_healthy(self, *names: str) -> None:
        """Wait until the health checks say so; a failure shows the log of the first that is not."""
        for name in names:
            reached = wait_until(lambda n=name: self.health(n) == "healthy", DEADLINE_S, every=1)
            assert reached, f"{name}: {self.health(name)}\n{self('logs', '--tail', '60', name).stdout}"

    def kill(self, service: str) -> None:
        """End process 1 of a service's first container, and wait until Docker has seen it."""
        before = self.state(service)["State"]["Pid"]
        kill(before)
        assert wait_until(lambda: self.state(service)["State"]["Pid"] != before, DEADLINE_S, every=0.2), service


def kill(pid: int) -> None:
    """End process 1 of a container as a crash does. `docker kill` would count as stopped, and not be restarted."""
    command = ["--entrypoint", "sh", f"tmdb-assets:{TAG}", "-c", f"kill -9 {pid}"]
    docker("run", "--rm", "--pid", "host", "--user", "0", "--network", "none", *command)


def built(target: str) -> dict[str, Any]:
    """An image of ours as `docker image inspect` shows it."""
    return dict(json.loads(docker("image", "inspect", target).stdout)[0])


def layers(image: str) -> Iterator[tuple[float, str]]:
    """Size in MB and command of each layer, the newest first."""
    for line in docker(
        "history", "--no-trunc", "--human=false", "--format", "{{.Size}}\t{{.CreatedBy}}", image
    ).stdout.splitlines():
        size, command = line.split("\t", 1)
        yield int(size) / 1e6, command
