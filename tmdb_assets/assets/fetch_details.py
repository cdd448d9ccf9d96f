"""The details of the films that are due: GET /movie/{id} to `raw_details`."""

from __future__ import annotations

import datetime as dt
from contextlib import closing

from dagster import DagsterExecutionInterruptedError

from tmdb_assets import partitions
from tmdb_assets.assets.fetching import Fetched, Fetcher, close_crawl, reject
from tmdb_assets.progress import Advance
from tmdb_assets.tmdb.changes import fetch_changes
from tmdb_assets.tmdb.client import Answer
from tmdb_assets.tmdb.errors import BadRequestError, TmdbError, UnreadableAnswerError
from tmdb_assets.transforms.conform import conform
from tmdb_assets.transforms.details import film_part, parse_answer
from tmdb_assets.warehouse import books, due, raw
from tmdb_assets.warehouse.columns import frame_columns, key_columns
from tmdb_assets.warehouse.load import Loaded, load

FILMS_A_BATCH = 250
TOLERATED_FAILURES = 20  # films whose details may fail before their share decides
TOLERATED_SHARE = 0.05
CHANGES_DAYS = 14  # how far back a gap in the list of changes is covered
INTERRUPTIONS = (KeyboardInterrupt, SystemExit, DagsterExecutionInterruptedError)


def fetch_details(fetcher: Fetcher, max_age_days: int) -> Fetched:
    """Ask for the details of the films that are due today and not stored yet, and store them.

    Due are new, returned, changed and stale films (`warehouse.due`). One film's failure is noted and passed over; when
    more than a few percent fail TMDb counts as unreachable.
    """
    warehouse, day = fetcher.warehouse, fetcher.day
    fetched = Fetched(Loaded(raw.raw_details))
    with warehouse.fetch_lock(fetcher.say):
        with warehouse.begin() as connection:
            known = books.find_crawl(connection, day, "details")
            listed = books.find_crawl(connection, day, "discover")
        # A list asked anew after the details were complete may hold films that have none.
        is_newer = bool(known and listed and listed.started_at > known.started_at)
        if known and known.is_complete and not fetcher.refresh and not is_newer:
            fetcher.say(f"raw_details: {day} is complete, nothing is asked")
            return fetched
        fetcher.start_counting()
        with warehouse.begin() as connection:
            open_ = books.open_crawl(connection, day, "details", refresh=fetcher.refresh, now=partitions.now())
        fetched.due = _plan(fetcher, max_age_days)
        with warehouse.begin() as connection:
            missing = due.films_due(connection, day, open_.started_at)
            # Few films are due on most days: one that is broken must be judged among all of the day.
            films = max(sum(fetched.due.values()), books.count_rows(connection, raw.raw_discover, day))
        fetched.stored_before = films - len(missing)
        try:
            with fetcher.progress.track("film details", len(missing), fetcher.say) as advance:
                _fetch_films(fetcher, missing, fetched, advance)
        except BaseException:
            close_crawl(fetcher, "details", is_complete=False)
            raise
        with warehouse.begin() as connection:
            believed = due.removals(connection, day).are_plausible
        # While pages of discover are missing, films may still come that have no details.
        is_complete = listed is not None and listed.is_complete and not fetched.failed and believed
        close_crawl(fetcher, "details", is_complete=is_complete)
    return fetched


def _plan(fetcher: Fetcher, max_age_days: int) -> dict[str, int]:
    """The day's list of films to ask for. Changes are asked for once a day: a later run only adds new films."""
    day = fetcher.day
    with fetcher.warehouse.begin() as connection:
        made = books.find_crawl(connection, day, "due")
        since = due.last_planned_day(connection, day)
        has_details = due.has_details(connection, day)
        owed = due.unanswered(connection, since) if since else set()
    is_first = made is None or not made.is_complete or fetcher.refresh
    changed: set[int] | None = set()
    if is_first and since is not None:
        changed = _fetch_changed(fetcher, since)
        changed = None if changed is None else changed | owed
    elif is_first and has_details:
        changed = None  # details from before the lists were kept: what changed since is not known
    with fetcher.warehouse.begin() as connection:
        books.open_crawl(connection, day, "due", refresh=fetcher.refresh, now=partitions.now())
        counts = due.plan_details(connection, day, changed, max_age_days, refresh=fetcher.refresh)
        books.close_crawl(connection, day, "due", partitions.now())
    fetcher.say("details due: " + (", ".join(f"{count} {reason}" for reason, count in counts.items()) or "none"))
    return counts


def _fetch_changed(fetcher: Fetcher, since: dt.date) -> set[int] | None:
    """The films that changed since a day's list was made; None when TMDb does not tell."""
    first = max(since, fetcher.day - dt.timedelta(days=CHANGES_DAYS - 1))
    changed: set[int] = set()
    try:
        for number in range((fetcher.day - first).days + 1):
            changed |= fetch_changes(fetcher.client, first + dt.timedelta(days=number))
    except (UnreadableAnswerError, BadRequestError) as error:
        fetcher.say(f"{error} So the details of every film of the day are asked.")
        return None
    return changed


FilmAnswer = tuple[int, Answer | TmdbError]


def _fetch_films(fetcher: Fetcher, missing: list[int], fetched: Fetched, advance: Advance) -> None:
    """Store the films' answers in batches; stop, with what came stored, when too many fail or someone interrupts."""
    batch: list[FilmAnswer] = []

    def store() -> None:
        if batch:
            fetched.loaded.add(_store_details(fetcher, batch, fetched))
            batch.clear()

    with closing(fetcher.client.details(missing)) as answers:
        try:
            for movie_id, answer in answers:
                advance(1)
                fetched.asked += 1
                batch.append((movie_id, answer))
                if isinstance(answer, TmdbError):
                    fetched.failed[movie_id] = str(answer)
                    if _too_many_failed(fetched):
                        store()
                        raise answer
                if len(batch) >= FILMS_A_BATCH:
                    store()
        except INTERRUPTIONS:
            store()
            raise
    store()


def _too_many_failed(fetched: Fetched) -> bool:
    failed = len(fetched.failed)
    return failed > TOLERATED_FAILURES and failed > TOLERATED_SHARE * fetched.asked


def _store_details(fetcher: Fetcher, batch: list[FilmAnswer], fetched: Fetched) -> Loaded:
    table, rows, refused = raw.raw_details, [], []
    for movie_id, answer in batch:
        if isinstance(answer, TmdbError):
            continue
        row, rejected = parse_answer(movie_id, answer.status, answer.payload, answer.fetched_at, fetcher.day)
        if rejected:
            refused.append(rejected)
            fetched.failed[movie_id] = f"The answer is not the details of film {movie_id}."
        else:
            rows.append(row)
    conformed = conform(rows, frame_columns(table), key=tuple(key_columns(table)), part=film_part)
    conformed.rejected += refused
    conformed.received += len(refused)
    for movie_id, answer in batch:
        if isinstance(answer, UnreadableAnswerError):
            reject(conformed, {"movie_id": movie_id}, "answer is readable", str(answer), f"film {movie_id}")
    with fetcher.warehouse.begin() as connection:
        loaded = load(
            connection,
            table,
            [conformed],
            day=fetcher.day,
            part=film_part,
            parts={f"film {movie_id}" for movie_id, _ in batch},
            earlier=fetched.so_far,
        )
        fetcher.count(connection, "details", loaded.received - len(loaded.rejected))
    return loaded
