from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import vl_convert
from PIL import Image

from tmdb_assets.charts import figures, render, theme
from tmdb_assets.charts.values import to_date

DAY = dt.date(2026, 7, 31)
AWKWARD_TITLES = [
    'Say "no" to <b>bold</b> & <script>alert(1)</script> \\ {{x}}',
    "x" * 200,
    "W" * 60,
    "千と千尋の神隠し",
    "الفيلم العربي الطويل جدا والممتع حول الحياة في المدينة القديمة",
    "दिलवाले दुल्हनिया ले जायेंगे",
    "ทองสุก 13",
    "기생충",
    "🎬🎞️ 👨‍👩‍👧",
    "two\nlines\ttab",
    None,
]


def key_frame(**changes):
    row = {"n_movies": 2000, "avg_vote": Decimal("6.534"), "total_votes": 123_456_789, "avg_popularity": 23.45}
    return pd.DataFrame([row | {"snapshot_date": DAY} | changes], dtype=object)


def genre_frame(count=3):
    rows = [
        {"genre_id": n, "name": f"Genre {n}", "avg_popularity": float(n), "total_votes": n * 1000, "nb_movies": n * 10}
        for n in range(1, count + 1)
    ]
    return pd.DataFrame(rows, columns=["genre_id", "name", "avg_popularity", "total_votes", "nb_movies"])


def continent_frame():
    rows = [("Asia", 21.5, 410, 2_000_000), ("Antarctica", None, 1, 0), ("Europe", Decimal("28.1"), 800, 8_123_456)]
    return pd.DataFrame(rows, columns=["continent", "avg_popularity", "n_movies", "total_votes"])


def film_frame(titles=("Alien", "Brazil", "Casablanca"), **changes):
    rows = [
        {
            "rank": number,
            "movie_id": 1000 + number,
            "title": title,
            "release_date": dt.date(1950 + number, 1, 2),
            "popularity": 500.0 / number,
            "vote_average": 7.25,
            "vote_count": 10 * number,
            "snapshot_date": DAY,
            "votes_date": DAY,
        }
        for number, title in enumerate(titles, start=1)
    ]
    return pd.DataFrame(rows).assign(**changes)


CHARTS = {
    "key_figures": (figures.key_figures, key_frame()),
    "genre_popularity": (figures.genre_popularity, genre_frame()),
    "top_films": (figures.top_films, film_frame()),
    "continent_popularity": (figures.continent_popularity, continent_frame()),
}


@pytest.fixture(params=CHARTS)
def chart_case(request):
    return CHARTS[request.param]


def rows_of(spec, field):
    """The data rows that carry `field`."""
    return next(rows for rows in spec["datasets"].values() if rows and field in rows[0])


def texts_of(spec):
    """Every piece of text that a mark of the chart shows, and the title and subtitle."""
    shown = [spec["title"]["text"], *spec["title"]["subtitle"]]
    for layer in spec["layer"]:
        if layer["mark"]["type"] == "text":
            name = layer["encoding"]["text"]["field"]
            shown += [row[name] for row in spec["datasets"][layer["data"]["name"]]]
    return shown


def draw(build, frame, *, is_sample=False, snapshot_date=DAY, **options):
    return build(frame, snapshot_date=snapshot_date, is_sample=is_sample, **options).to_dict()


def size_of(picture):
    """Width and height of a PNG in px."""
    with Image.open(io.BytesIO(picture), formats=["PNG"]) as opened:
        return opened.size


def encodings(spec, mark):
    return [layer["encoding"] for layer in spec["layer"] if layer["mark"]["type"] == mark]


@pytest.mark.parametrize("is_sample", [True, False])
def test_every_chart_tells_its_day_its_unit_its_source_and_whether_it_is_a_sample(chart_case, is_sample):
    build, frame = chart_case
    for rows in (frame, frame.iloc[:0]):
        spec = draw(build, rows, is_sample=is_sample)
        text = "\n".join(map(str, texts_of(spec)))
        assert "Snapshot of 2026-07-31 (UTC)" in text
        assert "This product uses the TMDB API but is not endorsed or certified by TMDB." in text
        assert ("SAMPLE DATA: generated figures" in text) is is_sample
        assert ("SAMPLE DATA" in spec["description"]) is is_sample
        assert spec["background"] == "white"
        assert spec["width"] + 2 * spec["padding"] == 700
    assert {"key_figures": "of 10"}.get(build.__name__, "score (no unit)") in "\n".join(
        map(str, texts_of(draw(build, frame)))
    )


