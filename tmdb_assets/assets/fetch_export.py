"""A day's id export to `raw_export`: the popularity of every film that is known."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator

from tmdb_assets import partitions
from tmdb_assets.assets.fetching import Fetched, Fetcher, close_crawl
from tmdb_assets.tmdb.export_file import ExportFile
from tmdb_assets.transforms.conform import Conformed, conform
from tmdb_assets.warehouse import books, raw
from tmdb_assets.warehouse.columns import frame_columns, key_columns
from tmdb_assets.warehouse.load import Loaded, load

GetExport = Callable[[dt.date, dt.datetime], ExportFile]


def fetch_export_day(fetcher: Fetcher, get_export: GetExport, *, is_catalogue: bool = False) -> Fetched:
    """Ask for the day's export unless it is stored, and store the films that are known by now.

    With `is_catalogue` discover was asked for every film: then `unseen` counts those in the export that it did not
    show (films without a date, adult films, videos).

    Raises `ExportNotYetError`, `ExportGoneError`, `ExportCorruptError`, `UnreachableError`; nothing is written then.
    """
    warehouse, day = fetcher.warehouse, fetcher.day
    fetched = Fetched(Loaded(raw.raw_export))
    with warehouse.fetch_lock(fetcher.say):
        with warehouse.begin() as connection:
            asked = books.find_crawl(connection, day, "export")
            known = books.known_films(connection) | books.discovered_films(connection, day)
        if asked and asked.is_complete and not fetcher.refresh:
            fetcher.say(f"raw_export: {day} is stored, nothing is asked")
            return fetched
        fetcher.start_counting()
        with get_export(day, partitions.now()) as file:
            with warehouse.begin() as connection:
                books.open_crawl(connection, day, "export", refresh=fetcher.refresh, now=partitions.now())
                fetched.loaded = load(connection, raw.raw_export, _frames(file, fetcher, known), day=day)
            fetched.asked = 1
            fetched.lines, fetched.skipped = file.lines, file.skipped
            if is_catalogue:
                fetched.unseen = sum(movie_id not in known for chunk in file.rows(None) for movie_id, _ in chunk)
        close_crawl(fetcher, "export", is_complete=True)
    return fetched


def _frames(file: ExportFile, fetcher: Fetcher, known: set[int]) -> Iterator[Conformed]:
    columns, key = frame_columns(raw.raw_export), tuple(key_columns(raw.raw_export))
    for chunk in file.rows(known):
        rows = [
            {"snapshot_date": fetcher.day, "movie_id": movie_id, "popularity": popularity}
            for movie_id, popularity in chunk
        ]
        yield conform(rows, columns, key=key)
