"""A film that discover lists twice on a day: the later answer is kept, in whatever order the answers are stored."""

from __future__ import annotations

import datetime as dt
from itertools import permutations

import pytest

from tmdb_assets.warehouse.schema.raw import raw_discover
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.sound_rows import load_rows, rows_of

DAY = dt.date(2026, 7, 30)
# Seconds after the start, and rank; the popularity is the number of the answer.
ANSWERS = [(0, 41), (5, 21), (5, 22), (3, 90)]


def answer(number: int, film: int = 1) -> dict[str, object]:
    seconds, rank = ANSWERS[number]
    at = dt.datetime(2026, 7, 30, 9, tzinfo=dt.UTC) + dt.timedelta(seconds=seconds)
    return {
        "snapshot_date": DAY,
        "movie_id": film,
        "popularity": float(number),
        "rank": rank,
        "payload": {},
        "fetched_at": at,
    }


@pytest.mark.parametrize("is_one_batch", [True, False])
def test_the_later_answer_is_kept_in_any_order(warehouse: Warehouse, is_one_batch: bool) -> None:
    orders = list(permutations(range(len(ANSWERS))))
    # One film per order; one load of all its answers (a chunk each), or one load per answer.
    chunks = [[answer(order[place], film) for film, order in enumerate(orders, 1)] for place in range(len(ANSWERS))]
    for load in [chunks] if is_one_batch else [[chunk] for chunk in chunks]:
        load_rows(warehouse, raw_discover, *load, day=DAY)
    stored = rows_of(warehouse, "select movie_id, rank, popularity from raw_discover order by 1")
    assert stored == [(film, 22, 2.0) for film in range(1, len(orders) + 1)]
