"""The details of the films that are due: GET /movie/{id} to `raw_details`."""

from __future__ import annotations

import datetime as dt
from contextlib import closing

from tmdb_assets import partitions
from tmdb_assets.fetch.progress import Advance
from tmdb_assets.fetch.step import Fetched, Fetcher, reject, store_in_batches
from tmdb_assets.tmdb.changes import fetch_changes
from tmdb_assets.tmdb.client import Answer
from tmdb_assets.tmdb.errors import BadRequestError, TmdbError, UnreachableError, UnreadableAnswerError
from tmdb_assets.transforms.conform import Conformed
from tmdb_assets.transforms.details import film_part, parse_answer
from tmdb_assets.warehouse.ledger import details_due, fetch_log
from tmdb_assets.warehouse.loading.load import Loaded, as_frame, load
from tmdb_assets.warehouse.schema import raw

FILMS_A_BATCH = 250
TOLERATED_FAILURES = 20  # films whose details may fail before their share decides
ONE_DAY = dt.timedelta(days=1)
CHANGES_DAYS = 14  # how far back a gap in the list of changes is covered


def fetch_details(fetcher: Fetcher, max_age_days: int) -> Fetched:
    """Request the details of the films that are due today and not stored yet, and store them.

    Due are new, returned, changed and stale films (`ledger.details_due`). A film that fails is noted and skipped; when
    more than a few percent fail no more is requested, and `given_up` says why: the day continues with what it has.

    Raises `UnauthorizedError`, and `BadRequestError` when it is what too many films fail with.
    """
    warehouse, day = fetcher.warehouse, fetcher.day
    fetched = Fetched(Loaded(raw.raw_details))
    with fetcher.turn():
        if not fetcher.refresh and _is_complete(fetcher, max_age_days):
            fetcher.say(f"raw_details: {day} is already complete, no requests needed")
            return fetched
        with fetcher.crawl("details") as opened:
            fetched.due = _plan(fetcher, max_age_days)
            with warehouse.begin() as connection:
                missing = details_due.films_due(connection, day, opened.started_at)
                # Few films are due on most days: one that is broken must be judged among all of the day.
                films = max(sum(fetched.due.values()), fetch_log.count_rows(connection, raw.raw_discover, day))
            fetched.stored_before = films - len(missing)
            with fetcher.track("film details", len(missing)) as advance:
                _fetch_films(fetcher, missing, fetched, advance)
            with warehouse.begin() as connection:
                believed = details_due.removals(connection, day).are_plausible
                listed = fetch_log.find_crawl(connection, day, "discover")
            # While pages of discover are missing, films may still come that have no details.
            opened.is_complete = listed is not None and listed.is_complete and not fetched.failed and believed
    return fetched


def _is_complete(fetcher: Fetcher, max_age_days: int) -> bool:
    """Whether the day's details were complete, and no film has become due since, as when more pages are requested."""
    day = fetcher.day
    with fetcher.warehouse.begin() as connection:
        known = fetch_log.find_crawl(connection, day, "details")
        if known is None or not known.is_complete:
            return False
        changed = () if fetch_log.changes_known_until(connection, day) == day else None
        details_due.plan_details(connection, day, changed, max_age_days)
        return not details_due.films_due(connection, day, known.started_at)


def _plan(fetcher: Fetcher, max_age_days: int) -> dict[str, int]:
    """Make the day's list of films. Changes are requested until they are known; then a run only adds new films."""
    day, refresh = fetcher.day, fetcher.refresh
    with fetcher.warehouse.begin() as connection:
        are_known = not refresh and fetch_log.changes_known_until(connection, day) == day
        since = fetch_log.changes_known_until(connection, day - ONE_DAY)
        has_details = details_due.has_details(connection, day)
    changed: set[int] | None = set()
    if not are_known and since is not None:
        changed = _fetch_changed(fetcher, since)
    elif not are_known and has_details:
        changed = None  # details from before the lists were kept: what changed since cannot be found out
    is_covered = since is not None and since >= _first_list(day)
    with fetcher.warehouse.begin() as connection:
        if not are_known:
            if changed is not None:
                details_due.forget_unlisted(connection, day)
            fetch_log.note_changes(connection, day, partitions.now(), are_known=changed is not None or since is None)
        owed = details_due.unanswered(connection, day, since if since is not None and is_covered else day, max_age_days)
        counts = details_due.plan_details(connection, day, changed, max_age_days, owed=owed, refresh=refresh)
    fetcher.say("details due: " + (", ".join(f"{count} {reason}" for reason, count in counts.items()) or "none"))
    return counts


