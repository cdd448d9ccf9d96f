"""Every environment variable: its default, valid values, and the error for an invalid one."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tmdb_assets import settings as settings_module
from tmdb_assets.cli.env_file import COMPOSE_VARIABLES, env_example
from tmdb_assets.settings import PROJECT_ROOT, Settings, SettingsError
from tmdb_assets.settings.thresholds import Thresholds

SECRET = "hush-hush"
URLS_WITH_SECRETS = [
    f"ftp://user:{SECRET}@h/3",
    f"http:/user:{SECRET}@h/3",
    f"user:{SECRET}@h",
    f"http://h/3?api_key={SECRET}",
    f"http://u:a/{SECRET} @h",
    SECRET,
]
WAREHOUSES_WITH_SECRETS = [
    SECRET,
    f"mysql://u:{SECRET}@h/db",
    f"postgresql://u:{SECRET}@h:port/db",
    f"postgresql://u:{SECRET}@h",
    f"postgresql:/u:{SECRET}@h/db",
    f"postgresql://u:{SECRET}%00@h/db",
    f"postgresql://h/db?password={SECRET}%00",
    f"postgresql://u:p@{SECRET}@h/db",
    f"ftp://u:{SECRET}@h/db",
]


@dataclass(frozen=True)
class Case:
    """A variable: its default, valid values (text -> as read), invalid ones, and what its message says is allowed."""

    default: Any
    valid: dict[str, Any]
    invalid: list[str] = field(default_factory=list)
    allowed: str = ""
    shows_value: bool = True


CASES = {
    "TMDB_TOKEN": Case(None, {SECRET: SecretStr(SECRET)}, shows_value=False),
    "TMDB_API_URL": Case(
        "https://api.themoviedb.org/3",
        {"http://127.0.0.1:8080/3/": "http://127.0.0.1:8080/3", "https://mirror.example": "https://mirror.example"},
        ["api.themoviedb.org", "ftp://api.example/3", "http://", "/3", *URLS_WITH_SECRETS],
        "an http(s) URL",
        shows_value=False,
    ),
    "TMDB_EXPORT_URL": Case(
        None,
        {"http://127.0.0.1:8080/p/exports/": "http://127.0.0.1:8080/p/exports"},
        ["files.tmdb.org/p/exports", "ftp://files.example", "http://a b/", *URLS_WITH_SECRETS],
        "an http(s) URL",
        shows_value=False,
    ),
    "TMDB_PAGES": Case(
        100,
        {"1": 1, "500": 500, " 7 ": 7, "all": "all"},
        ["0", "501", "-1", "1.5", "many", "1e2", "ALL"],
        "a whole number from 1 to 500, or all",
    ),
    "TMDB_LANGUAGE": Case(
        "en-US",
        {"fr": "fr", "pt-BR": "pt-BR"},
        ["english", "en-us", "EN", "en_US", "en-US\n", "e"],
        "such as en-US or fr",
    ),
    "TMDB_FIRST_DAY": Case(
        dt.date(2025, 8, 11),
        {"2024-02-29": dt.date(2024, 2, 29), "2025-01-01": dt.date(2025, 1, 1)},
        ["yesterday", "2025-02-29", "11.08.2025", "20250811", "2025-08-11T12:00:00", "0", "1754870400"],
        "a date, YYYY-MM-DD",
    ),
    "TMDB_RATE_LIMIT": Case(
        40.0,
        {"0": 0.0, "0.5": 0.5, "1000": 1000.0},
        ["-1", "1000.5", "nan", "inf", "fast"],
        "a number from 0 (no limit) to 1000",
    ),
    "TMDB_DETAILS_MAX_AGE_DAYS": Case(
        30,
        {"2": 2, "3650": 3650},
        ["1", "0", "-1", "3651", "2.5", "a month"],
        "a whole number from 2 to 3650",
    ),
    "TMDB_APPEND": Case(
        "credits,keywords,release_dates",
        {" OFF": " OFF", "keywords": "keywords", "Credits , keywords": "Credits , keywords"},
        ["videos", "credits,", "credits keywords", "all", "off,credits"],
        "any of credits,keywords,release_dates, or off",
    ),
    "TMDB_CAST_LIMIT": Case(20, {"0": 0, "10000": 10_000}, ["-1", "10001", "1.5", "all"], "a whole number from 0"),
    "TMDB_CREW_JOBS": Case(
        "Director,Co-Director,Writer,Co-Writer,Author,Screenplay,Teleplay,Story,Screenstory,Adaptation,Producer,"
        "Executive Producer,Director of Photography,Editor,Original Music Composer,Music",
        {"all": "all", "Director, Stunts": "Director, Stunts"},
        [",", " , "],
        "jobs of the crew that are stored",
    ),
    "MOVIE_HISTORY_DAYS": Case(None, {"180": 180, "400": 400}, ["179", "0", "-1", "all", "1.5"], "180 or more"),
    "WAREHOUSE_URL": Case(
        None,
        {
            url: SecretStr(url)
            for url in ("postgresql://u:hush@h:5432/db", "postgres://h/db", "postgresql+psycopg://h/db")
        },
        [
            SECRET,
            f"mysql://u:{SECRET}@h/db",
            f"postgresql://u:{SECRET}@h:port/db",
            f"postgresql://u:{SECRET}@h",
            *WAREHOUSES_WITH_SECRETS,
        ],
        "postgresql://user:password@host:5432/database",
        shows_value=False,
    ),
    "WAREHOUSE_LOADER_PASSWORD": Case(
        None, {SECRET: SecretStr(SECRET)}, ["seven77"], "8 characters or more", shows_value=False
    ),
    "WAREHOUSE_READER_PASSWORD": Case(
        None, {SECRET: SecretStr(SECRET)}, ["seven77"], "8 characters or more", shows_value=False
    ),
    **dict.fromkeys(("FORECAST", "SIMILAR"), Case("on", {"off": "off"}, ["yes", "ON", "1", "true"], "on or off")),
    "REPORTS_DIR": Case(None, {"/srv/pages": Path("/srv/pages")}, [], "folder of the dashboard's page"),
    "EXPORT_DIR": Case(None, {"/srv/films": Path("/srv/films")}, [], "folder of the Parquet files"),
    "UI_ALLOWED_HOSTS": Case(
        "",
        {"films.example.com, server:3000": "films.example.com, server:3000", "[fe80::1]:3000": "[fe80::1]:3000"},
        ["*", "a b", "server:"],
        "as browsers show them: films.example.com,server:3000",
    ),
    "ALERT_WEBHOOK_URL": Case(
        None,
        {f"https://hooks.example/{SECRET}?a=b": SecretStr(f"https://hooks.example/{SECRET}?a=b")},
        [f"ftp://hooks.example/{SECRET}", *URLS_WITH_SECRETS[:3]],
        "an http(s) URL that accepts Slack's JSON",
        shows_value=False,
    ),
    **{
        name.upper(): Case(threshold.default, {"1": 1.0}, ["-0.1", "1001", "nan", "few"], "to 1")
        for name, threshold in Thresholds.model_fields.items()
    },
}
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
        ("link", "is a link to a file that does not exist"),
    ],
)
def test_an_env_file_that_cannot_be_read_is_named_in_one_line(content, fault, tmp_path, monkeypatch):
    path = tmp_path / ".env"
    if content is None:
        path.mkdir()
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
