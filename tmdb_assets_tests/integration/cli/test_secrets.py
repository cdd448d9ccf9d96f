"""Marked secrets through many failures: none is in what is printed, stored, sent, saved or shown by the machine."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import threading
import time
from pathlib import Path

import psutil
import psycopg
import pytest
from pydantic import SecretStr

from tmdb_assets.settings import Settings
from tmdb_assets.settings.files import kinds
from tmdb_assets.warehouse.server.urls import render_url
from tmdb_assets_tests.cases.awkward import catalogue, film, sound_films
from tmdb_assets_tests.fakes.replay import ReplayServer
from tmdb_assets_tests.fakes.scripted_server import ScriptedServer, forget_proxies, reply
from tmdb_assets_tests.oracle.compare import run_as_admin
from tmdb_assets_tests.stage.command import MANY_REFUSALS, PYTHON, command_environment, finish, start
from tmdb_assets_tests.stage.ports import free_port
from tmdb_assets_tests.stage.waiting import PATIENCE_S

pytestmark = pytest.mark.usefixtures("far_from_midnight")
NAMES = ("token", "password", "reader", "loader", "webhook", "proxy", "postgres", "replica", "broker", "digest", "file")
MARKS = {name: f"MARKED{name}{number}7fQ" for number, name in enumerate(NAMES)}
# Settings that no server of this test answers to: each is refused, or stays unused, with its mark.
UNANSWERED = {
    "WAREHOUSE_READER_PASSWORD": MARKS["reader"],
    "WAREHOUSE_LOADER_PASSWORD": MARKS["loader"],
    "WAREHOUSE_READ_URL": f"postgresql://reader:{MARKS['replica']}@127.0.0.1:1/films",
    "CELERY_BROKER_URL": f"redis://:{MARKS['broker']}@127.0.0.1:1/0",
    "DIGEST_WEBHOOK_URL": f"http://127.0.0.1:1/{MARKS['digest']}",
    "POSTGRES_PASSWORD": MARKS["postgres"],
}
# Also as HTTP's basic authentication has it, in any alignment.
ENCODED = {
    base64.b64encode(b" " * shift + mark.encode())[4:-4].decode() for mark in MARKS.values() for shift in range(3)
}
ROLE = "leaky"
SECRET_SETTINGS = {
    name.upper() for name, field in Settings.model_fields.items() if SecretStr in kinds(field.annotation)
}
# Postgres's own programs get the password of the address in PGPASSWORD: only this user and root can read it there.
KNOWN = {name: {MARKS["password"]} for name in ("psql", "pg_dump")}
KNOWN["file"] = {*MARKS.values()}  # /usr/bin/file, which Dagster's croniter asks for Python's architecture


def marks_in(*texts: str | bytes) -> set[str]:
    found = set()
    for text in texts:
        data = text if isinstance(text, bytes) else text.encode(errors="replace")
        found |= {mark for mark in [*MARKS.values(), *ENCODED] if mark.encode() in data}
    return found


class Watch(threading.Thread):
    """Reads the arguments and environments of a process's children until `ended` is set; keeps those with a mark."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.ended, self.leaks, self.seen = pid, threading.Event(), set(), set()

    def run(self) -> None:
        while not self.ended.wait(0.02):
            try:
                mine, children = psutil.Process(self.pid), psutil.Process(self.pid).children(recursive=True)
                own = mine.cmdline()
                self.look(mine, [own])
                for child in children:
                    if (arguments := child.cmdline()) != own:  # else a fork of the process that starts no program yet
                        self.look(child, [arguments, [f"{name}={text}" for name, text in child.environ().items()]])
            except (psutil.Error, ProcessLookupError):
                continue

    def look(self, process: psutil.Process, lists: list[list[str]]) -> None:
        self.seen.add(process.name())
        for texts in lists:
            if marks := marks_in(*texts) - KNOWN.get(process.name(), set()):
                self.leaks.add((process.name(), *sorted(marks)))


@pytest.fixture(scope="module")
def place(server, tmp_path_factory):
    """A role with a marked password, a home of its own, and the addresses that hold marks."""
    if not server.is_embedded:
        pytest.skip("makes a role on the embedded server")
    run_as_admin(server, f"create role {ROLE} login superuser password '{MARKS['password']}'")
    home = tmp_path_factory.mktemp("home")
    database = f"leaks_{os.getpid()}"
    yield home, server.url.set(username=ROLE, password=MARKS["password"], database=database)
    run_as_admin(server, f"drop database if exists {database} with (force)")
    with psycopg.connect(render_url(server.url.set(database="dagster")), autocommit=True) as connection:
        connection.execute(f"reassign owned by {ROLE} to {server.url.username}")
    run_as_admin(server, f"drop role {ROLE}")


def run_watched(environment: dict[str, str], *arguments: str, program=()) -> tuple[int, str]:
    process = start(environment, *arguments, **({"program": program} if program else {}))
    watch = Watch(process.pid)
    watch.start()
    done = finish(process)
    watch.ended.set()
    watch.join()
    assert watch.leaks == set(), "no child has a secret"
    assert marks_in(done.stdout, done.stderr) == set()
    assert "Traceback" not in done.stdout + done.stderr
    return done.returncode, done.stdout + done.stderr


