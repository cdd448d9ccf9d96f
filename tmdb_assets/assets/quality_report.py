"""The report of each day's quality as an asset: one HTML page a day, and an index of the days.

It has no upstream assets and the lowest priority, so that it runs last, also where a step before it failed: on such a
day it is needed most.
"""

import datetime as dt
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dagster import AssetExecutionContext, DataVersion, MaterializeResult, MetadataValue, ResourceParam

from tmdb_assets.assets.dashboard import quality_folder, replace_file
from tmdb_assets.assets.declare import DAILY_BY_NOON, REPORTS_GROUP, declared_asset
from tmdb_assets.assets.reports import find_made, version_of
from tmdb_assets.assets.tmdb_source import TmdbSource
from tmdb_assets.charts.apart import apart
from tmdb_assets.charts.labels import ABOUT_TODAY
from tmdb_assets.dashboard.quality_parts import MOST_DAYS, OF_THE_DAY, STEP, verdict_of
from tmdb_assets.dashboard.quality_rows import DayDetails, DayInShort, Outcome, QualityRows
from tmdb_assets.instance.tags import PARTITION_NAME_TAG
from tmdb_assets.settings import ATTRIBUTION
from tmdb_assets.warehouse.loading.measures import read_measures
from tmdb_assets.warehouse.read_pictures import read_newest_day
from tmdb_assets.warehouse.retention import RAW_KEPT_DAYS
from tmdb_assets.warehouse.warehouse import Warehouse

NAME = "quality_report"
FILMS = "select date_id, discover_count, export_count from load_day where date_id between :first and :last"
# What a passed check says is on no page, and differs between two runs of a day: how many rows came.
OUTCOMES = """
select
    date_id, asset_name, check_name, is_passed, severity,
    case when is_passed then '' else coalesce(description, '') end
from check_result where date_id between :first and :last and asset_name <> :own
order by date_id, asset_name, check_name
"""
MEASURES = """
select date_id, measure, subject, figure from quality_measure
where date_id between :first and :last and measure <> 'key_share' order by date_id, measure, subject
"""
# Also the days after the run's day: they have a line in the index. Counted, said and ordered as on a day's page.
PAST = """
with judged as (
    select
        date_id, asset_name, check_name, is_passed, severity,
        case when asset_name = :of_the_day then '' else asset_name || ': ' end
        || coalesce(description, '') as reason
    from check_result
    where
        date_id >= :last - :kept and asset_name <> :own
        and check_name <> all(:about_today) and (check_name <> :step or not is_passed)
),
found as (
    select
        date_id, count(*) as checks,
        array_agg(reason order by asset_name, check_name)
            filter (where not is_passed and severity = 'error') as errors,
        array_agg(reason order by asset_name, check_name)
            filter (where not is_passed and severity = 'warn') as warnings
    from judged group by date_id
),
loaded as (
    select date_id, discover_count, export_count from load_day where date_id >= :last - :kept
)
select
    date_id, coalesce(checks, 0), coalesce(errors, '{}'), coalesce(warnings, '{}'),
    coalesce(discover_count, 0), coalesce(export_count, 0)
from found full join loaded using (date_id) order by date_id
"""
REQUESTS = """
select kind, request_count, row_count, page_count, jsonb_array_length(stored_pages), listed_film_count,
    known_film_count, finished_at is not null
from fetch_log where snapshot_date = :day order by kind
"""
DETAILS = """
select (select count(*) from details_due where snapshot_date = :day),
    count(*) filter (where status_code = 200), count(*) filter (where status_code = 404)
from raw_details where snapshot_date = :day
"""
# The rules as they stand in the reasons; three values of each, shortened: the page is no copy of the answers.
REJECTED = """
select
    table_name, left(reason ->> 'rule', 200), count(distinct id),
    (array_agg(left(coalesce(reason ->> 'value', 'NULL'), 100) order by id, reason ->> 'value'))[1:3], count(*) over ()
from rejected_row cross join jsonb_array_elements(reasons) as reason
where snapshot_date = :day group by 1, 2 order by 3 desc, 1, 2 limit 40
"""
REJECTED_ROWS = "select count(*) from rejected_row where snapshot_date = :day"


@declared_asset(
    NAME,
    group_name=REPORTS_GROUP,
    freshness_policy=DAILY_BY_NOON,
    kinds={"html", "python"},
    op_tags={"dagster/priority": "-1"},
    description="One HTML page for each day: whether it can be trusted and why not, what every check found and what to "
    "do.\n\n"
    "Where it is: at *Metadata*, `verdict` says it in a sentence and `path` is the file, in REPORTS_DIR; `index.html` "
    "beside it lists the days.\n\n"
    "It also has completeness, distributions, the form of TMDb's answers, rejected rows, what TMDb said against what "
    "is stored, and a comparison with any other day. Made from check_result, quality_measure, load_day, fetch_log and "
    f"rejected_row, at the end of each run, also of a failed one; kept {RAW_KEPT_DAYS} days. It needs no network.\n\n"
    f"{ATTRIBUTION}",
)
def quality_report(
    context: AssetExecutionContext, warehouse: ResourceParam[Warehouse], tmdb: ResourceParam[TmdbSource]
) -> Iterator[MaterializeResult[Any]]:
    """Write the page of the run's day, those of other days whose record changed, and the index."""
    key = context.run.tags.get(PARTITION_NAME_TAG)
    folder = quality_folder(tmdb.settings, str(warehouse.url.database))
    with warehouse.begin() as connection:
        rows = read_quality(connection, dt.date.fromisoformat(key) if key else None)
        due = changed_days(folder, rows)
        read_details(connection, rows, due)
    made_of = version_of(tmdb, str(folder), rows)
    is_there = (folder / "index.html").exists() and due == [rows.newest]
    metadata = find_made(context, context.asset_key, made_of) if is_there else None
    if metadata is None:
        metadata = write_pages(folder, rows, tmdb)
    yield MaterializeResult(metadata=metadata, data_version=DataVersion(made_of))


