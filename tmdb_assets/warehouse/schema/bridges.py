"""The bridges: which films have which genres, companies, countries and languages, in their latest state."""

from __future__ import annotations

import sqlalchemy as sa

from tmdb_assets.transforms.conform import Kind
from tmdb_assets.warehouse.schema.vocabulary import Merge, column, table

KEPT_TOGETHER = "A film's links are replaced as a whole, and only together with its details_date."


def _bridge(dimension: str, dimension_key: str, kind: Kind, comment: str) -> sa.Table:
    name = f"bridge_movie_{dimension}"
    return table(
        name,
        f"One row per film and {comment} {KEPT_TOGETHER}",
        column("movie_id", "integer", "The film.", key=True, references="dim_movie.movie_id"),
        column(dimension_key, kind, f"The {dimension}.", key=True, references=f"dim_{dimension}.{dimension_key}"),
        sa.Index(f"ix_{name}_{dimension_key}", dimension_key),
        group="bridges",
        merge=Merge(),
    )


bridge_movie_genre = _bridge("genre", "genre_id", "integer", "genre.")
bridge_movie_company = _bridge("company", "company_id", "integer", "production company.")
bridge_movie_country = _bridge("country", "iso_3166_1", "text", "country of production (production_countries).")
bridge_movie_language = _bridge("language", "iso_639_1", "text", "spoken language (spoken_languages).")

BRIDGES = (bridge_movie_genre, bridge_movie_company, bridge_movie_country, bridge_movie_language)
