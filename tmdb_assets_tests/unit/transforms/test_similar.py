"""Similar films where a chunk has only one kind of features."""

import numpy as np
import pytest

from tmdb_assets.transforms.similar import Links, most_similar


@pytest.mark.parametrize("is_rare", [True, False])
def test_films_that_share_features_of_one_kind_only_are_compared(is_rare):
    links = Links(*np.array([[0, 1], [0, 0]]), np.array([2.0, 3.0]), np.array([2, 2]), np.full(2, is_rare))
    (found,) = most_similar(links, 3, most=2, candidates=2, chunk=3)
    assert [*zip(found.film, found.other, found.rank, found.score, strict=True)] == [(0, 1, 1, 6), (1, 0, 1, 6)]
    assert found.reasons[:, 0].tolist() == [0, 0]
