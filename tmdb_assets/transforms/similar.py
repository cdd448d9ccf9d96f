"""Which films share most, from the weights of their features (docs/decisions/0038).

The score of two films is the sum of the products of their weights of what they share. Weights are whole numbers, and
sums stay far below 2 ** 53, so that no sum depends on the order of its terms or on the machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

REASONS = 3
"""Features that are named as the reason, at most."""
_BEYOND_ANY_SCORE = float(2**40)


@dataclass(frozen=True)
class Links:
    """One element per film and feature that others have too, ordered by film: numbers from 0, weight, and the number
    of films that have the feature. Rare features find candidates.
    """

    film: Ints
    feature: Ints
    weight: Floats
    film_count: Ints
    is_rare: NDArray[np.bool_]


class Similar(NamedTuple):
    """One element per film and similar film, by film and rank (from 1), with their score.

    `reasons` has `REASONS` columns: the features that count most, -1 where the two share fewer.
    """

    film: Ints
    rank: Ints
    other: Ints
    score: Ints
    reasons: Ints


def most_similar(links: Links, films: int, *, most: int, candidates: int, chunk: int) -> Iterator[Similar]:
    """Yield the `most` most similar films of each film, `chunk` films at a time; `films` is the number of films.

    Candidates are the films that share a rare feature, and the whole score is computed for the best of these. A film
    that has fewer than `most` finds more by the rarest of its common features, and all of them are compared.
    """
    rare, common = _Rare.of(links, films), _Common.of(links, films)
    for first in range(0, films, chunk):
        yield _similar_of_chunk(rare, common, range(first, min(first + chunk, films)), most, candidates)


def _similar_of_chunk(rare: _Rare, common: _Common, chunk: range, most: int, candidates: int) -> Similar:
    import numpy as np

    films = rare.films
    shared = rare.shared(chunk)
    is_found = np.zeros((len(chunk), films), dtype=np.bool_)
    is_found.reshape(-1)[shared.pair] = True
    is_wide = is_found.sum(axis=1) < most
    common.find_more(is_found, is_wide, chunk)
    pair = np.flatnonzero(is_found)  # by film and other film
    row, other = np.divmod(pair, films)
    score = np.bincount(shared.pair, shared.product, len(chunk) * films)[pair]
    order = np.argsort(row * _BEYOND_ANY_SCORE - score, kind="stable")
    kept = order[(_places(row[order]) < candidates) | is_wide[row[order]]]
    pair, row, other, score = pair[kept], row[kept], other[kept], score[kept]
    score = score + common.scores(chunk)[row, other]  # integers where no film shares a rare feature
    order = np.lexsort((other, -score, row))
    place = _places(row[order])
    kept = order[place < most]
    return Similar(
        row[kept] + chunk.start,
        place[place < most] + 1,
        other[kept],
        score[kept].astype(np.int64),
        _reasons(shared, common, pair[kept], chunk, films),
    )


def _reasons(shared: _Shared, common: _Common, pair: Ints, chunk: range, films: int) -> Ints:
    """Of each pair the features with the highest products, of equal ones the first."""
    import numpy as np

    number = np.full(len(chunk) * films, -1)
    number[pair] = np.arange(len(pair))
    of_rare = number[shared.pair]
    is_asked = of_rare >= 0
    row, other = np.divmod(pair, films)
    products = common.weight[:, row + chunk.start] * common.weight[:, other]
    column, of_common = np.nonzero(products)
    of = np.concatenate([of_rare[is_asked], of_common])
    feature = np.concatenate([shared.feature[is_asked], common.feature[column]])
    product = np.concatenate([shared.product[is_asked], products[column, of_common]])
    order = np.lexsort((feature, -product, of))
    place = _places(of[order])
    best = order[place < REASONS]
    reasons = np.full((len(pair), REASONS), -1)
    reasons[of[best], place[place < REASONS]] = feature[best]
    return reasons


def _places(group: NDArray[Any]) -> Ints:
    """The place of each element within its group, from 0; the elements of a group follow each other."""
    import numpy as np

    position = np.arange(len(group))
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    return position - np.repeat(starts, np.diff(starts, append=len(group)))


class _Shared(NamedTuple):
    """One element per pair of films and rare feature that they share; the pair (a, b) of a chunk is a * films + b."""

    pair: Ints
    feature: Ints
    product: Floats


@dataclass(frozen=True)
class _Rare:
    """The rare features: those of each film, and the films of each, from `start` to the next one's."""

    films: int
    film: Ints
    feature: Ints
    weight: Floats
    start: Ints
    film_of_feature: Ints
    weight_of_feature: Floats

    @classmethod
    def of(cls, links: Links, films: int) -> _Rare:
        import numpy as np

        film, feature = (part[links.is_rare] for part in (links.film, links.feature))
        weight = links.weight[links.is_rare]
        order = np.argsort(feature, kind="stable")
        start = np.searchsorted(feature[order], np.arange(feature.max(initial=-1) + 2))
        return cls(films, film, feature, weight, start, film[order], weight[order])

    def shared(self, chunk: range) -> _Shared:
        """What each film of the chunk shares with each other film."""
        import numpy as np

        first, last = np.searchsorted(self.film, (chunk.start, chunk.stop))
        feature = self.feature[first:last]
        start = self.start[feature]
        count = self.start[feature + 1] - start
        link = np.repeat(np.arange(first, last), count)
        position = np.arange(len(link)) + np.repeat(start - (np.cumsum(count) - count), count)
        film, other = self.film[link], self.film_of_feature[position]
        product = self.weight[link] * self.weight_of_feature[position]
        is_other = film != other
        pair = (film - chunk.start) * self.films + other
        return _Shared(pair[is_other], self.feature[link[is_other]], product[is_other])


@dataclass(frozen=True)
class _Common:
    """The common features: those of each film, by their row in `weight`, which has a column for each film.

    `feature` has the number of each row, `rarest` the row of the rarest one of each film, -1 for none.
    """

    film: Ints
    row: Ints
    feature: Ints
    weight: Floats
    rarest: Ints

    @classmethod
    def of(cls, links: Links, films: int) -> _Common:
        import numpy as np

        parts = (links.film, links.feature, links.film_count)
        film, number, film_count = (part[~links.is_rare] for part in parts)
        feature, row = np.unique(number, return_inverse=True)
        weight = np.zeros((len(feature), films))
        weight[row, film] = links.weight[~links.is_rare]
        rarest = np.full(films, -1)
        order = np.lexsort((number, film_count, film))[::-1]  # the last one assigned stays
        rarest[film[order]] = row[order]
        return cls(film, row, feature, weight, rarest)

    def find_more(self, is_found: NDArray[np.bool_], is_wide: NDArray[np.bool_], chunk: range) -> None:
        """Add the films that share the rarest common feature of the chunk's wide films."""
        import numpy as np

        film = np.flatnonzero(is_wide & (self.rarest[chunk.start : chunk.stop] >= 0))
        is_found[film] |= self.weight[self.rarest[film + chunk.start]] > 0
        is_found[film, film + chunk.start] = False

    def scores(self, chunk: range) -> Floats:
        """The score from common features of each film of the chunk with each film.

        A product of matrices would do, but NumPy computes it in threads that wait for each other: twice the CPU.
        """
        import numpy as np

        found = np.zeros((len(chunk), self.weight.shape[1]))
        first, last = np.searchsorted(self.film, (chunk.start, chunk.stop))
        for film, row in zip(self.film[first:last].tolist(), self.row[first:last].tolist(), strict=True):
            found[film - chunk.start] += self.weight[row, film] * self.weight[row]
        return found
