"""The assets of the views in `sql/views/`: each creates its view and checks it."""

from collections.abc import Iterator

import sqlalchemy as sa
from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    MaterializeResult,
    ResourceParam,
    TableColumn,
    TableColumnConstraints,
    TableSchema,
)

from tmdb_assets.assets.declare import DAILY_BY_NOON, AssetBuilder, declared_asset
from tmdb_assets.assets.describe import describe_rows, view_lineage
from tmdb_assets.assets.publish import ROW_COUNT, AssetEvent
from tmdb_assets.charts.labels import CONTRACT
from tmdb_assets.warehouse.schema.ddl import apply_view, view_file
from tmdb_assets.warehouse.schema.views import VIEWS, View, declared_columns, grain_of
from tmdb_assets.warehouse.warehouse import Warehouse


def build_view(view: View) -> AssetBuilder:
    """The asset of one view."""

    @declared_asset(
        view.name,
        group_name="marts",
        kinds={"postgres", "sql", "view"},
        description=describe_rows(view.name, grain_of(view.name), view.made_of),
        deps=list(view.made_of),
        metadata={"dagster/column_schema": _column_schema(view), "dagster/column_lineage": view_lineage(view)},
        relation=view.name,
        declaration=view_file(view.name).read_text(encoding="utf-8"),
        freshness_policy=DAILY_BY_NOON,
        op_tags={"dagster/priority": "2"},  # the reports' pictures are drawn beside what else the facts are needed for
        checks=[
            AssetCheckSpec(
                CONTRACT,
                asset=view.name,
                description=("" if view.may_be_empty else "The view has rows. ")
                + "Its key is unique and never NULL. If not: load a day where it is empty (tmdb-assets run); where its "
                "key is not unique, look at the checks of the tables that it is made from.",
                blocking=True,
            )
        ],
    )
    def mart(warehouse: ResourceParam[Warehouse]) -> Iterator[AssetEvent]:
        with warehouse.begin() as connection:
            apply_view(connection, view.name)
        with warehouse.begin() as connection:
            key = f"({view.key})"
            rows, keys = connection.execute(
                sa.text(f"select count(*), count(distinct {key}) filter (where {key} is not null) from {view.name}")
            ).one()
        yield MaterializeResult(
            metadata={ROW_COUNT: rows, "dagster/column_schema": _column_schema(view)},
            check_results=[_contract(view, rows, keys)],
        )

    return mart


def _contract(view: View, rows: int, keys: int) -> AssetCheckResult:
    is_empty = rows == 0 and not view.may_be_empty
    if is_empty:
        text = f"{view.name} is empty: no day is loaded. Run a day: tmdb-assets run."
    elif keys != rows:
        text = f"{view.name} has {rows} rows but {keys} values of {view.key}. Check the tables that it is made from."
    else:
        text = f"{view.name} has {rows} rows, one for each {view.key}."
    return AssetCheckResult(
        passed=keys == rows and not is_empty,
        check_name=CONTRACT,
        asset_key=AssetKey(view.name),
        severity=AssetCheckSeverity.WARN if is_empty else AssetCheckSeverity.ERROR,
        description=text,
        metadata={"rows": rows, f"distinct_{view.key}".replace(", ", "_"): keys},
    )


def _column_schema(view: View) -> TableSchema:
    def constraints(name: str) -> TableColumnConstraints:
        return TableColumnConstraints(nullable=name not in view.key.split(", "), unique=name == view.key)

    return TableSchema(
        columns=[TableColumn(col.name, col.type, col.comment, constraints(col.name)) for col in declared_columns(view)]
    )


mart_assets = [build_view(view) for view in VIEWS]
