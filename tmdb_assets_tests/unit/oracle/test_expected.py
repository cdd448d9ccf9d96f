"""The expected figures, with which loads are compared, are right."""

from __future__ import annotations

import datetime as dt
from itertools import permutations
from typing import TYPE_CHECKING

import pytest

from tmdb_assets_tests.cases.awkward import DAYS, GALLERY, catalogue, company, film
from tmdb_assets_tests.fakes.replay import ReplayServer
from tmdb_assets_tests.fakes.replay_catalogue import Catalogue, catalogue_of, recordings_missing
from tmdb_assets_tests.oracle.expected import (
    Average,
    Fact,
    continent_popularity,
    genre_popularity,
    movie_latest,
    read_continents,
    star,
    top_movies,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tmdb_assets_tests.oracle.expected import Star

recorded = pytest.mark.skipif(recordings_missing() is not None, reason=str(recordings_missing()))


@recorded
def test_expected_figures_of_the_recorded_days() -> None:
    # The figures come from another reading of the same files (a data frame over the exploded lists).
    tables = star((day, catalogue_of(day)) for day in DAYS)
    counts = tables.row_counts()
    assert {name: counts[name] for name in ("fact_movie_daily", "raw_discover", "raw_details")} == {
        "fact_movie_daily": 2469,
        "raw_discover": 2469,
        "raw_details": 2469,
    }
    dimensions = ("dim_movie", "dim_genre", "dim_company", "dim_country", "dim_language", "raw_reference")
    assert [counts[name] for name in dimensions] == [823, 19, 1361, 251, 187, 19 + 251 + 187]
    bridges = ("genre", "company", "country", "language")
    assert [counts[f"bridge_movie_{name}"] for name in bridges] == [2392, 3165, 1169, 1334]
    assert [823 - len(tables.links_per_film(f"bridge_movie_{name}")) for name in bridges] == [3, 15, 10, 2]
    assert [tables.votes(day) for day in DAYS] == [3367985, 3369209, 3370363]
    assert [round(tables.popularity(day), 4) for day in DAYS] == [7724.3822, 7711.6324, 8031.1433]
    assert (tables.total("revenue_usd"), tables.total("budget_usd")) == (194895136128, 50096556714)
    assert {name: count for name, count in tables.unknown().items() if count} == {
        "runtime_minutes": 10,
        "budget_usd": 130,
        "homepage": 231,
        "imdb_id": 9,
        "overview": 4,
        "collection_id": 440,
        "collection_name": 440,
        "removed_date": 823,
    }
    assert sum(fact.vote_average is None for fact in tables.fact_movie_daily.values()) == 18
    assert tables.links_per_film("bridge_movie_genre")[268531] == 4  # Action went away on the last day


@recorded
def test_expected_views_of_the_newest_recorded_day(tmp_path: Path) -> None:
    tables = star({day: catalogue_of(day) for day in DAYS})
    assert top_movies(tables, 5) == [634649, 1311031, 83533, 299536, 1419406]
    assert len(top_movies(tables)) == 200
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


def test_expected_state_is_the_newest_days_in_any_order() -> None:
    case = GALLERY["a_b_a"]()
    first = star(case.days)
    assert all(star(order) == first for order in permutations(case.days.items()))
    assert first.dim_movie[101]["title"] == "First title"
    assert first.dim_movie[107]["release_date"] == dt.date(2026, 8, 1)
    assert first.dim_movie[150]["details_date"] == first.dim_movie[150]["as_of_date"] == DAYS[0]
    assert {key for film_id, key in first.bridge_movie_genre if film_id == 102} == {18, 35}
    assert {key for film_id, key in first.bridge_movie_country if film_id == 104} == {"US", "FR"}
    assert first.dim_company[3] == ("Old name", None)
    assert {1, 2, 3} < set(first.dim_company)
    assert [first.fact_movie_daily[day, 110] for day in DAYS] == [
        Fact(900.5, 8.0, 10),
        Fact(1.25, None, 0),
        Fact(900.5, 8.0, 10),
    ]
    between = star([*case.days.items()][:2])
    assert between.dim_movie[107]["release_date"] is None
    assert between.dim_movie[106]["budget_usd"] is None
    assert between.dim_movie[108]["collection_id"] is None
    assert {key for film_id, key in between.bridge_movie_genre if film_id == 102} == {35, 27}
    with pytest.raises(ValueError, match="twice"):
        star([*case.days.items(), (DAYS[0], Catalogue())])


def state_of(name: str) -> Star:
    case = GALLERY[name]()
    return star(case.days, without=case.broken)


def test_expected_state_of_the_awkward_films() -> None:
    nul = state_of("nul_in_title")
    assert nul.dim_movie[101]["title"] == "Beforeafter"
    assert nul.dim_movie[101]["original_title"] is None
    assert nul.dim_company[4] == ("Nul Pictures", None)
    twice = state_of("company_twice")
    assert twice.bridge_movie_company == {(101, 5), (102, 6), (103, 6)}
    assert twice.dim_company == {5: ("Twice", "US"), 6: ("Higher id", None)}
    countries = state_of("former_countries")
    assert countries.dim_country["SU"] == "Soviet Union"
    assert countries.dim_country["XK"] == "Kosovo"
    assert ("country", "XK") not in countries.raw_reference
    languages = state_of("odd_languages").dim_language
    assert {code: languages[code] for code in ("mo", "zz", "sh", "qq", "xx")} == {
        "mo": None,
        "zz": "Only native",
        "sh": "Serbo-Croatian",
        "qq": None,
        "xx": "No Language",
    }
    assert state_of("big_money").total("revenue_usd") == 2_923_706_026 + 2_000_000 + 2**53 + 1
    empty = state_of("empty_film")
    filled = {"title", "original_title", "original_language", "is_adult", "as_of_date", "details_date"}
    assert {name for name, value in empty.dim_movie[101].items() if value is not None} == filled
    facts = [empty.fact_movie_daily[DAYS[0], movie_id] for movie_id in (101, 102, 103)]
    assert [fact.vote_average for fact in facts] == [None, None, 0]
    assert top_movies(empty) == [103, 102, 101]


def test_expected_state_of_films_that_come_twice_or_go() -> None:
    case = GALLERY["listed_twice"]()
    with ReplayServer(case.days[DAYS[0]]) as server:
        pages = [server.get("/discover/movie", page=page).json()["results"] for page in (1, 2, 3)]
    assert pages[0][-1]["id"] == pages[1][0]["id"] == 101
    assert [len(page) for page in pages] == [20, 20, 3]
    twice = star(case.days)
    assert len(twice.fact_movie_daily) == 41
    assert twice.fact_movie_daily[DAYS[0], 101] == Fact(77.5, 6.6, 101)
    assert twice.fact_movie_daily[DAYS[0], 102].popularity == 3.0
    assert star(case.days, pages=1).fact_movie_daily[DAYS[0], 101] == Fact(10.101, 6.5, 100)
    gone = state_of("gone")
    removed = {movie_id: row["removed_date"] for movie_id, row in gone.dim_movie.items() if row["removed_date"]}
    assert removed == {101: DAYS[2], 102: DAYS[2]}
    assert [gone.dim_movie[movie_id]["details_date"] for movie_id in (101, 102, 103)] == [None, DAYS[1], DAYS[2]]
    assert gone.dim_movie[101]["title"] == "Film 101"
    assert gone.raw_details[DAYS[1], 103] == 404
    assert movie_latest(gone)[102] == (DAYS[2], Fact(10.102, 6.5, 100))
    assert not {101, 102} & set(top_movies(gone))


def test_so_many_missing_films_are_not_believed() -> None:
    films = catalogue([film(n) for n in range(1, 101)])
    assert star({DAYS[0]: films.but(gone=range(1, 21))}).unknown()["removed_date"] == 80
    assert star({DAYS[0]: films.but(gone=range(1, 22))}).unknown()["removed_date"] == 100


def test_the_newest_name_of_a_company_wins() -> None:
    days = {
        DAYS[0]: catalogue([film(1, production_companies=[company(9, "New", "FR")])]),
        DAYS[1]: catalogue([film(2, production_companies=[company(9, "Newer", "")])]),
    }
    tables = star(days)
    assert tables.dim_company == {9: ("Newer", None)}
    assert tables.bridge_movie_company == {(1, 9), (2, 9)}
    assert tables.dim_movie[1]["as_of_date"] == DAYS[0]
