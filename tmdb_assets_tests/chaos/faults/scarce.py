"""A full disk: the server's folder on a small file system that another file fills at any moment of a run."""

from __future__ import annotations

from contextlib import suppress

import psycopg

from tmdb_assets_tests.chaos.small_disk import NoSmallDiskError
from tmdb_assets_tests.chaos.trial import SkippedTrialError, Trial

MOST_LEFT = 3_000_000  # bytes; a day of the trials writes about two million


def disk_full(trial: Trial) -> None:
    """The disk is full from some moment on, with 0 to 3 MB left, until the run has ended."""
    try:
        with trial.ground.small_server() as disk:
            postgres = trial.ground.postgres
            trial.stand_on_either()
            leave = trial.random.choice([0, trial.random.randrange(MOST_LEFT)])
            trial.note(leave=leave)
            process = trial.start()
            process.until_cpu(trial.pick_moment())
            with suppress(psycopg.Error):
                postgres.run("checkpoint")
            disk.fill(leave)
            trial.outcome.faults += 1
            trial.await_all()
            trial.note(left=disk.free)
            disk.empty()
            postgres.start()
            trial.look()
            trial.finish()
            postgres.drop(trial.database)
    except NoSmallDiskError as error:
        raise SkippedTrialError(str(error)) from error
