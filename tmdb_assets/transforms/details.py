"""A film's details (GET /movie/{id}) to the rows of the dimensions and bridges."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tmdb_assets.transforms import appended
from tmdb_assets.transforms.appended import Film
from tmdb_assets.transforms.conform import CASTS, Reason, Rejected, Row, WrongKindError, shorten
from tmdb_assets.transforms.entries import Cell, field, rows_of, text_or_none


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
        "collection_id": field(collection, "id"),
        "collection_name": text_or_none(field(collection, "name")),
        "as_of_date": day,
        "details_date": day,
        "removed_date": None,
        **appended.part_dates(payload, day),
    }


def language_name(entry: Any) -> Any:
    """A language's English name, or its own name, or None (answers before 2020 lack the first)."""
    return text_or_none(field(entry, "english_name")) or text_or_none(field(entry, "name"))


def _listed(films: Iterable[Film], name: str) -> Iterator[tuple[Any, Any]]:
    """The entries of a list field of every film, each with the film's id."""
    for film in films:
        for entry in _entries(film.get(name)):
            yield film.get("id"), entry


def _company_rows(films: Iterable[Film], day: dt.date) -> list[Row]:
    return [
        {
            "company_id": field(entry, "id"),
            "name": text_or_none(field(entry, "name")),
            "origin_country": text_or_none(field(entry, "origin_country")),
            "as_of_date": day,
        }
        for _, entry in _listed(films, "production_companies")
    ]


def _language_rows(films: Sequence[Film], day: dt.date) -> list[Row]:
    """First the original languages, each once, as they have no names; then the spoken ones."""
    codes = [text_or_none(film.get("original_language")) for film in films]
    original = {str(code): code for code in codes if code is not None}
    rows: list[Row] = [{"iso_639_1": code, "name": None, "as_of_date": day} for code in original.values()]
    return rows + [
        {"iso_639_1": field(entry, "iso_639_1"), "name": language_name(entry), "as_of_date": day}
        for _, entry in _listed(films, "spoken_languages")
    ]


def _movie_rows(films: Iterable[Film], day: dt.date) -> list[Row]:
    return [parse_movie(film, day) for film in films]


PERSON: dict[str, Cell] = {
    "person_id": ("id", None),
    "name": ("name", text_or_none),
    "original_name": ("original_name", text_or_none),
    "gender": ("gender", appended.gender),
    "known_for_department": ("known_for_department", text_or_none),
    "profile_path": ("profile_path", text_or_none),
}
CREDIT: dict[str, Cell] = {"credit_id": ("credit_id", text_or_none), "person_id": ("id", None)}
CAST: dict[str, Cell] = {"character_name": ("character", text_or_none), "cast_order": ("order", None)}
CREW: dict[str, Cell] = {"department": ("department", text_or_none), "job": ("job", text_or_none)}
KEYWORD: dict[str, Cell] = {"keyword_id": ("id", None), "name": ("name", text_or_none)}


def _person_rows(films: Iterable[Film], day: dt.date) -> Sequence[Row]:
    found = [entry for film in films for name in ("cast", "crew") for entry in appended.entries(film, "credits", name)]
    return rows_of(found, PERSON, {"as_of_date": [day] * len(found)})


def _linked_entries(
    films: Iterable[Film], entries_of: Callable[[Film], Iterable[Any]], made_of: Mapping[str, Cell]
) -> Sequence[Row]:
    """Rows of the entries of each film, with the film's id."""
    found = [(film.get("id"), entry) for film in films for entry in entries_of(film)]
    return rows_of([entry for _, entry in found], made_of, {"movie_id": [movie_id for movie_id, _ in found]})


def _cast_rows(films: Iterable[Film], _day: dt.date) -> Sequence[Row]:
    def cast(film: Film) -> list[Any]:
        # Of a credit that is there twice the lowest order wins: the last row does.
        return sorted(appended.entries(film, "credits", "cast"), key=appended.cast_order, reverse=True)

    return _linked_entries(films, cast, CREDIT | CAST)


def _crew_rows(films: Iterable[Film], _day: dt.date) -> Sequence[Row]:
    return _linked_entries(films, lambda film: appended.entries(film, "credits", "crew"), CREDIT | CREW)


def _keywords(film: Film) -> Iterator[Any]:
    return appended.entries(film, "keywords", "keywords")


def _keyword_rows(films: Iterable[Film], day: dt.date) -> Sequence[Row]:
    found = [entry for film in films for entry in _keywords(film)]
    return rows_of(found, KEYWORD, {"as_of_date": [day] * len(found)})


def _keyword_links(films: Iterable[Film], _day: dt.date) -> Sequence[Row]:
    return _linked_entries(films, _keywords, {"keyword_id": ("id", None)})


