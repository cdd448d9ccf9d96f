"""A small daily id export, its lines, and how to pack others."""

import datetime as dt
import gzip
import json

DAY = dt.date(2026, 8, 31)
PATH = "/p/exports/movie_ids_08_31_2026.json.gz"
NOW = dt.datetime(2026, 8, 31, 9, 0, tzinfo=dt.UTC)
FILMS = [(3924, 1.8133), (6124, 0.6), (2, 9.318), (7, 0.0), (11, 3.0)]


def line(movie_id=1, popularity=1.5, **more) -> bytes:
    """A line of an export, as TMDb writes it."""
    film = {"adult": False, "id": movie_id, "original_title": "千と千尋", "popularity": popularity, "video": False}
    return json.dumps(film | more, ensure_ascii=False).encode()


def packed(*lines: bytes, end: bytes = b"\n") -> bytes:
    """The export of these lines."""
    return gzip.compress(b"\n".join(lines) + end, mtime=0)


EXPORT = packed(*(line(*film) for film in FILMS))
