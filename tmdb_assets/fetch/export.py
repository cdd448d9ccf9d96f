"""A day's id export to `raw_export`: the popularity of every known film."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from tmdb_assets.errors.problem import Retry
from tmdb_assets.fetch.progress import Advance
from tmdb_assets.fetch.step import Fetched, Fetcher
from tmdb_assets.tmdb.errors import TmdbError
from tmdb_assets.tmdb.export.download import Watch
from tmdb_assets.tmdb.export.file import ExportFile
from tmdb_assets.transforms.conform import Conformed
from tmdb_assets.warehouse.ledger import exports, fetch_log
from tmdb_assets.warehouse.ledger.export_doubt import DAYS_DOUBTED, find_contradicted, find_doubt, find_repeated
from tmdb_assets.warehouse.loading.load import MAX_REJECTED_SHARE, Loaded, as_frame, load
from tmdb_assets.warehouse.loading.merge import MergeCounts, merge
from tmdb_assets.warehouse.schema import raw

GetExport = Callable[[dt.date, dt.datetime, Watch], ExportFile]

SHOWN_AFTER_S = 3.0  # a shorter download is not shown
KB = 1_000


class ExportDoubtfulError(TmdbError):
    """The export can be read, but not be that of its day; nothing of it is used, and a later run requests it again."""

    retry = Retry.LATER

    @classmethod
    def of_day(cls, day: dt.date, doubt: str) -> ExportDoubtfulError:
        """The error for a day whose export is doubtful, because it ..."""
        return cls(f"The id export of {day} is doubtful: it {doubt}. Nothing of it was used", cause=f"it {doubt}")


def fetch_export_day(fetcher: Fetcher, get_export: GetExport, *, is_past: bool = False) -> Fetched:
    """Request the day's export unless it is stored, and store its known films.

    That of a past day (`is_past`) is requested again if films became known later, so that the day has the same films
    whenever it was first loaded. If discover listed the whole catalogue, `unseen` counts the films of the export that
    it did not list (films without a date, adult films, videos).

    Raises `ExportDoubtfulError`, `ExportNotYetError`, `ExportGoneError`, `ExportCorruptError`, `UnreachableError`; then
    nothing is written.
    """
    warehouse, day = fetcher.warehouse, fetcher.day
    fetched = Fetched(Loaded(raw.raw_export))
    with fetcher.turn():
        with warehouse.begin() as connection:
            stored = fetch_log.find_crawl(connection, day, "export")
            is_stored = stored is not None and stored.is_complete
            later = exports.count_later_films(connection, day) if is_stored and is_past else 0
            if is_stored and not later and not fetcher.refresh:
                fetcher.say(f"raw_export: {day} is already stored, no requests needed")
                return fetched
            known = fetch_log.known_films(connection) | fetch_log.discovered_films(connection, day)
            listed = fetch_log.find_crawl(connection, day, "discover")
        if later:
            fetcher.say(f"raw_export: {day} is stored; {later} films became known later, so it is requested again")
        with _shown(fetcher) as watch, get_export(day, fetcher.now(), watch) as file:
            if file.skipped > MAX_REJECTED_SHARE * file.lines:
                raise ExportDoubtfulError.of_day(day, f"has no usable film in {file.skipped} of its {file.lines} lines")
            with warehouse.begin() as connection:
                now = fetcher.now()
                fetch_log.open_crawl(connection, day, "export", refresh=fetcher.refresh or is_stored, now=now)
                fetch_log.note_known_films(connection, day, len(known))
                frames = _frames(file, fetcher, known)
                fetched.loaded = load(
                    connection, raw.raw_export, frames, day=day, merge=partial(_merge, fetched, fetcher)
                )
                sent = fetcher.take_requests()
                fetch_log.count_fetched(connection, fetcher.day, "export", requests=sent, rows=fetched.loaded.kept)
            fetched.requested = 1
            fetched.lines, fetched.skipped = file.lines, file.skipped
            if listed is not None and listed.is_whole_catalogue:
                fetched.unseen = sum(movie_id not in known for chunk in file.rows(None) for movie_id, _ in chunk)
        fetcher.close_crawl("export", is_complete=True)
    return fetched


def _merge(fetched: Fetched, fetcher: Fetcher, connection: Any) -> MergeCounts:
    """Merge the staged export unless it is doubtful."""
    day = fetcher.day
    doubt = find_doubt(connection, day)
    repeated = None if doubt else find_repeated(connection, day)
    # TMDb itself may have repeated its figures: what still repeats them after days is the day's export.
    if repeated and fetcher.today() - day <= dt.timedelta(days=DAYS_DOUBTED):
        doubt = f"has the figures of {repeated}"
    if doubt:
        raise ExportDoubtfulError.of_day(day, doubt)
    fetched.repeats = repeated
    fetched.contradicted = find_contradicted(connection)
    return merge(connection, raw.raw_export)


def _frames(file: ExportFile, fetcher: Fetcher, known: set[int]) -> Iterator[Conformed]:
    """The known films; of one with several figures in a chunk the lowest and the highest, of which the merge takes one.

    So the order of lines makes no difference, and a film with different figures is noticed.
    """
    for chunk in file.rows(known):
        chunk.sort(reverse=True)
        lowest = dict(chunk)
        highest = dict(reversed(chunk))
        lower = {film: figure for film, figure in lowest.items() if figure != highest[film]}
        for figures in filter(None, (lower, highest)):
            rows = [
                {"snapshot_date": fetcher.day, "movie_id": film, "popularity": figure}
                for film, figure in figures.items()
            ]
            yield as_frame(raw.raw_export, rows)


@contextmanager
def _shown(fetcher: Fetcher, clock: Callable[[], float] = time.monotonic) -> Iterator[Watch]:
    """Give a `Watch` that shows a slow download's progress in kilobytes."""
    started, shown_kb = clock(), 0
    advance: Advance | None = None

    def watch(received: int, promised: int) -> None:
        nonlocal advance, shown_kb
        if advance is None:
            if clock() - started < SHOWN_AFTER_S:
                return
            label = f"id export of {fetcher.day}, kB"
            advance = tracked.enter_context(fetcher.progress.track(label, -(-promised // KB), fetcher.say))
        received_kb = -(-received // KB)
        advance(received_kb - shown_kb)
        shown_kb = received_kb
        if received == promised:  # complete, unless it is retried
            tracked.close()
            advance, shown_kb = None, 0

    with ExitStack() as tracked:
        yield watch
