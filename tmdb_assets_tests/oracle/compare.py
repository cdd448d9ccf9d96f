"""Reads the tables of a test's warehouse, and compares them with the expected ones."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from os import getpid
from typing import Any

import sqlalchemy as sa

from tmdb_assets.warehouse.schema.vocabulary import metadata
from tmdb_assets.warehouse.server.open import Server
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.oracle.expected import Star

MOVIE_COLUMNS = (
    "title, original_title, release_date, status, original_language, runtime_minutes, budget_usd, revenue_usd, "
    "is_adult, homepage, imdb_id, overview, poster_path, collection_id, collection_name, as_of_date, details_date, "
    "removed_date, credits_date, keywords_date, releases_date"
)
STATE = {
    "dim_movie": f"select movie_id, {MOVIE_COLUMNS} from dim_movie",
    "dim_genre": "select genre_id, name, as_of_date from dim_genre",
    "dim_company": "select company_id, name, origin_country, as_of_date from dim_company",
    "dim_country": "select iso_3166_1, name, continent, as_of_date from dim_country",
    "dim_language": "select iso_639_1, name, as_of_date from dim_language",
    "bridge_movie_genre": "select movie_id, genre_id from bridge_movie_genre",
    "bridge_movie_company": "select movie_id, company_id from bridge_movie_company",
    "bridge_movie_country": "select movie_id, iso_3166_1 from bridge_movie_country",
    "bridge_movie_language": "select movie_id, iso_639_1 from bridge_movie_language",
    "dim_person": "select person_id, name, original_name, gender, known_for_department, profile_path, as_of_date "
    "from dim_person",
    "dim_keyword": "select keyword_id, name, as_of_date from dim_keyword",
    "bridge_movie_cast": "select movie_id, credit_id, person_id, character_name, cast_order from bridge_movie_cast",
    "bridge_movie_crew": "select movie_id, credit_id, person_id, department, job from bridge_movie_crew",
    "bridge_movie_keyword": "select movie_id, keyword_id from bridge_movie_keyword",
    "movie_release": "select movie_id, iso_3166_1, release_type, release_date, certification, note from movie_release",
    "movie_history": "select * from movie_history",
    "fact_movie_daily": "select date_id, movie_id, popularity, vote_average, vote_count, source from fact_movie_daily",
    "movie_latest": "select movie_id, popularity, snapshot_date, vote_average, vote_count, votes_date "
    "from movie_latest",
    "rejected_row": "select id, table_name, snapshot_date, part, reasons::text from rejected_row",
}
DIMENSIONS = {
    "dim_genre": "select genre_id, name from dim_genre",
    "dim_company": "select company_id, name, origin_country from dim_company",
    "dim_country": "select iso_3166_1, name from dim_country",
    "dim_language": "select iso_639_1, name from dim_language",
    "dim_person": "select person_id, name, original_name, gender, known_for_department, profile_path from dim_person",
    "dim_keyword": "select keyword_id, name from dim_keyword",
}
WHOLE_ROWS = ("bridge_movie_cast", "bridge_movie_crew", "bridge_movie_keyword", "movie_release")
SCHEMA_TEMPLATE = f"test_{getpid()}_schema"
_numbers = count(1)


class Tables:
    """The tables of a warehouse, read by SQL."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse

    def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query as tuples."""
        with self.warehouse.begin() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query), values)]

    def value(self, query: str, **values: Any) -> Any:
        """The single value of a query."""
        return self.rows(query, **values)[0][0]

    def column(self, query: str, **values: Any) -> list[Any]:
        """The first column of a query."""
        return [row[0] for row in self.rows(query, **values)]

    def execute(self, statement: str, **values: Any) -> None:
        """Run a statement that changes the tables."""
        with self.warehouse.begin() as connection:
            connection.execute(sa.text(statement), values)

    def counts(self) -> dict[str, int]:
        """The number of rows of every table that has any, without the schema's own bookkeeping."""
        own = {"applied_sql", "schema_version", "fetch_turn", "popularity_total", "top_movie", "check_result"}
        own |= {"computed_table"}
        names = [table.name for table in metadata.sorted_tables if table.name not in own]
        found = {name: self.value(f"select count(*) from {name}") for name in names}
        return {name: rows for name, rows in found.items() if rows}

    def forget_star(self) -> None:
        """Empty every table that is made from the raw rows."""
        self.execute(
            "truncate movie_similar, forecast_movie_daily, forecast_score, fact_movie_daily, movie_latest, load_day, "
            "bridge_movie_genre, bridge_movie_company, "
            "bridge_movie_country, bridge_movie_language, dim_movie, dim_genre, dim_company, dim_country, "
            "dim_language, bridge_movie_cast, bridge_movie_crew, bridge_movie_keyword, movie_release, dim_person, "
            "dim_keyword, movie_history"
        )