@pytest.mark.long
def test_no_secret_leaves_the_process(server, place, tmp_path, tmp_path_factory, monkeypatch):
    forget_proxies(monkeypatch)
    home, url = place
    films = catalogue([*sound_films(60), film(101, vote_count=-1)])
    echo = {"status_message": f"{MARKS['file']} Bearer {MARKS['file']}", "status_code": 7}
    refused = reply(401, echo, {"X-Echo": MARKS["file"]})
    failing = reply(503, {"status_message": MARKS["file"]}, {"Retry-After": "0", "Server": MARKS["file"]})
    with ReplayServer(films) as replay, ScriptedServer(f"/{MARKS['webhook']}", reply(500, echo)) as receiver:
        replay.token = MARKS["token"]
        environment = command_environment(
            url,
            replay,
            TMDB_ASSETS_HOME=str(home),
            **UNANSWERED,
            RUN_LAUNCHER="celery",
            ALERT_WEBHOOK_URL=receiver.url,
            HTTPS_PROXY=f"http://user:{MARKS['proxy']}@127.0.0.1:{free_port()}",
            HTTP_PROXY=f"http://user:{MARKS['proxy']}@127.0.0.1:{free_port()}",
            NO_PROXY="127.0.0.1",  # so that the receiver of alerts is reached
            REPORTS_DIR=str(home / "reports"),
            EXPORT_DIR=str(home / "export"),
        )
        assert {name for name in SECRET_SETTINGS if not marks_in(environment[name])} == set()
        (home / "export").mkdir()
        said = []
        assert run_watched(environment, "run")[0] == 0
        # From here on the token comes from a file.
        (token := tmp_path_factory.mktemp("secret") / "token").write_text(MARKS["file"])
        del environment["TMDB_TOKEN"]
        environment["TMDB_TOKEN_FILE"], replay.token = str(token), MARKS["file"]
        replay.faults = lambda path, params: refused if path.startswith("/movie/") else None
        assert run_watched(environment, "run", "--refresh")[0] == 1
        replay.faults = lambda path, params: failing if path.startswith("/discover") else None
        said.append(run_watched({**environment, "TMDB_API_URL": replay.url}, "run", "--refresh"))
        # Behind the proxy, which is not there.
        said.append(run_watched({**environment, "TMDB_API_URL": "http://films.invalid/3"}, "run", "--refresh"))
        said += [run_watched({**environment, name: text}, command) for name, text, command in wrong_addresses(url)]
        assert [code for code, _ in said] == [1, 1, 1, 2, 2, 2], said
        many = [["doctor"], ["rejected", "--json"], ["backup", str(tmp_path / "dump")], ["migrate", "--roles"]]
        many += [["psql", "-c", "select 1"], ["export", str(tmp_path / "files")], ["digest", "--send"]]
        assert run_watched(environment, json.dumps(many), program=(*PYTHON, "-c", MANY_REFUSALS))[0] == 0
        assert len(receiver.bodies) >= 1, "alerts were sent"
        assert marks_in(*receiver.bodies) == set()
        assert all(MARKS["webhook"] in path for path in receiver.paths), "the secret is where it belongs"
    assert (tmp_path / "dump").exists()
    files = [path for folder in (home, tmp_path) for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 10
    assert {path.name: marks for path in files if (marks := marks_in(path.read_bytes()))} == {}
    stored = [*texts_of(server, url.database), *texts_of(server, "dagster"), *restored(server, tmp_path / "dump")]
    assert marks_in(*stored) == set()


def wrong_addresses(url) -> list[tuple[str, str, str]]:
    """Settings with a secret in an address that cannot be used, and a command that says so."""
    return [
        ("WAREHOUSE_URL", render_url(url.set(query={}, host="127.0.0.1", port=free_port())), "doctor"),
        ("WAREHOUSE_URL", f"mysql://{ROLE}:{MARKS['password']}@h/db", "run"),
        ("WAREHOUSE_READ_URL", f"mysql://reader:{MARKS['replica']}@h/db", "viz"),
        ("CELERY_BROKER_URL", f"amqp://:{MARKS['broker']}@h", "doctor"),
    ]


def restored(server, file: Path) -> list[bytes]:
    command = [server.bin_dir / "pg_restore", "--file=-", file]
    return [subprocess.run(command, check=True, capture_output=True).stdout]


def texts_of(server, database: str) -> list[str]:
    """Every row of every table of a database, as text."""
    texts = []
    with psycopg.connect(render_url(server.url.set(database=database))) as connection:
        names = connection.execute(
            "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname = 'public'"
        ).fetchall()
        for (name,) in names:
            texts += [row[0] for row in connection.execute(f"select t::text from {name} as t")]
    assert len(texts) > 10
    return texts


def test_every_secret_setting_has_a_mark():
    assert {*UNANSWERED, "TMDB_TOKEN", "WAREHOUSE_URL", "ALERT_WEBHOOK_URL"} >= SECRET_SETTINGS
    assert [name for name, text in UNANSWERED.items() if not marks_in(text)] == []


def test_marks_are_found_where_they_are():
    token = MARKS["token"]
    assert marks_in(f"x{token}x") == {token}
    login = base64.b64encode(f"user:{MARKS['proxy']}".encode()).decode()
    assert marks_in(f"Authorization: Basic {login}") & ENCODED
    assert marks_in("nothing") == set()
    with subprocess.Popen(["sleep", str(PATIENCE_S)], env={**os.environ, "SOME_TOKEN": token}) as child:
        watch = Watch(os.getpid())
        watch.start()
        deadline = time.monotonic() + PATIENCE_S
        while not watch.leaks and time.monotonic() < deadline:
            watch.ended.wait(0.02)
        child.kill()
        watch.ended.set()
    assert ("sleep", token) in watch.leaks
