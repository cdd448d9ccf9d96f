"""The table of a picture: pure functions from the frame of its query to the frame of the table.

The Dagster UI has room for about forty characters next to a picture, so headings are short and columns few.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tmdb_assets.charts.labels import ellipsize
from tmdb_assets.language import country_name, language, language_name, mark, tr

if TYPE_CHECKING:
    import pandas as pd

TITLE_WIDTH = 18
"""Longest title in the heading of a column or beside four columns of figures, in columns of `ellipsize`."""


def columns(**headings: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Arranges a table of these columns, each under its heading, with numbers rounded to 2 places."""

    def arrange(frame: pd.DataFrame) -> pd.DataFrame:
        shown = {name: tr(heading) for name, heading in headings.items()}
        return translated(frame).rename(columns=shown)[list(shown.values())].round(2)

    return arrange


def translated(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame with genres, countries, languages, continents and kinds of releases in the chosen language."""
    if language() == "en":
        return frame
    made = frame.copy()
    names = "name" if "genre_id" in frame else None
    for column in filter(None, (names, "continent", "release_type")):
        if column in made:
            made[column] = [tr(value) if isinstance(value, str) else value for value in made[column]]
    for code, named in (("iso_3166_1", country_name), ("iso_639_1", language_name)):
        if code in made and "name" in made:
            made["name"] = [named(*pair) for pair in zip(made[code], made["name"], strict=True)]
    return made


def films_by_rank(frame: pd.DataFrame) -> pd.DataFrame:
    """Films by rank with the year of release, popularity and rating.

    `frame` holds columns of vw_top_movies.
    """
    figures: dict[str, Any] = {
        tr("rank"): frame["rank"],
        tr("title"): [None if title is None else ellipsize(title, 2 * TITLE_WIDTH) for title in frame["title"]],
        tr("year"): [day.year if isinstance(day, dt.date) and day == day else None for day in frame["release_date"]],
        tr("popularity"): frame["popularity"].round(1),
        tr("rating"): frame["vote_average"].round(1),
    }
    return frame.assign(**figures)[list(figures)]


def films_then_and_now(frame: pd.DataFrame) -> pd.DataFrame:
    """One row per film: popularity on the newest day, a week and 30 days before it; empty where that day is missing.

    `frame` holds one row per film and day: date_id, movie_id, title, popularity.
    """
    newest = frame["date_id"].max()
    by_film = frame.pivot(index="movie_id", columns="date_id", values="popularity").reindex(frame["movie_id"].unique())
    agos = {tr("now"): 0, tr("week ago"): 7, tr("30 days ago"): 30}
    days = {heading: newest - dt.timedelta(days=ago) for heading, ago in agos.items()}
    then = by_film.reindex(columns=list(days.values())).round(1).set_axis(list(days), axis="columns")
    titles = frame.drop_duplicates("movie_id")["title"].tolist()
    then.insert(
        0,
        tr("title"),
        [ellipsize(title or f"Film {film}", 2 * TITLE_WIDTH) for film, title in zip(then.index, titles, strict=True)],
    )
    return then.reset_index(drop=True)


def films_beside_days(frame: pd.DataFrame) -> pd.DataFrame:
    """One row per day, newest first, and one column per film: 31 rows instead of 248.

    `frame` holds one row per film and day: date_id, movie_id, title, popularity.
    """
    titles = {
        film: ellipsize(title or f"Film {film}", TITLE_WIDTH)
        for film, title in zip(frame["movie_id"], frame["title"], strict=True)
    }
    times = Counter(titles.values())
    headings = {film: title if times[title] == 1 else f"{title} ({film})" for film, title in titles.items()}
    by_day = frame.pivot(index="date_id", columns="movie_id", values="popularity")[list(titles)]
    return by_day.rename(columns=headings).sort_index(ascending=False).rename_axis(tr("day (UTC)")).reset_index()


def genres_beside_days(frame: pd.DataFrame) -> pd.DataFrame:
    """One row per day, newest first, and one column for each of the newest day's 8 largest genres: shares in %.

    `frame` holds one row per genre and day: date_id, genre_id, name, film_share (0 to 1). A genre without a row
    on a day has a share of 0.
    """
    shares = _shares_of_largest(frame)
    shares.columns = [f"{tr(name)} %" for name in shares.columns]
    return shares.sort_index(ascending=False).rename_axis(tr("day (UTC)")).reset_index()


def genres_then_and_now(frame: pd.DataFrame) -> pd.DataFrame:
    """One row for each of the newest day's 8 largest genres: shares in % of the first and the newest day.

    `frame` as for `genres_beside_days`.
    """
    shares = _shares_of_largest(frame).loc[[*dict.fromkeys((frame["date_id"].min(), frame["date_id"].max()))]]
    shares.index = [f"{day} %" for day in shares.index]
    return shares.rename(columns=tr).transpose().rename_axis(tr("genre")).reset_index()


def _shares_of_largest(frame: pd.DataFrame) -> pd.DataFrame:
    """Shares in %: one row per day, one column named after each of the newest day's 8 largest genres."""
    newest = frame[frame["date_id"] == frame["date_id"].max()]
    largest = newest.nlargest(8, "film_share")["genre_id"].tolist()
    names = dict(zip(frame["genre_id"], frame["name"], strict=True))
    shares = frame.pivot(index="date_id", columns="genre_id", values="film_share").fillna(0)[largest]
    by_day: pd.DataFrame = shares.mul(100).round(1)
    return by_day.set_axis([names[genre] or str(genre) for genre in largest], axis="columns")


def largest_revenue(frame: pd.DataFrame) -> pd.DataFrame:
    """The 20 films with the largest revenue: budget and revenue in millions of US dollars, and their ratio."""
    top = frame.nlargest(20, "revenue_usd")
    figures = {
        tr("budget M$"): (top["budget_usd"] / 1e6).round(2),
        tr("revenue M$"): (top["revenue_usd"] / 1e6).round(2),
        tr("ratio"): (top["revenue_usd"] / top["budget_usd"]).round(2),
    }
    return top.assign(**{tr("title"): top["title"]}, **figures)[[tr("title"), *figures]]


def groups_with_shares(frame: pd.DataFrame) -> pd.DataFrame:
    """Groups by name (or code, where they have none) with films, their share in % and median popularity.

    `frame` holds a code, then name, n_movies, film_share (0 to 1), median_popularity.
    """
    frame = translated(frame)
    figures = {
        tr("name"): frame["name"].fillna(frame.iloc[:, 0]).fillna(tr("not known")),
        tr("films"): frame["n_movies"],
        tr("share %"): (100 * frame["film_share"]).round(1),
        tr("median"): frame["median_popularity"].round(1),
    }
    return frame.assign(**figures)[list(figures)]


def forecasts_then_and_now(frame: pd.DataFrame) -> pd.DataFrame:
    """One row per film: what was forecast a week and a day before the newest day, what came, and a week from now.

    `frame` holds one row per film and day that came (origin_date missing), and one per film, origin and day that was
    forecast: date_id, origin_date, movie_id, title, popularity. Empty where that day has no figure.
    """
    came = frame["origin_date"].isna()
    newest = frame["date_id"][came].max()
    day = dt.timedelta(days=1)
    wanted = {
        tr("7d ago"): (newest - 7 * day, newest),
        tr("1d ago"): (newest - day, newest),
        tr("came"): (None, newest),
        tr("in 7d"): (newest, newest + 7 * day),
    }
    figures: dict[str, Any] = {}
    for heading, (origin, on) in wanted.items():
        chosen = frame[(frame["date_id"] == on) & (came if origin is None else frame["origin_date"] == origin)]
        figures[heading] = chosen.set_index("movie_id")["popularity"].round(1)
    titles = frame.drop_duplicates("movie_id").set_index("movie_id")["title"]
    named = [ellipsize(title or f"Film {film}", TITLE_WIDTH) for film, title in titles.items()]
    return titles.to_frame(tr("title")).assign(**{tr("title"): named}, **figures).reset_index(drop=True)


def moved_only(frame: pd.DataFrame) -> pd.DataFrame:
    """The films with a known change other than zero: popularity now and a week ago, and the change, also in %."""
    moved = frame.dropna(subset=["change_7d"]).query("change_7d != 0")
    headings = {
        "popularity": mark("now"),
        "popularity_7d_ago": mark("week ago"),
        "change_7d": mark("change"),
        "change_percent_7d": "%",
    }
    titles: list[Any] = [None if title is None else ellipsize(title, TITLE_WIDTH) for title in moved["title"]]
    return columns(title=mark("title"), **headings)(moved.assign(title=titles))
