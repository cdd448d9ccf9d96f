"""Frames as the pictures' queries return them, and one per picture with the words that name its unit."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pandas as pd

DAY = dt.date(2026, 7, 31)
TITLES = ("Alien", "Brazil", "Casablanca", "Dune", "Elephant", "Fargo", "Gilda", "Heat", "Ikiru", "Jaws")
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
    row = {"n_movies": 2000, "avg_vote": 5.96, "votes_weighted_vote": Decimal("6.534"), "total_votes": 123_456_789}
    return pd.DataFrame([row | {"top_200_median": 23.45, "snapshot_date": DAY} | changes], dtype=object)


def genre_frame(count=3):
    rows = [(n, f"Genre {n}", float(n), n / 2, n * 1000, n * 10) for n in range(1, count + 1)]
    columns = ["genre_id", "name", "top_200_percent", "median_popularity", "total_votes", "nb_movies"]
    return pd.DataFrame(rows, columns=columns)


def continent_frame():
    rows = [
        ("Asia", 21.5, 4.0, 410, 2_000_000),
        ("Antarctica", None, None, 1, 0),
        ("Europe", Decimal("28.1"), 3.0, 800, 8_123_456),
    ]
    columns = ["continent", "top_200_percent", "median_popularity", "n_movies", "total_votes"]
    return pd.DataFrame(rows, columns=columns)


def film_frame(titles=TITLES[:3], **changes):
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


def groups_frame(code, count=3):
    rows = [(f"c{n}", f"Name {n}", 50 - n, (50 - n) / 200, float(n)) for n in range(count)]
    return pd.DataFrame(rows, columns=[code, "name", "n_movies", "film_share", "median_popularity"])


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


def many_amounts():
    """Budgets and revenues of 300 films, many of which overlap in the picture."""
    return [(1e4 * 1.03**n, 1e4 * 1.04 ** (n * 7 % 300)) for n in range(300)]


def days_frame(films, titles=TITLES):
    """Rows of films, each given as popularity by days ago, oldest first."""
    rows = [
        (DAY - dt.timedelta(days=ago), 1001 + number, titles[number], value)
        for number, days in enumerate(films)
        for ago, value in sorted(days.items(), reverse=True)
    ]
    return pd.DataFrame(rows, columns=["date_id", "movie_id", "title", "popularity"])


def month(level, days=31):
    return {ago: level + ago % 5 for ago in range(days)}


def movers_frame(*changes, titles=None):
    rows = [
        (n, titles[n % len(titles)] if titles else f"Film {n}", 100.0 + n, change, change)
        for n, change in enumerate(changes, start=1)
    ]
    return pd.DataFrame(rows, columns=["movie_id", "title", "popularity", "change_7d", "change_percent_7d"])


def shares_frame(shares, days=(14, 0)):
    """Rows of genre shares, given by genre for each of `days` ago."""
    rows = [
        (DAY - dt.timedelta(days=ago), genre, f"Genre {genre}", share)
        for genre, by_day in shares.items()
        for ago, share in zip(days, by_day, strict=True)
        if share is not None
    ]
    return pd.DataFrame(rows, columns=["date_id", "genre_id", "name", "film_share"])


def people_frame(count=3, titles=TITLES):
    rows = [(n, f"Person {n}", 10 - n % 5, 900.0 / n, 20.5, titles[n % len(titles)]) for n in range(1, count + 1)]
    return pd.DataFrame(
        rows, columns=["person_id", "name", "n_movies", "popularity", "median_popularity", "best_title"]
    )


def directors_frame(count=3):
    rows = [(n, n, f"Director {n}", 3 + n, 100 * n, 8.5 - n / 10, 8.4) for n in range(1, count + 1)]
    names = ["rank", "person_id", "name", "n_movies", "total_votes", "weighted_rating", "votes_weighted_rating"]
    return pd.DataFrame(rows, columns=names)


def releases_frame(*agos, titles=TITLES):
    kinds = ("Premiere", "Theatrical (limited)", "Theatrical", "Digital", "Physical", "TV")
    rows = [
        (
            DAY + dt.timedelta(days=ago),
            n,
            titles[n % len(titles)],
            kinds[n % 6],
            None if n % 2 else "R",
            50.0 + n,
            "Peru",
        )
        for n, ago in enumerate(agos, start=1)
    ]
    names = ["release_date", "movie_id", "title", "release_type", "certification", "popularity", "country"]
    return pd.DataFrame(rows, columns=names)


def keywords_frame(count=3):
    rows = [(n, f"keyword {n}", n + 2, 12.5, 90.0 / n) for n in range(1, count + 1)]
    return pd.DataFrame(rows, columns=["keyword_id", "name", "n_movies", "median_popularity", "change_percent_7d"])


def forecast_frame(films=6, origins=8):
    days = [DAY - dt.timedelta(days=ago) for ago in range(14, -1, -1)]
    rows = []
    for film in range(1, films + 1):
        named = {"movie_id": film, "title": TITLES[film] if film < len(TITLES) else None}
        rows += [named | {"date_id": day, "origin_date": None, "popularity": 50.0 * film + day.day} for day in days]
        rows += [
            named
            | {
                "date_id": origin + dt.timedelta(days=step),
                "origin_date": origin,
                "popularity": 50.0 * film + origin.day,
            }
            for origin in days[15 - origins :]
            for step in range(1, 8)
        ]
    return pd.DataFrame(rows, columns=["date_id", "origin_date", "movie_id", "title", "popularity"])


EVERY_PICTURE = {
    "forecast_record": (forecast_frame(), "popularity score (no unit)"),
    "top_people": (people_frame(), "popularity score (no unit)"),
    "directors_by_rating": (directors_frame(), "0 to 10"),
    "films_of_a_person": (
        days_frame([month(level) for level in (900, 500)]).assign(person_name="Ann Lee"),
        "popularity score (no unit)",
    ),
    "releases_by_country": (releases_frame(0, 3, 20), "popularity score (no unit)"),
    "rising_keywords": (keywords_frame(), "in %"),
    "key_figures": (key_frame(), "of 10"),
    "top_films": (film_frame(), "popularity score (no unit)"),
    "genre_popularity": (genre_frame(), "in %"),
    "continent_popularity": (continent_frame(), "in %"),
    "popularity_over_time": (days_frame([month(level) for level in (900, 500)]), "popularity score (no unit)"),
    "movers_of_the_week": (movers_frame(12.5, -3.25), "popularity score (no unit)"),
    "genre_shares": (shares_frame({1: (0.25, 0.5)}), "in %"),
    "original_languages": (groups_frame("iso_639_1"), "Number of films"),
    "production_countries": (groups_frame("iso_3166_1"), "Number of films"),
    "release_calendar": (release_frame(-3, 0, 20), "popularity score (no unit)"),
    "rating_distribution": (ranges_frame({6.5: 3, None: 1}), "0 to 10"),
    "runtime_distribution": (ranges_frame({90: 3}), "minutes"),
    "budget_and_revenue": (money_frame((1e6, 2e6)), "US dollars"),
}
CROWDED = {
    "top_people": people_frame(20, AWKWARD_TITLES),
    "releases_by_country": releases_frame(*range(20), titles=AWKWARD_TITLES),
    "top_films": film_frame([f"{n} The Quick Brown Fox Jumps Over the Lazy Dog" for n in range(40)]),
    "genre_popularity": genre_frame(30),
    "popularity_over_time": days_frame(
        [{ago: 900 / (n + 1) + (ago * (n + 7)) % 41 for ago in range(90)} for n in range(8)],
        [f"{n} {title or 'No title'} and more words" for n, title in enumerate(AWKWARD_TITLES)],
    ),
    "movers_of_the_week": movers_frame(*(n - 12.5 for n in range(25)), titles=AWKWARD_TITLES),
    "release_calendar": release_frame(*range(len(AWKWARD_TITLES)), titles=AWKWARD_TITLES),
    "budget_and_revenue": money_frame(*many_amounts(), titles=AWKWARD_TITLES),
}
"""Pictures with as much content as possible."""
