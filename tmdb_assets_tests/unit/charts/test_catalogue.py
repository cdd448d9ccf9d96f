"""Languages, countries, releases, distributions and money: the specifications of their charts."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from tmdb_assets.charts import catalogue, histograms, money, render
from tmdb_assets_tests.unit.charts.test_charts import AWKWARD_TITLES, DAY, draw, encodings, rows_of, size_of, texts_of


def groups_frame(code, count=3):
    rows = [(f"c{n}", f"Name {n}", 50 - n, (50 - n) / 200, float(n)) for n in range(count)]
    return pd.DataFrame(rows, columns=[code, "name", "n_movies", "film_share", "avg_popularity"])


def release_frame(*days_away, titles=None):
    rows = [
        (DAY + dt.timedelta(days=away), 100 + n, titles[n] if titles else f"Film {n}", 10.0 + n)
        for n, away in enumerate(days_away)
    ]
    return pd.DataFrame(rows, columns=["release_date", "movie_id", "title", "popularity"])


def ranges_frame(films):
    return pd.DataFrame(films.items(), columns=["at_least", "n_movies"], dtype=object)


def money_frame(*amounts, titles=None):
    rows = [
        (200 + n, titles[n % len(titles)] if titles else f"Film {n}", dt.date(2020, 1, 1), budget, revenue, 1.0)
        for n, (budget, revenue) in enumerate(amounts)
    ]
    columns = ["movie_id", "title", "release_date", "budget_usd", "revenue_usd", "popularity"]
    return pd.DataFrame(rows, columns=columns)


CHARTS = {
    "original_languages": (catalogue.original_languages, groups_frame("iso_639_1"), "Number of films"),
    "production_countries": (catalogue.production_countries, groups_frame("iso_3166_1"), "Number of films"),
    "release_calendar": (catalogue.release_calendar, release_frame(-3, 0, 20), "popularity score (no unit)"),
    "rating_distribution": (histograms.rating_distribution, ranges_frame({6.5: 3, None: 1}), "0 to 10"),
    "runtime_distribution": (histograms.runtime_distribution, ranges_frame({90: 3}), "minutes"),
    "budget_and_revenue": (money.budget_and_revenue, money_frame((1e6, 2e6)), "US dollars"),
}


@pytest.mark.parametrize("is_sample", [True, False])
@pytest.mark.parametrize("name", CHARTS)
def test_each_tells_day_unit_source_and_sample_also_without_rows(name, is_sample):
    build, frame, unit = CHARTS[name]
    for rows, day in ((frame, DAY), (frame.iloc[:0], DAY), (frame.iloc[:0], None)):
        spec = draw(build, rows, is_sample=is_sample, snapshot_date=day)
        text = "\n".join(map(str, texts_of(spec)))
        assert unit in text
        assert ("Snapshot of 2026-07-31 (UTC)" if day else "Snapshot date: none yet") in text
        assert "This product uses the TMDB API but is not endorsed or certified by TMDB." in text
        assert ("SAMPLE DATA: generated figures" in text) is is_sample
        assert spec["width"] + 2 * spec["padding"] == 700
        if day is None:
            assert "Load a day first: tmdb-assets run" in text
    with pytest.raises(ValueError, match=r"The frame lacks"):
        draw(build, frame.drop(columns=frame.columns[0]))


def test_groups_show_films_share_and_mean_popularity_and_name_what_is_unknown():
    frame = groups_frame("iso_639_1")
    frame.loc[1, "name"] = None
    frame.loc[2, ["iso_639_1", "name"]] = None
    frame.loc[2, "film_share"] = 0.0001
    spec = draw(catalogue.original_languages, frame)
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
    assert note in "\n".join(map(str, texts_of(draw(catalogue.production_countries, groups_frame("iso_3166_1")))))


def test_releases_stand_by_day_with_their_distance_from_the_snapshot():
    spec = draw(catalogue.release_calendar, release_frame(100, -20, 1, 0, -1, 14))
    rows = rows_of(spec, "when_label")
    assert [(row["day_label"], row["when_label"]) for row in rows] == [
        ("2026-07-11", "2 weeks ago"),
        ("2026-07-30", "1 day ago"),
        ("2026-07-31", "that day"),
        ("2026-08-01", "in 1 day"),
        ("2026-08-14", "in 2 weeks"),
        ("2026-11-08", "in 14 weeks"),
    ]
    assert "No releases" in texts_of(draw(catalogue.release_calendar, release_frame()))


def test_ranges_are_bars_at_their_place_and_unknown_films_are_told():
    films = {0.0: 1, 7.5: 40, 9.5: 2, None: 1234}
    spec = draw(histograms.rating_distribution, ranges_frame(films))
    assert rows_of(spec, "range") == [
        {"middle": 0.25, "value": 1, "range": "0 to under 0.5"},
        {"middle": 7.75, "value": 40, "range": "7.5 to under 8"},
        {"middle": 9.75, "value": 2, "range": "9.5 to 10"},
    ]
    (bar,) = encodings(spec, "bar")
    assert (bar["x"]["scale"]["domain"], bar["y"]["scale"]["domain"]) == ([0, 10], [0, 40])
    assert "43 films; 1,234 more have no votes." in "\n".join(map(str, texts_of(spec)))
    runtimes = draw(histograms.runtime_distribution, ranges_frame({240: 1}))
    assert rows_of(runtimes, "range") == [{"middle": 245, "value": 1, "range": "240 or more"}]
    assert [row["bound_label"] for row in rows_of(runtimes, "bound_label")][-2:] == ["210", "240+"]
    unknown = draw(histograms.runtime_distribution, ranges_frame({None: 5}))
    assert "0 films; 5 more have no known runtime." in "\n".join(map(str, texts_of(unknown)))
    with pytest.raises(ValueError, match=r"at_least=250 is outside of the ranges\."):
        draw(histograms.runtime_distribution, ranges_frame({250: 1}))


def test_money_is_dots_with_the_largest_named_and_what_cannot_be_right_left_out():
    gains = [(1e6 * n, 1e8 * n) for n in range(1, 9)]
    losses = [(5e7, 1e6), (3e7, 2e7), (2e6, 2e6)]
    frame = money_frame(*gains, *losses, (5, 900_000_000), (None, 1e6), (0, 1e6))
    spec = draw(money.budget_and_revenue, frame)
    (dots,) = encodings(spec, "circle")
    assert (dots["x"]["scale"]["type"], dots["y"]["scale"]["type"]) == ("log", "log")
    rows = next(
        rows for rows in spec["datasets"].values() if rows and "is_gain" in rows[0] and "label_at" not in rows[0]
    )
    assert [row["is_gain"] for row in rows] == [True] * 8 + [False] * 3
    named = [row["label"] for row in rows_of(spec, "label_at")]
    assert named == ["Film 8", "Film 10", "Film 9", "Film 2", "Film 3", "Film 4", "Film 5", "Film 6", "Film 7"]
    places = [row["label_at"] for row in rows_of(spec, "label_at")]
    assert places == sorted(set(places))
    text = "\n".join(map(str, texts_of(spec)))
    assert "8 of 11 films took in more than the budget" in text
    assert "Not drawn: 1 film with an amount under $10,000." in text
    assert "No figures" in texts_of(draw(money.budget_and_revenue, money_frame((None, 1e6))))


def test_pictures_full_of_awkward_titles_are_small():
    titles = [title or "" for title in AWKWARD_TITLES]
    dots = money_frame(*((1e4 * 1.03**n, 1e4 * 1.04 ** (n * 7 % 300)) for n in range(300)), titles=titles)
    films = release_frame(*range(len(titles)), titles=titles)
    for chart in (
        money.budget_and_revenue(dots, snapshot_date=DAY, is_sample=True),
        catalogue.release_calendar(films, snapshot_date=DAY, is_sample=True),
    ):
        picture = render.to_png(chart)
        assert size_of(picture)[0] == 700
        assert len(picture) < 90_000
