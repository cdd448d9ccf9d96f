"""A film's details (GET /movie/{id}) to the rows of the dimensions and bridges."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from tmdb_assets.transforms.conform import Reason, Rejected, Row, shorten

# The tables made from details.
DETAIL_TABLES = (
    "dim_genre",
    "dim_company",
    "dim_country",
    "dim_language",
    "dim_movie",
    "bridge_movie_genre",
    "bridge_movie_company",
    "bridge_movie_country",
    "bridge_movie_language",
)


def parse_answer(
    movie_id: int, status: int, payload: Any, fetched_at: dt.datetime, day: dt.date
) -> tuple[Row, Rejected | None]:
    """An answer for `raw_details`; rejected when it is not the details of the requested film."""
    row: Row = {
        "snapshot_date": day,
        "movie_id": movie_id,
        "status_code": status,
        "payload": payload,
        "fetched_at": fetched_at,
    }
    if status != 200 or (isinstance(payload, dict) and payload.get("id") == movie_id):
        return row, None
    found = payload.get("id") if isinstance(payload, dict) else payload
    reason = Reason("payload.id is the requested id", shorten(found))
    return row, Rejected(row, (reason,), film_part(row))


def film_part(row: Row) -> str:
    """Where a raw details row came from, as `rejected_row.part` names it."""
    return f"film {row['movie_id']}"


def text_or_none(value: Any) -> Any:
    """None for an empty text, which means unknown; any other value unchanged."""
    return None if value == "" else value


def title_of(film: dict[str, Any]) -> Any:
    """The title, or else the original title; a value of another kind stays unchanged."""
    title = text_or_none(film.get("title"))
    return text_or_none(film.get("original_title")) if title is None else title


def positive_or_none(value: Any) -> Any:
    """None for 0, which TMDb writes for an unknown runtime, budget or revenue; any other value unchanged."""
    return None if value == 0 and not isinstance(value, bool) else value


def _entries(value: Any) -> list[Any]:
    """The entries of a list field; anything but a list becomes one entry that will be rejected."""
    if value is None:
        return []
    return value if isinstance(value, list) else [[value]]


def _field(entry: Any, name: str) -> Any:
    # Anything but an object becomes a list, which fits no column's kind: the row is rejected.
    return entry.get(name) if isinstance(entry, dict) else (None if entry is None else [entry])


def parse_movie(payload: dict[str, Any], day: dt.date) -> Row:
    """The film itself, for `dim_movie`."""
    collection = payload.get("belongs_to_collection")
    return {
        "movie_id": payload.get("id"),
        "title": title_of(payload),
        "original_title": text_or_none(payload.get("original_title")),
        "release_date": text_or_none(payload.get("release_date")),
        "status": text_or_none(payload.get("status")),
        "original_language": text_or_none(payload.get("original_language")),
        "runtime_minutes": positive_or_none(payload.get("runtime")),
        "budget_usd": positive_or_none(payload.get("budget")),
        "revenue_usd": positive_or_none(payload.get("revenue")),
        "is_adult": payload.get("adult"),
        "homepage": text_or_none(payload.get("homepage")),
        "imdb_id": text_or_none(payload.get("imdb_id")),
        "overview": text_or_none(payload.get("overview")),
        "poster_path": text_or_none(payload.get("poster_path")),
        "collection_id": _field(collection, "id"),
        "collection_name": text_or_none(_field(collection, "name")),
        "as_of_date": day,
        "details_date": day,
        "removed_date": None,
    }


def parse_details(payloads: Iterable[dict[str, Any]], day: dt.date) -> dict[str, list[Row]]:
    """All rows in a day's details, by table; the last row of a key wins, so pass films in ascending order of id."""
    rows: dict[str, list[Row]] = {name: [] for name in DETAIL_TABLES}
    original_languages: dict[str, Row] = {}  # first, so that spoken languages, which have names, win
    for payload in payloads:
        movie_id = payload.get("id")
        rows["dim_movie"].append(parse_movie(payload, day))
        original_language = text_or_none(payload.get("original_language"))
        if original_language is not None:
            original_languages[str(original_language)] = {
                "iso_639_1": original_language,
                "name": None,
                "as_of_date": day,
            }
        for genre in _entries(payload.get("genres")):
            genre_id, name = _field(genre, "id"), text_or_none(_field(genre, "name"))
            rows["dim_genre"].append({"genre_id": genre_id, "name": name, "as_of_date": day})
            rows["bridge_movie_genre"].append({"movie_id": movie_id, "genre_id": genre_id})
        for company in _entries(payload.get("production_companies")):
            company_id = _field(company, "id")
            rows["dim_company"].append(
                {
                    "company_id": company_id,
                    "name": text_or_none(_field(company, "name")),
                    "origin_country": text_or_none(_field(company, "origin_country")),
                    "as_of_date": day,
                }
            )
            rows["bridge_movie_company"].append({"movie_id": movie_id, "company_id": company_id})
        for country in _entries(payload.get("production_countries")):
            code, name = _field(country, "iso_3166_1"), text_or_none(_field(country, "name"))
            rows["dim_country"].append({"iso_3166_1": code, "name": name, "as_of_date": day})
            rows["bridge_movie_country"].append({"movie_id": movie_id, "iso_3166_1": code})
        for language in _entries(payload.get("spoken_languages")):
            code = _field(language, "iso_639_1")
            rows["dim_language"].append({"iso_639_1": code, "name": language_name(language), "as_of_date": day})
            rows["bridge_movie_language"].append({"movie_id": movie_id, "iso_639_1": code})
    rows["dim_language"][:0] = original_languages.values()
    return rows


def language_name(entry: Any) -> Any:
    """A language's English name, or its own name, or None (answers before 2020 lack the first)."""
    return text_or_none(_field(entry, "english_name")) or text_or_none(_field(entry, "name"))
