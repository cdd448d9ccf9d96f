"""The whole catalogue, past discover's 500 pages: one slice of release dates after the other.

Reference: https://developer.themoviedb.org/reference/discover-movie (primary_release_date.gte and .lte, both inclusive)
"""

from __future__ import annotations

import datetime as dt
import math
from collections import deque
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from tmdb_assets.tmdb.discover import (
    MAX_PAGES,
    DiscoverPage,
    discover_params,
    fetch_keyed_pages,
    require_answer,
)
from tmdb_assets.tmdb.errors import UnreadableAnswerError

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterator, Mapping

    from tmdb_assets.tmdb.client import TmdbClient

# The oldest film that TMDb knows is of 1874.
FIRST_RELEASE = dt.date(1874, 1, 1)
_PAGE_FILMS = 20
_MAX_FILMS = MAX_PAGES * _PAGE_FILMS
# A guess aims lower than the most that fits: a slice too small costs nothing, one too large a request.
_WANTED_FILMS = 0.8 * _MAX_FILMS
# So many times longer than the slice before it may a slice be: where films are rare, few of them say little.
_GROWTH = 8
_DAY = dt.timedelta(days=1)


Span = tuple[dt.date, dt.date]


class Slice(NamedTuple):
    """Release dates from `gte` to `lte`, both included: the key under which a finished slice is noted."""

    gte: dt.date
    lte: dt.date

    @property
    def name(self) -> str:
        """How reports name it."""
        return f"slice {self.gte}..{self.lte}"

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.lte - self.gte).days + 1


@dataclass(frozen=True)
class SlicePage:
    """One page of a slice.

    `is_finished`: with this page all of the slice has been read, and it can be noted as finished once the page is
    stored; never True for a slice of which a page could not be read. `unseen` counts the slice's films beyond page
    500, 0 unless one day alone has more. `slice_pages` is how many pages the slice has, as far as this is known, and
    `expected_pages` how many the whole crawl will have: exact at its end, for showing progress before.
    """

    slice: Slice
    page: DiscoverPage
    is_finished: bool
    unseen: int
    slice_pages: int
    expected_pages: int


def crawl_all(
    client: TmdbClient,
    *,
    first: dt.date = FIRST_RELEASE,
    last: dt.date,
    skip: Collection[Span] = (),
    begun: Mapping[Span, tuple[int, Collection[int]]] | None = None,
) -> Generator[SlicePage]:
    """Yield every page of every film released from `first` to `last`, in slices of at most 500 pages each.

    Slices go from old to new, their pages come in the order they complete and those of two slices can mix. Page 1
    of a slice tells its size, and is asked again only where the slice turns out too large. `skip` names finished
    slices, (gte, lte), and `begun` those of which an earlier crawl read a part: how many pages they have, and which
    were read; only the others are asked, before all else. What they leave is sliced anew. A film can come twice, as
    ranks move while one pages; a film without a date is in no slice. One day with more than 500 pages is read as far
    as TMDb lets.

    A page that cannot be read, or that TMDb does not answer while it answers others, comes with its `problem`; when it
    is a slice's first, nothing else of the slice is asked. Raises `UnreachableError`, `UnauthorizedError`,
    `BadRequestError`.
    """
    begun = begun or {}
    crawl = _Crawl(client, _gaps(first, last, [*skip, *begun]), begun)
    while crawl.has_more:
        with closing(fetch_keyed_pages(client, crawl.requests())) as pages:
            for found, page in pages:
                yield from crawl.first_pages()
                yield crawl.received(found, page)
        yield from crawl.first_pages()
        if crawl.needs_sign:
            require_answer(client, crawl.params(Slice(first, last)))
            crawl.note_sign()


def _gaps(first: dt.date, last: dt.date, skip: Collection[Span]) -> Iterator[Slice]:
    """What `skip` leaves of `first` to `last`, in order."""
    start = first.toordinal()
    # Counted in ordinals: the day after date.max is a number, but no date.
    for gte, lte in sorted((max(a, first).toordinal(), min(b, last).toordinal()) for a, b in skip):
        if start < gte <= lte:
            yield Slice(dt.date.fromordinal(start), dt.date.fromordinal(gte - 1))
        if gte <= lte:
            start = max(start, lte + 1)
    if start <= last.toordinal():
        yield Slice(dt.date.fromordinal(start), last)


@dataclass
class _Reading:
    """A slice that is being read: pages asked for, pages not yet answered."""

    asked: int
    open: int
    unseen: int
    has_problem: bool = False


