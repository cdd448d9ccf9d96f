"""The checks of the raw assets: whether what a day requested is stored, and what is missing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from dagster import AssetCheckResult, AssetCheckSeverity, AssetCheckSpec

from tmdb_assets import partitions
from tmdb_assets.assets.publish import check_result
from tmdb_assets.errors.problem import KEPT
from tmdb_assets.fetch.step import TOLERATED_SHARE, Fetched
from tmdb_assets.tmdb.errors import TmdbError
from tmdb_assets.tmdb.export.download import ExportGoneError
from tmdb_assets.warehouse.ledger import details_due, exports, fetch_log
from tmdb_assets.warehouse.loading.load import count_rows
from tmdb_assets.warehouse.retention import RAW_KEPT_DAYS, first_kept_day
from tmdb_assets.warehouse.schema.raw import raw_discover
from tmdb_assets.warehouse.warehouse import Warehouse

FEW_CONTRADICTED, CONTRADICTED_SHARE = 20, 0.01  # films of an export with different figures
ENOUGH_FILMS = 20  # of so many films some have a director, a writer or a producer

PAGES_COMPLETE = AssetCheckSpec(
    "pages_complete",
    asset="raw_discover",
    description="Every discover page of the day is stored and believed: it is the page requested, and all pages "
    "together hold as many films as TMDb lists. If not: run the day again before midnight UTC; only what is missing is "
    "requested.",
)

LISTS_STORED = AssetCheckSpec(
    "lists_stored",
    asset="raw_reference",
    description="TMDb's lists of genres, countries and languages are stored. If not: the lists of an earlier day "
    "are kept, and the next run requests them again.",
)
EXPORT_STORED = AssetCheckSpec(
    "export_stored",
    asset="raw_export",
    description="The day's id export is stored. It is written from 07:00 UTC and kept about three months. If not: run "
    "the day again later; until then films outside discover have no fact for the day.",
)

DETAILS_COMPLETE = AssetCheckSpec(
    "details_complete",
    asset="raw_details",
    description="Every film whose details were due that day was answered, with the parts of TMDB_APPEND. If not: the "
    "films keep their last details and have their facts. Run the day again before midnight UTC, which requests only "
    "the missing ones; otherwise a later day requests them. Fewer than 5% without a part are only counted.",
)


def details_complete(warehouse: Warehouse, day: dt.date, fetched: Fetched) -> AssetCheckResult:
    """Fails when fetching was given up, warns of single films without an answer and of parts that do not come.

    The day is loaded either way.
    """
    with warehouse.begin() as connection:
        crawl = fetch_log.find_crawl(connection, day, "details")
        missing = details_due.count_missing(connection, day, crawl.number) if crawl else 0
        films = sum(details_due.count_due(connection, day).values())
    text = f"All {films} films whose details were due on {day} were answered."
    if missing:
        cause = fetched.given_up or next(reversed(fetched.failed.values()), None)
        advice = "A later day requests them."
        if day == partitions.today():
            advice = "Run again before midnight UTC to request only these; otherwise the next day requests them."
        text = (
            f"{f'{cause}. ' if cause else ''}{missing} of the {films} films whose details were due on {day} were not "
            f"answered; they keep their last details and have their facts. {advice}"
        )
    lacking = "".join(f" {each}" for each in what_is_lacking(fetched))
    # After midnight there is nothing to do: a later day requests them by itself.
    is_outage = fetched.given_up and day == partitions.today()
    severity = AssetCheckSeverity.ERROR if is_outage else AssetCheckSeverity.WARN
    passed = not missing and not lacking
    return check_result(DETAILS_COMPLETE, passed, text + lacking, severity, films_due=films, films_missing=missing)


def what_is_lacking(fetched: Fetched) -> Iterator[str]:
    """What did not come with the details of this run, in sentences."""
    of_films = f"of the {fetched.answered} films requested by this run"
    for part, films in sorted(fetched.without.items()):
        if films > TOLERATED_SHARE * fetched.answered:
            yield (
                f"{films} {of_films} came without {part}: what is known of it from earlier days is kept. Check whether "
                "TMDB_API_URL is a mirror that ignores append_to_response; leave the part out of TMDB_APPEND if so."
            )
    if fetched.answered >= ENOUGH_FILMS and not fetched.crew and fetched.left_out["crew"]:
        yield f"No member of the crew {of_films} has a job in TMDB_CREW_JOBS: check that these are TMDb's names."


def lists_stored(fetched: Fetched) -> AssetCheckResult:
    """Warns when a list could not be loaded."""
    missing = "; ".join(f"{kind}: {cause}" for kind, cause in fetched.failed.items())
    text = f"{missing}. {KEPT}, and the next run requests them again." if missing else "The lists are stored."
    return check_result(LISTS_STORED, not missing, text)


def export_stored(
    warehouse: Warehouse, day: dt.date, fetched: Fetched, problem: TmdbError | None, *, is_past: bool
) -> AssetCheckResult:
    """Warns when the export is not stored, repeats a day's, contradicts itself, or failed when requested again."""
    with warehouse.begin() as connection:
        crawl = fetch_log.find_crawl(connection, day, "export")
        is_stored = crawl is not None and crawl.is_complete
        later = exports.count_later_films(connection, day) if is_stored and is_past else 0
    is_gone = isinstance(problem, ExportGoneError)
    again = f"tmdb-assets backfill --from {day} --to {day} --refresh"
    lacks = f" {later} films became known since it was read and are not in it"
    if not is_stored and problem and is_past:
        text = f"{problem.problem.what}."  # where the day has no other rows, its error says the rest
    elif not is_stored:
        text = str(problem or "") or (
            f"The export of {day} is not stored, so films outside that day's discover have no fact. The gap filler "
            f"requests it once the day is past. To request it now: {again}."
        )
    elif problem and not is_gone:
        text = str(problem) + (f" The export is stored from before, but{lacks}." if later else "")
    else:
        advice = "; it is no longer published." if is_gone else f". To add them: {again}."
        text = f"The export of {day} is stored." + (lacks + advice if later else "")
        if fetched.skipped:
            text += f" {fetched.skipped} of its {fetched.lines} lines have no usable film and are left out."
        if fetched.repeats:
            text += f" It has the figures of {fetched.repeats}, as it did days later: they may be those of that day."
        if fetched.contradicted.films:
            text += (
                f" {fetched.contradicted.films} films are in it with different figures, such as "
                f"{fetched.contradicted.examples}; the highest of each is stored."
            )
    is_contradictory = fetched.contradicted.films > max(FEW_CONTRADICTED, CONTRADICTED_SHARE * fetched.loaded.kept)
    passed = is_stored and (problem is None or is_gone) and not fetched.repeats and not is_contradictory
    return check_result(EXPORT_STORED, passed, text, films_known_since=later)


