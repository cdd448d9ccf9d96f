"""Films that are only release dates, a client that lists them without HTTP, and the checks of a crawl."""

from __future__ import annotations

import datetime as dt
import itertools
import math
import random
from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from tmdb_assets.tmdb.client import Answer
from tmdb_assets.tmdb.slices import Slice, SlicePage

FIRST, LAST = dt.date(1874, 1, 1), dt.date(2030, 12, 31)
CAP = 10_000


class Listing:
    """Discover over films that are only release dates (ordinals; None for no date), numbered from 0."""

    def __init__(self, dates: list[int | None]) -> None:
        dated = sorted((date, film) for film, date in enumerate(dates) if date is not None)
        self.dates, self.films = [date for date, _ in dated], [film for _, film in dated]

    def page(self, gte: str, lte: str, number: int) -> dict:
        start = bisect_left(self.dates, dt.date.fromisoformat(gte).toordinal()) if gte else 0
        end = bisect_right(self.dates, dt.date.fromisoformat(lte).toordinal()) if lte else len(self.dates)
        end = max(start, end)
        assert 1 <= number <= 500
        shown = [{"id": film} for film in self.films[start + 20 * (number - 1) : min(end, start + 20 * number)]]
        total = end - start
        return {"page": number, "results": shown, "total_pages": math.ceil(total / 20), "total_results": total}


class FakeClient:
    """A client without HTTP that answers in random order and reads its source ahead, like the real one."""

    language = "en-US"

    def __init__(self, listing: Listing, change=lambda gte, lte, payload: payload, seed: int = 1) -> None:
        self.listing, self.change, self.random = listing, change, random.Random(seed)
        self.asked: list[tuple[str, str, int]] = []

    def now(self) -> dt.datetime:
        return dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

    def fetch_many(self, requests):
        source, pending = iter(requests), []
        while True:
            while len(pending) < 16 and (request := next(source, None)) is not None:
                pending.append(request)
            if not pending:
                return
            key, path, params = pending.pop(self.random.randrange(len(pending)))
            assert path == "/discover/movie"
            gte, lte = (params.get(f"primary_release_date.{end}", "") for end in ("gte", "lte"))
            self.asked.append((gte, lte, params["page"]))
            payload = self.change(gte, lte, self.listing.page(gte, lte, params["page"]))
            if isinstance(payload, Exception):
                yield key, payload
            else:
                yield key, Answer(200, payload, dt.datetime.now(dt.UTC))


def day(year: int, month: int = 1, of_month: int = 1) -> int:
    """Return the date as an ordinal."""
    return dt.date(year, month, of_month).toordinal()


def skewed(films: int, seed: int = 7) -> list[int | None]:
    """Return release dates like TMDb's: more towards today, many on January 1st, 3% missing."""
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


def films_of(pages: Iterable[SlicePage]) -> set[int]:
    """The films on the pages."""
    return {film["id"] for page in pages for film in page.page.results}


def check(client: FakeClient, dates: list[int | None], pages: list[SlicePage]) -> dict[Slice, SlicePage]:
    """Check the rules of every crawl of FIRST to LAST; return the last page of each slice."""
    assert len(set(client.asked)) == len(client.asked)
    ends = {page.slice: page for page in pages}
    ordered = sorted(ends)
    assert ordered[0].gte == FIRST
    assert ordered[-1].lte == LAST
    assert all(a.lte + dt.timedelta(days=1) == b.gte for a, b in itertools.pairwise(ordered))
    per_slice = {key: sum(1 for page in pages if page.slice == key) for key in ordered}
    assert max(per_slice.values()) <= 500
    for key, page in ends.items():
        total = client.listing.page(*key.filters, 1)["total_results"]
        assert page.is_finished
        assert per_slice[key] == max(1, math.ceil(min(total, CAP) / 20))
        assert total <= CAP or key.days == 1
        assert page.unseen == max(0, total - CAP)
    assert sum(page.is_finished for page in pages) == len(ends)
    assert pages[-1].expected_pages == len(pages)
    seen = films_of(pages)
    dated = {film for film, date in enumerate(dates) if date is not None}
    assert seen <= dated
    assert len(dated) - len(seen) == sum(page.unseen for page in ends.values())
    return ends
