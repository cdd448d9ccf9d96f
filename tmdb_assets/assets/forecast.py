"""The asset of the forecasts: of the newest loaded day, and of earlier days whose facts were loaded since."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from dagster import AssetCheckResult, AssetCheckSpec, MetadataValue, ResourceParam, TableRecord

from tmdb_assets.assets.declare import table_asset
from tmdb_assets.assets.details_tables import conformed
from tmdb_assets.assets.publish import AssetEvent, check_result, publish
from tmdb_assets.transforms import forecast as models
from tmdb_assets.transforms.conform import Row
from tmdb_assets.warehouse.loading.forecasts import (
    due_origins,
    origin_of,
    read_history,
    read_published,
    read_scores,
    replace_origins,
)
from tmdb_assets.warehouse.loading.load import load
from tmdb_assets.warehouse.schema import derived
from tmdb_assets.warehouse.warehouse import Warehouse

NO_WORSE = AssetCheckSpec(
    "no_worse_than_last_value",
    asset=derived.forecast_movie_daily.name,
    description="Where another model than the last value was published in the past 28 days, its forecasts missed what "
    "came by no more than the last value would have. If not: expect no more of them than of each film staying as "
    "popular as it is; the models are chosen again with each day.",
)


@dataclass
class Made:
    """What a load makes: the origins with their hashes, and the rows of their scores."""

    origins: dict[dt.date, str] = field(default_factory=dict)
    scores: list[Row] = field(default_factory=list)


@table_asset(derived.forecast_movie_daily, daily=False, deps=["fact_movie_daily"], checks=(NO_WORSE,))
def forecast_movie_daily(warehouse: ResourceParam[Warehouse]) -> Iterator[AssetEvent]:
    """Forecasts and scores of each origin whose facts changed; those of other origins stay as they are."""
    made, table = Made(), derived.forecast_movie_daily

    def store_scores(connection: sa.Connection) -> None:
        scores, rows = derived.forecast_score, conformed(derived.forecast_score, [made.scores])
        load(
            connection,
            scores,
            rows,
            day_of=origin_of,
            merge=lambda _: replace_origins(connection, scores, made.origins),
        )

    yield from publish(
        warehouse,
        table,
        conformed(table, _compute(warehouse, made)),
        day_of=origin_of,
        merge=lambda connection: replace_origins(connection, table, made.origins),
        afterwards=store_scores,
    )
    with warehouse.begin() as connection:
        yield judge(read_scores(connection), read_published(connection))


def _compute(warehouse: Warehouse, made: Made) -> Iterator[list[Row]]:
    """The forecasts of each origin that is due, one chunk per origin; `made` gets the origins and their scores."""
    with warehouse.begin() as connection:
        made.origins = due_origins(connection)
        if not made.origins:
            return
        history = read_history(connection, min(made.origins), max(made.origins))
    errors = {column: models.sum_errors(history.of(column), column) for column in history.top}
    for origin, facts_hash in made.origins.items():
        column = (origin - history.first).days
        scores = models.score(errors, column)
        chosen = models.choose(scores)
        made.scores += [
            {
                "origin_date": origin,
                "model": one.model,
                "horizon": one.horizon,
                "origin_count": one.origins,
                "pair_count": one.pairs,
                "mae": one.mae,
                "wape": one.wape,
                "mase": one.mase,
                "is_published": chosen[one.horizon] == one.model,
                "facts_hash": facts_hash,
            }
            for one in scores
        ]
        films = history.movie_ids[history.top[column]].tolist()
        rows = models.forecast_rows(history.of(column), column, films, chosen)
        yield [{"origin_date": origin, **row} for row in rows]


def judge(scores: list[Row], published: list[Row]) -> AssetCheckResult:
    """Whether what was published by other models missed no more than the last value would have, over all horizons.

    `scores` are those of the newest origin, with which its models were chosen; `published` is what came of the stored
    forecasts of other models than the last value.
    """
    enough = [one for one in scores if one["origin_count"] >= models.LEAST_ORIGINS and one["wape"] is not None]
    chosen = {one["horizon"]: one for one in enough if one["is_published"]}
    last = {one["horizon"]: one for one in enough if one["model"] == models.LAST_VALUE}
    others = [step for step, one in chosen.items() if one["model"] != models.LAST_VALUE]
    missed, missed_by_last, came = (
        sum(one[name] for one in published) for name in ("missed", "missed_by_last_value", "came")
    )
    if not last:
        text = f"Before there are {models.LEAST_ORIGINS} days to compare, the last value is published."
    elif others:
        text = f"Another model than the last value is published {_horizons(others)}."
    else:
        text = (
            "No model beat the last value in the past 28 days, so that is published: expect each film to stay as "
            "popular as it is."
        )
    if came:
        text += (
            f" Other models' forecasts of the past 28 days missed by {missed / came:.1%} of what came; the last value "
            f"would have missed by {missed_by_last / came:.1%}."
        )
    if missed > missed_by_last:
        text += " Expect no more of them. Nothing has to be done: the models are chosen again with each day."
    table = [
        TableRecord(
            {
                "days_ahead": step,
                "published": chosen[step]["model"],
                "wape": round(chosen[step]["wape"], 4),
                "wape_of_last_value": round(last[step]["wape"], 4),
            }
        )
        for step in sorted(last)
    ]
    shown: dict[str, Any] = {"scores": MetadataValue.table(table)} if table else {}
    return check_result(NO_WORSE, missed <= missed_by_last, text, **shown)


def _horizons(steps: list[int]) -> str:
    return f"{', '.join(map(str, steps))} {'day' if steps == [1] else 'days'} ahead"
