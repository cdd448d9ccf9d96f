"""The bridges: what belongs to which film in its latest state: genres, people, keywords, releases and the like."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from tmdb_assets.transforms.appended import CERTIFICATION_LENGTH, NOTE_LENGTH, PARTS, RELEASE_TYPES
from tmdb_assets.transforms.conform import Kind
from tmdb_assets.warehouse.schema.vocabulary import Merge, column, table


def _kept_with(part: str) -> str:
    return f"A film's rows are replaced as a whole, and only together with its {PARTS[part].date_column}."


def _film() -> sa.Column[Any]:
    return column("movie_id", "integer", "The film.", key=True, references="dim_movie.movie_id")


def _bridge(
    dimension: str, dimension_key: str, kind: Kind, comment: str, *, links_date: str = "details_date"
) -> sa.Table:
    name = f"bridge_movie_{dimension}"
    kept = f"A film's links are replaced as a whole, and only together with its {links_date}."
    return table(
        name,
        f"One row per film and {comment} {kept}",
        _film(),
        column(dimension_key, kind, f"The {dimension}.", key=True, references=f"dim_{dimension}.{dimension_key}"),
        sa.Index(f"ix_{name}_{dimension_key}", dimension_key),
        group="bridges",
        merge=Merge(),
        links_date=links_date,
    )


def _credits(who: str, comment: str, *columns: sa.Column[Any]) -> sa.Table:
    name = f"bridge_movie_{who}"
    return table(
        name,
        f"One row per film and credit: {comment} {_kept_with('credits')}",
        _film(),
        column("credit_id", "text", "TMDb's id of the credit: a person may have several.", key=True, max_length=100),
        column("person_id", "integer", "The person.", references="dim_person.person_id"),
        *columns,
        sa.Index(f"ix_{name}_person_id", "person_id"),
        group="bridges",
        merge=Merge(),
        links_date=PARTS["credits"].date_column,
    )


bridge_movie_genre = _bridge("genre", "genre_id", "integer", "genre.")
bridge_movie_company = _bridge("company", "company_id", "integer", "production company.")
bridge_movie_country = _bridge("country", "iso_3166_1", "text", "country of production (production_countries).")
bridge_movie_language = _bridge("language", "iso_639_1", "text", "spoken language (spoken_languages).")

bridge_movie_keyword = _bridge("keyword", "keyword_id", "integer", "keyword.", links_date=PARTS["keywords"].date_column)
bridge_movie_cast = _credits(
    "cast",
    "who plays whom, the first TMDB_CAST_LIMIT by cast_order.",
    column("character_name", "text", "The character; NULL where unknown.", nullable=True, max_length=2000),
    column("cast_order", "integer", "Place in the cast, from 0.", nullable=True, at_least=0),
)
bridge_movie_crew = _credits(
    "crew",
    "who did what behind the camera, of the jobs in TMDB_CREW_JOBS.",
    column("department", "text", "Directing, Writing, Production, ...", nullable=True, max_length=100),
    column("job", "text", "Director, Screenplay, Producer, ...", nullable=True, max_length=200),
)

movie_release = table(
    "movie_release",
    f"One row per film, country, type and date of a release. {_kept_with('release_dates')}",
    _film(),
    column("iso_3166_1", "text", "ISO 3166-1 code of the country as TMDb writes it.", key=True, matches="^[A-Z]{2}$"),
    column("release_type", "text", "How it is released.", key=True, one_of=tuple(RELEASE_TYPES.values())),
    column("release_date", "date", "The date of the release in that country.", key=True),
    column(
        "certification",
        "text",
        "The age rating in that country; NULL where unknown.",
        nullable=True,
        max_length=CERTIFICATION_LENGTH,
    ),
    column("note", "text", "Where or how, such as a festival or a service.", nullable=True, max_length=NOTE_LENGTH),
    sa.Index("ix_movie_release_release_date", "release_date"),
    group="bridges",
    for_readers=True,
    merge=Merge(),
    links_date=PARTS["release_dates"].date_column,
)

BRIDGES = (
    bridge_movie_genre,
    bridge_movie_company,
    bridge_movie_country,
    bridge_movie_language,
    bridge_movie_cast,
    bridge_movie_crew,
    bridge_movie_keyword,
    movie_release,
)
