"""The whole platform for tests: the real graph, client and Postgres, over a replay server, on any day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from dagster import DagsterInstance, ExecuteInProcessResult

from tmdb_assets import partitions
from tmdb_assets.assets.day_details import DayDetails
from tmdb_assets.assets.source import TmdbSource
from tmdb_assets.definitions import build_definitions
from tmdb_assets.progress import LogProgress
from tmdb_assets.settings import Settings
from tmdb_assets.warehouse.resource import Warehouse
from tmdb_assets_tests.replay import Catalogue, ReplayServer

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
FETCHING = ("raw_discover", "raw_details", "raw_reference")


class Platform:
    """Runs days against one warehouse; `replay.catalogue` is what TMDb answers."""

    def __init__(self, warehouse: Warehouse, replay: ReplayServer, monkeypatch: pytest.MonkeyPatch, **settings: Any):
        self.warehouse, self.replay, self._monkeypatch = warehouse, replay, monkeypatch
        given = {"tmdb_token": replay.token, "tmdb_api_url": replay.url, "tmdb_rate_limit": 0, **settings}
        self.source = TmdbSource(Settings.load(**given))
        self.instance = DagsterInstance.ephemeral()
        self.definitions = build_definitions(
            warehouse=warehouse, tmdb=self.source, details=DayDetails(), progress=LogProgress()
        )

    def run(
        self,
        day: dt.date,
        *,
        today: dt.date | None = None,
        job: str = "daily",
        refresh: bool = False,
        config: dict[str, Any] | None = None,
    ) -> ExecuteInProcessResult:
        """Run a job for a day, as on `today` (default: that very day)."""
        self._monkeypatch.setattr(partitions, "today", lambda: today or day)
        ops: dict[str, Any] = {step: {"config": {"refresh": True}} for step in FETCHING} if refresh else {}
        return self.definitions.resolve_job_def(job).execute_in_process(
            partition_key=day.isoformat(),
            instance=self.instance,
            run_config={**QUIET, "ops": {**ops, **(config or {})}},
            raise_on_error=False,
        )

    def fetch_day(self, day: dt.date, catalogue: Catalogue) -> ExecuteInProcessResult:
        """Run a day, as on that day, with this catalogue behind the API."""
        self.replay.catalogue = catalogue
        return self.run(day)

    def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query as tuples."""
        with self.warehouse.begin() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query), values)]

    def value(self, query: str, **values: Any) -> Any:
        """The single value of a query."""
        return self.rows(query, **values)[0][0]

    def forget_star(self) -> None:
        """Empty everything that is made from the raw rows."""
        with self.warehouse.begin() as connection:
            connection.exec_driver_sql(
                "truncate fact_movie_daily, movie_latest, load_day, bridge_movie_genre, bridge_movie_company, "
                "bridge_movie_country, bridge_movie_language, dim_movie, dim_genre, dim_company, dim_country, "
                "dim_language"
            )


@contextmanager
def platform(
    warehouse: Warehouse, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, **settings: Any
) -> Iterator[Platform]:
    """A platform over a replay server that answers from `catalogue`."""
    with ReplayServer(catalogue) as replay:
        made = Platform(warehouse, replay, monkeypatch, **settings)
        try:
            yield made
        finally:
            made.source.close()
            made.instance.dispose()


def checks_of(result: ExecuteInProcessResult) -> dict[str, bool]:
    """Every evaluated check of a run as `asset.check` -> passed."""
    return {
        f"{e.asset_key.to_user_string()}.{e.check_name}": e.passed
        for e in (
            x.asset_check_evaluation_data for x in result.all_events if x.event_type_value == "ASSET_CHECK_EVALUATION"
        )
    }


def metadata_of(result: ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    """The metadata values of an asset's materialization in a run."""
    for event in result.all_events:
        if event.is_step_materialization and event.asset_key.to_user_string() == asset:
            materialization = event.step_materialization_data.materialization
            return {name: value.value for name, value in materialization.metadata.items()}
    raise AssertionError(f"{asset} was not materialized")


def failures_of(result: ExecuteInProcessResult) -> list[str]:
    """The messages of failed steps."""
    return [
        data.user_failure_data.description if data.user_failure_data else str(data.error)
        for data in (event.step_failure_data for event in result.all_events if event.is_step_failure)
    ]
