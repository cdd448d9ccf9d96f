"""How a picture's figures are arranged as the table beside it: pure functions, frame to frame."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

IDS_AND_DAYS = ["movie_id", "snapshot_date", "votes_date"]  # what would only widen the table beside a picture


def without_ids(frame: pd.DataFrame) -> pd.DataFrame:
    """The figures as they come, without ids and days of their own."""
    return frame.drop(columns=IDS_AND_DAYS, errors="ignore")


def films_beside_days(frame: pd.DataFrame) -> pd.DataFrame:
    """One row a day, the newest first, and one column a film: 31 rows are read where 248 would not be.

    `frame` holds one row a film and day: date_id, movie_id, title, popularity.
    """
    titles = dict(zip(frame["movie_id"], frame["title"], strict=True))
    times = Counter(titles.values())
    headings = {film: title if times[title] == 1 else f"{title} ({film})" for film, title in titles.items()}
    by_day = frame.pivot(index="date_id", columns="movie_id", values="popularity")[list(titles)]
    return by_day.rename(columns=headings).sort_index(ascending=False).rename_axis("day (UTC)").reset_index()


def genres_beside_days(frame: pd.DataFrame) -> pd.DataFrame:
    """One row a day, the newest first, and one column a genre, the newest day's largest share first: shares in %.

    `frame` holds one row a genre and day: date_id, genre_id, name, film_share (0 to 1). A genre without a row of a day
    has a share of 0.
    """
    newest = frame[frame["date_id"] == frame["date_id"].max()]
    by_share = newest.sort_values("film_share", ascending=False)["genre_id"].tolist()
    rest = [genre for genre in frame["genre_id"].unique() if genre not in by_share]
    names = dict(zip(frame["genre_id"], frame["name"], strict=True))
    by_day = 100 * frame.pivot(index="date_id", columns="genre_id", values="film_share").fillna(0)[[*by_share, *rest]]
    headings = {genre: f"{name or genre} %" for genre, name in names.items()}
    return by_day.rename(columns=headings).sort_index(ascending=False).rename_axis("day (UTC)").reset_index()


def largest_revenue(frame: pd.DataFrame) -> pd.DataFrame:
    """The 20 films with the largest revenue, and how often it is their budget; popularity is another picture's."""
    top = frame.nlargest(20, "revenue_usd").assign(
        revenue_by_budget=lambda films: films["revenue_usd"] / films["budget_usd"]
    )
    return without_ids(top.drop(columns="popularity"))


def moved_only(frame: pd.DataFrame) -> pd.DataFrame:
    """The films with a known change other than zero."""
    return without_ids(frame.dropna(subset=["change_7d"]).query("change_7d != 0"))
