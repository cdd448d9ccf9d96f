"""A star schema small enough to count by hand: five films with links, and days loaded as the asset does."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from tmdb_assets.assets.views import VIEWS
from tmdb_assets.transforms.discover import fact_rows
from tmdb_assets.warehouse.loading.latest_state import ensure_day, keep_latest
from tmdb_assets.warehouse.loading.load import load
from tmdb_assets.warehouse.schema.ddl import apply_view
from tmdb_assets.warehouse.schema.fact import fact_movie_daily
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.sound_rows import as_frame
from tmdb_assets_tests.oracle.compare import Tables

BEFORE, DAY, AFTER = (dt.date(2026, 7, number) for number in (1, 2, 3))
Votes = tuple[float, float | None, int | None]  # popularity, mean rating, ratings
Measures = tuple[int, float, float | None, int | None, str]  # the film, its votes as above, and their source

# Film 1 spans two countries of one continent; film 4 is removed; film 5 has neither genre nor country. Ann and Bo share
# two films, of which Bo directed none.
LINKS = """
insert into dim_genre (genre_id, name, as_of_date) values (18, 'Drama', :day), (35, 'Comedy', :day);
insert into country_continent (iso_3166_1, name, continent) values
    ('FR', 'France', 'Europe'), ('IT', 'Italy', 'Europe'), ('US', 'United States of America', 'North America');
insert into dim_country (iso_3166_1, name, continent, as_of_date)
    select iso_3166_1, name, continent, :day from country_continent;
insert into dim_movie (movie_id, title, as_of_date, removed_date)
    select id, 'Film ' || id, :day, case when id = 4 then cast(:day as date) end from generate_series(1, 5) as id;
insert into bridge_movie_genre (movie_id, genre_id) values (1, 18), (1, 35), (2, 18), (3, 35), (4, 18);
insert into bridge_movie_country (movie_id, iso_3166_1) values (1, 'FR'), (1, 'IT'), (2, 'US'), (3, 'FR'), (4, 'US');
insert into dim_person (person_id, name, as_of_date) values (1, 'Ann', :day), (2, 'Bo', :day);
insert into bridge_movie_cast (movie_id, credit_id, person_id, cast_order) values
    (1, 'a', 1, 0), (2, 'b', 1, 0), (1, 'c', 2, 1), (2, 'd', 2, 1), (4, 'e', 2, 0);
insert into bridge_movie_crew (movie_id, credit_id, person_id, job) values (3, 'f', 2, 'Director');
insert into movie_release (movie_id, iso_3166_1, release_type, release_date, certification)
    values (3, 'FR', 'Theatrical', '2026-07-12', '12'), (2, 'US', 'Digital', '2026-07-02', null)
"""
FIRST_DAY: Mapping[int, Votes] = {1: (1.0, 5.0, 1), 2: (9.0, 6.0, 2), 4: (2.0, None, 0), 5: (1.0, None, 0)}
SECOND_DAY: Mapping[int, Votes] = {1: (4.0, 7.0, 10), 2: (2.0, 6.0, 20), 3: (8.0, None, 0), 4: (99.0, 9.0, 99)}

GENRES = "select name, avg_popularity, total_votes, nb_movies from vw_genre_popularity order by name"
CONTINENTS = "select continent, avg_popularity, n_movies, total_votes from vw_continent_popularity order by continent"
TOP = "select rank, movie_id, popularity, vote_count from vw_top_movies"


def load_day(warehouse: Warehouse, day: dt.date, films: Mapping[int, Votes]) -> None:
    """Load a day's facts and, in the same transaction, the latest state. All are from discover, also without votes."""
    load_facts(warehouse, day, [(film, *values, "discover") for film, values in films.items()])


def load_facts(warehouse: Warehouse, day: dt.date, measures: Iterable[Measures]) -> None:
    """Load a day's facts, with their source, and the latest state."""
    with warehouse.begin() as connection:
        ensure_day(connection, day)
    with warehouse.begin() as connection:
        load(connection, fact_movie_daily, [as_frame(fact_movie_daily, fact_rows(measures, day))], day=day)
        keep_latest(connection, day)


def make_star(warehouse: Warehouse) -> Tables:
    """Films, links, two days and the views."""
    tables = Tables(warehouse)
    for statement in LINKS.split(";"):
        tables.execute(statement, **({"day": BEFORE} if ":day" in statement else {}))
    load_day(warehouse, BEFORE, FIRST_DAY)
    load_day(warehouse, DAY, SECOND_DAY)
    with warehouse.begin() as connection:
        for view in VIEWS:
            apply_view(connection, view.name)
    return tables


def shown(tables: Tables) -> dict[str, list[Any]]:
    """The rows of the views with kept totals."""
    return {name: tables.rows(query) for name, query in (("genre", GENRES), ("continent", CONTINENTS), ("top", TOP))}
