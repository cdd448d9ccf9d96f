from __future__ import annotations

import datetime as dt
from decimal import Decimal
from itertools import pairwise

import pandas as pd
import pytest

from tmdb_assets.charts import axes, lines, render, theme, trends
from tmdb_assets_tests.unit.charts.test_charts import AWKWARD_TITLES, DAY, draw, encodings, rows_of, size_of, texts_of

TITLES = ("Alien", "Brazil", "Casablanca", "Dune", "Elephant", "Fargo", "Gilda", "Heat", "Ikiru", "Jaws")


def days_frame(films, titles=TITLES):
    """Rows of films given as popularity by days ago, oldest first."""
    rows = [
        (DAY - dt.timedelta(days=ago), 1001 + number, titles[number], value)
        for number, days in enumerate(films)
        for ago, value in sorted(days.items(), reverse=True)
    ]
    return pd.DataFrame(rows, columns=["date_id", "movie_id", "title", "popularity"])


def month(level, days=31):
    return {ago: level + ago % 5 for ago in range(days)}


def points_of(spec):
    """The points of the lines; the labels at their ends are rows of their own."""
    return next(
        rows for rows in spec["datasets"].values() if rows and "is_dot" in rows[0] and "label_at" not in rows[0]
    )


def movers_frame(*changes):
    rows = [(n, f"Film {n}", 100.0 + n, change) for n, change in enumerate(changes, start=1)]
    return pd.DataFrame(rows, columns=["movie_id", "title", "popularity", "change_7d"])


def shares_frame(shares, days=(14, 0)):
    """Rows of genres' shares, given by genre for each of the days ago."""
    rows = [
        (DAY - dt.timedelta(days=ago), genre, f"Genre {genre}", share)
        for genre, by_day in shares.items()
        for ago, share in zip(days, by_day, strict=True)
        if share is not None
    ]
    return pd.DataFrame(rows, columns=["date_id", "genre_id", "name", "film_share"])


CHARTS = {
    "popularity_over_time": (trends.popularity_over_time, days_frame([month(level) for level in (900, 500, 480)])),
    "movers_of_the_week": (trends.movers_of_the_week, movers_frame(12.5, -3.25)),
}


@pytest.fixture(params=CHARTS)
def chart_case(request):
    return CHARTS[request.param]


@pytest.mark.parametrize("is_sample", [True, False])
def test_both_charts_tell_their_day_unit_source_and_whether_they_are_a_sample(chart_case, is_sample):
    build, frame = chart_case
    for rows in (frame, frame.iloc[:0]):
        spec = draw(build, rows, is_sample=is_sample)
        text = "\n".join(map(str, texts_of(spec)))
        assert "TMDB popularity score (no unit)" in text
        assert "Snapshot of 2026-07-31 (UTC)" in text
        assert "This product uses the TMDB API but is not endorsed or certified by TMDB." in text
        assert ("SAMPLE DATA: generated figures" in text) is is_sample
        assert spec["width"] + 2 * spec["padding"] == 700


def test_without_rows_both_say_what_to_do_and_without_columns_both_refuse(chart_case):
    build, frame = chart_case
    spec = draw(build, frame.iloc[:0], snapshot_date=None)
    assert {"No data yet", "Load a day first: tmdb-assets run", "Snapshot date: none yet"} <= set(texts_of(spec))
    with pytest.raises(ValueError, match=r"The frame lacks popularity"):
        draw(build, frame.iloc[:0].drop(columns="popularity"))


def test_pictures_are_700_px_wide_and_small():
    titles = [f"{n} {title or 'No title'} and more words" for n, title in enumerate(AWKWARD_TITLES)]
    films = [{ago: 900 / (n + 1) + (ago * (n + 7)) % 41 for ago in range(90)} for n in range(8)]
    busy = {
        "lines": trends.popularity_over_time(days_frame(films, titles), snapshot_date=DAY, is_sample=True),
        "bars": trends.movers_of_the_week(
            movers_frame(*(n - 12.5 for n in range(25))).assign(title=titles[0]), snapshot_date=DAY, is_sample=True
        ),
    }
    for chart in busy.values():
        picture = render.to_png(chart)
        width, height = size_of(picture)
        assert (width, 400 < height < 900) == (700, True)
        assert len(picture) < 70_000


