"""The API goes away, breaks answers, refuses, is slow, or knows nothing."""

from __future__ import annotations

import datetime as dt
import time

from tmdb_assets_tests.chaos.trial import Trial
from tmdb_assets_tests.fakes.random_faults import RandomFaults
from tmdb_assets_tests.fakes.replay import Fault
from tmdb_assets_tests.fakes.scripted_server import reset

DELAY_S = 0.08


def _fetching(trial: Trial) -> int:
    """Start a run, and wait until it has sent some requests; returns their number."""
    trial.stand_on_either()
    trial.ground.api.delay = DELAY_S
    count = trial.random.randint(1, 25)
    trial.note(requests=count)
    process = trial.start()
    process.until(lambda: len(trial.ground.api.asked) >= count)
    return count


def away(trial: Trial) -> None:
    """Nothing listens for up to six seconds."""
    _fetching(trial)
    trial.ground.api.down()
    trial.outcome.faults += 1
    time.sleep(trial.random.uniform(0.5, 6))
    trial.ground.api.up()
    trial.await_all()


def too_many(trial: Trial) -> None:
    """Every request is refused with 429 for some seconds."""
    _fetching(trial)
    trial.ground.api.fault = lambda _path, _params: Fault(status=429, headers={"Retry-After": "1"})
    trial.outcome.faults += 1
    time.sleep(trial.random.uniform(1, 4))
    trial.ground.api.fault = None
    trial.await_all()


def half_fails(trial: Trial) -> None:
    """Half of the films answer 500 or hang up for some seconds."""
    trial.stand_on_either()
    made = trial.random.choice([Fault(status=500), Fault(status=503), reset])
    trial.ground.api.fault = lambda path, _params: made if path.startswith("/movie/") and path[-1] in "13579" else None
    trial.outcome.faults += 1
    process = trial.start()
    process.until(lambda: len(trial.ground.api.asked) >= trial.random.randint(5, 40))
    time.sleep(trial.random.uniform(0, 5))
    trial.ground.api.fault = None
    trial.await_all()


def broken_answers(trial: Trial) -> None:
    """One answer in ten is broken, in each of a dozen ways."""
    trial.stand_on_either()
    behind = dt.datetime.now(dt.UTC) - trial.moment()  # the commands have a clock of their own
    faults = RandomFaults(trial.random.randrange(10**6), now=lambda: dt.datetime.now(dt.UTC) - behind)
    trial.ground.api.fault = faults
    trial.start()
    trial.await_all()
    trial.outcome.faults += faults.total
    trial.ground.api.fault = None


def slow(trial: Trial) -> None:
    """Each answer takes half a second from some moment on, then it is quick again."""
    _fetching(trial)
    trial.ground.api.delay = 0.5
    trial.outcome.faults += 1
    trial.await_all()
    trial.ground.api.delay = 0.0


def killed_during_an_outage(trial: Trial) -> None:
    """Nothing listens, and the waiting command is killed."""
    trial.stand_on_either()
    trial.ground.api.delay = DELAY_S
    count = trial.random.randint(1, 25)
    process = trial.start()
    process.until(lambda: len(trial.ground.api.asked) >= count)
    trial.ground.api.down()
    time.sleep(trial.random.uniform(0.2, 2))
    trial.kill(process)
    trial.ground.api.up()
    trial.look()


def empty_day(trial: Trial) -> None:
    """Discover and export list no film at all, from the start or from the middle of the run."""
    # A page that turns out empty is shown by a failing check; the films of the others are loaded before.
    trial.stand_on("base", lambda: trial.ground.content("good"), whole=False)
    if trial.random.randrange(2):
        trial.ground.api.list_nothing()
    process = trial.start()
    process.until(lambda: len(trial.ground.api.asked) >= trial.random.randint(1, 3))
    trial.ground.api.list_nothing()
    trial.outcome.faults += 1
    trial.await_all()
    trial.ground.api.turn(trial.day)
