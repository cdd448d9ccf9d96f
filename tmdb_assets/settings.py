"""Settings of a deployment: every environment variable is one field of `Settings`; and the project's folders.

A field's description is also its line in `.env.example`, which `cli/env_file.py` prints.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from functools import cache
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

from dotenv.parser import parse_stream
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from tmdb_assets.errors.problem import ActionableError, Problem
from tmdb_assets.transforms.appended import CREW_JOBS, PARTS, Wanted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo
    from sqlalchemy.engine import URL

HOME_VARIABLE = "TMDB_ASSETS_HOME"


def find_folders(package: Path) -> tuple[Path, Path]:
    """The folder of a release's files (`sql/`, `data/`, `dagster.yaml`), and the one for `.env` and run-time data.

    In a checkout both are the checkout. An installed wheel has the first inside the package (see `pyproject.toml`) and
    uses the current folder for the second, because a database does not belong in site-packages. `TMDB_ASSETS_HOME`
    names another; the command sets it for its child processes.
    """
    shipped = package / "shipped"
    release, home = (shipped, Path.cwd()) if shipped.is_dir() else (package.parent, package.parent)
    return release, _expand(os.environ.get(HOME_VARIABLE) or home)


def _expand(path: str | Path) -> Path:
    """The absolute path; a `~` that stands for no user's home is part of a name, as in a shell."""
    return Path(os.path.expanduser(path)).resolve()  # noqa: PTH111 - which raises there


# Fixed at import, unlike the settings: the command changes the current folder before it reads anything.
SHIPPED_DIR, PROJECT_ROOT = find_folders(Path(__file__).resolve().parent)
SHIPPED_DATA_DIR, DATA_DIR = SHIPPED_DIR / "data", PROJECT_ROOT / "data"
SQL_DIR = SHIPPED_DIR / "sql"

# TMDb's terms require this sentence wherever its data are shown:
# https://www.themoviedb.org/documentation/api/terms-of-use
ATTRIBUTION = "This product uses the TMDB API but is not endorsed or certified by TMDB."
SAMPLE_LINE = "Sample figures: the sandbox answers, not TMDb. Set TMDB_TOKEN for real ones."

DEFAULT_API_URL = "https://api.themoviedb.org/3"
DEFAULT_EXPORT_URL = "https://files.tmdb.org/p/exports"
UI_HOST = r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?"
EIGHT_OR_MORE = "8 characters or more (docker compose: letters, digits, - and _)"


class SettingsError(ActionableError):
    """An environment variable has a value that cannot be used."""


