"""The pages of a list, which of them are believed, and whether they are all of the list.

TMDb's lists move while they are read, which explains a few repeated films. A proxy's old page, the same page under
every number, or an empty page between full ones are answers too, but not the list (docs/decisions/0018).
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tmdb_assets.tmdb.errors import UnreachableError, UnreadableAnswerError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Mapping

    from tmdb_assets.tmdb.payload import Answer

MOST_DRIFT = 0.05  # of a list's films can come twice; recorded: 248 of 10,000
FEW = 4  # recorded: at most this many films of a page were on another page too
MOST_ROUNDS = 2  # of requesting doubtful pages again


class DoubtfulPageError(UnreadableAnswerError):
    """The answer is a page, but not the one requested, or not all of it."""


@dataclass(frozen=True)
class ListKind:
    """A list of TMDb: its path and the entries of a full page. `is_exact`: no page holds more, and its totals are so.

    TMDb's list of changes once came on one page of 2,687 entries whose `total_results` was 1.
    """

    path: str
    page_size: int
    is_exact: bool


DISCOVER = ListKind("/discover/movie", 20, is_exact=True)
CHANGES = ListKind("/movie/changes", 100, is_exact=False)


@dataclass(frozen=True)
class DiscoverPage:
    """One page: `results` as TMDb sent them, unvalidated; `fetched_at` is aware, in UTC.

    `error` says why the page could not be fetched, read or believed; `results` is then empty. `total_pages` and
    `total_results` are what this page reports, 0 where it reports nothing; they can differ from page to page.
    """

    page: int
    results: list[Any]
    total_pages: int
    total_results: int
    fetched_at: dt.datetime
    error: UnreachableError | UnreadableAnswerError | None = None

    @property
    def problem(self) -> str | None:
        """What is wrong with the page, or None."""
        return self.error.problem.what if self.error else None

    @property
    def is_answered(self) -> bool:
        """Whether TMDb answered, even if unreadably; False when it did not in all the client's tries."""
        return not isinstance(self.error, UnreachableError)

    @property
    def is_doubtful(self) -> bool:
        """Whether TMDb sent a page that is not believed."""
        return isinstance(self.error, DoubtfulPageError)

    def require_answer(self) -> None:
        """Raise `UnreachableError` if TMDb did not answer."""
        if isinstance(self.error, UnreachableError):
            raise self.error


def read_page(kind: ListKind, page: int, answer: Answer) -> DiscoverPage:
    """The answer to the request for a page; one that contradicts the request or itself has a `DoubtfulPageError`."""
    payload = answer.payload if isinstance(answer.payload, dict) else {}
    results, total = payload.get("results"), _count(payload.get("total_results"))
    implied = math.ceil((total or 0) / kind.page_size)
    read = DiscoverPage(
        page,
        results if isinstance(results, list) else [],
        max(_count(payload.get("total_pages")) or 0, implied),
        total or 0,
        answer.fetched_at,
    )
    error = None
    if not isinstance(results, list):
        error = UnreadableAnswerError(f"page {page} has no list of results")
    elif doubt := _contradiction(kind, read, _count(payload.get("page")), is_counted=total is not None):
        error = DoubtfulPageError(f"page {page} is not believed: {doubt}")
    return replace(read, results=[], error=error) if error else read


def _contradiction(kind: ListKind, read: DiscoverPage, said: int | None, *, is_counted: bool) -> str | None:
    if said != read.page:
        return "it does not say which page it is" if said is None else f"it says that it is page {said}"
    if not is_counted:
        return "it does not say how many films the list has"
    place = kind.page_size * (read.page - 1)
    due = min(kind.page_size, max(0, read.total_results - place))
    found = len(set(_films(read)))
    if found < due:
        return f"it has {found} films, and its place in a list of {read.total_results} holds {due}"
    if kind.is_exact and due < kind.page_size <= found:
        return f"it is full, and a list of {read.total_results} films ends before it or on it"
    return None


