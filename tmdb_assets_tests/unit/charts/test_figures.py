"""The figures in the pictures of the newest day: their order, their text, and what is unknown."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import vl_convert

from tmdb_assets.charts.values import to_date
from tmdb_assets_tests.cases.chart_frames import (
    AWKWARD_TITLES,
    DAY,
    continent_frame,
    film_frame,
    genre_frame,
    key_frame,
)
from tmdb_assets_tests.unit.charts.drawn import draw, encodings, rows_of, texts_of


def test_key_figures_are_four_tiles_with_units():
    spec = draw("key_figures", key_frame())
    tiles = rows_of(spec, "figure")
    assert [(tile["label"], tile["value"], tile["figure"]) for tile in tiles] == [
        ("Films", 2000, "2,000"),
        ("Weighted rating", 6.534, "6.5"),
        ("Votes", 123_456_789, "123M"),
        ("Median popularity", 23.45, "23.4"),
    ]
    assert [tile["unit"].split("\n")[0] for tile in tiles] == [
        "in the snapshot",
        "of 10, by votes;",
        "cast on TMDB,",
        "TMDB score, of the",
    ]
    assert tiles[1]["unit"].endswith("plain mean: 6.0")


def test_unknown_key_figures_are_shown_as_missing_and_two_rows_are_refused():
    frame = key_frame(
        n_movies=0, avg_vote=None, votes_weighted_vote=None, total_votes=pd.NA, top_200_median=Decimal("NaN")
    )
    tiles = rows_of(draw("key_figures", frame), "figure")
    assert [(tile["figure"], tile["unit"]) for tile in tiles] == [("0", "in the snapshot"), *[("–", "no data")] * 3]
    with pytest.raises(ValueError, match="Key figures are one row; the frame has 2"):
        draw("key_figures", pd.concat([key_frame(), key_frame()]))


def test_genres_are_sorted_bars_of_their_share_with_median_films_and_votes():
    spec = draw("genre_popularity", genre_frame().assign(total_votes=[np.nan, 36_333, 5_300_000]))
    rows = rows_of(spec, "films_label")
    shown = [
        (r["row"], r["label"], r["value_label"], r["median_label"], r["films_label"], r["votes_label"]) for r in rows
    ]
    assert shown == [
        (0, "Genre 3", "3.0", "1.5", "30", "5.3M"),
        (1, "Genre 2", "2.0", "1.0", "20", "36.3K"),
        (2, "Genre 1", "1.0", "0.5", "10", "–"),
    ]
    (bar,) = encodings(spec, "bar")
    assert (bar["x"]["field"], bar["y"]["field"]) == ("top_200_percent", "row")
    assert bar["x"]["scale"]["domain"][0] == 0
    assert {"Genre", "Share of the top 200, %", "Median", "Films", "Votes"} <= set(texts_of(spec))


def test_equal_names_keep_their_own_bars():
    spec = draw("genre_popularity", genre_frame(30).assign(name="Drama", top_200_percent=1.0))
    assert [row["row"] for row in rows_of(spec, "films_label")] == list(range(30))


def test_continents_put_the_unknown_last_and_say_so():
    rows = rows_of(draw("continent_popularity", continent_frame()), "films_label")
    assert [(r["label"], r["top_200_percent"], r["value_label"], r["films_label"]) for r in rows] == [
        ("Europe", 28.1, "28.1", "800"),
        ("Asia", 21.5, "21.5", "410"),
        ("Antarctica", None, "no data", "1"),
    ]
    nameless = continent_frame().assign(continent=[None, " ", "Asia"])
    assert {row["label"] for row in rows_of(draw("continent_popularity", nameless), "films_label")} == {
        "No continent known",
        "Asia",
    }


def test_all_null_and_all_zero_values_still_draw():
    for value in (None, 0, np.inf):
        frame = continent_frame().assign(top_200_percent=value, n_movies=pd.NA, total_votes=np.nan)
        spec = draw("continent_popularity", frame)
        assert encodings(spec, "bar")[0]["x"]["scale"]["domain"] == [0, 1]
        expected = "0.0" if value == 0 else "no data"
        assert {row["value_label"] for row in rows_of(spec, "films_label")} == {expected}
        vl_convert.vegalite_to_svg(spec)


def test_top_films_show_rank_title_year_popularity_and_rating():
    shuffled = film_frame().iloc[::-1]
    spec = draw("top_films", shuffled, limit=2)
    rows = rows_of(spec, "rank_label")
    names = ("rank_label", "label", "year_label", "popularity", "value_label", "rating_label", "star")
    assert [tuple(row[name] for name in names) for row in rows] == [
        ("1", "Alien", "1951", 500.0, "500.0", "7.2", ""),
        ("2", "Brazil", "1952", 250.0, "250.0", "7.2", ""),
    ]
    assert spec["title"]["text"] == "Top 2 films by popularity"
    assert {"Film", "Year", "Popularity", "Rating", "1", "Alien", "1951", "500.0", "7.2"} <= set(texts_of(spec))
    assert draw("top_films", film_frame(("Alien",)))["title"]["text"] == "Top film by popularity"
    assert draw("top_films", film_frame().iloc[:0])["title"]["text"] == "Top films by popularity"
    with pytest.raises(ValueError, match="limit=0: at least one film"):
        draw("top_films", film_frame(), limit=0)


def test_top_films_mark_what_is_unknown_and_what_is_old():
    frame = film_frame(
        (None, "Brazil", "Casablanca"),
        release_date=[pd.NaT, None, "1942-11-26"],
        vote_average=[None, 6.0, 8.0],
        votes_date=[None, dt.date(2026, 7, 12), DAY],
        popularity=[None, 0.01, 12_345.6],
        rank=[1, 2, None],
    )
    spec = draw("top_films", frame)
    rows = rows_of(spec, "rank_label")
    names = ("rank_label", "label", "year_label", "value_label", "rating_label", "star")
    assert [tuple(row[name] for name in names) for row in rows] == [
        ("1", "Film 1001 (no title)", "–", "no data", "–", ""),
        ("2", "Brazil", "–", "<0.1", "6.0", "*"),
        ("–", "Casablanca", "1942", "12,346", "8.0", ""),
    ]
    assert "* Rating last known on an earlier day, the oldest on 2026-07-12." in "\n".join(map(str, texts_of(spec)))
    assert "earlier day" not in "\n".join(map(str, texts_of(draw("top_films", film_frame()))))


def test_awkward_titles_are_cut_but_not_changed():
    rows = rows_of(draw("top_films", film_frame(AWKWARD_TITLES)), "rank_label")
    assert rows[0]["title"] == AWKWARD_TITLES[0]
    assert rows[0]["label"] == 'Say "no" to <b>bold</b> & <script…'
    assert rows[1]["label"] == "x" * 33 + "…"
    assert rows[3]["label"] == "千と千尋の神隠し"
    assert rows[9]["label"] == "two lines tab"


def test_a_wrong_value_is_reported_with_column_and_row():
    with pytest.raises(ValueError, match="Column nb_movies, row 1: 'many' is not a number"):
        draw("genre_popularity", genre_frame().assign(nb_movies=[1, "many", 3]))
    with pytest.raises(ValueError, match="Column release_date, row 0: 'soon' is not a date"):
        draw("top_films", film_frame(("Alien",), release_date="soon"))
    assert to_date(pd.Timestamp("2026-07-31 10:00")) == to_date(DAY) == to_date("2026-07-31") == "2026-07-31"
