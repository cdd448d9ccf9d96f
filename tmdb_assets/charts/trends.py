"""The charts over time: popularity of the top films, shares of genres among them, and what moved most in a week.

All take `snapshot_date` and `is_sample` like the charts of `figures.py`. Where only one day is loaded they say that
there is no history yet, and how to get one.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import altair as alt

from tmdb_assets.charts.bars import ROW_HEIGHT
from tmdb_assets.charts.labels import format_measure, label_text
from tmdb_assets.charts.lines import COLOURS, LABEL_WIDTH, NO_HISTORY, labelled_lines
from tmdb_assets.charts.notice import notice
from tmdb_assets.charts.theme import BAR, FALL, HEADER_SIZE, LINE, QUIET, WIDTH, Page, at, text_at
from tmdb_assets.charts.values import Datum, conform_rows, to_date, to_number, to_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

TOP_FILMS = len(COLOURS)
MOVERS = 10
WEEK = dt.timedelta(days=7)
HISTORY_ADVICE = ("It grows with each daily load.", "To fill earlier days now:", "tmdb-assets backfill")

_NO_GENRES = "Of no film of a loaded day a genre is known."
_SCORE = "TMDB popularity score (no unit)"
_TITLE_WIDTH = 32
_BARS_LEFT = 330
_BARS_RIGHT = 520
_BAR_HEIGHT = 20
_HEADER_HEIGHT = 26


def popularity_over_time(
    frame: pd.DataFrame, *, snapshot_date: dt.date | None, is_sample: bool, is_chosen: bool = False
) -> alt.LayerChart:
    """Return a line for each of the first 8 films by their newest popularity, labelled at its end.

    `frame` holds one row a film and day: date_id, movie_id, title, popularity, and step_days where not every day was
    read (every so manieth). A read day without a figure is a gap in the film's line. Two rows of one film and day are a
    ValueError. `is_chosen`: the films are a reader's choice, and the title does not call them the top ones.
    """
    columns = {"date_id": _given(to_date), "movie_id": _given(to_number), "title": to_text, "popularity": to_number}
    rows = [row for row in conform_rows(frame, columns) if row["popularity"] is not None]
    if not rows:
        return Page("Popularity of the top films", _SCORE, snapshot_date, is_sample).empty()
    step = int(frame["step_days"].max()) if "step_days" in frame else 1
    days = _days_between(rows, step)
    films = _top_films(rows, days)
    points = [point for number, film in enumerate(films) for point in _points(film, number, days)]
    has_gaps = any(point["value"] is None for point in points)
    notes = ["Where a line is missing, there is no figure of that day."] if has_gaps else []
    notes += [f"Every {step} days are shown."] if step > 1 else []
    which = _which(len(films), is_chosen)
    since = "" if len(days) == 1 else f", {days[0]} to {days[-1]}"
    page = Page(f"Popularity of {which}", _SCORE + since, snapshot_date, is_sample, notes)
    return labelled_lines(page, points, days, HISTORY_ADVICE)


def genre_shares(frame: pd.DataFrame, *, snapshot_date: dt.date | None, is_sample: bool) -> alt.LayerChart:
    """Return a line for each of the 8 genres with the largest share on the newest day, labelled at its end.

    `frame` holds one row a genre and sampled day: date_id, genre_id, name, film_share (0 to 1). A genre without a row
    of a day has no film on it: its share is 0. Two rows of one genre and day are a ValueError.
    Where no genre of a loaded day is known, the chart says so.
    """
    columns = {"date_id": _given(to_date), "genre_id": _given(to_number), "name": to_text, "film_share": to_number}
    rows = conform_rows(frame, columns)
    meaning = "Films of the genre among the day's 200 most popular, in %"
    if not rows:
        page = Page("Genre shares over time", meaning, snapshot_date, is_sample)
        return page.empty() if snapshot_date is None else notice(page, "No genres", _NO_GENRES)
    days = _days_between(rows)
    since = "" if len(days) == 1 else f", {days[0]} to {days[-1]}"
    notes = ["A film counts in each of its genres, as known today; a dot is a day that was read."]
    page = Page("Genre shares over time", meaning + since, snapshot_date, is_sample, notes)
    return labelled_lines(page, _share_points(rows, days), days, HISTORY_ADVICE, unit="%")


def _share_points(rows: Sequence[Datum], days: Sequence[str]) -> list[Datum]:
    shares: dict[float, dict[str, float]] = {}
    for row in rows:
        by_day = shares.setdefault(row["genre_id"], {})
        if row["date_id"] in by_day:
            raise ValueError(f"Genre {row['genre_id']:.0f} has two rows of {row['date_id']}.")
        by_day[row["date_id"]] = 100 * (row["film_share"] or 0)
    names = {row["genre_id"]: row["name"] for row in rows}
    sampled = sorted({row["date_id"] for row in rows})
    newest = sampled[-1]
    largest = sorted(shares, key=lambda genre: (-shares[genre].get(newest, 0), genre))[: len(COLOURS)]
    places = {day: position for position, day in enumerate(days)}
    points = []
    for number, genre in enumerate(largest):
        unnamed = f"Genre {genre:.0f}"
        same = {
            "line": number,
            "title": names[genre],
            "label": f"{shares[genre].get(newest, 0):.0f}% {label_text(names[genre] or unnamed, LABEL_WIDTH - 5)}",
            "label_without_font": f"{unnamed} (no font)",
        }
        points += [
            {
                **same,
                "date": day,
                "day": places[day],
                "value": round(shares[genre].get(day, 0), 2),
                "is_dot": True,
                "is_newest": day == newest,
            }
            for day in sampled
        ]
    return points


def _which(number: int, is_chosen: bool) -> str:
    if is_chosen:
        return "a chosen film" if number == 1 else f"{number} chosen films"
    return "the top film" if number == 1 else f"the top {number} films"


def _given(conform: Any) -> Any:
    def conformed(value: Any) -> Any:
        made = conform(value)
        if made is None:
            raise ValueError("a value is missing")
        return made

    return conformed


def _days_between(rows: Sequence[Datum], step: int = 1) -> list[str]:
    """The days from the first to the last of the rows, every so manieth, the last included."""
    first, last = (dt.date.fromisoformat(pick(row["date_id"] for row in rows)) for pick in (min, max))
    agos = range((last - first).days // step, -1, -1)
    return [(last - dt.timedelta(days=step * ago)).isoformat() for ago in agos]


def _top_films(rows: Sequence[Datum], days: Sequence[str]) -> list[dict[str, Datum]]:
    """The rows of each film by day; the films by popularity on the newest day, those without one last."""
    films: dict[float, dict[str, Datum]] = {}
    for row in rows:
        film = films.setdefault(row["movie_id"], {})
        if row["date_id"] in film:
            raise ValueError(f"Film {row['movie_id']:.0f} has two rows of {row['date_id']}.")
        film[row["date_id"]] = row

    def place(movie_id: float) -> tuple[int, float, float]:
        newest = max(films[movie_id])
        return (-days.index(newest), -films[movie_id][newest]["popularity"], movie_id)

    return [films[movie_id] for movie_id in sorted(films, key=place)[:TOP_FILMS]]


def _points(film: dict[str, Datum], number: int, days: Sequence[str]) -> list[Datum]:
    """A point for every day of a film: None breaks the line where a day is missing."""
    newest = max(film)
    named = film[newest]
    title, unnamed = named["title"], f"Film {named['movie_id']:.0f}"
    same: Datum = {
        "line": number,
        "title": title,
        "label": label_text(title or f"{unnamed} (no title)", LABEL_WIDTH),
        "label_without_font": f"{unnamed} (no font)",
    }
    known = [False, *(day in film for day in days), False]
    return [
        {
            **same,
            "date": day,
            "day": position,
            "value": film[day]["popularity"] if day in film else None,
            # A line needs two days: one between gaps would not show without a dot.
            "is_dot": day == newest or known[position : position + 3] == [False, True, False],
            "is_newest": day == newest,
        }
        for position, day in enumerate(days)
    ]


def movers_of_the_week(
    frame: pd.DataFrame, *, snapshot_date: dt.date | None, is_sample: bool, limit: int = MOVERS
) -> alt.LayerChart:
    """Return bars of the biggest rises and falls of popularity over 7 days, at most `limit` of each.

    `frame` holds rows of vw_trending_movies: movie_id, title, popularity, change_7d. Films whose change is unknown or
    zero are left out; where it is unknown for all, the chart says that there is no history yet. A limit below 1 is a
    ValueError.
    """
    if limit < 1:
        raise ValueError(f"limit={limit}: at least one film must be shown.")
    columns = {"movie_id": to_number, "title": to_text, "popularity": to_number, "change_7d": to_number}
    rows = conform_rows(frame, columns)
    week = "Change of the TMDB popularity score (no unit) in 7 days"
    if snapshot_date is not None:
        week += f", since {snapshot_date - WEEK}"
    page = Page("Movers of the week", week, snapshot_date, is_sample)
    if not rows:
        return page.empty()
    if all(row["change_7d"] is None for row in rows):
        since = "of a week ago" if snapshot_date is None else f"of {snapshot_date - WEEK}"
        return notice(page, NO_HISTORY, f"Nothing {since} is loaded.", *HISTORY_ADVICE)
    ordered = sorted(
        (row for row in rows if row["change_7d"]), key=lambda row: (-row["change_7d"], row["movie_id"] or 0)
    )
    rises = [row for row in ordered if row["change_7d"] > 0][:limit]
    falls = [row for row in ordered if row["change_7d"] < 0][-limit:]
    if not rises + falls:
        return notice(page, "Nothing moved", "Every film is as popular as it was a week before.")
    return _diverging_bars(page, [*rises, *falls])


def _diverging_bars(page: Page, rows: list[Datum]) -> alt.LayerChart:
    labelled = [{**row, "row": position, **_mover_labels(row)} for position, row in enumerate(rows)]
    top = page.top + _HEADER_HEIGHT
    bottom = top + ROW_HEIGHT * len(rows)
    y_scale = alt.Scale(type="band", domain=list(range(len(rows))), range=[top, bottom], padding=0)
    lowest = min(0, *(row["change_7d"] for row in rows))
    highest = max(0, *(row["change_7d"] for row in rows))
    x_scale = alt.Scale(domain=[lowest, highest], range=[_BARS_LEFT, _BARS_RIGHT], nice=False)
    zero = _BARS_LEFT + (_BARS_RIGHT - _BARS_LEFT) * -lowest / (highest - lowest)
    base = alt.Chart(alt.InlineData(values=labelled)).encode(y=alt.Y("row:O", axis=None, scale=y_scale))
    bars = base.encode(x=alt.X("change_7d:Q", axis=None, scale=x_scale))
    value = alt.Text("change_label:N")
    tooltip = [alt.Tooltip(name) for name in ("title:N", "change_7d:Q", "popularity:Q")]
    colour = alt.Color("is_rise:N", legend=None, scale=alt.Scale(domain=[True, False], range=[BAR, FALL]))
    layers = [
        _heading("Film", 0, top, "left"),
        _heading("Change in 7 days", zero, top, "center"),
        _heading("Popularity", WIDTH, top, "right"),
        base.mark_rule(color=LINE, yOffset=-ROW_HEIGHT / 2).encode(**at(x=1, x2=WIDTH - 1)),
        bars.mark_bar(height=_BAR_HEIGHT, cornerRadiusEnd=2).encode(color=colour, tooltip=tooltip),
        bars.transform_filter("datum.is_rise").mark_text(dx=7).encode(text=value),
        bars.transform_filter("!datum.is_rise").mark_text(dx=-7, align="right").encode(text=value),
        base.mark_text(limit=_BARS_LEFT - 76).encode(text=alt.Text("label:N"), **at(x=0)),
        base.mark_text(align="right", color=QUIET).encode(text=alt.Text("popularity_label:N"), **at(x=WIDTH)),
        alt.Chart(alt.InlineData(values=[{}])).mark_rule(color=QUIET).encode(**at(x=zero, y=top, y2=bottom)),
    ]
    return page.compose(layers, bottom)


def _heading(text: str, x: float, top: int, align: str) -> alt.Chart:
    mark = {"align": align, "color": QUIET, "fontSize": HEADER_SIZE, "fontWeight": "bold"}
    return text_at([{"heading": text}], "heading", x=x, y=top - _HEADER_HEIGHT / 2, **mark)


def _mover_labels(row: Datum) -> Datum:
    film = "Film" if row["movie_id"] is None else f"Film {row['movie_id']:.0f}"
    change = row["change_7d"]
    return {
        "label": label_text(row["title"] or f"{film} (no title)", _TITLE_WIDTH),
        "label_without_font": f"{film} (no font for its title)",
        "popularity_label": format_measure(row["popularity"]),
        "change_label": ("+" if change > 0 else "\u2212") + _size(abs(change)),
        "is_rise": change > 0,
    }


def _size(change: float) -> str:
    return format_measure(change) if change >= 0.05 else f"{change:.1g}"
