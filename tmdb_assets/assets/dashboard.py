"""The dashboard as an asset: one HTML page of the newest day and its history, for any browser, without a server."""

import datetime as dt
import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import sqlalchemy as sa
from dagster import AssetExecutionContext, DataVersion, MaterializeResult, MetadataValue, ResourceParam

from tmdb_assets.assets.declare import DAILY_BY_NOON, REPORTS_GROUP, declared_asset
from tmdb_assets.assets.reports import find_made, version_of
from tmdb_assets.assets.tmdb_source import TmdbSource
from tmdb_assets.charts.apart import apart
from tmdb_assets.dashboard.page_rows import PageRows
from tmdb_assets.settings import ATTRIBUTION, SQL_DIR, Settings
from tmdb_assets.settings.folders import quality_pages
from tmdb_assets.warehouse.read_pictures import query_rows, read_newest_day
from tmdb_assets.warehouse.read_popularity import read_popularity
from tmdb_assets.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    from tmdb_assets.dashboard.page_data import Figures

DASHBOARD = "dashboard"
MOST_FILMS = 10_000
MOST_DAYS = 90
MOST_DETAILED = 2_000

# Only what tmdb_reader may read: views, dimensions, bridges and the fact.
READS = [
    "vw_movie_latest",
    "vw_load_status",
    "dim_movie",
    "dim_genre",
    "dim_country",
    "dim_language",
    "dim_person",
    "bridge_movie_genre",
    "bridge_movie_country",
    "bridge_movie_cast",
    "bridge_movie_crew",
    "bridge_movie_keyword",
    "dim_keyword",
    "movie_release",
    "movie_similar",
    "fact_movie_daily",
]
# The queries shown next to the parts of the page.
QUERIES = {
    "curves": "examples/film_curve.sql",
    "film": "examples/film_curve.sql",
    "movers": "examples/biggest_movers.sql",
    "films": "pictures/top_films.sql",
    "genre": "examples/genre_ranking.sql",
    "country": "pictures/production_countries.sql",
    "language": "examples/language_share.sql",
    "continent": "pictures/continent_popularity.sql",
}
FILMS = """
select
    l.movie_id,
    l.title,
    m.original_title,
    extract(year from l.release_date)::integer as release_year,
    l.vote_average,
    l.vote_count,
    m.original_language,
    array(select b.genre_id from bridge_movie_genre as b where b.movie_id = l.movie_id) as genres,
    array(select b.iso_3166_1 from bridge_movie_country as b where b.movie_id = l.movie_id) as countries,
    array(
        select c.person_id
        from (
            select b.person_id, -1 as place from bridge_movie_crew as b
            where b.movie_id = l.movie_id and b.job = 'Director'
            union all
            select b.person_id, b.cast_order as place from bridge_movie_cast as b
            where b.movie_id = l.movie_id and b.cast_order < 5
        ) as c
        group by c.person_id
        order by min(c.place), c.person_id
    ) as people,
    (
        select count(distinct b.person_id)
        from bridge_movie_crew as b
        where b.movie_id = l.movie_id and b.job = 'Director'
    )::integer as n_directors,
    count(*) over () as n_films
from vw_movie_latest as l
inner join dim_movie as m on l.movie_id = m.movie_id
where l.snapshot_date = :day and m.removed_date is null
order by l.popularity desc, l.movie_id asc
limit :most
"""
DETAILS = """
select
    m.movie_id,
    m.release_date::text as release,
    m.runtime_minutes as runtime,
    left(m.overview, 500) as overview,
    m.poster_path as poster,
    array(
        select k.name
        from bridge_movie_keyword as b
        inner join dim_keyword as k on b.keyword_id = k.keyword_id
        where b.movie_id = m.movie_id
        order by k.name
        limit 10
    ) as keywords,
    (
        select json_agg(json_build_array(r.country, r.release_type, r.release_date, r.certification))
        from (
            select coalesce(c.name, e.iso_3166_1) as country, e.release_type, e.release_date, e.certification
            from movie_release as e
            left join dim_country as c on e.iso_3166_1 = c.iso_3166_1
            where e.movie_id = m.movie_id
            order by e.release_date, e.iso_3166_1, e.release_type
            limit 20
        ) as r
    ) as releases,
    (
        select json_agg(json_build_array(s.similar_id::text, s.because) order by s.rank)
        from movie_similar as s
        where s.movie_id = m.movie_id and s.rank <= 8
    ) as similar
from dim_movie as m
where m.movie_id = any(:films)
"""
GENRES = "select genre_id as code, name from dim_genre"
COUNTRIES = "select iso_3166_1 as code, name, continent from dim_country"
PEOPLE = "select person_id as code, name from dim_person where person_id = any(:people)"
LANGUAGES = "select iso_639_1 as code, name from dim_language"


