"""The queries of `sql/examples`, run as a reader on films few enough to be counted by hand."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from tmdb_assets.settings import PROJECT_ROOT, SQL_DIR, Settings
from tmdb_assets.warehouse.schema.ddl import apply_view
from tmdb_assets.warehouse.schema.roles import READER, apply_roles
from tmdb_assets.warehouse.schema.views import VIEWS
from tmdb_assets.warehouse.server.open import Server
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.small_star import load_day
from tmdb_assets_tests.oracle.compare import copied_warehouse

EXAMPLES = sorted((SQL_DIR / "examples").glob("*.sql"))
D29, D05, D06 = dt.date(2026, 6, 29), dt.date(2026, 7, 5), dt.date(2026, 7, 6)  # Monday, Sunday, Monday
# Film 4 is removed; film 5 has nothing but a title; film 6's budget was typed in millions.
FILMS = """
insert into dim_genre (genre_id, name, as_of_date) values (18, 'Drama', '2026-07-06'), (35, 'Comedy', '2026-07-06');
insert into dim_language (iso_639_1, name, as_of_date)
    values ('en', 'English', '2026-07-06'), ('fr', 'French', '2026-07-06'), ('sh', null, '2026-07-06');
insert into dim_country (iso_3166_1, name, as_of_date)
    values ('FR', 'France', '2026-07-06'), ('IT', 'Italy', '2026-07-06'), ('US', 'USA', '2026-07-06');
insert into dim_company (company_id, name, origin_country, as_of_date)
    values (1, 'Moulin', 'FR', '2026-07-06'), (2, 'Mill', null, '2026-07-06');
insert into dim_movie (movie_id, title, release_date, original_language, runtime_minutes, budget_usd, revenue_usd,
    as_of_date, details_date, removed_date) values
    (550, 'Rain', '2001-05-04', 'fr', 90, 10000000, 30000000, '2026-07-06', '2026-07-06', null),
    (2, 'Snow', '2005-12-23', 'en', 120, 100000000, 50000000, '2026-07-06', '2026-07-06', null),
    (3, 'Wind', '2012-01-01', 'fr', null, null, null, '2026-07-06', '2026-07-06', null),
    (4, 'Hail', '2013-06-14', 'en', 80, 5000000, 50000000, '2026-07-06', '2026-07-06', '2026-07-06'),
    (5, 'Dust', null, null, null, null, null, '2026-07-06', null, null),
    (6, 'Fog', '2014-10-15', 'sh', 70, 12, 4000000, '2026-07-06', '2026-07-06', null);
insert into bridge_movie_genre (movie_id, genre_id) values (550, 18), (550, 35), (2, 18), (3, 35), (4, 18), (6, 18);
insert into bridge_movie_country (movie_id, iso_3166_1)
    values (550, 'FR'), (550, 'IT'), (2, 'US'), (3, 'FR'), (4, 'FR'), (4, 'US'), (6, 'FR'), (6, 'IT'), (6, 'US');
insert into bridge_movie_company (movie_id, company_id) values (550, 1), (3, 1), (4, 2), (2, 2);
insert into dim_person (person_id, name, known_for_department, as_of_date)
    values (1, 'Daniel Radcliffe', 'Acting', '2026-07-06'), (2, 'Ann', 'Acting', '2026-07-06'),
    (3, 'Bo', 'Directing', '2026-07-06');
insert into bridge_movie_cast (movie_id, credit_id, person_id, cast_order) values (550, 'a', 1, 0), (550, 'b', 1, 1),
    (550, 'c', 2, 2), (2, 'd', 2, 0), (2, 'e', 1, 4), (3, 'f', 1, 5), (3, 'g', 2, 0), (4, 'h', 1, 0), (4, 'i', 3, 1);
insert into bridge_movie_crew (movie_id, credit_id, person_id, job)
    values (550, 'j', 3, 'Director'), (550, 'k', 3, 'Editor'), (2, 'l', 3, 'Director'), (6, 'm', 3, 'Director'),
    (6, 'n', 2, 'Editor');
insert into dim_keyword (keyword_id, name, as_of_date) values (7, 'storm', '2026-07-06'), (8, 'sea', '2026-07-06');
insert into bridge_movie_keyword (movie_id, keyword_id) values (550, 7), (6, 7), (3, 7), (4, 7), (2, 8);
insert into movie_release (movie_id, iso_3166_1, release_type, release_date, certification) values
    (550, 'US', 'Theatrical', '2026-07-06', 'R'), (2, 'US', 'Digital', '2026-08-03', null),
    (2, 'US', 'TV', '2026-08-04', null), (3, 'US', 'Premiere', '2026-07-05', null), (4, 'US', 'TV', '2026-07-07', null),
    (6, 'FR', 'Premiere', '2026-07-07', null), (5, 'US', 'Theatrical', '2026-07-06', null);
