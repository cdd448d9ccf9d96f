"""The pictures of the newest day and of the days before it, as metadata: each with its figures beside it as a table."""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from dagster import (
    MaterializeResult,
    MetadataValue,
    ResourceParam,
    TableRecord,
    asset,
)

from tmdb_assets.assets.declare import OWNERS
from tmdb_assets.assets.outages import retried_after_outage
from tmdb_assets.assets.source import TmdbSource
from tmdb_assets.settings import ATTRIBUTION
from tmdb_assets.warehouse.latest import NEWEST_DAY
from tmdb_assets.warehouse.resource import Warehouse

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

KEY_FIGURES = """
select
    count(*) as n_movies,
    avg(vote_average) as avg_vote,
    coalesce(sum(vote_count), 0)::bigint as total_votes,
    avg(popularity) as avg_popularity,
    max(snapshot_date) as snapshot_date
from vw_movie_latest
inner join dim_movie using (movie_id)
where snapshot_date = (select max(date_id) from load_day) and removed_date is null
"""
GENRES = "select genre_id, name, avg_popularity, total_votes, nb_movies from vw_genre_popularity order by 3 desc"
CONTINENTS = "select continent, avg_popularity, n_movies, total_votes from vw_continent_popularity order by 2 desc"
TOP_FILMS = "select * from vw_top_movies order by rank limit 20"
UNTABLED = ["movie_id", "snapshot_date", "votes_date"]  # what would only widen the table beside a picture
# Each limit of the days is a subquery of its own, so that Postgres reads only the months between them.
TOP_FILMS_BY_DAY = """
select f.date_id, t.movie_id, t.title, f.popularity
from vw_top_movies as t
inner join fact_movie_daily as f on t.movie_id = f.movie_id
where
    t.rank <= 8
    and f.date_id between (select max(date_id) - 30 from load_day) and (select max(date_id) from load_day)
order by t.rank, f.date_id
"""
# Both ends of the week; a film whose change is unknown tells the chart that there is no history. The view's rank is
# left alone: so ten rows from either end are found without sorting a million films.
MOVERS = """
with changes as not materialized (
    select movie_id, title, popularity, popularity_7d_ago, change_7d from vw_trending_movies
),
risers as (select * from changes order by change_7d desc nulls last, popularity desc, movie_id limit 10),
fallers as (select * from changes order by change_7d nulls last, popularity desc, movie_id limit 10)

select * from (select * from risers union select * from fallers) as movers
order by change_7d desc nulls last, popularity desc, movie_id
"""


@asset(
    group_name="reports",
    kinds={"altair", "python"},
    owners=OWNERS,
    deps=["vw_movie_latest", "vw_top_movies"],
    description="Two pictures of the newest day: the key figures (films, mean rating, votes) and the top 20 films, "
    f"from vw_movie_latest and vw_top_movies. {ATTRIBUTION}",
)
@retried_after_outage
def report_films(
    warehouse: ResourceParam[Warehouse], tmdb: ResourceParam[TmdbSource]
) -> Iterator[MaterializeResult[Any]]:
    """Key figures and top films."""
    from tmdb_assets.charts import figures

    pictures = [("key_figures", figures.key_figures, KEY_FIGURES), ("top_films", figures.top_films, TOP_FILMS)]
    yield _report(warehouse, tmdb, pictures)


@asset(
    group_name="reports",
    kinds={"altair", "python"},
    owners=OWNERS,
    deps=["vw_genre_popularity", "vw_continent_popularity"],
    description="Two pictures of the newest day: mean popularity by genre and by continent, from vw_genre_popularity "
    f"and vw_continent_popularity. {ATTRIBUTION}",
)
@retried_after_outage
def report_popularity(
    warehouse: ResourceParam[Warehouse], tmdb: ResourceParam[TmdbSource]
) -> Iterator[MaterializeResult[Any]]:
    """Mean popularity by genre and by continent."""
    from tmdb_assets.charts import figures

    pictures = [
        ("genre_popularity", figures.genre_popularity, GENRES),
        ("continent_popularity", figures.continent_popularity, CONTINENTS),
    ]
    yield _report(warehouse, tmdb, pictures)


