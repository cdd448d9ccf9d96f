"""The expected figures of the recorded days agree with another reading of the same files: a data frame of the lists."""

from __future__ import annotations

from pathlib import Path

import pytest

from tmdb_assets_tests.cases.awkward import DAYS
from tmdb_assets_tests.fakes.replay_catalogue import catalogue_of, recordings_missing
from tmdb_assets_tests.oracle.expected import (
    Average,
    Star,
    continent_popularity,
    genre_popularity,
    read_continents,
    star,
    top_movies,
)

pytestmark = pytest.mark.skipif(recordings_missing() is not None, reason=str(recordings_missing()))


@pytest.fixture(scope="module")
def tables() -> Star:
    return star({day: catalogue_of(day) for day in DAYS})


def test_expected_tables_of_the_recorded_days(tables: Star) -> None:
    assert {name: len(rows) for name, rows in vars(tables).items() if name != "days"} == {
        **dict.fromkeys(("fact_movie_daily", "raw_discover", "raw_details"), 2469),
        "dim_movie": 823,
        "dim_genre": 19,
        "dim_company": 1361,
        "dim_country": 251,
        "dim_language": 187,
        "raw_reference": 19 + 251 + 187,
        "bridge_movie_genre": 2392,
        "bridge_movie_company": 3165,
        "bridge_movie_country": 1169,
        "bridge_movie_language": 1334,
        **dict.fromkeys(("dim_person", "dim_keyword", "bridge_movie_cast", "bridge_movie_crew"), 0),
        **dict.fromkeys(("bridge_movie_keyword", "movie_release"), 0),
    }
    days = [[fact for (date, _), fact in tables.fact_movie_daily.items() if date == day] for day in DAYS]
    assert [sum(fact.vote_count for fact in facts) for facts in days] == [3367985, 3369209, 3370363]
    assert [round(sum(fact.popularity for fact in facts), 4) for facts in days] == [7724.3822, 7711.6324, 8031.1433]
    films = tables.dim_movie.values()
    money = [sum(film[name] or 0 for film in films) for name in ("revenue_usd", "budget_usd")]
    assert money == [194895136128, 50096556714]
    unknown = {name: sum(film[name] is None for film in films) for name in tables.dim_movie[268531]}
    assert {name: count for name, count in unknown.items() if count} == {
        "runtime_minutes": 10,
        "budget_usd": 130,
        "homepage": 231,
        "imdb_id": 9,
        "overview": 4,
        "collection_id": 440,
        "collection_name": 440,
        "removed_date": 823,
        **dict.fromkeys(("credits_date", "keywords_date", "releases_date"), 823),
    }


def test_expected_views_of_the_newest_recorded_day(tables: Star, tmp_path: Path) -> None:
    assert top_movies(tables, 5) == [634649, 1311031, 83533, 299536, 1419406]
    genres = genre_popularity(tables)
    assert genres[28] == Average(pytest.approx(11.573704, abs=1e-6), 1667706, 346)
    assert genres[878] == Average(pytest.approx(16.778308, abs=1e-6), 1001033, 142)
    path = tmp_path / "continents.csv"
    path.write_text(
        "iso_3166_1,name,continent,note\nUS,,North America,\nCA,,North America,\nMX,,North America,\nFR,,,\n"
    )
    assert continent_popularity(tables, read_continents(path)) == {
        "North America": Average(pytest.approx(11.9209158, abs=1e-7), 3229966, 569)
    }