def _release_rows(films: Iterable[Film], _day: dt.date) -> list[Row]:
    rows = (
        {
            "movie_id": film.get("id"),
            "iso_3166_1": text_or_none(country),
            "release_type": appended.release_type(field(entry, "type")),
            "release_date": appended.release_day(text_or_none(field(entry, "release_date"))),
            "certification": text_or_none(field(entry, "certification")),
            "note": text_or_none(field(entry, "note")),
        }
        for film in films
        for country, entry in appended.releases(film)
    )
    return appended.join_repeated(rows)


def _codes(film: Film, name: str, code: str, fitting: Callable[[Any], Any]) -> list[Any]:
    """The distinct codes in a list field, sorted, without entries that are none."""
    return sorted({fitting(field(entry, code)) for entry in _entries(film.get(name))} - {None})


def _id(value: Any) -> int | None:
    try:
        number: int = CASTS["integer"](value)
    except (WrongKindError, OverflowError):
        return None
    return number if number > 0 else None


def _matching(pattern: str) -> Callable[[Any], str | None]:
    return lambda value: value if isinstance(value, str) and re.fullmatch(pattern, value) else None


HISTORY_FACTS = {"movie_id", "status", "release_date", "runtime_minutes", "budget_usd", "revenue_usd"}
HISTORY_FACTS |= {"original_language", "collection_id"}
HISTORY_LISTS = ("belongs_to_collection", "genres", "production_companies", "production_countries", "spoken_languages")


def _history_rows(films: Iterable[Film], day: dt.date) -> list[Row]:
    return [
        {name: value for name, value in parse_movie(film, day).items() if name in HISTORY_FACTS}
        | {
            "valid_from": day,
            "genre_ids": _codes(film, "genres", "id", _id),
            "company_ids": _codes(film, "production_companies", "id", _id),
            "country_codes": _codes(film, "production_countries", "iso_3166_1", _matching("[A-Z]{2}")),
            "language_codes": _codes(film, "spoken_languages", "iso_639_1", _matching("[a-z]{2,3}")),
            "confirmed_dates": [day],
        }
        for film in films
    ]


class DetailTable(NamedTuple):
    """A table made from details: the fields of a film that it needs, () for all, and its rows of films of a day."""

    fields: tuple[str, ...]
    rows: Callable[[Sequence[Film], dt.date], Sequence[Row]]


def _named(listed: str, code: str, column: str) -> DetailTable:
    def rows(films: Iterable[Film], day: dt.date) -> list[Row]:
        return [
            {column: field(entry, code), "name": text_or_none(field(entry, "name")), "as_of_date": day}
            for _, entry in _listed(films, listed)
        ]

    return DetailTable((listed,), rows)


def _linked(listed: str, code: str, column: str) -> DetailTable:
    def rows(films: Iterable[Film], _day: dt.date) -> list[Row]:
        return [{"movie_id": movie_id, column: field(entry, code)} for movie_id, entry in _listed(films, listed)]

    return DetailTable(("id", listed), rows)


DETAIL_TABLES = {
    "dim_genre": _named("genres", "id", "genre_id"),
    "dim_company": DetailTable(("production_companies",), _company_rows),
    "dim_country": _named("production_countries", "iso_3166_1", "iso_3166_1"),
    "dim_language": DetailTable(("original_language", "spoken_languages"), _language_rows),
    "dim_person": DetailTable(("credits",), _person_rows),
    "dim_keyword": DetailTable(("keywords",), _keyword_rows),
    "dim_movie": DetailTable((), _movie_rows),
    "bridge_movie_genre": _linked("genres", "id", "genre_id"),
    "bridge_movie_company": _linked("production_companies", "id", "company_id"),
    "bridge_movie_country": _linked("production_countries", "iso_3166_1", "iso_3166_1"),
    "bridge_movie_language": _linked("spoken_languages", "iso_639_1", "iso_639_1"),
    "bridge_movie_cast": DetailTable(("id", "credits"), _cast_rows),
    "bridge_movie_crew": DetailTable(("id", "credits"), _crew_rows),
    "bridge_movie_keyword": DetailTable(("id", "keywords"), _keyword_links),
    "movie_release": DetailTable(("id", "release_dates"), _release_rows),
    "movie_history": DetailTable(
        ("id", "status", "release_date", "runtime", "budget", "revenue", "original_language", *HISTORY_LISTS),
        _history_rows,
    ),
}


def parse_details(films: Sequence[Film], day: dt.date) -> dict[str, Sequence[Row]]:
    """All rows in a day's details, by table; the last row of a key wins, so pass films in ascending order of id."""
    return {name: made.rows(films, day) for name, made in DETAIL_TABLES.items()}
