"""When a load is refused: the share of rejected rows, over chunks, batches, films and the rows of the table."""

from __future__ import annotations

import pytest

from tmdb_assets.transforms.conform import Rejected
from tmdb_assets.warehouse.loading.load import Loaded, TooManyRejectedError
from tmdb_assets.warehouse.schema.bridges import movie_release
from tmdb_assets.warehouse.schema.dimensions import dim_genre
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.sound_rows import load_rows, rows_of
from tmdb_assets_tests.integration.warehouse.loading.test_load import DAY, genres, rejected_in


@pytest.mark.parametrize(("good", "bad"), [(19, 1), (95, 5), (570, 30)])
def test_exactly_five_percent_pass(good: int, bad: int, warehouse: Warehouse) -> None:
    rows = genres(good) + [{"genre_id": -n, "name": None, "as_of_date": DAY} for n in range(bad)]
    loaded = load_rows(warehouse, dim_genre, rows, day=DAY)
    assert loaded.rejected_share == 0.05
    assert rows_of(warehouse, "select count(*) from dim_genre") == [(good,)]
    assert rows_of(warehouse, "select count(*) from rejected_row") == [(bad,)]


def test_over_five_percent_refuse_the_load_and_write_nothing(warehouse: Warehouse) -> None:
    load_rows(warehouse, dim_genre, [*genres(20), {"genre_id": 0, "as_of_date": DAY}], day=DAY)
    before = rejected_in(warehouse), rows_of(warehouse, "select *, xmin::text from dim_genre order by 1")
    rows = genres(30, "renamed") + [{"genre_id": -n, "name": None, "as_of_date": DAY} for n in range(2)]
    with pytest.raises(
        TooManyRejectedError, match=r"^2 of 32 rows of dim_genre \(6.2%\) broke their contract"
    ) as raised:
        load_rows(warehouse, dim_genre, rows, day=DAY)
    assert "Nothing was written" in str(raised.value)
    assert (raised.value.loaded.received, len(raised.value.loaded.rejected)) == (32, 2)
    assert (rejected_in(warehouse), rows_of(warehouse, "select *, xmin::text from dim_genre order by 1")) == before


def test_the_share_counts_over_chunks_and_earlier_batches(warehouse: Warehouse) -> None:
    bad = [{"genre_id": 0, "name": "bad", "as_of_date": DAY}]
    assert load_rows(warehouse, dim_genre, bad, genres(19), day=DAY).rejected_share == 0.05
    earlier = Loaded(dim_genre, received=100)
    assert len(load_rows(warehouse, dim_genre, bad, day=DAY, earlier=earlier).rejected) == 1
    earlier.rejected += load_rows(warehouse, dim_genre, bad, genres(19), day=DAY).rejected * 5
    with pytest.raises(TooManyRejectedError, match="6 of 101 rows"):
        load_rows(warehouse, dim_genre, bad, day=DAY, earlier=earlier)


def test_a_few_broken_rows_of_a_partial_load_are_judged_against_the_whole_table(warehouse: Warehouse) -> None:
    bad = [{"genre_id": 0, "name": "bad", "as_of_date": DAY}]
    with pytest.raises(TooManyRejectedError, match="1 of 2 rows"):  # the table is empty
        load_rows(warehouse, dim_genre, bad, genres(1), day=DAY, is_partial=True)
    load_rows(warehouse, dim_genre, genres(19), day=DAY)
    with pytest.raises(TooManyRejectedError, match="2 of 3 rows"):  # the received row is not counted twice: 2 of 21
        load_rows(warehouse, dim_genre, [*bad, {**bad[0], "genre_id": -1}], genres(1), day=DAY, is_partial=True)
    assert rejected_in(warehouse) == []
    loaded = load_rows(warehouse, dim_genre, bad, genres(1, "renamed"), day=DAY, is_partial=True)
    assert (loaded.received, len(loaded.rejected), loaded.counts.updated) == (2, 1, 1)
    with pytest.raises(TooManyRejectedError, match="1 of 2 rows"):  # not partial: the table does not count
        load_rows(warehouse, dim_genre, bad, genres(1), day=DAY)


def test_more_than_a_few_broken_rows_are_judged_against_those_received(warehouse: Warehouse) -> None:
    load_rows(warehouse, dim_genre, genres(5000), day=DAY)
    bad = [{"genre_id": -number, "name": "bad", "as_of_date": DAY} for number in range(201)]  # 20 films, ten rows each
    with pytest.raises(TooManyRejectedError, match="201 of 202 rows"):
        load_rows(warehouse, dim_genre, bad, genres(1), day=DAY, is_partial=True)
    assert len(load_rows(warehouse, dim_genre, bad[1:], genres(1), day=DAY, is_partial=True).rejected) == 200


def test_the_broken_rows_of_one_film_count_as_one() -> None:
    def releases(films: range, each: int) -> Loaded:
        rejected = [Rejected({"movie_id": film}, ()) for film in films for _ in range(each)]
        return Loaded(movie_release, received=100 + len(rejected), rejected=rejected)

    assert not releases(range(1), 500).are_too_many(0)
    assert not releases(range(5), 500).are_too_many(0)
    assert releases(range(6), 1).are_too_many(0)
    assert not releases(range(20), 500).are_too_many(300)
    assert releases(range(21), 500).are_too_many(100_000)
