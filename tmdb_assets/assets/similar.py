"""The asset of the films similar to those of the newest loaded day."""

from collections.abc import Iterator

from dagster import ResourceParam

from tmdb_assets.assets.declare import table_asset
from tmdb_assets.assets.publish import AssetEvent, materialized
from tmdb_assets.warehouse.loading.load import Loaded, count_rows
from tmdb_assets.warehouse.loading.similar import find_similar
from tmdb_assets.warehouse.schema import derived
from tmdb_assets.warehouse.warehouse import Warehouse

MADE_FROM = [
    "fact_movie_daily",
    "dim_movie",
    "dim_genre",
    "dim_keyword",
    "dim_person",
    "dim_company",
    "dim_language",
    "bridge_movie_genre",
    "bridge_movie_keyword",
    "bridge_movie_cast",
    "bridge_movie_crew",
    "bridge_movie_company",
]


@table_asset(derived.movie_similar, daily=False, deps=MADE_FROM)
def movie_similar(warehouse: ResourceParam[Warehouse]) -> Iterator[AssetEvent]:
    """Films similar to each of the most popular films; the database checks the table's rules."""
    table = derived.movie_similar
    with warehouse.begin() as connection:
        counts = find_similar(connection)
        rows = count_rows(connection, table, None)
    yield materialized(Loaded(table, received=rows, counts=counts), rows)
