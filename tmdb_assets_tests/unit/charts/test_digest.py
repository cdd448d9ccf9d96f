"""The week in ten lines: each line's figures, and lines that are left out where there are none."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from tmdb_assets.charts.digest import READS, digest_lines

DAY = dt.date(2026, 7, 29)
ATTRIBUTION = "This product uses the TMDB API but is not endorsed or certified by TMDB."
TOTALS = {"n_movies": 4, "avg_vote": 6.0, "total_votes": 1200, "votes_weighted_vote": 7.25, "top_200_median": 9.5}
MOVED = ["movie_id", "title", "popularity", "popularity_7d_ago", "change_7d", "change_percent_7d"]


def frames(**given):
    """A frame for each picture: those given, the others without rows."""
    columns = {
        "key_figures": list(TOTALS),
        "movers_of_the_week": MOVED,
        "top_films": ["title", "popularity"],
        "genre_popularity": ["name", "top_200_percent"],
        "rising_keywords": ["name", "change_percent_7d"],
        "top_people": ["name", "popularity"],
        "release_calendar": ["release_date", "movie_id", "title", "popularity"],
    }
    assert set(columns) == set(READS)
    rows = {"key_figures": [tuple(TOTALS.values())], **given}
    return {name: pd.DataFrame(rows.get(name, []), columns=names) for name, names in columns.items()}


def test_the_week_in_ten_lines():
    moved = [
        (1, "Small", 4.0, 1.0, 3.0, 300.0),
        (2, "Riser", 39.0, 26.0, 13.0, 50.0),
        (3, "Faller", 20.0, 40.0, -20.0, -50.0),
        (4, None, 7.0, 7.0, 0.0, 0.0),
        (5, None, 5.0, 6.0, -1.0, -16.7),
    ]
    made = frames(
        movers_of_the_week=moved,
        top_films=[("Riser", 39.0), ("Faller", 20.0), ("Small", 4.0), ("Fourth", 1.0)],
        genre_popularity=[("Drama", 60.4), ("Comedy", 40.0)],
        rising_keywords=[("sea", 24.6)],
        top_people=[("Ann", 59.0)],
        release_calendar=[("2026-07-29", 1, "Out", 9.0), ("2026-08-01", 2, "Soon", 8.0)],
    )
    lines = digest_lines(made, snapshot_date=DAY, is_sample=True)
    assert lines == [
        "SAMPLE DATA: generated figures. Films on TMDB in the week to 2026-07-29",
        "Riser rose most this week: 26.0 to 39.0, +50%.",
        "Also rose: Small (1.0 to 4.0).",  # from less than 5: a percentage would say little
        "Fell most: Faller (40.0 to 20.0, −50%), Film 5 (6.0 to 5.0, −17%).",
        "On top: Riser (39.0), Faller (20.0), Small (4.0).",
        "Genres of the 200 most popular films: Drama (60%), Comedy (40%).",
        "Rising themes: sea (+25%).",
        "People whose films draw most: Ann (59.0).",
        "Next: Soon (2026-08-01).",
        "4 films, 1,200 votes, mean rating by votes 7.2, median popularity of the 200 most popular 9.5. " + ATTRIBUTION,
    ]


def test_lines_without_figures_are_left_out():
    lines = digest_lines(frames(), snapshot_date=DAY, is_sample=False)
    assert lines[0] == "Films on TMDB in the week to 2026-07-29"
    assert len(lines) == 2
    assert lines[1].endswith(ATTRIBUTION)
