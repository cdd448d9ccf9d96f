"""Reads the popularity of given films over given days, by binary COPY."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlalchemy as sa
    from numpy.typing import NDArray

# The days are constants in the statement, so that Postgres reads only their months.
STATEMENT = """
copy (
    select date_id, movie_id, popularity
    from fact_movie_daily
    where date_id between %s and %s and movie_id = any(%s)
) to stdout (format binary)
"""
_EPOCH = "2000-01-01"  # Postgres counts its days from here
_HEADER_BYTES, _TRAILER_BYTES = 19, 2
# A row of COPY's binary format (https://www.postgresql.org/docs/current/sql-copy.html): the number of fields, then each
# field after its length. No field is NULL, so every row has the same length and the result is an array.
_ROW = [
    ("fields", ">i2"),
    ("date_bytes", ">i4"),
    ("date_id", ">i4"),
    ("movie_bytes", ">i4"),
    ("movie_id", ">i8"),
    ("popularity_bytes", ">i4"),
    ("popularity", ">f8"),
]


def read_popularity(
    connection: sa.Connection, movie_ids: Sequence[int], first: dt.date, last: dt.date
) -> dict[str, NDArray[Any]]:
    """Return date_id (datetime64), movie_id and popularity of these films from `first` to `last`, unordered.

    A million rows take about a second, a sixth of the time of fetching them row by row.
    """
    import numpy as np

    cursor = connection.connection.cursor()
    with cursor.copy(STATEMENT, (first, last, list(movie_ids))) as copy:
        content = b"".join(copy)
    rows = np.frombuffer(content[_HEADER_BYTES:-_TRAILER_BYTES], dtype=_ROW)
    days = np.datetime64(_EPOCH, "s") + rows["date_id"].astype("timedelta64[D]")
    return {
        "date_id": days,
        "movie_id": rows["movie_id"].astype(np.int64),
        "popularity": rows["popularity"].astype(np.float64),
    }
