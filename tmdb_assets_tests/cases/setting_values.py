"""Values of every setting: its default, what it takes and how that is read, and what it refuses."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretStr

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
    "WAREHOUSE_READ_URL": Case(
        None,
        {"postgresql://me@replica/films": SecretStr("postgresql://me@replica/films")},
        WAREHOUSES_WITH_SECRETS,
        "a replica that the app and exports by hand read",
        shows_value=False,
    ),
    **dict.fromkeys(
        ("WAREHOUSE_LOADER_PASSWORD", "WAREHOUSE_READER_PASSWORD"),
        Case(None, {SECRET: SecretStr(SECRET)}, ["seven77"], "8 characters or more", shows_value=False),
    ),
    **dict.fromkeys(("FORECAST", "SIMILAR"), Case("on", {"off": "off"}, ["yes", "ON", "1", "true"], "on or off")),
    "REPORTS_DIR": Case(
        None,
        {"/srv/pages": Path("/srv/pages")},
        ["s3://films/pages"],
        "folder of the dashboard's page",
        shows_value=False,
    ),
    "REPORT_LANGUAGE": Case("en", {"fr": "fr"}, ["FR", "de", "fr-FR"], "en or fr"),
    "EXPORT_DIR": Case(
        None,
        {"/srv/films": Path("/srv/films")},
        ["file:///srv/films"],
        "folder of the Parquet files",
        shows_value=False,
    ),
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
    "DIGEST": Case("off", {"daily": "daily", "weekly": "weekly"}, ["on", "Weekly"], "off, daily or weekly"),
    "DIGEST_WEBHOOK_URL": Case(
        None,
        {f"https://hooks.example/{SECRET}": SecretStr(f"https://hooks.example/{SECRET}")},
        [f"ftp://hooks.example/{SECRET}", *URLS_WITH_SECRETS[:3]],
        "receiver of the digest",
        shows_value=False,
    ),
    "REPORTS_URL": Case(
        None,
        {"https://films.example/reports/": "https://films.example/reports"},
        ["films.example", "ftp://films.example/reports", *URLS_WITH_SECRETS],
        "an http(s) URL",
        shows_value=False,
    ),
    "RUN_LAUNCHER": Case(
        "code-server",
        {"celery": "celery", "kubernetes": "kubernetes"},
        ["docker", "Celery"],
        "code-server, celery or kubernetes",
    ),
    "MAX_CONCURRENT_RUNS": Case(None, {"1": 1, "1000": 1000}, ["0", "1001", "two"], "a whole number from 1 to 1000"),
    "RUN_START_TIMEOUT_S": Case(None, {"30": 30, "86400": 86400}, ["29", "86401", "1m"], "30 to 86400"),
    "CELERY_BROKER_URL": Case(
        None,
        {f"rediss://:{SECRET}@queue:6379/0": SecretStr(f"rediss://:{SECRET}@queue:6379/0")},
        [f"amqp://u:{SECRET}@h", SECRET],
        "the Redis of the launcher celery",
        shows_value=False,
    ),
    "KUBERNETES_LAUNCHER_FILE": Case(None, {"/etc/l.yaml": Path("/etc/l.yaml")}, [], "K8sRunLauncher"),
    **{
        name.upper(): Case(threshold.default, {"1": 1.0}, ["-0.1", "1001", "nan", "few"], "to 1")
        for name, threshold in Thresholds.model_fields.items()
    },
}
