"""The whole platform for tests: the real graph, client and Postgres, on any day, with a replay server."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest import mock

import pytest
from dagster import AssetKey, Definitions, ExecuteInProcessResult, ResourceDefinition

from tmdb_assets import definitions, partitions
from tmdb_assets.assets import history
from tmdb_assets.assets.day_details import DayDetails
from tmdb_assets.assets.declare import REPORTS_GROUP
from tmdb_assets.assets.tmdb_source import TmdbSource
from tmdb_assets.definitions import build_definitions
from tmdb_assets.fetch.progress import LogProgress
from tmdb_assets.settings import Settings
from tmdb_assets.tmdb.client import TmdbClient
from tmdb_assets.tmdb.export.download import fetch_export
from tmdb_assets.transforms.appended import PARTS
from tmdb_assets.transforms.details import DETAIL_TABLES
from tmdb_assets.warehouse.schema.views import VIEWS
from tmdb_assets.warehouse.server.open import Server
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.fakes.replay import ReplayServer
from tmdb_assets_tests.fakes.replay_catalogue import Catalogue
from tmdb_assets_tests.oracle.compare import Tables, copied_warehouse
from tmdb_assets_tests.stage.memory_instance import memory_instance

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
LEFT_OUT = {REPORTS_GROUP, "derived", "quality"}
FETCHING = ("raw_discover", "raw_details", "raw_reference", "raw_export")
_running = threading.local()  # its `resources` are those of the platform that runs in this thread


@cache
def shared_definitions() -> Definitions:
    """The definitions of all platforms, whose runs bring their resources: building them takes a tenth of a run."""

    def of_the_running(name: str, _settings: Settings) -> ResourceDefinition:
        return ResourceDefinition(lambda _context: _running.resources[name])

    names = ("warehouse", "tmdb", "details", "progress")
    with mock.patch.object(definitions, "_named", of_the_running):
        return build_definitions(**{name: name for name in names})


def people() -> set[str]:
    """The tables that are made of appended parts alone, and the views of them: a quarter of a day's steps."""
    tables = {name for name, made in DETAIL_TABLES.items() if made.fields and {*made.fields} - {"id"} <= PARTS.keys()}
    return tables | {view.name for view in VIEWS if tables & {*view.made_of}}