@cache
def admin_engine(server: Server) -> sa.Engine:
    """An engine that keeps its connection: connecting costs more than copying a small database."""
    return sa.create_engine(server.url, isolation_level="AUTOCOMMIT", pool_size=1, pool_pre_ping=True)


def run_as_admin(server: Server, *statements: str) -> None:
    """Run statements that must be outside a transaction, like `create database`."""
    with admin_engine(server).connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


@cache
def schema_template(server: Server) -> str:
    """The name of a database with the schema and no rows, made once per process, to be copied."""
    run_as_admin(server, f"create database {SCHEMA_TEMPLATE}")
    made = Warehouse(url=server.url.set(database=SCHEMA_TEMPLATE))
    with made.begin():
        pass  # makes the schema
    made.close()
    return SCHEMA_TEMPLATE


@contextmanager
def fresh_database(server: Server, template: str = "template1") -> Iterator[sa.URL]:
    """A new database, a copy of `template` (to which nobody may be connected); dropped at the end."""
    name = f"test_{getpid()}_{next(_numbers)}"
    strategy = "file_copy" if server.is_embedded else "wal_log"  # faster where nothing is synced to disk
    run_as_admin(server, f"create database {name} template {template} strategy {strategy}")
    yield server.url.set(database=name)
    run_as_admin(server, f"drop database {name} with (force)")


@contextmanager
def copied_warehouse(server: Server, template: str | None = None) -> Iterator[Warehouse]:
    """A warehouse on a copy of the database `template`; by default with the schema and no rows."""
    with fresh_database(server, template or schema_template(server)) as url:
        made = Warehouse(url=url)
        try:
            yield made
        finally:
            made.close()


def state_of(tables: Tables) -> dict[str, list[tuple[Any, ...]]]:
    """Every table's rows without the times of loading, sorted."""
    return {name: sorted(tables.rows(query), key=repr) for name, query in STATE.items()}


def assert_tables_equal(tables: Tables, right: Star, *, without: Collection[int] = ()) -> None:
    """Assert that every table holds exactly what was expected.

    Films in `without` are ignored; the dimensions may have further rows that come only from them.
    """

    def keyed(query: str, keys: int, film: int) -> dict[Any, tuple[Any, ...]]:
        rows = [row for row in tables.rows(query) if row[film] not in without]
        return {row[0] if keys == 1 else row[:keys]: row[keys:] for row in rows}

    movies = keyed(STATE["dim_movie"], 1, 0)
    names = [name.strip() for name in MOVIE_COLUMNS.split(",")]
    assert movies == {movie_id: tuple(row[name] for name in names) for movie_id, row in right.dim_movie.items()}
    facts = keyed(STATE["fact_movie_daily"], 2, 1)
    assert facts == {key: tuple(fact) for key, fact in right.fact_movie_daily.items()}
    for name, query in DIMENSIONS.items():
        wanted = {key: value if isinstance(value, tuple) else (value,) for key, value in getattr(right, name).items()}
        found = {row[0]: row[1:] for row in tables.rows(query)}
        assert {key: row for key, row in found.items() if key in wanted or not without} == wanted, name
    for bridge in ("bridge_movie_genre", "bridge_movie_company", "bridge_movie_country", "bridge_movie_language"):
        assert set(keyed(STATE[bridge], 2, 0)) == getattr(right, bridge), bridge
    for name in WHOLE_ROWS:
        assert {row for row in tables.rows(STATE[name]) if row[0] not in without} == getattr(right, name), name
    assert set(keyed("select snapshot_date, movie_id from raw_discover", 2, 1)) == right.raw_discover
    details = keyed("select snapshot_date, movie_id, status_code from raw_details", 2, 1)
    assert {key: status for key, (status,) in details.items()} == right.raw_details