def _http_url(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#]+[^\s?#]*", value):
        raise ValueError("not an http(s) URL")
    return value.rstrip("/")


def _secret_http_url(value: SecretStr | None) -> SecretStr | None:
    if value is not None and not re.fullmatch(r"https?://[^\s/?#]+\S*", value.get_secret_value()):
        raise ValueError("not an http(s) URL")
    return value


def _postgres_url(value: SecretStr | None) -> SecretStr | None:
    if value is None:
        return None
    from sqlalchemy.engine import make_url  # 0.3 s, only needed here
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(value.get_secret_value())
    except ArgumentError:
        raise ValueError("not a URL") from None
    if url.get_backend_name() not in {"postgresql", "postgres"} or not url.database:
        raise ValueError("not a Postgres URL with a database")
    if "@" in (url.host or "") or "%00" in value.get_secret_value():
        raise ValueError("not a Postgres URL: an @ that is not written as %40, or a NUL character")
    return value


def _iso_date(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        raise ValueError("not a date")  # pydantic reads a bare number as seconds since 1970
    return value


PART = f"({'|'.join(PARTS)})"
Switch = Literal["on", "off"]
HttpUrl = Annotated[str, AfterValidator(_http_url)]


class Settings(BaseSettings):
    """The settings, read from the environment and from `.env` in the project folder; an empty variable is unset."""

    model_config = SettingsConfigDict(
        env_file=PROJECT_ROOT / ".env", env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    tmdb_token: SecretStr | None = Field(None, description="TMDb v4 read access token; unset: the sandbox answers")
    tmdb_api_url: HttpUrl = Field(DEFAULT_API_URL, description="the API: an http(s) URL")
    tmdb_export_url: HttpUrl | None = Field(
        None,
        description=f"the daily id exports: an http(s) URL; unset: {DEFAULT_EXPORT_URL}, or TMDB_API_URL's host",
    )
    tmdb_pages: Annotated[int, Field(ge=1, le=500)] | Literal["all"] = Field(
        100, description="discover pages a day, 20 films each: a whole number from 1 to 500, or all"
    )
    tmdb_language: str = Field(
        "en-US", pattern=r"^[a-z]{2}(-[A-Z]{2})?$", description="language of titles: such as en-US or fr"
    )
    tmdb_first_day: Annotated[dt.date, BeforeValidator(_iso_date)] = Field(
        dt.date(2025, 8, 11), description="first daily partition: a date, YYYY-MM-DD"
    )
    tmdb_rate_limit: float = Field(
        40, ge=0, le=1000, description="requests a second at most: a number from 0 (no limit) to 1000"
    )
    tmdb_details_max_age_days: int = Field(
        30, ge=2, le=3650, description="days after which details are requested again: a whole number from 2 to 3650"
    )
    tmdb_append: str = Field(
        ",".join(PARTS),
        pattern=rf"(?i)^\s*(off|{PART}(\s*,\s*{PART})*)\s*$",
        description=f"what details are requested with: any of {','.join(PARTS)}, or off",
    )
    tmdb_cast_limit: int = Field(
        20, ge=0, le=10_000, description="members of a film's cast that are stored: a whole number from 0 to 10000"
    )
    tmdb_crew_jobs: str = Field(
        ",".join(CREW_JOBS), pattern=r"[^\s,]", description="jobs of the crew that are stored, by TMDb's names, or all"
    )
    movie_history_days: int | None = Field(None, ge=180, description="days of history kept: 180 or more; unset: all")
    warehouse_url: Annotated[SecretStr | None, AfterValidator(_postgres_url)] = Field(
        None,
        description="postgresql://user:password@host:5432/database, with @ : / in a password as %40 %3A %2F; "
        "unset: embedded under data/postgres",
    )
    warehouse_loader_password: SecretStr | None = Field(
        None, min_length=8, description=f"password of the role tmdb_loader, {EIGHT_OR_MORE}"
    )
    warehouse_reader_password: SecretStr | None = Field(
        None, min_length=8, description=f"password of the role tmdb_reader, {EIGHT_OR_MORE}"
    )
    forecast: Switch = Field("on", description="whether popularity is forecast, for 7 days: on or off")
    similar: Switch = Field("on", description="whether films similar to each film are found: on or off")
    reports_dir: Path | None = Field(None, description="folder of the dashboard's page; unset: data/reports")
    export_dir: Path | None = Field(None, description="folder of the Parquet files that runs export; unset: none")
    ui_allowed_hosts: str = Field(
        "",
        pattern=rf"^({UI_HOST}(\s*,\s*{UI_HOST})*)?$",
        description="hosts of the pages besides this machine's, as browsers show them: films.example.com,server:3000",
    )
    alert_webhook_url: Annotated[SecretStr | None, AfterValidator(_secret_http_url)] = Field(
        None, description="receiver of alerts: an http(s) URL that accepts Slack's JSON; unset: only the log"
    )

    @property
    def wanted(self) -> Wanted:
        """What is requested with details, and how much of it is stored."""
        parts = tuple(part for part in PARTS if part in re.split(r"[\s,]+", self.tmdb_append.lower()))
        jobs = frozenset(filter(None, (job.strip().casefold() for job in self.tmdb_crew_jobs.split(","))))
        return Wanted(parts, self.tmdb_cast_limit, None if jobs == {"all"} else jobs)

    @property
    def left_out(self) -> frozenset[str]:
        """The tables that are switched off: no asset fills them."""
        switches = {"forecast_movie_daily": self.forecast, "movie_similar": self.similar}
        return frozenset(name for name, switch in switches.items() if switch == "off")

    @property
    def is_sandbox(self) -> bool:
        """Whether the built-in sandbox answers instead of TMDb (no token is set)."""
        return self.tmdb_token is None

    @property
    def export_url(self) -> str:
        """The address of the daily id exports; another host of the API has to serve them too, under /p/exports."""
        if self.tmdb_export_url is not None:
            return self.tmdb_export_url
        if self.tmdb_api_url == DEFAULT_API_URL:
            return DEFAULT_EXPORT_URL
        api = urlsplit(self.tmdb_api_url)
        return f"{api.scheme}://{api.netloc}/p/exports"

    @property
    def reports_folder(self) -> Path:
        """The folder in which runs write the dashboard."""
        return _expand(self.reports_dir or DATA_DIR / "reports")

    @property
    def export_folder(self) -> Path | None:
        """The folder to which runs export the tables, if there is one."""
        return None if self.export_dir is None else _expand(self.export_dir)

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """The hosts under which browsers reach the pages, besides localhost and the addresses of this machine."""
        return frozenset(filter(None, re.split(r"[\s,]+", self.ui_allowed_hosts)))

    @property
    def source(self) -> str:
        """Where the figures come from, as shown on every page."""
        return SAMPLE_LINE if self.is_sandbox else "TMDb"

    @property
    def external_url(self) -> URL | None:
        """`WAREHOUSE_URL`, parsed, or None if the embedded server is used."""
        if self.warehouse_url is None:
            return None
        from sqlalchemy.engine import make_url

        return make_url(self.warehouse_url.get_secret_value())

    @classmethod
    def load(cls, **overrides: Any) -> Settings:
        """Read the settings.

        Raises `SettingsError`, which names the variable, its value and what is allowed, or says why `.env` is unusable.
        """
        if (file := cls.model_config.get("env_file")) is not None:
            _require_readable(Path(str(file)))
        try:
            return cls(**overrides)
        except ValidationError as error:
            raise SettingsError.of(_first_problem(error, overrides)) from None


def _require_readable(path: Path) -> None:
    """Raise `SettingsError` for an `.env` that is there and is not text in UTF-8."""
    try:
        text = (content := path.read_bytes()).decode("utf-8-sig")
        bad = next((each.original for each in parse_stream(StringIO(text)) if each.error), None)
        fault = bad and f"has no NAME=value in line {bad.line + bad.string[: -len(bad.string.lstrip())].count(chr(10))}"
        fault = "has a NUL byte" if "\0" in text else fault
    except (FileNotFoundError, NotADirectoryError):
        fault = "is a link to a file that does not exist" if path.is_symlink() else None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        fault = f"is not UTF-8 (line {line})"
    except OSError as error:
        fault = f"cannot be read ({error.strerror})"
    if fault is not None:
        raise SettingsError(f"{path} {fault}", action="Make it a text file in UTF-8 of lines NAME=value, or remove it")


def _first_problem(error: ValidationError, overrides: dict[str, Any]) -> Problem:
    name = str(error.errors()[0]["loc"][0])
    field = Settings.model_fields[name]
    value = str(overrides.get(name, _given(name)))
    # A number, date or choice, and only if it looks like one: any other value may be or contain a secret.
    is_open = _is_open(field) and re.fullmatch(r"[\w\s.,:+*-]{0,40}", value)
    shown = f"={value!r}" if is_open else ""
    return Problem(f"{name.upper()}{shown} is not valid. Expected: {field.description}", setting=name.upper())


def _is_open(field: FieldInfo) -> bool:
    """Whether an error may show the field's value: it is no text, or one of a declared form."""
    is_text = any(kind in (str, SecretStr, Path) for kind in _kinds(field.annotation))
    has_form = any(getattr(rule, "pattern", None) for rule in field.metadata)
    return has_form or not is_text


def _kinds(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in get_args(annotation):
        yield from _kinds(part)


def _given(name: str) -> str | None:
    """The value in the environment, else in .env; names in upper or lower case, as pydantic reads them."""
    from dotenv import dotenv_values

    path = PROJECT_ROOT / ".env"
    given = [*os.environ.items(), *(dotenv_values(path).items() if path.exists() else ())]
    return next((value for key, value in given if key.lower() == name), None)


@cache
def get_settings() -> Settings:
    """The settings of this process."""
    return Settings.load()
