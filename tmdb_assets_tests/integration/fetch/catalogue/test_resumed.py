"""TMDB_PAGES=all interrupted, with broken pages, or next to a number of pages: each run requests what is missing."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from tmdb_assets import partitions
from tmdb_assets_tests.cases.awkward import catalogue
from tmdb_assets_tests.fakes.replay import Fault
from tmdb_assets_tests.fakes.sliced_catalogue import (
    CATALOGUE,
    DATED,
    DAY,
    FILMS,
    Span,
    ask_for,
    finished,
    parts_of,
    span_of,
    spans_of,
)
from tmdb_assets_tests.stage.many_days import both
from tmdb_assets_tests.stage.platform import checks_of, evaluations_of, failures_of

OPEN = """
    select array[first_release_date::text, last_release_date::text], page_count
    from fetch_slice where finished_at is null order by jsonb_array_length(stored_pages)
"""


def test_an_interrupted_crawl_resumes_by_slice(graph, discover):
    discover.down_after = 50  # of about 80
    result = graph.run(DAY, only=CATALOGUE)
    assert not result.success
    (kept, pages), stored = parts_of(graph), graph.value("select count(*) from raw_discover")
    assert len(kept) >= 2
    assert 0 < stored < DATED

    discover.down_after = None
    discover.asked.clear()
    result = graph.run(DAY, only=CATALOGUE)
    assert failures_of(result) == []
    # No requested slice overlaps one that was finished.
    assert all(
        last < kept_first or kept_last < first for first, last in spans_of(discover) for kept_first, kept_last in kept
    )
    assert pages
    assert not pages & set(discover.asked)
    assert set(discover.asked.values()) == {1}
    assert parts_of(graph)[1] == set()  # every slice is finished
    assert graph.value("select count(*) from raw_discover") == DATED
    assert graph.value("select count(*) from rejected_row") == 0
    assert checks_of(result)["raw_discover.pages_complete"]
    # A complete day needs no requests.
    discover.asked.clear()
    assert failures_of(graph.run(DAY, only=CATALOGUE)) == []
    assert discover.asked.total() == 0


def test_a_slice_that_shrinks_between_two_runs_is_finished(graph, discover):
    discover.down_after = 50
    assert not graph.run(DAY, only=CATALOGUE).success
    (first, last), pages = graph.rows(OPEN)[0]
    rest = [discover.catalogue.page(page, first, last)["results"] for page in range(2, pages + 1)]
    gone = {film["id"] for page in rest for film in page}
    assert gone
    graph.replay.catalogue = catalogue([film for film in FILMS if film["id"] not in gone])
    discover.down_after = None
    result = graph.run(DAY, only=CATALOGUE)
    assert failures_of(result) == []
    assert graph.rows(OPEN) == []
    assert checks_of(result)["raw_discover.pages_complete"]
    kept = {film["id"] for film in FILMS if film["release_date"]} - gone
    assert kept <= set(graph.column("select movie_id from raw_discover"))


def test_a_page_that_cannot_be_read_leaves_its_slice_to_the_next_run(graph, discover):
    broken: list[Span] = []

    def third_page_of_one_slice(path, params):
        if params.get("page") == "3" and not broken:
            broken.append(span_of(params))
        is_broken = params.get("page") == "3" and span_of(params) in broken
        return Fault(body=b'{"page": 3, "results": "none"}') if is_broken else None

    graph.replay.faults = both(third_page_of_one_slice, discover)
    result = graph.run(DAY, only=CATALOGUE)
    assert failures_of(result) == []
    ((first, last),) = broken
    lost = len(discover.catalogue.page(3, first, last)["results"])
    check = evaluations_of(result)["raw_discover.pages_complete"]
    assert not check.passed
    assert f"slice {first}..{last}" in check.description
    assert (first, last) not in finished(graph)
    assert graph.value("select count(*) from raw_discover") == DATED - lost

    graph.replay.faults = discover
    discover.asked.clear()
    result = graph.run(DAY, only=CATALOGUE)
    assert failures_of(result) == []
    assert discover.asked == {((first, last), 3): 1}
    assert graph.value("select count(*) from raw_discover") == DATED
    assert graph.value("select count(*) from rejected_row") == 0
    assert checks_of(result)["raw_discover.pages_complete"]


@pytest.mark.parametrize("copied", [True, False], ids=["a copy of page 1", "empty"])
def test_a_page_that_is_not_believed_leaves_its_slice_to_the_next_run(graph, discover, copied):
    wrong: list[Span] = []

    def second_page_of_one_slice(path, params):
        span = span_of(params)
        if params.get("page") != "2" or (wrong and span not in wrong):
            return None
        wrong[:] = [span]
        body = discover.catalogue.page(2, *span)
        return Fault(body=json.dumps({**body, "results": graph_page_1(span) if copied else []}).encode())

    def graph_page_1(span):
        return discover.catalogue.page(1, *span)["results"][: len(discover.catalogue.page(2, *span)["results"])]

    graph.replay.faults = both(second_page_of_one_slice, discover)
    for _ in range(2):  # not believed by the next run either, which knows the films of page 1
        result = graph.run(DAY, only=("raw_discover",))
        (span,) = wrong
        lost = len(discover.catalogue.page(2, *span)["results"])
        check = evaluations_of(result)["raw_discover.pages_complete"]
        assert not check.passed
        assert f"it has {DATED - lost} of the {DATED} films that TMDb lists" in check.description
        assert span not in finished(graph)
        assert graph.value("select count(*) from raw_discover") == DATED - lost
    graph.replay.faults = discover
    discover.asked.clear()
    result = graph.run(DAY, only=("raw_discover",))
    assert discover.asked == {(span, 2): 1}
    assert graph.value("select count(*) from raw_discover") == DATED
    assert checks_of(result)["raw_discover.pages_complete"]


def test_each_mode_requests_its_missing_pages_whatever_the_other_has(graph, discover):
    discover.down_after = 50
    assert not graph.run(DAY, only=CATALOGUE).success
    discover.down_after = None
    kept, pages = parts_of(graph)
    discover.asked.clear()
    ask_for(graph, 3)
    for requests in (3, 0):
        assert failures_of(graph.run(DAY, only=CATALOGUE)) == []
        assert discover.asked.total() == requests
        discover.asked.clear()
    ask_for(graph, 5)
    assert failures_of(graph.run(DAY, only=CATALOGUE)) == []
    assert set(discover.asked) == {(("", ""), page) for page in (4, 5)}
    discover.asked.clear()
    ask_for(graph, "all")
    assert failures_of(graph.run(DAY, only=CATALOGUE)) == []
    assert not pages & set(discover.asked)
    assert not kept & spans_of(discover)
    dated = [film["id"] for film in FILMS if film["release_date"]]
    assert set(dated) <= set(graph.column("select movie_id from raw_discover"))
    discover.asked.clear()
    ask_for(graph, 3)  # the whole catalogue includes any number of pages
    result = graph.run(DAY, only=CATALOGUE)
    assert failures_of(result) == []
    assert discover.asked.total() == 0
    assert checks_of(result)["raw_discover.pages_complete"]


def test_a_slice_whose_first_page_is_not_answered_is_left_to_the_next_run(graph, discover):
    broken: list[Span] = []

    def first_page_of_a_later_slice(path, params):
        span = span_of(params)
        if params.get("page") == "1" and (span in broken or (not broken and discover.asked.total() > 30)):
            broken[:] = [span]
            return Fault(status=500)
        return None

    graph.replay.faults = both(first_page_of_a_later_slice, discover)
    result = graph.run(DAY, only=CATALOGUE)
    assert failures_of(result) == []
    (span,) = broken
    name = f"slice {span[0]}..{span[1]} page 1"
    assert not checks_of(result)["raw_discover.pages_complete"]
    assert graph.rows("select part, reasons -> 0 ->> 'rule' from rejected_row") == [(name, "page is answered")]
    missing = [film["id"] for film in FILMS if film["release_date"] and span[0] <= film["release_date"] <= span[1]]
    assert graph.value("select count(*) from raw_discover") == DATED - len(missing)
    graph.replay.faults = discover
    discover.asked.clear()
    assert failures_of(graph.run(DAY, only=CATALOGUE)) == []
    assert spans_of(discover) == {span}
    assert graph.value("select count(*) from raw_discover") == DATED
    assert graph.value("select count(*) from rejected_row") == 0


def test_a_refresh_that_midnight_ends_leaves_the_whole_catalogue_complete(graph, discover, monkeypatch):
    ledger = "select * from fetch_slice order by first_release_date, last_release_date"
    crawl = "select finished_at, crawl_number, is_whole_catalogue from fetch_log where kind = 'discover'"
    assert failures_of(graph.run(DAY, only=CATALOGUE)) == []
    before = graph.rows(ledger), graph.rows(crawl)
    midnight = dt.datetime.combine(DAY + dt.timedelta(days=1), dt.time(), dt.UTC)
    second = dt.timedelta(seconds=1)
    discover.asked.clear()
    monkeypatch.setattr(partitions, "now", lambda: midnight + (second if discover.asked.total() >= 50 else -second))
    refresh = {"raw_discover": {"config": {"refresh": True}}}
    result = graph.run(DAY, today=partitions.today, only=CATALOGUE, config=refresh)
    assert failures_of(result) == []
    assert 50 <= discover.asked.total() < 70
    assert graph.value("select count(*) from raw_discover where crawl_number = 2") > 0
    assert (graph.rows(ledger), graph.rows(crawl)) == before
    assert checks_of(result)["raw_discover.pages_complete"]
