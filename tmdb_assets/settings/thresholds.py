"""From which figure on a check of a day's quality warns; each threshold is a setting, with the reason for its default.

`Settings` inherits them, so that they are read, shown and documented like every other setting.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings

Share = Annotated[float, Field(ge=0, le=1)]


class Thresholds(BaseSettings):
    """The thresholds of the checks of `quality_measure`."""

    quality_film_count_change: Share = Field(
        0.2,
        description="share by which a day's films from discover may differ from the median of the 14 days before, and "
        "those of the export fall, of the other known films: 0 to 1; the same pages vary by less than 0.01",
    )
    quality_null_change: Share = Field(
        0.1,
        description="how much larger a column's share of NULLs may be than its median of the 30 days before: 0 to 1; "
        "from day to day it moves by less than 0.01",
    )
    quality_empty_share: Share = Field(
        0.4,
        description="share of films that may lack any genre, country, company, language or person: 0 to 1; of 10,000 "
        "recorded films 0.06 do at most, of unpopular ones many",
    )
    quality_fallen_votes_share: Share = Field(
        0.02,
        description="share of films whose number of votes may fall by more than 1 and by 0.1%, for each day since they "
        "were counted: 0 to 1; of 162 recorded films 8 fell in a day, each by 1, where TMDb removes a rating",
    )
    quality_export_share: Share = Field(
        0.05,
        description="share of discover's films that may be missing from the day's id export: 0 to 1; it is written "
        "at 07:00 UTC and lacks only films that are newer",
    )
    quality_duplicate_share: Share = Field(
        0.02,
        description="share of films that may have the title and the release date of another: 0 to 1; short films "
        "and mistakes of TMDb's users, which they merge in time",
    )
    quality_money_share: Share = Field(
        0.05,
        description="share of known budgets and revenues that may be implausible: 0 to 1; of 10,000 recorded films "
        "0.01 are, typed in millions or by joke",
    )
    quality_popularity_change: Annotated[float, Field(ge=1, le=1000)] = Field(
        2,
        description="factor by which popularity may move from one day to the next, at the median of all films: 1 to "
        "1000; single films jump, their median does not",
    )
    quality_moved_share: Share = Field(
        0.5,
        description="share of the 1,000 most popular films whose popularity has to change from one day to the next: "
        "0 to 1; of 1,100 recorded films 1,097 do, and within one day none of 823",
    )
