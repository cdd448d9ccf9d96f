"""The films that changed on a day: all pages of the list, or an error."""

import datetime as dt
import json

import pytest

from tmdb_assets.tmdb.changes import fetch_changes
from tmdb_assets.tmdb.errors import BadRequestError, UnauthorizedError, UnreachableError, UnreadableAnswerError
from tmdb_assets_tests.cases.client_sample import by_page, pages_of
from tmdb_assets_tests.fakes.replay_catalogue import RECORDINGS
from tmdb_assets_tests.fakes.scripted_server import reply

DAY = dt.date(2026, 7, 30)


def listing(ids, page=1, total_pages=1, total=None):
    entries = [{"id": movie_id, "adult": False} for movie_id in ids]
    total = 100 * total_pages if total is None else total
    return {"results": entries, "page": page, "total_pages": total_pages, "total_results": total}


def full(page, total_pages=1):
    return listing(range(100 * page, 100 * page + 100), page, total_pages)


@pytest.fixture
def changes_of(server, connect):
    """The changes of `DAY`, with page N of the list answered by `answer(N)`."""

    def changes_of(answer):
        server.plays_at("/movie/changes", by_page(answer))
        return fetch_changes(connect(), DAY)

    return changes_of


def test_all_pages_of_one_day(server, changes_of):
    found = changes_of(lambda page: listing(range(100 * page, 100 * page + (100 if page < 7 else 3)), page, 7, 603))
    assert found == set(range(100, 703))
    query = "start_date=2026-07-30&end_date=2026-07-30"
    assert sorted(server.paths) == [f"/3/movie/changes?page={page}&{query}" for page in range(1, 8)]


def test_no_change(server, changes_of):
    assert changes_of(lambda page: listing([], total_pages=0)) == set()
    assert pages_of(server) == [1]


def test_entries_without_a_usable_id_are_skipped(changes_of):
    page = listing([None, "12", 1.5, True, 0, -4, [3], {"id": 4}, 2**40, 7], total=16)
    page["results"] += [{"adult": None}, None, 9, [], "text", {"id": 8, "adult": None}]
    assert changes_of(lambda number: page) == {7, 8, 2**40}


def test_pages_that_appear_or_move_while_paging(server, changes_of):
    # Page 2 repeats an entry of page 1, and reports a page 4.
    pages = {1: full(1, 3), 2: listing(range(199, 299), 2, 4, 301), 3: full(3, 3), 4: listing([5], 4, 4, 301)}
    assert changes_of(pages.__getitem__) == {5, *range(100, 299), *range(300, 400)}
    assert pages_of(server) == [1, 2, 3, 4]


def test_a_recorded_page_with_more_ids_than_usual(server, changes_of):
    path = RECORDINGS / "changes" / "movie_changes_2022-11-26_page_1.json"
    if not path.is_file():
        pytest.skip("the recorded TMDb answers are missing: they belong in ../shared/tmdb, next to the repository")
    recorded = json.loads(path.read_bytes())
    assert len(recorded["results"]) == 2_687
    assert changes_of(lambda page: reply(200, path.read_bytes())) == {e["id"] for e in recorded["results"]} - {None}
    assert pages_of(server) == [1]


@pytest.mark.parametrize("broken", [b"<html>", {"page": 2}, {"results": None, "total_pages": 3}, []])
@pytest.mark.parametrize("number", [1, 2])
def test_an_unreadable_page_raises(changes_of, broken, number):
    with pytest.raises(UnreadableAnswerError, match=r"2026-07-30.*stored is kept"):
        changes_of(lambda page: broken if page == number else full(page, 3))


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda page: full(1, 3), "page 2 is not believed: it says that it is page 1"),
        (lambda page: full(1, 3) | {"page": page}, "page [23] is not believed: 100 of its films were on page"),
        (lambda page: full(page, 3) | ({"results": []} if page == 2 else {}), "page 2 .* it has 0 films"),
        (lambda page: listing(range(90 * page, 90 * page + 100), page, 3), "20 of the 300 changes of 2026-07-30"),
    ],
)
def test_a_list_that_lacks_entries_raises(changes_of, change, cause):
    with pytest.raises(UnreadableAnswerError, match=cause):
        changes_of(change)


def test_a_page_that_another_took_the_place_of_is_requested_again(server, changes_of):
    asked = []

    def answer(page):
        asked.append(page)
        return full(page if asked.count(page) > 1 else 1, 3)

    assert changes_of(answer) == set(range(100, 400))
    assert pages_of(server) == [1, 2, 2, 3, 3]


def test_a_page_that_lacks_one_entry_is_kept(server, changes_of):
    found = changes_of(lambda page: listing(range(100 * page + (page == 2), 100 * page + 100), page, 3))
    assert found == {*range(100, 400)} - {200}
    assert pages_of(server) == [1, 2, 2, 3]


def test_a_list_longer_than_tmdb_serves_raises(server, changes_of):
    with pytest.raises(UnreadableAnswerError, match=r"501 pages.*2026-07-30"):
        changes_of(lambda page: full(page, 501))
    assert max(pages_of(server)) <= 500


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (401, 7, UnauthorizedError),
        (404, 34, BadRequestError),
        (404, 11, UnreadableAnswerError),
        (422, 20, BadRequestError),
        (500, 11, UnreachableError),
    ],
)
def test_a_refusal_or_an_outage_raises(changes_of, status, code, error):
    with pytest.raises(error):
        changes_of(lambda page: reply(status, {"status_code": code}) if page == 2 else full(1, 2))


def test_a_fault_that_passes_is_retried(changes_of):
    faults = [reply(503, {}), b"<html>"]
    found = changes_of(lambda page: faults.pop() if faults and page == 2 else full(page, 2))
    assert found == set(range(100, 300))
    assert faults == []
