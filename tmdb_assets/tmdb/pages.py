"""One page of a list, and whether it agrees with the request and with itself; `listing` judges the whole list.

TMDb's lists move while they are read, which explains a few repeated films. A proxy's old page, the same page under
every number, or an empty page between full ones are answers too, but not the list (docs/decisions/0018).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tmdb_assets.tmdb.errors import UnreachableError, UnreadableAnswerError

if TYPE_CHECKING:
    import datetime as dt

    from tmdb_assets.tmdb.payload import Answer

FEW = 4  # recorded: at most this many films of a page were on another page too


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

    `error` says why the page could not be fetched, read or believed; the `results` of one that is not believed are
    those films that can be stored nevertheless. `is_sound`: it is the page requested and says how long the list is.
    `total_pages` and `total_results` are what this page reports, 0 where it reports nothing; they can differ from page
    to page.
    """

    page: int
    results: list[Any]
    total_pages: int
    total_results: int
    fetched_at: dt.datetime
    error: UnreachableError | UnreadableAnswerError | None = None
    is_sound: bool = True

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
    said, implied = _count(payload.get("page")), math.ceil((total or 0) / kind.page_size)
    read = DiscoverPage(
        page,
        results if isinstance(results, list) else [],
        max(_count(payload.get("total_pages")) or 0, implied),
        total or 0,
        answer.fetched_at,
    )
    if not isinstance(results, list):
        return replace(read, error=UnreadableAnswerError(f"page {page} has no list of results"))
    unsound = None
    if said != page:
        unsound = "it does not say which page it is" if said is None else f"it says that it is page {said}"
    elif total is None:
        unsound = "it does not say how many films the list has"
    if unsound:
        return replace(doubted(read, unsound), results=[], is_sound=False)
    doubt = contradiction(kind, read, read.total_results)
    return doubted(read, doubt) if doubt else read


def forgiven(kind: ListKind, page: DiscoverPage) -> DiscoverPage:
    """The page, believed if all that is wrong with it is that a few films are missing."""
    return replace(page, error=None) if page.is_doubtful and lacks_few(kind, page, page.total_results) else page


def doubted(page: DiscoverPage, doubt: str) -> DiscoverPage:
    """The page with a `DoubtfulPageError`."""
    return replace(page, error=DoubtfulPageError(f"page {page.page} is not believed: {doubt}"))


def due_on(kind: ListKind, page: int, total: int) -> int:
    """The films on a page of a list of `total` films."""
    return min(kind.page_size, max(0, total - kind.page_size * (page - 1)))


def contradiction(kind: ListKind, read: DiscoverPage, total: int) -> str | None:
    """How a page contradicts its place in a list of `total` films, or None."""
    due, found = due_on(kind, read.page, total), len(set(films_of(read)))
    if holds_too_many(kind, read):
        return f"it has {len(read.results)} entries, and a page holds {kind.page_size}"
    if found < due:
        return f"it has {found} films, and its place in a list of {total} holds {due}"
    if kind.is_exact and due < kind.page_size <= found:
        return f"it is full, and a list of {total} films ends before it or on it"
    return None


def holds_too_many(kind: ListKind, page: DiscoverPage) -> bool:
    """Whether a page has more entries than one can and a few, such as every film twice with different figures."""
    return kind.is_exact and len(page.results) > kind.page_size + FEW


def lacks_few(kind: ListKind, page: DiscoverPage, total: int) -> bool:
    """Whether a page lacks no more films than TMDb withholds of one: one, or a few if most are there."""
    due, found = due_on(kind, page.page, total), len(set(films_of(page)))
    is_few = due - found <= (FEW if found >= due / 2 else 1)
    is_full = kind.is_exact and due < kind.page_size <= found
    return page.is_sound and is_few and not is_full and not holds_too_many(kind, page)


def _count(value: object) -> int | None:
    """A number as TMDb sends it, also as a text; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    return value if type(value) is int and 0 <= value < 2**31 else None  # more films than that there are not


def films_of(page: DiscoverPage) -> list[object]:
    """The films of a page; an entry without an id, which the contract rejects, counts as a film of its own."""
    ids = (entry.get("id") if isinstance(entry, dict) else None for entry in page.results)
    return [found if type(found) is int else (page.page, place) for place, found in enumerate(ids)]
