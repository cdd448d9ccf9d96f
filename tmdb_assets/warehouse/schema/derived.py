"""What is computed once a day: forecasts of popularity, how good their models are, and which films are similar."""

from __future__ import annotations

import sqlalchemy as sa

from tmdb_assets.transforms.forecast import HORIZONS, MODELS
from tmdb_assets.warehouse.schema.vocabulary import Merge, column, table

SIMILAR = 20
"""Films similar to a film."""

forecast_movie_daily = table(
    "forecast_movie_daily",
    "One row per day of origin, horizon and film: the popularity expected that many days later, made of facts up to "
    "the day of origin only. The 2,000 most popular films of each of the last 90 days. Filled by the job daily.",
    column("origin_date", "date", "The last day that was known.", key=True, references="dim_date.date_id"),
    column(
        "horizon",
        "integer",
        "Days from origin_date to the day that is forecast.",
        key=True,
        at_least=1,
        at_most=HORIZONS,
        sql_type=sa.SmallInteger,
    ),
    column("movie_id", "integer", "The film.", key=True, references="dim_movie.movie_id"),
    column(
        "model",
        "text",
        "How it was computed: the horizon's published model of forecast_score, or last_value where the film lacks the "
        "days that it needs.",
        one_of=MODELS,
    ),
    column("popularity", "number", "The popularity expected on origin_date + horizon.", at_least=0),
    group="derived",
    merge=Merge(),
    for_readers=True,
)

forecast_score = table(
    "forecast_score",
    "One row per day of origin, model and horizon: the errors that the model's forecasts of the 28 days before would "
    "have had by then. Each of these days has its own 2,000 films; nothing after origin_date counts.",
    column("origin_date", "date", "The last day that was known.", key=True, references="dim_date.date_id"),
    column("model", "text", "How the forecasts are computed.", key=True, one_of=MODELS),
    column(
        "horizon",
        "integer",
        "Days ahead.",
        key=True,
        at_least=1,
        at_most=HORIZONS,
        sql_type=sa.SmallInteger,
    ),
    column("origin_count", "integer", "Earlier days with a forecast whose day came.", at_least=0, sql_type=sa.Integer),
    column("pair_count", "integer", "Forecasts compared with what came.", at_least=0),
    column(
        "mae", "number", "Mean absolute error, in points of popularity; NULL without any.", nullable=True, at_least=0
    ),
    column(
        "wape",
        "number",
        "Sum of the absolute errors as a share of the sum of what came; NULL without any.",
        nullable=True,
        at_least=0,
    ),
    column(
        "mase",
        "number",
        "Mean of the absolute errors, each divided by its film's mean absolute change from day to day in the 28 days "
        "before its origin; NULL without any.",
        nullable=True,
        at_least=0,
    ),
    column(
        "is_published",
        "boolean",
        "Whether forecast_movie_daily has this model's forecasts at this horizon: the lowest wape of seven origins or "
        "more, else last_value.",
    ),
    column("facts_hash", "text", "When the days that it is made from were loaded: another hash, and it is made again."),
    group="derived",
    merge=Merge(),
    for_readers=True,
)

movie_similar = table(
    "movie_similar",
    "One row per film and rank: the 20 films with which it shares most, among the 10,000 most popular films of the "
    "newest day. Made from genres, keywords, cast, directors, crew, companies, original language and decade; what few "
    "films have counts more.",
    column("movie_id", "integer", "The film.", key=True, references="dim_movie.movie_id"),
    column("rank", "integer", "Place, from 1.", key=True, at_least=1, at_most=SIMILAR, sql_type=sa.SmallInteger),
    column("similar_id", "integer", "The similar film.", references="dim_movie.movie_id"),
    column("score", "number", "How much they share, from 0 to 1; the same for both films.", at_least=0, at_most=1),
    column("because", "text", "What they share, in words: the up to three features that count most."),
    group="derived",
    merge=Merge(),
    for_readers=True,
)

computed_table = table(
    "computed_table",
    "One row per table that is computed as a whole: hashes of what it was computed from and of its rows. While both "
    "are the same, it is not computed again.",
    column("table_name", "text", "The table.", key=True),
    column("inputs_hash", "text", "Hash of the rows and the SQL from which it was computed."),
    column("rows_hash", "text", "Hash of its rows when it was stored: rows changed by hand are computed again."),
    column("computed_at", "timestamp", "When it was computed (UTC).", by_database="now()"),
    group="ledger",
)