def _first_list(day: dt.date) -> dt.date:
    """The oldest day whose list of changes is requested on a day."""
    return day - (CHANGES_DAYS - 1) * ONE_DAY


def _fetch_changed(fetcher: Fetcher, since: dt.date) -> set[int] | None:
    """The films that changed since a day's list was made; None when TMDb does not say. Raises `UnauthorizedError`."""
    first = max(since, _first_list(fetcher.day))
    changed: set[int] = set()
    try:
        for number in range((fetcher.day - first).days + 1):
            changed |= fetch_changes(fetcher.client, first + number * ONE_DAY)
    except (UnreachableError, UnreadableAnswerError, BadRequestError) as error:
        fetcher.say(
            f"{error.problem.what}. So the details of every film of the day are requested, and the next day requests "
            "what changed since."
        )
        return None
    return changed


FilmAnswer = tuple[int, Answer | TmdbError]


class _TooManyFailedError(TmdbError):
    """The details of more films failed than can be left out; the text is that of the last one's fault."""


def _fetch_films(fetcher: Fetcher, missing: list[int], fetched: Fetched, advance: Advance) -> None:
    """Store the films' answers in batches; stop, with what came stored, when too many fail or someone interrupts.

    A fault of TMDb is noted as the cause; a fault of the requests, `BadRequestError`, is raised.
    """

    def judge(answered: FilmAnswer) -> None:
        movie_id, answer = answered
        advance(1)
        fetched.requested += 1
        if isinstance(answer, TmdbError):
            fetched.failed[movie_id] = answer.problem.what
            if fetched.has_failed_too_often(TOLERATED_FAILURES):
                raise answer if isinstance(answer, BadRequestError) else _TooManyFailedError.of(answer.problem)

    with closing(fetcher.client.details(missing)) as answers:
        try:
            store_in_batches(answers, FILMS_A_BATCH, judge, lambda batch: _store_details(fetcher, batch, fetched))
        except _TooManyFailedError as error:
            fetched.given_up = error.problem.what


def _store_details(fetcher: Fetcher, batch: list[FilmAnswer], fetched: Fetched) -> None:
    table, rows, refused = raw.raw_details, [], []
    for movie_id, answer in batch:
        if isinstance(answer, TmdbError):
            continue
        row, rejected = parse_answer(movie_id, answer.status, answer.payload, answer.fetched_at, fetcher.day)
        if rejected:
            refused.append(rejected)
            fetched.failed[movie_id] = f"the answer is not the details of film {movie_id}"
        else:
            rows.append(row)
    conformed = as_frame(table, rows, film_part)
    conformed.rejected += refused
    conformed.received += len(refused)
    _set_unreadable_aside(conformed, batch, fetched)
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
        sent = fetcher.take_requests()
        fetch_log.count_fetched(connection, fetcher.day, "details", requests=sent, rows=loaded.kept)
    fetched.loaded.add(loaded)


def _set_unreadable_aside(conformed: Conformed, batch: list[FilmAnswer], fetched: Fetched) -> None:
    """Count answers that cannot be read as rejected rows while they are few.

    More of them are a fault of TMDb and none of the contract, which would refuse the whole batch: such films only
    count as failed.
    """
    judged = Conformed(conformed.frame, conformed.received, list(conformed.rejected))
    for movie_id, answer in batch:
        if isinstance(answer, UnreadableAnswerError):
            reject(judged, {"movie_id": movie_id}, "answer is readable", answer.problem.what, f"film {movie_id}")
    so_far = fetched.so_far
    so_far.add(Loaded(so_far.table, judged.received, rejected=judged.rejected))
    if not so_far.are_too_many(0):
        conformed.received, conformed.rejected = judged.received, judged.rejected
