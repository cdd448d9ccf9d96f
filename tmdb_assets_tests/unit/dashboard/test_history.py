"""The encoded history, decoded as the page decodes it: every value within the precision that the page states."""

from __future__ import annotations

import numpy as np
import pytest

from tmdb_assets.dashboard.history import FLOOR, STEP, encode, quantise, restore
from tmdb_assets_tests.stage.opened_page import decode_levels


def test_any_popularity_is_decoded_within_half_a_step():
    values = np.concatenate([np.geomspace(FLOOR, 1e6, 20_000), [0.0071, 1.0, 12.3456, 999.9999]]).reshape(-1, 4)
    back = restore(decode_levels(encode(quantise(values)), 4))
    assert np.abs(back / values - 1).max() <= STEP / 2 * 1.01
    assert np.abs(back / values - 1).max() > STEP / 4  # the bound is tight


def test_a_missing_day_and_zero_are_kept():
    values = np.array([[np.nan, 5.0, np.nan, 0.0], [0.0, 0.0, FLOOR / 3, np.nan], [np.nan] * 4])
    back = restore(decode_levels(encode(quantise(values)), 4))
    assert np.isnan(back).tolist() == np.isnan(values).tolist()
    assert back[0, 3] == back[1, 0] == back[1, 1] == back[1, 2] == 0.0
    assert back[0, 1] == pytest.approx(5, rel=STEP / 2)


def test_the_largest_differences_are_kept():
    levels = np.array([[65535, 0, 65535, 1], [0, 32768, 0, 32767]], dtype=np.uint16)
    assert decode_levels(encode(levels), 4).tolist() == levels.tolist()


def test_a_history_without_films():
    assert decode_levels(encode(np.empty((0, 5), dtype=np.uint16)), 5).shape == (0, 5)
