"""The charts of the newest day.

Like all charts, they take the frame that the picture's query returns, `snapshot_date` (the UTC day of the figures;
None before the first load) and `is_sample` (the sandbox made the figures: the chart then says so). A frame without
rows gives a chart that says there is no data yet. All raise ValueError when the frame lacks a column, or when a value
is not of its column's kind.

Popularity is TMDb's own score; it has no unit and cannot be compared over years
(https://developer.themoviedb.org/docs/popularity-and-trending).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt

from tmdb_assets.charts.bars import NO_VALUE, Column, Measure, table_of_bars
from tmdb_assets.charts.labels import MISSING, format_count, format_measure, format_rating, label_text, name_labels
from tmdb_assets.charts.theme import BAR, HEADER_SIZE, QUIET, TILE, WIDTH, Page
from tmdb_assets.charts.values import Datum, conform_rows
from tmdb_assets.language import day_text, mark, tr, trn

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

    import pandas as pd

_TILE_HEIGHT = 142
_NAME_WIDTH = 24
_TITLE_WIDTH = 34

_TILES: list[tuple[str, str, Callable[[float | None], str], str]] = [
    ("n_movies", mark("Films"), format_count, mark("in the snapshot")),
    ("votes_weighted_vote", mark("Weighted rating"), format_rating, mark("of 10, by votes;\nplain mean: {plain}")),
    ("total_votes", mark("Votes"), format_count, mark("cast on TMDB,\nall films together")),
    ("top_200_median", mark("Median popularity"), format_measure, mark("TMDB score, of the\n200 most popular")),
]

_TOP_SHARE = mark("Share of the popularity (TMDB score) of the day's 200 most popular films, in %")
_SCOPE = mark("Median, films and votes are those of all loaded films; the shares are the same however many are loaded.")


def key_figures(frame: pd.DataFrame, *, snapshot_date: dt.date | None, is_sample: bool) -> alt.VConcatChart:
    """Return a row of tiles: films, mean rating (0 to 10; weighted and plain), votes, median popularity of the top 200.

    `frame` holds one row: n_movies, avg_vote, votes_weighted_vote, total_votes, top_200_median. Raises `ValueError` for
    more.
    """
    page = Page(tr("Key figures"), tr("All films of the newest loaded day together"), snapshot_date, is_sample)
    rows = conform_rows(frame, numbers=["avg_vote", *(name for name, *_ in _TILES)])
    if len(rows) > 1:
        raise ValueError(f"Key figures are one row; the frame has {len(rows)}.")
    if not rows:
        return page.empty()
    plain = format_rating(rows[0]["avg_vote"])
    tiles = [
        {
            "label": tr(label),
            "value": value,
            "figure": write(value),
            "unit": tr(NO_VALUE) if value is None else tr(unit, plain=plain),
        }
        for name, label, write, unit in _TILES
        for value in [rows[0][name]]
    ]
    return page.compose(tiles, _row_of_tiles())


def _row_of_tiles() -> alt.LayerChart:
    base = alt.Chart()
    place = alt.X("label:N", axis=None, sort=None, scale=alt.Scale(type="band", paddingInner=0.07, paddingOuter=0))
    left = alt.X("label:N", bandPosition=0, sort=None)

    def line(name: str, y: int, **mark: Any) -> alt.Chart:
        text: alt.Chart = base.mark_text(dx=14, **mark)
        return text.encode(x=left, y=alt.YValue(y), text=alt.Text(f"{name}:N"))

    layers = [
        base.mark_rect(color=TILE, cornerRadius=6).encode(x=place),
        line("label", 24, fontWeight="bold"),
        line("figure", 64, fontSize=36, fontWeight="bold", color=BAR, limit=140),
        line("unit", 102, color=QUIET, fontSize=HEADER_SIZE, lineBreak="\n", lineHeight=19),
    ]
    return alt.LayerChart(layer=layers, width=WIDTH, height=_TILE_HEIGHT)


def genre_popularity(frame: pd.DataFrame, *, snapshot_date: dt.date | None, is_sample: bool) -> alt.VConcatChart:
    """Return bars of each genre's share of the top 200's popularity, the largest first, with median, films and votes.

    `frame` holds a row per genre: genre_id, name, top_200_percent, median_popularity, total_votes, nb_movies.
    """
    numbers = ["genre_id", "top_200_percent", "median_popularity", "total_votes", "nb_movies"]
    rows = conform_rows(frame, numbers=numbers, texts=["name"])
    rows = [row | name_labels(mark("Genre"), row["genre_id"], tr(row["name"] or ""), _NAME_WIDTH) for row in rows]
    notes = [tr("A film counts in each of its genres."), tr(_SCOPE)]
    page = Page(tr("Popularity by genre"), tr(_TOP_SHARE), snapshot_date, is_sample, notes)
    return _group_bars(page, rows, tr("Genre"), n_films="nb_movies")


def continent_popularity(frame: pd.DataFrame, *, snapshot_date: dt.date | None, is_sample: bool) -> alt.VConcatChart:
    """Return the bars of `genre_popularity` by continent of production.

    `frame` holds a row per continent: continent, top_200_percent, median_popularity, n_movies, total_votes.
    """
    numbers = ["top_200_percent", "median_popularity", "n_movies", "total_votes"]
    rows = conform_rows(frame, numbers=numbers, texts=["continent"])
    for row in rows:
        row["label"] = label_text(tr(row["continent"] or _NO_CONTINENT), _NAME_WIDTH)
    notes = [tr("A film counts on each continent of its production countries."), tr(_SCOPE)]
    page = Page(tr("Popularity by continent of production"), tr(_TOP_SHARE), snapshot_date, is_sample, notes)
    return _group_bars(page, rows, tr("Continent of production"), n_films="n_movies")


_NO_CONTINENT = mark("No continent known")


def _group_bars(page: Page, rows: list[Datum], heading: str, n_films: str) -> alt.VConcatChart:
    if not rows:
        return page.empty()
    rows.sort(key=lambda row: (*_descending(row["top_200_percent"]), *_descending(row[n_films]), row["label"]))
    for row in rows:
        row |= {
            "films_label": format_count(row[n_films], full_below=10_000),
            "votes_label": format_count(row["total_votes"], full_below=10_000),
            "median_label": format_measure(row["median_popularity"]),
        }
    shown = [
        Column("label", heading, 196),
        Measure("top_200_percent", tr("Share of the top 200, %"), 262),
        Column("median_label", tr("Median"), 70, is_right=True, gap=0),
        Column("films_label", tr("Films"), 62, is_right=True, gap=0),
        Column("votes_label", tr("Votes"), 78, is_right=True, gap=0),
    ]
    tooltip = ["label:N", "top_200_percent:Q", "median_popularity:Q", f"{n_films}:Q", "total_votes:Q"]
    return table_of_bars(page, rows, shown, tooltip)


def _descending(value: float | None) -> tuple[bool, float]:
    return (value is None, -(value or 0))


def top_films(
    frame: pd.DataFrame, *, snapshot_date: dt.date | None, is_sample: bool, limit: int = 20, group: str | None = None
) -> alt.VConcatChart:
    """Return bars of the popularity of the first `limit` films by rank, with title, release year and rating.

    `group` is what they have in common, for the title, like "produced in Europe"; None: nothing.

    `frame` holds the rows of vw_top_movies: rank, movie_id, title, release_date, popularity, vote_average,
    vote_count, snapshot_date, votes_date. A rating older than the snapshot is starred. Raises
    `ValueError` for a limit below 1.
    """
    if limit < 1:
        raise ValueError(f"limit={limit}: at least one film must be shown.")
    films = conform_rows(
        frame,
        numbers=["rank", "movie_id", "popularity", "vote_average", "vote_count"],
        texts=["title"],
        dates=["release_date", "snapshot_date", "votes_date"],
    )
    rows = [row | _film_labels(row) for row in sorted(films, key=_by_rank)[:limit]]
    starred = sorted(row["votes_date"] for row in rows if _is_stale(row))
    notes = []
    if starred:
        notes = [tr("* Rating last known on an earlier day, the oldest on {day}.", day=day_text(starred[0]))]
    meaning = tr("TMDB popularity score (no unit); rating: mean vote, 0 to 10")
    page = Page(_title_of(len(rows), group), meaning, snapshot_date, is_sample, notes)
    if not rows:
        return page.empty()
    shown = [
        Column("rank_label", "", 34, is_right=True, is_quiet=True),
        Column("label", tr("Film"), 284),
        Column("year_label", tr("Year"), 52, is_quiet=True),
        Measure("popularity", tr("Popularity"), 230),
        Column("rating_label", tr("Rating"), 58, is_right=True, gap=0),
        Column("star", "", 10, gap=0),
    ]
    tooltip = ["title:N", "release_date:N", "popularity:Q", "vote_average:Q", "vote_count:Q", "votes_date:N"]
    return table_of_bars(page, rows, shown, tooltip)


def _title_of(films: int, group: str | None) -> str:
    if not films:
        return tr("Top films by popularity")
    if group is None:
        return trn("Top film by popularity", "Top {films} films by popularity", films, films=films)
    return trn(
        "Top film {group} by popularity", "Top {films} films {group} by popularity", films, films=films, group=group
    )


def _by_rank(row: Datum) -> tuple[bool, float, float]:
    return (row["rank"] is None, row["rank"] or 0, row["movie_id"] or 0)


def _film_labels(row: Datum) -> Datum:
    return {
        **name_labels("Film", row["movie_id"], row["title"], _TITLE_WIDTH),
        "rank_label": format_count(row["rank"]),
        "year_label": MISSING if row["release_date"] is None else row["release_date"][:4],
        "rating_label": format_rating(row["vote_average"]),
        "star": "*" if _is_stale(row) else "",
    }


def _is_stale(row: Datum) -> bool:
    known = None not in (row["vote_average"], row["votes_date"], row["snapshot_date"])
    return known and row["votes_date"] < row["snapshot_date"]
