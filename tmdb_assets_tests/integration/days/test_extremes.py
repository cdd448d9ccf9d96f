"""The largest and strangest values that an answer can hold: each is loaded or rejected, and no later day is blocked."""

from __future__ import annotations

import datetime as dt

import pytest

from tmdb_assets_tests.cases.awkward import GENRE_NAMES, catalogue, company, film, genres, sound_films
from tmdb_assets_tests.stage.many_days import ONE_DAY
from tmdb_assets_tests.stage.platform import failures_of, platform

DAY = dt.date(2026, 7, 29)
LARGEST = 2**63 - 1
TINY = {"id": LARGEST - 1, "name": "Tiny"}
CONTROLS = "\x01\x1b[31m\u202e\ufeff\uffff\u2028" + "x"
FILMS = [
    film(3_600_000_000),
    film(LARGEST, popularity=99.0, imdb_id="", production_companies=[]),
    film(LARGEST - 1, popularity=99.0, imdb_id="", production_companies=[]),
    film(1, popularity=0.9e9, vote_count=2**31 - 1, vote_average=10.0),
    film(2, popularity=1e9, vote_count=2**31 - 1),
    film(3, popularity=5e-324, genres=[TINY]),
    film(4, popularity=0, vote_count=0, genres=[TINY]),
    film(5, vote_count=2**31),
    film(6, vote_count=LARGEST),
    film(7, budget=LARGEST, revenue=LARGEST),
    film(8, budget=1, revenue=LARGEST, popularity=98.0),
    film(9, runtime=100_000),
    film(10, runtime=LARGEST),
    film(11, release_date="0001-01-01", popularity=97.0),
    film(12, release_date="9999-12-31", popularity=96.0),
    film(13, release_date="infinity"),
    film(14, title=CONTROLS, overview=CONTROLS, popularity=95.0),
    film(15, title="t" * 1_000_000),
    film(16, belongs_to_collection={"id": LARGEST, "name": "c" * 1_000_000}),
    film(17, belongs_to_collection={"id": LARGEST, "name": "Saga"}),
    film(18, production_companies=[company(LARGEST, "Large"), company(LARGEST - 1, "n" * 1_000_000)]),
    film(19, genres=[{"id": LARGEST, "name": "Large"}], popularity=94.0),
    film(21, production_countries=[{"iso_3166_1": "C" * 100_000, "name": "x"}]),
    film(22, imdb_id="tt" + "9" * 30),
    film(23, budget=1e308, revenue=1e18),
    film(24, popularity=-5e-324),
    film(25, popularity=1.0000001e9),
    film(26, popularity=1.7e308),
]
CATALOGUE = catalogue(
    [*sound_films(200), *FILMS],
    genres=[*genres(*GENRE_NAMES), {"id": "x", "name": "No number"}],
    changed=[*(payload["id"] for payload in FILMS), 2**63, 2**64 - 1],
)


REJECTED = {
    "raw_discover": {
        ("24", "popularity at least 0"),
        ("25", "popularity at most 1000000000"),
        ("26", "popularity at most 1000000000"),
    },
    "fact_movie_daily": {(number, "vote_count at most 2147483647") for number in ("5", "6")}
    | {(number, "movie_id is in dim_movie") for number in ("13", "15")},
    "dim_movie": {
        ("10", "runtime_minutes at most 100000"),
        ("13", "release_date is of kind date"),
        ("15", "title max length 2000"),
        ("16", "collection_name max length 1000"),
        ("22", "imdb_id max length 20"),
        ("23", "budget_usd is of kind integer"),
    },
}
LOADED = {number for number in range(1, 24) if number not in (5, 6, 13, 15, 20)} | {3_600_000_000, LARGEST - 1, LARGEST}
MONEY = "select movie_id, budget_usd, revenue_usd, release_date::text, collection_id from dim_movie where "


@pytest.mark.long
def test_extremes_are_loaded_or_rejected_with_a_reason_and_block_no_later_day(warehouse, monkeypatch):
    with platform(warehouse, CATALOGUE, monkeypatch, tmdb_pages=500) as made:
        for day in (DAY, DAY + 40 * ONE_DAY):  # by the second all details are stale
            assert failures_of(made.run(day)) == []
            found = made.rows(
                "select table_name, payload ->> 'movie_id', reasons -> 0 ->> 'rule' from rejected_row "
                "where snapshot_date = :day and table_name = any(:names)",
                day=day,
                names=list(REJECTED),
            )
            assert {
                name: {(film, rule) for table, film, rule in found if table == name} for name in REJECTED
            } == REJECTED
            facts = made.column("select movie_id from fact_movie_daily where date_id = :day", day=day)
            assert {movie_id for movie_id in facts if movie_id < 9001 or movie_id > 10_000} == LOADED
            top = made.column("select movie_id from vw_top_movies where rank <= 5 order by rank")
            assert top == [2, 1, 3_600_000_000, LARGEST - 1, LARGEST]
        assert made.rows(MONEY + "movie_id in (7, 8, 11, 12, 17) order by 1") == [
            (7, LARGEST, LARGEST, "2020-02-29", None),
            (8, 1, LARGEST, "2020-02-29", None),
            (11, 1_000_000, 2_000_000, "0001-01-01", None),
            (12, 1_000_000, 2_000_000, "9999-12-31", None),
            (17, 1_000_000, 2_000_000, "2020-02-29", LARGEST),
        ]
        features = "select max(popularity), count(*) > 400 from movie_features(:first, :last)"
        assert made.rows(features, first=DAY, last=DAY + 40 * ONE_DAY) == [(1e9, True)]
        means = "select avg_popularity from vw_genre_popularity where genre_id = any(:ids) order by genre_id"
        assert made.column(means, ids=[LARGEST - 1, LARGEST]) == [0.0, 94.0]  # the mean of 5e-324 and 0
        assert made.value("select name from vw_genre_popularity where genre_id = :id", id=LARGEST) == "Large"
