"""One trial: a fault during a day's run, the run without a fault after it, and the comparison."""

from __future__ import annotations

import datetime as dt
import json
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Any

import psycopg

from tmdb_assets_tests.chaos.content import Content, content_of, differences, half_seen
from tmdb_assets_tests.chaos.ground import Ground
from tmdb_assets_tests.chaos.processes import DEADLINE_S, Machine, Process
from tmdb_assets_tests.chaos.watcher import Watcher

SHOWN = 5


class SkippedTrialError(Exception):
    """This machine cannot be given the fault; the text says why."""


CLOCK = "10:00:00"  # the time of day at which a command starts


@dataclass
class Outcome:
    """What came of a trial. The lists name what went wrong; `error` is a failure of the harness, no result."""

    number: int
    kind: str
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    half_seen: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    tracebacks: list[str] = field(default_factory=list)
    codes: list[int | None] = field(default_factory=list)
    faults: int = 0
    looks: int = 0
    seconds: float = 0.0
    notes: dict[str, Any] = field(default_factory=dict)
    skipped: str | None = None
    error: str | None = None

    @property
    def is_clean(self) -> bool:
        """Whether nothing was lost, doubled, half seen or stuck, and no command ended with a traceback."""
        return not (self.lost or self.doubled or self.half_seen or self.stuck or self.tracebacks)

    def as_json(self) -> dict[str, Any]:
        """Its fields."""
        return asdict(self)


