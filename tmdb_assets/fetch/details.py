"""The details of the films that are due: GET /movie/{id} to `raw_details`."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from contextlib import closing
from dataclasses import replace

from tmdb_assets.fetch.progress import Advance
from tmdb_assets.fetch.step import Fetched, Fetcher, reject, store_in_batches, until_midnight
from tmdb_assets.tmdb.changes import fetch_changes
from tmdb_assets.tmdb.client import Answer
from tmdb_assets.tmdb.errors import BadRequestError, TmdbError, UnreachableError, UnreadableAnswerError
from tmdb_assets.transforms.appended import Wanted, is_readable, missing_parts, trim
from tmdb_assets.transforms.conform import Conformed
from tmdb_assets.transforms.details import film_part, parse_answer
from tmdb_assets.warehouse.ledger import details_due, fetch_log
from tmdb_assets.warehouse.loading.load import Loaded, as_frame, count_rows, load
from tmdb_assets.warehouse.schema import raw

FILMS_A_BATCH = 250
TOLERATED_FAILURES = 20  # failed films below this number never stop a day
ONE_DAY = dt.timedelta(days=1)
CHANGES_DAYS = 14  # how many days of change lists are requested at most


def fetch_details(fetcher: Fetcher, max_age_days: int, wanted: Wanted) -> Fetched:
    """Request the details of the films that are due today and not stored yet, and store them, trimmed.

    New, returned, changed and stale films are due (`ledger.details_due`). A film that fails is noted and skipped; if
    more than a few percent fail, requests stop and `given_up` says why: the day continues with the details it has.

    Raises `UnauthorizedError`, and `BadRequestError` if too many films fail with it.
    """
    warehouse, day = fetcher.warehouse, fetcher.day
    fetched = Fetched(Loaded(raw.raw_details))
    with until_midnight(fetched), fetcher.turn():
        if not fetcher.refresh and _is_complete(fetcher, max_age_days):
            fetcher.say(f"raw_details: {day} is already complete, no requests needed")
            return fetched
        with fetcher.crawl("details") as opened:
            fetched.due = _plan(fetcher, max_age_days)
            with warehouse.begin() as connection:
                missing = details_due.films_due(connection, day, opened.number)
                # Few films are due on most days: the share of rejected rows is that of all films of the day.
                films = max(sum(fetched.due.values()), count_rows(connection, raw.raw_discover, day))
            fetched.stored_before = films - len(missing)
            with fetcher.track("film details", len(missing)) as advance:
                _fetch_films(fetcher, missing, wanted, fetched, advance)
            with warehouse.begin() as connection:
                believed = details_due.removals(connection, day).are_plausible
                listed = fetch_log.find_crawl(connection, day, "discover")
            # Missing pages of discover may still bring films without details.
            opened.is_complete = listed is not None and listed.is_complete and not fetched.failed and believed
    return fetched


def _is_complete(fetcher: Fetcher, max_age_days: int) -> bool:
    """Whether the day's details are complete, and no film became due later (as with more pages)."""
    day = fetcher.day
    with fetcher.warehouse.begin() as connection:
        known = fetch_log.find_crawl(connection, day, "details")
        if known is None or not known.is_complete:
            return False
        changed = () if fetch_log.changes_known_until(connection, day) == day else None
        details_due.plan_details(connection, day, changed, max_age_days)
        return not details_due.films_due(connection, day, known.number)


