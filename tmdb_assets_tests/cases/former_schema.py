"""A warehouse of commit 57e0d79, the oldest that can be upgraded: only what differs from today's."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from tmdb_assets.warehouse.schema.ddl import schema_sql
from tmdb_assets.warehouse.schema.upgrade import mark, take_back
from tmdb_assets_tests.cases.sound_rows import DAY, TABLES, sound_row

STEP = "0003"
NEW = (
    {
        "dim_person",
        "dim_keyword",
        "bridge_movie_cast",
        "bridge_movie_crew",
        "bridge_movie_keyword",
        "movie_release",
    }
    | {"forecast_movie_daily", "forecast_score", "movie_history", "movie_similar"}
    | {"check_result", "computed_table", "quality_measure"}
)
# Its functions with shorter bodies: their signatures, rights and triggers.
FUNCTIONS = """
create function newest_films() returns bigint language sql stable as 'select max(movie_id) from movie_latest';
create function count_totals() returns setof popularity_total language sql stable parallel safe
as 'select * from popularity_total';
create function popularity_totals(wanted text) returns setof popularity_total language sql stable security definer
set search_path = public, pg_temp as 'select * from popularity_total as t where t.kind = wanted';
create function top_movies() returns setof top_movie language sql stable security definer
set search_path = public, pg_temp as 'select * from top_movie';
revoke execute on function popularity_totals(text), top_movies() from public;
create function grant_privileges() returns void language sql as 'grant select on dim_movie to tmdb_reader';
create function note_latest_change() returns trigger language plpgsql security definer as 'begin return null; end';
create function note_changed_rows() returns trigger language plpgsql security definer as 'begin return null; end';
create function note_newest_day() returns trigger language plpgsql security definer as 'begin return null; end';
create function renew_totals() returns trigger language plpgsql security definer as 'begin return null; end';
create function ensure_partition(parent text, unit text, day date) returns void language sql security definer
set search_path = public, pg_temp as 'select';
create constraint trigger renew_at_commit after insert on latest_change
deferrable initially deferred for each row execute function renew_totals();
create trigger note_update after update on bridge_movie_genre referencing new table as changed_rows
for each statement execute function note_changed_rows();
create trigger note_day after insert or delete on load_day for each row execute function note_newest_day();
create trigger note_update after update of removed_date on dim_movie
for each row when (old.removed_date is distinct from new.removed_date) execute function note_latest_change();
"""
VIEWS = """
create view vw_continent_popularity as
select t.code as continent, t.avg_popularity, t.n_movies, t.total_votes from popularity_totals('continent') as t;
create view vw_genre_popularity as
select g.genre_id, g.name, t.avg_popularity, t.total_votes, t.n_movies as nb_movies
from popularity_totals('genre') as t inner join dim_genre as g on t.code = g.genre_id::text;
create view vw_top_movies as
select
    t.rank, t.movie_id, m.title, m.release_date, l.popularity, l.vote_average, l.vote_count, l.snapshot_date,
    l.votes_date
from top_movies() as t
inner join movie_latest as l on t.movie_id = l.movie_id
inner join dim_movie as m on t.movie_id = m.movie_id
order by t.rank asc;
"""


def make_former(connection: sa.Connection) -> None:
    """Create its tables, functions, triggers and views in an empty database."""
    connection.exec_driver_sql(schema_sql().replace("%", "%%"))
    mark(connection)
    take_back(connection, STEP)
    connection.exec_driver_sql(FUNCTIONS)
    connection.exec_driver_sql(VIEWS)


def fill_former(connection: sa.Connection) -> None:
    """Put two rows into every table that the step does not change."""
    first = DAY.replace(day=1)
    months = [
        (f"fact_movie_daily_{DAY:%Y_%m}", "fact_movie_daily", first, (first + dt.timedelta(days=32)).replace(day=1))
    ]
    days = [DAY, DAY + dt.timedelta(days=1)]
    raw = [
        (f"{name}_{day:%Y_%m_%d}", name, day, day + dt.timedelta(days=1))
        for name in ("raw_details", "raw_discover", "raw_export")
        for day in days
    ]
    for name, parent, start, end in months + raw:
        connection.exec_driver_sql(
            f"create table {name} partition of {parent} for values from ('{start}') to ('{end}')"
        )
    connection.exec_driver_sql("set local session_replication_role = replica")
    for name, table in TABLES.items():
        if (
            name
            not in {"applied_sql", "schema_version", "fetch_log", "fetch_slice", "popularity_total", "top_movie"} | NEW
        ):
            for number in range(2):
                row = sound_row(table, number)
                for later in ("crawl_number", "credits_date", "keywords_date", "releases_date"):
                    row.pop(later, None)
                connection.execute(insert(table).values(row))
