"""TMDb's own lists of genres, countries and languages to `raw_reference`."""

from __future__ import annotations

import datetime as dt

from tmdb_assets import partitions
from tmdb_assets.fetch.step import Fetched, Fetcher
from tmdb_assets.tmdb.errors import TmdbError, UnauthorizedError
from tmdb_assets.transforms.conform import conform
from tmdb_assets.transforms.reference import KINDS, parse_reference
from tmdb_assets.warehouse.ledger import fetch_log
from tmdb_assets.warehouse.loading.load import Loaded, load
from tmdb_assets.warehouse.schema import raw
from tmdb_assets.warehouse.schema.vocabulary import frame_columns, key_columns

REFERENCE_DAYS = 7


def fetch_reference(fetcher: Fetcher) -> Fetched:
    """Ask for TMDb's own lists unless they were asked in the last seven days.

    A list that cannot be had is noted and passed over: what is stored of it stays, and details name what is new. Only a
    refused token is raised.
    """
    table = raw.raw_reference
    fetched = Fetched(Loaded(table))
    questions = {
        "genre": fetcher.client.genres,
        "country": fetcher.client.countries,
        "language": fetcher.client.languages,
    }
    with fetcher.warehouse.fetch_lock(fetcher.say):
        for kind in KINDS:
            with fetcher.warehouse.begin() as connection:
                asked = fetch_log.reference_date(connection, kind)
            if asked and not fetcher.refresh and fetcher.day - asked < dt.timedelta(days=REFERENCE_DAYS):
                continue
            before = fetcher.client.stats.requests
            fetched.asked += 1
            try:
                answer = questions[kind]()
            except UnauthorizedError:
                raise
            except TmdbError as error:
                fetched.failed[kind] = str(error)
                continue
            rows = parse_reference(kind, answer.payload, fetcher.day)
            conformed = conform(rows, frame_columns(table), key=tuple(key_columns(table)), part=lambda row: row["kind"])
            with fetcher.warehouse.begin() as connection:
                loaded = load(
                    connection, table, [conformed], part=lambda row: row["kind"], parts={kind}, earlier=fetched.loaded
                )
                now = partitions.now()
                requests = fetcher.client.stats.requests - before
                fetch_log.note_part(connection, fetcher.day, "reference", kind, requests, len(rows), now)
            fetched.loaded.add(loaded)
    return fetched
