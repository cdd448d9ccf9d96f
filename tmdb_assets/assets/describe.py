"""What the UI shows of a table or view: its grain, where its rows come from, its columns, and a query to start with."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from dagster import TableColumn, TableColumnConstraints, TableSchema

from tmdb_assets.warehouse.schema.vocabulary import rule_texts, sql_type

EXAMPLE_QUERIES = {
    "raw_discover": "select rank, payload ->> 'title' from raw_discover order by snapshot_date desc, rank limit 20",
    "raw_details": "select status_code, count(*) from raw_details group by status_code",
    "raw_export": "select snapshot_date, count(*), max(popularity) from raw_export group by snapshot_date order by 1",
    "raw_reference": "select kind, count(*) from raw_reference group by kind",
    "country_continent": "select continent, count(*) from country_continent group by continent order by 2 desc",
    "dim_movie": "select title, release_date, runtime_minutes from dim_movie where status = 'Released' "
    "order by release_date desc limit 20",
    "dim_genre": "select genre_id, name from dim_genre order by name",
    "dim_company": "select origin_country, count(*) from dim_company group by origin_country order by 2 desc",
    "dim_country": "select continent, count(*) from dim_country group by continent order by 2 desc",
    "dim_language": "select iso_639_1, name from dim_language order by name",
    "dim_date": "select date_id, month_name from dim_date where is_weekend order by date_id desc limit 20",
    "bridge_movie_genre": "select name, count(*) from bridge_movie_genre join dim_genre using (genre_id) "
    "group by name order by 2 desc",
    "bridge_movie_company": "select name, count(*) from bridge_movie_company join dim_company using (company_id) "
    "group by company_id, name order by 2 desc limit 20",
    "bridge_movie_country": "select name, count(*) from bridge_movie_country join dim_country using (iso_3166_1) "
    "group by name order by 2 desc",
    "bridge_movie_language": "select name, count(*) from bridge_movie_language join dim_language using (iso_639_1) "
    "group by name order by 2 desc",
    "fact_movie_daily": "select date_id, count(*), avg(popularity) from fact_movie_daily group by date_id order by 1",
    "vw_movie_latest": "select title, popularity, vote_average from vw_movie_latest order by popularity desc limit 20",
    "vw_top_movies": "select rank, title, popularity from vw_top_movies order by rank limit 10",
    "vw_genre_popularity": "select name, avg_popularity, nb_movies from vw_genre_popularity order by 2 desc",
    "vw_continent_popularity": "select continent, avg_popularity, n_movies from vw_continent_popularity "
    "order by 2 desc",
    "vw_trending_movies": "select rank, title, popularity, change_7d from vw_trending_movies order by rank limit 20",
    "vw_load_status": "select date_id, n_movies, discover_share from vw_load_status order by date_id desc limit 30",
}
"""By table or view; for your own tables a plain select is shown."""


def describe_rows(name: str, comment: str, made_from: Sequence[str]) -> str:
    """The description of a table or view: its comment, whose first sentence is the grain, its source, and a query.

    The assets that it is made from are named only where the comment does not name its source itself.
    """
    example = EXAMPLE_QUERIES.get(name, f"select * from {name} limit 20")
    has_source = "Source:" in comment or not made_from
    source = [] if has_source else [f"Made from {', '.join(made_from)}."]
    return "\n\n".join([comment, *source, f"Example: `{example}`"])


def column_schema(table: sa.Table) -> TableSchema:
    """The `dagster/column_schema` of a table: known from its declaration before it is first materialized."""
    is_unique = len(table.primary_key.columns) == 1
    return TableSchema(
        columns=[
            TableColumn(
                col.name,
                sql_type(col),
                description=col.comment,
                constraints=TableColumnConstraints(
                    nullable=bool(col.nullable), unique=is_unique and col.primary_key, other=rule_texts(col)
                ),
            )
            for col in table.columns
        ]
    )
