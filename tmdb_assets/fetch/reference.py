"""TMDb's own lists of genres, countries and languages to `raw_reference`."""

from __future__ import annotations

import datetime as dt

from tmdb_assets.fetch.step import Fetched, Fetcher
from tmdb_assets.tmdb.errors import TmdbError, UnauthorizedError
from tmdb_assets.transforms.conform import Row
from tmdb_assets.transforms.reference import parse_reference
from tmdb_assets.warehouse.ledger import fetch_log
from tmdb_assets.warehouse.loading.load import Loaded, as_frame, load
from tmdb_assets.warehouse.schema import raw

REFERENCE_DAYS = 7
PATHS = {"genre": "/genre/movie/list", "country": "/configuration/countries", "language": "/configuration/languages"}


def fetch_reference(fetcher: Fetcher) -> Fetched:
    """Request TMDb's own lists, unless they were requested in the last seven days.

    A list that cannot be loaded is noted and skipped: its stored rows stay, and details name what is new. Raises only
    `UnauthorizedError`.
    """
    fetched = Fetched(Loaded(raw.raw_reference))
    with fetcher.turn():
        for kind, path in PATHS.items():
            with fetcher.warehouse.begin() as connection:
                requested = fetch_log.list_date(connection, kind)
            if requested and not fetcher.refresh and fetcher.day - requested < dt.timedelta(days=REFERENCE_DAYS):
                continue
            fetched.requested += 1
            try:
                entries = fetcher.client.reference(path)
            except UnauthorizedError:
                raise
            except TmdbError as error:
                fetched.failed[kind] = error.problem.what
                continue
            _store_list(fetcher, fetched, kind, parse_reference(kind, entries, fetcher.day))
    return fetched


def _store_list(fetcher: Fetcher, fetched: Fetched, kind: str, rows: list[Row]) -> None:
    def part(row: Row) -> str:
        return str(row["kind"])

    table, now = raw.raw_reference, fetcher.now()
    with fetcher.warehouse.begin() as connection:
        loaded = load(connection, table, [as_frame(table, rows, part)], part=part, parts={kind}, earlier=fetched.loaded)
        sent = fetcher.take_requests()
        fetch_log.note_list(connection, fetcher.day, kind, requests=sent, rows=len(rows), now=now)
    fetched.loaded.add(loaded)