class Graph(Tables):
    """Runs days against one warehouse, with the client of `source`."""

    def __init__(self, warehouse: Warehouse, source: TmdbSource, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(warehouse)
        self.source, self._monkeypatch = source, monkeypatch
        self.instance = memory_instance()
        self._resources = {
            "warehouse": warehouse,
            "tmdb": self.source,
            "details": DayDetails(),
            "progress": LogProgress(),
        }
        self._own: Definitions | None = None

    @property
    def definitions(self) -> Definitions:
        """The definitions that all platforms share: what this thread runs next has the resources of this one."""
        _running.resources = self._resources
        return self._own or shared_definitions()

    @definitions.setter
    def definitions(self, made: Definitions) -> None:
        self._own = made

    def run(
        self,
        day: dt.date,
        *,
        today: dt.date | Callable[[], dt.date] | None = None,
        job: str = "daily",
        refresh: bool = False,
        config: dict[str, Any] | None = None,
        only: Collection[str] | None = None,
        charts: bool = True,
    ) -> ExecuteInProcessResult:
        """Run a job for a day, as on `today` (default: the same day; a function is a clock).

        `only` names the assets to run; `charts=False` leaves out `LEFT_OUT`, such as the reports, which take a second.
        """
        self._monkeypatch.setattr(partitions, "today", today if callable(today) else lambda: today or day)
        if partitions.now().date() != partitions.today():
            self._monkeypatch.setattr(partitions, "now", at_this_time_of_today)
        ops: dict[str, Any] = {step: {"config": {"refresh": True}} for step in FETCHING} if refresh else {}
        if only is None and not charts and job == "daily":
            only = self.assets_without_charts()
        return self.definitions.resolve_job_def(job).execute_in_process(
            partition_key=day.isoformat(),
            instance=self.instance,
            run_config={**QUIET, "ops": {**ops, **(config or {})}},
            asset_selection=None if only is None else [AssetKey(name) for name in sorted(only)],
            raise_on_error=False,
        )

    def load_history_day_by_day(self) -> None:
        """From now on a load into an empty history takes only its own day, like every other load.

        Otherwise the first of several days takes the stored answers of all, and their order can make no difference.
        """
        self._monkeypatch.setattr(history, "days_to_load", lambda _connection, day: [day])

    def assets_without_charts(self) -> list[str]:
        """The names of all assets but those of `LEFT_OUT`, and people where no catalogue had any."""
        specs = self.definitions.resolve_all_asset_specs()
        names = {spec.key.to_user_string() for spec in specs if spec.group_name not in LEFT_OUT}
        return sorted(names if self.has_people() else names - people())

    def has_people(self) -> bool:
        """Whether a day brings people."""
        return True

    def close(self) -> None:
        """Close the source and the instance."""
        self.source.close()
        self.instance.dispose()


class Platform(Graph):
    """With the real client too; `replay.catalogue` is what TMDb answers."""

    def __init__(
        self,
        warehouse: Warehouse,
        replay: ReplayServer,
        monkeypatch: pytest.MonkeyPatch,
        *,
        retry_seconds: float | None = None,
        **settings: Any,
    ) -> None:
        self.replay, self.loads_people = replay, False
        # Most catalogues were recorded without parts, and none must come; those that have them are loaded with them.
        fixed = {"tmdb_token": replay.token, "tmdb_api_url": replay.url, "tmdb_rate_limit": 0, "tmdb_append": "off"}
        given = {**fixed, **settings}
        source = TmdbSource(Settings.load(**given))
        if retry_seconds is not None:  # the real client with shorter retries
            source.client = TmdbClient(
                given["tmdb_api_url"], given["tmdb_token"], rate_limit=0, retry_seconds=retry_seconds
            )
            source.export = lambda day, now, _watch: fetch_export(  # type: ignore[method-assign]
                source.export_url, day, now=now, stats=source.client.stats, retry_seconds=retry_seconds
            )
        super().__init__(warehouse, source, monkeypatch)

    def has_people(self) -> bool:
        """Whether parts are requested, or a catalogue so far had any."""
        films = [film for film in self.replay.catalogue.films.values() if isinstance(film, dict)]
        self.loads_people |= self.source.settings.tmdb_append != "off" or any(PARTS.keys() & film for film in films)
        return self.loads_people

    def fetch_day(self, day: dt.date, catalogue: Catalogue, **options: Any) -> ExecuteInProcessResult:
        """Run a day, as on that day, with this catalogue behind the API."""
        self.replay.catalogue = catalogue
        return self.run(day, **options)


@contextmanager
def platform(
    warehouse: Warehouse, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, **options: Any
) -> Iterator[Platform]:
    """A platform with a replay server of `catalogue`; `options` are settings, or `retry_seconds`."""
    with ReplayServer(catalogue) as replay:
        made = Platform(warehouse, replay, monkeypatch, **options)
        try:
            yield made
        finally:
            made.close()


@contextmanager
def loaded_database_of(server: Server, catalogue: Catalogue, day: dt.date) -> Iterator[str]:
    """The name of a database with one day loaded, without charts, to be copied."""
    with copied_warehouse(server) as warehouse:
        # The patches, of the clock among them, end here: the database outlives many tests.
        with pytest.MonkeyPatch.context() as monkeypatch, platform(warehouse, catalogue, monkeypatch) as ready:
            ready.loads_people = True  # tests of views and pages use the copies
            assert_green(ready.run(day, charts=False))
        warehouse.close()
        yield str(warehouse.url.database)


def at_this_time_of_today() -> dt.datetime:
    """The time of day that it is, on the day that `partitions.today` says."""
    return dt.datetime.combine(partitions.today(), dt.datetime.now(dt.UTC).time(), dt.UTC)


def checks_of(result: ExecuteInProcessResult) -> dict[str, bool]:
    """Every evaluated check of a run as `asset.check` -> passed."""
    return {name: evaluation.passed for name, evaluation in evaluations_of(result).items()}


def failed_checks(result: ExecuteInProcessResult) -> list[str]:
    """The checks of a run that failed, as `asset.check`, sorted."""
    return sorted(name for name, passed in checks_of(result).items() if not passed)


def assert_green(result: ExecuteInProcessResult) -> None:
    """Assert that no step and no check of a run failed."""
    assert (failures_of(result), failed_checks(result)) == ([], [])


def evaluations_of(result: ExecuteInProcessResult) -> dict[str, Any]:
    """Every evaluated check of a run as `asset.check` -> evaluation."""
    evaluations = (
        event.asset_check_evaluation_data
        for event in result.all_events
        if event.event_type_value == "ASSET_CHECK_EVALUATION"
    )
    return {f"{each.asset_key.to_user_string()}.{each.check_name}": each for each in evaluations}


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
