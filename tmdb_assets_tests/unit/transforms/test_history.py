"""A film's details as a state of its history: the film's own columns, and the valid codes in its lists."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from tmdb_assets.transforms.details import HISTORY_FACTS, parse_details

DAY = dt.date(2026, 7, 29)
FILM: dict[str, Any] = {
    "id": 550,
    "title": "Title",
    "release_date": "1999-10-15",
    "status": "Released",
    "runtime": 139,
    "budget": 63_000_000,
    "revenue": 0,
    "original_language": "en",
    "belongs_to_collection": {"id": 10, "name": "The Set"},
}
LISTS = {
    "genre_ids": ("genres", "id"),
    "company_ids": ("production_companies", "id"),
    "country_codes": ("production_countries", "iso_3166_1"),
    "language_codes": ("spoken_languages", "iso_639_1"),
}
IDS: list[tuple[list[Any], list[Any]]] = [
    ([53, 18, 53], [18, 53]),
    ([18.0, True, "18", None, 0, -1, 2**63, [18]], [18]),
]
CODES: dict[str, tuple[list[Any], list[Any]]] = {
    "country_codes": (["US", "FR", "US", "us", "USA", "", None, 5, ["DE"], "DE\n"], ["FR", "US"]),
    "language_codes": (["en", "cmn", "en", "EN", "e", "", None, 5, ["de"], "de\n"], ["cmn", "en"]),
}


def state_of(film: dict[str, Any]) -> dict[str, Any]:
    (state,) = parse_details([film], DAY)["movie_history"]
    return state


def test_a_state_has_the_films_own_columns_and_begins_on_the_day() -> None:
    rows = parse_details([FILM], DAY)
    film = {name: rows["dim_movie"][0][name] for name in HISTORY_FACTS}
    assert state_of(FILM) == film | {name: [] for name in LISTS} | {"valid_from": DAY, "confirmed_dates": [DAY]}
    assert (film["collection_id"], film["revenue_usd"]) == (10, None)


@pytest.mark.parametrize(
    ("column", "codes", "wanted"),
    [(column, *case) for column in ("genre_ids", "company_ids") for case in IDS]
    + [(column, *case) for column, case in CODES.items()],
)
def test_codes_are_distinct_and_sorted_without_what_is_none(column: str, codes: list[Any], wanted: list[Any]) -> None:
    field, name = LISTS[column]
    assert state_of(FILM | {field: [{name: code} for code in codes]})[column] == wanted


@pytest.mark.parametrize("strange", [None, 7, "en", {}, {"id": 18}, [7], ["US"], [[]], [None], [{}]], ids=repr)
@pytest.mark.parametrize("column", LISTS)
def test_a_list_of_strange_shape_has_no_codes(column: str, strange: Any) -> None:
    assert state_of(FILM | {LISTS[column][0]: strange})[column] == []
