"""Sentences made of a day's figures. Imports neither pandas nor Altair."""

from __future__ import annotations

from dataclasses import dataclass

from tmdb_assets.charts.labels import format_measure

PERCENT_FLOOR = 5.0
"""A change is given in percent too where the figure before was at least this, the floor of `vw_trending_movies`."""
POPULARITY_MEANING = (
    "Popularity is TMDb's daily score of how much attention a film gets there, without unit; compare films and days by "
    "it, not with other sources."
)


@dataclass(frozen=True)
class Moved:
    """A film's popularity a week before and now."""

    title: str
    before: float
    now: float


def percent_text(before: float, now: float) -> str:
    """A change in percent with its sign, "" where the figure before is below the floor."""
    if before < PERCENT_FLOOR:
        return ""
    return f"{100 * (now - before) / before:+,.0f}%".replace("-", "\N{MINUS SIGN}")


def riser_sentence(film: Moved | None) -> str:
    """The film that rose most this week, in one sentence; "" where none did."""
    if film is None or film.now <= film.before:
        return ""
    percent = percent_text(film.before, film.now)
    figures = f"{format_measure(film.before)} to {format_measure(film.now)}"
    return f"{film.title} rose most this week: {figures}{f', {percent}' if percent else ''}."