class Trial:
    """What a fault needs: the ground, a database of its own, chance, and the command."""

    def __init__(self, ground: Ground, number: int, kind: str, seed: int) -> None:
        self.ground, self.random = ground, Random(f"{seed} {number} {kind}")
        self.outcome = Outcome(number, kind)
        self.database = "trial"
        self.day: dt.date = ground.days[1]
        self.settings: dict[str, str] = {}
        self.wanted: Callable[[], Content] | None = None
        self._processes: list[Process] = []
        self._watcher: Watcher | None = None

    def stand_on(self, template: str, wanted: Callable[[], Content], *, watch: bool = True, whole: bool = True) -> None:
        """Begin on a copy of a database, and expect these rows at the end.

        `whole`: a day appears with all its facts at once, and not with those of some films first.
        """
        facts = wanted()["fact_movie_daily"]  # makes the template, if need be
        self.ground.postgres.copy(template, self.database)
        self.wanted = wanted
        if watch:
            url = self.ground.postgres.url(self.database)
            self.watch(lambda: url, _facts_by_day(facts) if whole else {})

    def stand_on_base(self) -> None:
        """Begin with the day before loaded."""
        self.stand_on("base", lambda: self.ground.content("good"))

    def stand_on_nothing(self) -> None:
        """Begin on an empty database."""
        self.stand_on("empty", lambda: self.ground.content("good_first"))

    def stand_on_either(self) -> None:
        """Begin with the day before loaded, or one time in three on an empty database."""
        self.stand_on_nothing() if self.random.randrange(3) == 0 else self.stand_on_base()

    def watch(self, url: Callable[[], str], whole: dict[str, int]) -> None:
        """Look for half-loaded days until the end of the trial."""
        self._watcher = Watcher(url, whole)

    def moment(self, day: dt.date | None = None, clock: str = CLOCK) -> dt.datetime:
        """When a command starts, by its own clock."""
        return dt.datetime.combine(day or self.day, dt.time.fromisoformat(clock), dt.UTC)

    def start(
        self,
        *arguments: str,
        day: dt.date | None = None,
        clock: str = CLOCK,
        machine: Machine | None = None,
        **settings: str,
    ) -> Process:
        """Start the command, by default `run` on the trial's day."""
        moment = self.moment(day, clock)
        given = {**self.ground.settings(self.database), **self.settings, **settings}
        made = (machine or self.ground.machine).start(given, moment, *(arguments or ("run",)))
        made.is_log = arguments[:1] == ("dev",)  # Dagster's, whose daemon prints where it caught an error
        self._processes.append(made)
        return made

    def kill(self, process: Process) -> None:
        """Kill a run; counts where it was still running."""
        self.outcome.faults += process.kill()

    def note(self, **notes: Any) -> None:
        """Keep what was drawn, for the one who repeats the trial."""
        self.outcome.notes.update(notes)

    def pick_moment(self) -> float:
        """A moment of a run's life, in CPU seconds."""
        at = self.random.uniform(0.05, 1.0) * self.ground.life
        self.outcome.notes.setdefault("at", []).append(round(at, 2))
        return at

    def look(self) -> None:
        """Look for half a day now, which a killed process would leave for ever."""
        with psycopg.connect(self.ground.postgres.url(self.database), connect_timeout=10) as connection:
            self.outcome.half_seen += half_seen(connection, {})

    def await_all(self) -> None:
        """Wait for every process; note those that do not end, and those that end with a traceback."""
        for process in self._processes:
            code = process.wait()
            self.outcome.codes.append(code)
            if code is None:
                self.outcome.stuck.append(f"no end after {DEADLINE_S:.0f} s: {process.said[-300:]}")
            elif "Traceback" in process.said and code != -signal.SIGKILL and not process.is_log:
                before, _, after = process.said.partition("Traceback")
                self.outcome.tracebacks.append(f"{before[-200:]}Traceback{after[:2000]}")
            if code not in (0, None, -signal.SIGKILL):
                self.outcome.notes.setdefault("said", []).append(process.said[-400:])
        self._processes.clear()

    def again(self, *arguments: str, **options: Any) -> None:
        """Run the command without a fault; it must succeed."""
        self.await_all()
        process = self.start(*arguments, **options)
        self.await_all()
        if self.outcome.codes[-1] != 0:
            self.outcome.stuck.append(f"the run after it ended with {process.code}: {process.said[-600:]}")

    def compare(self, url: str | None = None) -> None:
        """Compare every table with what is wanted."""
        assert self.wanted is not None
        found = content_of(url or self.ground.postgres.url(self.database))
        for name, tables in zip(("lost", "doubled"), differences(self.wanted(), found), strict=True):
            for table, rows in tables.items():
                getattr(self.outcome, name).append(f"{table}: {len(rows)}, like {rows[:2]}"[:600])

    def finish(self) -> None:
        """Run the day again, stop the watcher and compare."""
        self.again()
        self.end_watch()
        self.compare()
        self.wanted = None

    def end_watch(self) -> None:
        """Stop the watcher, and keep what it saw."""
        if self._watcher is not None:
            self._watcher.stop()
            self.outcome.half_seen += [*self._watcher.seen][:SHOWN]
            self.outcome.looks += self._watcher.looks
            self._watcher = None

    def abandon(self) -> None:
        """Kill what still runs, and stop the watcher."""
        for process in self._processes:
            with suppress(OSError, ValueError):
                process.kill()
        self.end_watch()


def _facts_by_day(rows: Iterable[str]) -> dict[str, int]:
    return dict(Counter(json.loads(row)["date_id"] for row in rows))


Kind = Callable[[Trial], None]


def run_trial(ground: Ground, number: int, kind: str, fault: Kind, seed: int) -> Outcome:
    """Run one trial to its end, whatever happens."""
    trial, began = Trial(ground, number, kind, seed), time.monotonic()
    try:
        ground.api.set(trial.day)
        fault(trial)
        if trial.wanted is not None:
            trial.finish()
    except SkippedTrialError as reason:
        trial.outcome.skipped = str(reason)
    except Exception as error:
        trial.outcome.error = f"{type(error).__name__}: {error}"[:600]
    trial.abandon()
    ground.tidy(trial.database)
    trial.outcome.seconds = round(time.monotonic() - began, 1)
    return trial.outcome
