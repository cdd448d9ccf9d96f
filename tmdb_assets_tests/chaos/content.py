"""What a run left: the rows of every table, how they differ from a faultless run's, and what no reader may ever see."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import psycopg

import tmdb_assets.warehouse.schema.ddl  # noqa: F401 - declares the tables
from tmdb_assets.warehouse.schema.vocabulary import metadata

# How the work went, which a fault changes: when, by which requests, in how many attempts.
COURSE = {"applied_sql", "schema_version", "fetch_log", "fetch_slice", "fetch_turn", "check_result", "computed_table"}
TIMES = sorted({column.name for table in metadata.sorted_tables for column in table.c if column.name.endswith("_at")})
TIMES += ["crawl_number", "facts_hash"]  # a hash of when facts were loaded
TABLES = [table.name for table in metadata.sorted_tables if table.name not in COURSE]

# A record of the last run of each day (decision 40), which a trial that runs an earlier day again replaces.
OF_NEWEST_DAY = {"quality_measure": "where date_id = (select max(date_id) from quality_measure)"}

Content = dict[str, Counter[str]]

# Each finds rows that would be half of a day, or a total that does not belong to it.
NEVER = {
    "a day's facts are not as many as load_day says": """
        select f.date_id, f.n, d.n from (select date_id, count(*) as n from fact_movie_daily group by 1) as f
        full join (select date_id, discover_count + export_count as n from load_day) as d using (date_id)
        where f.n is distinct from d.n
    """,
    "the latest state is not the newest fact": """
        select movie_id, popularity, snapshot_date from movie_latest
        except
        (select distinct on (movie_id) movie_id, popularity, date_id from fact_movie_daily order by 1, 3 desc)
    """,
    "a fact without a latest state": """
        select movie_id from fact_movie_daily except select movie_id from movie_latest
    """,
    "totals are not a fresh count": """
        (select * from popularity_total except select * from count_totals())
        union all
        (select * from count_totals() except select * from popularity_total)
    """,
    "the top is not a fresh count": """
        (select * from top_movie except select * from count_top())
        union all
        (select * from count_top() except select * from top_movie)
    """,
    "the top shows another day": """
        select distinct snapshot_date from vw_top_movies where snapshot_date <> (select max(date_id) from load_day)
    """,
    "a film's periods overlap or leave a hole": """
        select * from (
            select movie_id, valid_to, lead(valid_from) over (partition by movie_id order by valid_from) as following
            from movie_history
        ) as h where h.valid_to is distinct from h.following
    """,
    "a film with details has no links of them": """
        select f.movie_id from fact_movie_daily as f inner join dim_movie as m on f.movie_id = m.movie_id
        where m.details_date is not null
        and not exists (select from bridge_movie_genre as b where b.movie_id = f.movie_id)
    """,
}
READY = "select to_regclass('load_day') is not null and to_regclass('movie_history') is not null"
READY += " and to_regclass('vw_top_movies') is not null"


def content_of(url: str) -> Content:
    """Every table's rows, without the times of loading."""
    found = {}
    with psycopg.connect(url, connect_timeout=10) as connection:
        for name in TABLES:
            left_out = [*TIMES, "id"] if name == "rejected_row" else TIMES
            query = f'select to_jsonb(t) - %s::text[] from "{name}" as t {OF_NEWEST_DAY.get(name, "")}'
            rows = connection.execute(query, [left_out]).fetchall()
            found[name] = Counter(json.dumps(row[0], sort_keys=True) for row in rows)
    return found


def differences(wanted: Content, found: Content) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """By table, the rows that are missing, and those that are too many."""
    lost = {name: sorted((rows - found[name]).elements()) for name, rows in wanted.items()}
    extra = {name: sorted((found[name] - rows).elements()) for name, rows in wanted.items()}
    return tuple({name: rows for name, rows in each.items() if rows} for each in (lost, extra))  # type: ignore[return-value]


def half_seen(connection: psycopg.Connection[Any], whole: dict[str, int]) -> list[str]:
    """What a reader sees now and may never see; `whole` is the number of facts of each day, once it is loaded."""
    connection.rollback()
    connection.execute("set transaction isolation level repeatable read, read only")
    if not connection.execute(READY).fetchone()[0]:  # type: ignore[index]
        return []
    return find_halves(connection, whole)


def find_halves(connection: psycopg.Connection[Any], whole: dict[str, int]) -> list[str]:
    """As `half_seen`, in the transaction that is open, if one is."""
    seen = [f"{what}: {rows[0]}" for what, query in NEVER.items() if (rows := connection.execute(query).fetchmany(1))]
    counts = dict(connection.execute("select date_id::text, count(*) from fact_movie_daily group by 1").fetchall())
    halves = {day: count for day, count in whole.items() if counts.get(day, count) != count}
    return seen + [f"{counts[day]} of the {count} facts of {day}" for day, count in halves.items()]
