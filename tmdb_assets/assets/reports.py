"""The pictures of the newest day, as metadata: each with its figures beside it as a table."""

import datetime as dt
from collections.abc import Callable, Iterator
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
from tmdb_assets.assets.source import TmdbSource
from tmdb_assets.settings import ATTRIBUTION
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
NEWEST_DAY = "select max(date_id) from load_day"


@asset(
    group_name="reports",
    kinds={"altair", "python"},
    owners=OWNERS,
    deps=["vw_movie_latest", "vw_top_movies"],
    description="Two pictures of the newest day: the key figures (films, mean rating, votes) and the top 20 films, "
    f"from vw_movie_latest and vw_top_movies. {ATTRIBUTION}",
)
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


Picture = tuple[str, Callable[..., "alt.LayerChart"], str]


def _report(warehouse: Warehouse, tmdb: TmdbSource, pictures: list[Picture]) -> MaterializeResult[Any]:
    """Draw each picture from its query; its figures stand beside it as a table, which the UI shows in place."""
    from tmdb_assets.charts.render import to_markdown, to_png

    metadata: dict[str, Any] = {"source": tmdb.settings.source}
    with warehouse.begin() as connection:
        day: dt.date | None = connection.scalar(sa.text(NEWEST_DAY))
        frames = {name: _frame(connection, query) for name, _, query in pictures}
    for name, draw, _ in pictures:
        frame = frames[name]
        png = to_png(draw(frame, snapshot_date=day, is_sample=tmdb.is_sandbox))
        metadata[f"{name}_picture"] = MetadataValue.md(to_markdown(png, name.replace("_", " ")))
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
