"""Years of a star schema, made inside Postgres: millions of films, links and daily facts in the real tables.

Everything is computed from a film's number and the day, so that two runs make the same rows. A film has on average 2.5
genres, 1.3 countries, 2 companies and 1.5 languages. One film in a hundred is removed. Films are stored in the order
of their ids, as the loader writes them.
"""

from __future__ import annotations

import csv
import datetime as dt

import sqlalchemy as sa

from tmdb_assets.settings import SHIPPED_DATA_DIR
from tmdb_assets.transforms.calendar import calendar_rows
from tmdb_assets.warehouse.schema.ddl import ensure_partition
from tmdb_assets.warehouse.schema.dimensions import country_continent, dim_date
from tmdb_assets.warehouse.schema.fact import fact_movie_daily

GENRES, LANGUAGES, FILMS_A_COMPANY = 19, 60, 3
FILM_ID = "number * 7"  # ids with gaps, as TMDb's

DIMENSIONS = """
insert into dim_country (iso_3166_1, name, continent, as_of_date)
select iso_3166_1, name, continent, :day from country_continent order by 1;
insert into dim_genre (genre_id, name, as_of_date)
select number, 'Genre ' || number, :day from generate_series(1, :genres) as number;
insert into dim_language (iso_639_1, name, as_of_date)
select chr(97 + number / 26) || chr(97 + number % 26), 'Language ' || number, :day
from generate_series(0, :languages - 1) as number;
insert into dim_company (company_id, name, origin_country, as_of_date)
select number, 'Company ' || number, 'US', :day from generate_series(1, :companies) as number;
insert into dim_movie (
    movie_id, title, original_title, release_date, status, original_language, runtime_minutes, is_adult, imdb_id,
    overview, poster_path, as_of_date, details_date, removed_date
)
select
    {film}, 'Film ' || md5(number::text), 'Film ' || md5(number::text), date '1925-01-01' + (number % 36500)::integer,
    'Released', 'aa', 60 + number % 120, false, 'tt' || number,
    repeat(md5(number::text), 12), '/' || md5(number::text) || '.jpg', :day, :day,
    case when hash(number, 1) % 100 = 0 then :day end
from generate_series(1, :films) as number
"""

# Per bridge: its key column, the key of link `link` of film `number` (all different), and the last link's number.
LINKS = {
    "bridge_movie_genre": ("genre_id", "1 + (hash(number, 2) + link * 3) % {genres}", "hash(number, 3) % 4"),
    "bridge_movie_company": ("company_id", "1 + (hash(number, 4) + link) % {companies}", "hash(number, 5) % 3"),
    "bridge_movie_country": (
        "iso_3166_1",
        # A third of the films from one country, the others spread; further links are the next countries in the list.
        "(select codes[1 + (case when hash(number, 6) % 3 = 0 then 0 else hash(number, 7) % {countries} end + link)"
        " % {countries}] from codes)",
        "case when hash(number, 8) % 10 < 3 then 1 else 0 end",
    ),
    "bridge_movie_language": (
        "iso_639_1",
        "chr((97 + ((hash(number, 9) + link) % {languages}) / 26)::integer)"
        " || chr((97 + ((hash(number, 9) + link) % {languages}) % 26)::integer)",
        "hash(number, 10) % 2",
    ),
}

# People, keywords and releases as TMDb's popular films have them: 13 members of the cast and 9 of the crew stored, one
# in eight a leading person of many films, 8 keywords, and 8 releases of which some are still to come.
PEOPLE = """
insert into dim_person (person_id, name, known_for_department, as_of_date)
select number, 'Person ' || number, 'Acting', :day from generate_series(1, :people) as number;
insert into bridge_movie_cast (movie_id, credit_id, person_id, character_name, cast_order)
select {film}, md5('cast' || number || ' ' || link), {person}, 'Character ' || link, link
from generate_series(1, :films) as number, generate_series(0, 6 + hash(number, 20) % 14) as link order by 1, 2;
insert into bridge_movie_crew (movie_id, credit_id, person_id, department, job)
select {film}, md5('crew' || number || ' ' || link), {person}, 'Directing',
    case when link = 0 then 'Director' else 'Producer' end
from generate_series(1, :films) as number, generate_series(0, 4 + hash(number, 21) % 9) as link order by 1, 2;
insert into dim_keyword (keyword_id, name, as_of_date)
select number, 'keyword ' || number, :day from generate_series(1, :keywords) as number;
insert into bridge_movie_keyword (movie_id, keyword_id)
select distinct
    {film},
    1 + (hash(number, (22 + link)::integer) % :keywords) * (hash(number, (23 + link)::integer) % :keywords) / :keywords
from generate_series(1, :films) as number, generate_series(1, 8) as link order by 1, 2;
insert into movie_release (movie_id, iso_3166_1, release_type, release_date, certification)
select distinct
    {film}, (array['US', 'FR', 'DE', 'JP', 'GB', 'ES', 'IT', 'BR'])[link], 'Theatrical',
    :day + (hash(number, (30 + link)::integer) % 4000)::integer - 3800, '12'
from generate_series(1, :films) as number, generate_series(1, 8) as link order by 1, 2
"""
PERSON = (
    "1 + case when link % 8 = 0 then hash(number, (40 + link)::integer) % (1 + :people / 40) "
    "else hash(number, (40 + link)::integer) % :people end"
)