"""
FORECASTS = """
insert into forecast_movie_daily (origin_date, horizon, movie_id, model, popularity) values
    ('2026-07-06', 7, 550, 'damped_drift', 15.4), ('2026-07-06', 7, 2, 'damped_drift', 12),
    ('2026-07-06', 7, 6, 'damped_drift', 7.5), ('2026-07-06', 7, 5, 'last_value', 1),
    ('2026-07-06', 1, 5, 'mean_7d', 9), ('2026-07-05', 7, 5, 'mean_7d', 9);
insert into forecast_score (origin_date, model, horizon, origin_count, pair_count, wape, is_published, facts_hash)
select '2026-07-06', model, horizon, 9, 45, wape / horizon, model = 'last_value' and horizon = 1 or wape < 0.1, ''
from (values ('last_value', 0.2), ('damped_drift', 0.09)) as m (model, wape), generate_series(1, 2) as horizon
where not (model = 'damped_drift' and horizon = 1);
insert into movie_similar (movie_id, rank, similar_id, score, because) values
    (550, 1, 3, 0.25, 'genre Comedy'), (550, 2, 5, 0.0251, '2000s'), (2, 1, 550, 0.1, 'genre Drama');
"""
DAYS = {  # day -> film -> popularity, mean rating, ratings
    D29: {550: (10.0, 7.0, 100), 2: (20.0, 6.0, 500), 4: (5.0, 5.0, 50), 6: (2.0, 8.5, 300)},
    D05: {550: (12.0, 7.0, 110), 2: (16.0, 6.0, 505), 3: (4.0, None, 0), 4: (6.0, 5.0, 50), 6: (4.0, 8.5, 310)},
    D06: {550: (14.0, 7.0, 120), 2: (15.0, 6.0, 510), 3: (8.0, 7.5, 10), 5: (1.0, None, 0), 6: (5.0, 8.5, 320)},
}
GAP = [(dt.date(2026, 6, 30) + dt.timedelta(days=n), None, 10.0, None, None, None, None) for n in range(5)]
# File -> its rows; numbers compare by value, whether they come as double precision or numeric.
EXPECTED: dict[str, list[tuple[Any, ...]]] = {
    "top_films_of_a_country": [
        (1, "Rain", dt.date(2001, 5, 4), 14, 7, 120, 1),
        (2, "Wind", dt.date(2012, 1, 1), 8, 7.5, 10, 0),
        (3, "Fog", dt.date(2014, 10, 15), 5, 8.5, 320, 2),
    ],
    "genre_trend_by_week": [
        ("Comedy", D29, 2, 2, 0.382, None),  # 10 + 12 + 4 of 68: film 4 is removed
        ("Comedy", D06, 1, 2, 0.512, 0.129),  # 14 + 8 of 43
        ("Drama", D29, 2, 3, 0.941, None),  # 10 + 12 + 20 + 16 + 2 + 4
        ("Drama", D06, 1, 3, 0.791, -0.15),
    ],
    "genre_ranking": [
        ("Drama", 79.1, 79.1, 14, 3, 3, D06, 7.17, 6.97),  # 34 of 43; (7 * 120 + 6 * 510 + 8.5 * 320) / 950
        ("Comedy", 51.2, 51.2, 11, 2, 2, D06, 7.25, 7.04),
    ],
    "rising_in_percent": [(1, "Rain", 10, 14, 40)],  # Fog rose by 150%, from 2: too little
    "biggest_movers": [
        ("rise", "Rain", 10, 14, 4, 40),
        ("rise", "Fog", 2, 5, 3, 150),
        ("fall", "Snow", 20, 15, -5, -25),
    ],
    "co_production_pairs": [
        ("France", "Italy", 2, 0.5),
        ("France", "USA", 2, 0.5),
        ("Italy", "USA", 1, 0.5),
    ],
    "film_curve": [
        (D29, 10, 10, 7, 100, None, "discover"),
        *GAP,
        (D05, 12, 11, 7, 110, 10, "discover"),
        (D06, 14, 13, 7, 120, 10, "discover"),
    ],
    "budget_and_revenue_by_decade": [
        (2000, 2, 2, 55, 40, 1.75, 0.5),
        (2010, 0, 2, None, None, None, None),
    ],
    "language_share": [
        ("French", 2, 0.4, 0.512),  # 22 of 43
        ("English", 1, 0.2, 0.349),
        ("sh", 1, 0.2, 0.116),
        ("unknown", 1, 0.2, 0.023),
    ],
    "weekday_of_release": [
        ("Wednesday", 1, 0.333, 1, 8.5),
        ("Friday", 2, 0.667, 2, 6.5),
    ],
    "films_gained_and_lost": [
        ("gained", 5, "Dust", 1, None),
        ("lost", 4, "Hail", 6, D06),
    ],
    "hidden_gems": [("Fog", dt.date(2014, 10, 15), 5, 8.5, 320, 8.2)],  # (8.5 * 320 + 7.25 * 100) / 420
    "who_drives_popularity": [  # film 4 is removed; roles and jobs in one film count once
        ("Ann", "Acting", 4, 42, 11, "Snow", 0.36),
        ("Daniel Radcliffe", "Acting", 3, 37, 14, "Snow", 0.41),
        ("Bo", "Directing", 3, 34, 14, "Snow", 0.44),
    ],
    "best_directors": [(1, "Bo", 3, 950, 6.97, 6.97)],
    "costars_of_a_person": [("Ann", 2)],
    "what_opens_where": [
        (D06, "Rain", "Theatrical", "R", 14, 40),
        (D06, "Dust", "Theatrical", None, 1, None),
        (dt.date(2026, 8, 3), "Snow", "Digital", None, 15, -25),
    ],
    "rising_themes": [("storm", 3, 8, 58.3)],  # 14 + 5 against 10 + 2
    "similar_films": [(1, "Wind", 2012, 0.25, "genre Comedy"), (2, "Dust", None, 0.025, "2000s")],
    "forecast_quality": [(1, "last_value", 20, 20, 9), (2, "damped_drift", 4.5, 10, 9)],
    "expected_risers": [("Fog", 5, 7.5, 50), ("Rain", 14, 15.4, 10)],
    "company_ranking": [(1, "Moulin", "FR", 2, 22, "Rain")],
    "data_quality": [
        ("films without a release date", 1, 5, 0.2),
        ("films without a runtime", 2, 5, 0.4),
        ("films without a budget", 2, 5, 0.4),
        ("films without a revenue", 2, 5, 0.4),
        ("films never seen in details", 1, 5, 0.2),
        ("films without a genre", 1, 5, 0.2),
        ("films without a production country", 1, 5, 0.2),
        ("days that were not loaded", 5, 8, 0.625),
        ("days loaded only from exports", 0, 3, 0),
        ("rows rejected", 0, None, None),
    ],
}

# Film 7 left the data after the day before; 101 to 103 have few good votes, 104 many bad ones; a day a month ago.
MORE = """
insert into dim_movie (movie_id, title, as_of_date) select n, 'F' || n, '2026-07-06' from unnest(array[7, 101, 102, 103,
    104]) as n;
