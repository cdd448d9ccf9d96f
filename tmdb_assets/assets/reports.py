"""The reports as assets: each shows related pictures, and the figures of each picture as a table."""

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dagster import (
    MaterializeResult,
    MetadataValue,
    ResourceParam,
    TableRecord,
)

from tmdb_assets.assets.declare import DAILY_BY_NOON, REPORTS_GROUP, AssetBuilder, declared_asset
from tmdb_assets.assets.tmdb_source import TmdbSource
from tmdb_assets.charts.labels import ellipsize
from tmdb_assets.charts.registry import REPORTS, Report
from tmdb_assets.settings import ATTRIBUTION
from tmdb_assets.warehouse.read_pictures import read_newest_day, read_picture
from tmdb_assets.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

TEXT_WIDTH = 24
"""How many characters of a title fit next to its figures on an asset's page."""


def build_report(report: Report) -> AssetBuilder:
    """The asset of one report."""

    @declared_asset(
        report.name,
        group_name=REPORTS_GROUP,
        freshness_policy=DAILY_BY_NOON,
        kinds={"altair", "python"},
        description=describe(report),
        deps=report.reads,
    )
    def pictures(
        warehouse: ResourceParam[Warehouse], tmdb: ResourceParam[TmdbSource]
    ) -> Iterator[MaterializeResult[Any]]:
        yield MaterializeResult(metadata=draw(report, warehouse, tmdb))

    return pictures


def describe(report: Report) -> str:
    """The report's description: what each picture shows, its query, and the attribution."""
    shown = "\n".join(
        f"- **{picture.title}**: {picture.shows} Query: `sql/pictures/{picture.name}.sql`."
        for picture in report.pictures
    )
    return f"{report.shows}.\n\n{shown}\n\nMade from {', '.join(report.reads)}. {ATTRIBUTION}"


def draw(report: Report, warehouse: Warehouse, tmdb: TmdbSource) -> dict[str, Any]:
    """The metadata of a report: each picture, and its figures as a table."""
    from tmdb_assets.charts.render import to_markdown, to_png

    metadata: dict[str, Any] = {"source": tmdb.settings.source}
    with warehouse.begin() as connection:
        day = read_newest_day(connection)
        frames = {
            picture.name: read_picture(connection, picture.name, picture.parameters) for picture in report.pictures
        }
    for picture in report.pictures:
        frame = frames[picture.name]
        png = to_png(picture.draw(frame, snapshot_date=day, is_sample=tmdb.is_sandbox))
        metadata[f"{picture.name}_picture"] = MetadataValue.md(to_markdown(png, picture.title))
        if len(frame) and len(table := (picture.summarise or picture.arrange)(frame)):
            metadata[f"{picture.name}_table"] = MetadataValue.table(_records(table))
    return metadata | {"snapshot_date": str(day), "attribution": ATTRIBUTION}


def _records(frame: "pd.DataFrame") -> list[TableRecord]:
    """A frame as table records: dates as text, long text cut, numbers rounded to 3 places, missing values as None."""
    return [
        TableRecord({str(name): _cell(value) for name, value in row.items()}) for row in frame.to_dict(orient="records")
    ]


def _cell(value: Any) -> Any:
    if value is None or value != value:
        return None
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, int) or hasattr(value, "is_integer"):
        return int(value) if float(value).is_integer() else round(float(value), 3)
    return ellipsize(str(value), TEXT_WIDTH)


report_assets = [build_report(report) for report in REPORTS]
