"""Every environment variable: its default, valid values, and the error for an invalid one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tmdb_assets import settings as settings_module
from tmdb_assets.cli.env_file import COMPOSE_VARIABLES, env_example
from tmdb_assets.settings import PROJECT_ROOT, Settings, SettingsError
from tmdb_assets_tests.cases.setting_values import CASES, SECRET

VALID = [(name, text, value) for name, case in CASES.items() for text, value in case.valid.items()]
INVALID = [(name, text) for name, case in CASES.items() for text in case.invalid]


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in CASES:
        monkeypatch.delenv(name, raising=False)


def test_every_variable_is_tested() -> None:
    assert {name.lower() for name in CASES} == set(Settings.model_fields)


@pytest.mark.parametrize("name", CASES)
def test_a_variable_has_its_default_also_if_it_is_empty(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert getattr(Settings.load(), name.lower()) == CASES[name].default
    monkeypatch.setenv(name, "")
    assert getattr(Settings.load(), name.lower()) == CASES[name].default


@pytest.mark.parametrize(("name", "text", "value"), VALID)
def test_a_valid_value_is_read(name: str, text: str, value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, text)
    assert getattr(Settings.load(), name.lower()) == value


@pytest.mark.parametrize(("name", "text"), INVALID)
def test_an_invalid_value_is_reported_in_one_line(name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(SettingsError) as raised:
        Settings.load()
    case, line = CASES[name], str(raised.value)
    shown = f"{name}={text!r}" if case.shows_value else name
    assert line.startswith(f"{shown} is not valid. Expected: ")
    assert case.allowed in line
    assert "\n" not in line
    assert SECRET not in line
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


def test_an_invalid_override_is_reported_like_an_invalid_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMDB_PAGES", "5")
    assert Settings.load(tmdb_pages=7).tmdb_pages == 7
    with pytest.raises(SettingsError, match=r"^TMDB_PAGES='?0'? is not valid. Expected: .*from 1 to 500, or all\.$"):
        Settings.load(tmdb_pages=0)


def test_a_variable_overrides_the_file_and_errors_show_the_files_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(Settings.model_config, "env_file", tmp_path / ".env")
    monkeypatch.setattr(settings_module, "PROJECT_ROOT", tmp_path)
    (tmp_path / ".env").write_text("TMDB_PAGES=3\nTMDB_LANGUAGE=fr\nSOMETHING_ELSE=1\nTMDB_TOKEN=\n")
    monkeypatch.setenv("TMDB_LANGUAGE", "de")
    read = Settings.load()
    assert (read.tmdb_pages, read.tmdb_language, read.tmdb_token) == (3, "de", None)
    (tmp_path / ".env").write_text("TMDB_PAGES=three\n")
    with pytest.raises(SettingsError, match=r"^TMDB_PAGES='three' is not valid"):
        Settings.load()


def test_secrets_do_not_show() -> None:
    read = Settings.load(tmdb_token=SECRET, warehouse_url=f"postgresql://u:{SECRET}@h/db")
    for shown in (repr(read), str(read), read.model_dump_json(), repr(read.external_url)):
        assert SECRET not in shown


def test_settings_do_not_change() -> None:
    read = Settings.load()
    with pytest.raises(Exception, match="frozen"):
        read.tmdb_pages = 5


def test_without_a_token_the_sandbox_answers() -> None:
    assert Settings.load().is_sandbox
    assert not Settings.load(tmdb_token=SECRET).is_sandbox


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, "https://files.tmdb.org/p/exports"),
        ({"tmdb_api_url": "http://127.0.0.1:8080/3"}, "http://127.0.0.1:8080/p/exports"),
        ({"tmdb_export_url": "https://mirror.example/ids/"}, "https://mirror.example/ids"),
        (
            {"tmdb_api_url": "http://127.0.0.1:8080/3", "tmdb_export_url": "https://mirror.example/ids"},
            "https://mirror.example/ids",
        ),
    ],
    ids=["TMDb's own", "on the host of another API", "given", "both given"],
)
def test_the_address_of_the_exports(given: dict[str, str], url: str) -> None:
    assert Settings.load(**given).export_url == url


def test_the_warehouses_url_is_parsed() -> None:
    assert Settings.load().external_url is None
    url = Settings.load(warehouse_url="postgresql://me:p%40ss@db.example:6543/films").external_url
    found = (url.username, url.password, url.host, url.port, url.database)
    assert found == ("me", "p@ss", "db.example", 6543, "films")


def test_env_example_is_fresh() -> None:
    assert (PROJECT_ROOT / ".env.example").read_text(encoding="utf-8") == env_example()


def test_env_example_names_every_variable_and_is_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commented = [line for line in env_example().splitlines() if line.startswith("# ") and "=" in line]
    assert [line.removeprefix("# ").split("=")[0] for line in commented] == [*CASES, *COMPOSE_VARIABLES]
    (path := tmp_path / ".env").write_text("\n".join(line.removeprefix("# ") for line in commented))
    monkeypatch.setitem(Settings.model_config, "env_file", path)
    assert Settings.load() == Settings.load(**{name.lower(): case.default for name, case in CASES.items()})


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("TMDB_PAGES=7\n# été\n".encode("latin-1"), "is not UTF-8 (line 2)"),
        ("TMDB_PAGES=7\n".encode("utf-16"), "is not UTF-8 (line 1)"),
        (b"TMDB_PAGES=7\0\n", "has a NUL byte"),
        (b"TMDB_PAGES=7\n\nTMDB_TOKEN='hush\n", "has no NAME=value in line 3"),
        (None, "cannot be read (Is a directory)"),
        ("pipe", "cannot be read (it is a pipe)"),
        ("link", "is a link to a file that does not exist"),
    ],
)
def test_an_env_file_that_cannot_be_read_is_named_in_one_line(content, fault, tmp_path, monkeypatch):
    path = tmp_path / ".env"
    if content is None:
        path.mkdir()
    elif content == "pipe":
        os.mkfifo(path)
    elif content == "link":
        path.symlink_to(tmp_path / "gone")
    else:
        path.write_bytes(content)
    monkeypatch.setitem(Settings.model_config, "env_file", path)
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    assert str(caught.value).startswith(f"{path} {fault}. Make it a text file in UTF-8")
    assert "\n" not in str(caught.value)


def test_an_env_file_with_a_byte_order_mark_is_read(tmp_path, monkeypatch):
    (path := tmp_path / ".env").write_text("\ufeffTMDB_PAGES=7\nTMDB_LANGUAGE=fr\n", encoding="utf-8")
    monkeypatch.setitem(Settings.model_config, "env_file", path)
    assert ((settings := Settings.load()).tmdb_pages, settings.tmdb_language) == (7, "fr")