class _Crawl:
    """Finds the slices while their pages are being fetched.

    A probe is asked while the requests before it still wait for their turn, so that nothing stands still for it. One
    that TMDb does not answer ends the requests for a while: what is under way is read, then it `needs_sign` of TMDb.
    """

    def __init__(
        self, client: TmdbClient, gaps: Iterator[Slice], begun: Mapping[Span, tuple[int, Collection[int]]]
    ) -> None:
        self._client = client
        # What is still to be sliced, the oldest last, with the films thought to be in it (None: no idea).
        self._ranges: list[tuple[Slice, float | None]] = [(gap, None) for gap in reversed(list(gaps))]
        self._readings: dict[Slice, _Reading] = {}
        self._probed: deque[tuple[Slice, DiscoverPage]] = deque()
        self._gained: deque[tuple[Slice, int]] = deque()
        # Of the last probe: how dense the films are where the next slice begins, and what was tried.
        self._films_a_day, self._days = 0.0, 1
        self._known_pages = 0
        self._has_answer, self._has_silent_probe = False, False
        for span, (count, read) in begun.items():
            self._resume(Slice(*span), count, [number for number in range(1, count + 1) if number not in read])

    @property
    def has_more(self) -> bool:
        """Whether something is still to be asked."""
        return bool(self._ranges or self._gained)

    @property
    def needs_sign(self) -> bool:
        """Whether TMDb must show that it answers at all: it has answered nothing, or not the last probe."""
        return self._has_silent_probe or not self._has_answer

    def note_sign(self) -> None:
        """TMDb answers: what it did not answer stays with the pages."""
        self._has_answer, self._has_silent_probe = True, False

    def _resume(self, found: Slice, count: int, missing: list[int]) -> None:
        """Go on with a slice of `count` pages that lacks some."""
        if missing:
            self._readings[found] = _Reading(count, len(missing), unseen=0)
            self._gained.extend((found, number) for number in missing)
            self._known_pages += len(missing)

    def requests(self) -> Iterator[tuple[Slice, int, dict[str, Any]]]:
        """The pages from 2 of each slice; a slice is found, by asking for its page 1, when its turn comes.

        Before them come the pages of begun slices, and those that slices gained while they were read.
        """
        while self._gained:
            found, number = self._gained.popleft()
            yield found, number, self.params(found)
        while self._ranges:
            found, guess = self._ranges.pop()
            if guess is not None and guess > _MAX_FILMS and found.days > 1:
                self._split(found, guess)
                continue
            page = self._probe(found)
            films = max(0, page.total_results, (page.total_pages - 1) * _PAGE_FILMS + 1)
            if not page.problem:
                self._learn(found, guess, films)
                if films > _MAX_FILMS and found.days > 1:
                    self._ranges.append((found, films))
                    continue
            pages = max(1, min(page.total_pages, MAX_PAGES))
            self._readings[found] = _Reading(pages, pages, unseen=max(0, films - _MAX_FILMS))
            self._known_pages += pages
            self._probed.append((found, page))
            if not page.is_answered:
                self._has_silent_probe = True
                return
            for number in range(2, pages + 1):
                yield found, number, self.params(found)

    def first_pages(self) -> Iterator[SlicePage]:
        """Page 1 of each slice found since the last call."""
        while self._probed:
            yield self.received(*self._probed.popleft())

    def received(self, found: Slice, page: DiscoverPage) -> SlicePage:
        """Note an answered page."""
        reading = self._readings[found]
        reading.open -= 1
        reading.has_problem |= page.problem is not None
        self._has_answer |= page.is_answered
        # As in discover.crawl, the highest count seen holds.
        pages = min(page.total_pages, MAX_PAGES)
        if pages > reading.asked:
            self._gained.extend((found, number) for number in range(reading.asked + 1, pages + 1))
            self._known_pages += pages - reading.asked
            reading.open += pages - reading.asked
            reading.asked = pages
        reading.unseen = max(reading.unseen, page.total_results - _MAX_FILMS)
        is_finished = reading.open == 0 and not reading.has_problem
        ahead = sum(math.ceil(max(0.0, guess or 0.0) / _PAGE_FILMS) for _, guess in self._ranges)
        return SlicePage(found, page, is_finished, reading.unseen, reading.asked, self._known_pages + ahead)

    def _probe(self, found: Slice) -> DiscoverPage:
        with closing(fetch_keyed_pages(self._client, [(found, 1, self.params(found))])) as pages:
            _, page = next(pages)
        self._has_answer |= page.is_answered
        if not self._has_answer and not self._readings:
            page.require_answer()
        if page.results and not page.total_pages:
            error = UnreadableAnswerError("page 1 does not tell how many pages there are")
            return replace(page, results=[], error=error)
        return page

    def _learn(self, found: Slice, guess: float | None, films: int) -> None:
        self._films_a_day, self._days = films / found.days, found.days
        # What was guessed wrong for these days is in, or missing from, the days after them.
        rest, expected = self._ranges[-1] if self._ranges else (found, None)
        if guess is not None and expected is not None:
            self._ranges[-1] = (rest, expected + guess - films)

    def _split(self, found: Slice, films: float) -> None:
        """Put `found` back as the next slice and the rest."""
        days = _GROWTH * self._days
        if self._films_a_day > 0:
            days = min(days, int(_WANTED_FILMS / self._films_a_day))
        days = max(1, min(days, found.days - 1))
        guess = min(films, days * self._films_a_day)
        last = found.gte + (days - 1) * _DAY
        self._ranges.append((Slice(last + _DAY, found.lte), films - guess))
        self._ranges.append((Slice(found.gte, last), guess))

    def params(self, found: Slice) -> dict[str, Any]:
        """The query of a slice's pages, but for the page."""
        return discover_params(self._client) | {
            "primary_release_date.gte": found.gte.isoformat(),
            "primary_release_date.lte": found.lte.isoformat(),
        }
