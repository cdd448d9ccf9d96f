"""The reports as assets: each shows related pictures, and the figures of each picture as a table.

A picture is drawn again only when its figures changed, or the code that draws it: the version of an asset's data
(`data_version`) is a hash of both, and an asset of the same version keeps what it had.
"""

import datetime as dt
import hashlib
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dagster import (
    AssetExecutionContext,
    AssetKey,
    DataVersion,
    MaterializeResult,
    MetadataValue,
    ResourceParam,
    TableRecord,
)

from tmdb_assets.assets.declare import DAILY_BY_NOON, REPORTS_GROUP, AssetBuilder, declared_asset
from tmdb_assets.assets.tmdb_source import TmdbSource
from tmdb_assets.charts.apart import ahead, apart
from tmdb_assets.charts.registry import REPORTS, Report
from tmdb_assets.settings import ATTRIBUTION
from tmdb_assets.warehouse.read_pictures import read_newest_day, read_rows
from tmdb_assets.warehouse.schema.derived import forecast_movie_daily, forecast_score, movie_similar
from tmdb_assets.warehouse.warehouse import Warehouse

Results = dict[str, tuple[list[str], list[tuple[Any, ...]]]]
"""The result of each picture's query: the names of its columns, and its rows."""

WHERE = (
    "Where the pictures are: at *Metadata*, click **[Show Markdown]** beside a name that ends in `_picture`; the table "
    "below it has the same figures. Pictures of earlier runs: tab *Events*."
)
VERSION_TAG = "dagster/data_version"
LEADING = "report_popularity"
"""The report whose step comes right after the views, and begins the drawing of others."""
DERIVED = {table.name for table in (forecast_movie_daily, forecast_score, movie_similar)}
"""What is computed while the other process draws."""
Metadata = dict[str, MetadataValue[Any]]
_begun: dict[str, Future[Metadata]] = {}  # by the version of what is drawn
ROOMS, LIBRARIES = ("charts", "dashboard", "language"), ("altair", "babel", "pandas", "pillow", "vl-convert-python")


def build_report(report: Report) -> AssetBuilder:
    """The asset of one report."""

    @declared_asset(
        report.name,
        group_name=REPORTS_GROUP,
        freshness_policy=DAILY_BY_NOON,
        kinds={"altair", "python"},
        description=describe(report),
        deps=report.reads,
        op_tags={"dagster/priority": "1"} if report.name == LEADING else {},
    )
    def pictures(
        context: AssetExecutionContext, warehouse: ResourceParam[Warehouse], tmdb: ResourceParam[TmdbSource]
    ) -> Iterator[MaterializeResult[Any]]:
        day, results = read_results(warehouse, report)
        made_of = version_of(tmdb, day, results)
        metadata = find_made(context, context.asset_key, made_of)
        begun = _begun.pop(made_of, None)
        if report.name == LEADING:
            if metadata is None:  # before the others: else its own step would wait for them all
                begun = ahead(draw, day, results, tmdb)
            _begin_others(context, warehouse, tmdb)
        if metadata is None:
            metadata = begun.result() if begun else draw(day, results, tmdb)
        yield MaterializeResult(metadata=metadata, data_version=DataVersion(made_of))

    return pictures


def version_of(tmdb: TmdbSource, *figures: Any) -> str:
    """The version of what is made of these figures: a hash of them and of the code that draws."""
    seed = repr((drawing_code(), tmdb.settings.report_language, tmdb.settings.source, tmdb.is_sandbox, *figures))
    return hashlib.sha256(seed.encode()).hexdigest()[:32]


@cache
def drawing_code() -> str:
    """A hash of the code that draws pictures and the dashboard, and of the versions of its libraries."""
    package = Path(__file__).parent.parent
    files = sorted(path for room in ROOMS for path in (package / room).rglob("*.*") if path.suffix != ".pyc")
    made = hashlib.sha256("".join(map(version, LIBRARIES)).encode())
    for path in files:
        made.update(path.read_bytes())
    return made.hexdigest()


def find_made(context: AssetExecutionContext, key: AssetKey, made_of: str) -> Mapping[str, MetadataValue[Any]] | None:
    """The metadata of an asset's newest materialization, if it is of this version."""
    event = context.instance.get_latest_materialization_event(key)
    made = event.asset_materialization if event else None
    return made.metadata if made and made.tags and made.tags.get(VERSION_TAG) == made_of else None


def describe(report: Report) -> str:
    """The report's description: what it is, where its pictures are, what each shows, and its query."""
    shown = "\n".join(
        f"- **{picture.title}**: {picture.shows} Query: `sql/pictures/{picture.name}.sql`."
        for picture in report.pictures
    )
    return f"{report.shows}.\n\n{WHERE}\n\n{shown}\n\nMade from {', '.join(report.reads)}. {ATTRIBUTION}"


def read_results(warehouse: Warehouse, report: Report) -> tuple[dt.date | None, Results]:
    """The newest loaded day, and the result of each picture's query."""
    with warehouse.begin() as connection:
        return read_newest_day(connection), {
            picture.name: read_rows(connection, picture.name, picture.parameters) for picture in report.pictures
        }


def _begin_others(context: AssetExecutionContext, warehouse: Warehouse, tmdb: TmdbSource) -> None:
    """Let the other process draw the reports of this run of which all figures are there, while this one goes on.

    Should their figures change until their step, they are drawn again: what is begun is found by its version. Of one
    that cannot be read, its own step says why.
    """
    _begun.clear()
    asked = context.run.asset_selection  # None or empty: everything
    for report in REPORTS:
        is_asked = not asked or AssetKey(report.name) in asked
        if report.name == LEADING or not is_asked or not DERIVED.isdisjoint(report.reads):
            continue
        try:
            day, results = read_results(warehouse, report)
        except sa.exc.DBAPIError:
            continue
        made_of = version_of(tmdb, day, results)
        if find_made(context, AssetKey(report.name), made_of) is None:
            _begun[made_of] = ahead(draw, day, results, tmdb)


def draw(day: dt.date | None, results: Results, tmdb: TmdbSource) -> Metadata:
    """The metadata of a report: each picture, and its figures as a table."""
    about = {"snapshot_date": day, "is_sample": tmdb.is_sandbox, "language": tmdb.settings.report_language}
    made = apart("tmdb_assets.charts.drawing:draw_pictures", results, **about)
    metadata: Metadata = tmdb.provenance
    for name, (picture, table) in made.items():
        metadata[f"{name}_picture"] = MetadataValue.md(picture)
        if table:
            metadata[f"{name}_table"] = MetadataValue.table(list(map(TableRecord, table)))
    metadata["snapshot_date"] = MetadataValue.text(str(day))
    return metadata


report_assets = [build_report(report) for report in REPORTS]
