"""The whole catalogue, beyond discover's 500 pages: slices of release dates, each within that limit.

Reference: https://developer.themoviedb.org/reference/discover-movie (primary_release_date.gte and .lte, both inclusive)
"""

from __future__ import annotations

import datetime as dt
import math
from collections import deque
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from tmdb_assets.tmdb.discover import MAX_PAGES, discover_params, fetch_page, fetch_pages
from tmdb_assets.tmdb.listing import MOST_ROUNDS, Listing
from tmdb_assets.tmdb.pages import DISCOVER, DiscoverPage, forgiven

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterator, Mapping

    from tmdb_assets.tmdb.client import TmdbClient

# Where the films are: release dates beyond these are rare, but are not left out.
USUAL_FIRST, USUAL_LAST = dt.date(1874, 1, 1), dt.date(2050, 12, 31)
_PAGE_FILMS = DISCOVER.page_size
_MAX_FILMS = MAX_PAGES * _PAGE_FILMS
# Estimates aim below the maximum: a slice that is too small costs nothing, one that is too large costs a request.
_WANTED_FILMS = 0.8 * _MAX_FILMS
# A slice has at most this many times the days of the one before: where films are rare, estimates are unreliable.
_GROWTH = 8
_DAY = dt.timedelta(days=1)


Span = tuple[dt.date, dt.date]


class Slice(NamedTuple):
    """Release dates from `gte` to `lte`, both inclusive; the key of a slice in the ledger.

    From `date.min` or to `date.max` it is open-ended: that filter is not sent.
    """

    gte: dt.date
    lte: dt.date

    @property
    def name(self) -> str:
        """Its name in reports."""
        return f"slice {'..'.join(self.filters)}"

    @property
    def filters(self) -> tuple[str, str]:
        """Its first and last date as TMDb's filters; "" where it is open-ended."""
        first, last = self.gte.isoformat(), self.lte.isoformat()
        return ("" if self.gte == dt.date.min else first), ("" if self.lte == dt.date.max else last)

    @property
    def start(self) -> dt.date:
        """Its first date on which films are usual; `gte` if there is none."""
        return USUAL_FIRST if self.gte < USUAL_FIRST <= self.lte else self.gte

    @property
    def days(self) -> int:
        """The number of days in it, without those before or after which films are rare."""
        last = USUAL_LAST if self.start <= USUAL_LAST < self.lte else self.lte
        return (last - self.start).days + 1


@dataclass(frozen=True)
class SlicePage:
    """One page of a slice.

    `is_finished`: this page is the slice's last to arrive and all were believed, so once it is stored the slice is
    complete. `missing` counts the slice's films that are on none of its pages, once all have arrived. `unseen` counts
    those beyond page 500; 0 unless a single day has that many. `slice_pages` is the number of the slice's pages known
    so far, `expected_pages` an estimate for the whole crawl, exact at its end.
    """

    slice: Slice
    page: DiscoverPage
    is_finished: bool
    missing: int
    unseen: int
    slice_pages: int
    expected_pages: int


def crawl_all(
    client: TmdbClient,
    *,
    first: dt.date = dt.date.min,
    last: dt.date = dt.date.max,
    skip: Collection[Span] = (),
    begun: Mapping[Span, tuple[int, Collection[int]]] | None = None,
    seen: Callable[[Span], Mapping[int, int]] = lambda _: {},
) -> Generator[SlicePage]:
    """Yield the pages of all films released from `first` to `last`, in slices of at most 500 pages each.

    By default these are all dates: the first and the last slice are open-ended. Slices go from old to new; pages are
    yielded as they complete, and those of two slices can mix. Page 1 of a slice shows its size, and is requested again
    only if the slice has to be split. `skip` lists finished slices (gte, lte); `begun` maps partly read ones to their
    number of pages and the pages read: their missing pages are requested first, and `seen` returns the films of the
    pages read, with their page. The dates between them are sliced again. A film can appear twice, as ranks change while
    paging; a film without a date is in no slice, unless one slice holds everything. Of a single day with more than 500
    pages, only these are read.

    A page that cannot be read, or that TMDb does not answer while it answers others, is yielded with its `problem`; if
    it is page 1, the rest of the slice is not requested. Pages that are not believed are handled as in
    `discover.crawl`. Raises `UnreachableError`, `UnauthorizedError`,
    `BadRequestError`.
    """
    begun = begun or {}
    crawl = _Crawl(client, _uncovered(first, last, [*skip, *begun]), begun, seen)
    while crawl.has_more:
        with closing(fetch_pages(client, crawl.requests())) as pages:
            for found, page in pages:
                yield from crawl.first_pages()
                yield from crawl.received(found, page)
        yield from crawl.first_pages()
        if crawl.is_in_doubt:
            fetch_page(client, 1, crawl.params(Slice(first, last))).require_answer()
            crawl.confirm_answering()


