"""A dashboard page read without a browser: its data and its history, decoded as page/data.js does."""

from __future__ import annotations

import base64
import json
import re
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tmdb_assets.dashboard.history import restore


def data_of(page: str) -> dict[str, Any]:
    """The page's data, without the history."""
    return dict(json.loads(_inflate(_text(page, "data"))))


def details_of(page: str) -> dict[str, Any]:
    """What the panels of films show in addition."""
    return dict(json.loads(_inflate(_text(page, "details"))))


def popularity_of(page: str) -> dict[int, list[float]]:
    """Each film's popularity on the page's days, from its history."""
    data = data_of(page)
    values = restore(decode_levels(_text(page, "history"), len(data["days"])))
    return dict(zip(map(int, data["films"]["id"]), values.tolist(), strict=True))


def decode_levels(text: str, days: int) -> NDArray[np.uint16]:
    """The levels of an encoded history, films by days."""
    planes = _inflate(text)
    count, levels, level = len(planes) // 2, [], 0
    for place in range(count):
        if place % days == 0:
            level = 0
        zigzag = planes[place] | planes[count + place] << 8
        level = (level + ((zigzag >> 1) ^ -(zigzag & 1))) & 0xFFFF
        levels.append(level)
    return np.array(levels, dtype=np.uint16).reshape(-1, days)


def _text(page: str, name: str) -> str:
    (text,) = re.findall(rf'<script type="text/plain" id="{name}">([A-Za-z0-9+/=]+)</script>', page)
    return str(text)


def _inflate(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text))
