"""The benchmark of the merge loader at a tiny size: its figures, and the faults that it must see."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from benchmarks import load_rows
from benchmarks.bench import BenchmarkError
from tmdb_assets.warehouse.loading.merge import MergeCounts
from tmdb_assets.warehouse.warehouse import Warehouse

ROWS = 140


@pytest.fixture
def lab(warehouse: Warehouse) -> Iterator[load_rows.Lab]:
    engine = load_rows.make_batched_engine(warehouse.url)
    made = load_rows.Lab(warehouse, ROWS, batch=50, batched=engine)
    made.seed()
    yield made
    engine.dispose()


def test_both_ways_store_the_same_rows(lab: load_rows.Lab) -> None:
    frame = load_rows.make_frame(ROWS)
    query = "select date_id, movie_id, popularity, vote_average, vote_count, source from fact_movie_daily order by 2"

    def stored() -> list[tuple[Any, ...]]:
        with lab.warehouse.begin() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query))]

    lab.measure("batched", {"insert": (lambda: lab.load_batched(load_rows.make_rows(frame)), frame)})
    batched = stored()
    lab.measure("load", {"insert": (lambda: lab.load(frame, MergeCounts(inserted=ROWS)), frame)})
    assert stored() == batched
    assert len(batched) == ROWS
    assert [row[1] for row in batched if row[4] is None] == list(range(1, ROWS + 1, 7))


def test_wrong_rows_wrong_counts_and_rewritten_rows_are_seen(lab: load_rows.Lab) -> None:
    frame, other = load_rows.make_frame(ROWS), load_rows.make_frame(ROWS, added=1.0)
    with pytest.raises(BenchmarkError, match="After the load insert the table holds"):
        lab.measure("load", {"insert": (lambda: lab.load(other, MergeCounts(inserted=ROWS)), frame)})
    with pytest.raises(BenchmarkError, match="counted MergeCounts"):
        lab.load(other, MergeCounts(updated=ROWS))

    def rewrite() -> None:
        with lab.warehouse.begin() as connection:
            connection.exec_driver_sql("update fact_movie_daily set loaded_at = now() where movie_id = 7")

    insert = (lambda: lab.load(frame, MergeCounts(inserted=ROWS)), frame)
    with pytest.raises(BenchmarkError, match="rewrote stored rows"):
        lab.measure("load", {"insert": insert, "again": (rewrite, frame)})


def test_a_missed_bound_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert load_rows.judge({"insert": 2.5, "again": 3.0, "update": 0.5})
    assert not load_rows.judge({"insert": 2.49, "again": 9.0, "update": 9.0})
    assert not load_rows.judge({"insert": 9.0, "again": 2.99, "update": 9.0})
    assert "insert: 2.49 times as fast as batched, UNDER the bound of 2.5" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--rows", "0"], ["--rounds", "0"], ["--batch", "-1"]])
def test_what_cannot_be_measured_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        load_rows.main(arguments)
    assert stopped.value.code == 2