def test_lines_are_the_top_eight_of_the_newest_day_each_named_at_its_end():
    films = [{0: float(n), 1: 100.0 - n} for n in range(1, 10)] + [{1: 500.0}]  # the last is gone on the newest day
    spec = draw(trends.popularity_over_time, days_frame(films).sample(frac=1, random_state=1))
    assert spec["title"]["text"] == "Popularity of the top 8 films"
    assert spec["title"]["subtitle"][0] == "TMDB popularity score (no unit), 2026-07-30 to 2026-07-31"
    points = points_of(spec)
    assert [(row["line"], row["title"], row["date"], row["value"]) for row in points[:2]] == [
        (0, "Ikiru", "2026-07-30", 91.0),
        (0, "Ikiru", "2026-07-31", 9.0),
    ]
    assert {row["title"] for row in points} == set(TITLES[1:9])
    ends = rows_of(spec, "label_at")
    assert [row["label"] for row in ends] == list(TITLES[1:9])  # from the lowest up
    (line,) = encodings(spec, "line")
    assert (line["x"]["field"], line["y"]["field"], line["color"]["field"]) == ("day", "value", "line")
    assert line["y"]["scale"]["domain"] == [0, 100]
    assert len(set(line["color"]["scale"]["range"])) == 8


def test_a_missing_day_is_a_gap_and_a_lone_day_a_dot():
    spec = draw(trends.popularity_over_time, days_frame([{6: 1.0, 4: 3.0, 3: 2.0, 1: 5.0, 0: 4.0}, {3: 9.0, 0: 2.5}]))
    points = points_of(spec)
    first, second = points[:7], points[7:]
    assert [row["value"] for row in first] == [1.0, None, 3.0, 2.0, None, 5.0, 4.0]
    assert [row["is_dot"] for row in first] == [True, False, False, False, False, False, True]
    assert [row["day"] for row in second if row["is_dot"]] == [3, 6]
    assert [row["date"] for row in first][:2] == ["2026-07-25", "2026-07-26"]
    (mark,) = [layer["mark"] for layer in spec["layer"] if layer["mark"]["type"] == "line"]
    assert mark["invalid"] == "break-paths-show-path-domains"
    note = "Where a line is missing, there is no figure of that day."
    assert note in "\n".join(map(str, texts_of(spec)))
    whole = draw(trends.popularity_over_time, days_frame([month(5)]))
    assert note not in "\n".join(map(str, texts_of(whole)))
    assert whole["title"]["text"] == "Popularity of the top film"


def test_a_single_day_shows_its_dots_and_says_that_history_grows():
    spec = draw(trends.popularity_over_time, days_frame([{0: 9.0}, {0: 4.0}]))
    assert "No history yet" in texts_of(spec)
    assert any("tmdb-assets backfill" in str(text) for text in texts_of(spec))
    assert spec["title"]["subtitle"][0] == "TMDB popularity score (no unit)"
    assert [(row["day"], row["value"], row["is_dot"]) for row in points_of(spec)] == [
        (0, 9.0, True),
        (0, 4.0, True),
    ]
    assert [row["date_label"] for row in rows_of(spec, "date_label")] == ["31 Jul"]
    (line,) = encodings(spec, "line")
    assert line["x"]["scale"]["domain"] == [-1, 0]  # the day stands at the right, beside the labels
    render.to_png(trends.popularity_over_time(days_frame([{0: 0.0}]), snapshot_date=DAY, is_sample=False))
    assert "No history yet" not in texts_of(draw(trends.popularity_over_time, days_frame([{0: 9.0, 1: 8.0}])))


@pytest.mark.parametrize(
    "values", [[5.0] * 8, [0.0] * 8, [100.0] * 8, [1.0, 2.0, 50.0, 51.0, 51.0, 52.0, 99.0, 100.0], [7.0]]
)
def test_labels_never_touch_and_stay_in_the_plot(values):
    placed = axes.spread_labels([{"value": value} for value in values], gap=7.5, top=100.0)
    at = [row["label_at"] for row in placed]
    assert all(after - before >= 7.5 - 1e-9 for before, after in pairwise(at))
    assert at[0] >= 0
    assert at[-1] <= 100 + 1e-9
    assert [row["value"] for row in placed] == sorted(values)


