"""What a past day needs: the one place that decides it, for the command, the gap filler and a late schedule."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import sqlalchemy as sa
from dagster import AssetKey, AssetSpec

from tmdb_assets.assets.declare import DIGEST_GROUP
from tmdb_assets.warehouse.ledger.check_results import tables_behind
from tmdb_assets.warehouse.ledger.exports import FROM_EXPORT
from tmdb_assets.warehouse.schema.raw import raw_discover

__all__ = ["FROM_EXPORT", "days_behind", "days_from_export", "whole_day_from_export"]


def days_from_export(connection: sa.Connection, days: Iterable[dt.date]) -> set[dt.date]:
    """Those of the past days that are loaded from their export, and need only `FROM_EXPORT` of the daily assets.

    The others have raw rows, and every daily asset is rebuilt from these.
    """
    asked = set(days)
    given = sa.select(sa.func.unnest(sa.literal(sorted(asked), sa.ARRAY(sa.Date))).label("day")).subquery()
    has_raw_rows = sa.exists().where(raw_discover.c.snapshot_date == given.c.day)
    return asked - set(connection.scalars(sa.select(given.c.day).where(has_raw_rows)))


def days_behind(connection: sa.Connection, first: dt.date, last: dt.date) -> set[dt.date]:
    """The days, from first to last, with stored answers of which some table is not made: a run ended before.

    They are rebuilt from these answers. Tables that are not loaded for a day from its export do not count.
    """
    behind = tables_behind(connection, first, last)
    from_export = days_from_export(connection, behind)
    return {day for day, names in behind.items() if day not in from_export or not names.isdisjoint(FROM_EXPORT)}


def whole_day_from_export(specs: Iterable[AssetSpec]) -> list[AssetKey]:
    """Which of all assets are materialized for such a day by `daily`: `FROM_EXPORT`, and those without partitions."""
    return [
        spec.key
        for spec in specs
        if (spec.partitions_def is None and spec.group_name != DIGEST_GROUP) or spec.key.to_user_string() in FROM_EXPORT
    ]
