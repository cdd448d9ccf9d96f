"""What the pages of a list tell together: which are believed, how long the list is, and whether it is complete.

See docs/decisions/0018.
"""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from tmdb_assets.tmdb.pages import (
    DISCOVER,
    FEW,
    DiscoverPage,
    ListKind,
    contradiction,
    doubted,
    due_on,
    films_of,
    forgiven,
    lacks_few,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

MOST_DRIFT = 0.05  # of a list's films can come twice; recorded: 248 of 10,000
MOST_ROUNDS = 2  # of requesting doubtful pages again
ENOUGH_TOLD = 3  # pages from which on most of them tell how long a list is


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
        self.kind, self._known_count = kind, page_count
        self._films: dict[object, int] = dict((seen or {}).items())
        self._read = set(self._films.values())
        self._highest = max(self._read, default=0)  # page with films
        self._presumed = set(stored) - self._read
        self._told: dict[int, tuple[int, int]] = {}  # films and pages of the list, according to each page
        self._values: set[tuple[int, int]] = set()  # all that was told: usually one value
        self._held: dict[int, DiscoverPage] = {}
        self._copied: dict[int, int] = {}
        self._failed: set[int] = set()
        self._rounds, self._has_helped = rounds, True

    @property
    def page_count(self) -> int:
        """The number of pages of the list, as most of the pages read tell it; 0 while unknown."""
        counts = [pages for _, pages in (self._told.values() if len(self._values) > 1 else self._values)]
        usual = statistics.median_low(counts) if counts else 0
        told = max((pages for pages in counts if pages <= usual + max(1, MOST_DRIFT * usual)), default=0)
        known = self._known_count if len(self._told) < ENOUGH_TOLD else max(self._presumed, default=0)
        return max(told, known, self._highest)

    @property
    def last_page(self) -> int:
        """The last page to request: one more than there seem to be if a single page tells of more."""
        count = self.page_count
        return count + any(pages > count for _, pages in self._values)

    def is_beyond(self, page: int) -> bool:
        """Whether a page is beyond the list, as far as enough pages tell."""
        return len(self._told) >= ENOUGH_TOLD and page > self.last_page

    def judge(self, page: DiscoverPage) -> DiscoverPage | None:
        """The page if it is believed or could not be read; a doubtful one is held until the end, and None returned."""
        self._held.pop(page.page, None)
        self._copied.pop(page.page, None)
        if page.is_sound and (page.error is None or forgiven(self.kind, page).error is None):
            self._told[page.page] = (page.total_results, page.total_pages)
            self._values.add(self._told[page.page])
        if page.error is None and (doubt := self._disagreement(page)):
            page = doubted(page, doubt)
        if page.is_doubtful:
            self._held[page.page] = page
            return None
        if page.error is not None:
            self._failed.add(page.page)
            return page
        self._count_films(page)
        return page

    def _count_films(self, page: DiscoverPage) -> None:
        self._failed.discard(page.page)
        self._presumed.discard(page.page)
        films = dict.fromkeys(films_of(page), page.page)
        if page.page in self._read:
            before = {film for film, place in self._films.items() if place == page.page}
            self._has_helped |= before != films.keys()
            self._films = {film: place for film, place in self._films.items() if film not in before}
        else:
            self._has_helped = True
        self._read.add(page.page)
        self._films |= films
        self._highest = max(self._highest, page.page if films else 0)

    def _disagreement(self, page: DiscoverPage) -> str | None:
        """How a page contradicts the others."""
        if page.page not in self._read and (usual := self._contested_total(page.page)) is not None:
            return f"it says that the list has {page.total_results} films, and another page {usual}"
        return self._copy(page)

    def _contested_total(self, page: int) -> int | None:
        """The total that most pages tell, or the only other page, if this page tells another."""
        if page not in self._told or len(self._values) < 2:
            return None
        others = [total for number, (total, _) in self._told.items() if number != page]
        if not others:
            return None
        mine = self._told[page][0]
        usual = others[0] if len(others) == 1 else statistics.median_high([mine, *others])
        return usual if abs(mine - usual) > max(FEW, MOST_DRIFT * usual) else None

    def _copy(self, page: DiscoverPage) -> str | None:
        films = films_of(page)
        places = Counter(self._films.get(film, page.page) for film in films)
        del places[page.page]
        for place, copied in places.most_common(1):
            is_wholly = places.total() == len(films) > 1
            if copied > max(FEW, len(films) / 2) or is_wholly:
                self._copied[page.page] = place
                return f"{copied} of its films were on page {place}"
        return None

    @staticmethod
    def _drift(films: int) -> float:
        return max(1, min(FEW, films / 10), MOST_DRIFT * films)

    def settle(self) -> list[DiscoverPage]:
        """The pages held that agree with what all others tell, once all requested pages have arrived."""
        cleared = [replace(page, error=None) for page in self._held.values() if page.is_sound and self._is_whole(page)]
        return [judged for page in cleared if (judged := self.judge(page)) is not None]

    def _is_whole(self, page: DiscoverPage) -> bool:
        return contradiction(self.kind, page, page.total_results) is None

    def again(self, last: int) -> list[int]:
        """The pages, up to page `last`, to request again now: those in doubt, else those that lack films.

        Empty when all are believed, or when requesting again has not helped or was done often enough.
        """
        # A page and its copy: either can be the wrong one. Of a list that grew, the first pages told less.
        told = {page for page, (total, _) in self._told.items() if total > (self._contested_total(page) or total)}
        pages = {*self._held, *self._copied.values(), *told}
        pages = pages or (set() if self._failed else self.lacking(last))
        if not self._rounds or not self._has_helped:
            return []
        self._rounds, self._has_helped = self._rounds - 1, False
        return sorted(pages)

    def close(self) -> list[DiscoverPage]:
        """The pages still in doubt, at the end: believed where few films are missing, else with the problem.

        The films count, an odd total does not. The films of a page that is not believed count too, unless it is a copy
        or not the page requested.
        """
        closed = []
        for page in sorted(self._held.values(), key=lambda page: page.page):
            is_copy = page.page in self._copied or self._copy(page) is not None
            total = self._total if self._told else page.total_results
            if not is_copy and lacks_few(self.kind, page, total):
                closed.append(replace(page, error=None))
                del self._held[page.page]
            else:
                closed.append(replace(page, results=[]) if is_copy else page)
            if closed[-1].results or not closed[-1].error:
                self._count_films(closed[-1])
        return closed

    def expected(self, last: int) -> int:
        """The number of films that TMDb lists on pages 1 to `last`."""
        total = self._total
        return sum(due_on(self.kind, page, total) for page in range(1, min(last, self.page_count) + 1))

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
        found, total = Counter(self._films.values()), self._total
        pages = {*range(1, min(last, self.page_count) + 1)} - self._presumed
        due = {page: due_on(self.kind, page, total) for page in sorted(pages)}
        return {page: lacking for page in due if (lacking := due[page] - found[page]) > 0}

    @property
    def _total(self) -> int:
        """The films of the list: the most that a page tells which agrees with most; of two that disagree, the lesser.

        Of a list whose length is not known, none are due on the last page.
        """
        if not self._told:
            return self.kind.page_size * (self.page_count - 1)
        totals = [total for total, _ in self._told.values()]
        usual = min(totals) if len(totals) < ENOUGH_TOLD else statistics.median_high(totals)
        return max(total for total in totals if total <= usual + max(FEW, MOST_DRIFT * usual))