def _count(value: object) -> int | None:
    """A number as TMDb sends it, also as a text; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    return value if type(value) is int and 0 <= value < 2**31 else None  # more films than that there are not


def _films(page: DiscoverPage) -> list[object]:
    """The films of a page; an entry without an id, which the contract rejects, counts as a film of its own."""
    ids = (entry.get("id") if isinstance(entry, dict) else None for entry in page.results)
    return [found if type(found) is int else (page.page, place) for place, found in enumerate(ids)]


class Listing:
    """What is known of a list while its pages arrive, in any order.

    Of `page_count` pages, `stored` were stored earlier; `seen` maps their films to their page. A stored page whose
    films are not known counts as complete. Doubtful pages are requested again at most `rounds` times.
    """

    def __init__(
        self,
        kind: ListKind = DISCOVER,
        *,
        page_count: int = 0,
        stored: Collection[int] = (),
        seen: Mapping[int, int] | None = None,
        rounds: int = MOST_ROUNDS,
    ) -> None:
        self.kind, self.page_count = kind, page_count
        self._films: dict[object, int] = dict((seen or {}).items())
        self._read = set(self._films.values())
        self._presumed = set(stored) - self._read
        self._total: int | None = None
        self._held: dict[int, DiscoverPage] = {}
        self._copied: dict[int, int] = {}
        self._failed: set[int] = set()
        self._rounds, self._has_helped = rounds, True

    def judge(self, page: DiscoverPage) -> DiscoverPage | None:
        """The page if it is believed or could not be read; a doubtful one is held until the end, and None returned."""
        self._held.pop(page.page, None)
        self._copied.pop(page.page, None)
        if page.error is None and (doubt := self._disagreement(page)):
            error = DoubtfulPageError(f"page {page.page} is not believed: {doubt}")
            page = replace(page, results=[], error=error)
        if page.is_doubtful:
            self._held[page.page] = page
            return None
        if page.error is not None:
            self._failed.add(page.page)
            return page
        self._failed.discard(page.page)
        self._total = max(self._total or 0, page.total_results)
        self.page_count = max(self.page_count, page.total_pages)
        self._presumed.discard(page.page)
        films = dict.fromkeys(_films(page), page.page)
        if page.page in self._read:
            before = {film for film, place in self._films.items() if place == page.page}
            self._has_helped |= before != films.keys()
            self._films = {film: place for film, place in self._films.items() if film not in before}
        else:
            self._has_helped = True
        self._read.add(page.page)
        self._films |= films
        return page

    def _disagreement(self, page: DiscoverPage) -> str | None:
        """How a page contradicts the pages before it."""
        if self._total is not None and page.total_results < self._total - self._drift(self._total):
            return f"it says that the list has {page.total_results} films, and another page {self._total}"
        places = Counter(self._films.get(film, page.page) for film in _films(page))
        del places[page.page]
        for place, copied in places.most_common(1):
            if copied > max(FEW, len(page.results) / 2):
                self._copied[page.page] = place
                return f"{copied} of its films were on page {place}"
        return None

    @staticmethod
    def _drift(films: int) -> float:
        return max(FEW, MOST_DRIFT * films)

    def again(self, last: int) -> list[int]:
        """The pages, up to page `last`, to request again now: those in doubt, else those that lack films.

        Empty when all are believed, or when requesting again has not helped or was done often enough.
        """
        # A page and its copy: either can be the wrong one.
        pages = {*self._held, *self._copied.values()} or (set() if self._failed else self.lacking(last))
        if not self._rounds or not self._has_helped:
            return []
        self._rounds, self._has_helped = self._rounds - 1, False
        return sorted(pages)

    @property
    def doubtful(self) -> list[DiscoverPage]:
        """The pages that are not believed so far, each with its problem."""
        return [self._held[number] for number in sorted(self._held)]

    def expected(self, last: int) -> int:
        """The number of films that TMDb lists on pages 1 to `last`."""
        return sum(self._due(page) for page in range(1, min(last, self.page_count) + 1))

    def missing(self, last: int) -> int:
        """The number of films that TMDb lists on pages 1 to `last` and that were not seen."""
        return sum(self._lacking(last).values())

    def lacking(self, last: int) -> set[int]:
        """The pages up to `last` that lack films, if more are missing than drift explains."""
        lacking = self._lacking(last)
        return {*lacking} if sum(lacking.values()) > self._drift(self.expected(last)) else set()

    def is_complete(self, last: int) -> bool:
        """Whether the films seen agree with their number according to TMDb, within what drift explains."""
        return not self._held and not self._failed and not self.lacking(last)

    def _lacking(self, last: int) -> dict[int, int]:
        """How many films each page lacks; one that came twice counts for the page on which it came last."""
        found = Counter(self._films.values())
        pages = {*range(1, min(last, self.page_count) + 1)} - self._presumed
        return {page: lacking for page in sorted(pages) if (lacking := self._due(page) - found[page]) > 0}

    def _due(self, page: int) -> int:
        """The films on a page; of a list whose length is not known, none are due on the last."""
        size, place = self.kind.page_size, self.kind.page_size * (page - 1)
        total = self._total if self._total is not None else size * (self.page_count - 1)
        return min(size, max(0, total - place))
