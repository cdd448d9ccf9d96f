"""What the queries of the pictures return, in their order, computed in plain Python from the rows of a drawn star."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable
from fractions import Fraction
from statistics import median
from typing import Any

from tmdb_assets_tests.cases.drawn_star import COUNTRIES, NEWEST, DrawnStar, draw_forecasts
from tmdb_assets_tests.oracle import views
from tmdb_assets_tests.oracle.views import Rows, newest_facts, states

ONE_DAY = dt.timedelta(days=1)


def _last(value: Any) -> tuple[bool, Any]:
    """Sorts None after every value, and the largest first."""
    return value is None, 0 if value is None else -value


def _first(value: Any) -> tuple[bool, Any]:
    """Sorts None after every value, and the smallest first."""
    return value is None, "" if value is None else value


def _titles(star: DrawnStar) -> dict[int, tuple[str, dt.date | None]]:
    return {film: (title, released) for film, title, released, _, _ in star.films}


def _popular(star: DrawnStar) -> list[int]:
    """The newest day's films, the most popular first."""
    facts = newest_facts(star)
    return sorted(facts, key=lambda film: (-facts[film][0], film))


def budget_and_revenue(star: DrawnStar) -> Rows:
    facts, titles = newest_facts(star), _titles(star)
    known = [film for film in _popular(star) if None not in star.details[film][2:]]
    return [(film, *titles[film], *star.details[film][2:], facts[film][0]) for film in known[:300]]


def continents(star: DrawnStar) -> Rows:
    rows = sorted(views.continents(star), key=lambda row: (_last(row[6]), -row[2], row[0]))
    return [(row[0], _percent(row[6]), row[4], row[2], row[3]) for row in rows]


def genres(star: DrawnStar) -> Rows:
    rows = sorted(views.genres(star), key=lambda row: (_last(row[7]), -row[4], row[0]))
    return [(row[0], row[1], _percent(row[7]), row[5], row[3], row[4]) for row in rows]


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def directors(star: DrawnStar) -> Rows:
    return [(*row[:5], row[6], row[5]) for row in views.directors(star)[:20]]


def _grid(star: DrawnStar, days: int) -> tuple[list[dt.date], int]:
    """The days of a curve up to the newest one, and their distance."""
    reach = min(days, (NEWEST - min(star.facts)).days)
    step = 1 + max(reach - 1, 0) // 366
    return sorted(NEWEST - ago * ONE_DAY for ago in range(0, reach + 1, step)), step


def _curves(star: DrawnStar, films: Iterable[int], days: int, *also: Any) -> Rows:
    grid, step = _grid(star, days)
    return [
        (day, film, f"Film {film}", star.facts[day][film][0], step, *also)
        for film in films
        for day in grid
        if film in star.facts.get(day, {})
    ]


def over_time(star: DrawnStar, *, movie_ids: list[int] | None, days: int) -> Rows:
    return _curves(star, movie_ids or views.top_films(star)[:8], days)


def films_of_a_person(star: DrawnStar, *, person_id: int | None, days: int) -> Rows:
    if person_id is None:
        person_id = min((row for row in views.people(star) if row[3] >= 2), key=lambda row: (-row[6], row[0]))[0]
    removed, last = {row[0] for row in star.films if row[3]}, states(star)
    credited = {film for film, _, person, _ in (*star.cast, *star.crew) if person == person_id}
    films = sorted(credited & last.keys() - removed, key=lambda film: (-last[film][0], film))
    return _curves(star, films[:8], days, f"Person {person_id}")


def forecast_record(star: DrawnStar) -> Rows:
    forecasts = {row[:3]: row[4] for row in draw_forecasts(1)}
    films = [film for film in views.top_films(star) if (NEWEST, 1, film) in forecasts][:6]
    rows: Rows = []
    for film in films:
        for day in sorted(star.facts):
            if film in star.facts[day] and day >= NEWEST - 14 * ONE_DAY:
                rows.append((day, None, film, f"Film {film}", star.facts[day][film][0]))
        for (origin, horizon, other), popularity in sorted(forecasts.items()):
            if other == film and origin >= NEWEST - 7 * ONE_DAY:
                rows.append((origin + horizon * ONE_DAY, origin, film, f"Film {film}", popularity))
    return rows


