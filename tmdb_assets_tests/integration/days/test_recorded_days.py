"""Three recorded days through the real client into real Postgres, compared with figures computed independently."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from tmdb_assets.warehouse.server.open import Server
from tmdb_assets_tests.fakes.replay_catalogue import catalogue_of, recordings_missing
from tmdb_assets_tests.oracle import expected
from tmdb_assets_tests.oracle.compare import assert_tables_equal, copied_warehouse, state_of
from tmdb_assets_tests.oracle.expected import Star, star
from tmdb_assets_tests.stage.platform import Platform, assert_green, failures_of, platform

DAYS = [dt.date(2026, 7, 29), dt.date(2026, 7, 30), dt.date(2026, 7, 31)]


@pytest.fixture(scope="module")
def loaded_database(server: Server) -> Iterator[str]:
    """The name of a database into which the three days were fetched, each on its own day; copied for each test."""
    if reason := recordings_missing():
        pytest.skip(reason)
    with pytest.MonkeyPatch.context() as monkeypatch, copied_warehouse(server) as warehouse:
        with platform(warehouse, catalogue_of(DAYS[0]), monkeypatch) as made:
            for day in DAYS:
                result = made.fetch_day(day, catalogue_of(day), charts=False)
                assert_green(result)
        warehouse.close()
        yield str(warehouse.url.database)


@pytest.fixture
def loaded(loaded_database: str, server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    """A copy of the loaded database of the test's own."""
    with (
        copied_warehouse(server, loaded_database) as warehouse,
        platform(warehouse, catalogue_of(DAYS[2]), monkeypatch) as made,
    ):
        yield made


@pytest.fixture
def right(recordings: None) -> Star:
    """What the tables must hold after the three days."""
    return star([(day, catalogue_of(day)) for day in DAYS])


def test_every_table_holds_what_the_recordings_hold(loaded: Platform, right: Star) -> None:
    assert_tables_equal(loaded, right)
    assert loaded.value("select count(*) from rejected_row") == 0
    assert loaded.value("select count(*) from dim_date where date_id between :a and :b", a=DAYS[0], b=DAYS[2]) == 3


# Films whose newest state is not what dim_movie and the bridges say.
OTHER_STATES = """
select m.movie_id
from dim_movie as m
left join movie_history as h on h.movie_id = m.movie_id and h.valid_to is null
where m.details_date is not null and (
    h.status, h.release_date, h.runtime_minutes, h.budget_usd, h.revenue_usd, h.original_language, h.collection_id,
    h.genre_ids, h.company_ids, h.country_codes, h.language_codes, h.is_removed
) is distinct from (
    m.status, m.release_date, m.runtime_minutes, m.budget_usd, m.revenue_usd, m.original_language, m.collection_id,
    array(select genre_id from bridge_movie_genre as b where b.movie_id = m.movie_id order by 1),
    array(select company_id from bridge_movie_company as b where b.movie_id = m.movie_id order by 1),
    array(select iso_3166_1 from bridge_movie_country where movie_id = m.movie_id order by iso_3166_1 collate "C"),
    array(select iso_639_1 from bridge_movie_language where movie_id = m.movie_id order by iso_639_1 collate "C"),
    m.removed_date is not null
)
"""


def test_the_newest_state_of_each_film_is_that_of_dimension_and_bridges(loaded: Platform) -> None:
    assert loaded.rows(OTHER_STATES) == []
    details = loaded.value("select count(*) from raw_details where status_code = 200")
    assert loaded.value("select sum(cardinality(confirmed_dates)) from movie_history where not is_removed") == details


def by_key(loaded: Platform, query: str) -> dict[Any, tuple[Any, ...]]:
    return {row[0]: row[1:] for row in loaded.rows(query)}


def test_views_show_the_newest_day(loaded: Platform, right: Star) -> None:
    top = loaded.rows("select rank, movie_id from vw_top_movies order by rank")
    assert top == list(enumerate(expected.top_movies(right), start=1))
    genres = by_key(loaded, "select genre_id, avg_popularity, total_votes, nb_movies from vw_genre_popularity")
    wanted = expected.genre_popularity(right)
    assert {key: row[1:] for key, row in genres.items()} == {
        key: (average.total_votes, average.n_movies) for key, average in wanted.items()
    }
    for key, average in wanted.items():
        assert genres[key][0] == pytest.approx(average.avg_popularity)
    continents = by_key(loaded, "select continent, avg_popularity, total_votes, n_movies from vw_continent_popularity")
    by_continent = expected.continent_popularity(right, expected.read_continents())
    assert set(continents) == set(by_continent)
    for key, average in by_continent.items():
        assert continents[key][1:] == (average.total_votes, average.n_movies)
        assert continents[key][0] == pytest.approx(average.avg_popularity)
    latest = by_key(loaded, "select movie_id, snapshot_date, popularity, vote_count from vw_movie_latest")
    assert latest == {
        movie_id: (day, fact.popularity, fact.vote_count)
        for movie_id, (day, fact) in expected.movie_latest(right).items()
    }
    status = loaded.rows("select date_id, n_movies, discover_share, n_rejected_rows from vw_load_status order by 1")
    assert status == [(day, 823, 1, 0) for day in DAYS]


@pytest.mark.parametrize(
    "order",
    [pytest.param((2, 0, 1), id="31-29-30"), pytest.param((0, 2, 1), id="29-31-30", marks=pytest.mark.long)],
)
def test_stored_days_give_the_same_tables_in_any_order(loaded: Platform, order: tuple[int, ...]) -> None:
    before = state_of(loaded)
    loaded.forget_star()
    loaded.load_history_day_by_day()
    for place in order:
        result = loaded.run(DAYS[place], today=DAYS[2] + dt.timedelta(days=40), charts=False)
        assert failures_of(result) == []
    assert state_of(loaded) == before
    assert loaded.replay.paths == []  # a past day is rebuilt without one request


def test_the_first_load_of_the_history_takes_the_answers_of_all_days(loaded: Platform) -> None:
    before = state_of(loaded)
    loaded.execute("truncate movie_history")
    history = loaded.run(DAYS[1], today=DAYS[2] + dt.timedelta(days=40), only=["movie_history"])
    assert failures_of(history) == []
    assert state_of(loaded) == before