def test_without_rows_a_chart_says_what_to_do(chart_case):
    build, frame = chart_case
    spec = draw(build, frame.iloc[:0], snapshot_date=None)
    assert {"No data yet", "Load a day first: tmdb-assets run", "Snapshot date: none yet"} <= set(texts_of(spec))
    assert encodings(spec, "bar") == []
    assert "No data yet" not in texts_of(draw(build, frame))


def test_a_frame_without_its_columns_is_an_error_even_when_empty(chart_case):
    build, frame = chart_case
    for rows in (frame, frame.iloc[:0]):
        with pytest.raises(ValueError, match=r"The frame lacks \w+"):
            draw(build, rows.drop(columns=frame.columns[0]))


def test_pictures_are_opaque_700_px_wide_and_small(chart_case):
    build, frame = chart_case
    picture = render.to_png(build(frame, snapshot_date=DAY, is_sample=True))
    width, height = size_of(picture)
    assert (width, 250 < height < 500) == (700, True)
    assert len(picture) < 40_000
    assert not Image.open(io.BytesIO(picture)).has_transparency_data


def test_key_figures_are_four_tiles_with_units():
    spec = draw(figures.key_figures, key_frame())
    tiles = rows_of(spec, "figure")
    assert [(tile["label"], tile["value"], tile["figure"]) for tile in tiles] == [
        ("Films", 2000, "2,000"),
        ("Mean rating", 6.534, "6.5"),
        ("Votes", 123_456_789, "123M"),
        ("Mean popularity", 23.45, "23.4"),
    ]
    assert [tile["unit"].split("\n")[0] for tile in tiles] == [
        "in the snapshot",
        "of 10, over films",
        "cast on TMDB,",
        "TMDB score,",
    ]
    assert (tiles[0]["left"], tiles[-1]["right"]) == (0, theme.WIDTH)


def test_unknown_key_figures_are_shown_as_missing_and_two_rows_are_refused():
    frame = key_frame(n_movies=0, avg_vote=None, total_votes=pd.NA, avg_popularity=Decimal("NaN"))
    tiles = rows_of(draw(figures.key_figures, frame), "figure")
    assert [(tile["figure"], tile["unit"]) for tile in tiles] == [("0", "in the snapshot"), *[("–", "no data")] * 3]
    with pytest.raises(ValueError, match="Key figures are one row; the frame has 2"):
        draw(figures.key_figures, pd.concat([key_frame(), key_frame()]))


def test_genres_are_sorted_bars_with_value_films_and_votes():
    spec = draw(figures.genre_popularity, genre_frame().assign(total_votes=[np.nan, 36_333, 5_300_000]))
    rows = rows_of(spec, "films_label")
    shown = [
        (r["row"], r["label"], r["avg_popularity"], r["value_label"], r["films_label"], r["votes_label"]) for r in rows
    ]
    assert shown == [
        (0, "Genre 3", 3.0, "3.0", "30", "5.3M"),
        (1, "Genre 2", 2.0, "2.0", "20", "36.3K"),
        (2, "Genre 1", 1.0, "1.0", "10", "–"),
    ]
    (bar,) = encodings(spec, "bar")
    assert (bar["x"]["field"], bar["y"]["field"]) == ("avg_popularity", "row")
    assert bar["x"]["scale"]["domain"] == [0, 3.0]
    assert {"Genre", "Mean popularity", "Films", "Votes"} <= set(texts_of(spec))


def test_thirty_genres_have_thirty_places_and_equal_names_stay_apart():
    spec = draw(figures.genre_popularity, genre_frame(30).assign(name="Drama", avg_popularity=1.0))
    rows = rows_of(spec, "films_label")
    assert [row["row"] for row in rows] == list(range(30))
    (bar,) = encodings(spec, "bar")
    first, last = bar["y"]["scale"]["range"]
    assert (last - first) / 30 == 30
    assert bar["y"]["scale"]["domain"] == list(range(30))
    picture = render.to_png(figures.genre_popularity(genre_frame(30), snapshot_date=DAY, is_sample=True))
    assert len(picture) < 100_000
    assert size_of(picture)[1] < 1200


def test_continents_put_the_unknown_last_and_say_so():
    rows = rows_of(draw(figures.continent_popularity, continent_frame()), "films_label")
    assert [(r["label"], r["avg_popularity"], r["value_label"], r["films_label"]) for r in rows] == [
        ("Europe", 28.1, "28.1", "800"),
        ("Asia", 21.5, "21.5", "410"),
        ("Antarctica", None, "no data", "1"),
    ]
    nameless = continent_frame().assign(continent=[None, " ", "Asia"])
    assert {row["label"] for row in rows_of(draw(figures.continent_popularity, nameless), "films_label")} == {
        "No continent known",
        "Asia",
    }


