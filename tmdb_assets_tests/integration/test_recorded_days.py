"""Three recorded days through the real client into real Postgres, compared with figures computed independently."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from tmdb_assets.warehouse.resource import Warehouse
from tmdb_assets_tests import expected
from tmdb_assets_tests.expected import Star, star
from tmdb_assets_tests.platform import Platform, checks_of, failures_of, metadata_of, platform
from tmdb_assets_tests.replay import catalogue_of

DAYS = [dt.date(2026, 7, 29), dt.date(2026, 7, 30), dt.date(2026, 7, 31)]
MOVIE_COLUMNS = (
    "title, original_title, release_date, status, original_language, runtime_minutes, budget_usd, revenue_usd, "
    "is_adult, homepage, imdb_id, overview, poster_path, collection_id, collection_name, as_of_date, details_date, "
    "removed_date"
)
STATE = {
    "dim_movie": f"select movie_id, {MOVIE_COLUMNS} from dim_movie",
    "dim_genre": "select genre_id, name, as_of_date from dim_genre",
    "dim_company": "select company_id, name, origin_country, as_of_date from dim_company",
    "dim_country": "select iso_3166_1, name, continent, as_of_date from dim_country",
    "dim_language": "select iso_639_1, name, as_of_date from dim_language",
    "bridge_movie_genre": "select movie_id, genre_id from bridge_movie_genre",
    "bridge_movie_company": "select movie_id, company_id from bridge_movie_company",
    "bridge_movie_country": "select movie_id, iso_3166_1 from bridge_movie_country",
    "bridge_movie_language": "select movie_id, iso_639_1 from bridge_movie_language",
    "fact_movie_daily": "select date_id, movie_id, popularity, vote_average, vote_count, source from fact_movie_daily",
    "movie_latest": "select movie_id, popularity, snapshot_date, vote_average, vote_count, votes_date "
    "from movie_latest",
    "rejected_row": "select id, table_name, snapshot_date, part, reasons::text from rejected_row",
}


def state_of(loaded: Platform) -> dict[str, list[tuple[Any, ...]]]:
    """Every table's rows without the times of loading, sorted."""
    return {name: sorted(loaded.rows(query), key=repr) for name, query in STATE.items()}


def assert_tables_equal(loaded: Platform, right: Star) -> None:
    """Every table holds exactly what was expected."""
    movies = {row[0]: row[1:] for row in loaded.rows(STATE["dim_movie"])}
    names = [name.strip() for name in MOVIE_COLUMNS.split(",")]
    assert movies == {movie_id: tuple(row[name] for name in names) for movie_id, row in right.dim_movie.items()}
    facts = {(row[0], row[1]): tuple(row[2:]) for row in loaded.rows(STATE["fact_movie_daily"])}
    assert facts == {key: tuple(fact) for key, fact in right.fact_movie_daily.items()}
    assert dict(loaded.rows("select genre_id, name from dim_genre")) == right.dim_genre
    assert dict(loaded.rows("select iso_3166_1, name from dim_country")) == right.dim_country
    assert dict(loaded.rows("select iso_639_1, name from dim_language")) == right.dim_language
    companies = {
        row[0]: (row[1], row[2]) for row in loaded.rows("select company_id, name, origin_country from dim_company")
    }
    assert companies == right.dim_company
    for bridge in ("bridge_movie_genre", "bridge_movie_company", "bridge_movie_country", "bridge_movie_language"):
        assert set(loaded.rows(STATE[bridge])) == getattr(right, bridge), bridge
    assert set(loaded.rows("select snapshot_date, movie_id from raw_discover")) == right.raw_discover
    details = {
        (row[0], row[1]): row[2] for row in loaded.rows("select snapshot_date, movie_id, status_code from raw_details")
    }
    assert details == right.raw_details


