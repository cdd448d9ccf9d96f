"""What the views show, computed in plain Python from the rows of a drawn star."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import reduce
from itertools import permutations
from operator import add
from statistics import median
from typing import Any

from tmdb_assets_tests.cases.drawn_star import COUNTRIES, NEWEST, DrawnStar, Fact

Rows = list[tuple[Any, ...]]
PRIOR_VOTES, LEAST_FILMS_OF_A_DIRECTOR, LEAST_FILMS_TOGETHER, LEADS = 1000, 3, 2, 5
TOP, PLACES = 200, 100  # films of the ranking, and decimal places of means and shares


def _mean(values: Iterable[float]) -> float:
    found = [Fraction(str(value)) for value in values]
    return float(sum(found) / len(found))


def states(star: DrawnStar) -> dict[int, tuple[float, float | None, int | None, dt.date, dt.date | None]]:
    """The last state of each film: newest popularity, last known votes, and the day of each."""
    rows: dict[int, tuple[float, float | None, int | None, dt.date, dt.date | None]] = {}
    for day, facts in sorted(star.facts.items()):
        for film, (popularity, mean, count) in facts.items():
            votes = rows.get(film, (None,) * 5)[1:] if count is None else (mean, count, day, day)
            rows[film] = (popularity, votes[0], votes[1], day, votes[3])
    return rows


def newest_facts(star: DrawnStar) -> dict[int, Fact]:
    """The popularity and last known votes of the films of the newest day that are not removed."""
    removed = {film for film, _, _, removed_date, _ in star.films if removed_date}
    return {
        film: (popularity, mean, count)
        for film, (popularity, mean, count, day, _) in states(star).items()
        if day == NEWEST and film not in removed
    }


def trending(star: DrawnStar) -> Rows:
    """vw_trending_movies."""
    titles = {film: (title, released) for film, title, released, _, _ in star.films}
    now = newest_facts(star)

    def before(film: int, days: int) -> float | None:
        fact = star.facts[NEWEST - dt.timedelta(days=days)].get(film)
        return fact[0] if fact else None

    rows = {}
    for film, (popularity, _, _) in now.items():
        then = [before(film, days) for days in (1, 7, 30)]
        changes = [None if each is None else popularity - each for each in then]
        percents = [None if each is None or each < 0.001 else 100 * (popularity - each) / each for each in then]
        rows[film] = (popularity, then, changes, percents)
    by_change = sorted(rows, key=lambda film: (_last(rows[film][2][1]), -rows[film][0], film))
    ranked = [film for film in rows if (rows[film][1][1] or 0) >= 5]
    by_percent = sorted(ranked, key=lambda film: (-rows[film][3][1], -rows[film][0], film))
    return [
        (
            film, *titles[film], popularity, *then, *changes, by_change.index(film) + 1, NEWEST, *percents,
            by_percent.index(film) + 1 if film in ranked else None,
        )
        for film, (popularity, then, changes, percents) in rows.items()
    ]  # fmt: skip


def _last(value: float | None) -> tuple[bool, float]:
    return value is None, -(value or 0.0)


def costars(star: DrawnStar) -> Rows:
    """vw_costars."""
    leads = defaultdict(set)
    for film, _, person, order in star.cast:
        if film in newest_facts(star) and order < LEADS:
            leads[film].add(person)
    pairs = Counter(pair for people in leads.values() for pair in permutations(people, 2))
    often = {pair: count for pair, count in pairs.items() if count >= LEAST_FILMS_TOGETHER}
    return [(a, f"Person {a}", b, f"Person {b}", count) for (a, b), count in often.items()]


def directors(star: DrawnStar) -> Rows:
    """vw_director_ranking."""
    rated = {
        film: (Fraction(str(mean)), count) for film, (_, mean, count) in newest_facts(star).items() if mean and count
    }
    mean = sum(rating * count for rating, count in rated.values()) / sum(count for _, count in rated.values())
    films = defaultdict(set)
    for film, _, person, job in star.crew:
        if job == "Director" and film in rated:
            films[person].add(film)
    found = []
    for person, directed in films.items():
        if len(directed) >= LEAST_FILMS_OF_A_DIRECTOR:
            votes = sum(rated[film][1] for film in directed)
            total = sum(rated[film][0] * rated[film][1] for film in directed)
            found.append(
                (person, len(directed), votes, total / votes, (total + PRIOR_VOTES * mean) / (votes + PRIOR_VOTES))
            )
    found.sort(key=lambda row: (-row[4], -row[2], row[0]))
    return [
        (rank, person, f"Person {person}", count, votes, float(own), float(weighted))
        for rank, (person, count, votes, own, weighted) in enumerate(found, start=1)
    ]


def keywords(star: DrawnStar) -> Rows:
    """vw_keyword_popularity."""
    now, week = newest_facts(star), star.facts[NEWEST - dt.timedelta(days=7)]
    found = []
    for keyword in sorted({keyword for _, keyword in star.keywords}):
        films = [film for film, each in star.keywords if each == keyword and film in now]
        if not films:
            continue
        both = [film for film in films if film in week]
        then, popular = (sum(Fraction(str(facts[film][0])) for film in both) for facts in (week, now))
        change = float(100 * (popular - then) / then) if then else None
        figures = [now[film][0] for film in films]
        found.append(
            (keyword, f"word {keyword}", len(films), _mean(figures), median(figures), len(both), change, NEWEST)
        )
    return found


def people(star: DrawnStar) -> Rows:
    """vw_person_popularity."""
    now = newest_facts(star)
    found = []
    for person, name, department, _ in star.people:
        as_cast = {film for film, _, each, _ in star.cast if each == person} & now.keys()
        as_crew = {film for film, _, each, _ in star.crew if each == person} & now.keys()
        films = sorted(as_cast | as_crew, key=lambda film: (-now[film][0], film))
        if films:
            figures = [now[film][0] for film in films]
            whole = reduce(add, figures)  # of doubles, in this order
            counts = (len(films), len(as_cast), len(as_crew), whole, median(figures))
            found.append((person, name, department, *counts, films[0], f"Film {films[0]}", NEWEST))
    return found


def upcoming(star: DrawnStar) -> Rows:
    """vw_upcoming_releases."""
    shown = {row[0]: row for row in trending(star)}
    return [
        (
            code, COUNTRIES.get(code, (None,))[0], day, kind, film, f"Film {film}", certification, note,
            shown[film][3], *shown[film][8:10], NEWEST,
        )
        for film, code, kind, day, certification, note in star.releases
        if film in shown and day >= NEWEST
    ]  # fmt: skip


def latest(star: DrawnStar) -> Rows:
    """vw_movie_latest."""
    rows = states(star)
    return [(film, title, released, *rows[film]) for film, title, released, _, _ in star.films if film in rows]


def top_films(star: DrawnStar) -> list[int]:
    """The films of vw_top_movies in their order."""
    facts = newest_facts(star)
    order = sorted(facts, key=lambda film: (-facts[film][0], _last(facts[film][1]), _last(facts[film][2]), film))
    return order[:TOP]


def top(star: DrawnStar) -> Rows:
    """vw_top_movies."""
    shown = {row[0]: row for row in latest(star)}
    return [(rank, *shown[film]) for rank, film in enumerate(top_films(star), start=1)]


def _totals(star: DrawnStar, links: Iterable[tuple[int, Any]]) -> dict[Any, tuple[Any, ...]]:
    """The measures of each group, a film counted once in it, as vw_continent_popularity shows them."""
    facts, of_top, dates = newest_facts(star), set(top_films(star)), states(star)
    popular = {film: Fraction(fact[0]) for film, fact in facts.items()}
    whole, top_whole = sum(popular.values()), sum(popular[film] for film in of_top)
    groups = defaultdict(set)
    for film, group in links:
        if film in facts and group is not None:
            groups[group].add(film)
    return {
        group: (
            _places(sum(popular[film] for film in films) / len(films)),
            len(films),
            sum(facts[film][2] or 0 for film in films),
            median(facts[film][0] for film in films),
            _places(sum(popular[film] for film in films) / whole) if whole else None,
            _places(sum(popular[film] for film in films & of_top) / top_whole) if whole else None,
            sum(bool(facts[film][2]) for film in films),
            min((day for film in films if (day := dates[film][4])), default=None),
            *_ratings([facts[film] for film in films]),
        )
        for group, films in groups.items()
    }


def _ratings(facts: Iterable[Fact]) -> tuple[float | None, float | None]:
    """The plain mean of the ratings, and that by votes."""
    rated = [(Fraction(str(mean)), count) for _, mean, count in facts if mean is not None and count]
    if not rated:
        return None, None
    plain = sum(mean for mean, _ in rated) / len(rated)
    return float(plain), float(sum(mean * count for mean, count in rated) / sum(count for _, count in rated))


def _places(value: Fraction, places: int = PLACES) -> float:
    return float(Fraction(int(value * 10**places + Fraction(1, 2)), 10**places))


def genres(star: DrawnStar) -> Rows:
    """vw_genre_popularity."""
    found = _totals(star, star.genres)
    return [(genre, f"Genre {genre}", row[0], row[2], row[1], *row[3:]) for genre, row in found.items()]


def continents(star: DrawnStar) -> Rows:
    """vw_continent_popularity."""
    found = _totals(star, ((film, COUNTRIES[code][1]) for film, code in star.countries))
    return [(continent, *row) for continent, row in found.items()]


def load_status(star: DrawnStar) -> Rows:
    """vw_load_status, without the time of loading."""
    return [
        (
            day, len(facts), *_shares(facts), sum(row[2] == day for row in star.rejected),
            sum(row[2] for row in star.requests if row[0] == day),
        )
        for day, facts in star.facts.items()
    ]  # fmt: skip


def _shares(facts: Mapping[int, Fact]) -> tuple[float | None, float | None]:
    exported = sum(count is None for _, _, count in facts.values())
    if not facts:
        return None, None
    return _places(Fraction(len(facts) - exported, len(facts)), 4), _places(Fraction(exported, len(facts)), 4)


VIEWS = {
    "vw_genre_popularity": genres,
    "vw_continent_popularity": continents,
    "vw_trending_movies": trending,
    "vw_costars": costars,
    "vw_director_ranking": directors,
    "vw_keyword_popularity": keywords,
    "vw_person_popularity": people,
    "vw_upcoming_releases": upcoming,
    "vw_movie_latest": latest,
    "vw_top_movies": top,
    "vw_load_status": load_status,
}