def test_all_null_and_all_zero_values_still_draw():
    for value in (None, 0, np.inf):
        frame = continent_frame().assign(avg_popularity=value, n_movies=pd.NA, total_votes=np.nan)
        spec = draw(figures.continent_popularity, frame)
        assert encodings(spec, "bar")[0]["x"]["scale"]["domain"] == [0, 1]
        expected = "0.0" if value == 0 else "no data"
        assert {row["value_label"] for row in rows_of(spec, "films_label")} == {expected}
        vl_convert.vegalite_to_svg(spec)


def test_top_films_show_rank_title_year_popularity_and_rating():
    shuffled = film_frame().iloc[::-1]
    spec = draw(figures.top_films, shuffled, limit=2)
    rows = rows_of(spec, "rank_label")
    names = ("rank_label", "label", "year_label", "popularity", "value_label", "rating_label", "star")
    assert [tuple(row[name] for name in names) for row in rows] == [
        ("1", "Alien", "1951", 500.0, "500.0", "7.2", ""),
        ("2", "Brazil", "1952", 250.0, "250.0", "7.2", ""),
    ]
    assert spec["title"]["text"] == "Top 2 films by popularity"
    shown = {enc["text"]["field"] for enc in encodings(spec, "text")}
    assert {"rank_label", "label", "year_label", "value_label", "rating_label"} <= shown
    assert draw(figures.top_films, film_frame(("Alien",)))["title"]["text"] == "Top film by popularity"
    assert draw(figures.top_films, film_frame().iloc[:0])["title"]["text"] == "Top films by popularity"
    with pytest.raises(ValueError, match="limit=0: at least one film"):
        draw(figures.top_films, film_frame(), limit=0)


def test_top_films_mark_what_is_unknown_and_what_is_old():
    frame = film_frame(
        (None, "Brazil", "Casablanca"),
        release_date=[pd.NaT, None, "1942-11-26"],
        vote_average=[None, 6.0, 8.0],
        votes_date=[None, dt.date(2026, 7, 12), DAY],
        popularity=[None, 0.01, 12_345.6],
        rank=[1, 2, None],
    )
    spec = draw(figures.top_films, frame)
    rows = rows_of(spec, "rank_label")
    names = ("rank_label", "label", "year_label", "value_label", "rating_label", "star")
    assert [tuple(row[name] for name in names) for row in rows] == [
        ("1", "Film 1001 (no title)", "–", "no data", "–", ""),
        ("2", "Brazil", "–", "<0.1", "6.0", "*"),
        ("–", "Casablanca", "1942", "12,346", "8.0", ""),
    ]
    assert "* Rating last known on an earlier day, the oldest on 2026-07-12." in "\n".join(map(str, texts_of(spec)))
    assert "earlier day" not in "\n".join(map(str, texts_of(draw(figures.top_films, film_frame()))))


def test_awkward_titles_stay_themselves_are_cut_and_draw():
    chart = figures.top_films(film_frame(AWKWARD_TITLES), snapshot_date=DAY, is_sample=True)
    rows = rows_of(chart.to_dict(), "rank_label")
    assert rows[0]["title"] == AWKWARD_TITLES[0]
    assert rows[0]["label"] == 'Say "no" to <b>bold</b> & <script…'
    assert rows[1]["label"] == "x" * 33 + "…"
    assert rows[3]["label"] == "千と千尋の神隠し"
    assert rows[9]["label"] == "two lines tab"
    assert len(render.to_png(chart)) < 100_000


def test_twenty_films_in_sample_mode_stay_under_100_kb():
    titles = [f"{n} The Quick Brown Fox Jumps Over the Lazy Dog" for n in range(40)]
    picture = render.to_png(figures.top_films(film_frame(titles), snapshot_date=DAY, is_sample=True))
    assert size_of(picture)[0] == 700
    assert 700 < size_of(picture)[1] < 900
    assert len(picture) < 100_000


def test_what_is_no_number_or_date_names_column_and_row():
    with pytest.raises(ValueError, match="Column nb_movies, row 1: 'many' is not a number"):
        draw(figures.genre_popularity, genre_frame().assign(nb_movies=[1, "many", 3]))
    with pytest.raises(ValueError, match="Column release_date, row 0: 'soon' is not a date"):
        draw(figures.top_films, film_frame(("Alien",), release_date="soon"))
    assert to_date(pd.Timestamp("2026-07-31 10:00")) == to_date(DAY) == to_date("2026-07-31") == "2026-07-31"
