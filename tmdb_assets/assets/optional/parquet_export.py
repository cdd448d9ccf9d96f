"""The export as an asset, for deployments that set EXPORT_DIR: the tables as Parquet files after each day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from dagster import MaterializeResult, MetadataValue, ResourceParam

from tmdb_assets.assets.declare import DAILY_BY_NOON, REPORTS_GROUP, AssetBuilder, declared_asset
from tmdb_assets.assets.publish import ROW_COUNT
from tmdb_assets.assets.tmdb_source import TmdbSource
from tmdb_assets.settings import ATTRIBUTION
from tmdb_assets.warehouse.export.export import export
from tmdb_assets.warehouse.export.folder import ExportRefusedError
from tmdb_assets.warehouse.export.parts import exported_tables
from tmdb_assets.warehouse.warehouse import Warehouse


def build_export(assets: Iterable[str]) -> AssetBuilder:
    """The asset, downstream of those of `assets` that fill a table it exports."""

    @declared_asset(
        "parquet_export",
        group_name=REPORTS_GROUP,
        freshness_policy=DAILY_BY_NOON,
        kinds={"parquet", "python"},
        deps=sorted({str(table.name) for table in exported_tables()} & {*assets}),
        description="The fact by month and the other tables for readers as Parquet files in EXPORT_DIR. "
        "Only files that changed are written; features where the folder has them. `tmdb-assets export` does the same "
        f"for any folder. {ATTRIBUTION}",
    )
    def parquet_export(
        warehouse: ResourceParam[Warehouse], tmdb: ResourceParam[TmdbSource]
    ) -> Iterator[MaterializeResult[Any]]:
        """Bring the folder up to the warehouse.

        Raises `ExportRefusedError` for a folder that cannot be used, and `ExportError` where it cannot be written.
        """
        folder = tmdb.settings.export_folder
        if folder is None:
            raise ExportRefusedError("EXPORT_DIR is not set", action="Set it to a folder", setting="EXPORT_DIR")
        made = export(warehouse.engine, folder, is_sample=tmdb.is_sandbox)
        yield MaterializeResult(
            metadata={
                "path": MetadataValue.path(folder),
                "files": len(made.files),
                "files_written": made.written,
                "files_deleted": made.removed,
                ROW_COUNT: made.rows,
                "bytes": made.bytes,
                "first_day": str(made.first_day),
                "last_day": str(made.last_day),
                **tmdb.provenance,
            }
        )

    return parquet_export