def test_labels_with_room_stand_at_their_values():
    placed = axes.spread_labels([{"value": value} for value in (80.0, 10.0, 40.0)], gap=7.5, top=100.0)
    assert [row["label_at"] for row in placed] == pytest.approx([10.0, 40.0, 80.0])
    pair = axes.spread_labels([{"value": value} for value in (50.0, 51.0)], gap=8.0, top=100.0)
    assert [row["label_at"] for row in pair] == pytest.approx([46.5, 54.5])


@pytest.mark.parametrize(
    ("highest", "expected"),
    [
        (0, [0, 1]),
        (3, [0, 1, 2, 3]),
        (0.07, [0, 0.02, 0.04, 0.06, 0.08]),
        (9.99, [0, 2, 4, 6, 8, 10]),
        (1158, [0, 250, 500, 750, 1000, 1250]),
        (40_000, [0, 10_000, 20_000, 30_000, 40_000]),
    ],
)
def test_the_scale_begins_at_zero_in_round_steps(highest, expected):
    assert axes.round_ticks(highest) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (2, ["31 Jul", "30 Jul"]),
        (31, ["31 Jul", "24 Jul", "17 Jul", "10 Jul", "3 Jul"]),
        (90, ["31 Jul", "1 Jul", "1 Jun"]),
        (4000, ["Jul 2026", "May 2024", "Mar 2022", "Jan 2020", "Oct 2017"]),
    ],
)
def test_dates_below_the_plot_are_few(days, expected):
    spec = draw(trends.popularity_over_time, days_frame([{0: 1.0, days - 1: 2.0}]))
    assert [row["date_label"] for row in rows_of(spec, "date_label")][:5] == expected
    assert len(rows_of(spec, "date_label")) <= 6


def test_ten_years_of_every_tenth_day_are_a_line_and_a_missing_day_of_these_a_gap():
    film = {ago: 5.0 for ago in range(0, 3650, 10) if ago != 500}
    spec = draw(trends.popularity_over_time, days_frame([film]).assign(step_days=10))
    points = points_of(spec)
    assert len(points) == 365
    assert [row["date"] for row in points if row["value"] is None] == [(DAY - dt.timedelta(days=500)).isoformat()]
    assert sum(row["is_dot"] for row in points) == 1  # the newest
    assert "Every 10 days are shown." in " ".join(texts_of(spec))


def test_films_without_a_title_and_awkward_titles_draw():
    chart = trends.popularity_over_time(
        days_frame([month(100 - n, 3) for n in range(8)], AWKWARD_TITLES[-8:]), snapshot_date=DAY, is_sample=False
    )
    labels = {row["label"] for row in rows_of(chart.to_dict(), "label_at")}
    assert {"千と千尋の神隠し", "two lines tab", "Film 1008 (no title)"} <= labels
    assert len(render.to_png(chart)) < 70_000


def test_rows_that_fit_nowhere_are_refused_and_unknown_values_left_out():
    frame = days_frame([{0: 2.0, 1: 1.0}])
    with pytest.raises(ValueError, match=r"Film 1001 has two rows of 2026-07-30\."):
        draw(trends.popularity_over_time, pd.concat([frame, frame]))
    with pytest.raises(ValueError, match=r"Column date_id, row 0: a value is missing\."):
        draw(trends.popularity_over_time, frame.assign(date_id=None))
    unknown = frame.assign(popularity=[None, Decimal("2.5")])
    assert [row["value"] for row in points_of(draw(trends.popularity_over_time, unknown))] == [2.5]
    assert "No data yet" in texts_of(draw(trends.popularity_over_time, frame.assign(popularity=None)))