@pytest.fixture
def loaded(recordings: None, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    """A warehouse into which the three days were fetched, each on its own day."""
    with platform(warehouse, catalogue_of(DAYS[0]), monkeypatch) as made:
        for day in DAYS:
            result = made.fetch_day(day, catalogue_of(day))
            assert failures_of(result) == []
            assert [name for name, passed in checks_of(result).items() if not passed] == []
        yield made


@pytest.fixture
def right(recordings: None) -> Star:
    """What the tables must hold after the three days."""
    return star([(day, catalogue_of(day)) for day in DAYS])


def test_every_table_holds_what_the_recordings_hold(loaded: Platform, right: Star) -> None:
    assert_tables_equal(loaded, right)
    for day in DAYS:
        votes, popularity = loaded.rows(
            "select sum(vote_count), sum(popularity) from fact_movie_daily where date_id = :day", day=day
        )[0]
        assert votes == right.votes(day)
        assert popularity == pytest.approx(right.popularity(day))
    assert loaded.value("select sum(revenue_usd) from dim_movie") == right.total("revenue_usd")
    assert loaded.value("select count(*) from rejected_row") == 0
    assert loaded.value("select count(*) from dim_date where date_id between :a and :b", a=DAYS[0], b=DAYS[2]) == 3


def test_views_show_the_newest_day(loaded: Platform, right: Star) -> None:
    top = loaded.rows("select rank, movie_id from vw_top_movies order by rank")
    assert top == list(enumerate(expected.top_movies(right), start=1))
    genres = {
        row[0]: row[1:]
        for row in loaded.rows("select genre_id, avg_popularity, total_votes, nb_movies from vw_genre_popularity")
    }
    wanted = expected.genre_popularity(right)
    assert {key: row[1:] for key, row in genres.items()} == {
        key: (average.total_votes, average.n_movies) for key, average in wanted.items()
    }
    for key, average in wanted.items():
        assert genres[key][0] == pytest.approx(average.avg_popularity)
    continents = {
        row[0]: row[1:]
        for row in loaded.rows("select continent, avg_popularity, total_votes, n_movies from vw_continent_popularity")
    }
    by_continent = expected.continent_popularity(right, expected.read_continents())
    assert set(continents) == set(by_continent)
    for key, average in by_continent.items():
        assert continents[key][1:] == (average.total_votes, average.n_movies)
        assert continents[key][0] == pytest.approx(average.avg_popularity)
    latest = {
        row[0]: row[1:]
        for row in loaded.rows("select movie_id, snapshot_date, popularity, vote_count from vw_movie_latest")
    }
    assert latest == {
        movie_id: (day, fact.popularity, fact.vote_count)
        for movie_id, (day, fact) in expected.movie_latest(right).items()
    }
    status = loaded.rows("select date_id, n_movies, discover_share, n_rejected_rows from vw_load_status order by 1")
    assert status == [(day, 823, 1, 0) for day in DAYS]


@pytest.mark.parametrize("order", [(2, 0, 1), (0, 2, 1)], ids=["31-29-30", "29-31-30"])
def test_stored_days_give_the_same_tables_in_any_order(loaded: Platform, order: tuple[int, ...]) -> None:
    before = state_of(loaded)
    loaded.replay.reset()
    loaded.forget_star()
    for place in order:
        result = loaded.run(DAYS[place], today=DAYS[2] + dt.timedelta(days=40))
        assert failures_of(result) == []
    assert state_of(loaded) == before
    assert loaded.replay.paths == []  # a past day is rebuilt without one request


def test_a_complete_day_asks_nothing_and_changes_nothing(loaded: Platform) -> None:
    before = state_of(loaded)
    stamps = loaded.rows("select max(updated_at), max(inserted_at) from dim_movie")
    loaded.replay.reset()
    result = loaded.run(DAYS[2])
    assert loaded.replay.paths == []
    assert state_of(loaded) == before
    assert loaded.rows("select max(updated_at), max(inserted_at) from dim_movie") == stamps
    assert metadata_of(result, "fact_movie_daily")["rows_unchanged"] == 823
    assert metadata_of(result, "dim_movie")["rows_updated"] == 0