@asset(
    group_name="reports",
    kinds={"altair", "python"},
    owners=OWNERS,
    deps=["vw_trending_movies", "vw_top_movies"],
    description="Two pictures of the newest day and the month before it: the popularity of the top films day by day, "
    "and the films that rose and fell most in a week, from vw_trending_movies and vw_top_movies. They need more than "
    f"one loaded day. {ATTRIBUTION}",
)
@retried_after_outage
def report_trends(
    warehouse: ResourceParam[Warehouse], tmdb: ResourceParam[TmdbSource]
) -> Iterator[MaterializeResult[Any]]:
    """Popularity over time and movers of the week."""
    from tmdb_assets.charts import trends

    pictures = [
        ("popularity_over_time", trends.popularity_over_time, TOP_FILMS_BY_DAY),
        ("movers_of_the_week", trends.movers_of_the_week, MOVERS),
    ]
    tables = {"popularity_over_time": films_beside_days, "movers_of_the_week": moved_only}
    yield _report(warehouse, tmdb, pictures, tables)


def films_beside_days(frame: "pd.DataFrame") -> "pd.DataFrame":
    """One row a day, the newest first, and one column a film: 31 rows are read where 248 would not be."""
    titles = dict(zip(frame["movie_id"], frame["title"], strict=True))
    times = Counter(titles.values())
    headings = {film: title if times[title] == 1 else f"{title} ({film})" for film, title in titles.items()}
    by_day = frame.pivot(index="date_id", columns="movie_id", values="popularity")[list(titles)]
    return by_day.rename(columns=headings).sort_index(ascending=False).rename_axis("day (UTC)").reset_index()


def moved_only(frame: "pd.DataFrame") -> "pd.DataFrame":
    """The films with a known change other than zero."""
    return frame.dropna(subset=["change_7d"]).query("change_7d != 0")


Picture = tuple[str, Callable[..., "alt.LayerChart"], str]
Arrange = Callable[["pd.DataFrame"], "pd.DataFrame"]


def _report(
    warehouse: Warehouse,
    tmdb: TmdbSource,
    pictures: list[Picture],
    tables: Mapping[str, Arrange] = MappingProxyType({}),
) -> MaterializeResult[Any]:
    """Draw each picture from its query; its figures stand beside it as a table, which the UI shows in place.

    `tables` says how a picture's figures are arranged, where they do not stand as they come.
    """
    from tmdb_assets.charts.render import to_markdown, to_png

    metadata: dict[str, Any] = {"source": tmdb.settings.source}
    with warehouse.begin() as connection:
        day: dt.date | None = connection.scalar(sa.text(NEWEST_DAY))
        frames = {name: _frame(connection, query) for name, _, query in pictures}
    for name, draw, _ in pictures:
        frame = frames[name]
        png = to_png(draw(frame, snapshot_date=day, is_sample=tmdb.is_sandbox))
        metadata[f"{name}_picture"] = MetadataValue.md(to_markdown(png, name.replace("_", " ")))
        if len(frame) and name in tables:
            frame = tables[name](frame)
        if len(frame):
            metadata[f"{name}_table"] = MetadataValue.table(_records(frame.drop(columns=UNTABLED, errors="ignore")))
    metadata |= {"snapshot_date": str(day), "attribution": ATTRIBUTION}
    return MaterializeResult(metadata=metadata)


def _frame(connection: sa.Connection, query: str) -> "pd.DataFrame":
    import pandas as pd

    return pd.read_sql_query(sa.text(query), connection)


def _records(frame: "pd.DataFrame") -> list[TableRecord]:
    """A frame as table records: dates as text, numbers rounded to three places, missing values as None."""
    return [
        TableRecord({str(name): _cell(value) for name, value in row.items()}) for row in frame.to_dict(orient="records")
    ]


def _cell(value: Any) -> Any:
    if value is None or value != value:
        return None
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, int) or hasattr(value, "is_integer"):
        return int(value) if float(value).is_integer() else round(float(value), 3)
    return str(value)
