"""Forecasts and their errors, against loops in plain Python."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest

from tmdb_assets.transforms.forecast import (
    BACKTEST_DAYS,
    DAMPING,
    HORIZONS,
    LAST_VALUE,
    LEAST_ORIGINS,
    MODELS,
    Score,
    choose,
    forecast,
    forecast_rows,
    score,
    sum_errors,
)

FILMS, DAYS = 6, 70
Curve = list[float | None]


def made_up_curves() -> list[Curve]:
    """Curves with gaps; the last film never changes, the one before is new."""
    chance = random.Random(15)
    curves: list[Curve] = []
    for film in range(FILMS):
        value = 10.0 * (film + 1)
        curve: Curve = []
        for day in range(DAYS):
            value = max(0.0, round(value + chance.uniform(-2, 2) + math.sin(day / 7 * 2 * math.pi), 4))
            curve.append(value if chance.random() > 0.1 else None)
        curves.append(curve)
    curves[4] = [None] * 55 + curves[4][55:]
    curves[5] = [3.5] * DAYS
    return curves


def matrix(curves: list[Curve]) -> Any:
    return np.array([[math.nan if value is None else value for value in curve] for curve in curves])


def expected(curve: Curve, origin: int, model: str, horizon: int) -> tuple[float, bool]:
    """One forecast, and whether it is the model's own."""
    last = curve[origin]
    assert last is not None
    value: float | None = None
    if model == "damped_drift" and (before := curve[origin - 7]) is not None:
        drift = (last - before) / 7
        value = max(0.0, last + sum(DAMPING**step * drift for step in range(1, horizon + 1)))
    elif model == "mean_7d":
        week = [one for one in curve[origin - 6 : origin + 1] if one is not None]
        value = sum(week) / len(week)
    elif model == "seasonal_naive":
        value = curve[origin + horizon - 7]
    elif model == LAST_VALUE:
        value = last
    return (round(last if value is None else value, 4), value is not None)


def expected_scores(curves: list[Curve], origin: int) -> dict[tuple[str, int], tuple[float, ...]]:
    """Origins, pairs, MAE, WAPE and MASE by model and horizon, from what is known at the origin."""
    found = {}
    for model in MODELS:
        for horizon in range(1, HORIZONS + 1):
            errors, came, scaled, origins = [], [], [], set()
            for earlier in range(origin - BACKTEST_DAYS, origin - horizon + 1):
                for curve in curves:
                    actual = curve[earlier + horizon]
                    if curve[earlier] is None or actual is None:
                        continue
                    error = abs(expected(curve, earlier, model, horizon)[0] - actual)
                    pairs = zip(curve[earlier - 28 : earlier], curve[earlier - 27 : earlier + 1], strict=True)
                    changes = [abs(b - a) for a, b in pairs if a is not None and b is not None]
                    if changes and sum(changes):
                        scaled.append(error / (sum(changes) / len(changes)))
                    errors.append(error)
                    came.append(actual)
                    origins.add(earlier)
            mae, wape, mase = sum(errors) / len(errors), sum(errors) / sum(came), sum(scaled) / len(scaled)
            found[model, horizon] = (len(origins), len(errors), mae, wape, mase)
    return found


def scores_of(curves: list[Curve], origin: int, *, last: int = DAYS) -> list[Score]:
    """The scores, computed from the columns before `last`, each origin with the films that are known on it."""
    values = matrix(curves)[:, :last]
    errors = {}
    for day in range(BACKTEST_DAYS, last):
        known = values[np.isfinite(values[:, day])]
        errors[day] = sum_errors(known, day)
    return score(errors, origin)


@pytest.fixture(scope="module")
def curves() -> list[Curve]:
    return made_up_curves()


