"""Several commands at once, of one machine and of two, and what happens to the one that may fetch."""

from __future__ import annotations

import signal
import time

import psycopg

from tmdb_assets.warehouse.ledger.fetch_lock import FETCH_LOCK
from tmdb_assets_tests.chaos.content import Content
from tmdb_assets_tests.chaos.processes import Process, can_be_alone
from tmdb_assets_tests.chaos.trial import SkippedTrialError, Trial
from tmdb_assets_tests.stage.many_days import ONE_DAY

HOLDER = """
    select l.pid, a.application_name from pg_locks as l inner join pg_stat_activity as a on l.pid = a.pid
    where l.locktype = 'advisory' and l.granted and (l.classid::bigint << 32) + l.objid::bigint = %s
    and a.datname = current_database()
"""
BACK_DAYS = 3
MOST_ASLEEP_S = 30.0


def same_day(trial: Trial) -> None:
    """Two to four commands load the same day."""
    trial.stand_on_base()
    trial.outcome.faults += _start_many(trial, trial.random.randint(2, 4))
    trial.await_all()


def first_day(trial: Trial) -> None:
    """Two to four commands at once on an empty database."""
    trial.stand_on_nothing()
    trial.outcome.faults += _start_many(trial, trial.random.randint(2, 4))
    trial.await_all()


def refreshed_together(trial: Trial) -> None:
    """One command requests again what another loads."""
    trial.stand_on("base", trial.ground.refreshed)
    trial.start("run", "--refresh")
    trial.start()
    trial.outcome.faults += 1
    trial.again("run", "--refresh")


def other_days(trial: Trial) -> None:
    """The day, the day before and a backfill of the days before that, at once; one of them may be killed."""
    trial.stand_on("base", lambda: _backfilled(trial), whole=False)
    before = trial.ground.days[0]
    span = ("backfill", "--from", str(before - BACK_DAYS * ONE_DAY))
    trial.start()
    backfill = trial.start(*span, "--to", str(before - ONE_DAY))
    trial.start("run", "--date", str(before))
    trial.outcome.faults += 1
    if trial.random.randrange(2):
        backfill.until_cpu(trial.pick_moment())
        trial.kill(backfill)
    trial.await_all()
    trial.again(*span, "--to", str(before))


def holder_killed(trial: Trial) -> None:
    """Of two commands, the one whose turn it is to fetch is killed."""
    holder = _two_with_a_holder(trial)
    if holder:
        time.sleep(trial.random.uniform(0, 1))
        trial.kill(holder)
    trial.ground.api.delay = 0.0
    trial.await_all()


def holder_stopped(trial: Trial) -> None:
    """The one that fetches is stopped for some seconds, and wakes."""
    holder = _two_with_a_holder(trial)
    if holder and holder.send(signal.SIGSTOP):
        time.sleep(trial.random.uniform(2, 8))
        holder.send(signal.SIGCONT)
        trial.outcome.faults += 1
    trial.ground.api.delay = 0.0
    trial.await_all()


def holder_cut_off(trial: Trial) -> None:
    """The one that fetches is stopped, its sessions are ended, the other goes on; then it wakes."""
    holder = _two_with_a_holder(trial)
    if holder and holder.send(signal.SIGSTOP):
        ended = "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s and application_name = %s"
        trial.ground.postgres.rows("postgres", ended, trial.database, f"tmdb-assets {holder.pid}")
        trial.ground.api.delay = 0.0
        time.sleep(trial.random.uniform(1, 6))
        holder.send(signal.SIGCONT)
        trial.outcome.faults += 1
    trial.await_all()


def woken_load(trial: Trial) -> None:
    """A load of stored answers is stopped, another requests the day again and finds other figures, the first wakes."""
    ground = trial.ground
    moved = trial.day + ONE_DAY

    def requested_again() -> Content:
        ground.content("good")
        return ground.keep("moved", "good", trial.day, arguments=("run", "--refresh"), answers_of=moved)

    trial.stand_on("good", requested_again, whole=False)
    old = trial.start()
    is_asleep = old.until_cpu(trial.pick_moment()) and old.send(signal.SIGSTOP)
    trial.outcome.faults += is_asleep
    ground.api.turn(moved)
    new = trial.start("run", "--refresh")
    new.wait_up_to(MOST_ASLEEP_S)  # it waits for a transaction of the one that sleeps, if that is in one
    if is_asleep:
        old.send(signal.SIGCONT)
    trial.await_all()
    if trial.outcome.codes == [0, 0]:
        trial.compare()  # also before the run that would put it right


def two_machines(trial: Trial) -> None:
    """Two machines with three commands each, whose process ids mean nothing to the other; one machine is lost."""
    if not can_be_alone():
        raise SkippedTrialError("a second machine needs the right to make a namespace of process ids (root)")
    trial.stand_on_either()
    ours = [trial.start() for _ in range(3)]
    theirs = [trial.start(machine=trial.ground.other_machine) for _ in range(3)]
    lost = trial.random.choice([ours, theirs])
    lost[0].until_cpu(trial.pick_moment())
    for process in lost:
        trial.kill(process)
    trial.await_all()


def _start_many(trial: Trial, count: int) -> int:
    for _ in range(count):
        trial.start()
    return count


def _backfilled(trial: Trial) -> Content:
    """The rows after a faultless backfill of the days before, and the day again, for its forecasts."""
    ground = trial.ground
    before = ground.days[0]
    arguments = ("backfill", "--from", str(before - BACK_DAYS * ONE_DAY), "--to", str(before))
    ground.content("good")
    ground.keep("backfilled", "good", ground.days[1], arguments=arguments)
    return ground.keep("backfilled_again", "backfilled", ground.days[1])


def _two_with_a_holder(trial: Trial) -> Process | None:
    """Start two commands; the one that holds the fetch lock, None when both end before it is seen."""
    trial.stand_on_base()
    trial.ground.api.delay = 0.2
    two = [trial.start(), trial.start()]
    found: list[Process] = []

    def holds() -> bool:
        with psycopg.connect(trial.ground.postgres.url(trial.database)) as connection:
            rows = connection.execute(HOLDER, [FETCH_LOCK]).fetchall()
        found[:] = [each for each in two for _, name in rows if name.split()[-1] == str(each.pid)]
        return bool(found)

    two[0].until(holds)
    return found[0] if found else None
