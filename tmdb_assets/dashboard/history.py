"""Popularity by film and day, compactly encoded: logarithmic levels, as differences from day to day, compressed.

`page/data.js` decodes what this module encodes.
"""

from __future__ import annotations

import base64
import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEP = 0.001
"""The distance between two levels, in natural logarithms: a value is off by at most half of it, 0.05%."""
FLOOR = 0.001
"""The lowest popularity distinguished from 0; TMDb's figures have four decimal places, the pages show one."""
_MISSING, _ZERO, _FIRST = 0, 1, 2
_LAST = 2**16 - 1


def quantise(popularity: NDArray[np.float64]) -> NDArray[np.uint16]:
    """Return the level of each popularity: 0 for NaN (missing), 1 below the floor, then one level per `STEP`."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        steps = np.rint(np.log(popularity / FLOOR) / STEP)
    levels = np.clip(np.nan_to_num(steps, nan=0.0, posinf=_LAST, neginf=-1.0) + _FIRST, _ZERO, _LAST)
    levels[np.isnan(popularity)] = _MISSING
    made: NDArray[np.uint16] = levels.astype(np.uint16)
    return made


def restore(levels: NDArray[np.uint16]) -> NDArray[np.float64]:
    """Return the popularity of each level, as the page computes it."""
    values = FLOOR * np.exp(STEP * (levels.astype(np.float64) - _FIRST))
    values[levels == _ZERO] = 0.0
    values[levels == _MISSING] = np.nan
    return values


def encode(levels: NDArray[np.uint16]) -> str:
    """Return levels (films by days) as base64-encoded zlib data (RFC 1950).

    The content is the differences along each film's days, modulo 2^16, zigzag-encoded so that small ones of either sign
    are small numbers: first all low bytes, then all high bytes, which are nearly all zero.
    """
    before = np.zeros_like(levels)
    before[:, 1:] = levels[:, :-1]
    difference = (levels - before).view(np.int16)
    zigzag = ((difference << 1) ^ (difference >> 15)).view(np.uint16).ravel()
    planes = np.concatenate([(zigzag & 0xFF).astype(np.uint8), (zigzag >> 8).astype(np.uint8)])
    return pack(planes.tobytes())


def pack(content: bytes) -> str:
    """Return bytes as base64-encoded zlib data, which a browser opens with `DecompressionStream("deflate")`."""
    return base64.b64encode(zlib.compress(content, 6)).decode("ascii")
