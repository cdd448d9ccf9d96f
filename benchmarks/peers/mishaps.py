"""The outcome of days that go wrong, for `benchmarks.peers`: read from exit codes, requests and tables."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import time
from collections.abc import Callable

import psycopg

from benchmarks.bench import Bench, BenchmarkError
from benchmarks.peers.contenders import Contender
from benchmarks.peers.lab import DAY, Lab
from benchmarks.troubled import TROUBLES, troubled_film

FEW_FILMS = 200  # on the days when something goes wrong with one film
FEW_MS = 5  # latency of these days
SERVER_RATE = 50  # requests per second that TMDb accepts
KILL_TIMEOUT_S = 120
Say = Callable[[Contender, str, str], None]  # contender, what went wrong, the outcome


def try_troubles(lab: Lab, say: Say) -> None:
    """A plain day, then one day with each fault, into one database per contender."""
    film = troubled_film(lab.catalogue(FEW_FILMS, lab.today))
    first = lab.today - len(TROUBLES) * DAY
    for contender in lab.contenders:
        with lab.api(FEW_FILMS, first, FEW_MS) as made:
            state = lab.remake(made, contender)
            if _run(made, contender, first, state):
                raise BenchmarkError(f"{contender.name} failed on a plain day; nothing was compared.")
        for number, trouble in enumerate(TROUBLES, 1):
            day = first + number * DAY
            with lab.api(FEW_FILMS, day, FEW_MS, ["--trouble", trouble]) as made:
                genres = _query(made, contender, contender.genres, film, day)
                is_failed = _run(made, contender, day, state) != 0
                counts = [
                    f"{_query(made, contender, contender.facts, film, day)} of {FEW_FILMS} facts",
                    f"{genres} genres before, {_query(made, contender, contender.genres, film, day)} after",
                    f"{_query(made, contender, contender.ratings, film, day)} impossible ratings stored",
                    f"reported: {_query(made, contender, contender.reported, film, day) or 'nothing'}",
                ]
                say(contender, trouble, ", ".join(["run fails" if is_failed else "run succeeds", *counts]))
                made.forget_runs()


def try_kill(lab: Lab, say: Say) -> None:
    """Kill a contender after half of the details, run it again, and count the second run's requests."""
    for contender in lab.contenders:
        with lab.api(lab.given.films, lab.today, lab.given.latency_ms) as made:
            state = lab.remake(made, contender)
            before = _kill_halfway(made, contender, lab.today, state, lab.given.films // 2)
            figures = lab.measured(made, "run after a kill", contender, state)
            say(contender, "kill", f"{before:,} requests before, {figures['requests']:,} after, rows correct")
            made.forget_runs()


def try_limit(lab: Lab, say: Say) -> None:
    """Half of the films from an API with a rate limit."""
    for contender in lab.contenders:
        with lab.api(lab.given.films // 2, lab.today, lab.given.latency_ms, ["--rate", str(SERVER_RATE)]) as made:
            # dlt has no rate limit; its documentation recommends fewer workers.
            paced = {"TMDB_RATE_LIMIT": str(SERVER_RATE - 2), "EXTRACT__WORKERS": "4"}
            state = lab.remake(made, contender) | paced
            started = time.monotonic()
            is_failed = _run(made, contender, lab.today, state) != 0
            wall_s, traffic = time.monotonic() - started, made.traffic()
            ended = "run fails" if is_failed else f"{wall_s:.0f} s"
            say(contender, "limit", f"{ended}, {traffic['refused']:,} of {traffic['requests']:,} requests refused")
            made.forget_runs()


def _run(made: Bench, contender: Contender, day: dt.date, state: dict[str, str]) -> int:
    environment = made.environment(contender.database) | state
    with (made.folder / "output.txt").open("wb") as output:
        command = contender.command(str(day))
        return subprocess.run(command, env=environment, stdout=output, stderr=output, check=False).returncode


def _kill_halfway(made: Bench, contender: Contender, day: dt.date, state: dict[str, str], details: int) -> int:
    environment = made.environment(contender.database) | state
    command, nowhere = contender.command(str(day)), subprocess.DEVNULL
    with subprocess.Popen(command, env=environment, stdout=nowhere, stderr=nowhere, start_new_session=True) as process:
        deadline = time.monotonic() + KILL_TIMEOUT_S
        while made.traffic()["kinds"].get("details", {"requests": 0})["requests"] < details:
            if process.poll() is not None or time.monotonic() > deadline:
                raise BenchmarkError(f"{contender.name} ended or hung before it could be killed.")
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
    return made.requests()


def _query(made: Bench, contender: Contender, query: str, film: int, day: dt.date) -> object:
    with psycopg.connect(made.database_url(contender.database)) as connection:
        row = connection.execute(query.encode(), {"film": film, "day": day}).fetchone()
    return row[0] if row else None
