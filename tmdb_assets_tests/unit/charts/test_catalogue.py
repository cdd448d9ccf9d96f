"""Languages, countries, releases, distributions and money: the figures in their pictures."""

from __future__ import annotations

import pytest

from tmdb_assets_tests.cases.chart_frames import groups_frame, money_frame, ranges_frame, release_frame
from tmdb_assets_tests.unit.charts.drawn import draw, drawn_texts, encodings, rows_of, texts_of


def test_groups_show_films_share_and_median_popularity_and_name_what_is_unknown():
    frame = groups_frame("iso_639_1")
    frame.loc[1, "name"] = None
    frame.loc[2, ["iso_639_1", "name"]] = None
    frame.loc[2, "film_share"] = 0.0001
    spec = draw("original_languages", frame)
    shown = [
        (row["label"], row["value_label"], row["share_label"], row["popularity_label"])
        for row in rows_of(spec, "share_label")
    ]
    assert shown == [
        ("Name 0", "50", "25.0%", "0.0"),
        ("c1", "49", "24.5%", "1.0"),
        ("Not known", "48", "<0.1%", "2.0"),
    ]
    note = "A film counts in each of its countries."
    assert note in "\n".join(map(str, texts_of(draw("production_countries", groups_frame("iso_3166_1")))))


def test_releases_are_ordered_by_day_with_their_distance_from_the_snapshot():
    spec = draw("release_calendar", release_frame(100, -20, 1, 0, -1, 14))
    rows = rows_of(spec, "when_label")
    assert [(row["release_date"], row["when_label"]) for row in rows] == [
        ("2026-07-11", "2 weeks ago"),
        ("2026-07-30", "1 day ago"),
        ("2026-07-31", "that day"),
        ("2026-08-01", "in 1 day"),
        ("2026-08-14", "in 2 weeks"),
        ("2026-11-08", "in 14 weeks"),
    ]
    assert "No releases" in texts_of(draw("release_calendar", release_frame()))


def test_ranges_are_bars_at_their_place_and_unknown_films_are_counted():
    films = {0.0: 1, 7.5: 40, 9.5: 2, None: 1234}
    spec = draw("rating_distribution", ranges_frame(films))
    assert rows_of(spec, "range") == [
        {"at_least": 0.0, "under": 0.5, "films": 1, "range": "0 to under 0.5"},
        {"at_least": 7.5, "under": 8.0, "films": 40, "range": "7.5 to under 8"},
        {"at_least": 9.5, "under": 10.0, "films": 2, "range": "9.5 to 10"},
    ]
    (bar,) = encodings(spec, "bar")
    assert (bar["x"]["scale"]["domain"], bar["y"]["scale"]["domain"]) == ([0, 10], [0, 40])
    assert "43 films; 1,234 more have no votes." in "\n".join(map(str, texts_of(spec)))
    runtimes = draw("runtime_distribution", ranges_frame({240: 1}))
    assert rows_of(runtimes, "range") == [{"at_least": 240, "under": 250, "films": 1, "range": "240 or more"}]
    assert {"0", "210", "240+"} <= set(drawn_texts(runtimes))
    unknown = draw("runtime_distribution", ranges_frame({None: 5}))
    assert "0 films; 5 more have no known runtime." in "\n".join(map(str, texts_of(unknown)))
    with pytest.raises(ValueError, match=r"at_least=250 is outside of the ranges\."):
        draw("runtime_distribution", ranges_frame({250: 1}))


def test_money_is_dots_with_the_largest_named_and_implausible_amounts_left_out():
    gains = [(1e6 * n, 1e8 * n) for n in range(1, 9)]
    losses = [(5e7, 1e6), (3e7, 2e7), (2e6, 2e6)]
    frame = money_frame(*gains, *losses, (5, 900_000_000), (None, 1e6), (0, 1e6))
    spec = draw("budget_and_revenue", frame)
    (dots,) = encodings(spec, "circle")
    assert (dots["x"]["scale"]["type"], dots["y"]["scale"]["type"]) == ("log", "log")
    assert [row["is_gain"] for row in rows_of(spec, "is_gain")] == [True] * 8 + [False] * 3
    named = {row["label_at"]: row["label"] for row in rows_of(spec, "label_at")}
    assert [named[place] for place in sorted(named)] == [
        "Film 8", "Film 10", "Film 9", "Film 2", "Film 3", "Film 4", "Film 5", "Film 6", "Film 7"
    ]  # fmt: skip
    assert {"$10K", "$1M", "$100M", "Budget", "Revenue"} <= set(drawn_texts(spec))
    text = "\n".join(map(str, texts_of(spec)))
    assert "8 of 11 films took in more than the budget" in text
    assert "Not drawn: 1 film with an amount under $10,000." in text
    assert "No figures" in texts_of(draw("budget_and_revenue", money_frame((None, 1e6))))
