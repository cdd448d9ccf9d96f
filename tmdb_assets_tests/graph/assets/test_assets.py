"""The assets in process, with a replay server and real Postgres: which requests are sent, and what a day loads."""

from __future__ import annotations

import datetime as dt

import pytest

from tmdb_assets.tmdb.export.download import ExportGoneError, ExportNotYetError
from tmdb_assets_tests.cases.awkward import catalogue, film, sound_films
from tmdb_assets_tests.fakes.replay import Fault
from tmdb_assets_tests.oracle import expected
from tmdb_assets_tests.oracle.compare import assert_tables_equal, state_of
from tmdb_assets_tests.stage.many_days import export_path
from tmdb_assets_tests.stage.platform import (
    FETCHING,
    assert_green,
    checks_of,
    evaluations_of,
    failed_checks,
    failures_of,
    metadata_of,
    platform,
)

DAY = dt.date(2026, 7, 29)
ONE_DAY = dt.timedelta(days=1)
FILMS = 30
CATALOGUE = catalogue(sound_films(FILMS))
REFERENCE = ["/genre/movie/list", "/configuration/countries", "/configuration/languages"]
EXPORT = export_path(DAY)
EVERYTHING = sorted(
    [*REFERENCE, *["/discover/movie"] * 2, EXPORT, *(f"/movie/{movie_id}" for movie_id in CATALOGUE.films)]
)
MOVIE_CHAIN = ("raw_discover", "raw_details", "dim_language", "dim_movie")


@pytest.fixture
def empty(warehouse, monkeypatch):
    with platform(warehouse, CATALOGUE, monkeypatch) as graph:
        yield graph


def everything(graph):
    return {**state_of(graph), **graph.counts()}


def test_a_day_requests_each_page_and_film_once_and_fills_every_table(empty):
    result = empty.run(DAY, charts=False)
    assert sorted(empty.replay.paths) == EVERYTHING
    assert_tables_equal(empty, expected.star({DAY: CATALOGUE}))
    figures = metadata_of(result, "fact_movie_daily")
    assert {name: value for name, value in figures.items() if "row" in name} == {
        "dagster/partition_row_count": FILMS,
        "rows_received": FILMS,
        "rows_inserted": FILMS,
        "rows_updated": 0,
        "rows_unchanged": 0,
        "rows_deleted": 0,
        "rows_rejected": 0,
    }
    assert metadata_of(result, "raw_details")["requested"] == FILMS
    sent = {name: metadata_of(result, name)["requests"]["requests"] for name in FETCHING}
    assert sent["raw_details"] == FILMS  # each asset counts its own
    assert sum(sent.values()) == len(EVERYTHING)


def test_a_complete_day_requests_nothing_and_refresh_requests_everything(loaded):
    stamps = "select max(updated_at), max(inserted_at) from dim_movie"
    before, written = everything(loaded), loaded.rows(stamps)
    result = loaded.run(DAY, charts=False)
    assert (failures_of(result), loaded.replay.paths) == ([], [])
    assert metadata_of(result, "dim_movie")["rows_unchanged"] == FILMS
    assert everything(loaded) == before
    result = loaded.run(DAY, refresh=True, charts=False)
    assert failures_of(result) == []
    assert sorted(loaded.replay.paths) == EVERYTHING
    assert (everything(loaded), loaded.rows(stamps)) == (before, written)


def test_a_past_day_is_rebuilt_from_what_was_stored_without_one_request(loaded):
    before = everything(loaded)
    loaded.forget_star()
    result = loaded.run(DAY, today=DAY + 40 * ONE_DAY, charts=False)
    assert failures_of(result) == []
    assert everything(loaded) == before
    assert loaded.replay.paths == []
    # Even --refresh requests only the id export: the API has no history.
    result = loaded.run(DAY, today=DAY + 40 * ONE_DAY, refresh=True, charts=False)
    assert failures_of(result) == []
    assert everything(loaded) == before
    assert loaded.replay.paths == [EXPORT]


