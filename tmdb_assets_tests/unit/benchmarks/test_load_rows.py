"""The benchmark of the merge loader finds wrong loads and missed bounds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

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


def test_wrong_rows_wrong_counts_and_rewritten_rows_are_found(lab: load_rows.Lab) -> None:
    frame = load_rows.make_frame(ROWS)
    chunks, other = load_rows.make_chunks(frame), load_rows.make_chunks(load_rows.make_frame(ROWS, added=1.0))
    with pytest.raises(BenchmarkError, match="After the load insert the table holds"):
        lab.measure("load", {"insert": (lambda: lab.load(other, MergeCounts(inserted=ROWS)), frame)})
    with pytest.raises(BenchmarkError, match="counted MergeCounts"):
        lab.load(other, MergeCounts(updated=ROWS))

    def rewrite() -> None:
        with lab.warehouse.begin() as connection:
            connection.exec_driver_sql("update fact_movie_daily set loaded_at = now() where movie_id = 7")

    insert = (lambda: lab.load(chunks, MergeCounts(inserted=ROWS)), frame)
    with pytest.raises(BenchmarkError, match="rewrote stored rows"):
        lab.measure("load", {"insert": insert, "again": (rewrite, frame)})


def test_a_missed_bound_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert load_rows.judge({"insert": 2.5, "again": 3.0, "update": 0.5})
    assert not load_rows.judge({"insert": 2.49, "again": 9.0, "update": 9.0})
    assert not load_rows.judge({"insert": 9.0, "again": 2.99, "update": 9.0})
    assert "insert: 2.49 times as fast as batched, UNDER the bound of 2.5" in capsys.readouterr().out