def pages_complete(warehouse: Warehouse, day: dt.date, fetched: Fetched) -> AssetCheckResult:
    """Warns when a discover page of a requested day is missing; fails when over 5% of the day's films are."""
    with warehouse.begin() as connection:
        crawl = fetch_log.find_crawl(connection, day, "discover")
        slices = fetch_log.finished_slices(connection, day)
        unseen = fetch_log.unseen_films(connection, day)
        rows = count_rows(connection, raw_discover, day)
    # Also of an earlier run.
    listed = crawl.listed_films if crawl else 0
    missing = max(0, listed - rows)
    today = partitions.today()
    pages = crawl.stored_pages if crawl else ()
    is_catalogue = not pages or (crawl is not None and crawl.is_whole_catalogue)
    # A past day without requests is as complete as it can be: its source is its export, which has its own check.
    was_requested = crawl is not None or day == today
    complete = not was_requested or (crawl is not None and crawl.is_complete)
    stored = f"{len(slices)} slices of release dates" if slices and is_catalogue else f"{len(pages)} pages"
    text = f"{stored} of {day} are stored."
    if unseen:
        text += f" {unseen} films are beyond page 500 of their release date: discover does not show them."
    if not was_requested:
        text = f"Nothing was requested on {day}: its facts come from the day's id export."
    elif day < first_kept_day(today):
        text = (
            f"The raw answers of {day} were dropped after {RAW_KEPT_DAYS} days, as TMDb's terms require. Its facts "
            "stay as they are."
        )
    elif not complete:
        unread = ", ".join(map(str, fetched.failed)) or "unknown"
        cause = fetched.given_up or next(iter(fetched.failed.values()), "")
        advice = "Run it again before midnight UTC." if day == today else "Its export gives the popularity of the rest."
        text += (
            f" The day is not complete{_films_of_how_many(listed, missing)} (pages without a readable answer: {unread}"
            f"{f'; {cause}' if cause else ''}). {advice}"
        )
    # Of a past day nothing more can be requested: its export completes it.
    is_little = missing <= TOLERATED_SHARE * listed or (day < today and not fetched.requested)
    return check_result(
        PAGES_COMPLETE,
        complete,
        text,
        AssetCheckSeverity.WARN if is_little else AssetCheckSeverity.ERROR,
        pages_stored=len(pages),
        slices_stored=len(slices),
        films_beyond_page_500=unseen,
        **({"films_missing": missing} if missing and not complete else {}),
    )


def _films_of_how_many(listed: int, missing: int) -> str:
    return f": it has {listed - missing} of the {listed} films that TMDb lists" if listed else ""