insert into movie_latest (movie_id, popularity, snapshot_date, vote_average, vote_count, votes_date) values
    (7, 1, '2026-07-05', 9, 5000, '2026-07-05'), (101, 1, '2026-07-06', 9, 10, '2026-07-06'),
    (102, 1, '2026-07-06', 9, 10, '2026-07-06'), (103, 1, '2026-07-06', 9, 10, '2026-07-06'),
    (104, 1, '2026-07-06', 4, 9000, '2026-07-06');
insert into dim_person (person_id, name, as_of_date) values (4, 'Cy', '2026-07-06');
insert into bridge_movie_crew (movie_id, credit_id, person_id, job) select n, 'o' || n, case n when 7 then 3 else 4 end,
    'Director' from unnest(array[7, 101, 102, 103]) as n;
insert into bridge_movie_cast (movie_id, credit_id, person_id, cast_order) values (7, 'p', 1, 0), (7, 'q', 2, 1);
insert into dim_date values ('2026-06-06', 2026, 2, 6, 6, 23, 6, 'June', true);
insert into fact_movie_daily (date_id, movie_id, popularity, source) values ('2026-06-06', 550, 4, 'export');
"""


@pytest.fixture(scope="module")
def empty(server: Server) -> Iterator[Warehouse]:
    """The views and roles, and no day."""
    with copied_warehouse(server) as made:
        apply_roles(made.engine, Settings.load(), is_embedded=True)
        with made.begin() as connection:
            for view in VIEWS:
                apply_view(connection, view.name)
        yield made


@pytest.fixture(scope="module")
def films(server: Server, empty: Warehouse) -> Iterator[Warehouse]:
    """The films and their three days."""
    empty.engine.dispose()  # a copy is made of a database that nobody uses
    with copied_warehouse(server, str(empty.url.database)) as made:
        with made.begin() as connection:
            connection.exec_driver_sql(FILMS)
            connection.execute(
                sa.text("insert into dim_date values (:d, 2026, 3, 7, 1, 27, 1, 'July', false)"),
                [{"d": D29 + dt.timedelta(days=n)} for n in range(1, 6)],
            )
        for day, figures in DAYS.items():
            load_day(made, day, figures)
        with made.begin() as connection:
            connection.exec_driver_sql(FORECASTS)
        yield made


def read(warehouse: Warehouse, name: str) -> list[tuple[Any, ...]]:
    text = (SQL_DIR / "examples" / f"{name}.sql").read_text(encoding="utf-8")
    with warehouse.begin() as connection:
        connection.exec_driver_sql(f"set local role {READER}")
        rows = connection.exec_driver_sql(text.replace("%", "%%")).all()
    return [tuple(float(value) if isinstance(value, Decimal) else value for value in row) for row in rows]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_starts_with_its_question_and_how_to_read_it(path: Any) -> None:
    text = path.read_text(encoding="utf-8")
    header = text[: text.index("\nwith " if "\nwith " in text else "\nselect")]
    assert header.startswith("-- Question: ")
    assert header.splitlines()[0].endswith("?")
    assert header.splitlines()[1].startswith("-- How to read: one row per ") or "How to read: the 10 biggest" in header
    assert text.endswith(";\n")
    assert ";" not in text[:-2].removeprefix(header)


def test_every_example_is_expected() -> None:
    assert {path.stem for path in EXAMPLES} == set(EXPECTED)
    assert len(EXPECTED) == 22


@pytest.mark.parametrize("name", EXPECTED)
def test_an_example_answers_its_question(films: Warehouse, name: str) -> None:
    found = read(films, name)
    assert [len(row) for row in found] == [len(row) for row in EXPECTED[name]]
    assert found == [pytest.approx(row) if row else row for row in EXPECTED[name]]


def test_few_votes_do_not_reach_the_top_and_films_of_an_older_day_count_for_nobody(films: Warehouse) -> None:
    with films.engine.connect() as connection:  # rolled back
        connection.exec_driver_sql(MORE)
        found = connection.exec_driver_sql(
            "select rank, name, n_movies, total_votes, round(votes_weighted_rating::numeric, 3)::float, "
            "round(weighted_rating::numeric, 3)::float from vw_director_ranking order by rank"
        ).all()
        # All films: (6620 + 75 + 270 + 36000) / 9990 = 4.3008; Bo (6620 + 4300.8) / 1950, Cy (270 + 4300.8) / 1030.
        assert [tuple(row) for row in found] == [(1, "Bo", 3, 950, 6.968, 5.600), (2, "Cy", 3, 30, 9.0, 4.438)]
        costars = "select costar_name, n_movies from vw_costars where name = 'Daniel Radcliffe'"
        assert connection.exec_driver_sql(costars).all() == [("Ann", 2)]
        people = "select name, n_movies from vw_person_popularity where person_id in (3, 4) order by name"
        assert connection.exec_driver_sql(people).all() == [("Bo", 3), ("Cy", 3)]
        change = "select distinct title, change_30d from vw_upcoming_releases where movie_id in (550, 2) order by title"
        assert connection.exec_driver_sql(change).all() == [("Rain", 10.0), ("Snow", None)]


def test_the_readmes_queries_give_the_columns_that_it_shows(films: Warehouse) -> None:
    text = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"```sql\n(.*?)```\n\n```text\n(.*?)\n", text, re.DOTALL)
    assert len(shown) == 3
    for query, header in shown:
        with films.begin() as connection:
            connection.exec_driver_sql(f"set local role {READER}")
            found = connection.exec_driver_sql(query)
            assert list(found.keys()) == [name.strip() for name in header.split("|")]


@pytest.mark.parametrize("name", EXPECTED)
def test_an_example_is_empty_for_an_empty_warehouse(empty: Warehouse, name: str) -> None:
    rows = read(empty, name)
    assert [row for row in rows if row[-1]] == []
    assert len(rows) == (10 if name == "data_quality" else 0)
