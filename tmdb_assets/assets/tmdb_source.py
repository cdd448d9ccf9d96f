"""TMDb as a run sees it: the real API when there is a token, else the sandbox, both through the same client."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import urlsplit

from dagster import MetadataValue

from tmdb_assets import partitions
from tmdb_assets.assets.failures import failure
from tmdb_assets.errors.problem import ActionableError
from tmdb_assets.settings import ATTRIBUTION, Settings, get_settings
from tmdb_assets.tables import appended
from tmdb_assets.tmdb.client import WORKERS, TmdbClient
from tmdb_assets.tmdb.errors import TmdbError, UnauthorizedError, UnreachableError
from tmdb_assets.tmdb.export.download import Watch, fetch_export
from tmdb_assets.tmdb.export.file import ExportFile
from tmdb_assets.tmdb.sandbox.catalogue import SandboxError
from tmdb_assets.tmdb.sandbox.server import Sandbox

Fetched = TypeVar("Fetched")
SANDBOX_WORKERS = 4
"""Requests to the sandbox at once: it answers in this process, where more threads only take longer to start."""


class TmdbSource:
    """Provides the client; without a token, starts the sandbox when first needed, as of `day` (default: today)."""

    def __init__(self, settings: Settings | None = None, day: dt.date | None = None) -> None:
        self.settings = settings or get_settings()
        self._day = day
        self._sandbox: Sandbox | None = None
        self._gave_up: tuple[str, ActionableError] | None = None

    @property
    def is_sandbox(self) -> bool:
        """Whether the figures are sample figures."""
        return self.settings.is_sandbox

    @property
    def provenance(self) -> dict[str, MetadataValue[Any]]:
        """Where figures come from, and the attribution that TMDb's terms require: metadata of what shows them."""
        return {"source": MetadataValue.text(self.settings.source), "attribution": MetadataValue.text(ATTRIBUTION)}

    @staticmethod
    def describe(settings: Settings) -> dict[str, str | float]:
        """What the UI shows of it: the host that answers and what is requested; no address, which may hold a login."""
        return {
            "host": "sandbox" if settings.is_sandbox else urlsplit(settings.tmdb_api_url).hostname or "",
            "pages": str(settings.tmdb_pages),
            "language": settings.tmdb_language,
            "rate_limit": settings.tmdb_rate_limit,
            "details_max_age_days": settings.tmdb_details_max_age_days,
            "parts": ", ".join(_parts(settings)),
        }

    @cached_property
    def client(self) -> TmdbClient:
        """The client, with rate limit and retries."""
        settings, workers = self.settings, WORKERS
        if settings.tmdb_token is None:
            self._sandbox = Sandbox(self._day or partitions.today())
            base_url, token, workers = self._sandbox.start(), self._sandbox.token, SANDBOX_WORKERS
        else:
            base_url, token = settings.tmdb_api_url, settings.tmdb_token.get_secret_value()
        # The sandbox runs in this process: it needs no rate limit, unless one was set.
        is_limited = settings.tmdb_token is not None or "tmdb_rate_limit" in settings.model_fields_set
        rate_limit = settings.tmdb_rate_limit if is_limited else 0
        return TmdbClient(
            base_url,
            token,
            language=settings.tmdb_language,
            append=_parts(settings),
            rate_limit=rate_limit,
            workers=workers,
        )

    def fetch(self, run_id: str, step: Callable[[], Fetched]) -> Fetched:
        """Run a fetching step; its error carries the figures of the requests sent.

        Once a step of a run could not reach TMDb, the run's later steps do not wait for it again: they raise the same
        error. Raises `TmdbError`, `SandboxError`, and `Failure` made from one of them where requests were sent.
        """
        if self._gave_up and self._gave_up[0] == run_id:
            raise self._gave_up[1]
        try:
            return step()
        except (TmdbError, SandboxError) as error:
            if isinstance(error, UnauthorizedError | UnreachableError | SandboxError):
                self._gave_up = (run_id, error)
            if figures := self.take_figures():
                raise failure(error.problem, {"requests": figures}) from error
            raise

    @property
    def export_url(self) -> str:
        """The URL of the folder of daily id exports."""
        if self.is_sandbox:
            self.client  # noqa: B018 - starts the sandbox
            return self._sandbox.export_url if self._sandbox else ""
        return self.settings.export_url

    def export(self, day: dt.date, now: dt.datetime, watch: Watch | None = None) -> ExportFile:
        """Download a day's id export; its requests count with the client's."""
        return fetch_export(self.export_url, day, now=now, stats=self.client.stats, watch=watch)

    def take_figures(self) -> dict[str, Any]:
        """What was sent and received since the last call (`FetchStats.snapshot`); empty without requests."""
        if "client" not in self.__dict__ or not self.client.stats.requests:
            return {}
        figures = self.client.stats.snapshot()
        self.client.stats.restart()
        return figures

    @property
    def requests(self) -> int:
        """Requests sent so far by this source."""
        return self.client.stats.total_requests if "client" in self.__dict__ else 0

    def close(self) -> None:
        """Close the client and stop the sandbox, if they were used."""
        if "client" in self.__dict__:
            self.client.close()
            del self.__dict__["client"]
        if self._sandbox is not None:
            self._sandbox.stop()
            self._sandbox = None


def _parts(settings: Settings) -> tuple[str, ...]:
    """What is requested with details: the parts of `TMDB_APPEND`, and what the own tables need."""
    return tuple(dict.fromkeys((*settings.wanted.parts, *appended())))
