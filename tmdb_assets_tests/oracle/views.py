"""What the views show, computed in plain Python from the rows of a drawn star."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable
from fractions import Fraction
from itertools import permutations
from statistics import median
from typing import Any

from tmdb_assets_tests.cases.drawn_star import COUNTRIES, NEWEST, DrawnStar

Rows = list[tuple[Any, ...]]
PRIOR_VOTES, LEAST_FILMS_OF_A_DIRECTOR, LEAST_FILMS_TOGETHER, LEADS = 1000, 3, 2, 5


def _mean(values: Iterable[float]) -> float:
    found = [Fraction(str(value)) for value in values]
    return float(sum(found) / len(found))


def newest_facts(star: DrawnStar) -> dict[int, tuple[float, float | None, int]]:
    """The facts of the newest day, of films that are not removed."""
    removed = {film for film, _, _, removed_date, _ in star.films if removed_date}
    return {film: fact for film, fact in star.facts[NEWEST].items() if film not in removed}


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
        both = [film for film in films if film in week]
        then, figures = sum(week[film][0] for film in both), [now[film][0] for film in films]
        change = 100 * (sum(now[film][0] for film in both) - then) / then if then else None
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
            counts = (len(films), len(as_cast), len(as_crew), sum(figures), median(figures))
            found.append((person, name, department, *counts, films[0], f"Film {films[0]}", NEWEST))
    return found


def upcoming(star: DrawnStar) -> Rows:
    """vw_upcoming_releases."""
    shown = {row[0]: row for row in trending(star)}
    return [
        (
            code, COUNTRIES.get(code), day, kind, film, f"Film {film}", certification, note,
            shown[film][3], *shown[film][8:10], NEWEST,
        )
        for film, code, kind, day, certification, note in star.releases
        if film in shown and day >= NEWEST
    ]  # fmt: skip


def latest(star: DrawnStar) -> Rows:
    """vw_movie_latest."""
    rows = {}
    for day, facts in star.facts.items():
        rows |= {film: (*fact, day, day) for film, fact in facts.items()}
    return [(film, title, released, *rows[film]) for film, title, released, _, _ in star.films if film in rows]


def top(star: DrawnStar) -> Rows:
    """vw_top_movies."""
    titles = {film: (title, released) for film, title, released, _, _ in star.films}
    facts = newest_facts(star)
    order = sorted(facts, key=lambda film: (-facts[film][0], _last(facts[film][1]), -facts[film][2], film))
    return [(rank, film, *titles[film], *facts[film], NEWEST, NEWEST) for rank, film in enumerate(order, start=1)]


def load_status(star: DrawnStar) -> Rows:
    """vw_load_status, without the time of loading; every fact came from discover."""
    return [
        (
            day, len(facts), 1.0, 0.0, sum(row[2] == day for row in star.rejected),
            sum(row[2] for row in star.requests if row[0] == day),
        )
        for day, facts in star.facts.items()
    ]  # fmt: skip


VIEWS = {
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
