"""Midnight during a run, the ends of months and years, and the day of a schema upgrade."""

from __future__ import annotations

import datetime as dt
import json
import time

import sqlalchemy as sa

from tmdb_assets_tests.cases.former_schema import fill_former, make_former
from tmdb_assets_tests.chaos.catalogue import popularity_on
from tmdb_assets_tests.chaos.content import content_of
from tmdb_assets_tests.chaos.trial import Trial
from tmdb_assets_tests.stage.many_days import ONE_DAY

ENDS = (dt.date(2026, 2, 28), dt.date(2026, 6, 30), dt.date(2025, 12, 31), dt.date(2024, 12, 31), dt.date(2024, 2, 28))


def ends_of_months(trial: Trial) -> None:
    """A kill on the first day of a month or year, whose partitions do not exist yet; or on 29 February."""
    ground, last = trial.ground, trial.random.choice(ENDS)
    trial.note(last=str(last))
    trial.settings = {"TMDB_FIRST_DAY": str(last - ONE_DAY)}
    trial.day = last + ONE_DAY
    first = f"until_{last}"
    ground.keep(first, "empty", last, settings=trial.settings)
    trial.stand_on(first, lambda: ground.keep(f"after_{last}", first, trial.day, settings=trial.settings))
    ground.api.set(trial.day)
    process = trial.start()
    process.until_cpu(trial.pick_moment())
    trial.kill(process)
    trial.look()


def midnight(trial: Trial) -> None:
    """The command is given seconds before midnight UTC, TMDb's day turns during the run; the next day's run follows.

    No figure may be stored under another day's date; the next day must be whole.
    """
    ground = trial.ground
    following = trial.day + ONE_DAY
    ground.postgres.copy("base", trial.database)
    trial.watch(lambda: ground.postgres.url(trial.database), {})
    ground.api.delay = trial.random.choice([0.05, 0.3])
    lead = trial.random.uniform(0.3, 4)
    trial.note(lead=round(lead, 2))
    clock = dt.datetime.combine(following, dt.time(), dt.UTC) - dt.timedelta(seconds=lead)
    began = time.monotonic()
    trial.start(clock=clock.time().isoformat())
    time.sleep(max(0.0, began + lead - time.monotonic()))
    ground.api.turn(following)
    trial.outcome.faults += 1
    trial.await_all()
    ground.api.delay = 0.0
    trial.again("run", "--date", str(trial.day), day=following)
    trial.again("run", day=following)
    trial.end_watch()
    found = content_of(ground.postgres.url(trial.database))
    facts = [json.loads(row) for row in found["fact_movie_daily"].elements()]
    foreign = [
        fact
        for fact in facts
        if fact["popularity"] != popularity_on(fact["movie_id"], dt.date.fromisoformat(fact["date_id"]))
    ]
    if foreign:
        trial.outcome.doubled.append(f"figures of another day: {foreign[:2]}")
    for day, least in ((trial.day, 1), (following, len(ground.api.listed()))):
        count = sum(fact["date_id"] == str(day) for fact in facts)
        if count < least:
            trial.outcome.lost.append(f"{count} facts of {day} instead of {least}")


def clock_put_back(trial: Trial) -> None:
    """A kill, then the clock is put back some minutes or over midnight: the command runs at the earlier time twice."""
    ground, is_over_midnight = trial.ground, trial.random.randrange(2) == 1
    trial.note(over_midnight=is_over_midnight)
    trial.stand_on_base() if is_over_midnight else trial.stand_on_either()
    process = trial.start(clock="00:02:00")
    process.until_cpu(trial.pick_moment())
    trial.kill(process)
    trial.look()
    times = ("23:50:00", "23:52:00") if is_over_midnight else ("00:00:30", "00:01:00")
    for clock in times:
        trial.again("run", day=ground.days[0] if is_over_midnight else trial.day, clock=clock)


def upgraded(trial: Trial) -> None:
    """The first run of a new release is killed, or several are started at once, on a warehouse of the oldest step."""
    ground = trial.ground
    if "former" not in ground.made:
        ground.postgres.copy("empty", "former")
        url = sa.make_url(ground.postgres.url("former").replace("postgresql:", "postgresql+psycopg:"))
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            make_former(connection)
            fill_former(connection)
        engine.dispose()
        ground.made.add("former")
    # Its rows are samples of every table that do not belong together: no reader would see whole days in them.
    ground.keep("upgraded", "former", trial.day)
    trial.stand_on("former", lambda: ground.keep("upgraded_twice", "upgraded", trial.day), watch=False)
    if trial.random.randrange(2):
        process = trial.start()
        process.until_cpu(trial.pick_moment())
        trial.kill(process)
    else:
        for arguments in (("run",), ("migrate",), ("run",)):
            trial.start(*arguments)
        trial.outcome.faults += 1
    trial.await_all()
