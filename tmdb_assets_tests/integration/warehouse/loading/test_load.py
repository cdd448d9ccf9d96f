"""Loads into real tables: counts, repeats, rejected rows, refusals, and dates that only advance."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import pytest
import sqlalchemy as sa

from tmdb_assets.tmdb.payload import read_json
from tmdb_assets.transforms.conform import Conformed, Row
from tmdb_assets.transforms.details import parse_movie
from tmdb_assets.warehouse.loading.contracts import StructuralFaultError
from tmdb_assets.warehouse.loading.load import KEPT_CHARACTERS, Loaded, TooManyRejectedError, count_rows, load
from tmdb_assets.warehouse.loading.merge import MergeCounts, merge_whole
from tmdb_assets.warehouse.schema.dimensions import (
    country_continent,
    dim_company,
    dim_country,
    dim_genre,
    dim_keyword,
    dim_language,
    dim_movie,
    dim_person,
)
from tmdb_assets.warehouse.schema.fact import fact_movie_daily
from tmdb_assets.warehouse.schema.raw import raw_details, raw_discover, raw_reference
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.sound_rows import as_frame, load_rows, rows_of, sound_row

DAY = dt.date(2026, 7, 29)
NEXT = DAY + dt.timedelta(days=1)


def genres(count: int, name: str = "genre", day: dt.date = DAY) -> list[Row]:
    return [{"genre_id": n, "name": f"{name} {n}", "as_of_date": day} for n in range(1, count + 1)]


def rejected_in(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return rows_of(
        warehouse, "select table_name, snapshot_date, part, payload, reasons from rejected_row order by part desc"
    )


def test_rows_are_counted_as_inserted_updated_and_unchanged(warehouse: Warehouse) -> None:
    assert load_rows(warehouse, dim_genre, genres(3), day=DAY).counts == MergeCounts(inserted=3)
    changed = [genres(3)[0], *genres(4, "renamed")[1:]]
    assert load_rows(warehouse, dim_genre, changed, day=DAY).counts == MergeCounts(inserted=1, updated=2, unchanged=1)
    assert rows_of(warehouse, "select genre_id, name, as_of_date from dim_genre order by 1") == [
        (1, "genre 1", DAY),
        (2, "renamed 2", DAY),
        (3, "renamed 3", DAY),
        (4, "renamed 4", DAY),
    ]


@pytest.mark.parametrize("table", [dim_genre, dim_company, raw_details, raw_reference, country_continent], ids=str)
def test_the_same_load_again_writes_nothing(table: sa.Table, warehouse: Warehouse) -> None:
    rows = [sound_row(table, n) for n in range(20)]
    first = load_rows(warehouse, table, rows)
    query = f"select *, xmin::text, ctid::text from {table.name} order by 1, 2"
    before = rows_of(warehouse, query)
    again = load_rows(warehouse, table, rows)
    assert rows_of(warehouse, query) == before
    assert first.counts == MergeCounts(inserted=20)
    assert again.counts == MergeCounts(unchanged=20)


def test_a_language_keeps_its_name_against_a_later_row_without_one(warehouse: Warehouse) -> None:
    named = {"iso_639_1": "de", "name": "German", "as_of_date": DAY}
    load_rows(warehouse, dim_language, [named], [{**named, "name": None}], day=DAY)
    assert rows_of(warehouse, "select name from dim_language") == [("German",)]


def test_unknown_values_are_null_and_awkward_texts_are_stored_unchanged(warehouse: Warehouse) -> None:
    name = 'tab\t, line\n, "quotes", back\\slash, \\N, %s, {x}, 🎬, ' + "x" * 400
    film = {"movie_id": 1, "title": name, "as_of_date": DAY, "revenue_usd": 2_923_706_026, "is_adult": False}
    load_rows(warehouse, dim_movie, [film], day=DAY)
    (row,) = rows_of(warehouse, "select to_jsonb(m) - 'inserted_at' - 'updated_at' from dim_movie as m")
    assert {key: value for key, value in row[0].items() if value is not None} == {**film, "as_of_date": str(DAY)}
    payload = {"title": name, "list": [1, None, 1.5, True, {}], "ünïcode": "\u2028"}
    load_rows(
        warehouse, raw_details, [sound_row(raw_details, 0, payload=payload), sound_row(raw_details, 1, payload=None)]
    )
    stored = rows_of(warehouse, "select payload, payload is null from raw_details order by movie_id")
    assert stored == [(payload, False), (None, True)]


def test_nul_characters_are_removed_from_texts(warehouse: Warehouse) -> None:
    payload = read_json(rb'{"id": 1, "title": "A\u0000B\u0000", "overview": "\u0000"}')[0]
    load_rows(warehouse, raw_details, [sound_row(raw_details, 0, payload=payload)])
    load_rows(warehouse, dim_movie, [parse_movie(payload, DAY)], day=DAY)
    assert rows_of(warehouse, "select payload ->> 'title' from raw_details") == [("AB",)]
    assert rows_of(warehouse, "select title, overview from dim_movie") == [("AB", None)]


def test_no_rows_and_no_chunks_can_be_loaded(warehouse: Warehouse) -> None:
    assert load_rows(warehouse, dim_genre).counts == MergeCounts()
    assert load_rows(warehouse, dim_genre, [], []).received == 0


def test_one_transaction_can_load_a_table_twice(warehouse: Warehouse) -> None:
    with warehouse.begin() as connection:
        load(connection, dim_genre, [as_frame(dim_genre, genres(2))], day=DAY)
        load(connection, dim_genre, [as_frame(dim_genre, genres(3))], day=DAY)
    assert rows_of(warehouse, "select count(*) from dim_genre") == [(3,)]


def test_broken_rows_are_rejected_with_reasons_and_the_others_load(warehouse: Warehouse) -> None:
    films = [{"movie_id": n, "title": f"m{n}", "as_of_date": DAY} for n in range(1, 61)]
    load_rows(warehouse, dim_movie, films)
    with warehouse.begin() as connection:
        connection.execute(
            sa.text("insert into dim_date values (:d, 2026, 3, 7, 29, 31, 3, 'July', false)"), {"d": DAY}
        )
    facts = [
        {"date_id": DAY, "movie_id": n, "popularity": 1.5, "vote_average": 5.0, "vote_count": 3, "source": "discover"}
        for n in range(1, 61)
    ]
    facts[0] |= {"popularity": -1.5, "source": "hearsay"}
    facts[1] |= {"popularity": "high"}
    loaded = load_rows(warehouse, fact_movie_daily, facts, day=DAY, part=lambda row: f"film {row['movie_id']}")
    assert loaded.counts == MergeCounts(inserted=58)
    assert [item.row for item in loaded.rejected] == [facts[1], facts[0]]
    broken = {**facts[0], "date_id": str(DAY)}
    assert rejected_in(warehouse) == [
        (
            "fact_movie_daily",
            DAY,
            "film 2",
            {**facts[1], "date_id": str(DAY)},
            [{"rule": "popularity is of kind number", "value": "high"}],
        ),
        (
            "fact_movie_daily",
            DAY,
            "film 1",
            broken,
            [
                {"rule": "popularity at least 0", "value": "-1.5"},
                {"rule": "source one of ('discover', 'export')", "value": "hearsay"},
            ],
        ),
    ]


def test_a_second_load_replaces_only_the_rejected_rows_of_its_day_and_table(warehouse: Warehouse) -> None:
    broken = [*genres(40), {"genre_id": 0, "name": "no id", "as_of_date": DAY}]
    load_rows(warehouse, dim_genre, broken, day=DAY)
    load_rows(warehouse, dim_genre, broken, day=NEXT)
    load_rows(warehouse, dim_genre, broken)
    query = "select id, snapshot_date from rejected_row order by snapshot_date"
    before = rows_of(warehouse, query)
    assert [day for _, day in before] == [DAY, NEXT, None]
    turned = [dict(reversed(row.items())) for row in broken]
    for again in broken, turned:
        load_rows(warehouse, dim_genre, again, day=DAY)
        assert rows_of(warehouse, query) == before  # the same row has the same id, in any order of its fields
    load_rows(warehouse, dim_genre, genres(40), day=DAY)
    load_rows(warehouse, dim_genre, genres(40))
    assert rows_of(warehouse, query) == [before[1]]
    load_rows(warehouse, dim_company, [], day=NEXT)
    assert rows_of(warehouse, query) == [before[1]]
    load_rows(warehouse, dim_genre, [*genres(40), {"genre_id": -1, "name": "other", "as_of_date": DAY}], day=NEXT)
    (other,) = rows_of(warehouse, query)
    assert (other[0] != before[1][0], other[1]) == (True, NEXT)
    with warehouse.begin() as connection:
        assert (count_rows(connection, dim_genre, DAY), count_rows(connection, dim_genre, None)) == (40, 40)


def test_a_load_counts_only_its_own_rows_unless_it_says_that_it_is_partial(warehouse: Warehouse) -> None:
    load_rows(warehouse, dim_genre, genres(40), day=DAY)
    broken = {"genre_id": 0, "name": "no id", "as_of_date": DAY}
    with pytest.raises(TooManyRejectedError, match=r"^1 of 19 rows of dim_genre"):
        load_rows(warehouse, dim_genre, [*genres(18), broken], day=DAY)
    assert load_rows(warehouse, dim_genre, [*genres(18), broken], day=DAY, is_partial=True).kept == 18


def test_a_batch_replaces_only_the_rejected_rows_of_its_parts(warehouse: Warehouse) -> None:
    def batch(page: int, *, broken: bool) -> Loaded:
        rows = [sound_row(raw_discover, n, snapshot_date=DAY, rank=page) for n in range(20)]
        rows += [sound_row(raw_discover, 20, snapshot_date=DAY, rank=page, popularity=-1.0)] if broken else []
        return load_rows(
            warehouse,
            raw_discover,
            rows,
            day=DAY,
            part=lambda row: f"page {row['rank']}",
            parts={f"page {page}"},
        )

    batch(1, broken=True)
    batch(2, broken=True)
    parts = "select part from rejected_row order by part"
    assert rows_of(warehouse, parts) == [("page 1",), ("page 2",)]
    batch(1, broken=False)
    assert rows_of(warehouse, parts) == [("page 2",)]
    load_rows(warehouse, raw_discover, [sound_row(raw_discover, n, snapshot_date=NEXT) for n in range(3)], day=NEXT)
    with warehouse.begin() as connection:
        assert [count_rows(connection, raw_discover, day) for day in (DAY, NEXT, None)] == [20, 3, 23]


@pytest.mark.parametrize("table", [dim_genre, dim_company, dim_country, dim_language, dim_person, dim_keyword], ids=str)
def test_a_broken_name_is_emptied_and_its_row_kept_for_the_films_that_refer_to_it(
    warehouse: Warehouse, table: sa.Table
) -> None:
    (key,) = table.primary_key
    broken = {**sound_row(table, 1), "name": "n" * 3000}
    for rows in ([broken], [sound_row(table, 0), broken]):
        load_rows(warehouse, table, [*rows, *(sound_row(table, 0) for _ in range(40))], day=DAY)
        found = rows_of(warehouse, f"select name from {table.name} where {key.name} = '{broken[key.name]}'")
        assert found == [(None,)]
    assert [row[0] for row in rejected_in(warehouse)] == [table.name]


def test_a_frame_of_the_wrong_shape_writes_nothing(warehouse: Warehouse) -> None:
    wrong = Conformed(as_frame(dim_genre, genres(1)).frame.drop(columns="name"), 1)
    with pytest.raises(StructuralFaultError, match="name"), warehouse.begin() as connection:
        load(connection, dim_genre, [as_frame(dim_genre, genres(3)), wrong], day=DAY)
    assert rows_of(warehouse, "select count(*) from dim_genre") == [(0,)]


def test_huge_texts_are_cut_in_rejected_rows(warehouse: Warehouse) -> None:
    film = {"movie_id": 7, "title": "x", "as_of_date": DAY, "overview": "o" * 5_000_000}
    others = [{"movie_id": n, "title": "x", "as_of_date": DAY} for n in range(100, 180)]
    most = KEPT_CHARACTERS
    kept = ["y" * most, [0] * most, 2**64 - 1, -(2**63), 1.5, -0.5, True, False, None, 0]
    lost = [[0] * (most + 1), 2**64, -(2**63) - 1, math.nan, math.inf, -math.inf, DAY]
    nested = {"movie_id": 8, "title": {"deep": ["y" * 2000, "z\x00"], "more": kept + lost}, "as_of_date": DAY}
    same = {"movie_id": "x", "title": "x", "as_of_date": DAY}
    load_rows(warehouse, dim_movie, [film, nested, same, same, *others], day=DAY)
    payloads = {row[3]["movie_id"]: row[3] for row in rejected_in(warehouse)}
    assert payloads[7]["overview"] == "o" * KEPT_CHARACTERS + "…"
    assert payloads[8]["title"]["deep"] == ["y" * most + "…", "z"]
    assert payloads[8]["title"]["more"][:10] == kept
    assert payloads[8]["title"]["more"][10:] == [
        [*([0] * most), "…"],
        str(2**64),
        str(-(2**63) - 1),
        None,
        None,
        None,
        str(DAY),
    ]
    assert [row[3]["movie_id"] for row in rejected_in(warehouse)].count("x") == 2
    reasons = {row[3]["movie_id"]: row[4] for row in rejected_in(warehouse)}
    assert [reason["rule"] for reason in reasons[7]] == ["overview max length 10000"]
    assert len(reasons[7][0]["value"]) == 101
    listed = [sound_row(raw_discover, n, snapshot_date=DAY) for n in range(20)]  # a raw row is nowhere else: kept whole
    long = sound_row(raw_discover, 20, snapshot_date=DAY, popularity=-1.0, payload={"overview": "o" * (most + 1)})
    load_rows(warehouse, raw_discover, [*listed, long], day=DAY)
    (payload,) = (row[3] for row in rejected_in(warehouse) if row[0] == "raw_discover")
    assert payload["payload"] == long["payload"]


@pytest.mark.parametrize("table", [dim_genre, dim_company], ids=str)
def test_a_date_only_advances_and_an_older_day_never_overwrites(table: sa.Table, warehouse: Warehouse) -> None:
    key = table.columns[0].name
    older, newer = DAY - dt.timedelta(days=1), NEXT

    def load_day(day: dt.date, name: str | None) -> MergeCounts:
        return load_rows(warehouse, table, [{key: 1, "name": name, "as_of_date": day}], day=day).counts

    def state() -> tuple[Any, ...]:
        return rows_of(warehouse, f"select name, as_of_date, updated_at from {table.name}")[0]

    load_day(DAY, "now")
    first = state()
    assert load_day(older, "before") == MergeCounts(unchanged=1)
    assert state() == first
    assert load_day(newer, "now") == MergeCounts(unchanged=1)
    assert state() == ("now", newer, first[2])  # confirmed, but its content did not change
    assert load_day(newer, None) == MergeCounts(updated=1)
    assert state()[:2] == (None, newer)
    assert state()[2] > first[2]
    assert load_day(DAY, "now") == MergeCounts(unchanged=1)
    assert state()[:2] == (None, newer)


def test_merging_a_whole_table_deletes_what_is_not_staged(warehouse: Warehouse) -> None:
    rows = [sound_row(country_continent, n) for n in range(3)]
    load_rows(warehouse, country_continent, rows)

    def replace_all(staged: list[Row], source_rows: int | None, table: sa.Table = country_continent) -> MergeCounts:
        frames = [as_frame(table, [row]) for row in staged]
        with warehouse.begin() as connection:
            return load(connection, table, frames, merge=lambda c: merge_whole(c, table, rows=source_rows)).counts

    counts = replace_all([rows[0], sound_row(country_continent, 5)], None)
    assert counts == MergeCounts(inserted=1, unchanged=1, deleted=2)
    left = [("AA",), ("AF",)]
    assert rows_of(warehouse, "select iso_3166_1 from country_continent order by 1") == left
    # Rows that are missing would be lost: nothing is deleted where none are staged, or not as many as the source has.
    for number, rows_in_source, said in ((0, None, "0 rows"), (0, 0, "0 of 0 rows"), (1, 2, "1 of 2 rows")):
        with pytest.raises(StructuralFaultError, match=f"^{said} are staged to replace all of country_continent"):
            replace_all(rows[:number], rows_in_source)
    assert rows_of(warehouse, "select iso_3166_1 from country_continent order by 1") == left
    assert replace_all(rows[:1], 1) == MergeCounts(unchanged=1, deleted=1)
