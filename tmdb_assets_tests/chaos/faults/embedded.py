"""The embedded Postgres: killed with and without its command, with foreign and missing files, started by several."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from tmdb_assets.warehouse.server.data_folder import find_postmaster
from tmdb_assets.warehouse.server.embedded import EmbeddedPostgres
from tmdb_assets_tests.chaos.processes import Machine, Process
from tmdb_assets_tests.chaos.trial import Trial
from tmdb_assets_tests.stage.waiting import PATIENCE_S, wait_until


class Embedded:
    """A home folder whose server the commands start and stop themselves."""

    def __init__(self, trial: Trial) -> None:
        self.trial, ground = trial, trial.ground
        self.home = ground.folder / "embedded"
        self.data = self.home / "data" / "postgres"
        self.machine: Machine = ground.embedded_machine
        self.settings = {"WAREHOUSE_URL": "", **ground.source_settings}

    def prepare(self, *, is_new: bool = False) -> None:
        """Make the folder that of a loaded day, or an empty one."""
        kept = self.trial.ground.folder / "embedded-base"
        if not kept.exists() and not is_new:
            self._clear()
            self.trial.ground.api.set(self.trial.ground.days[0])
            run = self.start(day=self.trial.ground.days[0])
            if run.wait() != 0:
                raise ChildProcessError(run.said)
            self.trial.await_all()
            self.trial.outcome.codes.clear()
            self.trial.ground.api.set(self.trial.day)
            self._copy(self.home / "data", kept)
        self._clear()
        if not is_new:
            self._copy(kept, self.home / "data")
        name = "good_first" if is_new else "good"
        wanted = self.trial.ground.content(name)
        self.trial.ground.api.set(self.trial.day)
        self._wanted = wanted

    def start(self, *arguments: str, **options: Any) -> Process:
        """Start the command in this home."""
        return self.trial.start(*arguments, machine=self.machine, **{**self.settings, **options})

    @property
    def postmaster(self) -> int | None:
        """The server's process id, by what runs and not by its file."""
        for process in psutil.process_iter(["name", "cwd", "ppid"]):
            is_ours = process.info["name"] == "postgres" and process.info["cwd"] == str(self.data)
            with suppress(psutil.Error):
                if is_ours and psutil.Process(process.info["ppid"]).name() != "postgres":
                    return int(process.pid)
        return None

    def kill_server(self, number: signal.Signals = signal.SIGKILL, *, family: bool = False) -> bool:
        """Send a signal to the server, or to all its processes; whether there was one."""
        pid = self.postmaster
        if pid is None:
            return False
        children = psutil.Process(pid).children() if family else []
        for each in (pid, *(child.pid for child in children)):
            with suppress(ProcessLookupError):
                os.kill(each, number)
        return True

    def finish(self) -> None:
        """Run the day again, then open the server and compare."""
        trial = self.trial
        trial.again(machine=self.machine, **self.settings)
        server = EmbeddedPostgres(self.data)
        server.start()
        try:
            trial.wanted = lambda: self._wanted
            trial.compare(f"postgresql:///tmdb?host={server.address}&port=5432&user=postgres")
        finally:
            trial.wanted = None
            server.leave()
        if not wait_until(lambda: self.postmaster is None, 30, every=0.1):
            trial.outcome.stuck.append("the embedded server runs on after the last command")
            self.kill_server(signal.SIGQUIT)
        broken = [path.name for path in self.data.parent.glob("postgres.broken*")]
        if broken:
            trial.outcome.lost.append(f"the data folder was given up: {broken}")

    def _clear(self) -> None:
        if self.kill_server(signal.SIGKILL, family=True):
            wait_until(lambda: self.postmaster is None, PATIENCE_S, every=0.05)
        shutil.rmtree(self.home / "data", ignore_errors=True)

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        subprocess.run(["cp", "-a", str(source), str(target)], check=True)


