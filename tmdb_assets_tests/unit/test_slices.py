"""The whole catalogue by slices of release dates: complete within TMDb's limits, with few probes, and resumable."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import math
import random
import threading
from bisect import bisect_left, bisect_right
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tmdb_assets.tmdb import slices
from tmdb_assets.tmdb.client import Answer, TmdbClient
from tmdb_assets.tmdb.errors import UnauthorizedError, UnreadableAnswerError
from tmdb_assets.tmdb.slices import Slice, crawl_all

FIRST, LAST = dt.date(1874, 1, 1), dt.date(2030, 12, 31)
CAP = 10_000


class Listing:
    """Discover over films that are nothing but their release dates (ordinals; None for no date), numbered from 0."""

    def __init__(self, dates: list[int | None]) -> None:
        dated = sorted((date, film) for film, date in enumerate(dates) if date is not None)
        self.dates, self.films = [date for date, _ in dated], [film for _, film in dated]

    def page(self, gte: str, lte: str, number: int) -> dict:
        start = bisect_left(self.dates, dt.date.fromisoformat(gte).toordinal())
        end = max(start, bisect_right(self.dates, dt.date.fromisoformat(lte).toordinal()))
        assert 1 <= number <= 500
        shown = self.films[start + 20 * (number - 1) : min(end, start + 20 * number)]
        total = end - start
        return {"page": number, "results": shown, "total_pages": math.ceil(total / 20), "total_results": total}


class FakeClient:
    """A client without HTTP, which answers in a random order and reads its source ahead as the real one does."""

    language = "en-US"

    def __init__(self, listing: Listing, change=lambda gte, lte, payload: payload, seed: int = 1) -> None:
        self.listing, self.change, self.random = listing, change, random.Random(seed)
        self.asked: list[tuple[str, str, int]] = []

    def fetch_many(self, requests):
        source, pending = iter(requests), []
        while True:
            while len(pending) < 16 and (request := next(source, None)) is not None:
                pending.append(request)
            if not pending:
                return
            key, path, params = pending.pop(self.random.randrange(len(pending)))
            assert path == "/discover/movie"
            gte, lte = params["primary_release_date.gte"], params["primary_release_date.lte"]
            self.asked.append((gte, lte, params["page"]))
            payload = self.change(gte, lte, self.listing.page(gte, lte, params["page"]))
            if isinstance(payload, Exception):
                yield key, payload
            else:
                yield key, Answer(200, payload, dt.datetime.now(dt.UTC))


def day(year: int, month: int = 1, of_month: int = 1) -> int:
    return dt.date(year, month, of_month).toordinal()


def check(client: FakeClient, dates: list[int | None], pages: list[slices.SlicePage]) -> dict[Slice, slices.SlicePage]:
    """What holds for every crawl of FIRST to LAST; returns the last page of each slice."""
    assert len(set(client.asked)) == len(client.asked)
    ends = {page.slice: page for page in pages}
    ordered = sorted(ends)
    assert ordered[0].gte == FIRST
    assert ordered[-1].lte == LAST
    assert all(a.lte + dt.timedelta(days=1) == b.gte for a, b in itertools.pairwise(ordered))
    per_slice = {key: sum(1 for page in pages if page.slice == key) for key in ordered}
    assert max(per_slice.values()) <= 500
    for key, page in ends.items():
        total = client.listing.page(*(d.isoformat() for d in key), 1)["total_results"]
        assert page.is_finished
        assert per_slice[key] == max(1, math.ceil(min(total, CAP) / 20))
        assert total <= CAP or key.days == 1
        assert page.unseen == max(0, total - CAP)
    assert sum(page.is_finished for page in pages) == len(ends)
    assert pages[-1].expected_pages == len(pages)
    seen = {film for page in pages for film in page.page.results}
    dated = {film for film, date in enumerate(dates) if date is not None}
    assert seen <= dated
    assert len(dated) - len(seen) == sum(page.unseen for page in ends.values())
    return ends


days = st.integers(FIRST.toordinal(), LAST.toordinal())
clusters = st.lists(
    st.tuples(days, st.integers(1, 20_000), st.integers(1, 9_000)),  # from, days, films
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(clusters=clusters, undated=st.integers(0, 50), seed=st.integers(0, 9))
def test_every_dated_film_is_seen_and_no_slice_is_too_large(clusters, undated, seed):
    numbers = random.Random(seed)
    dates: list[int | None] = [None] * undated
    for start, length, films in clusters:
        dates += (min(start + int(numbers.random() ** 2 * length), LAST.toordinal()) for _ in range(films))
    client = FakeClient(Listing(dates), seed=seed)
    pages = list(crawl_all(client, first=FIRST, last=LAST))
    ends = check(client, dates, pages)
    # Each slice costs a page that is not full; splitting costs a probe or two for each slice at most.
    assert len(client.asked) - len(pages) <= 2 * len(ends)


@settings(max_examples=20, deadline=None)
@given(
    clusters=clusters,
    cuts=st.lists(st.tuples(days, days), max_size=4),
    seed=st.integers(0, 9),
)
def test_finished_slices_are_not_asked_again(clusters, cuts, seed):
    numbers = random.Random(seed)
    dates = [
        min(start + numbers.randrange(length), LAST.toordinal()) for start, length, n in clusters for _ in range(n)
    ]
    skip = [(dt.date.fromordinal(min(cut)), dt.date.fromordinal(max(cut))) for cut in cuts]
    client = FakeClient(Listing(dates), seed=seed)
    pages = list(crawl_all(client, first=FIRST, last=LAST, skip=skip))
    for gte, lte, _ in client.asked:
        assert not any(a.isoformat() <= lte and gte <= b.isoformat() for a, b in skip)
    wanted = {
        film for film, date in enumerate(dates) if not any(a.toordinal() <= date <= b.toordinal() for a, b in skip)
    }
    unseen = sum(page.unseen for page in pages if page.is_finished)
    assert len(wanted) - len({film for page in pages for film in page.page.results}) == unseen


def skewed(films: int, seed: int = 7) -> list[int | None]:
    """Release dates as TMDb has them: ever more towards today, heaped on first days of a year, 3% without."""
    numbers = random.Random(seed)
    first, today = FIRST.toordinal(), day(2026, 9, 1)
    dates: list[int | None] = []
    for _ in range(films):
        kind = numbers.random()
        if kind < 0.03:
            dates.append(None)
        elif kind < 0.10:
            dates.append(day(2026 - int(numbers.expovariate(1 / 18)) % 150))
        elif kind < 0.105:
            dates.append(today + numbers.randrange(1, 1_000))
        else:
            dates.append(max(first, today - int(numbers.expovariate(1 / (18 * 365)))))
    return dates


@pytest.mark.parametrize("films", [30_000, 1_000_000])
def test_the_probes_are_under_two_percent(films):
    dates = skewed(films)
    client = FakeClient(Listing(dates))
    pages, finished, seen = 0, [], set()
    for page in crawl_all(client, first=FIRST, last=LAST):
        pages += 1
        seen.update(page.page.results)
        finished += [page.slice] if page.is_finished else []
        assert page.unseen == 0
    assert seen == {film for film, date in enumerate(dates) if date is not None}
    assert len(set(client.asked)) == len(client.asked)
    needed = math.ceil(len(seen) / 20)
    probes = len(client.asked) - pages
    assert probes < 0.005 * needed + 20
    assert len(client.asked) < 1.02 * needed
    assert page.expected_pages == pages
    assert len(finished) < 2.5 * needed / 500 + 12


def test_a_small_catalogue_takes_one_slice_and_no_probe_beyond_it():
    dates = [day(1999)] * 45
    client = FakeClient(Listing(dates))
    pages = list(crawl_all(client, last=LAST))
    assert sorted(client.asked) == [(FIRST.isoformat(), LAST.isoformat(), number) for number in (1, 2, 3)]
    assert {page.slice for page in pages} == {(FIRST, LAST)}
    assert [page.is_finished for page in pages] == [False, False, True]
    assert [page.expected_pages for page in pages] == [3, 3, 3]


def test_no_film_at_all_is_one_finished_slice():
    client = FakeClient(Listing([]))
    (page,) = crawl_all(client, first=FIRST, last=LAST)
    assert (page.is_finished, page.page.results, page.unseen, page.expected_pages) == (True, [], 0, 1)


def test_a_day_beyond_500_pages_is_read_as_far_as_it_goes_and_said():
    dates = [day(2000)] * 12_345 + [day(2000, 1, 2)] * 30 + [day(1980)] * 10
    client = FakeClient(Listing(dates))
    ends = check(client, dates, list(crawl_all(client, first=FIRST, last=LAST)))
    assert ends[Slice(dt.date(2000, 1, 1), dt.date(2000, 1, 1))].unseen == 2_345


def test_exactly_500_pages_are_one_slice():
    dates = [day(1990) + i % 3_000 for i in range(CAP)]
    client = FakeClient(Listing(dates))
    assert len(check(client, dates, list(crawl_all(client, first=FIRST, last=LAST)))) == 1
    assert len(client.asked) == 500


def test_everything_skipped_asks_nothing():
    client = FakeClient(Listing([day(1999)]))
    middle = dt.date(1950, 6, 1)
    skip = [(middle, LAST), (FIRST, middle), (dt.date(1900, 1, 1), dt.date(1901, 1, 1))]
    assert list(crawl_all(client, first=FIRST, last=LAST, skip=skip)) == []
    assert list(crawl_all(client, first=LAST, last=FIRST)) == []
    assert client.asked == []


def test_a_crawl_given_up_goes_on_from_its_finished_slices():
    dates = skewed(60_000)
    finished, seen = [], set()
    client = FakeClient(Listing(dates))
    crawl = crawl_all(client, first=FIRST, last=LAST)
    for page in crawl:
        seen.update(page.page.results)
        finished += [page.slice] if page.is_finished else []
        if len(finished) == 3:
            crawl.close()
    asked, again = set(client.asked), FakeClient(Listing(dates))
    for page in crawl_all(again, first=FIRST, last=LAST, skip=finished):
        seen.update(page.page.results)
    assert seen == {film for film, date in enumerate(dates) if date is not None}
    done = {(gte.isoformat(), lte.isoformat()) for gte, lte in finished}
    assert len(done) == 3
    assert not any(request[:2] in done for request in again.asked)
    assert {request[:2] for request in asked} >= done


def test_a_page_that_appears_while_paging_is_asked_too():
    listing, grown = Listing([day(1999)] * 60), Listing([day(1999)] * 90)
    client = FakeClient(listing)

    def grow(gte, lte, payload):
        client.listing = grown
        return payload

    client.change = grow
    pages = list(crawl_all(client, first=FIRST, last=LAST))
    assert sorted(number for _, _, number in client.asked) == [1, 2, 3, 4, 5]
    assert {film for page in pages for film in page.page.results} == set(range(90))
    assert [page.is_finished for page in pages] == [False] * 4 + [True]
    assert pages[-1].expected_pages == 5


@pytest.mark.parametrize("broken", [1, 3])
def test_a_slice_with_an_unreadable_page_is_not_finished(broken):
    dates = [day(1900 + i % 100) + i % 300 for i in range(25_000)]

    def garbage(gte, lte, payload):
        hit = gte <= "1950-06-01" <= lte and payload["total_pages"] <= 500 and payload["page"] == broken
        return UnreadableAnswerError("garbage") if hit else payload

    client = FakeClient(Listing(dates), garbage)
    pages = list(crawl_all(client, first=FIRST, last=LAST))
    (bad,) = [page for page in pages if page.page.problem]
    assert bad.page.page == broken
    assert bad.slice.gte <= dt.date(1950, 6, 1) <= bad.slice.lte
    others = {page.slice for page in pages} - {bad.slice}
    assert others
    assert {page.slice for page in pages if page.is_finished} == others
    # The next run asks for nothing but that slice.
    again = FakeClient(Listing(dates))
    rest = list(crawl_all(again, first=FIRST, last=LAST, skip=others))
    assert {film for page in pages + rest for film in page.page.results} == set(range(len(dates)))
    assert len(again.asked) <= 500


def test_a_first_page_without_a_count_of_pages_is_a_problem():
    client = FakeClient(Listing([day(1999)] * 45), lambda gte, lte, payload: payload | {"total_pages": None})
    (page,) = crawl_all(client, first=FIRST, last=LAST)
    assert (page.page.results, page.is_finished) == ([], False)
    assert "how many pages" in page.page.problem


def test_a_count_of_pages_that_stops_at_500_does_not_hide_films():
    dates = [day(1990) + i % 3_000 for i in range(25_000)]
    client = FakeClient(
        Listing(dates), lambda gte, lte, payload: payload | {"total_pages": min(500, payload["total_pages"])}
    )
    check(client, dates, list(crawl_all(client, first=FIRST, last=LAST)))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self):
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        gte, lte = query.pop("primary_release_date.gte"), query.pop("primary_release_date.lte")
        payload = self.server.listing.page(gte, lte, int(query.pop("page")))
        self.server.queries.add(tuple(sorted(query.items())))
        allowed = self.headers["Authorization"] == "Bearer right"
        body = json.dumps(payload if allowed else {"status_code": 7}).encode()
        self.send_response(200 if allowed else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.listing, server.queries = Listing([]), set()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


def test_over_http(server):
    dates = skewed(21_000)
    server.listing = Listing(dates)
    client = TmdbClient(f"http://127.0.0.1:{server.server_port}/3", "right", rate_limit=0, workers=4)
    pages = list(crawl_all(client, first=FIRST, last=LAST))
    client.close()
    assert {film for page in pages for film in page.page.results} == {
        film for film, date in enumerate(dates) if date is not None
    }
    assert sum(page.is_finished for page in pages) == len({page.slice for page in pages}) >= 3
    assert server.queries == {
        (
            ("include_adult", "false"),
            ("include_video", "false"),
            ("language", "en-US"),
            ("sort_by", "popularity.desc"),
        )
    }
    assert client.stats.requests < len(pages) + 15


def test_a_refused_token_ends_the_crawl(server):
    client = TmdbClient(f"http://127.0.0.1:{server.server_port}/3", "wrong", rate_limit=0, workers=4)
    with pytest.raises(UnauthorizedError):
        list(crawl_all(client, first=FIRST, last=LAST))
    client.close()
    assert client.stats.requests == 1
