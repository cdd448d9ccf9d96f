"""Measure a warehouse with years of facts: load of one more day, the latest state, the views, sizes on disk.

    python -m benchmarks.scale [--rows 1000000] [--films 100000] [--json FILE]

Fills a private Postgres: days of `--films` films each until the fact has `--rows` rows, made on the server, with links
and dimensions. One more day goes through the loader after a tenth of the days and after all of them. Exit code 0, or 1
when a bound is missed or the views differ from a count of the films. Over 200,000 films have no cast, crew, keywords
and releases, which would take longer than all facts; similar films are then not measured.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import math
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from benchmarks.bench import BenchmarkError, bench_folder, machine, private_server
from benchmarks.star import make_dimensions, make_facts, measures
from tmdb_assets.assets.views import VIEWS
from tmdb_assets.transforms.conform import Conformed, conform
from tmdb_assets.transforms.discover import fact_rows
from tmdb_assets.warehouse.loading.latest_state import keep_latest, renew_totals
from tmdb_assets.warehouse.loading.load import load
from tmdb_assets.warehouse.loading.similar import find_similar
from tmdb_assets.warehouse.schema.ddl import apply_view
from tmdb_assets.warehouse.schema.fact import fact_movie_daily as fact
from tmdb_assets.warehouse.schema.vocabulary import frame_columns, key_columns
from tmdb_assets.warehouse.server.databases import WarehouseUnavailableError
from tmdb_assets.warehouse.warehouse import Warehouse

FIRST_DAY = dt.date(2026, 1, 1)
DAY = dt.timedelta(days=1)
ROWS_A_CHUNK = 50_000
TIMES = 5  # timed reads of a view, after a warm-up
REFRESHES = 3  # days of which the median is reported
MEASURES = (
    "median_popularity, popularity_share, top_200_share, n_movies_with_votes, oldest_votes_date, avg_rating, "
    "votes_weighted_rating"
)
SUMS = f"code, avg_popularity, total_votes, n_movies, {MEASURES} from count_totals() where kind = '{{}}' order by 1"
# View -> its rows, and below what a count of all films gives.
KEPT_VIEWS = {
    "vw_top_movies": "select rank, movie_id from vw_top_movies order by 1",
    "vw_genre_popularity": f"select genre_id::text, avg_popularity, total_votes, nb_movies, {MEASURES} "
    "from vw_genre_popularity order by 1",
    "vw_continent_popularity": f"select continent, avg_popularity, total_votes, n_movies, {MEASURES} "
    "from vw_continent_popularity order by 1",
}
COUNTS = {
    "vw_top_movies": "select rank, movie_id from count_top() order by 1",
    "vw_genre_popularity": "select " + SUMS.format("genre"),
    "vw_continent_popularity": "select " + SUMS.format("continent"),
}
# Changes of one film between two days' facts, as loads of bridges and dim_movie make them.
CHANGES = {
    "genres": "delete from bridge_movie_genre where movie_id = (select min(movie_id) from bridge_movie_genre)",
    "countries": "delete from bridge_movie_country where movie_id = (select min(movie_id) from bridge_movie_country)",
    "a removal": "update dim_movie set removed_date = current_date "
    "where movie_id = (select movie_id from top_movie where rank = 1)",
}
# Bounds in ms, and the number of films up to which they hold (a view without kept totals grows with the films). For the
# latest state after all days: 1.5 times that after a tenth of them, because two shared cores are noisy.
PEOPLE = ("vw_person_popularity", "vw_director_ranking", "vw_costars", "vw_upcoming_releases", "vw_keyword_popularity")
MOST_MS = (
    dict.fromkeys(KEPT_VIEWS, (150.0, math.inf))
    | dict.fromkeys(("vw_trending_movies", "vw_load_status"), (1000.0, 100_000))
    | dict.fromkeys(PEOPLE, (300.0, 10_000))
)
JUDGED_FROM = 1_000_000  # rows; bounds of a smaller history are printed only
MOST_RATIO = 1.5
MOST_SIMILAR_S = 60.0
WITH_PEOPLE_UP_TO = 200_000  # films
YEAR_DAYS, FILMS_A_DAY = 365, (10_000, 1_000_000)
SIZES = """
select
    coalesce(p.relname, c.relname) as name,
    sum(pg_table_size(c.oid))::bigint as table_bytes,
    sum(pg_indexes_size(c.oid))::bigint as index_bytes