def test_movers_stand_from_the_biggest_rise_to_the_biggest_fall():
    spec = draw(trends.movers_of_the_week, movers_frame(0.02, -0.5, 30.0, None, -1200.0, 0.0, 12_000.0), limit=2)
    rows = rows_of(spec, "change_label")
    assert [(row["row"], row["label"], row["change_label"], row["popularity_label"]) for row in rows] == [
        (0, "Film 7", "+12,000", "107.0"),
        (1, "Film 3", "+30.0", "103.0"),
        (2, "Film 2", "−0.5", "102.0"),
        (3, "Film 5", "−1,200.0", "105.0"),
    ]
    assert spec["title"]["subtitle"][0].endswith("in 7 days, since 2026-07-24")
    (bar,) = encodings(spec, "bar")
    assert (bar["x"]["field"], bar["x"]["scale"]["domain"]) == ("change_7d", [-1200.0, 12_000.0])
    assert bar["color"]["scale"]["range"] == [lines.COLOURS[0], theme.FALL]
    assert {"Film", "Change in 7 days", "Popularity"} <= set(texts_of(spec))
    tiny = rows_of(draw(trends.movers_of_the_week, movers_frame(0.02)), "change_label")
    assert [row["change_label"] for row in tiny] == ["+0.02"]
    with pytest.raises(ValueError, match="limit=0: at least one film"):
        draw(trends.movers_of_the_week, movers_frame(1.0), limit=0)


@pytest.mark.parametrize("changes", [(1.0, 2.0), (-1.0, -2.0), (5.0,)])
def test_bars_of_one_direction_begin_at_zero(changes):
    chart = trends.movers_of_the_week(movers_frame(*changes), snapshot_date=DAY, is_sample=False)
    (bar,) = encodings(chart.to_dict(), "bar")
    assert bar["x"]["scale"]["domain"] == [min(0, *changes, 0), max(0, *changes, 0)]
    render.to_png(chart)


def test_a_week_without_a_beginning_or_without_a_change_says_so():
    first = draw(trends.movers_of_the_week, movers_frame(None, None))
    assert "No history yet" in texts_of(first)
    assert any("Nothing of 2026-07-24 is loaded." in str(text) for text in texts_of(first))
    still = draw(trends.movers_of_the_week, movers_frame(0.0, None))
    assert "Nothing moved" in texts_of(still)
    assert encodings(first, "bar") == encodings(still, "bar") == []


def test_genre_shares_are_lines_of_the_eight_largest_in_percent():
    shares = {genre: (0.05, genre / 100) for genre in range(1, 10)} | {99: (0.5, None), 50: (None, 0.5)}
    spec = draw(trends.genre_shares, shares_frame(shares).sample(frac=1, random_state=1))
    assert spec["title"]["subtitle"][0] == (
        "Films of the genre among the day's 200 most popular, in %, 2026-07-17 to 2026-07-31"
    )
    points = points_of(spec)
    assert [(row["title"], row["date"], row["day"], row["value"]) for row in points[:4]] == [
        ("Genre 50", "2026-07-17", 0, 0.0),  # no film of the genre that day
        ("Genre 50", "2026-07-31", 14, 50.0),
        ("Genre 9", "2026-07-17", 0, 5.0),
        ("Genre 9", "2026-07-31", 14, 9.0),
    ]
    ends = [row["label"] for row in rows_of(spec, "label_at")]
    assert ends == [*(f"{genre}% Genre {genre}" for genre in range(3, 10)), "50% Genre 50"]
    assert [row["tick"] for row in rows_of(spec, "tick")][-1] == "50%"


def test_genre_shares_of_one_day_of_ten_years_and_of_no_genre():
    one = texts_of(draw(trends.genre_shares, shares_frame({1: (0.25,)}, days=(0,))))
    assert {"No history yet", "25% Genre 1"} <= set(one)
    years = shares_frame({1: [0.2] * 14, 2: [0.1] * 14}, days=[281 * back for back in range(13, -1, -1)])
    labels = [row["date_label"] for row in rows_of(draw(trends.genre_shares, years), "date_label")]
    assert (len(labels), labels[0], labels[-1]) == (5, "Jul 2026", "Jul 2018")
    assert "No genres" in texts_of(draw(trends.genre_shares, years.iloc[:0]))
    assert "No data yet" in texts_of(draw(trends.genre_shares, years.iloc[:0], snapshot_date=None))
    twice = pd.concat([years, years.iloc[:1]])
    with pytest.raises(ValueError, match=r"Genre 1 has two rows of 2016-07-30\."):
        draw(trends.genre_shares, twice)
