"""Several trials at once, each worker on a ground of its own."""

from __future__ import annotations

import multiprocessing
import queue
import time
from contextlib import suppress
from typing import Any

import click
import psutil

from tmdb_assets_tests.chaos.ground import Ground
from tmdb_assets_tests.chaos.kinds import KINDS, kind_of
from tmdb_assets_tests.chaos.results import Results, current_commit
from tmdb_assets_tests.chaos.trial import Outcome, run_trial

LOOK_S, JOIN_S = 5.0, 120.0
HANG_S = 1800.0
"""Without an outcome for that long the trials end: no trial takes so long, as stuck commands are killed before."""


def work(asked: Any, answered: Any, seed: int) -> None:
    """Run the trials whose numbers and kinds are asked for, on one ground, until None comes or nobody asks any more."""
    ground = Ground()
    try:
        while (task := _next(asked)) is not None:
            number, kind = task
            try:
                outcome = run_trial(ground, number, kind, KINDS[kind], seed)
            except Exception as error:  # the ground itself is spoilt: stand on a new one
                outcome = Outcome(number, kind, error=f"{type(error).__name__}: {error}"[:600])
                ground.end()
                ground = Ground()
            answered.put(outcome)
    finally:
        ground.end()


def _next(asked: Any) -> tuple[int, str] | None:
    parent = multiprocessing.parent_process()
    while parent is None or parent.is_alive():
        try:
            found: tuple[int, str] | None = asked.get(timeout=LOOK_S)
        except queue.Empty:
            continue
        return found
    return None


def show(outcome: Outcome) -> None:
    """Print one line for a trial, and more where something went wrong."""
    state = outcome.skipped or outcome.error or ("clean" if outcome.is_clean else "FAULT")
    click.echo(f"{outcome.number:5} {outcome.kind:40} {outcome.seconds:6.1f} s  codes {outcome.codes}  {state}")
    if not outcome.is_clean or outcome.error:
        click.echo(f"      {outcome.as_json()}")


class Plan:
    """Which trials are to come: by number, until the time is over or that many were handed out."""

    def __init__(self, results: Results, minutes: float, most: int | None, only: str | None) -> None:
        self._results, self._most, self._only = results, most, only
        self._deadline, self._count = time.monotonic() + 60 * minutes, 0

    def take(self) -> tuple[int, str] | None:
        """The number and kind of the next trial, None when there is none."""
        if time.monotonic() > self._deadline or (self._most is not None and self._count >= self._most):
            return None
        self._count += 1
        while True:
            number = self._results.take_number()
            kind = kind_of(number, self._results.seed)
            if self._only is None or self._only in kind:
                return number, kind


def run_trials(results: Results, plan: Plan, jobs: int) -> None:
    """Run the plan's trials on several grounds at once. Raises `ChildProcessError` when a worker dies."""
    context = multiprocessing.get_context("spawn")
    asked, answered = context.Queue(), context.Queue()
    workers = [context.Process(target=work, args=(asked, answered, results.seed)) for _ in range(jobs)]
    for worker in workers:
        worker.start()
    commit, waiting, last = current_commit(), 0, time.monotonic()
    try:
        for _ in workers:
            if task := plan.take():
                asked.put(task)
                waiting += 1
        while waiting:
            try:
                outcome = answered.get(timeout=LOOK_S)
            except queue.Empty:
                if not all(worker.is_alive() for worker in workers):
                    raise ChildProcessError("a worker died; its reason is above") from None
                if time.monotonic() - last > HANG_S:
                    raise TimeoutError(f"no trial has ended for {HANG_S:.0f} s") from None
                continue
            last = time.monotonic()
            results.add(outcome, commit)
            show(outcome)
            if task := plan.take():
                asked.put(task)
            else:
                waiting -= 1
    finally:
        for _ in workers:
            asked.put(None)
        for worker in workers:
            worker.join(JOIN_S)
            _kill(worker)


def _kill(worker: Any) -> None:
    """Kill a worker that did not end, with all that its trial has started: services have sessions of their own."""
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(worker.pid)
        for process in [parent, *parent.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
