"""The forms of values of settings that pydantic does not know."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, SecretStr


def http_url(value: str) -> str:
    """An address without a final slash. Raises `ValueError` for other text."""
    if not re.fullmatch(r"https?://[^\s/?#]+[^\s?#]*", value):
        raise ValueError("not an http(s) URL")
    return value.rstrip("/")


def secret_http_url(value: SecretStr | None) -> SecretStr | None:
    """An address that may hold a secret. Raises `ValueError` for other text."""
    if value is not None and not re.fullmatch(r"https?://[^\s/?#]+\S*", value.get_secret_value()):
        raise ValueError("not an http(s) URL")
    return value


def postgres_url(value: SecretStr | None) -> SecretStr | None:
    """The address of a Postgres database. Raises `ValueError` for other text."""
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


def redis_url(value: SecretStr | None) -> SecretStr | None:
    """The address of a Redis. Raises `ValueError` for other text."""
    if value is not None and not re.fullmatch(r"rediss?://[^\s/?#]+\S*", value.get_secret_value()):
        raise ValueError("not a Redis URL")
    return value


def iso_date(value: object) -> object:
    """A date, or its text as YYYY-MM-DD. Raises `ValueError` for other text."""
    if isinstance(value, str) and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        raise ValueError("not a date")  # pydantic reads a bare number as seconds since 1970
    return value


def folder_path(value: object) -> object:
    """The path of a folder. Raises `ValueError` for a URL, of which a path would make a folder beside the program."""
    if isinstance(value, str) and re.match(r"\w[\w+.-]*://", value):
        raise ValueError("a URL")
    return value


FolderPath = Annotated[Path, BeforeValidator(folder_path)]
HttpUrl = Annotated[str, AfterValidator(http_url)]
