"""docker-compose.yml as Compose reads it with the `.env` of `make env`, and its services run without containers."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tmdb_assets.cli.env_file import fill
from tmdb_assets.settings import PROJECT_ROOT
from tmdb_assets_tests.stage.ports import free_port, listens
from tmdb_assets_tests.stage.waiting import PATIENCE_S, wait_until

FILE = PROJECT_ROOT / "docker-compose.yml"
SCALE_FILE = PROJECT_ROOT / "docker-compose.scale.yml"
PORTS = ("4000", "3000", "8501", "6379")  # of our services, within their containers


def made_env() -> dict[str, str]:
    """The variables of the `.env` that `make env` writes."""
    text, _ = fill((PROJECT_ROOT / ".env.example").read_text(encoding="utf-8"))
    return dict(re.findall(r"^(\w+)=(.+)$", text, flags=re.MULTILINE))


def read_compose(env: Mapping[str, str], *more: Path) -> dict[str, Any]:
    """The file, and `more` over it, with merges and variables resolved.

    Raises `LookupError` for a variable that must be set.
    """

    def resolve(found: re.Match[str]) -> str:
        name, operator, text = found.groups()
        if operator == ":+":
            return str(text) if env.get(name) else ""
        if env.get(name):
            return env[name]
        if operator == ":-":
            return str(text)
        raise LookupError(f"{name}: {text}")

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: walk(item) for key, item in value.items() if not str(key).startswith("x-")}
        if isinstance(value, list):
            return [walk(item) for item in value]
        if not isinstance(value, str):
            return value
        text = re.sub(r"\$\{(\w+)(:[-?+])([^}]*)\}", resolve, value).replace("$$", "$")
        return int(text) if text != value and text.isdecimal() and value.startswith("${WORKERS") else text

    read: dict[str, Any] = {}
    for file in (FILE, *more):
        over = walk(yaml.safe_load(file.read_text(encoding="utf-8")))
        for name, service in over["services"].items():
            if base := service.pop("extends", None):
                over["services"][name] = _merged(read["services"][base["service"]], service)
        read = _merged(read, over)
    return read


def _merged(under: Any, over: Any) -> Any:
    """One file's part over another's, as Compose merges them: mappings by key; here, other values are replaced."""
    if not isinstance(under, dict) or not isinstance(over, dict):
        return over
    return under | {key: _merged(under.get(key), value) for key, value in over.items()}


class Services:
    """Our services as processes of this machine, with the file's environment and health checks.

    Unlike in containers, host names are 127.0.0.1, ports are free ones, `/app` is `home`, and the project has no
    `.env`. A process group replaces a container: it is killed as a whole.
    """

    def __init__(self, env: Mapping[str, str], postgres_port: int, home: Path, *more: Path) -> None:
        self.home = home
        self.env = dict(env)
        self.compose = read_compose(env, *more)["services"]
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.ports = {port: str(free_port()) for port in PORTS}
        self._native = {
            "@postgres:5432/": f"@127.0.0.1:{postgres_port}/",
            "@redis:": "@127.0.0.1:",
            "0.0.0.0": "127.0.0.1",
            **self.ports,
        }

    def _made_native(self, text: object) -> str:
        pattern = "|".join(re.escape(word) for word in self._native)
        return re.sub(pattern, lambda found: self._native[found[0]], str(text))

    def environment(self, name: str) -> dict[str, str]:
        """The variables of the image and the file, and none of this process."""
        given = {key: self._made_native(value) for key, value in self.compose[name].get("environment", {}).items()}
        if "CODE_SERVER_HOST" in given:
            given["CODE_SERVER_HOST"] = "127.0.0.1"
        return {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.home),
            "TMDB_ASSETS_HOME": str(self.home),
            "DAGSTER_HOME": str(self.home / "data" / "dagster"),
            "PYTHONPATH": str(PROJECT_ROOT),
            "PYTHONWARNINGS": "ignore",
            **given,
        }

    def run(self, name: str) -> subprocess.CompletedProcess[bytes]:
        """Run a one-shot service to its end."""
        return self._run(name, self.compose[name]["command"])

    def _run(self, name: str, command: list[str]) -> subprocess.CompletedProcess[bytes]:
        words = [self._made_native(word) for word in command]
        env = self.environment(name)
        return subprocess.run(words, env=env, cwd=PROJECT_ROOT, capture_output=True, timeout=PATIENCE_S)

    def start(self, name: str, replica: str = "") -> None:
        """Start a service, or a replica of it; `await_healthy` waits until it is ready."""
        with (self.home / f"{name}{replica}.log").open("ab") as log:
            self.processes[f"{name}{replica}"] = subprocess.Popen(
                [self._made_native(word) for word in self.compose[name]["command"]],
                env=self.environment(name),
                cwd=PROJECT_ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def is_healthy(self, name: str) -> bool:
        """Run the service's own health check once."""
        kind, *command = self.compose[name]["healthcheck"]["test"]
        assert kind == "CMD"
        return self._run(name, command).returncode == 0

    def await_healthy(self, *names: str) -> None:
        """Wait until the services' health checks pass; fail with the end of the log of one that exited."""
        for name in names:
            process = self.processes[name]
            # A health check may take seconds of CPU: none before the service listens.
            wait_until(lambda n=name, p=process: p.poll() is not None or self._listens(n))
            wait_until(lambda n=name, p=process: p.poll() is not None or self.is_healthy(n))
            assert process.poll() is None, (self.home / f"{name}.log").read_text()[-3000:]

    def _listens(self, name: str) -> bool:
        command = self.compose[name]["command"]
        if "--port" not in command:
            return True
        return listens(int(self._made_native(command[command.index("--port") + 1])))

    def kill(self, name: str) -> None:
        """End a service like a crash: at once, with all its processes."""
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self, name: str) -> int:
        """Stop a service as Compose does; return its exit code."""
        self.processes[name].terminate()
        exit_code = self.processes[name].wait(PATIENCE_S)
        del self.processes[name]
        return exit_code


@contextmanager
def services(env: Mapping[str, str], postgres_port: int, home: Path, *more: Path) -> Iterator[Services]:
    """The services of the files, none started; those still running are killed with the context."""
    made = Services(env, postgres_port, home, *more)
    try:
        yield made
    finally:
        for name in list(made.processes):
            made.kill(name)
