"""What the checks of a day found."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from tmdb_assets.charts.labels import ABOUT_TODAY, quality_in_short
from tmdb_assets.viz.cached import read_rows
from tmdb_assets.viz.queries import CHECKS_OF_A_DAY
from tmdb_assets.viz.reader import Edition

if TYPE_CHECKING:
    import pandas as pd


def checks_of(edition: Edition, day: dt.date) -> pd.DataFrame:
    """What the checks of a day found, the failed ones first."""
    return read_rows(edition, CHECKS_OF_A_DAY, {"day": day, "about_today": sorted(ABOUT_TODAY)})


def day_in_short(edition: Edition, day: dt.date) -> str:
    """Whether a day can be trusted, in a few words; "" where no check has run."""
    checks = checks_of(edition, day)
    failed = checks["severity"][~checks["is_passed"].astype(bool)].tolist()
    return quality_in_short(len(checks), failed.count("error"), failed.count("warn"))
