"""Discover's pages (GET /discover/movie) to raw rows, and raw rows to first dimension rows and to the day's facts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from tmdb_assets.transforms.conform import Row
from tmdb_assets.transforms.details import title_of
from tmdb_assets.transforms.entries import text_or_none

PAGE_SIZE = 20


def parse_page(results: list[Any], page: int, day: dt.date, fetched_at: dt.datetime) -> list[Row]:
    """The films of one page, for `raw_discover`; `rank` is the position in the whole list, from 1."""
    rows = []
    for place, entry in enumerate(results, start=1):
        film = entry if isinstance(entry, dict) else {}
        rows.append(
            {
                "snapshot_date": day,
                "movie_id": film.get("id"),
                "popularity": film.get("popularity"),
                "vote_average": film.get("vote_average"),
                "vote_count": film.get("vote_count"),
                "rank": (page - 1) * PAGE_SIZE + place,
                "payload": entry,
                "fetched_at": fetched_at,
            }
        )
    return rows


def page_name(page: int, slice_name: str = "") -> str:
    """The name of a page, of a slice if one is named, as `rejected_row.part` and reports give it."""
    return f"{slice_name} page {page}".lstrip()


def page_of(row: Row, slice_name: str = "") -> str:
    """The name of the page that a raw discover row came from."""
    return page_name(page_number(row["rank"]), slice_name)


def page_number(rank: int) -> int:
    """The number of the page that holds a rank."""
    return (rank - 1) // PAGE_SIZE + 1


def first_movie_rows(films: Iterable[dict[str, Any]], day: dt.date) -> list[Row]:
    """What discover says about each film, for `dim_movie`; details add the rest."""
    return [
        {
            "movie_id": film.get("id"),
            "title": title_of(film),
            "original_title": text_or_none(film.get("original_title")),
            "release_date": text_or_none(film.get("release_date")),
            "original_language": text_or_none(film.get("original_language")),
            "is_adult": film.get("adult"),
            "poster_path": text_or_none(film.get("poster_path")),
            "as_of_date": day,
            "details_date": None,
            "removed_date": None,
        }
        for film in films
    ]


def language_rows(films: Iterable[dict[str, Any]], day: dt.date) -> list[Row]:
    """The original languages of films, for `dim_language`: discover sends codes without names."""
    codes = {text_or_none(film.get("original_language")) for film in films if _is_text(film.get("original_language"))}
    return [{"iso_639_1": code, "name": None, "as_of_date": day} for code in sorted(codes - {None})]


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def fact_rows(measures: Iterable[tuple[int, float, float | None, int | None, str]], day: dt.date) -> list[Row]:
    """The day's facts (movie_id, popularity, vote_average, vote_count, source); 0 votes have no average."""
    return [
        {
            "date_id": day,
            "movie_id": movie_id,
            "popularity": popularity,
            "vote_average": vote_average if vote_count else None,
            "vote_count": vote_count,
            "source": source,
        }
        for movie_id, popularity, vote_average, vote_count, source in measures
    ]