def test_forecasts_are_those_of_a_loop(curves: list[Curve]) -> None:
    own = set()
    for origin in (56, 60, 69):
        known = [curve for curve in curves if curve[origin] is not None]
        made, is_own = forecast(matrix(known), origin)
        for place, model in enumerate(MODELS):
            for horizon in range(1, HORIZONS + 1):
                right = [expected(curve, origin, model, horizon) for curve in known]
                assert made[place, horizon - 1].tolist() == pytest.approx([value for value, _ in right], abs=1.1e-4)
                assert is_own[place, horizon - 1].tolist() == [is_own for _, is_own in right]
                own |= {(model, is_own) for _, is_own in right}
    assert {(model, True) for model in MODELS} | {("damped_drift", False), ("seasonal_naive", False)} == own


def test_a_fall_ends_at_zero() -> None:
    made, _ = forecast(np.array([[70.0, 60, 50, 40, 30, 20, 10, 1]]), 7)
    assert made[MODELS.index("damped_drift"), :, 0].tolist() == [0.0] * HORIZONS


def test_scores_are_those_of_a_loop(curves: list[Curve]) -> None:
    for origin in (60, 69):
        right = expected_scores(curves, origin)
        found = scores_of(curves, origin)
        assert [(one.model, one.horizon) for one in found] == [(m, h) for h in range(1, 8) for m in MODELS]
        for one in found:
            figures = (one.origins, one.pairs, one.mae, one.wape, one.mase)
            assert figures == pytest.approx(right[one.model, one.horizon], rel=1e-3), (one.model, one.horizon)


def test_nothing_after_the_origin_counts(curves: list[Curve]) -> None:
    origin = 60
    later = [curve[: origin + 1] + [1e6] * (DAYS - origin - 1) for curve in curves]
    assert scores_of(curves, origin) == scores_of(later, origin) == scores_of(curves, origin, last=origin + 1)
    known = [place for place, curve in enumerate(curves) if curve[origin] is not None]
    before, after = (forecast(matrix(given)[known], origin) for given in (curves, later))
    assert np.array_equal(before[0], after[0])


def test_without_history_there_is_the_last_value_and_no_score() -> None:
    values = np.full((2, BACKTEST_DAYS + 1), math.nan)
    values[:, -1] = 5.0, 0.0
    scores = score({}, BACKTEST_DAYS)
    assert {(one.origins, one.pairs, one.mae, one.wape, one.mase) for one in scores} == {(0, 0, None, None, None)}
    chosen = choose(scores)
    assert chosen == dict.fromkeys(range(1, 8), LAST_VALUE)
    rows = forecast_rows(values, BACKTEST_DAYS, [7, 9], chosen)
    assert rows[0] == {"horizon": 1, "movie_id": 7, "model": LAST_VALUE, "popularity": 5.0}
    assert [(row["horizon"], row["movie_id"]) for row in rows] == [(h, film) for h in range(1, 8) for film in (7, 9)]


def test_a_model_is_published_where_it_beats_the_last_value_over_enough_origins() -> None:
    def judged(horizon: int, origins: int, **wapes: float | None) -> list[Score]:
        return [Score(model, horizon, origins, 1, 1.0, wapes.get(model, 0.5), 1.0) for model in MODELS]

    chosen = choose(
        [
            *judged(1, LEAST_ORIGINS, mean_7d=0.4, damped_drift=0.3),
            *judged(2, LEAST_ORIGINS - 1, mean_7d=0.4),
            *judged(3, 28),  # all alike
            *judged(4, 28, seasonal_naive=None, mean_7d=0.49),
            *judged(5, 28, last_value=0.2),
        ]
    )
    assert [chosen[step] for step in range(1, 6)] == ["damped_drift", LAST_VALUE, LAST_VALUE, "mean_7d", LAST_VALUE]


def test_a_film_without_the_days_of_a_model_gets_the_last_value_and_says_so(curves: list[Curve]) -> None:
    origin = 60
    rows = forecast_rows(matrix(curves[4:]), origin, [4, 5], dict.fromkeys(range(1, 8), "damped_drift"))
    assert {(row["movie_id"], row["model"]) for row in rows} == {(4, LAST_VALUE), (5, "damped_drift")}
    assert {row["popularity"] for row in rows if row["movie_id"] == 4} == {curves[4][origin]}
