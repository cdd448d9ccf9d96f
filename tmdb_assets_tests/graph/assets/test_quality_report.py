"""The report of quality as an asset: what it writes, also after a failed step, and when it writes again."""

from __future__ import annotations

import datetime as dt
import re

import sqlalchemy as sa
from dagster import DagsterInstance

from tmdb_assets.assets.dashboard import quality_folder
from tmdb_assets.warehouse.ledger.check_results import Result, record
from tmdb_assets.warehouse.ledger.exports import FROM_EXPORT
from tmdb_assets.warehouse.loading.latest_state import ensure_day
from tmdb_assets_tests.cases.awkward import catalogue, sound_films
from tmdb_assets_tests.fakes.replay import TOKEN
from tmdb_assets_tests.oracle.compare import copied_warehouse
from tmdb_assets_tests.stage.platform import failures_of, metadata_of, platform

DAY = dt.date(2026, 7, 29)
CATALOGUE = catalogue(sound_films(30))
ONE_DAY = dt.timedelta(days=1)
LOADED = "insert into load_day (date_id, discover_count, export_count) values (:day, :discover, 1)"
# 45 rows, each of which breaks two rules, and one of them in two of its cells.
REJECTED = """
insert into rejected_row (id, table_name, snapshot_date, payload, reasons)
select gen_random_uuid(), 'dim_movie', :day, '{}', jsonb_build_array(
    jsonb_build_object('rule', 'rule ' || n, 'value', n),
    jsonb_build_object('rule', 'of all', 'value', 1), jsonb_build_object('rule', 'of all', 'value', 2)
) from generate_series(1, 45) as n
"""
MEASURED = ("quality_measure", "quality_report")


def pages_of(graph):
    folder = quality_folder(graph.source.settings, str(graph.warehouse.url.database))
    return {path.name: path for path in folder.iterdir()}


def lines_of(index):
    """The cells of each line of the index: day, verdict, films, why."""
    lines = re.findall(r'<tr><th scope="row">.*?</tr>', index.read_text(encoding="utf-8"))
    return [tuple(filter(None, re.split("<[^>]*>", line))) for line in lines]


def test_a_day_has_its_page_that_is_made_again_only_when_its_record_changed(
    server, loaded_database, monkeypatch, tmp_path
):
    with (
        copied_warehouse(server, loaded_database) as warehouse,
        platform(warehouse, CATALOGUE, monkeypatch, reports_dir=tmp_path) as graph,
        DagsterInstance.ephemeral() as graph.instance,  # which keeps the versions of what is made
    ):
        result = graph.run(DAY, only=MEASURED)
        assert failures_of(result) == []
        made = metadata_of(result, "quality_report")
        pages = pages_of(graph)
        assert set(pages) == {"2026-07-29.html", "index.html"}
        checks = len(graph.rows("select 1 from check_result where check_name not in ('run', 'today_is_there')"))
        assert made["verdict"] == f"2026-07-29 can be trusted: all {checks} checks passed."
        assert (made["path"], made["bytes"]) == (str(pages["2026-07-29.html"]), pages["2026-07-29.html"].stat().st_size)
        assert made["bytes"] < 1_000_000
        text = pages["2026-07-29.html"].read_text(encoding="utf-8")
        assert made["verdict"] in text
        for part in ("Discover: films", "dim_movie.runtime_minutes", "2026-07-29"):
            assert part in text
        graph.run(DAY, only=MEASURED)
        before = {name: path.stat().st_mtime_ns for name, path in pages.items()}
        with warehouse.begin() as connection:  # as a second run does, whose raw tables get no row
            connection.execute(sa.text("update check_result set description = 'All 0 rows.' where is_passed"))
        graph.run(DAY, only=MEASURED)
        assert {name: path.stat().st_mtime_ns for name, path in pages.items()} == before

        # Another day's record changes: its page is made too; a page older than the raw answers may be kept goes.
        old = pages["index.html"].with_name("2026-01-05.html")
        old.write_text("old")
        with warehouse.begin() as connection:
            record(connection, DAY - ONE_DAY, [Result("raw_export", "run", False, "error", "It was <b>gone</b>.")])
        assert failures_of(graph.run(DAY, only=MEASURED)) == []
        assert set(pages_of(graph)) == {"2026-07-28.html", "2026-07-29.html", "index.html"}
        text = pages["index.html"].with_name("2026-07-28.html").read_text(encoding="utf-8")
        assert "Do not rely on 2026-07-28: 1 of 1 checks found figures missing or wrong. raw_export: It was" in text
        assert "<b>gone</b>" not in text
        pages["index.html"].unlink()
        graph.run(DAY, only=MEASURED)
        assert "index.html" in pages_of(graph)


