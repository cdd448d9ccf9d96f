"""The week in ten lines, made of the figures of pictures. Draws nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tmdb_assets.charts.labels import Moved, change_text, format_count, format_measure, format_rating, riser_sentence
from tmdb_assets.charts.registry import DIGEST
from tmdb_assets.charts.theme import SAMPLE_MARK
from tmdb_assets.charts.values import conform_rows, to_number
from tmdb_assets.language import day_text, percent, tr
from tmdb_assets.settings import ATTRIBUTION

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    import pandas as pd

PICTURE = "movers_of_the_week"
"""The picture that goes with the lines."""
READS = DIGEST
"""The pictures of whose figures the lines are made."""
_FEW = 3


def digest_lines(frames: Mapping[str, pd.DataFrame], *, snapshot_date: dt.date, is_sample: bool) -> list[str]:
    """Return at most ten lines on the week to `snapshot_date`; a line without figures is left out.

    `frames` are the results of the queries of `READS`, by name. Raises ValueError for a frame without a column.
    """
    totals = conform_rows(
        frames["key_figures"], numbers=["n_movies", "total_votes", "votes_weighted_vote", "top_200_median"]
    )[0]
    heading = tr("Films on TMDB in the week to {day}", day=day_text(snapshot_date))
    risen, fallen = _moved(frames[PICTURE])
    texts = [
        f"{tr(SAMPLE_MARK)}. {heading}" if is_sample else heading,
        riser_sentence(risen[0]) if risen else "",
        _list(tr("Also rose:"), [_change(film) for film in risen[1 : 1 + _FEW]]),
        _list(tr("Fell most:"), [_change(film) for film in fallen[:_FEW]]),
        _list(tr("On top:"), _named(frames["top_films"], "title", "popularity", format_measure)),
        _list(tr("Genres of the 200 most popular films:"), _named(frames["genre_popularity"], *_SHARE)),
        _list(tr("Rising themes:"), _named(frames["rising_keywords"], *_RISE)),
        _list(tr("People whose films draw most:"), _named(frames["top_people"], "name", "popularity", format_measure)),
        _list(tr("Next:"), _upcoming(frames["release_calendar"], snapshot_date)),
        f"{_totals(totals)} {ATTRIBUTION}",
    ]
    return [text for text in texts if text]


def _totals(totals: dict[str, Any]) -> str:
    return tr(
        "{films} films, {votes} votes, mean rating by votes {rating}, median popularity of the 200 most popular "
        "{popularity}.",
        films=format_count(totals["n_movies"]),
        votes=format_count(totals["total_votes"]),
        rating=format_rating(totals["votes_weighted_vote"]),
        popularity=format_measure(totals["top_200_median"]),
    )


def _percent(value: float | None) -> str:
    return "" if value is None else percent(f"{value:.0f}")


def _rise(value: float | None) -> str:
    return "" if value is None else percent(f"{value:+,.0f}")


_SHARE = ("name", "top_200_percent", _percent)
_RISE = ("name", "change_percent_7d", _rise)


def _moved(frame: pd.DataFrame) -> tuple[list[Moved], list[Moved]]:
    """The films that rose and those that fell, each with the largest change first."""
    rows = conform_rows(frame, numbers=["popularity", "popularity_7d_ago", "change_7d", "movie_id"], texts=["title"])
    films = [
        (row["change_7d"], Moved(_title(row), row["popularity_7d_ago"], row["popularity"]))
        for row in rows
        if row["change_7d"]
    ]
    risen = sorted((film for film in films if film[0] > 0), key=lambda film: -film[0])
    fallen = sorted((film for film in films if film[0] < 0), key=lambda film: film[0])
    return [film for _, film in risen], [film for _, film in fallen]


def _title(row: dict[str, Any]) -> str:
    return row["title"] or f"Film {row['movie_id']:.0f}"


def _change(film: Moved) -> str:
    return f"{film.title} ({change_text(film)})"


def _named(frame: pd.DataFrame, name: str, number: str, shown: Any) -> list[str]:
    rows = frame.head(_FEW).to_dict(orient="records")
    return [f"{tr(row[name])} ({shown(to_number(row[number]))})" for row in rows if row[name]]


def _upcoming(frame: pd.DataFrame, day: dt.date) -> list[str]:
    rows = conform_rows(frame, numbers=["popularity"], texts=["title"], dates=["release_date"])
    coming = [row for row in rows if row["title"] and row["release_date"] > day.isoformat()]
    return [f"{row['title']} ({day_text(row['release_date'])})" for row in coming[:_FEW]]


def _list(heading: str, items: list[str]) -> str:
    return f"{heading} {', '.join(items)}." if items else ""
