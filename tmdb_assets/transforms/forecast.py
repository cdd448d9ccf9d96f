"""Forecasts of popularity by four simple models, and the errors that each would have made.

Every function takes the popularity of films by day as a matrix, and reads of it only the columns up to a forecast's
origin. A day without a figure is NaN and stays a gap. Only sums over one origin's films are taken, in the order of
their ids, so that the same facts give the same figures whichever origins are computed together.

The measures are those of Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 5.8 and 5.10
(https://otexts.com/fpp3/accuracy.html).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

HORIZONS = 7
"""Days ahead: 1 to 7."""
LAST_VALUE = "last_value"
MODELS = (LAST_VALUE, "damped_drift", "mean_7d", "seasonal_naive")
FILMS = 2_000
"""Films with a forecast: the most popular of the day of origin."""
WEEK = 7
DAMPING = 0.8
"""What is left of a drift after each day."""
BACKTEST_DAYS = 28
"""Days before an origin that are origins of its score, and days of a film's mean change before each of them."""
DAYS_BEFORE = 2 * BACKTEST_DAYS
"""Days before an origin whose facts count for it."""
LEAST_ORIGINS = 7
"""Fewer say too little to publish another model than the last value."""
PLACES = 4
"""Decimal places of TMDb's popularity."""


@dataclass(frozen=True)
class Score:
    """A model's errors at a horizon over `origins` origins and `pairs` forecasts; None where there are none."""

    model: str
    horizon: int
    origins: int
    pairs: int
    mae: float | None
    wape: float | None
    mase: float | None


def forecast(popularity: Matrix, origin: int) -> tuple[Matrix, NDArray[np.bool_]]:
    """Return the forecasts of the films at the column `origin`, and which are the model's own.

    `popularity` has one row per film, all known at the origin, and at least `WEEK` columns before it. The results are
    indexed by model, horizon - 1 and film. A film that lacks a day that a model needs gets the last value.

    - last_value: that of the origin.
    - damped_drift: the last value and the mean change a day of the past week, of which 0.8 is left after each day.
    - mean_7d: the mean of the days known among the seven up to the origin.
    - seasonal_naive: that of the same weekday in the week up to the origin.
    """
    import numpy as np

    last = popularity[:, origin]
    week = popularity[:, origin - WEEK + 1 : origin + 1]
    known = np.isfinite(week)
    drift = (last - popularity[:, origin - WEEK]) / WEEK
    made = np.empty((len(MODELS), HORIZONS, len(last)))
    made[0] = last
    made[2] = np.where(known, week, 0).sum(axis=1) / known.sum(axis=1)
    kept = 0.0
    for step in range(HORIZONS):
        kept += DAMPING ** (step + 1)
        made[1, step] = np.maximum(last + kept * drift, 0)
        made[3, step] = week[:, step]
    is_own = np.isfinite(made)
    return np.where(is_own, made, last).round(PLACES), is_own


def sum_errors(popularity: Matrix, origin: int) -> Matrix:
    """Return sums over the forecasts of `origin` whose day is a column after it, by model and horizon - 1.

    The first axis: the number of forecasts, their absolute errors, what came, the number of films with a scale, and
    their errors divided by it. A film's scale is its mean absolute change from day to day, where it changed at all, in
    the `BACKTEST_DAYS` before the origin, for which `popularity` has columns.
    """
    import numpy as np

    made, _ = forecast(popularity, origin)
    changes = np.abs(np.diff(popularity[:, origin - BACKTEST_DAYS : origin + 1], axis=1))
    known = np.isfinite(changes)
    scale = np.where(known, changes, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    sums = np.zeros((5, len(MODELS), HORIZONS))
    for step in range(min(HORIZONS, popularity.shape[1] - origin - 1)):
        actual = popularity[:, origin + step + 1]
        came = np.isfinite(actual)
        has_scale = came & (scale > 0)
        missed = np.abs(made[:, step] - actual)
        sums[0, :, step] = came.sum()
        sums[1, :, step] = missed[:, came].sum(axis=1)
        sums[2, :, step] = actual[came].sum()
        sums[3, :, step] = has_scale.sum()
        sums[4, :, step] = (missed[:, has_scale] / scale[has_scale]).sum(axis=1)
    return sums


def score(errors: Mapping[int, Matrix], origin: int) -> list[Score]:
    """Return the score of each model and horizon at an origin.

    `errors` are the results of `sum_errors` by column. Only those of the `BACKTEST_DAYS` before the origin count, and
    of each only what had come by the origin.
    """
    import numpy as np

    scores = []
    for horizon in range(1, HORIZONS + 1):
        days = range(origin - BACKTEST_DAYS, origin - horizon + 1)
        found = [errors[day][:, :, horizon - 1] for day in days if day in errors and errors[day][0, 0, horizon - 1]]
        sums = np.sum(found, axis=0) if found else np.zeros((5, len(MODELS)))
        for model, (pairs, absolute, actual, scaled_pairs, scaled) in zip(MODELS, sums.T.tolist(), strict=True):
            mae = absolute / pairs if pairs else None
            wape = absolute / actual if actual else None
            mase = scaled / scaled_pairs if scaled_pairs else None
            scores.append(Score(model, horizon, len(found), int(pairs), mae, wape, mase))
    return scores


def choose(scores: Sequence[Score]) -> dict[int, str]:
    """Return the model to publish by horizon: the lowest WAPE, and the last value unless another is below it.

    With fewer than `LEAST_ORIGINS` origins it is the last value.
    """
    chosen = {}
    for horizon in range(1, HORIZONS + 1):
        judged = [one for one in scores if one.horizon == horizon and one.origins >= LEAST_ORIGINS]
        wapes = {one.model: one.wape for one in judged if one.wape is not None}
        chosen[horizon] = min(MODELS, key=lambda model: wapes.get(model, math.inf))  # the first of equal ones
    return chosen


def forecast_rows(
    popularity: Matrix, origin: int, movie_ids: Sequence[int], chosen: Mapping[int, str]
) -> list[dict[str, Any]]:
    """Return the chosen models' forecasts at an origin: horizon, movie_id, model, popularity."""
    made, is_own = forecast(popularity, origin)
    rows = []
    for horizon, model in chosen.items():
        place = MODELS.index(model), horizon - 1
        values = zip(movie_ids, made[place].tolist(), is_own[place].tolist(), strict=True)
        rows += [
            {"horizon": horizon, "movie_id": film, "model": model if own else LAST_VALUE, "popularity": value}
            for film, value, own in values
        ]
    return rows
