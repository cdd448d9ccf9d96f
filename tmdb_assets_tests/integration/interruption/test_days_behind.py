"""A day whose run ends before every table is made of its answers is a gap, and is rebuilt without a request."""

from __future__ import annotations

import datetime as dt

from dagster import DagsterRunStatus

from tmdb_assets import partitions
from tmdb_assets.cli import doctor
from tmdb_assets.cli.in_process import Platform as OpenPlatform
from tmdb_assets.orchestration.gaps import Gap, find_gaps
from tmdb_assets_tests.cases.appended import FULL
from tmdb_assets_tests.cases.awkward import catalogue, film
from tmdb_assets_tests.stage.gap_ticks import HOUR, days_of, note_run, run_requests, tick
from tmdb_assets_tests.stage.many_days import ONE_DAY, change_lists
from tmdb_assets_tests.stage.platform import failures_of, platform

DAY = dt.date(2026, 7, 20)
NEXT, THIRD, TODAY = (DAY + number * ONE_DAY for number in (1, 2, 3))
FEW, MORE = (catalogue([film(number, **FULL) for number in range(1, count)]) for count in (11, 21))
TO_THE_FACT = {"raw_discover", "raw_details", "raw_export", "raw_reference", "dim_date", "dim_language", "dim_movie"}
TO_THE_FACT |= {"fact_movie_daily"}
LINKED = (
    "bridge_movie_genre",
    "bridge_movie_company",
    "bridge_movie_country",
    "bridge_movie_language",
    "movie_history",
)
LINKED += ("bridge_movie_cast", "bridge_movie_crew", "bridge_movie_keyword", "movie_release")
# What a kill during the second page leaves.
KILLED = (
    "delete from raw_discover where snapshot_date = :day and rank > 20",
    "update fetch_log set finished_at = null, stored_pages = '[1]' where snapshot_date = :day and kind = 'discover'",
    "delete from check_result where date_id = :day and asset_name = 'raw_discover'",
)
WITHOUT = "select count(*) from dim_movie as m where not exists (select from {} as b where b.movie_id = m.movie_id)"


def found_gaps(made, today):
    with made.warehouse.begin() as connection:
        return find_gaps(connection, DAY, today)


def test_a_day_that_ends_after_the_fact_and_before_the_links_is_rebuilt(warehouse, monkeypatch):
    with platform(warehouse, FEW, monkeypatch, tmdb_append="credits,keywords,release_dates") as made:
        made.replay.faults = change_lists({})
        assert failures_of(made.run(DAY, charts=False)) == []
        assert failures_of(made.fetch_day(NEXT, MORE, only=TO_THE_FACT)) == []
        assert failures_of(made.run(THIRD, charts=False)) == []
        assert {made.value(WITHOUT.format(table)) for table in LINKED} == {10}
        behind = Gap(NEXT, is_loaded=False, is_behind=True)
        assert found_gaps(made, TODAY) == [behind]
        # It is needed as long as its answers are kept.
        assert behind in found_gaps(made, NEXT + 180 * ONE_DAY)
        assert behind not in found_gaps(made, NEXT + 181 * ONE_DAY)
        monkeypatch.setattr(partitions, "today", lambda: TODAY)
        with warehouse.begin() as connection:
            (finding,) = doctor.gaps(connection, made.instance, DAY, daemon_runs=False)
        command = f"tmdb-assets backfill --from {NEXT} --to {NEXT}"
        text = f"not every table was made of the answers of {NEXT}, as a run ended before: {command}"
        assert (finding.state, finding.text) == ("wrong", text)
        opened = OpenPlatform(made.instance, made.definitions, made.source, warehouse)
        assert [opened.is_complete(day) for day in (DAY, NEXT, THIRD)] == [True, False, True]

        cancelled = note_run(made, NEXT, DagsterRunStatus.CANCELED)
        requests, reason = tick(made, monkeypatch, TODAY, 500 * HOUR)
        assert (days_of(requests), command in reason) == ([], True)
        made.instance.delete_run(cancelled.run_id)

        made.replay.reset()
        (result,) = run_requests(made, monkeypatch, TODAY).values()
        assert (result.dagster_run.tags["dagster/partition"], failures_of(result)) == (str(NEXT), [])
        assert made.replay.paths == []
        assert {made.value(WITHOUT.format(table)) for table in LINKED} == {0}
        assert tick(made, monkeypatch, TODAY, 500 * HOUR) == ([], "No day is missing.")

        # A step that failed; and an upgraded warehouse, which has no record of its days.
        failed = "update check_result set is_passed = false where asset_name = :table and check_name = 'run'"
        made.execute(failed, table="movie_release")
        assert found_gaps(made, TODAY) == [Gap(day, is_loaded=False, is_behind=True) for day in (DAY, NEXT, THIRD)]
        made.execute("delete from check_result")
        assert found_gaps(made, TODAY) == []


def test_tables_made_by_hand_of_a_part_of_a_days_answers_leave_a_gap(warehouse, monkeypatch):
    all_films = catalogue([film(number, **FULL) for number in range(1, 41)])
    count = "select source, count(*) from fact_movie_daily where date_id = :day group by 1 order by 1"
    with platform(warehouse, all_films, monkeypatch, tmdb_append="credits,keywords,release_dates") as made:
        made.replay.faults = change_lists({})
        assert failures_of(made.run(DAY, charts=False)) == []
        made.run(NEXT, only={"raw_discover"})
        for statement in KILLED:
            made.execute(statement, day=NEXT)
        by_hand = made.run(NEXT, only={"dim_language", "dim_movie", "fact_movie_daily"})
        assert failures_of(by_hand) == []
        assert made.rows(count, day=NEXT) == [("discover", 20)]
        assert Gap(NEXT, is_loaded=False, is_behind=True) in found_gaps(made, TODAY)
        opened = OpenPlatform(made.instance, made.definitions, made.source, warehouse)
        monkeypatch.setattr(partitions, "today", lambda: NEXT)
        assert not opened.is_complete(NEXT)
        results = run_requests(made, monkeypatch, TODAY)
        assert failures_of(results[NEXT]) == []
        assert made.rows(count, day=NEXT) == [("discover", 20), ("export", 20)]
        assert NEXT not in [gap.day for gap in found_gaps(made, TODAY)]
