"""The fact, and the latest state that its loads keep up to date in the same transaction."""

from __future__ import annotations

import sqlalchemy as sa

from tmdb_assets.warehouse.schema.vocabulary import Merge, column, popularity_score, table

fact_movie_daily = table(
    "fact_movie_daily",
    "One row per film and day. Popularity and votes as TMDb showed them on that UTC date. "
    "A row never falls back from discover to export.",
    column("date_id", "date", "UTC date of the snapshot.", key=True, references="dim_date.date_id"),
    column("movie_id", "integer", "The film.", key=True, references="dim_movie.movie_id"),
    popularity_score(),
    column(
        "vote_average",
        "number",
        "Mean user rating, 0 to 10; NULL without votes.",
        nullable=True,
        at_least=0,
        at_most=10,
    ),
    column(
        "vote_count",
        "integer",
        "Number of user ratings; NULL from the export.",
        nullable=True,
        at_least=0,
        sql_type=sa.Integer,
    ),
    column("source", "text", "discover, or export (popularity only).", one_of=("discover", "export")),
    column("loaded_at", "timestamp", "When the row was loaded or last changed (UTC).", by_database="now()"),
    group="facts",
    for_readers=True,
    partition_by_month="date_id",
    merge=Merge(
        prefer="source = 'export'",
        wins="not (t.source = 'discover' and excluded.source = 'export')",
        changed_at="loaded_at",
    ),
)

movie_latest = table(
    "movie_latest",
    "One row per film: its newest fact, and its last known votes. Updated by each load of the fact.",
    column("movie_id", "integer", "The film.", key=True, references="dim_movie.movie_id"),
    column("popularity", "number", "Popularity on snapshot_date."),
    column("snapshot_date", "date", "Day of the film's newest fact."),
    column("vote_average", "number", "Last known mean rating.", nullable=True),
    column("vote_count", "integer", "Last known number of ratings.", nullable=True, sql_type=sa.Integer),
    column("votes_date", "date", "Day of the last known votes.", nullable=True),
    group="facts",
)
# Every row changes every day. With half of each page free and no index but the key, a new version fits into the old
# one's page and no index is written (HOT update): a third of the time, and the table does not grow.
movie_latest.dialect_options["postgresql"]["with"] = {"fillfactor": 50}

popularity_total = table(
    "popularity_total",
    "One row per genre and per continent with films on the newest loaded day. Updated by each load that changes it; "
    "shown by vw_genre_popularity and vw_continent_popularity.",
    column("kind", "text", "What the films are grouped by.", key=True, one_of=("continent", "genre")),
    column("code", "text", "The continent, or the genre's id.", key=True),
    column("avg_popularity", "number", "Plain mean of the films' popularity."),
    column("total_votes", "integer", "Sum of the films' ratings."),
    column("n_movies", "integer", "Number of films."),
    column("median_popularity", "number", "Median of the films' popularity."),
    column("popularity_share", "number", "Their share of the popularity of the day's films, 0 to 1.", nullable=True),
    column("top_200_share", "number", "The same among the day's 200 most popular films.", nullable=True),
    column("n_movies_with_votes", "integer", "Number of films with votes."),
    column("oldest_votes_date", "date", "Day of the oldest votes among them.", nullable=True),
    column("avg_rating", "number", "Plain mean of the ratings of films with votes.", nullable=True),
    column("votes_weighted_rating", "number", "Mean rating, each film with the weight of its votes.", nullable=True),
    group="facts",
)

top_movie = table(
    "top_movie",
    "One row per rank, 1 to 200, of the newest loaded day. Updated by each load that changes it; shown by "
    "vw_top_movies.",
    column("rank", "integer", "Place, from 1.", key=True),
    column("movie_id", "integer", "The film."),
    group="facts",
)

load_day = table(
    "load_day",
    "One row per day loaded into fact_movie_daily.",
    column("date_id", "date", "The day.", key=True, references="dim_date.date_id"),
    column("discover_count", "integer", "Films from discover.", at_least=0),
    column("export_count", "integer", "Films from the daily export.", at_least=0),
    column("loaded_at", "timestamp", "When the day was last loaded (UTC).", by_database="now()"),
    group="facts",
)