def test_a_past_day_without_stored_rows_is_loaded_from_its_export(loaded):
    films, before = loaded.rows("select * from dim_movie order by 1"), loaded.counts()
    result = loaded.run(DAY - ONE_DAY, today=DAY, charts=False)
    assert failures_of(result) == []
    assert loaded.replay.paths == [export_path(DAY - ONE_DAY)]
    facts = loaded.rows(
        "select movie_id, popularity, vote_average, vote_count, source from fact_movie_daily where date_id = :day",
        day=DAY - ONE_DAY,
    )
    wanted = [(movie_id, film["popularity"], None, None, "export") for movie_id, film in CATALOGUE.films.items()]
    assert sorted(facts) == sorted(wanted)
    assert_green(result)
    text = evaluations_of(result)["raw_discover.pages_complete"].description
    assert text == f"Nothing was requested on {DAY - ONE_DAY}: its facts come from the day's id export."
    # Only the day's own rows were added.
    assert loaded.rows("select * from dim_movie order by 1") == films
    more = {name: rows - before.get(name, 0) for name, rows in loaded.counts().items() if rows != before.get(name)}
    assert more == {"raw_export": FILMS, "fact_movie_daily": FILMS, "load_day": 1, "fetch_log": 1}


def test_a_past_day_without_stored_rows_or_export_is_refused_and_nothing_changes(loaded):
    def missing(day, *_):
        raise ExportGoneError(f"The id export of {day} is no longer published (404)")

    loaded.source.export = missing
    before = everything(loaded)
    result = loaded.run(DAY - ONE_DAY, today=DAY, charts=False)
    assert not result.success
    (line,) = failures_of(result)
    assert line == (
        "2026-07-28 cannot be loaded: nothing was stored on that day, and its export is not available. The id export "
        "of 2026-07-28 is no longer published (404). What is already stored is kept."
    )
    assert everything(loaded) == before
    assert loaded.replay.paths == []


def test_without_its_export_today_is_loaded_with_a_warning(empty):
    def missing(day, *_):
        raise ExportNotYetError(f"No export of {day} yet")

    empty.source.export = missing
    result = empty.run(DAY, charts=False)
    assert failures_of(result) == []
    assert failed_checks(result) == ["raw_export.export_stored"]
    check = evaluations_of(result)["raw_export.export_stored"]
    assert (check.severity.value, check.description.split(". ")[0]) == ("WARN", f"No export of {DAY} yet")
    assert check.metadata["action"].text.startswith("Run the day again later;")
    assert_tables_equal(empty, expected.star({DAY: CATALOGUE}))
    # The next run requests only what was missing.
    del empty.source.export
    empty.replay.reset()
    assert checks_of(empty.run(DAY, charts=False))["raw_export.export_stored"]
    assert empty.replay.paths == [EXPORT]


def test_the_reference_lists_are_requested_once_in_seven_days(empty):
    def requested_on(day, **options):
        empty.replay.reset()
        assert failures_of(empty.run(day, only={"raw_reference"}, **options)) == []
        return empty.replay.paths

    assert requested_on(DAY) == REFERENCE
    assert [requested_on(DAY + days * ONE_DAY) for days in (0, 1, 6)] == [[], [], []]
    assert requested_on(DAY + 7 * ONE_DAY) == REFERENCE
    assert requested_on(DAY + 8 * ONE_DAY) == []
    assert requested_on(DAY + 8 * ONE_DAY, refresh=True) == REFERENCE
    assert requested_on(DAY, today=DAY + 90 * ONE_DAY) == []
    assert requested_on(DAY, today=DAY + 90 * ONE_DAY, refresh=True) == []


