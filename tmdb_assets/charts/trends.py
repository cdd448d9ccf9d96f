"""The charts over time: popularity of the top films, genre shares among them, and the biggest moves in a week.

The arguments are those of `figures.py`. When only one day is loaded, the charts say that there is no history yet, and
how to load some.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from tmdb_assets.charts.bars import Column, Measure, table_of_bars
from tmdb_assets.charts.direct_labels import LABEL_COLUMNS
from tmdb_assets.charts.labels import MISSING, format_count, format_measure, name_labels
from tmdb_assets.charts.lines import COLOURS, HISTORY_ADVICE, NO_HISTORY, Line, labelled_lines
from tmdb_assets.charts.theme import Page
from tmdb_assets.charts.values import Datum, conform_rows
from tmdb_assets.language import day_text, localised, mark, percent, tr, trn

if TYPE_CHECKING:
    from collections.abc import Sequence

    import altair as alt
    import pandas as pd

TOP_FILMS = len(COLOURS)
MOVERS = 10
MINUS = "\u2212"
WEEK = dt.timedelta(days=7)

_NO_GENRES = mark("No film of a loaded day has a known genre.")
_SCORE = mark("TMDB popularity score (no unit)")
_TITLE_WIDTH = 32


def popularity_over_time(
    frame: pd.DataFrame, *, snapshot_date: dt.date | None, is_sample: bool, is_chosen: bool = False
) -> alt.VConcatChart:
    """Return a line for each of the first 8 films by their newest popularity, labelled at its end.

    `frame` holds one row per film and day: date_id, movie_id, title, popularity, and step_days when only every
    `step_days`-th day was read. A read day without a figure is a gap in the film's line. Two rows for the same film and
    day are a ValueError. `is_chosen`: the reader chose the films, so the title does not call them the top ones.
    """
    number = len(set(frame["movie_id"][frame["popularity"].notna()])) if len(frame) else 0
    title = _title_of(min(number, TOP_FILMS), is_chosen)
    return lines_of_films(frame, title, snapshot_date=snapshot_date, is_sample=is_sample)


def lines_of_films(
    frame: pd.DataFrame, title: str, *, snapshot_date: dt.date | None, is_sample: bool
) -> alt.VConcatChart:
    """Return the lines of `popularity_over_time` under a title."""
    numbers, required = ["movie_id", "popularity"], ["date_id", "movie_id"]
    points = conform_rows(frame, numbers=numbers, texts=["title"], dates=["date_id"], required=required)
    rows = [point for point in points if point["popularity"] is not None]
    if not rows:
        return Page(title, tr(_SCORE), snapshot_date, is_sample).empty()
    step = int(frame["step_days"].max()) if "step_days" in frame else 1
    days = _days_between(rows, step)
    lines = [_film_line(film, days) for film in _top_films(rows, days)]
    has_gaps = any(value is None for line in lines for value in line.values.values())
    notes = [tr("A gap in a line is a day without a figure.")] if has_gaps else []
    notes += [tr("One day in {step} is shown.", step=step)] if step > 1 else []
    return labelled_lines(Page(title, _since(tr(_SCORE), days), snapshot_date, is_sample, notes), lines)


def genre_shares(frame: pd.DataFrame, *, snapshot_date: dt.date | None, is_sample: bool) -> alt.VConcatChart:
    """Return a line for each of the 8 genres with the largest share on the newest day, labelled at its end.

    `frame` holds one row per genre and sampled day: date_id, genre_id, name, film_share (0 to 1). A genre without a row
    on a day has a share of 0. Two rows for the same genre and day are a ValueError. The chart says so when a loaded day
    has no genres.
    """
    numbers, required = ["genre_id", "film_share"], ["date_id", "genre_id"]
    rows = conform_rows(frame, numbers=numbers, texts=["name"], dates=["date_id"], required=required)
    meaning, title = tr("Films of the genre among the day's 200 most popular, in %"), tr("Genre shares over time")
    if not rows:
        page = Page(title, meaning, snapshot_date, is_sample)
        return page.empty(tr("No genres"), tr(_NO_GENRES))
    days = sorted({row["date_id"] for row in rows})
    notes = [tr("A film counts in each of its present genres; a dot is a day that was read.")]
    page = Page(title, _since(meaning, days), snapshot_date, is_sample, notes)
    return labelled_lines(page, _genre_lines(rows, days), unit=percent(""))


def _genre_lines(rows: Sequence[Datum], days: Sequence[str]) -> list[Line]:
    genres = _by_day(rows, "genre_id", "Genre")

    def share(genre: float, day: str) -> float:
        return 100 * (genres[genre].get(day, {}).get("film_share") or 0)

    largest = sorted(genres, key=lambda genre: (-share(genre, days[-1]), genre))[: len(COLOURS)]
    lines = []
    for genre in largest:
        name = tr(next(iter(genres[genre].values()))["name"] or "")
        labels = name_labels(mark("Genre"), genre, name, LABEL_COLUMNS - 5)
        labels["label"] = f"{percent(format(share(genre, days[-1]), '.0f'))} {labels['label']}"
        shares = {day: round(share(genre, day), 2) for day in days}
        lines.append(Line(name, labels, shares, has_dots=True))
    return lines


def _title_of(films: int, is_chosen: bool) -> str:
    if not films:
        return tr("Popularity of the top films")
    if is_chosen:
        return trn("Popularity of a chosen film", "Popularity of {films} chosen films", films, films=films)
    return trn("Popularity of the top film", "Popularity of the top {films} films", films, films=films)


def _since(meaning: str, days: Sequence[str]) -> str:
    if len(days) == 1:
        return meaning
    first, last = day_text(days[0]), day_text(days[-1])
    return tr("{meaning}, {first} to {last}", meaning=meaning, first=first, last=last)


def _days_between(rows: Sequence[Datum], step: int) -> list[str]:
    """Every `step`-th day from the first to the last of the rows, which is included."""
    first, last = (dt.date.fromisoformat(pick(row["date_id"] for row in rows)) for pick in (min, max))
    agos = range((last - first).days // step, -1, -1)
    return [(last - dt.timedelta(days=step * ago)).isoformat() for ago in agos]


def _by_day(rows: Sequence[Datum], key: str, kind: str) -> dict[float, dict[str, Datum]]:
    """The rows of each film or genre by day."""
    found: dict[float, dict[str, Datum]] = {}
    for row in rows:
        days = found.setdefault(row[key], {})
        if row["date_id"] in days:
            raise ValueError(f"{kind} {row[key]:.0f} has two rows of {row['date_id']}.")
        days[row["date_id"]] = row
    return found


def _top_films(rows: Sequence[Datum], days: Sequence[str]) -> list[dict[str, Datum]]:
    """The rows of each film by day, ordered by popularity on the newest day; films that are not on it come last."""
    films = _by_day(rows, "movie_id", "Film")

    def place(movie_id: float) -> tuple[int, float, float]:
        newest = max(films[movie_id])
        return (-days.index(newest), -films[movie_id][newest]["popularity"], movie_id)

    return [films[movie_id] for movie_id in sorted(films, key=place)[:TOP_FILMS]]


def _film_line(film: dict[str, Datum], days: Sequence[str]) -> Line:
    """A film's line over all days; a day without a row is a gap."""
    named = film[max(film)]
    labels = name_labels("Film", named["movie_id"], named["title"], LABEL_COLUMNS)
    return Line(named["title"], labels, {day: film[day]["popularity"] if day in film else None for day in days})


