"""Kills of the command at any moment of its life, in chains, on a loaded and on an empty database."""

from __future__ import annotations

from tmdb_assets_tests.chaos.content import Content
from tmdb_assets_tests.chaos.trial import Trial
from tmdb_assets_tests.stage.many_days import ONE_DAY

DAYS_IN_A_ROW = 5


def killed(trial: Trial) -> None:
    """SIGKILL, up to three times in a row, each at another moment."""
    trial.stand_on_either()
    for _ in range(trial.random.randint(1, 3)):
        process = trial.start()
        process.until_cpu(trial.pick_moment())
        trial.kill(process)
        trial.look()


def killed_on_the_first_day(trial: Trial) -> None:
    """SIGKILL on an empty database: during the schema, the roles, the first rows."""
    trial.stand_on_nothing()
    for _ in range(trial.random.randint(1, 3)):
        process = trial.start()
        process.until_cpu(trial.pick_moment())
        trial.kill(process)


def killed_while_refreshing(trial: Trial) -> None:
    """SIGKILL of `run --refresh` on a day that is loaded."""
    trial.stand_on("good", trial.ground.refreshed)
    process = trial.start("run", "--refresh")
    process.until_cpu(trial.pick_moment())
    trial.kill(process)
    trial.look()
    trial.again("run", "--refresh")


def killed_and_backfilled(trial: Trial) -> None:
    """SIGKILL of the command, then the same day as a backfill, as the gap filler would load it."""
    trial.stand_on_base()
    process = trial.start()
    process.until_cpu(trial.pick_moment())
    trial.kill(process)
    trial.start("backfill", "--from", str(trial.ground.days[0]), "--to", str(trial.day))
    trial.await_all()


def stopped_politely(trial: Trial) -> None:
    """SIGTERM or SIGINT: the command must end within its time, and leave nothing half."""
    import signal

    trial.stand_on_either()
    process = trial.start()
    process.until_cpu(trial.pick_moment())
    number = trial.random.choice([signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
    trial.note(signal=number.name)
    trial.outcome.faults += process.send(number)
    trial.await_all()
    trial.look()


def killed_on_many_days(trial: Trial) -> None:
    """Five days in a row on one database, two of three with a kill: what one day leaves, the next ones must bear."""
    ground = trial.ground
    days = [trial.day + number * ONE_DAY for number in range(DAYS_IN_A_ROW)]

    def many_days() -> Content:
        name = "base"
        for day in days:
            source, name = name, f"days_until_{day}"
            found = ground.keep(name, source, day)
        return found

    trial.stand_on("base", many_days)
    for day in days:
        ground.api.set(day)
        if trial.random.randrange(3):
            process = trial.start(day=day)
            process.until_cpu(trial.pick_moment())
            trial.kill(process)
            trial.look()
        trial.again("run", day=day)
    trial.day = days[-1]
