"""The films that changed on a day, over real loopback HTTP: all pages, or none."""

from __future__ import annotations

import datetime as dt
import json
import threading
from urllib.parse import parse_qsl, urlsplit

import pytest

from tmdb_assets.tmdb.changes import fetch_changes
from tmdb_assets.tmdb.client import TmdbClient
from tmdb_assets.tmdb.errors import BadRequestError, UnauthorizedError, UnreachableError, UnreadableAnswerError
from tmdb_assets_tests.fakes.replay_catalogue import RECORDINGS
from tmdb_assets_tests.fakes.scripted_server import LoopbackServer, reply

DAY = dt.date(2026, 7, 30)


def listing(ids, page=1, total_pages=1) -> dict:
    entries = [{"id": movie_id, "adult": False} for movie_id in ids]
    return {"results": entries, "page": page, "total_pages": total_pages, "total_results": 100 * total_pages}


class ChangeLists(LoopbackServer):
    """Answers page N with `answer(N)`: a payload, or status and payload; bytes go out as they are."""

    def __init__(self):
        super().__init__()
        self.url, self.seen, self._lock = f"http://{self.host}/3", [], threading.Lock()

    def choose_action(self, handler):
        url = urlsplit(handler.path)
        query = dict(parse_qsl(url.query))
        with self._lock:
            self.seen.append((url.path, query))
            answer = self.answer(int(query["page"]))
        return reply(*answer) if isinstance(answer, tuple) else reply(200, answer)


@pytest.fixture
def server():
    with ChangeLists() as server:
        yield server


@pytest.fixture
def client(server):
    client = TmdbClient(server.url, "token", rate_limit=0, workers=4, retry_seconds=0)
    yield client
    client.close()


def asked(server) -> list[int]:
    return sorted(int(query["page"]) for _, query in server.seen)


def test_all_pages_of_one_day(server, client):
    server.answer = lambda page: listing(range(100 * page, 100 * page + (100 if page < 7 else 3)), page, 7)
    assert fetch_changes(client, DAY) == set(range(100, 703))
    assert asked(server) == [1, 2, 3, 4, 5, 6, 7]
    assert {path for path, _ in server.seen} == {"/3/movie/changes"}
    days = {(query.pop("page"), tuple(sorted(query.items())))[1] for _, query in server.seen}
    assert days == {(("end_date", "2026-07-30"), ("start_date", "2026-07-30"))}


def test_no_change(server, client):
    server.answer = lambda page: listing([], total_pages=0)
    assert fetch_changes(client, DAY) == set()
    assert asked(server) == [1]


def test_entries_without_a_usable_id_are_left_out(server, client):
    odd = [None, "12", 1.5, True, 0, -4, [3], {"id": 4}, 2**40, 7]
    page = listing(odd)
    page["results"] += [{"adult": None}, None, 9, [], "text", {"id": 8, "adult": None}]
    server.answer = lambda number: page
    assert fetch_changes(client, DAY) == {7, 8, 2**40}


def test_pages_that_appear_or_move_while_paging(server, client):
    # Page 2 repeats what page 1 had, and tells of a page 4.
    pages = {
        1: listing([1, 2], 1, 3),
        2: listing([2, 3], 2, 4),
        3: listing([4], 3, 3),
        4: listing([5], 4, 4),
    }
    server.answer = pages.__getitem__
    assert fetch_changes(client, DAY) == {1, 2, 3, 4, 5}
    assert asked(server) == [1, 2, 3, 4]


def test_a_recorded_page_with_more_ids_than_it_says(server, client):
    path = RECORDINGS / "changes" / "movie_changes_2022-11-26_page_1.json"
    if not path.is_file():
        pytest.skip("the recorded TMDb answers are not there: they belong in ../shared/tmdb beside the repository")
    recorded = json.loads(path.read_bytes())
    server.answer = lambda page: path.read_bytes()
    changed = fetch_changes(client, DAY)
    assert len(recorded["results"]) == 2_687
    assert changed == {entry["id"] for entry in recorded["results"]} - {None}
    assert asked(server) == [1]


@pytest.mark.parametrize("broken", [b"<html>", {"page": 2}, {"results": None, "total_pages": 3}, []])
@pytest.mark.parametrize("number", [1, 2])
def test_an_unreadable_page_raises(server, client, broken, number):
    server.answer = lambda page: broken if page == number else listing([page], page, 3)
    with pytest.raises(UnreadableAnswerError) as caught:
        fetch_changes(client, DAY)
    assert "2026-07-30" in str(caught.value)
    assert "stored is kept" in str(caught.value)


def test_more_pages_than_tmdb_gives_are_not_passed_off_as_all(server, client):
    server.answer = lambda page: listing([page], page, 501)
    with pytest.raises(UnreadableAnswerError, match=r"501 pages.*2026-07-30"):
        fetch_changes(client, DAY)
    assert max(asked(server)) <= 500


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, UnauthorizedError), (404, BadRequestError), (422, BadRequestError), (500, UnreachableError)],
)
def test_a_refusal_or_an_outage_raises(server, client, status, error):
    server.answer = lambda page: (
        (status, {"status_code": 7, "status_message": "no"}) if page == 2 else listing([1], 1, 2)
    )
    with pytest.raises(error):
        fetch_changes(client, DAY)


def test_a_fault_that_passes_is_retried(server):
    faults = [(503, {}), b"<html>"]
    server.answer = lambda page: faults.pop() if faults and page == 2 else listing([page], page, 2)
    client = TmdbClient(server.url, "token", rate_limit=0, workers=2, retry_seconds=10)
    assert fetch_changes(client, DAY) == {1, 2}
    client.close()
    assert client.stats.retries == {"503": 1, "unreadable": 1}
