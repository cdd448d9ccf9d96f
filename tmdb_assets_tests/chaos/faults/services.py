"""Kills of `tmdb-assets dev`, whole or one of its services, while runs that were launched in the UI go on."""

from __future__ import annotations

import datetime as dt
import signal
from collections.abc import Sequence
from contextlib import contextmanager, suppress
from typing import Any

import psutil
import psycopg
import sqlalchemy as sa
from requests.exceptions import RequestException

from tmdb_assets_tests.chaos.content import Content
from tmdb_assets_tests.chaos.processes import DEADLINE_S, Process
from tmdb_assets_tests.chaos.trial import SkippedTrialError, Trial
from tmdb_assets_tests.stage.many_days import ONE_DAY
from tmdb_assets_tests.stage.ports import free_port
from tmdb_assets_tests.stage.running import Running
from tmdb_assets_tests.stage.waiting import wait_until

SERVICES = {
    "everything": "",
    "daemon": "_daemon run",
    "webserver": "instance.webserver --port",
    "code server": "code-server",
    "run": "multiprocessing.spawn",
}
"""What the command line of a service's processes has in it."""
EVENTS = 400
"""About as many as Dagster stores of the two runs."""
REPEATED_S = 2 * DEADLINE_S
"""A dead run is closed within three minutes, and repeated."""
ENDS_S = 10.0
PENDING = "status in ('NOT_STARTED', 'QUEUED', 'STARTING', 'STARTED', 'CANCELING')"
LATEST = dt.time(23, 30)


class Dev:
    """`tmdb-assets dev` of a trial. Its services have the real clock, and poll as configured."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self.ports = {"3000": str(free_port())}
        self._ui = Running(self, sa.create_engine("postgresql+psycopg://"))
        self._process = self._start()

    def _start(self) -> Process:
        now = dt.datetime.now(dt.UTC)
        made = self._trial.start("dev", "--port", self.ports["3000"], clock=now.time().isoformat())
        wait_until(lambda: made.code is not None or self._knows_the_code(), DEADLINE_S, every=0.5)
        if made.code is not None or not self._knows_the_code():
            self._trial.outcome.stuck.append(f"dev does not answer, {made.code}: {made.said[-300:]}")
        return made

    def _knows_the_code(self) -> bool:
        with suppress(RequestException, ValueError):
            return self._ui.knows_the_code()
        return False

    def launch(self, job: str, day: dt.date) -> None:
        """Launch a job for a day, as the UI does."""
        self._ui.launch(job, day)

    def _tree(self) -> Sequence[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            parent = psutil.Process(self._process.pid)
            return [parent, *parent.children(recursive=True)]
        return []

    def kill(self, service: str) -> bool:
        """Kill a service's processes; whether there were any."""
        victims = [each for each in self._tree() if SERVICES[service] in _command_of(each)]
        for number in (signal.SIGSTOP, signal.SIGKILL):  # none may act on another's end
            for victim in victims:
                with suppress(psutil.NoSuchProcess):
                    victim.send_signal(number)
        psutil.wait_procs(victims, timeout=ENDS_S)
        return bool(victims)

    def restart(self) -> None:
        """Start it again, as a supervisor or a person would; what is left of it is stopped first."""
        self.stop()
        self._process = self._start()

    def stop(self) -> None:
        """Stop it as Ctrl-C does."""
        self._process.wait_up_to(ENDS_S)
        self._process.send(signal.SIGINT)
        self._process.wait()

    def kill_rest(self) -> None:
        """Kill what is left of it, so that a failed trial leaves no process."""
        self.kill("everything")


def _command_of(process: psutil.Process) -> str:
    with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
        return " ".join(process.cmdline())
    return ""


def service_killed(trial: Trial) -> None:
    """Two days are launched in the UI; `dev`, its daemon, webserver, code server or a run is killed, once or twice."""
    today = _today_of(trial)
    yesterday, ground = today - ONE_DAY, trial.ground
    trial.settings = {"TMDB_FIRST_DAY": str(yesterday - ONE_DAY)}

    # A film that became known today gets its fact of yesterday by the next backfill (decision 27).
    past = ("backfill", "--from", str(yesterday), "--to", str(yesterday))

    def both_days() -> Content:
        ground.keep("served_today", "served", today, settings=trial.settings)
        ground.keep("served_past", "served_today", today, arguments=past, settings=trial.settings)
        return ground.keep("served_good", "served_past", today, settings=trial.settings)

    ground.keep("served", "empty", yesterday - ONE_DAY, settings=trial.settings)
    trial.stand_on("served", both_days, whole=False)
    trial.day = today
    ground.api.set(today)
    with _dev(trial) as dev:
        for job, day in (("backfill", yesterday), ("daily", today)):
            dev.launch(job, day)
        for _ in range(trial.random.randint(1, 2)):
            victim = trial.random.choice([*SERVICES])
            trial.outcome.notes.setdefault("killed", []).append(victim)
            _await_events(trial, trial.random.uniform(0, EVENTS))
            trial.outcome.faults += dev.kill(victim)
            trial.look()
            if victim != "run":
                dev.restart()
        if not wait_until(lambda: _are_loaded(trial, (yesterday, today)), REPEATED_S, every=0.5):
            trial.outcome.stuck.append(f"not loaded by dev after {REPEATED_S:.0f} s")
        dev.stop()
    trial.again(*past)


@contextmanager
def _dev(trial: Trial) -> Any:
    dev = Dev(trial)
    try:
        yield dev
    finally:
        dev.kill_rest()


def _today_of(trial: Trial) -> dt.date:
    """The real day, which the services have. Raises `SkippedTrialError` when it is about to end."""
    now = dt.datetime.now(dt.UTC)
    if now.time() > LATEST:
        raise SkippedTrialError("the day ends during the trial, and the services have the real clock")
    return now.date()


def _runs(trial: Trial, query: str) -> int:
    with psycopg.connect(trial.ground.postgres.url("dagster"), connect_timeout=10) as connection:
        return int(connection.execute(query).fetchone()[0])  # type: ignore[arg-type, index]


def _await_events(trial: Trial, count: float) -> None:
    """Wait until Dagster has stored that many more events, or no run is pending any more."""
    events = "select count(*) from event_logs"
    before = _runs(trial, events)

    def has_come() -> bool:
        return _runs(trial, events) - before >= count or not _runs(trial, f"select count(*) from runs where {PENDING}")

    wait_until(has_come, DEADLINE_S, every=0.1)


def _are_loaded(trial: Trial, days: Sequence[dt.date]) -> bool:
    """Whether the days are loaded and no run is pending."""
    with psycopg.connect(trial.ground.postgres.url(trial.database), connect_timeout=10) as connection:
        loaded = {row[0] for row in connection.execute("select date_id from load_day")}
    return {*days} <= loaded and not _runs(trial, f"select count(*) from runs where {PENDING}")
