"""Lines and bars of what changed: the figures in the pictures over time."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from itertools import pairwise

import pandas as pd
import pytest

from tmdb_assets.charts import lines, render, theme
from tmdb_assets.charts.direct_labels import spread_labels
from tmdb_assets_tests.cases.chart_frames import (
    AWKWARD_TITLES,
    DAY,
    TITLES,
    days_frame,
    month,
    movers_frame,
    shares_frame,
)
from tmdb_assets_tests.unit.charts.drawn import chart_of, draw, drawn_texts, encodings, rows_of, texts_of, views_of


def labels_from_the_lowest_up(spec):
    return [row["label"] for row in sorted(rows_of(spec, "label_at"), key=lambda row: row["label_at"])]


def test_lines_are_the_top_eight_of_the_newest_day_each_named_at_its_end():
    films = [{0: float(n), 1: 100.0 - n} for n in range(1, 10)] + [{1: 500.0}]  # the last is gone on the newest day
    spec = draw("popularity_over_time", days_frame(films).sample(frac=1, random_state=1))
    assert spec["title"]["text"] == "Popularity of the top 8 films"
    assert spec["title"]["subtitle"][0] == "TMDB popularity score (no unit), 2026-07-30 to 2026-07-31"
    points = rows_of(spec, "is_dot")
    assert [(row["line"], row["title"], row["date"], row["value"]) for row in points[:2]] == [
        (0, "Ikiru", "2026-07-30", 91.0),
        (0, "Ikiru", "2026-07-31", 9.0),
    ]
    assert {row["title"] for row in points} == set(TITLES[1:9])
    assert labels_from_the_lowest_up(spec) == list(TITLES[1:9])
    (line,) = encodings(spec, "line")
    assert (line["x"]["field"], line["y"]["field"], line["color"]["field"]) == ("day", "value", "line")
    assert (line["x"]["scale"]["type"], line["y"]["scale"]["domain"]) == ("utc", [0, 98])
    assert len(set(line["color"]["scale"]["range"])) == 8


def test_a_missing_day_is_a_gap_and_a_lone_day_a_dot():
    spec = draw("popularity_over_time", days_frame([{6: 1.0, 4: 3.0, 3: 2.0, 1: 5.0, 0: 4.0}, {3: 9.0, 0: 2.5}]))
    points = rows_of(spec, "is_dot")
    first, second = points[:7], points[7:]
    assert [row["value"] for row in first] == [1.0, None, 3.0, 2.0, None, 5.0, 4.0]
    assert [row["is_dot"] for row in first] == [True, False, False, False, False, False, True]
    assert [row["date"] for row in second if row["is_dot"]] == ["2026-07-28", "2026-07-31"]
    assert [row["date"] for row in first][:2] == ["2026-07-25", "2026-07-26"]
    (mark,) = [view["mark"] for view in views_of(spec) if view["mark"]["type"] == "line"]
    assert mark["invalid"] == "break-paths-show-path-domains"
    note = "A gap in a line is a day without a figure."
    assert note in "\n".join(map(str, texts_of(spec)))
    whole = draw("popularity_over_time", days_frame([month(5)]))
    assert note not in "\n".join(map(str, texts_of(whole)))
    assert whole["title"]["text"] == "Popularity of the top film"


def test_a_single_day_shows_its_dots_and_says_that_history_grows():
    spec = draw("popularity_over_time", days_frame([{0: 9.0}, {0: 4.0}]))
    assert "No history yet" in texts_of(spec)
    assert any("tmdb-assets backfill" in str(text) for text in texts_of(spec))
    assert spec["title"]["subtitle"][0] == "TMDB popularity score (no unit)"
    assert [(row["date"], row["value"], row["is_dot"]) for row in rows_of(spec, "is_dot")] == [
        ("2026-07-31", 9.0, True),
        ("2026-07-31", 4.0, True),
    ]
    assert {"31 Jul", "Alien", "Brazil"} <= set(drawn_texts(spec))
    render.to_png(chart_of("popularity_over_time", days_frame([{0: 0.0}])))
    assert "No history yet" not in texts_of(draw("popularity_over_time", days_frame([{0: 9.0, 1: 8.0}])))


def labels_at(values, height):
    """The places of labels of values from 0 to 100, in px from the bottom of a plot of this height."""
    points = [{"value": value} for value in values]
    spread_labels(points, height, top=100.0)
    return [point["label_at"] * height / 100 for point in points]


@pytest.mark.parametrize(
    "values", [[5.0] * 8, [0.0] * 8, [100.0] * 8, [1.0, 2.0, 50.0, 51.0, 51.0, 52.0, 99.0, 100.0], [7.0]]
)
def test_labels_never_touch_and_stay_in_the_plot(values):
    at = labels_at(values, height=300)
    assert all(after - before >= 22 - 1e-9 for before, after in pairwise(sorted(at)))
    assert min(at) >= 0
    assert max(at) <= 300 + 1e-9


def test_labels_with_room_are_at_their_values():
    assert labels_at([80.0, 10.0, 40.0], height=300) == pytest.approx([240.0, 30.0, 120.0])
    assert labels_at([50.0, 51.0], height=100) == pytest.approx([39.5, 61.5])


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (2, ["30 Jul", "31 Jul"]),
        (31, ["1 Jul", "7 Jul", "13 Jul", "19 Jul", "25 Jul", "31 Jul"]),
        (90, ["20 May", "7 Jun", "25 Jun", "13 Jul", "31 Jul"]),
        (4000, ["Oct 2017", "Jan 2020", "Mar 2022", "May 2024", "Jul 2026"]),
    ],
)
def test_dates_below_the_plot_are_few_and_end_with_the_newest(days, expected):
    texts = drawn_texts(draw("popularity_over_time", days_frame([{0: 1.0, days - 1: 2.0}])))
    assert [text for text in texts if re.fullmatch(r"(\d+ )?[A-Z][a-z]{2}( \d{4})?", text)] == expected


def test_ten_years_of_every_tenth_day_are_a_line_and_a_missing_day_of_these_a_gap():
    film = {ago: 5.0 for ago in range(0, 3650, 10) if ago != 500}
    spec = draw("popularity_over_time", days_frame([film]).assign(step_days=10))
    points = rows_of(spec, "is_dot")
    assert len(points) == 365
    assert [row["date"] for row in points if row["value"] is None] == [(DAY - dt.timedelta(days=500)).isoformat()]
    assert sum(row["is_dot"] for row in points) == 1  # the newest
    assert "One day in 10 is shown." in " ".join(texts_of(spec))


def test_films_without_a_title_and_awkward_titles_are_labelled():
    spec = draw("popularity_over_time", days_frame([month(100 - n, 3) for n in range(8)], AWKWARD_TITLES[-8:]))
    labels = {row["label"] for row in rows_of(spec, "label_at")}
    assert {"千と千尋の神隠し", "two lines tab", "Film 1008 (no title)"} <= labels


def test_repeated_rows_are_refused_and_unknown_values_left_out():
    frame = days_frame([{0: 2.0, 1: 1.0}])
    with pytest.raises(ValueError, match=r"Film 1001 has two rows of 2026-07-30\."):
        draw("popularity_over_time", pd.concat([frame, frame]))
    with pytest.raises(ValueError, match=r"Column date_id, row 0: a value is missing\."):
        draw("popularity_over_time", frame.assign(date_id=None))
    unknown = frame.assign(popularity=[None, Decimal("2.5")])
    assert [row["value"] for row in rows_of(draw("popularity_over_time", unknown), "is_dot")] == [2.5]
    assert "No data yet" in texts_of(draw("popularity_over_time", frame.assign(popularity=None)))


def test_movers_are_ordered_from_the_biggest_rise_to_the_biggest_fall():
    spec = draw("movers_of_the_week", movers_frame(0.02, -0.5, 30.0, None, -1200.0, 0.0, 12_000.0), limit=2)
    rows = rows_of(spec, "value_label")
    assert [
        (row["row"], row["label"], row["value_label"], row["percent_label"], row["popularity_label"]) for row in rows
    ] == [
        (0, "Film 7", "+12,000", "+12,000%", "107.0"),
        (1, "Film 3", "+30.0", "+30%", "103.0"),
        (2, "Film 2", "−0.5", "−0.5%", "102.0"),
        (3, "Film 5", "−1,200.0", "−1,200%", "105.0"),
    ]
    assert spec["title"]["subtitle"][0].endswith("in 7 days, since 2026-07-24")
    (bar,) = encodings(spec, "bar")
    assert bar["x"]["field"] == "change_7d"
    assert (bar["color"]["value"], bar["color"]["condition"]["value"]) == (lines.COLOURS[0], theme.FALL)
    assert {"Film", "Change in 7 days", "Popularity"} <= set(texts_of(spec))
    tiny = rows_of(draw("movers_of_the_week", movers_frame(0.02)), "value_label")
    assert [row["value_label"] for row in tiny] == ["+0.02"]
    with pytest.raises(ValueError, match="limit=0: at least one film"):
        draw("movers_of_the_week", movers_frame(1.0), limit=0)


@pytest.mark.parametrize("changes", [(1.0, 2.0), (-1.0, -2.0), (5.0,), (3.0, -4.0)])
def test_bars_have_zero_in_their_scale_and_room_for_their_text(changes):
    (bar,) = encodings(draw("movers_of_the_week", movers_frame(*changes)), "bar")
    lowest, highest = bar["x"]["scale"]["domain"]
    assert (lowest < min(changes)) if min(changes) < 0 else (lowest == 0)
    assert (highest > max(changes)) if max(changes) > 0 else (highest == 0)


def test_a_week_without_its_first_day_or_without_a_change_says_so():
    first = draw("movers_of_the_week", movers_frame(None, None))
    assert "No history yet" in texts_of(first)
    assert any("Nothing of 2026-07-24 is loaded." in str(text) for text in texts_of(first))
    still = draw("movers_of_the_week", movers_frame(0.0, None))
    assert "Nothing moved" in texts_of(still)
    assert encodings(first, "bar") == encodings(still, "bar") == []


def test_genre_shares_are_lines_of_the_eight_largest_in_percent():
    shares = {genre: (0.05, genre / 100) for genre in range(1, 10)} | {99: (0.5, None), 50: (None, 0.5)}
    spec = draw("genre_shares", shares_frame(shares).sample(frac=1, random_state=1))
    assert spec["title"]["subtitle"][0] == (
        "Films of the genre among the day's 200 most popular, in %, 2026-07-17 to 2026-07-31"
    )
    points = rows_of(spec, "is_dot")
    assert [(row["title"], row["date"], row["value"]) for row in points[:4]] == [
        ("Genre 50", "2026-07-17", 0.0),  # no film of the genre that day
        ("Genre 50", "2026-07-31", 50.0),
        ("Genre 9", "2026-07-17", 5.0),
        ("Genre 9", "2026-07-31", 9.0),
    ]
    labels = labels_from_the_lowest_up(spec)
    assert labels == [*(f"{genre}% Genre {genre}" for genre in range(3, 10)), "50% Genre 50"]
    assert {"0%", "50%"} <= set(drawn_texts(spec))


def test_genre_shares_of_one_day_of_ten_years_and_of_no_genre():
    one = texts_of(draw("genre_shares", shares_frame({1: (0.25,)}, days=(0,))))
    assert {"No history yet", "25% Genre 1"} <= set(one)
    years = shares_frame({1: [0.2] * 14, 2: [0.1] * 14}, days=[281 * back for back in range(13, -1, -1)])
    assert {"Jul 2018", "Jul 2026"} <= set(drawn_texts(draw("genre_shares", years)))
    assert "No genres" in texts_of(draw("genre_shares", years.iloc[:0]))
    assert "No data yet" in texts_of(draw("genre_shares", years.iloc[:0], snapshot_date=None))
    twice = pd.concat([years, years.iloc[:1]])
    with pytest.raises(ValueError, match=r"Genre 1 has two rows of 2016-07-30\."):
        draw("genre_shares", twice)
