"""The history of films: what was known of each from which day on.

A row is a state of a film: a run of days whose answers said the same. Its `confirmed_dates` are these days, so that an
older answer that is loaded later finds its place: the rows are a function of the answers, not of the order in which
they are loaded. `warehouse.loading.history` computes them.
"""

from __future__ import annotations

import sqlalchemy as sa

from tmdb_assets.warehouse.schema.dimensions import film_attribute
from tmdb_assets.warehouse.schema.vocabulary import column, table

STATE = (
    "status",
    "release_date",
    "runtime_minutes",
    "budget_usd",
    "revenue_usd",
    "original_language",
    "collection_id",
    "genre_ids",
    "company_ids",
    "country_codes",
    "language_codes",
    "is_removed",
)
"""The columns that make a film's state: where one changes, a row ends and the next begins."""

movie_history = table(
    "movie_history",
    "One row per film and state, valid from its valid_from until the day before its valid_to. "
    "The states of a film follow each other without gap or overlap, from the first day with an answer on. "
    "Source: the films' details; a removed film has a state without attributes, one known only from discover has none.",
    column("movie_id", "integer", "The film.", key=True, references="dim_movie.movie_id"),
    column("valid_from", "date", "First day whose answer said so: known to us since.", key=True),
    column(
        "valid_to",
        "date",
        "Day of the next state, which this one no longer covers; NULL for the newest.",
        nullable=True,
        by_database="null",
    ),
    column("status", "text", "Released, Post Production, ...; NULL where unknown.", nullable=True, max_length=100),
    film_attribute("release_date"),
    film_attribute("runtime_minutes"),
    film_attribute("budget_usd"),
    film_attribute("revenue_usd"),
    film_attribute("original_language"),
    film_attribute("collection_id"),
    column("genre_ids", "integers", "Ids of its genres, ascending; {} without any.", nullable=True),
    column("company_ids", "integers", "Ids of its production companies, ascending.", nullable=True),
    column("country_codes", "texts", "ISO 3166-1 codes of its countries of production, sorted.", nullable=True),
    column("language_codes", "texts", "ISO 639-1 codes of its spoken languages, sorted.", nullable=True),
    column(
        "is_removed",
        "boolean",
        "Whether TMDb had deleted the film; its attributes are then NULL.",
        by_database="false",
    ),
    column("confirmed_dates", "dates", "Days whose answers said so, ascending; valid_from is the first."),
    # A state's valid_to is the valid_from of exactly one other, later state, and only one state has none: so a film's
    # states are one chain in the order of time, without gap or overlap.
    sa.UniqueConstraint("movie_id", "valid_to", name="uq_movie_history_valid_to", postgresql_nulls_not_distinct=True),
    sa.ForeignKeyConstraint(
        ["movie_id", "valid_to"],
        ["movie_history.movie_id", "movie_history.valid_from"],
        name="fk_movie_history_valid_to",
        deferrable=True,
        initially="DEFERRED",
    ),
    sa.CheckConstraint("valid_to > valid_from", name="ck_movie_history_valid_to"),
    sa.CheckConstraint(
        "coalesce(confirmed_dates[1] = valid_from, false) "
        "and (valid_to is null or confirmed_dates[cardinality(confirmed_dates)] < valid_to)",
        name="ck_movie_history_confirmed_dates",
    ),
    sa.CheckConstraint(
        f"is_removed = false or num_nonnulls({', '.join(name for name in STATE if name != 'is_removed')}) = 0",
        name="ck_movie_history_is_removed",
    ),
    group="history",
    for_readers=True,
)