def write_pages(folder: Path, rows: QualityRows, tmdb: TmdbSource) -> dict[str, MetadataValue[Any]]:
    """Write the changed pages and the index, drop those that are too old, and return the asset's metadata."""
    day = rows.newest
    first = (day or dt.date(2000, 1, 1)) - dt.timedelta(days=RAW_KEPT_DAYS)
    for path in folder.glob("????-??-??.html"):
        if path.stem < str(first):
            path.unlink(missing_ok=True)
    due = sorted(rows.details)
    there = {dt.date.fromisoformat(path.stem) for path in folder.glob("????-??-??.html")} | {*due}
    made = apart(
        "tmdb_assets.dashboard.quality_page:build_pages",
        rows,
        due,
        sorted(there),
        source=tmdb.settings.source,
        is_sample=tmdb.is_sandbox,
        language=tmdb.settings.report_language,
    )
    for name, content in made.items():
        replace_file(folder / name, content)
    page = folder / (f"{day}.html" if day else "index.html")
    return {
        "path": MetadataValue.path(page),
        "verdict": MetadataValue.text(verdict_of(rows, day).text if day else "No day is loaded yet."),
        "bytes": MetadataValue.int(len(made[page.name])),
        "days": MetadataValue.int(len(there)),
        "snapshot_date": MetadataValue.text(str(day)),
        **tmdb.provenance,
    }


def changed_days(folder: Path, rows: QualityRows) -> list[dt.date]:
    """The days of the last weeks whose page is missing, or made of another record; the newest among them."""
    found = []
    for day in sorted({*rows.outcomes, *([rows.newest] if rows.newest else [])}):
        path = folder / f"{day}.html"
        is_fresh = path.exists() and f'content="{rows.versions.get(day)}"'.encode() in path.read_bytes()[:2000]
        if not is_fresh or day == rows.newest:
            found.append(day)
    return found


def read_quality(connection: sa.Connection, day: dt.date | None) -> QualityRows:
    """The record of the month up to a day, by default the newest loaded one, and of the month before it."""
    last = day or read_newest_day(connection) or connection.scalar(sa.text("select max(date_id) from check_result"))
    if last is None:
        return QualityRows(None)
    span = {"first": last - dt.timedelta(days=2 * MOST_DAYS), "last": last}
    outcomes: dict[dt.date, list[Outcome]] = {}
    for date_id, *outcome in connection.execute(sa.text(OUTCOMES), {**span, "own": NAME}):
        outcomes.setdefault(date_id, []).append(Outcome(*outcome))
    measures: dict[dt.date, dict[str, dict[str, float]]] = {}
    for date_id, measure, subject, figure in connection.execute(sa.text(MEASURES), span):
        measures.setdefault(date_id, {}).setdefault(measure, {})[subject] = figure
    films = {row[0]: (row[1], row[2]) for row in connection.execute(sa.text(FILMS), span)}
    about = {"own": NAME, "about_today": sorted(ABOUT_TODAY), "step": STEP, "of_the_day": OF_THE_DAY}
    past = connection.execute(sa.text(PAST), {"last": last, "kept": RAW_KEPT_DAYS, **about})
    return QualityRows(
        newest=last,
        films=films,
        outcomes=outcomes,
        measures=measures,
        past={date_id: DayInShort(*found) for date_id, *found in past},
        versions={one: _version(outcomes[one], measures.get(one), films.get(one)) for one in outcomes},
    )


def read_details(connection: sa.Connection, rows: QualityRows, days: Sequence[dt.date]) -> None:
    """Add what TMDb said on these days, what was stored and rejected, and what changed in the form of its answers."""
    for day in days:
        requests = [tuple(row) for row in connection.execute(sa.text(REQUESTS), {"day": day})]
        due, answered, missing = connection.execute(sa.text(DETAILS), {"day": day}).one()
        found = [tuple(row) for row in connection.execute(sa.text(REJECTED), {"day": day})]
        rejected_rows = connection.scalar(sa.text(REJECTED_ROWS), {"day": day}) or 0
        rules = found[0][4] if found else 0
        rejected = [row[:4] for row in found]
        rows.details[day] = DayDetails(requests, (due, answered, missing), rejected, rejected_rows, rules)
        rows.drift[day] = read_measures(connection, day).drift()


def _version(*record: Any) -> str:
    return hashlib.sha256(repr(record).encode()).hexdigest()[:32]
