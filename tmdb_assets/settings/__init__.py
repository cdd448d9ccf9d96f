"""Settings of a deployment: every environment variable is one field of `Settings`; and the project's folders.

A field's description is also its line in `.env.example`, which `cli/env_file.py` prints. A secret, a field of type
`SecretStr`, can come from a file as well (`files.py`).
"""

from __future__ import annotations

import datetime as dt
import os
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from tmdb_assets.errors.problem import Problem
from tmdb_assets.language import Language, mark
from tmdb_assets.settings.files import SUFFIX, SecretFiles, SettingsError, kinds, require_readable
from tmdb_assets.settings.folders import (
    DATA_DIR,
    HOME_VARIABLE,
    PROJECT_ROOT,
    SHIPPED_DATA_DIR,
    SHIPPED_DIR,
    SQL_DIR,
    expand,
    find_folders,
)
from tmdb_assets.settings.forms import FolderPath, HttpUrl, iso_date, postgres_url, redis_url, secret_http_url
from tmdb_assets.settings.thresholds import Thresholds
from tmdb_assets.transforms.appended import CREW_JOBS, PARTS, Wanted

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo
    from sqlalchemy.engine import URL

__all__ = [
    "DATA_DIR",
    "HOME_VARIABLE",
    "PROJECT_ROOT",
    "SHIPPED_DATA_DIR",
    "SHIPPED_DIR",
    "SQL_DIR",
    "HttpUrl",
    "Settings",
    "SettingsError",
    "find_folders",
    "get_settings",
]

# TMDb's terms require this sentence wherever its data are shown:
# https://www.themoviedb.org/documentation/api/terms-of-use
ATTRIBUTION = "This product uses the TMDB API but is not endorsed or certified by TMDB."
SAMPLE_LINE = mark("Sample figures: the sandbox answers, not TMDb. Set TMDB_TOKEN for real ones.")

DEFAULT_API_URL = "https://api.themoviedb.org/3"
DEFAULT_EXPORT_URL = "https://files.tmdb.org/p/exports"
UI_HOST = r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?"
EIGHT_OR_MORE = "8 characters or more (docker compose: letters, digits, - and _)"


PART = f"({'|'.join(PARTS)})"
Switch = Literal["on", "off"]


