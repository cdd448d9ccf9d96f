"""The raw layer, API answers by day as they arrived, and the ledger of requests."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import UUID

from tmdb_assets.warehouse.schema.vocabulary import Merge, column, popularity_score, table


def _crawl_number() -> sa.Column[Any]:
    return column(
        "crawl_number",
        "integer",
        "Which crawl of the day it is from; a refresh begins another.",
        at_least=0,
        default="1",
    )


raw_discover = table(
    "raw_discover",
    "One row per film seen in discover on a day. Source: GET /discover/movie, by popularity. "
    "A film that comes on two pages is kept once: the later answer wins.",
    column("snapshot_date", "date", "UTC date of the requests to TMDb.", key=True),
    column("movie_id", "integer", "TMDb's id of the film.", key=True, at_least=1),
    popularity_score(),
    column("vote_average", "number", "Mean user rating as sent, 0 to 10.", nullable=True, at_least=0, at_most=10),
    column("vote_count", "integer", "Number of user ratings as sent.", nullable=True, at_least=0),
    column("rank", "integer", "Place in the day's list, or in its slice of release dates, from 1.", at_least=1),
    column("payload", "json", "The film's entry on the page."),
    column("fetched_at", "timestamp", "When the page was answered (UTC): on the day itself.", on_day="snapshot_date"),
    _crawl_number(),
    group="raw",
    partition_by_day="snapshot_date",
    # The later answer wins, and within a page the later place, in whatever order they are stored. Crawls have
    # numbers, as a clock can be set back.
    merge=Merge(
        wins="(excluded.crawl_number, excluded.fetched_at, excluded.rank) >= (t.crawl_number, t.fetched_at, t.rank)",
        prefer="crawl_number desc, fetched_at desc, rank desc",
    ),
)

raw_details = table(
    "raw_details",
    "One row per film whose details were requested on a day. Source: GET /movie/{id}.",
    column("snapshot_date", "date", "UTC date of the requests to TMDb.", key=True),
    column("movie_id", "integer", "TMDb's id of the film.", key=True, at_least=1),
    column("status_code", "integer", "HTTP status: 200, or 404 for a deleted film.", sql_type=sa.SmallInteger),
    column("payload", "json", "The film's details as answered; NULL for 404.", nullable=True),
    column(
        "fetched_at", "timestamp", "When the details were answered (UTC): on the day itself.", on_day="snapshot_date"
    ),
    _crawl_number(),
    # Few rows: to find earlier 404s of films that become known.
    sa.Index("ix_raw_details_not_found", "movie_id", postgresql_where=sa.text("status_code = 404")),
    group="raw",
    partition_by_day="snapshot_date",
    # One process at a time requests details: what is stored last was answered last, whatever the clock says.
    merge=Merge(wins="excluded.crawl_number >= t.crawl_number"),
)

raw_reference = table(
    "raw_reference",
    "One row per genre, country or language that TMDb lists. Source: GET /genre/movie/list, "
    "/configuration/countries, /configuration/languages; requested at most once in 7 days.",
    column(
        "kind", "text", "Which list: genre, country or language.", key=True, one_of=("country", "genre", "language")
    ),
    column("code", "text", "Genre id, ISO 3166-1 or ISO 639-1 code as TMDb writes it.", key=True, max_length=20),
    column("name", "text", "English name.", nullable=True, max_length=500),
    column("payload", "json", "The entry as answered."),
    column("fetched_date", "date", "UTC date of the answer."),
    group="reference",
    merge=Merge(wins="excluded.fetched_date >= t.fetched_date"),
)

raw_export = table(
    "raw_export",
    "One row per known film in the id export of a day. Source: movie_ids_MM_DD_YYYY.json.gz, the only history of "
    "popularity that TMDb offers.",
    column("snapshot_date", "date", "The day of the export.", key=True),
    column("movie_id", "integer", "TMDb's id of the film.", key=True, at_least=1),
    popularity_score(),
    group="raw",
    partition_by_day="snapshot_date",
    merge=Merge(prefer="popularity desc"),  # of a film named with several figures the highest, in any order of lines
)

details_due = table(
    "details_due",
    "One row per film whose details are due on a day, with the reason. Made once a day, so an interrupted run resumes "
    "with the same list.",
    column("snapshot_date", "date", "The day on which they are due.", key=True),
    column("movie_id", "integer", "TMDb's id of the film.", key=True, at_least=1),
    column("reason", "text", "Why.", one_of=("changed", "new", "refresh", "returned", "stale", "unlisted")),
    group="ledger",
)

fetch_log = table(
    "fetch_log",
    "One row per day and kind of request: what was sent and stored, and whether it is complete. An interrupted run "
    "resumes from it, and a complete day needs no requests.",
    column("snapshot_date", "date", "The day fetched for.", key=True),
    column(
        "kind",
        "text",
        "What was requested: films by discover, their details, the lists of changes, the id export, or a reference "
        "list.",
        key=True,
        one_of=("changes", "country", "details", "discover", "export", "genre", "language"),
    ),
    column("started_at", "timestamp", "When the first request was sent (UTC)."),
    column("finished_at", "timestamp", "When it was complete (UTC); NULL while it is not.", nullable=True),
    column(
        "crawl_number", "integer", "How often the day was begun: 1, and one more for each refresh.", by_database="1"
    ),
    column("request_count", "integer", "Requests sent, retries included.", at_least=0),
    column("row_count", "integer", "Rows stored.", at_least=0),
    column(
        "page_count",
        "integer",
        "Discover pages that TMDb reported, at most; NULL where none was requested.",
        nullable=True,
        at_least=0,
    ),
    column("stored_pages", "json", "Numbers of the stored discover pages.", by_database="'[]'"),
    column(
        "is_whole_catalogue",
        "boolean",
        "Whether every slice of release dates in `fetch_slice` is stored: that is every film with a date.",
        by_database="false",
    ),
    column(
        "known_film_count",
        "integer",
        "Films known when the export was read, so those that it could add; NULL for other kinds.",
        nullable=True,
        at_least=0,
    ),
    column(
        "listed_film_count",
        "integer",
        "Films on the requested discover pages, as TMDb lists them; NULL for other kinds.",
        nullable=True,
        at_least=0,
    ),
    group="ledger",
)

fetch_slice = table(
    "fetch_slice",
    "One row per day and slice of release dates of which discover pages are stored, where the whole catalogue is "
    "loaded (TMDB_PAGES=all).",
    column("snapshot_date", "date", "The day fetched for.", key=True),
    column("first_release_date", "date", "First release date of the slice.", key=True),
    column("last_release_date", "date", "Last release date of the slice.", key=True),
    column("page_count", "integer", "Pages that TMDb reported for the slice, at most 500.", at_least=0),
    column("stored_pages", "json", "Numbers of the stored pages."),
    column(
        "unseen_film_count", "integer", "Films of the slice beyond page 500, which discover does not show.", at_least=0
    ),
    column(
        "finished_at", "timestamp", "When its last page was stored (UTC); NULL while some are missing.", nullable=True
    ),
    group="ledger",
)

fetch_turn = table(
    "fetch_turn",
    "One row per database: the last turn of requests to TMDb.",
    column("turn", "integer", "Always 1.", key=True, sql_type=sa.SmallInteger),
    column("holder", "text", "Random id of the sender: a process, or one of the warehouses opened in it."),
    column("ended_at", "timestamp", "When it ended (UTC); NULL while it lasts, or if it was cut off.", nullable=True),
    group="ledger",
)

rejected_row = table(
    "rejected_row",
    "One row per row that broke its contract when its table was last loaded for that day: tmdb-assets rejected. "
    "Of people and keywords a broken cell is stored as NULL, and the row is kept.",
    column("id", "text", "Hash of table, day, row and reasons.", key=True, sql_type=UUID),
    column("table_name", "text", "The table that rejected the row."),
    column("snapshot_date", "date", "The day loaded; NULL for tables without days.", nullable=True),
    column("part", "text", "What the row came from (a page, a film); NULL for the whole day.", nullable=True),
    column("payload", "json", "The row; texts over 1,000 characters are cut, those of raw tables over 100,000."),
    column("reasons", "json", "List of the rules it broke."),
    column("rejected_at", "timestamp", "When it was first rejected for these reasons (UTC).", by_database="now()"),
    sa.Index("ix_rejected_row_table", "table_name", "snapshot_date"),
    group="ledger",
)