def dashboard_path(settings: Settings, database: str) -> Path:
    """Where the page of a database is written: each has its own, so that sample and real figures never mix."""
    return settings.reports_folder / f"dashboard_{quote(database, safe='')}.html"


def quality_folder(settings: Settings, database: str) -> Path:
    """The folder of the pages on the quality of each day, next to the dashboard's page."""
    return quality_pages(settings.reports_folder, database)


@declared_asset(
    DASHBOARD,
    group_name=REPORTS_GROUP,
    freshness_policy=DAILY_BY_NOON,
    kinds={"html", "python"},
    deps=READS,
    description=f"One interactive HTML page of the newest day's films (the {MOST_FILMS:,} most popular) and their "
    f"popularity over {MOST_DAYS} days: filters, search, curves, movers.\n\n"
    "Where it is: at *Metadata*, `path` is the file, in REPORTS_DIR. `tmdb-assets run --open` opens it, in any browser "
    f"and without a network.\n\n{ATTRIBUTION}",
)
def dashboard(
    context: AssetExecutionContext, warehouse: ResourceParam[Warehouse], tmdb: ResourceParam[TmdbSource]
) -> Iterator[MaterializeResult[Any]]:
    """Read the figures; where they or the page's code changed, or the page is not what it was, build and replace it."""
    with warehouse.begin() as connection:
        rows = read_page_rows(connection)
    path = dashboard_path(tmdb.settings, str(warehouse.url.database))
    history = {name: hashlib.sha256(column.tobytes()).hexdigest() for name, column in rows.history.items()}
    made_of = version_of(tmdb, str(path), replace(rows, history=history))
    metadata = find_made(context, context.asset_key, f"{made_of}-{_hash_of(path)}")
    if metadata is None:
        page, counts = apart(
            "tmdb_assets.dashboard.build:build_page_of",
            rows,
            source=tmdb.settings.source,
            is_sample=tmdb.is_sandbox,
            language=tmdb.settings.report_language,
            quality=f"{quality_folder(tmdb.settings, str(warehouse.url.database)).name}/index.html",
        )
        replace_file(path, page)
        metadata = {
            "path": MetadataValue.path(path),
            "bytes": MetadataValue.int(len(page)),
            **{name: MetadataValue.int(count) for name, count in counts.items()},
            "snapshot_date": MetadataValue.text(str(rows.snapshot_date)),
            **tmdb.provenance,
        }
    yield MaterializeResult(metadata=metadata, data_version=DataVersion(f"{made_of}-{_hash_of(path)}"))


def _hash_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:32] if path.exists() else ""


def read_page_rows(connection: sa.Connection) -> PageRows:
    """The newest loaded day's films and their history; only dimensions, bridges, the fact and views are read."""
    day = read_newest_day(connection)
    names, films = query_rows(connection, FILMS, day=day, most=MOST_FILMS)
    newest = day or dt.date(2000, 1, 1)  # any day: there are no films
    column = {name: [film[place] for film in films] for place, name in enumerate(names)}
    return PageRows(
        snapshot_date=day,
        films=(names, films),
        genres=query_rows(connection, GENRES),
        countries=query_rows(connection, COUNTRIES),
        languages=query_rows(connection, LANGUAGES),
        details=query_rows(connection, DETAILS, films=column["movie_id"][:MOST_DETAILED]),
        queries={part: (SQL_DIR / name).read_text(encoding="utf-8") for part, name in QUERIES.items()},
        people=query_rows(connection, PEOPLE, people=sorted({code for codes in column["people"] for code in codes})),
        history=read_popularity(connection, column["movie_id"], newest - dt.timedelta(days=MOST_DAYS - 1), newest),
    )


def read_figures(connection: sa.Connection) -> "Figures":
    """What `read_page_rows` reads, as frames. Imports pandas."""
    from tmdb_assets.dashboard.page_data import figures_of

    return figures_of(read_page_rows(connection))


def replace_file(path: Path, content: bytes) -> None:
    """Replace a file atomically: a reader gets the old or the new content, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
