"""TMDB_PAGES=all: the whole catalogue by slices of release dates."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

from tmdb_assets.tmdb.client import TmdbClient
from tmdb_assets_tests.cases.awkward import catalogue, film
from tmdb_assets_tests.fakes.replay import DATES, Fault
from tmdb_assets_tests.fakes.sliced_catalogue import (
    CATALOGUE,
    CROWD,
    DATED,
    DAY,
    FILMS,
    MOST_PAGES,
    START,
    UNDATED,
    finished,
)
from tmdb_assets_tests.stage.platform import assert_green, checks_of, evaluations_of, failures_of, metadata_of


def test_the_whole_catalogue_is_loaded_and_what_is_missing_is_reported(graph, discover):
    result = graph.run(DAY, only=CATALOGUE)
    assert failures_of(result) == []
    dated = [film["id"] for film in FILMS if film["release_date"]]
    assert graph.column("select movie_id from raw_discover order by 1") == dated
    assert metadata_of(result, "raw_export")["films_discover_does_not_show"] == UNDATED
    # Slices are adjacent, open-ended at both ends, and none is too large.
    stored = sorted(finished(graph))
    assert len(stored) >= DATED / (20 * MOST_PAGES)
    assert (stored[0][0], stored[-1][1]) == ("", "")
    days = [
        (dt.date.fromisoformat(first or "0001-01-01"), dt.date.fromisoformat(last or "9999-12-31"))
        for first, last in stored
    ]
    assert all(before[1] + dt.timedelta(days=1) == after[0] for before, after in pairwise(days))
    assert max(page for _, page in discover.asked) <= MOST_PAGES
    (query,) = {
        tuple(sorted(item for item in asked.params.items() if item[0] != "page" and item[0] not in DATES))
        for asked in graph.replay.asked
        if asked.kind == "discover"
    }
    assert query == (
        ("include_adult", "false"),
        ("include_video", "false"),
        ("language", "en-US"),
        ("sort_by", "popularity.desc"),
    )
    assert set(discover.asked.values()) == {1}
    check = evaluations_of(result)["raw_discover.pages_complete"]
    assert check.passed
    assert not check.description.startswith("0 pages")


def test_a_catalogue_that_is_much_smaller_than_the_day_before_is_doubted_until_it_is_whole(graph, discover):
    next_day = DAY + dt.timedelta(days=1)
    assert failures_of(graph.run(DAY, only=("raw_discover",))) == []
    graph.replay.catalogue = catalogue(FILMS[: DATED // 2])
    result = graph.run(next_day, only=("raw_discover",))
    check = evaluations_of(result)["raw_discover.pages_complete"]
    assert (check.passed, check.severity.value) == (False, "ERROR")
    assert f"it has {DATED // 2} of the {DATED} films" in check.description
    graph.replay.catalogue = catalogue(FILMS)
    assert_green(graph.run(next_day, only=("raw_discover",)))
    assert graph.value("select count(*) from raw_discover where snapshot_date = :day", day=next_day) == DATED


def test_films_released_long_ago_or_far_ahead_are_found(graph, discover):
    rare = {
        film(7000 + n)["id"]: date for n, date in enumerate(("0001-01-01", "1850-03-04", "2115-11-18", "9999-12-31"))
    }
    far = [film(movie_id, release_date=date) for movie_id, date in rare.items()]
    graph.replay.catalogue = discover.catalogue = catalogue([*FILMS, *far])
    result = graph.run(DAY, only=("raw_discover",))
    assert checks_of(result)["raw_discover.pages_complete"]
    dated = sorted([film["id"] for film in FILMS if film["release_date"]] + list(rare))
    assert graph.column("select movie_id from raw_discover order by 1") == dated


def test_a_film_on_two_pages_is_kept_once_with_the_later_answer(graph, discover):
    discover.repeats = True
    result = graph.run(DAY, only=CATALOGUE)
    assert failures_of(result) == []
    assert graph.value("select count(*) from raw_discover") == DATED
    assert graph.value("select count(distinct movie_id) from raw_discover") == DATED
    twice = sum(page == 2 and (span, 1) in discover.asked and span in finished(graph) for span, page in discover.asked)
    assert graph.value("select count(*) from raw_discover where popularity = 999") == twice > 3
    assert_green(result)


def test_films_beyond_the_last_page_of_a_single_date_are_reported(graph, discover):
    discover.crowded = str(START)
    result = graph.run(DAY, only=CATALOGUE)
    assert failures_of(result) == []
    assert (discover.crowded, discover.crowded) in finished(graph)
    beyond = 1 + CROWD - 20 * MOST_PAGES
    for _ in range(2):  # and again by a run without requests
        check = evaluations_of(result)["raw_discover.pages_complete"]
        assert (check.passed, check.metadata["films_beyond_page_500"].value) == (True, beyond)
        assert f"{beyond} films are beyond page 500 of their release date" in check.description
        result = graph.run(DAY, only=CATALOGUE)


def test_an_empty_catalogue_fails_the_day(graph, discover):
    nothing = Fault(body=b'{"page": 1, "results": [], "total_pages": 0, "total_results": 0}')
    graph.replay.faults = lambda path, params: nothing if path == "/discover/movie" else None
    result = graph.run(DAY, only=CATALOGUE)
    assert not result.success
    assert f"TMDb listed no films for {DAY}" in failures_of(result)[0]
    graph.replay.faults = discover
    assert failures_of(graph.run(DAY, only=CATALOGUE)) == []
    assert graph.value("select count(*) from raw_discover") == DATED


def test_a_refresh_requests_every_slice_again(graph, discover):
    assert failures_of(graph.run(DAY, only=CATALOGUE)) == []
    asked = discover.asked.copy()
    discover.asked.clear()
    config = {name: {"config": {"refresh": True}} for name in CATALOGUE}
    assert failures_of(graph.run(DAY, only=CATALOGUE, config=config)) == []
    assert discover.asked == asked
    assert graph.value("select count(*) from raw_discover") == DATED


def test_a_refused_token_ends_the_crawl(graph):
    graph.source.client = TmdbClient(graph.replay.url, "wrong", rate_limit=0, workers=4)
    result = graph.run(DAY, only=("raw_discover",))
    assert failures_of(result)[0].startswith("TMDb refused the token")
    assert graph.replay.requests["discover"] == 1
