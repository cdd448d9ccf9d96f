"""Raw answers older than TMDb's terms allow are dropped by partition; facts, dimensions and newer days stay."""

from __future__ import annotations

import datetime as dt

from tmdb_assets.warehouse.retention import Dropped, drop_old_raw, first_kept_day
from tmdb_assets_tests.cases.awkward import catalogue, sound_films
from tmdb_assets_tests.oracle.compare import Tables, state_of
from tmdb_assets_tests.stage.platform import failed_checks, failures_of

DAY = dt.date(2026, 1, 31)
FILMS = 20
CATALOGUE = catalogue(sound_films(FILMS))


def raw_rows(graph: Tables) -> list[int]:
    return [graph.value(f"select count(*) from {name}") for name in ("raw_discover", "raw_details", "raw_export")]


def test_raw_answers_are_dropped_when_too_old_and_nothing_else_is(loaded) -> None:
    next_day = DAY + dt.timedelta(days=1)
    assert failures_of(loaded.run(next_day, charts=False)) == []
    for number, day in enumerate((DAY, next_day)):  # what was refused is an answer as well
        loaded.execute(
            "insert into rejected_row values (:id, 'dim_movie', :day, null, '{}', '[]', now())",
            id=f"00000000-0000-0000-0000-00000000000{number}",
            day=day,
        )
    before, kept = state_of(loaded), raw_rows(loaded)
    last = DAY + dt.timedelta(days=180)  # TMDb's terms: no answer is kept for more than six months
    assert first_kept_day(last) == DAY
    assert drop_old_raw(loaded.warehouse, last) == Dropped()
    assert raw_rows(loaded) == kept

    dropped = drop_old_raw(loaded.warehouse, last + dt.timedelta(days=1))
    assert dropped.partitions == tuple(
        f"{name}_{DAY:%Y_%m_%d}" for name in ("raw_details", "raw_discover", "raw_export")
    )
    assert (dropped.rejected_rows, dropped.due_rows) == (1, FILMS)
    for name in ("raw_discover", "raw_details", "raw_export"):
        assert loaded.column(f"select distinct snapshot_date from {name}") == [next_day]
    assert loaded.column("select distinct snapshot_date from rejected_row") == [next_day]
    after = state_of(loaded)
    assert {name: rows for name, rows in after.items() if name != "rejected_row"} == {
        name: rows for name, rows in before.items() if name != "rejected_row"
    }
    assert loaded.value("select count(*) from fetch_log where snapshot_date = :day", day=DAY) > 0


def test_a_partition_in_use_is_dropped_by_the_next_call_and_blocks_nobody(loaded) -> None:
    later = DAY + dt.timedelta(days=181)
    with loaded.warehouse.engine.connect() as reader:
        reader.exec_driver_sql("select count(*) from raw_discover")  # its lock lasts as long as the transaction
        assert drop_old_raw(loaded.warehouse, later).partitions == (f"raw_details_{DAY:%Y_%m_%d}",)
    assert drop_old_raw(loaded.warehouse, later).partitions == tuple(
        f"{name}_{DAY:%Y_%m_%d}" for name in ("raw_discover", "raw_export")
    )


def test_a_day_run_again_after_its_answers_were_dropped_keeps_its_facts_and_says_so(loaded) -> None:
    later = DAY + dt.timedelta(days=181)
    drop_old_raw(loaded.warehouse, later)
    before = state_of(loaded)
    result = loaded.run(DAY, today=later, job="backfill")
    assert (failures_of(result), loaded.replay.paths) == ([], [])
    assert state_of(loaded) == before
    assert failed_checks(result) == ["fact_movie_daily.today_is_there"]
    check = next(c for c in result.get_asset_check_evaluations() if c.check_name == "pages_complete")
    assert check.description == (
        f"The raw answers of {DAY} were dropped after 180 days, as TMDb's terms require. Its facts stay as they are."
    )