def movers_of_the_week(
    frame: pd.DataFrame, *, snapshot_date: dt.date | None, is_sample: bool, limit: int = MOVERS
) -> alt.VConcatChart:
    """Return bars of the biggest rises and falls of popularity over 7 days, at most `limit` of each.

    `frame` holds rows of vw_trending_movies: movie_id, title, popularity, change_7d, change_percent_7d. Films whose
    change is unknown or zero are left out; when it is unknown for all, the chart says that there is no history yet.
    Raises `ValueError` for a limit below 1.
    """
    if limit < 1:
        raise ValueError(f"limit={limit}: at least one film must be shown.")
    rows = conform_rows(frame, numbers=["movie_id", "popularity", "change_7d", "change_percent_7d"], texts=["title"])
    week = tr("Change of the TMDB popularity score (no unit) in 7 days")
    if snapshot_date is not None:
        week = tr("{meaning}, since {day}", meaning=week, day=day_text(snapshot_date - WEEK))
    page = Page(tr("Movers of the week"), week, snapshot_date, is_sample)
    if not rows:
        return page.empty()
    if all(row["change_7d"] is None for row in rows):
        lacking = tr("Nothing of a week ago is loaded.")
        if snapshot_date is not None:
            lacking = tr("Nothing of {day} is loaded.", day=day_text(snapshot_date - WEEK))
        return page.notice(tr(NO_HISTORY), lacking, *map(tr, HISTORY_ADVICE))
    ordered = sorted(
        (row for row in rows if row["change_7d"]), key=lambda row: (-row["change_7d"], row["movie_id"] or 0)
    )
    rises = [row for row in ordered if row["change_7d"] > 0][:limit]
    falls = [row for row in ordered if row["change_7d"] < 0][-limit:]
    if not rises + falls:
        return page.notice(tr("Nothing moved"), tr("Every film is as popular as it was a week ago."))
    shown = [
        Column("label", tr("Film"), 276),
        Measure("change_7d", tr("Change in 7 days"), 230, write=_format_change),
        Column("percent_label", tr("In %"), 70, is_right=True, gap=0),
        Column("popularity_label", tr("Popularity"), 92, is_right=True, gap=0, is_quiet=True),
    ]
    rows = [
        row
        | name_labels("Film", row["movie_id"], row["title"], _TITLE_WIDTH)
        | {"popularity_label": format_measure(row["popularity"]), "percent_label": _percent(row["change_percent_7d"])}
        for row in (*rises, *falls)
    ]
    return table_of_bars(page, rows, shown, ["title:N", "change_7d:Q", "change_percent_7d:Q", "popularity:Q"])


def _percent(change: float | None) -> str:
    if change is None:
        return MISSING
    size = abs(change)
    written = format_count(size) if size >= 9.95 else localised(f"{size:.1f}")
    return tr("{number}%", number=("+" if change > 0 else MINUS) + written)


def _format_change(change: float) -> str:
    size = abs(change)
    return ("+" if change > 0 else MINUS) + (format_measure(size) if size >= 0.05 else localised(f"{size:.1g}"))
