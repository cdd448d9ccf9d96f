"""Run the command in its own process against a load server and a private Postgres, and check what it loaded."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import psycopg

from benchmarks.answers import COUNT_PATH, TOKEN
from benchmarks.fake_api import ROOT
from benchmarks.films import FIGURES, wrong_figures
from tmdb_assets.settings import DATA_DIR
from tmdb_assets.tmdb.sandbox.routes import EXPORTS_PATH
from tmdb_assets.warehouse.server.embedded import EmbeddedPostgres

TIMEOUT_S = 3600
FLOOR = [sys.executable, "-m", "benchmarks.floor"]


class BenchmarkError(Exception):
    """A measured process failed or loaded other data than the API sent; the text says what."""


@dataclass
class Bench:
    """What a measured process runs against: an API whose answers load as `expected` figures, and a Postgres server."""

    folder: Path
    api_url: str
    server_url: str
    pages: str
    expected: dict[str, float]

    def database_url(self, name: str) -> str:
        """The URL of a database on the private server."""
        return self.server_url.replace("/postgres?", f"/{name}?")

    def remake(self, *names: str) -> None:
        """Drop and create databases."""
        with psycopg.connect(self.server_url, autocommit=True) as connection:
            for name in names:
                connection.execute(f"drop database if exists {name} with (force)".encode())
            connection.execute("checkpoint")  # what the last round wrote is not flushed during the next
            for name in {*names} - {"dagster"}:
                connection.execute(f"create database {name}".encode())

    def run(
        self, what: str, command: list[str], database: str, queries: Mapping[str, str] = FIGURES, **variables: str
    ) -> dict[str, float]:
        """Run a command to its end; return its figures. Raises `BenchmarkError` unless it loaded the expected rows.

        `queries` replace `films.FIGURES` for tables with other names.
        """
        output = self.folder / "output.txt"
        measure = [sys.executable, "-I", "-S", str(ROOT / "benchmarks" / "measure.py"), str(TIMEOUT_S), str(output)]
        environment = self.environment(database) | variables
        done = subprocess.run(
            [*measure, *command], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True
        )
        figures: dict[str, float] = json.loads(done.stdout)
        if figures["exit_code"] != 0:
            raise BenchmarkError(
                f"The {what} ended with exit code {figures['exit_code']:g} after {figures['wall_s']:.0f} s of at most "
                f"{TIMEOUT_S}. Nothing was measured; its last lines:\n{_tail(output)}"
            )
        wrong = wrong_figures(self.database_url(database), self.expected, queries)
        if wrong:
            differences = ", ".join(f"{name}: {found} instead of {right}" for name, (found, right) in wrong.items())
            raise BenchmarkError(f"The {what} loaded other data than the API sent ({differences}):\n{_tail(output)}")
        return figures

    def traffic(self) -> dict[str, Any]:
        """The requests so far, as `answers.Traffic.counts` returns them."""
        with urllib.request.urlopen(self.api_url.removesuffix("/3") + COUNT_PATH) as answer:
            counts: dict[str, Any] = json.load(answer)
        return counts

    def requests(self) -> int:
        """The number of requests so far."""
        return int(self.traffic()["requests"])

    def forget_runs(self) -> None:
        """Delete what this round's runs left in the project; the next round drops their storage in Postgres."""
        try:
            with psycopg.connect(self.database_url("dagster")) as connection:
                runs = connection.execute("select run_id from runs").fetchall()
        except (psycopg.OperationalError, psycopg.errors.UndefinedTable):
            return  # no run got as far as creating its storage
        for (run_id,) in runs:
            shutil.rmtree(DATA_DIR / "dagster" / "storage" / run_id, ignore_errors=True)

    def environment(self, database: str) -> dict[str, str]:
        """The environment of a process that loads into a database of the private server."""
        # Every setting is given, so that no .env file of the project applies; bytecode is kept, as it is at a user's.
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return kept | {
            "TMDB_TOKEN": TOKEN,
            "TMDB_API_URL": self.api_url,
            "TMDB_EXPORT_URL": self.api_url.removesuffix("/3") + EXPORTS_PATH,
            "TMDB_PAGES": self.pages,
            "TMDB_LANGUAGE": "en-US",
            "TMDB_FIRST_DAY": "2025-08-11",
            "TMDB_RATE_LIMIT": "0",
            "TMDB_DETAILS_MAX_AGE_DAYS": "30",
            "WAREHOUSE_URL": self.database_url(database),
            "REPORTS_DIR": str(self.folder / "reports"),
            "NO_PROXY": "127.0.0.1",
        }


def _tail(output: Path) -> str:
    return "\n".join(output.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])


@contextmanager
def bench_folder() -> Iterator[Path]:
    """A temporary folder for a measurement, deleted at the end."""
    with tempfile.TemporaryDirectory(prefix="tmdb-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # as root, Postgres runs as another user
        yield folder


@contextmanager
def private_server(folder: Path) -> Iterator[str]:
    """The bundled Postgres on its own folder, stopped at the end; yields the URL of its database postgres."""
    server = EmbeddedPostgres(folder)
    running = server.start()
    try:
        yield f"postgresql://postgres@/postgres?host={quote(str(running.socket_dir))}&port={running.port}"
    finally:
        server.leave()


def machine(server_url: str) -> dict[str, Any]:
    """The machine of the measurement."""
    with psycopg.connect(server_url) as connection:
        version = connection.info.server_version
    return {
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "postgres": f"{version // 10_000}.{version % 10_000}",
    }