def command_killed(trial: Trial) -> None:
    """The command is killed, its server runs on for the next one."""
    stage = Embedded(trial)
    stage.prepare()
    process = stage.start()
    process.until_cpu(trial.pick_moment())
    trial.kill(process)
    stage.finish()


def server_killed(trial: Trial) -> None:
    """The server is killed, alone or with all its processes, or stopped for some seconds, under the command."""
    stage = Embedded(trial)
    stage.prepare()
    process = stage.start()
    if process.until_cpu(trial.pick_moment()):
        what = trial.random.choice(["server", "family", "stopped"])
        trial.note(what=what)
        if what == "stopped":
            trial.outcome.faults += stage.kill_server(signal.SIGSTOP)
            time.sleep(trial.random.uniform(1, 6))
            stage.kill_server(signal.SIGCONT)
        else:
            trial.outcome.faults += stage.kill_server(family=what == "family")
    trial.await_all()
    stage.finish()


def both_killed(trial: Trial) -> None:
    """Command and server are killed together, as when the machine loses its power."""
    stage = Embedded(trial)
    stage.prepare()
    process = stage.start()
    process.until_cpu(trial.pick_moment())
    pid = stage.postmaster
    trial.kill(process)
    if pid is not None:
        trial.outcome.faults += stage.kill_server(family=trial.random.randrange(2) == 0)
    stage.finish()


def foreign_pid_file(trial: Trial) -> None:
    """Both are killed, and the pid file's process id now belongs to another program: sleep, init, another Postgres."""
    stage = Embedded(trial)
    stage.prepare()
    process = stage.start()
    process.until(lambda: (stage.data / "postmaster.pid").exists())
    process.until_cpu(trial.pick_moment())
    trial.kill(process)
    file = stage.data / "postmaster.pid"
    lines = file.read_text().splitlines() if file.exists() else ["0", str(stage.data), "0", "5432", str(stage.data)]
    trial.outcome.faults += stage.kill_server(family=True)
    wait_until(lambda: stage.postmaster is None, PATIENCE_S, every=0.05)
    what = trial.random.choice(["sleep", "init", "postgres"])
    with subprocess.Popen(["sleep", "300"]) as other:
        other_server = find_postmaster(trial.ground.postgres.data)
        pids = {"sleep": other.pid, "init": 1, "postgres": other_server.pid if other_server else 1}
        trial.note(what=what)
        file.write_text("\n".join([str(pids[what]), *lines[1:]]) + "\n")
        (stage.data / ".s.PGSQL.5432.lock").write_text("\n".join([str(pids[what]), *lines[1:5]]) + "\n")
        try:
            stage.finish()
        finally:
            other.kill()


def file_removed(trial: Trial) -> None:
    """The pid file, or the socket, of the running server is removed under the command."""
    stage = Embedded(trial)
    stage.prepare()
    name = trial.random.choice(["postmaster.pid", ".s.PGSQL.5432"])
    trial.note(name=name)
    process = stage.start()
    if process.until_cpu(trial.pick_moment()):
        trial.outcome.faults += (stage.data / name).exists()
        (stage.data / name).unlink(missing_ok=True)
    trial.await_all()
    stage.finish()


def first_start_together(trial: Trial) -> None:
    """Two to four commands at once in a fresh folder."""
    stage = Embedded(trial)
    stage.prepare(is_new=True)
    commands = [("run",), ("run",), ("migrate",), ("doctor",)]
    for arguments in commands[: trial.random.randint(2, 4)]:
        stage.start(*arguments)
        trial.outcome.faults += 1
    trial.await_all()
    stage.finish()


def first_start_killed(trial: Trial) -> None:
    """Kills while the server's folder and the schema are being made."""
    stage = Embedded(trial)
    stage.prepare(is_new=True)
    for _ in range(trial.random.randint(1, 3)):
        process = stage.start()
        process.wait_up_to(trial.random.uniform(0.1, 4))
        trial.kill(process)
    stage.finish()