def _plan(fetcher: Fetcher, max_age_days: int) -> dict[str, int]:
    """Update the day's list of due films; return their number by reason. Change lists are requested until known."""
    day, refresh = fetcher.day, fetcher.refresh
    first = day - (CHANGES_DAYS - 1) * ONE_DAY
    with fetcher.warehouse.begin() as connection:
        are_known = not refresh and fetch_log.changes_known_until(connection, day) == day
        since = fetch_log.changes_known_until(connection, day - ONE_DAY)
        has_details = details_due.has_details(connection, day)
    changed: set[int] | None = set()
    if not are_known and since is not None:
        changed = _fetch_changed(fetcher, max(since, first))
    elif not are_known and has_details:
        changed = None  # the details are older than the ledger: what changed since is unknown
    is_covered = since is not None and since >= first
    with fetcher.warehouse.begin() as connection:
        if not are_known:
            if changed is not None:
                details_due.forget_unlisted(connection, day)
            fetch_log.note_changes(connection, day, fetcher.now(), are_known=changed is not None or since is None)
        owed = details_due.unanswered(connection, day, since if since is not None and is_covered else day, max_age_days)
        counts = details_due.plan_details(connection, day, changed, max_age_days, owed=owed, refresh=refresh)
    fetcher.say("details due: " + (", ".join(f"{count} {reason}" for reason, count in counts.items()) or "none"))
    return counts


def _fetch_changed(fetcher: Fetcher, first: dt.date) -> set[int] | None:
    """Return the films changed from `first` on; None if a list cannot be read. Raises `UnauthorizedError`."""
    changed: set[int] = set()
    try:
        for number in range((fetcher.day - first).days + 1):
            changed |= fetch_changes(fetcher.client, first + number * ONE_DAY)
    except (UnreachableError, UnreadableAnswerError, BadRequestError) as error:
        fetcher.say(
            f"{error.problem.what}. So the details of every film of the day are requested, and the next day requests "
            "this change list again."
        )
        return None
    return changed


FilmAnswer = tuple[int, Answer | TmdbError]


class _TooManyFailedError(TmdbError):
    """The details of too many films failed; has the problem of the last one."""


def _fetch_films(fetcher: Fetcher, missing: list[int], wanted: Wanted, fetched: Fetched, advance: Advance) -> None:
    """Store the films' answers in batches; if too many fail, stop and set `given_up`, or raise a `BadRequestError`."""

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
            store_in_batches(
                answers, FILMS_A_BATCH, judge, lambda batch: _store_details(fetcher, batch, wanted, fetched)
            )
        except _TooManyFailedError as error:
            fetched.given_up = error.problem.what


def _store_details(fetcher: Fetcher, batch: list[FilmAnswer], wanted: Wanted, fetched: Fetched) -> None:
    table, rows, refused = raw.raw_details, [], []
    for movie_id, answer in batch:
        if isinstance(answer, TmdbError):
            continue
        payload, left_out = answer.payload, Counter[str]()
        if isinstance(payload, dict):
            payload, left_out = trim(payload, wanted)
        row, rejected = parse_answer(movie_id, answer.status, payload, answer.fetched_at, fetcher.day)
        if rejected:
            refused.append(replace(rejected, row=rejected.row | {"crawl_number": fetcher.crawl_number}))
            fetched.failed[movie_id] = f"the answer is not the details of film {movie_id}"
        else:
            rows.append(row | {"crawl_number": fetcher.crawl_number})
            if answer.status == 200 and isinstance(payload, dict):
                fetched.answered += 1
                fetched.crew += is_readable(payload, "credits") and len(payload["credits"]["crew"])
                fetched.left_out += left_out
                fetched.without.update(missing_parts(payload, wanted))
    conformed = as_frame(table, rows, film_part)
    conformed.rejected += refused
    conformed.received += len(refused)
    _reject_unreadable(conformed, batch, fetched)
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


def _reject_unreadable(conformed: Conformed, batch: list[FilmAnswer], fetched: Fetched) -> None:
    """Count unreadable answers as rejected rows, unless they are many.

    Many are an outage of TMDb, for which the contract must not refuse the whole batch: then they count only as failed.
    """
    judged = Conformed(conformed.rows, conformed.received, list(conformed.rejected))
    for movie_id, answer in batch:
        if isinstance(answer, UnreadableAnswerError):
            reject(judged, {"movie_id": movie_id}, "answer is readable", answer.problem.what, f"film {movie_id}")
    so_far = fetched.so_far
    so_far.add(Loaded(so_far.table, judged.received, rejected=judged.rejected))
    if not so_far.are_too_many(0):
        conformed.received, conformed.rejected = judged.received, judged.rejected