def _uncovered(first: dt.date, last: dt.date, skip: Collection[Span]) -> Iterator[Slice]:
    """Yield the parts of `first` to `last` that are not in `skip`, in order."""
    start = first.toordinal()
    # As ordinals, because there is no date after date.max.
    for gte, lte in sorted((max(a, first).toordinal(), min(b, last).toordinal()) for a, b in skip):
        if start < gte <= lte:
            yield Slice(dt.date.fromordinal(start), dt.date.fromordinal(gte - 1))
        if gte <= lte:
            start = max(start, lte + 1)
    if start <= last.toordinal():
        yield Slice(dt.date.fromordinal(start), last)


@dataclass
class _Reading:
    """A slice that is being read: its pages requested so far, those of them not answered yet, and what they hold."""

    pages: int
    open: int
    unseen: int
    listing: Listing


class _Crawl:
    """Finds the slices while their pages are being fetched.

    A probe (page 1) is sent while earlier requests are still queued, so that none waits for it. One that TMDb does not
    answer pauses the crawl: open requests are read, and then TMDb must show that it still answers (`is_in_doubt`).
    """

    def __init__(
        self,
        client: TmdbClient,
        uncovered: Iterator[Slice],
        begun: Mapping[Span, tuple[int, Collection[int]]],
        seen: Callable[[Span], Mapping[int, int]],
    ) -> None:
        self._client = client
        # Dates still to be sliced, the oldest last, with the estimated number of films (None: unknown).
        self._ranges: list[tuple[Slice, float | None]] = [(part, None) for part in reversed(list(uncovered))]
        self._readings: dict[Slice, _Reading] = {}
        self._probed: deque[tuple[Slice, DiscoverPage]] = deque()
        self._extra: deque[tuple[Slice, int]] = deque()
        # The density of films and the number of days of the last probe.
        self._films_a_day, self._days = 0.0, 1
        self._known_pages = 0
        self._has_answer, self._has_unanswered_probe = False, False
        for span, (count, read) in begun.items():
            listing = Listing(page_count=count, stored=read, seen=seen(span))
            missing = sorted({*range(1, count + 1)} - {*read})
            # If all pages were read and the slice is not finished, some lack films.
            if missing := missing or sorted(listing.lacking(MAX_PAGES)):
                found = Slice(*span)
                self._readings[found] = _Reading(count, len(missing), unseen=0, listing=listing)
                self._extra.extend((found, number) for number in missing)
                self._known_pages += len(missing)

    @property
    def has_more(self) -> bool:
        """Whether requests remain."""
        return bool(self._ranges or self._extra)

    @property
    def is_in_doubt(self) -> bool:
        """Whether TMDb may be down: it has answered nothing, or not the last probe."""
        return self._has_unanswered_probe or not self._has_answer

    def confirm_answering(self) -> None:
        """Note that TMDb is up, so that only the unanswered pages have a problem."""
        self._has_answer, self._has_unanswered_probe = True, False

    def requests(self) -> Iterator[tuple[Slice, int, dict[str, Any]]]:
        """Yield (slice, page, query) for pages 2 and up; a slice's page 1 is requested when the slice's turn comes.

        Missing pages of begun slices, and pages added to slices while they were read, are first.
        """
        while self._extra:
            found, number = self._extra.popleft()
            yield found, number, self.params(found)
        while self._ranges:
            found, guess = self._ranges.pop()
            if guess is not None and guess > _MAX_FILMS and found.gte < found.lte:
                self._split(found, guess)
                continue
            page = self._probe(found)
            films = max(0, page.total_results, (page.total_pages - 1) * _PAGE_FILMS + 1)
            if not page.problem:
                self._learn(found, guess, films)
                if films > _MAX_FILMS and found.gte < found.lte:
                    self._ranges.append((found, films))
                    continue
            pages = 1 if page.problem else max(1, min(page.total_pages, MAX_PAGES))
            listing = Listing(rounds=0) if page.problem else Listing()
            self._readings[found] = _Reading(pages, pages, unseen=max(0, films - _MAX_FILMS), listing=listing)
            self._known_pages += pages
            self._probed.append((found, page))
            if not page.is_answered:
                self._has_unanswered_probe = True
                return
            for number in range(2, pages + 1):
                yield found, number, self.params(found)

    def first_pages(self) -> Iterator[SlicePage]:
        """Yield page 1 of each slice found since the last call."""
        while self._probed:
            yield from self.received(*self._probed.popleft())

    def received(self, found: Slice, page: DiscoverPage) -> Iterator[SlicePage]:
        """Count a page of a slice, and yield it if it is believed; with the slice's last page, those that are not."""
        reading = self._readings[found]
        reading.open -= 1
        self._has_answer |= page.is_answered
        listing = reading.listing
        judged = listing.judge(page)
        pages = min(listing.last_page, MAX_PAGES)  # as in discover.crawl
        if pages > reading.pages:
            self._request(found, range(reading.pages + 1, pages + 1))
            self._known_pages += pages - reading.pages
            reading.pages = pages
        reading.unseen = max(reading.unseen, page.total_results - _MAX_FILMS if judged else 0)
        ready = [judged] if judged else []
        if reading.open == 0:
            ready += listing.settle()
            self._request(found, listing.again(MAX_PAGES))
        is_read = reading.open == 0
        if is_read:
            ready += listing.close()
            del self._readings[found]  # its films are many
        is_finished = is_read and listing.is_complete(MAX_PAGES)
        ahead = sum(math.ceil(max(0.0, guess or 0.0) / _PAGE_FILMS) for _, guess in self._ranges)
        missing, expected = listing.missing(MAX_PAGES) if is_read else 0, self._known_pages + ahead
        for each in ready:
            is_last = is_finished and each is ready[-1]
            yield SlicePage(found, each, is_last, missing, reading.unseen, reading.pages, expected)

    def _request(self, found: Slice, numbers: Collection[int]) -> None:
        self._readings[found].open += len(numbers)
        self._extra.extend((found, number) for number in numbers)

    def _probe(self, found: Slice) -> DiscoverPage:
        for _ in range(1 + MOST_ROUNDS):
            page = fetch_page(self._client, 1, self.params(found))
            self._has_answer |= page.is_answered
            if not page.is_doubtful:
                break
        if not self._has_answer and not self._known_pages:
            page.require_answer()
        return forgiven(DISCOVER, page)

    def _learn(self, found: Slice, guess: float | None, films: int) -> None:
        self._films_a_day, self._days = films / found.days, found.days
        # The error of the estimate for these days corrects that for the days after them.
        rest, expected = self._ranges[-1] if self._ranges else (found, None)
        if guess is not None and expected is not None:
            self._ranges[-1] = (rest, expected + guess - films)

    def _split(self, found: Slice, films: float) -> None:
        """Replace `found` by the next slice and the rest."""
        days = _GROWTH * self._days
        if self._films_a_day > 0:
            days = min(days, int(_WANTED_FILMS / self._films_a_day))
        days = max(1, min(days, found.days - 1))
        guess = min(films, days * self._films_a_day)
        last = min(found.start + (days - 1) * _DAY, found.lte - _DAY)
        self._ranges.append((Slice(last + _DAY, found.lte), films - guess))
        self._ranges.append((Slice(found.gte, last), guess))

    def params(self, found: Slice) -> dict[str, Any]:
        """Return the query of a slice's pages, without the page."""
        ends = zip(("primary_release_date.gte", "primary_release_date.lte"), found.filters, strict=True)
        return discover_params(self._client) | {name: date for name, date in ends if date}
