"""The platform in containers, as its users see it, and what its tables hold."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from tmdb_assets_tests.chaos.content import Content, content_of, differences
from tmdb_assets_tests.images.compose import DEADLINE_S, Compose
from tmdb_assets_tests.stage.running import Running
from tmdb_assets_tests.stage.waiting import wait_until

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
        super().__init__(compose, sa.create_engine(compose.url(), pool_pre_ping=True))
        self.compose = compose

    def content(self) -> Content:
        return content_of(self.compose.url().set(drivername="postgresql").render_as_string(hide_password=False))

    def start(self, *names: str) -> None:
        """Start everything, or the services named, on new volumes."""
        self.compose.down()
        self.engine.dispose()
        self.compose.up(*names)
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
