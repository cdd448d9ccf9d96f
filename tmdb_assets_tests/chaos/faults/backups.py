"""Kills of a backup and of a restore: the old file, or the old warehouse, stays whole."""

from __future__ import annotations

from tmdb_assets_tests.chaos.content import content_of
from tmdb_assets_tests.chaos.processes import Process
from tmdb_assets_tests.chaos.trial import Trial


def backup_killed(trial: Trial) -> None:
    """A backup is killed; the next one must be whole, and restore to the same rows."""
    trial.stand_on("good", lambda: trial.ground.content("good"))
    file = trial.ground.folder / f"backup-{trial.outcome.number}.dump"
    process = trial.start("backup", str(file))
    _await_moment(trial, process, 0.04)
    trial.kill(process)
    trial.again("backup", "--overwrite", str(file))
    trial.end_watch()  # a restore replaces the database
    trial.again("restore", "--replace", str(file))
    left = [path.name for path in file.parent.glob(f"{file.stem}*") if path != file]
    if left:
        trial.outcome.notes["left"] = left
    file.unlink(missing_ok=True)


def restore_killed(trial: Trial) -> None:
    """A restore of older rows is killed, up to three times: the warehouse has the old rows or the new ones."""
    ground = trial.ground
    file = _backup_of_base(trial)
    trial.stand_on("good", lambda: ground.content("good"), watch=False)
    url = ground.postgres.url(trial.database)
    for _ in range(trial.random.randint(1, 3)):
        process = trial.start("restore", "--replace", file)
        _await_moment(trial, process, 0.12)
        trial.kill(process)
        if content_of(url) not in (ground.content("good"), ground.content("base")):
            trial.outcome.half_seen.append("neither the old rows nor the new ones after a killed restore")
    trial.again("restore", "--replace", file)
    if content_of(url) != ground.content("base"):
        trial.outcome.lost.append("the restored warehouse differs from the one that was dumped")


def _await_moment(trial: Trial, process: Process, most: float) -> None:
    """A moment of a command that waits for pg_dump and pg_restore; `most` is the CPU time that it uses itself."""
    at = trial.random.uniform(0.0, most)
    trial.outcome.notes.setdefault("at", []).append(round(at, 3))
    process.until_cpu(at)
    process.wait_up_to(trial.random.choice([0.0, trial.random.uniform(0, 0.3)]))


def _backup_of_base(trial: Trial) -> str:
    file = trial.ground.folder / "base.dump"
    if not file.exists():
        trial.ground.postgres.copy("base", trial.database)
        trial.start("backup", str(file)).wait()
        trial.await_all()
        trial.outcome.codes.clear()
    return str(file)