def test_a_removed_film_keeps_its_row_and_may_come_back(loaded):
    film_id = 9001

    def row():
        return loaded.rows("select title, runtime_minutes, removed_date from dim_movie where movie_id = 9001")

    def shown():
        return film_id in loaded.column("select movie_id from vw_top_movies")

    assert (row(), shown()) == ([("Film 9001", 100, None)], True)
    listed = [number for number in CATALOGUE.films if number != film_id]
    loaded.replay.catalogue = CATALOGUE.but(gone={film_id}, discover_ids=listed)
    result = loaded.run(DAY + ONE_DAY, charts=False)
    assert failures_of(result) == []
    assert metadata_of(result, "dim_movie")["films_removed"] == 1
    assert checks_of(result)["dim_movie.removals_plausible"]
    assert (row(), shown()) == ([("Film 9001", 100, DAY + ONE_DAY)], False)
    assert loaded.value("select count(*) from bridge_movie_genre where movie_id = 9001") == 1
    assert loaded.value("select count(*) from fact_movie_daily where movie_id = 9001") == 2
    loaded.replay.catalogue = CATALOGUE
    loaded.run(DAY + 2 * ONE_DAY, charts=False)
    assert (row(), shown()) == ([("Film 9001", 100, None)], True)


@pytest.mark.long
def test_a_film_deleted_outside_discover_is_marked_in_any_order_of_days(loaded):
    """The day of its 404 has no other row of it, and may be rebuilt before the film is known."""
    film_id, later = 9001, DAY + ONE_DAY
    others = [payload for number, payload in CATALOGUE.films.items() if number != film_id]
    loaded.replay.catalogue = catalogue(others).but(gone={film_id}, changed=[film_id])
    assert failures_of(loaded.run(later, charts=False)) == []
    assert f"/movie/{film_id}" in loaded.replay.paths
    removed = "select details_date, removed_date from dim_movie where movie_id = 9001"
    assert loaded.rows(removed) == [(DAY, later)]
    states = "select valid_from, is_removed from movie_history where movie_id = 9001 order by 1"
    assert loaded.rows(states) == [(DAY, False), (later, True)]
    loaded.load_history_day_by_day()
    for order in ([later, DAY], [DAY, later]):
        loaded.execute("truncate dim_movie cascade")
        for day in order:
            assert failures_of(loaded.run(day, today=later + ONE_DAY, job="backfill")) == []
        assert loaded.rows(removed) == [(DAY, later)], order
        assert loaded.rows(states) == [(DAY, False), (later, True)], order


def test_a_removal_that_a_refresh_makes_doubtful_is_taken_back_in_dimension_and_history(loaded):
    film_id, later = 9001, DAY + 2 * ONE_DAY
    removed = "select removed_date from dim_movie where removed_date is not null"
    states = "select valid_from, is_removed, confirmed_dates from movie_history where movie_id = 9001 order by 1"
    first = (DAY, False, [DAY])
    others = [number for number in CATALOGUE.films if number != film_id]
    gone = CATALOGUE.but(gone={film_id}, changed=[film_id], discover_ids=others)
    for day in (DAY + ONE_DAY, later):
        assert failures_of(loaded.fetch_day(day, gone, charts=False)) == []
    assert loaded.column(removed) == [later]
    assert loaded.rows(states) == [first, (DAY + ONE_DAY, True, [DAY + ONE_DAY, later])]

    # Asked again on the same day, 22 of 30 films answer 404: none of these is believed, that of the day before is.
    fault = CATALOGUE.but(gone={film_id, *others[:21]}, changed=[film_id, *others], discover_ids=others[21:])
    result = loaded.fetch_day(later, fault, refresh=True, charts=False)
    assert not checks_of(result)["dim_movie.removals_plausible"]
    assert loaded.column(removed) == [DAY + ONE_DAY]
    assert loaded.rows(states) == [first, (DAY + ONE_DAY, True, [DAY + ONE_DAY])]
    loaded.replay.catalogue = CATALOGUE.but(gone={film_id}, changed=[film_id], discover_ids=others)
    assert failures_of(loaded.run(later, refresh=True, charts=False)) == []
    assert loaded.column(removed) == [later]
    assert loaded.rows(states) == [first, (DAY + ONE_DAY, True, [DAY + ONE_DAY, later])]