from pg_class as c
left join pg_inherits as i on i.inhrelid = c.oid
left join pg_class as p on p.oid = i.inhparent
where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
group by 1
having sum(pg_total_relation_size(c.oid)) > 1000000 or coalesce(p.relname, c.relname) = 'fact_movie_daily'
order by sum(pg_total_relation_size(c.oid)) desc
"""
Figures = dict[str, float]


def fill(warehouse: Warehouse, films: int, first: int, days: int) -> None:
    """Fill days of the fact without the loader, keep the latest state of the newest, and vacuum as autovacuum would."""
    make_facts(warehouse.engine, films, FIRST_DAY + first * DAY, days)
    with warehouse.begin() as connection:
        keep_latest(connection, FIRST_DAY + (first + days - 1) * DAY)
    _autocommit(warehouse, "vacuum analyze")


def _autocommit(warehouse: Warehouse, command: str) -> None:
    with warehouse.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("set statement_timeout = 0")
        connection.exec_driver_sql(command)
        connection.exec_driver_sql("reset statement_timeout")


def _frames(warehouse: Warehouse, films: int, day: dt.date) -> Iterator[Conformed]:
    query, parameters = measures(films, day)
    with warehouse.begin() as connection:
        streamed = connection.execution_options(yield_per=ROWS_A_CHUNK).execute(query, parameters)
        for rows in streamed.partitions(ROWS_A_CHUNK):
            facts = fact_rows((tuple(row) for row in rows), day)
            yield conform(facts, frame_columns(fact), key=tuple(key_columns(fact)))


def measure_day(warehouse: Warehouse, films: int, number: int) -> Figures:
    """Load day `number` as the asset does: seconds of loading the rows into the fact, and of the latest state."""
    day = FIRST_DAY + number * DAY
    _autocommit(warehouse, "checkpoint")  # what the fill wrote must not be flushed during the day
    started = time.perf_counter()
    with warehouse.begin() as connection:
        loaded = load(connection, fact, _frames(warehouse, films, day), day=day)
        stored = time.perf_counter()
        keep_latest(connection, day)
    kept = time.perf_counter()
    if loaded.counts.inserted != films:
        raise BenchmarkError(f"{day}: {loaded.counts.inserted} of {films} facts were inserted.")
    return {"load_s": stored - started, "latest_s": kept - stored, "whole_s": kept - started}


def measure_days(warehouse: Warehouse, films: int, number: int) -> Figures:
    """Medians of `REFRESHES` days in a row, from day `number` on."""
    days = [measure_day(warehouse, films, number + more) for more in range(REFRESHES)]
    return {name: statistics.median(day[name] for day in days) for name in days[0]}


def measure_views(warehouse: Warehouse) -> tuple[Figures, Figures]:
    """Milliseconds of reading each whole view, warm, and the kept ones during and after each change of a film.

    Also the milliseconds from each change to the end of its commit.
    """
    with warehouse.begin() as connection:
        for view in VIEWS:
            apply_view(connection, view.name)
    times = {view.name: _read_ms(warehouse, view.name) for view in VIEWS}
    _require_counted(warehouse)
    commits = {}
    for what, change in CHANGES.items():
        with warehouse.engine.connect() as changing:
            changing.exec_driver_sql(change)
            during = {f"{view}, during {what}": _read_ms(warehouse, view) for view in KEPT_VIEWS}
            started = time.perf_counter()
            renew_totals(changing)
            changing.commit()
            commits[what] = 1000 * (time.perf_counter() - started)
        after = {f"{view}, after {what}": _read_ms(warehouse, view) for view in KEPT_VIEWS}
        _require_counted(warehouse)
        times |= during | after
    return times, commits


def _require_counted(warehouse: Warehouse) -> None:
    """Raise `BenchmarkError` where a view differs from a count of all films."""
    for view, count in COUNTS.items():
        with warehouse.begin() as connection:
            shown, right = ([_rounded(row) for row in connection.exec_driver_sql(q)] for q in (KEPT_VIEWS[view], count))
        if not shown or shown != right:
            raise BenchmarkError(f"{view} differs from a count of the films.")


def _rounded(row: sa.Row[tuple[object, ...]]) -> list[object]:
    return [round(value, 6) if isinstance(value, float) else value for value in row]


def _read_ms(warehouse: Warehouse, view: str) -> float:
    """Planning and execution of the whole view, without the transfer to the client."""
    times = []
    for _ in range(TIMES + 1):
        with warehouse.begin() as connection:
            explained = connection.exec_driver_sql(f"explain (analyze, timing off, format json) select * from {view}")
            (plan,) = explained.scalar_one()
        times.append(plan["Planning Time"] + plan["Execution Time"])
    return statistics.median(times[1:])


def measure_similar(warehouse: Warehouse) -> Figures:
    """Seconds of finding the films similar to the 10,000 most popular, again, and again after a film changed."""
    times = []
    for change in ("select 1", "select 1", CHANGES["genres"]):
        with warehouse.begin() as connection:
            connection.exec_driver_sql(change)
            started = time.perf_counter()
            find_similar(connection)
        times.append(time.perf_counter() - started)
    return dict(zip(("first_s", "again_s", "after_a_change_s"), times, strict=True))


def measure_sizes(warehouse: Warehouse) -> dict[str, tuple[int, int]]:
    """Bytes of the fact and each table over a megabyte, and of their indexes; partitions count as their table."""
    with warehouse.begin() as connection:
        return {name: (int(table), int(index)) for name, table, index in connection.execute(sa.text(SIZES))}


def growth_gb(sizes: dict[str, tuple[int, int]], rows: int) -> dict[int, float]:
    """Gigabytes by which the fact grows in a year, by films per day."""
    a_row = sum(sizes[fact.name]) / rows
    return {films: a_row * films * YEAR_DAYS / 1e9 for films in FILMS_A_DAY}


def print_figures(figures: dict[str, Figures], sizes: dict[str, tuple[int, int]], rows: int) -> None:
    """Print all figures, one line each."""
    for what, found in figures.items():
        print(f"{what}: " + ", ".join(f"{name} {value:,.2f}" for name, value in found.items()))
    for name, (table, index) in sizes.items():
        print(f"{name}: {table / 1e6:,.0f} MB and {index / 1e6:,.0f} MB of indexes")
    table, index = sizes[fact.name]
    print(f"a row of the fact: {(table + index) / rows:.0f} bytes, {index / rows:.0f} of them in the index of its key")
    for films, grown in growth_gb(sizes, rows).items():
        print(f"growth of the fact at {films:,} films a day: {grown:,.1f} GB a year")


def missed_bounds(figures: dict[str, Figures], films: int) -> list[str]:
    """Print whether each figure is within its bound; return those that are not."""
    before, after = (figures[what]["latest_s"] for what in ("after a tenth of the days", "after all days"))
    held = [("latest state, after all days / after a tenth of them", after / before, MOST_RATIO)]
    for what, found in figures["views, ms"].items():  # what: the view, and during or after which change
        view = what.split(",")[0]
        most, most_films = MOST_MS.get(view, (0.0, 0))
        if films <= most_films:
            held.append((f"{what}, ms", found, most))
    if "similar films" in figures:
        held.append(("similar films, s", figures["similar films"]["first_s"], MOST_SIMILAR_S))
    for what, found, most in held:
        print(f"{what}: {found:.2f}, {'within' if found <= most else 'OVER'} the bound of {most:g}")
    return [what for what, found, most in held if found > most]


def measure(warehouse: Warehouse, rows: int, films: int) -> tuple[dict[str, Figures], dict[str, tuple[int, int]]]:
    """Fill and measure: figures by what was measured, and sizes."""
    days = rows // films
    early, with_people = max(1, days // 10), films <= WITH_PEOPLE_UP_TO
    started = time.perf_counter()
    with warehouse.begin() as connection:
        last = FIRST_DAY + (days + REFRESHES) * DAY
        make_dimensions(connection, films, FIRST_DAY, last, with_people=with_people)
    fill(warehouse, films, 0, early)
    figures = {"after a tenth of the days": measure_days(warehouse, films, early)}
    fill(warehouse, films, early + REFRESHES, days - early - REFRESHES)
    print(f"filled in {time.perf_counter() - started:.0f} s", flush=True)
    figures["after all days"] = measure_days(warehouse, films, days)
    # Right after a load, before autovacuum.
    figures["views, ms"], figures["commit of one film's change, ms"] = measure_views(warehouse)
    if with_people:
        figures["similar films"] = measure_similar(warehouse)
    return figures, measure_sizes(warehouse)


def _arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description="Measure years of history.")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the fact; default: %(default)s")
    parser.add_argument("--films", type=int, default=100_000, help="films a day; default: %(default)s")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to a file")
    found = parser.parse_args(given)
    if found.films < 1 or found.rows < (REFRESHES + 2) * found.films:
        parser.error(f"--rows must be at least {REFRESHES + 2} days of --films")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; return the exit code."""
    given = _arguments(arguments)
    try:
        with bench_folder() as folder, private_server(folder / "postgres") as server:
            about = machine(server)
            print(f"{given.rows:,} facts, {given.films:,} films a day; {about}", flush=True)
            warehouse = Warehouse(url=sa.make_url(server.replace("postgresql:", "postgresql+psycopg:", 1)))
            try:
                figures, sizes = measure(warehouse, given.rows, given.films)
            finally:
                warehouse.close()
    except (BenchmarkError, WarehouseUnavailableError) as error:
        print(error, file=sys.stderr)
        return 1
    rows = (given.rows // given.films + REFRESHES) * given.films
    print_figures(figures, sizes, rows)
    if given.json:
        written = {"machine": about, "rows": rows, "figures": figures, "sizes": sizes}
        given.json.write_text(json.dumps(written, indent=2))
    return 1 if missed_bounds(figures, given.films) and given.rows >= JUDGED_FROM else 0


if __name__ == "__main__":
    raise SystemExit(main())
