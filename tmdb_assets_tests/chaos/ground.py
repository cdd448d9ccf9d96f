"""What trials stand on: a server, the look-alike, a process to fork from, and databases that faultless runs left."""

from __future__ import annotations

import datetime as dt
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from types import MappingProxyType

from tmdb_assets_tests.chaos.api import Api
from tmdb_assets_tests.chaos.content import Content, content_of
from tmdb_assets_tests.chaos.postgres import SMALL, Postgres
from tmdb_assets_tests.chaos.processes import Machine
from tmdb_assets_tests.chaos.small_disk import SmallDisk
from tmdb_assets_tests.stage.many_days import ONE_DAY
from tmdb_assets_tests.stage.server_folder import make_server_folder

DAY = dt.date(2026, 7, 30)
MORNING = dt.time(10)
RUN = ("run",)


class Ground:
    """Of one worker. The databases: `empty`, `base` (the day before), `good` (both days), `good_first` (the day)."""

    def __init__(self) -> None:
        self.folder = make_server_folder("tmdb-chaos-")
        self.folder.chmod(0o755)
        self.days = (DAY - ONE_DAY, DAY)
        self.postgres = Postgres(self.folder / "pg")
        self.api = Api(DAY)
        self.machine = Machine(self.folder / "home")
        self.life = 2.0  # CPU seconds of a run; measured by the first
        self._content: dict[str, Content] = {}
        self._small: tuple[SmallDisk, Postgres] | None = None
        self.made: set[str] = set()
        """The names of what a kind of trial has made here once."""
        self.postgres.run("create database empty")
        self.keep("base", "empty", self.days[0])

    def settings(self, database: str) -> dict[str, str]:
        """The settings of a run on a database of the server."""
        return {"WAREHOUSE_URL": self.postgres.url(database), **self.source_settings}

    @property
    def source_settings(self) -> dict[str, str]:
        """The settings of the source."""
        return {
            "TMDB_TOKEN": self.api.token,
            "TMDB_API_URL": self.api.url,
            "TMDB_EXPORT_URL": self.api.url.removesuffix("/3") + "/p/exports",
            "TMDB_RATE_LIMIT": "0",
            "TMDB_FIRST_DAY": str(self.days[0] - 30 * ONE_DAY),  # Dagster counts the partitions on every run
        }

    def load(
        self,
        source: str,
        target: str,
        day: dt.date,
        arguments: Sequence[str],
        settings: Mapping[str, str],
        answers_of: dt.date | None = None,
    ) -> None:
        """Make `target` of `source` by a faultless command. Raises `ChildProcessError` when it fails."""
        self.postgres.copy(source, target)
        self.api.set(answers_of or day)
        moment = dt.datetime.combine(day, MORNING, dt.UTC)
        run = self.machine.start({**self.settings(target), **settings}, moment, *arguments)
        cpu = 0.0
        while run.code is None:
            cpu = run.machine.ask(do="look", pid=run.pid)["cpu"] or cpu
            time.sleep(0.05)
        if run.code != 0:
            raise ChildProcessError(f"a faultless run failed with {run.code}: {run.said}")
        if tuple(arguments) == RUN:
            self.life = cpu

    def content(self, name: str) -> Content:
        """The rows of `base`, `good` or `good_first`."""
        return self.keep(name, "base" if name == "good" else "empty", self.days[1])

    @cached_property
    def other_machine(self) -> Machine:
        """A fork server with another home, and process ids of its own where the machine can."""
        return Machine(self.folder / "other_home", is_other=True)

    def refreshed(self) -> Content:
        """The rows after a faultless `run --refresh` of the loaded day."""
        self.content("good")
        return self.keep("refreshed", "good", self.days[1], arguments=("run", "--refresh"))

    @cached_property
    def embedded_machine(self) -> Machine:
        """A fork server whose home has a server of its own."""
        return Machine(self.folder / "embedded")

    def keep(
        self,
        name: str,
        source: str,
        day: dt.date,
        *,
        arguments: Sequence[str] = RUN,
        settings: Mapping[str, str] = MappingProxyType({}),
        answers_of: dt.date | None = None,
    ) -> Content:
        """The rows of the database `name`: `source` after a faultless command on a day; made at the first call.

        `answers_of`: TMDb answers as on another day.
        """
        if name not in self._content:
            api_day = self.api.day
            self.load(source, name, day, arguments, settings, answers_of)
            self._content[name] = content_of(self.postgres.url(name))
            self.api.set(api_day)
        return self._content[name]

    @contextmanager
    def small_server(self) -> Iterator[SmallDisk]:
        """Stand on a server on a small disk, which is made at the first call."""
        for name in ("good", "good_first"):
            self.content(name)
        usual = self.postgres
        if self._small is None:
            disk = SmallDisk(self.folder / "small")
            self._small = disk, Postgres(disk.folder / "pg", SMALL)
            self.postgres = self._small[1]
            self.postgres.run("create database empty")
            self.load("empty", "base", self.days[0], RUN, {})
            self.api.set(self.days[1])
        disk, self.postgres = self._small
        try:
            yield disk
        finally:
            disk.empty()
            self.postgres = usual

    def tidy(self, database: str) -> None:
        """Make the ground as it was before a trial in this database."""
        self.api.set(self.days[1])
        self.postgres.start()
        self.postgres.drop(database)
        for out in self.folder.glob("*/out-*"):
            out.unlink()

    def end(self) -> None:
        """Stop everything and delete the folder."""
        self.machine.end()
        for name in {"other_machine", "embedded_machine"} & self.__dict__.keys():
            getattr(self, name).end()
        self.api.down()
        self.postgres.end()
        if self._small is not None:
            self._small[1].end()
            self._small[0].end()
        shutil.rmtree(self.folder, ignore_errors=True)