@pytest.mark.parametrize(
    ("films", "gone", "is_marked"),
    [
        (30, 20, True),
        (30, 21, False),
        pytest.param(2100, 21, True, marks=pytest.mark.long),
        pytest.param(2100, 22, False, marks=pytest.mark.long),
    ],
)
def test_too_many_404_at_once_mark_no_film_as_removed(warehouse, monkeypatch, films, gone, is_marked):
    listed = range(gone + 1, films + 1)
    made = catalogue([film(n) for n in range(1, films + 1)], gone=range(1, gone + 1), discover_ids=listed)
    with platform(warehouse, made, monkeypatch, tmdb_pages=500) as graph:
        graph.execute(
            f"insert into dim_movie (movie_id, as_of_date, title) select n, '{DAY - ONE_DAY}', 'known' "
            f"from generate_series(1, {gone}) as n"
        )
        result = graph.run(DAY, only=MOVIE_CHAIN)
        assert failures_of(result) == []
        removed = graph.column("select movie_id from dim_movie where removed_date = :day order by 1", day=DAY)
        assert removed == (list(range(1, gone + 1)) if is_marked else [])
        assert graph.value("select count(*) from dim_movie") == films
        check = evaluations_of(result)["dim_movie.removals_plausible"]
        assert check.passed is is_marked
        assert check.description.startswith(f"{gone} of {films} films answered 404.")
        assert ("none was marked as removed" in check.description) is not is_marked
        figures = {"requested": films, "not_found": gone, "not_found_but_listed": 0}
        assert {name: value.value for name, value in check.metadata.items() if name != "action"} == figures
        assert ("action" in check.metadata) is not is_marked


def test_a_404_removes_a_film_only_in_tmdbs_words_and_while_discover_does_not_list_it(loaded, monkeypatch):
    """9001 is listed and answers TMDb's 404, 9002 is not listed and answers a proxy's page, 9003 neither nor."""
    removed = "select movie_id, removed_date from dim_movie where removed_date is not null order by 1"
    days = [DAY + number * ONE_DAY for number in range(1, 5)]
    page = Fault(status=404, body=b"<html>Not found</html>")
    unlisted = CATALOGUE.but(gone={9001, 9003}, discover_ids=[n for n in CATALOGUE.films if n not in (9002, 9003)])
    loaded.replay.catalogue = unlisted
    loaded.replay.faults = lambda path, params: page if path == "/movie/9002" else None
    result = loaded.run(days[0], charts=False)
    assert failures_of(result) == []
    assert loaded.rows(removed) == [(9003, days[0])]
    assert loaded.rows("select movie_id from vw_top_movies where movie_id < 9004 order by 1") == [(9001,), (9002,)]
    found = evaluations_of(result)
    assert list(metadata_of(result, "raw_details")["failed"]) == ["9002"]
    assert not found["raw_details.details_complete"].passed
    assert "1 of them are not marked, as discover lists them" in found["dim_movie.removals_plausible"].description

    # The next day asks again for both, though no list of changes has them; what is listed again is back.
    loaded.replay.faults = None
    loaded.replay.reset()
    loaded.replay.catalogue = CATALOGUE.but(gone={9001, 9003}, changed=[])
    assert failures_of(loaded.run(days[1], charts=False)) == []
    assert {path for path in loaded.replay.paths if "/movie/9" in path} == {f"/movie/900{n}" for n in (1, 2, 3)}
    assert loaded.rows(removed) == []

    # On the day after it is no longer listed, it is gone; a day run again, in any order, changes nothing.
    loaded.replay.catalogue = unlisted.but(discover_ids=[n for n in CATALOGUE.films if n != 9001], gone={9001})
    assert failures_of(loaded.run(days[2], charts=False)) == []
    assert loaded.rows(removed) == [(9001, days[2])]
    for day in (days[0], days[2], days[1]):
        assert failures_of(loaded.run(day, today=days[3], job="backfill")) == []
        assert loaded.rows(removed) == [(9001, days[2])], day