def genre_shares(star: DrawnStar, *, days: int) -> Rows:
    reach = min(days, (NEWEST - min(star.facts)).days)
    sampled: dict[int, dt.date] = {}
    for day in sorted(star.facts):
        if day >= NEWEST - reach * ONE_DAY:
            sampled[(NEWEST - day).days // (1 + max(reach - 1, 0) // 9)] = day
    removed, rows = {row[0] for row in star.films if row[3]}, []
    for day in sorted(sampled.values()):
        facts = star.facts[day]
        top = set(sorted(facts.keys() - removed, key=lambda film: (-facts[film][0], film))[:200])
        films = defaultdict(set)
        for film, genre in star.genres:
            if film in top:
                films[genre].add(film)
        whole = len(set().union(*films.values()))
        shares = [(genre, len(members) / whole) for genre, members in films.items()]
        rows += [
            (day, genre, f"Genre {genre}", share) for genre, share in sorted(shares, key=lambda it: (-it[1], it[0]))
        ]
    return rows


def key_figures(star: DrawnStar) -> Rows:
    facts, top = newest_facts(star), views.top_films(star)
    rated = [(mean, count) for _, mean, count in facts.values() if mean is not None]
    weighted = sum(Fraction(str(mean)) * count for mean, count in rated) / sum(count for _, count in rated)
    plain = sum(mean for mean, _ in rated) / len(rated)
    votes = sum(count or 0 for _, _, count in facts.values())
    return [(len(facts), plain, float(weighted), votes, median(facts[film][0] for film in top))]


def movers(star: DrawnStar) -> Rows:
    rows = {row[0]: (row[3], row[5], row[8], row[13]) for row in views.trending(star)}
    by_id = sorted(rows, key=lambda film: (-rows[film][0], film))
    risers = sorted(by_id, key=lambda film: _last(rows[film][2]))[:10]
    fallers = sorted(by_id, key=lambda film: (rows[film][2] is None, rows[film][2] or 0))[:10]
    both = {*risers, *fallers}
    shown = sorted((film for film in by_id if film in both), key=lambda film: _last(rows[film][2]))
    return [(film, f"Film {film}", *rows[film]) for film in shown]


def _groups(star: DrawnStar, keys: Callable[[int], Iterable[Any]], name: Callable[[Any], str | None]) -> Rows:
    facts, films = newest_facts(star), defaultdict(list)
    for film, fact in facts.items():
        for key in keys(film):
            films[key].append(fact[0])
    rows = [(key, name(key), len(each), len(each) / len(facts), median(each)) for key, each in films.items()]
    return sorted(rows, key=lambda row: (-row[2], -row[4], _first(row[0])))[:20]


def languages(star: DrawnStar) -> Rows:
    return _groups(star, lambda film: [star.details[film][0]], lambda code: f"Speech {code}" if code else None)


def countries(star: DrawnStar) -> Rows:
    codes = defaultdict(list)
    for film, code in star.countries:
        codes[film].append(code)
    return _groups(star, lambda film: codes.get(film, [None]), lambda code: COUNTRIES[code][0] if code else None)


def _distribution(bounds: Iterable[float | None]) -> Rows:
    counts: dict[float | None, int] = defaultdict(int)
    for bound in bounds:
        counts[bound] += 1
    return sorted(counts.items(), key=lambda row: _first(row[0]))


def ratings(star: DrawnStar) -> Rows:
    means = [mean for _, mean, _ in newest_facts(star).values()]
    return _distribution(None if mean is None else min(int(mean * 2), 19) / 2 for mean in means)


def runtimes(star: DrawnStar) -> Rows:
    minutes = [star.details[film][1] for film in newest_facts(star)]
    return _distribution(None if each is None else min(each // 10 * 10, 240) for each in minutes)


def calendar(star: DrawnStar) -> Rows:
    titles, facts = _titles(star), newest_facts(star)
    near = [film for film in _popular(star) if (day := titles[film][1]) and -30 <= (day - NEWEST).days <= 365][:20]
    return [
        (titles[film][1], film, titles[film][0], facts[film][0])
        for film in sorted(near, key=lambda film: titles[film][1])
    ]


def releases(star: DrawnStar, *, country: str) -> Rows:
    rows = [row for row in views.upcoming(star) if row[0] == country and row[2] <= NEWEST + 60 * ONE_DAY]
    chosen = sorted(rows, key=lambda row: (-row[8], row[4], row[2], row[3]))[:20]
    return [(row[2], row[4], row[5], row[3], row[6], row[8], row[1] or row[0]) for row in sorted(chosen, key=_by_date)]


def _by_date(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return row[2], -row[8], row[4], row[3]


def rising_keywords(star: DrawnStar) -> Rows:
    rows = [row for row in views.keywords(star) if row[5] >= 3 and (row[6] or 0) > 0]
    return [(*row[:3], row[4], row[6]) for row in sorted(rows, key=lambda row: (-row[6], row[0]))[:20]]


def top_films(star: DrawnStar) -> Rows:
    return views.top(star)[:20]


def top_people(star: DrawnStar) -> Rows:
    rows = sorted((row for row in views.people(star) if row[3] >= 2), key=lambda row: (-row[6], row[0]))
    return [(row[0], row[1], row[3], row[6], row[7], row[9]) for row in rows[:20]]


_CURVES: tuple[dict[str, int], ...] = ({"days": 367}, {"days": 366}, {"days": 28})
PICTURES: dict[str, tuple[Callable[..., Rows], tuple[dict[str, Any], ...]]] = {
    "budget_and_revenue": (budget_and_revenue, ({},)),
    "continent_popularity": (continents, ({},)),
    "directors_by_rating": (directors, ({},)),
    "films_of_a_person": (
        films_of_a_person,
        tuple({"person_id": who, **age} for who, age in zip((None, 5, 6), _CURVES, strict=True)),
    ),
    "forecast_record": (forecast_record, ({},)),
    "genre_popularity": (genres, ({},)),
    "genre_shares": (genre_shares, ({"days": 3650}, {"days": 28}, {"days": 27}, {"days": 0})),
    "key_figures": (key_figures, ({},)),
    "movers_of_the_week": (movers, ({},)),
    "original_languages": (languages, ({},)),
    "popularity_over_time": (
        over_time,
        tuple({"movie_ids": ids, **age} for ids, age in zip((None, [7, 2], None), _CURVES, strict=True)),
    ),
    "production_countries": (countries, ({},)),
    "rating_distribution": (ratings, ({},)),
    "release_calendar": (calendar, ({},)),
    "releases_by_country": (releases, ({"country": "FR"}, {"country": "DE"})),
    "rising_keywords": (rising_keywords, ({},)),
    "runtime_distribution": (runtimes, ({},)),
    "top_films": (top_films, ({},)),
    "top_people": (top_people, ({},)),
}
"""The name of a query -> what computes its rows, and the parameters to ask with."""
