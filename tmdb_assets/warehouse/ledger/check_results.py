"""What the checks of a day said, for readers, reports and backups."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from tmdb_assets.warehouse.ledger.exports import FROM_EXPORT
from tmdb_assets.warehouse.schema.quality import check_result

RUN = "run"
"""The name under which it is kept whether an asset's step itself ended well."""
LONGEST = 2000  # characters of a description

# What is not materialized again could never replace its failure.
FORGET_UNNEEDED = """
delete from check_result
where date_id = :day and not is_passed and asset_name <> all(:needed)
and not exists (select 1 from fact_movie_daily as f where f.date_id = :day and f.source = 'discover')
"""


class Result(NamedTuple):
    """One check of an asset, as it ended."""

    asset_name: str
    check_name: str
    is_passed: bool
    severity: str
    description: str | None


def record(connection: sa.Connection, day: dt.date, results: Sequence[Result]) -> None:
    """Store the results of a day's run, in the place of those of an earlier run."""
    if not results:
        return
    rows = [
        {"date_id": day, **result._asdict(), "description": (result.description or "").replace("\x00", "")[:LONGEST]}
        for result in sorted(set(results))
    ]
    statement = postgresql.insert(check_result)
    sent = statement.excluded
    again = {name: sent[name] for name in ("is_passed", "severity", "description")}
    connection.execute(
        statement.on_conflict_do_update(
            constraint=check_result.primary_key, set_={**again, "checked_at": sa.func.now()}
        ),
        rows,
    )


def forget_unneeded(connection: sa.Connection, day: dt.date) -> None:
    """Where a day's facts are from its export alone, drop the failures of what such a day does not need.

    They are of a run that could not load the day, such as during an outage, and say nothing of the day as it is now.
    """
    connection.execute(sa.text(FORGET_UNNEEDED), {"day": day, "needed": list(FROM_EXPORT)})
