"""Payloads of films to rows: names, unknowns, strange shapes, repeats; details and discover."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from tmdb_assets.transforms.conform import Reason, Rejected, conform
from tmdb_assets.transforms.details import DETAIL_TABLES, film_part, parse_answer, parse_details, parse_movie
from tmdb_assets.transforms.discover import fact_rows, first_movie_rows, language_rows, page_of, parse_page
from tmdb_assets.warehouse.loading.contracts import validate
from tmdb_assets.warehouse.schema.raw import raw_discover
from tmdb_assets.warehouse.schema.vocabulary import frame_columns, key_columns
from tmdb_assets_tests.cases.sound_rows import TABLES

DAY = dt.date(2026, 7, 29)
AT = dt.datetime(2026, 7, 29, 9, tzinfo=dt.UTC)
FILM: dict[str, Any] = {
    "adult": False,
    "belongs_to_collection": {"id": 10, "name": "The Set", "poster_path": None},
    "budget": 63_000_000,
    "genres": [{"id": 18, "name": "Drama"}, {"id": 53, "name": "Thriller"}],
    "homepage": "https://film.example",
    "id": 550,
    "imdb_id": "tt0137523",
    "original_language": "en",
    "original_title": "Original",
    "overview": "What happens.",
    "poster_path": "/p.jpg",
    "production_companies": [{"id": 25, "name": "Studio", "origin_country": "US"}],
    "production_countries": [{"iso_3166_1": "US", "name": "United States of America"}],
    "release_date": "1999-10-15",
    "revenue": 2_923_706_026,
    "runtime": 139,
    "spoken_languages": [{"english_name": "English", "iso_639_1": "en", "name": "English"}],
    "status": "Released",
    "title": "Title",
}
SHAPES = [7, 0, 1.5, True, "", "en", "US", {}, {"id": 18, "name": "Drama"}, {"iso_3166_1": "US"}, [7], ["US"], [[]]]
SHAPES += [[None], [True], [{}], [{"id": None}], [["en"]], [{"id": "18"}], [{"iso_639_1": 5}], [{"iso_3166_1": "usa"}]]
LISTS = {
    "genres": "dim_genre",
    "production_companies": "dim_company",
    "production_countries": "dim_country",
    "spoken_languages": "dim_language",
}
KEYS = {"genres": "id", "production_companies": "id", "production_countries": "iso_3166_1"}
KEYS |= {"spoken_languages": "iso_639_1"}


def test_details_are_renamed_once() -> None:
    rows = parse_details([FILM], DAY)
    assert list(rows) == list(DETAIL_TABLES)
    assert rows["dim_movie"] == [
        {
            "movie_id": 550,
            "title": "Title",
            "original_title": "Original",
            "release_date": "1999-10-15",
            "status": "Released",
            "original_language": "en",
            "runtime_minutes": 139,
            "budget_usd": 63_000_000,
            "revenue_usd": 2_923_706_026,
            "is_adult": False,
            "homepage": "https://film.example",
            "imdb_id": "tt0137523",
            "overview": "What happens.",
            "poster_path": "/p.jpg",
            "collection_id": 10,
            "collection_name": "The Set",
            "as_of_date": DAY,
            "details_date": DAY,
            "removed_date": None,
            "credits_date": None,
            "keywords_date": None,
            "releases_date": None,
        }
    ]
    assert rows["dim_genre"] == [
        {"genre_id": 18, "name": "Drama", "as_of_date": DAY},
        {"genre_id": 53, "name": "Thriller", "as_of_date": DAY},
    ]
    assert rows["bridge_movie_genre"] == [{"movie_id": 550, "genre_id": 18}, {"movie_id": 550, "genre_id": 53}]
    assert rows["dim_company"] == [{"company_id": 25, "name": "Studio", "origin_country": "US", "as_of_date": DAY}]
    assert rows["bridge_movie_company"] == [{"movie_id": 550, "company_id": 25}]
    assert rows["dim_country"] == [{"iso_3166_1": "US", "name": "United States of America", "as_of_date": DAY}]
    assert rows["bridge_movie_country"] == [{"movie_id": 550, "iso_3166_1": "US"}]
    assert rows["bridge_movie_language"] == [{"movie_id": 550, "iso_639_1": "en"}]
    named, spoken = rows["dim_language"]
    assert named == {"iso_639_1": "en", "name": None, "as_of_date": DAY}  # first, so that the one with a name wins
    assert spoken == {"iso_639_1": "en", "name": "English", "as_of_date": DAY}


@pytest.mark.parametrize(
    ("field", "unknown", "column"),
    [
        ("release_date", "", "release_date"),
        ("release_date", None, "release_date"),
        ("runtime", 0, "runtime_minutes"),
        ("runtime", None, "runtime_minutes"),
        ("budget", 0, "budget_usd"),
        ("budget", 0.0, "budget_usd"),
        ("revenue", 0, "revenue_usd"),
        ("homepage", "", "homepage"),
        ("imdb_id", "", "imdb_id"),
        ("overview", "", "overview"),
        ("poster_path", None, "poster_path"),
        ("status", "", "status"),
        ("original_language", "", "original_language"),
        ("belongs_to_collection", None, "collection_id"),
        ("belongs_to_collection", {"id": 3, "name": ""}, "collection_name"),
    ],
)
def test_unknown_is_none(field: str, unknown: Any, column: str) -> None:
    assert parse_movie({**FILM, field: unknown}, DAY)[column] is None


def test_a_film_without_any_of_the_fields_is_a_row_of_unknowns() -> None:
    row = parse_movie({"id": 5}, DAY)
    assert {name: value for name, value in row.items() if value is not None} == {
        "movie_id": 5,
        "as_of_date": DAY,
        "details_date": DAY,
    }
    rows = parse_details([{"id": 5, "genres": None, "production_companies": []}], DAY)
    assert {name: len(made) for name, made in rows.items() if made} == {"dim_movie": 1, "movie_history": 1}


@pytest.mark.parametrize("title", ["", None])
def test_without_a_title_the_original_one_is_used(title: Any) -> None:
    assert parse_movie({**FILM, "title": title}, DAY)["title"] == "Original"
    assert first_movie_rows([{**FILM, "title": title}], DAY)[0]["title"] == "Original"


@pytest.mark.parametrize(
    ("field", "strange", "column"),
    [
        ("budget", False, "budget_usd"),
        ("budget", "0", "budget_usd"),
        ("runtime", -1, "runtime_minutes"),
        ("revenue", [], "revenue_usd"),
        ("title", 5, "title"),
        ("title", ["x"], "title"),
        ("title", [], "title"),
        ("title", 0, "title"),
        ("release_date", "soon", "release_date"),
        ("release_date", 0, "release_date"),
        ("adult", "no", "is_adult"),
        ("original_language", {"iso": "en"}, "original_language"),
        ("belongs_to_collection", "x", "collection_id"),
        ("belongs_to_collection", [{"id": 3}], "collection_id"),
        ("belongs_to_collection", 3, "collection_id"),
        ("overview", "x" * 10_001, "overview"),
        ("id", "550", "movie_id"),
        ("id", None, "movie_id"),
    ],
)
def test_a_strange_value_rejects_the_film_and_names_the_column(field: str, strange: Any, column: str) -> None:
    table = TABLES["dim_movie"]
    rows = parse_details([{**FILM, field: strange}, {**FILM, "id": 551}], DAY)["dim_movie"]
    valid = validate(table, conform(rows, frame_columns(table), key=tuple(key_columns(table))))
    assert valid.frame["movie_id"].tolist() == [551]
    assert [reason.rule.split(" ")[0] for reason in valid.rejected[0].reasons][:1] == [column]


@pytest.mark.parametrize("strange", SHAPES, ids=repr)
@pytest.mark.parametrize("field", LISTS)
def test_entries_of_strange_shape_become_rejected_rows(field: str, strange: Any) -> None:
    valid_entry = {"id": 35, "name": "x", "iso_3166_1": "FR", "iso_639_1": "fr", "origin_country": ""}
    table = TABLES[LISTS[field]]
    bridge = TABLES[table.name.replace("dim_", "bridge_movie_")]
    rows = parse_details([{**FILM, field: [valid_entry]}, {**FILM, "id": 551, field: strange}], DAY)
    valid = validate(table, conform(rows[table.name], frame_columns(table)))
    assert len(valid.rejected) == 1
    named = {valid_entry[KEYS[field]]} | ({"en"} if field == "spoken_languages" else set())  # en: the original language
    assert set(valid.frame.iloc[:, 0]) == named
    assert rows[bridge.name][0] == {"movie_id": 550, table.columns[0].name: valid_entry[KEYS[field]]}
    assert [row["movie_id"] for row in rows["dim_movie"]] == [550, 551]  # a film with a bad list is still valid


def test_of_different_names_the_last_wins() -> None:
    table = TABLES["dim_company"]
    old = {**FILM, "production_companies": [{"id": 25, "name": "Old", "origin_country": ""}]}
    rows = parse_details([old, {**FILM, "id": 551}], DAY)[table.name]
    made = conform(rows, frame_columns(table), key=("company_id",))
    assert made.frame[["name", "origin_country"]].values.tolist() == [["Studio", "US"]]
    twice = [{"id": 25, "name": "Studio", "origin_country": "US"}] * 2  # as TMDb sometimes sends
    links = parse_details([{**FILM, "production_companies": twice}], DAY)["bridge_movie_company"]
    bridge = TABLES["bridge_movie_company"]
    assert len(conform(links, frame_columns(bridge), key=tuple(key_columns(bridge))).frame) == 1


def test_a_language_is_named_in_english_or_else_in_its_own_language() -> None:
    spoken = [{"iso_639_1": "de", "english_name": "German", "name": "Deutsch"}, {"iso_639_1": "fr", "name": "Français"}]
    spoken += [{"iso_639_1": "sh", "english_name": "", "name": ""}]
    rows = parse_details([{"id": 1, "spoken_languages": spoken}], DAY)["dim_language"]
    assert [row["name"] for row in rows] == ["German", "Français", None]


def test_an_answer_is_stored_when_it_is_about_the_requested_film() -> None:
    row, rejected = parse_answer(550, 200, FILM, AT, DAY)
    assert rejected is None
    assert row == {"snapshot_date": DAY, "movie_id": 550, "status_code": 200, "payload": FILM, "fetched_at": AT}
    assert film_part(row) == "film 550"
    gone, rejected = parse_answer(551, 404, None, AT, DAY)
    assert (gone["status_code"], gone["payload"], rejected) == (404, None, None)


@pytest.mark.parametrize(
    ("payload", "found"),
    [({"id": 7}, "7"), ({}, "None"), ([1], "[1]"), (None, "None"), ("page", "page"), ({"id": "550"}, "550")],
)
def test_an_answer_about_something_else_is_rejected(payload: Any, found: str) -> None:
    row, rejected = parse_answer(550, 200, payload, AT, DAY)
    assert rejected == Rejected(row, (Reason("payload.id is the requested id", found),), "film 550")


def test_a_page_gives_ranks_over_the_whole_list() -> None:
    item = {"id": 3, "popularity": 9.5, "vote_average": 0, "vote_count": 0, "title": "x"}
    rows = parse_page([item, {"id": 4}], 3, DAY, AT)
    assert rows[0] == {
        "snapshot_date": DAY,
        "movie_id": 3,
        "popularity": 9.5,
        "vote_average": 0,
        "vote_count": 0,
        "rank": 41,
        "payload": item,
        "fetched_at": AT,
    }
    assert rows[1]["rank"] == 42
    assert rows[1]["popularity"] is None
    assert [page_of({"rank": rank}) for rank in (1, 20, 21, 41)] == ["page 1", "page 1", "page 2", "page 3"]


@pytest.mark.parametrize("entry", [None, 7, "x", [], [{"id": 1}], {}, {"id": "1"}, {"id": 1, "popularity": "9"}])
def test_a_strange_entry_of_a_page_is_rejected_with_its_page(entry: Any) -> None:
    rows = [row | {"crawl_number": 1} for row in parse_page([{"id": 9, "popularity": 1}, entry], 2, DAY, AT)]
    made = conform(rows, frame_columns(raw_discover), key=("snapshot_date", "movie_id"), part=page_of)
    valid = validate(raw_discover, made, page_of)
    assert valid.frame["movie_id"].tolist() == [9]
    assert [(item.row["payload"], item.part) for item in valid.rejected] == [(entry, "page 2")]


def test_discover_gives_a_film_its_first_row() -> None:
    known, bare = first_movie_rows([{**FILM, "release_date": ""}, {"id": 551}], DAY)
    assert known == {
        "movie_id": 550,
        "title": "Title",
        "original_title": "Original",
        "release_date": None,
        "original_language": "en",
        "is_adult": False,
        "poster_path": "/p.jpg",
        "as_of_date": DAY,
        "details_date": None,
        "removed_date": None,
    }
    assert (bare["movie_id"], bare["title"]) == (551, None)


def test_languages_of_discover_come_once_and_only_as_texts() -> None:
    films = [{"original_language": value} for value in ("fr", "cn", "fr", "", None, 5, ["en"])] + [{}]
    assert language_rows(films, DAY) == [
        {"iso_639_1": "cn", "name": None, "as_of_date": DAY},
        {"iso_639_1": "fr", "name": None, "as_of_date": DAY},
    ]


def test_a_mean_of_no_votes_is_unknown() -> None:
    measures = [(1, 5.5, 0.0, 0), (2, 1.0, 7.2, 0), (3, 1.0, 7.2, None), (4, 1.0, 0.0, 3), (5, 1.0, 10.0, 1)]
    rows = fact_rows([(*measure, "discover") for measure in measures], DAY)
    assert [(row["vote_average"], row["vote_count"]) for row in rows] == [
        (None, 0),
        (None, 0),
        (None, None),
        (0.0, 3),
        (10.0, 1),
    ]
    assert rows[0] | {"vote_average": 0} == {
        "date_id": DAY,
        "movie_id": 1,
        "popularity": 5.5,
        "vote_average": 0,
        "vote_count": 0,
        "source": "discover",
    }
