"""`make env`: a .env with random passwords, readable only by its owner; values that are set are kept."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from dotenv import dotenv_values

from tmdb_assets.cli import env_file
from tmdb_assets.cli.env_file import COMPOSE_VARIABLES, PASSWORDS, fill, write_env
from tmdb_assets.settings import PROJECT_ROOT, Settings
from tmdb_assets_tests.stage.waiting import PATIENCE_S

EXAMPLE = (PROJECT_ROOT / ".env.example").read_text(encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with only what `make env` needs."""
    (tmp_path / "tmdb_assets" / "cli").mkdir(parents=True)
    for name in (
        "Makefile",
        ".env.example",
        "tmdb_assets/__init__.py",
        "tmdb_assets/cli/__init__.py",
        "tmdb_assets/cli/env_file.py",
    ):
        shutil.copy(PROJECT_ROOT / name, tmp_path / name)
    return tmp_path


def make_env(project: Path) -> subprocess.CompletedProcess[str]:
    command = ["make", "env", f"PYTHON={sys.executable} -S"]  # without one package installed
    # `make test` passes its level on, and an inner make would print the folders that it enters.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


def given(text: str) -> dict[str, str]:
    return dict(re.findall(r"^(\w+)=(.*)$", text, flags=re.MULTILINE))


def test_make_env_writes_passwords_once_for_the_owner_only(project: Path, monkeypatch) -> None:
    done = make_env(project)
    path = project / ".env"
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"Wrote {path} with random passwords, readable only by you.\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    written = path.read_text()
    assert given(written).keys() == set(PASSWORDS)
    assert re.sub(r"^(\w+)=.*$", r"# \1=", written, flags=re.MULTILINE) == EXAMPLE
    monkeypatch.setitem(Settings.model_config, "env_file", path)
    assert Settings.load().warehouse_reader_password.get_secret_value() == given(written)["WAREHOUSE_READER_PASSWORD"]

    again = make_env(project)
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout == f"{path} has all passwords and was not changed.\n"
    assert path.read_text() == written
    assert {one.name for one in project.glob(".env*")} == {".env", ".env.example"}


def test_passwords_are_long_differ_and_need_no_quoting() -> None:
    made = [given(fill(EXAMPLE)[0]) for _ in range(2)]
    values = {value for each in made for value in each.values()}
    assert len(values) == 2 * len(PASSWORDS)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{32}", value) for value in values)


def test_an_existing_file_keeps_its_values_and_gets_the_missing_ones(project: Path) -> None:
    path = project / ".env"
    path.write_text("TMDB_TOKEN=mine\nPOSTGRES_PASSWORD=\nPGADMIN_PASSWORD=mine\n# WAREHOUSE_READER_PASSWORD=")
    path.chmod(0o644)
    line = write_env(project)
    names = "WAREHOUSE_LOADER_PASSWORD, WAREHOUSE_READER_PASSWORD, POSTGRES_PASSWORD, REDIS_PASSWORD"
    assert line == f"Added random passwords to {path}, now readable only by you: {names}."
    found = given(path.read_text())
    assert list(found) == [
        "TMDB_TOKEN",
        "POSTGRES_PASSWORD",
        "PGADMIN_PASSWORD",
        "WAREHOUSE_READER_PASSWORD",
        "WAREHOUSE_LOADER_PASSWORD",
        "REDIS_PASSWORD",
    ]
    assert (found["TMDB_TOKEN"], found["PGADMIN_PASSWORD"]) == ("mine", "mine")
    assert len({found[name] for name in PASSWORDS if name != "PGADMIN_PASSWORD"}) == 4
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("line", "is_given"),
    [
        ("export {}=mine", True),
        ("  export  {} = 'mine'", True),
        ("{} = mine", True),
        ('{}="mine" # ours', True),
        ("export {}=", False),
        ("{}=''", False),
        ('{} = ""', False),
        ("{}=  # none yet", False),
        ("# export {}=", False),
        ("#{}=", False),
        ("# {}=mine", False),
        ("OLD_{}=mine", False),
    ],
)
def test_a_value_is_seen_as_dotenv_reads_it(line: str, is_given: bool, tmp_path: Path) -> None:
    lines = [line.format(name) for name in PASSWORDS]
    text, filled = fill("\n".join(lines) + "\n")
    assert filled == ([] if is_given else list(PASSWORDS))
    path = tmp_path / ".env"
    path.write_text(text)
    read = dotenv_values(path)
    assert [name for name in PASSWORDS if (read[name] == "mine") != is_given] == []
    assert all(read[name] for name in PASSWORDS)


def test_a_symbolic_link_is_kept(project: Path) -> None:
    target = project / "secrets"
    target.write_text("TMDB_TOKEN=mine\n")
    (project / ".env").symlink_to(target)
    write_env(project)
    assert (project / ".env").is_symlink()
    assert given(target.read_text()).keys() == {"TMDB_TOKEN", *PASSWORDS}


def test_a_variable_is_declared_once() -> None:
    assert not set(COMPOSE_VARIABLES) & {name.upper() for name in Settings.model_fields}
    assert all(EXAMPLE.count(f"\n# {name}=\n") == 1 for name in PASSWORDS)


@pytest.mark.parametrize(("content", "said"), [(b"# \xe9t\xe9\n", "is not UTF-8"), (None, "cannot be used (Is a")])
def test_an_unreadable_file_is_named_in_one_line(content, said, tmp_path, monkeypatch):
    path = tmp_path / ".env"
    path.write_bytes(content) if content else path.mkdir()
    monkeypatch.setattr(env_file, "CHECKOUT", tmp_path)
    monkeypatch.setattr("sys.argv", ["env_file.py"])
    with pytest.raises(SystemExit) as caught:
        env_file.main()
    assert str(caught.value).startswith(f"{path} {said}")