class Settings(Thresholds):
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
    tmdb_first_day: Annotated[dt.date, BeforeValidator(iso_date)] = Field(
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
    warehouse_url: Annotated[SecretStr | None, AfterValidator(postgres_url)] = Field(
        None,
        description="postgresql://user:password@host:5432/database, with @ : / in a password as %40 %3A %2F; "
        "unset: embedded under data/postgres",
    )
    warehouse_read_url: Annotated[SecretStr | None, AfterValidator(postgres_url)] = Field(
        None, description="a replica that the app and exports by hand read, as WAREHOUSE_URL; unset: WAREHOUSE_URL"
    )
    warehouse_loader_password: SecretStr | None = Field(
        None, min_length=8, description=f"password of the role tmdb_loader, {EIGHT_OR_MORE}"
    )
    warehouse_reader_password: SecretStr | None = Field(
        None, min_length=8, description=f"password of the role tmdb_reader, {EIGHT_OR_MORE}"
    )
    forecast: Switch = Field("on", description="whether popularity is forecast, for 7 days: on or off")
    similar: Switch = Field("on", description="whether films similar to each film are found: on or off")
    reports_dir: FolderPath | None = Field(
        None, description="folder of the dashboard's page and the pages of quality, no URL; unset: data/reports"
    )
    report_language: Language = Field(
        "en", description="language of the pages, pictures, digest and app, whose readers can change it: en or fr"
    )
    export_dir: FolderPath | None = Field(
        None, description="folder of the Parquet files that runs export, no URL; unset: none"
    )
    ui_allowed_hosts: str = Field(
        "",
        pattern=rf"^({UI_HOST}(\s*,\s*{UI_HOST})*)?$",
        description="hosts of the pages besides this machine's, as browsers show them: films.example.com,server:3000",
    )
    alert_webhook_url: Annotated[SecretStr | None, AfterValidator(secret_http_url)] = Field(
        None, description="receiver of alerts: an http(s) URL that accepts Slack's JSON; unset: only the log"
    )
    digest: Literal["off", "daily", "weekly"] = Field(
        "off", description="how often the week in ten lines is sent: off, daily or weekly (Mondays)"
    )
    digest_webhook_url: Annotated[SecretStr | None, AfterValidator(secret_http_url)] = Field(
        None, description="receiver of the digest, as ALERT_WEBHOOK_URL; unset: ALERT_WEBHOOK_URL"
    )
    reports_url: HttpUrl | None = Field(
        None, description="where a web server serves REPORTS_DIR, for the digest's picture: an http(s) URL; unset: none"
    )
    run_launcher: Literal["code-server", "celery", "kubernetes"] = Field(
        "code-server", description="where runs execute: code-server, celery or kubernetes (docs/scaling.md)"
    )
    max_concurrent_runs: int | None = Field(
        None, ge=1, le=1000, description="runs at once: a whole number from 1 to 1000; unset: as dagster.yaml says"
    )
    run_start_timeout_s: int | None = Field(
        None, ge=30, le=86400, description="seconds a run may take to start: 30 to 86400; unset: as dagster.yaml says"
    )
    celery_broker_url: Annotated[SecretStr | None, AfterValidator(redis_url)] = Field(
        None, description="the Redis of the launcher celery: redis://:password@host:6379/0, or rediss:// for TLS"
    )
    kubernetes_launcher_file: Path | None = Field(
        None, description="YAML file with the configuration of Dagster's K8sRunLauncher, for the launcher kubernetes"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: Any,
        env_settings: Any,
        dotenv_settings: Any,
        file_secret_settings: Any,  # noqa: ARG003 - named by pydantic; a folder of secrets
    ) -> tuple[Any, ...]:
        """Arguments, then the environment, then `.env`; each of these two with the files that it names."""
        of_environment, of_env_file = (
            SecretFiles(settings_cls, source.env_vars) for source in (env_settings, dotenv_settings)
        )
        return init_settings, env_settings, of_environment, dotenv_settings, of_env_file

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
        return expand(self.reports_dir or DATA_DIR / "reports")

    @property
    def export_folder(self) -> Path | None:
        """The folder to which runs export the tables, if there is one."""
        return None if self.export_dir is None else expand(self.export_dir)

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
        return _parsed(self.warehouse_url)

    @property
    def reading_url(self) -> URL | None:
        """`WAREHOUSE_READ_URL`, or `WAREHOUSE_URL` without one, parsed; None if the embedded server is used."""
        return _parsed(self.warehouse_read_url or self.warehouse_url)

    @classmethod
    def load(cls, **overrides: Any) -> Settings:
        """Read the settings.

        Raises `SettingsError`, which names the variable, its value and what is allowed, or says why `.env` is unusable.
        """
        if (file := cls.model_config.get("env_file")) is not None:
            require_readable(Path(str(file)))
        try:
            return cls(**overrides)
        except ValidationError as error:
            raise SettingsError.of(_first_problem(error, overrides)) from None


def _parsed(url: SecretStr | None) -> URL | None:
    if url is None:
        return None
    from sqlalchemy.engine import make_url

    return make_url(url.get_secret_value())


def _first_problem(error: ValidationError, overrides: dict[str, Any]) -> Problem:
    name = str(error.errors()[0]["loc"][0])
    field = Settings.model_fields[name]
    value = str(overrides.get(name, _given(name)))
    # A number, date or choice, and only if it looks like one: any other value may be or contain a secret.
    is_open = _is_open(field) and re.fullmatch(r"[\w\s.,:+*-]{0,40}", value)
    shown = f"={value!r}" if is_open else ""
    if not shown and name not in overrides and not _given(name) and _given(f"{name}{SUFFIX}"):
        shown = f" in the file of {name.upper()}_FILE"
    return Problem(f"{name.upper()}{shown} is not valid. Expected: {field.description}", setting=name.upper())


def _is_open(field: FieldInfo) -> bool:
    """Whether an error may show the field's value: it is no text, or one of a declared form."""
    is_text = any(kind in (str, SecretStr, Path) for kind in kinds(field.annotation))
    has_form = any(getattr(rule, "pattern", None) for rule in field.metadata)
    return has_form or not is_text


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