def test_a_failed_day_has_a_page_that_says_why(warehouse, monkeypatch, tmp_path):
    with platform(warehouse, CATALOGUE, monkeypatch, reports_dir=tmp_path) as graph:
        graph.replay.token = "another"
        result = graph.run(DAY)
        assert not result.success
        verdict = metadata_of(result, "quality_report")["verdict"]
        assert verdict.startswith("Do not rely on 2026-07-29: ")
        assert "token" in verdict
        assert set(pages_of(graph)) == {"2026-07-29.html", "index.html"}


def test_a_day_that_failed_and_came_from_its_export_is_not_doubted(server, loaded_database, monkeypatch, tmp_path):
    day = DAY + ONE_DAY
    with (
        copied_warehouse(server, loaded_database) as warehouse,
        platform(warehouse, CATALOGUE, monkeypatch, reports_dir=tmp_path) as graph,
    ):
        graph.replay.token = "another"
        assert not graph.run(day, charts=False).success
        failed = (
            "select asset_name from check_result "
            "where date_id = :day and not is_passed and check_name <> 'today_is_there'"
        )
        graph.replay.token = TOKEN
        assert "raw_discover" in graph.column(failed, day=day)
        assert failures_of(graph.run(day, today=day + ONE_DAY, job="backfill", only=FROM_EXPORT)) == []
        assert graph.column(failed, day=day) == []
        result = graph.run(day, today=day + ONE_DAY, only={"quality_report"})
        assert "Do not rely" not in metadata_of(result, "quality_report")["verdict"]

        # A day with discover's films keeps what was said of it.
        with warehouse.begin() as connection:
            record(connection, DAY, [Result("raw_details", "run", False, "error", "It failed.")])
        assert failures_of(graph.run(DAY, today=day, job="backfill", only=FROM_EXPORT)) == []
        assert graph.column(failed, day=DAY) == ["raw_details"]


def test_an_empty_warehouse_has_an_index(warehouse, monkeypatch, tmp_path):
    with platform(warehouse, CATALOGUE, monkeypatch, reports_dir=tmp_path) as graph:
        result = graph.run(DAY, only={"quality_report"})
        assert failures_of(result) == []
        assert "is not loaded" in metadata_of(result, "quality_report")["verdict"]


def test_the_index_is_the_same_whatever_day_ran_last_and_rejected_rows_count_once(warehouse, monkeypatch, tmp_path):
    before, long_ago = DAY - ONE_DAY, DAY - 150 * ONE_DAY
    said = Result("fact_movie_daily", "today_is_there", False, "warn", "Not today.")
    steps = [Result("dim_movie", "run", True, "error", None), Result("dim_movie", "contract", True, "error", None)]
    with platform(warehouse, CATALOGUE, monkeypatch, reports_dir=tmp_path) as graph:
        with warehouse.begin() as connection:
            for day, discover in ((DAY, 29), (before, 29), (long_ago, 0)):
                ensure_day(connection, day)
                connection.execute(sa.text(LOADED), {"day": day, "discover": discover})
                record(connection, day, [said, *steps])
            record(connection, before, [Result("raw_export", "run", False, "error", "It is gone. Do it again.")])
            connection.execute(sa.text(REJECTED), {"day": DAY})
        indexes = []
        for day in (long_ago, DAY, before):
            assert failures_of(graph.run(day, only={"quality_report"})) == []
            indexes.append(lines_of(pages_of(graph)["index.html"]))
        assert indexes[1] == indexes[2]
        why = "Do not rely on 2026-07-28: 1 of 2 checks found figures missing or wrong. raw_export: It is gone."
        assert [line[:3] for line in indexes[1]] == [
            ("2026-07-29", "✓ can be trusted", "30"),
            ("2026-07-28", "✕ do not rely on it", "30"),
            ("2026-03-01", "! with care", "1"),
        ]
        assert [line[3] for line in indexes[1][:2]] == ["2026-07-29 can be trusted: all 1 checks passed.", why]
        page = pages_of(graph)["2026-07-29.html"].read_text(encoding="utf-8")
        assert "<dt>Rows rejected</dt><dd>45</dd>" in page
        assert '<td class="text">of all</td><td>45</td><td class="text">1; 2; 1</td>' in page
        assert "<p>and 6 more rules</p>" in page