CODES = """
with codes as materialized (
    select array_agg(iso_3166_1 order by iso_3166_1 <> 'US', iso_3166_1) as codes from dim_country
)
"""

# Popularity as skewed as TMDb's: half of the films under 1, a few over 1,000; up to a tenth up or down per day.
MEASURES = """
select
    {film} as movie_id,
    0.6 / (0.0004 + (hash(number, 11) % 100000) / 100000::float8) * (1 + 0.1 * sin(number + :offset)) as popularity,
    case when votes > 0 then 1 + (hash(number, 12) % 9000) / 1000::float8 end as vote_average,
    votes as vote_count,
    'discover' as source
from (
    select number, (hash(number, 13) % 4 * (hash(number, 14) % 900 + :offset))::integer as votes
    from generate_series(1, :films) as number
) as film
order by 1
"""

HASH = """
create or replace function hash(number bigint, salt integer) returns bigint
language sql immutable parallel safe
return hashint8extended(number, salt) & 4611686018427387903
"""


def make_dimensions(
    connection: sa.Connection, films: int, first: dt.date, last: dt.date, *, with_people: bool = True
) -> None:
    """Fill the calendar, dimensions and bridges for `films` films; `first` is the day of their details."""
    connection.exec_driver_sql(
        "set local session_replication_role = replica"
    )  # the rows are valid: no keys are looked up
    connection.exec_driver_sql(HASH)
    connection.execute(dim_date.insert(), calendar_rows(first.year, last.year))
    with (SHIPPED_DATA_DIR / "country_continent.csv").open(encoding="utf-8", newline="") as file:
        countries = list(csv.DictReader(file))
    connection.execute(country_continent.insert(), countries)
    sizes = {"genres": GENRES, "languages": LANGUAGES, "companies": max(10, films // FILMS_A_COMPANY)}
    for statement in DIMENSIONS.format(film=FILM_ID).split(";"):
        connection.execute(sa.text(statement), sizes | {"films": films, "day": first})
    for bridge, (key, value, more) in LINKS.items():
        link = value.format(countries=len(countries), **sizes)
        connection.execute(
            sa.text(
                f"{CODES}insert into {bridge} (movie_id, {key}) select {FILM_ID}, {link} "
                f"from generate_series(1, :films) as number, generate_series(0, {more}) as link order by 1, 2"
            ),
            {"films": films},
        )
    people = {"films": films, "day": first, "people": max(40, films * 6), "keywords": max(20, films // 2)}
    for statement in PEOPLE.format(film=FILM_ID, person=PERSON).split(";") if with_people else ():
        connection.execute(sa.text(statement), people)


def measures(films: int, day: dt.date) -> tuple[sa.TextClause, dict[str, int]]:
    """The query for a day's measures of all films, as the assets read them from the raw layer, and its parameters."""
    return sa.text(MEASURES.format(film=FILM_ID)), {"films": films, "offset": day.toordinal() % 1000}


def make_facts(engine: sa.Engine, films: int, first: dt.date, days: int) -> None:
    """Fill `days` days of the fact from `first` on without the loader, one transaction per day, sorted by film."""
    for number in range(days):
        day = first + dt.timedelta(days=number)
        ensure_partition(engine, fact_movie_daily, day)
        query, parameters = measures(films, day)
        with engine.begin() as connection:
            connection.exec_driver_sql("set local session_replication_role = replica")
            connection.execute(
                sa.text(
                    "insert into fact_movie_daily (date_id, movie_id, popularity, vote_average, vote_count, source) "
                    f"select :day, m.* from ({query.text}) as m"
                ),
                parameters | {"day": day},
            )
