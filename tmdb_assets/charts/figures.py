"""The charts: each a pure function from the frame of its view to an Altair chart.

Every chart takes `snapshot_date` (the UTC day the figures are of; None before the first load) and `is_sample`
(whether the sandbox made the figures: the chart then says so). A frame without rows gives a chart that says there is
no data yet. All raise ValueError when the frame lacks a column or holds a value that is not what its column says.

Popularity is TMDb's own score; it has no unit and cannot be compared over years
(https://developer.themoviedb.org/docs/popularity-and-trending).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt

from tmdb_assets.charts.bars import NO_VALUE, Column, Measure, labelled_bars
from tmdb_assets.charts.labels import MISSING, format_count, format_measure, format_rating, label_text
from tmdb_assets.charts.theme import BAR, HEADER_SIZE, QUIET, TILE, WIDTH, Page, at
from tmdb_assets.charts.values import Datum, conform_rows, to_date, to_number, to_text

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

    import pandas as pd

_TILE_GAP = 12
_TILE_HEIGHT = 142
_NAME_WIDTH = 24
_TITLE_WIDTH = 34

_TILES: list[tuple[str, str, Callable[[float | None], str], str]] = [
    ("n_movies", "Films", format_count, "in the snapshot"),
    ("avg_vote", "Mean rating", format_rating, "of 10, over films\nwith votes"),
    ("total_votes", "Votes", format_count, "cast on TMDB,\nall films together"),
    ("avg_popularity", "Mean popularity", format_measure, "TMDB score,\nhas no unit"),
]

_POPULARITY = "Plain mean of the films' TMDB popularity score (no unit)"

_TOP_FILMS = {
    "rank": to_number,
    "movie_id": to_number,
    "title": to_text,
    "release_date": to_date,
    "popularity": to_number,
    "vote_average": to_number,
    "vote_count": to_number,
    "snapshot_date": to_date,
    "votes_date": to_date,
}


def key_figures(frame: pd.DataFrame, *, snapshot_date: dt.date | None, is_sample: bool) -> alt.LayerChart:
    """Return a row of tiles: films, mean rating (0 to 10), votes, mean popularity.

    `frame` holds one row: n_movies, avg_vote, total_votes, avg_popularity; more than one is a ValueError.
    """
    page = Page("Key figures", "All films of the newest loaded day together", snapshot_date, is_sample)
    rows = conform_rows(frame, dict.fromkeys((tile[0] for tile in _TILES), to_number))
    if len(rows) > 1:
        raise ValueError(f"Key figures are one row; the frame has {len(rows)}.")
    if not rows:
        return page.empty()
    tiles: list[Datum] = [
        {"label": label, "value": value, "figure": write(value), "unit": NO_VALUE if value is None else unit}
        for name, label, write, unit in _TILES
        for value in [rows[0][name]]
    ]
    return page.compose(_tile_layers(tiles, page.top), page.top + _TILE_HEIGHT)


def _tile_layers(tiles: list[Datum], top: int) -> list[alt.Chart]:
    width = (WIDTH - _TILE_GAP * (len(tiles) - 1)) / len(tiles)
    placed = [
        {**tile, "left": number * (width + _TILE_GAP), "right": number * (width + _TILE_GAP) + width}
        for number, tile in enumerate(tiles)
    ]
    scale = alt.Scale(domain=[0, WIDTH], range=[0, WIDTH], nice=False)
    base = alt.Chart(alt.InlineData(values=placed)).encode(x=alt.X("left:Q", axis=None, scale=scale))

    def line(name: str, offset: int, **mark: Any) -> alt.Chart:
        text: alt.Chart = base.mark_text(dx=14, **mark)
        return text.encode(**at(y=top + offset), text=alt.Text(f"{name}:N"))

    return [
        base.mark_rect(color=TILE, cornerRadius=6).encode(x2="right:Q", **at(y=top, y2=top + _TILE_HEIGHT)),
        line("label", 24, fontWeight="bold"),
        line("figure", 64, fontSize=36, fontWeight="bold", color=BAR, limit=width - 20),
        line("unit", 102, color=QUIET, fontSize=HEADER_SIZE, lineBreak="\n", lineHeight=19),
    ]


def genre_popularity(frame: pd.DataFrame, *, snapshot_date: dt.date | None, is_sample: bool) -> alt.LayerChart:
    """Return bars of the mean popularity by genre, the highest first, with films and votes beside them.

    `frame` holds the rows of vw_genre_popularity: genre_id, name, avg_popularity, total_votes, nb_movies.
    """
    rows = conform_rows(
        frame,
        {
            "genre_id": to_number,
            "name": to_text,
            "avg_popularity": to_number,
            "total_votes": to_number,
            "nb_movies": to_number,
        },
    )
    for row in rows:
        unnamed = _numbered("Genre", row["genre_id"])
        row |= {
            "label": label_text(row["name"] or f"{unnamed} (no name)", _NAME_WIDTH),
            "label_without_font": f"{unnamed} (no font)",
        }
    page = Page("Mean popularity by genre", _POPULARITY, snapshot_date, is_sample)
    return _group_bars(page, rows, "Genre", n_films="nb_movies")


def continent_popularity(frame: pd.DataFrame, *, snapshot_date: dt.date | None, is_sample: bool) -> alt.LayerChart:
    """Return bars of the mean popularity by continent of production, the highest first, with films and votes.

    `frame` holds the rows of vw_continent_popularity: continent, avg_popularity, n_movies, total_votes.
    """
    rows = conform_rows(
        frame,
        {"continent": to_text, "avg_popularity": to_number, "n_movies": to_number, "total_votes": to_number},
    )
    for row in rows:
        row["label"] = label_text(row["continent"] or "No continent known", _NAME_WIDTH)
    page = Page("Mean popularity by continent of production", _POPULARITY, snapshot_date, is_sample)
    return _group_bars(page, rows, "Continent", n_films="n_movies")


def _group_bars(page: Page, rows: list[Datum], heading: str, n_films: str) -> alt.LayerChart:
    if not rows:
        return page.empty()
    rows = sorted(rows, key=lambda row: (*_descending(row["avg_popularity"]), row["label"]))
    for row in rows:
        row |= {
            "films_label": format_count(row[n_films], full_below=10_000),
            "votes_label": format_count(row["total_votes"], full_below=10_000),
        }
    columns = [
        Column("label", heading, x=0, limit=186),
        Column("films_label", "Films", x=584, align="right"),
        Column("votes_label", "Votes", x=WIDTH, align="right"),
    ]
    measure = Measure("avg_popularity", "Mean popularity", x=196, x2=446)
    return labelled_bars(page, rows, measure, columns, ["label:N", "avg_popularity:Q", f"{n_films}:Q", "total_votes:Q"])


def _numbered(kind: str, number: float | None) -> str:
    return kind if number is None else f"{kind} {number:.0f}"  # an id beside unknown ones comes as a float


def _descending(value: float | None) -> tuple[bool, float]:
    return (value is None, -(value or 0))


def top_films(
    frame: pd.DataFrame, *, snapshot_date: dt.date | None, is_sample: bool, limit: int = 20, group: str | None = None
) -> alt.LayerChart:
    """Return bars of the popularity of the first `limit` films by rank, with title, release year and rating.

    `group` names what they are the top of in the title, like a continent; None: all films.

    `frame` holds the rows of vw_top_movies: rank, movie_id, title, release_date, popularity, vote_average,
    vote_count, snapshot_date, votes_date. A rating older than the snapshot is starred. A limit below 1 is a
    ValueError.
    """
    if limit < 1:
        raise ValueError(f"limit={limit}: at least one film must be shown.")
    ranked = sorted(conform_rows(frame, _TOP_FILMS), key=_by_rank)[:limit]
    rows = [row | _film_labels(row) for row in ranked]
    which = {0: "Top films", 1: "Top film"}.get(len(rows), f"Top {len(rows)} films")
    of_group = f" of {group}" if group else ""
    starred = sorted(row["votes_date"] for row in rows if _is_stale(row))
    notes = [f"* Rating last known on an earlier day, the oldest on {starred[0]}."] if starred else []
    meaning = "TMDB popularity score (no unit); rating: mean vote, 0 to 10"
    page = Page(f"{which}{of_group} by popularity", meaning, snapshot_date, is_sample, notes)
    if not rows:
        return page.empty()
    columns = [
        Column("rank_label", "", x=24, align="right", is_quiet=True),
        Column("label", "Film", x=34, limit=278),
        Column("year_label", "Year", x=352, align="right", is_quiet=True),
        Column("rating_label", "Rating", x=WIDTH - (10 if starred else 0), align="right"),
        Column("star", "", x=WIDTH - 9),
    ]
    measure = Measure("popularity", "Popularity", x=370, x2=530)
    tooltip = ["title:N", "release_date:N", "popularity:Q", "vote_average:Q", "vote_count:Q", "votes_date:N"]
    return labelled_bars(page, rows, measure, columns, tooltip)


def _by_rank(row: Datum) -> tuple[bool, float, float]:
    return (row["rank"] is None, row["rank"] or 0, row["movie_id"] or 0)


def _film_labels(row: Datum) -> Datum:
    film = _numbered("Film", row["movie_id"])
    return {
        "rank_label": format_count(row["rank"]),
        "label": label_text(row["title"] or f"{film} (no title)", _TITLE_WIDTH),
        "label_without_font": f"{film} (no font for its title)",
        "year_label": MISSING if row["release_date"] is None else row["release_date"][:4],
        "rating_label": format_rating(row["vote_average"]),
        "star": "*" if _is_stale(row) else "",
    }


def _is_stale(row: Datum) -> bool:
    known = None not in (row["vote_average"], row["votes_date"], row["snapshot_date"])
    return known and row["votes_date"] < row["snapshot_date"]
