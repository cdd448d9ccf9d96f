"""A film whose answers break the contract on some day has the same facts in whatever order its days are loaded."""

from __future__ import annotations

import datetime as dt

import pytest

from tmdb_assets_tests.cases.awkward import catalogue, film, sound_films
from tmdb_assets_tests.oracle.compare import copied_warehouse
from tmdb_assets_tests.stage.many_days import ONE_DAY, change_lists, content_of
from tmdb_assets_tests.stage.platform import failures_of, platform

DAY = dt.date(2026, 7, 20)
SOUND, BROKEN = (catalogue([*sound_films(40), film(1, **changes)]) for changes in ({}, {"title": "t" * 3000}))
FETCHING = ("raw_discover", "raw_details", "raw_reference", "raw_export")
FACTS = "select date_id, source from fact_movie_daily where movie_id = 1 order by 1"
ORPHANS = "select count(*) from rejected_row where table_name = 'fact_movie_daily'"


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param((SOUND, BROKEN), marks=pytest.mark.long, id="then broken"),
        pytest.param((BROKEN, SOUND), id="broken first"),
    ],
)
def test_a_day_has_the_facts_of_films_that_become_known_in_any_order(server, monkeypatch, answers):
    ends = []
    for order in ((0, 1), (1, 0)):
        with copied_warehouse(server) as warehouse, platform(warehouse, answers[0], monkeypatch) as made:
            made.load_history_day_by_day()
            made.replay.faults = change_lists({})
            for number, catalogue_of_day in enumerate(answers):
                result = made.fetch_day(DAY + number * ONE_DAY, catalogue_of_day, only=FETCHING)
                assert failures_of(result) == []
            for number in order:
                result = made.run(DAY + number * ONE_DAY, today=DAY + ONE_DAY, charts=False)
                assert failures_of(result) == []
            assert made.rows(FACTS) == [(DAY, "discover"), (DAY + ONE_DAY, "discover")]
            assert (made.value(ORPHANS), made.value("select sum(discover_count) from load_day")) == (0, 82)
            assert made.value("select snapshot_date from movie_latest where movie_id = 1") == DAY + ONE_DAY
            ends.append(content_of(made))
    assert ends[0] == ends[1]
