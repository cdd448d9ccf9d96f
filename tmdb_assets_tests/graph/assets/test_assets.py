"""The assets in process, over a fake client and real Postgres: what is asked when, and what a day does to tables."""

from __future__ import annotations

import datetime as dt

import pytest

from tmdb_assets.assets.continents import CSV_FILE
from tmdb_assets.tmdb.export.download import ExportGoneError, ExportNotYetError
from tmdb_assets_tests.cases.awkward import catalogue, film, sound_films
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
HEADER = "iso_3166_1,name,continent,note\n"


@pytest.fixture
def empty(warehouse, monkeypatch):
    with platform(warehouse, CATALOGUE, monkeypatch) as graph:
        yield graph


def everything(graph):
    return {**state_of(graph), **graph.counts()}


def test_a_day_asks_each_page_and_film_once_and_fills_every_table(empty):
    result = empty.run(DAY, charts=False)
    assert sorted(empty.replay.paths) == EVERYTHING
    assert_tables_equal(empty, expected.star({DAY: CATALOGUE}))
    figures = metadata_of(result, "fact_movie_daily")
    assert {name: value for name, value in figures.items() if "row" in name} == {
        "dagster/row_count": FILMS,
        "rows_received": FILMS,
        "rows_inserted": FILMS,
        "rows_updated": 0,
        "rows_unchanged": 0,
        "rows_deleted": 0,
        "rows_rejected": 0,
    }
    assert metadata_of(result, "raw_details")["requested"] == FILMS
    told = {name: metadata_of(result, name)["requests"]["requests"] for name in FETCHING}
    assert told["raw_details"] == FILMS  # each tells what it asked itself
    assert sum(told.values()) == len(EVERYTHING)


def test_a_complete_day_asks_nothing_again_and_refresh_asks_everything(loaded):
    before = everything(loaded)
    result = loaded.run(DAY, charts=False)
    assert (failures_of(result), loaded.replay.paths) == ([], [])
    assert metadata_of(result, "dim_movie")["rows_unchanged"] == FILMS
    assert everything(loaded) == before
    result = loaded.run(DAY, refresh=True, charts=False)
    assert failures_of(result) == []
    assert sorted(loaded.replay.paths) == EVERYTHING
    assert everything(loaded) == before


def test_a_past_day_is_rebuilt_from_what_was_stored_without_one_request(loaded):
    before = everything(loaded)
    loaded.forget_star()
    result = loaded.run(DAY, today=DAY + 40 * ONE_DAY, charts=False)
    assert failures_of(result) == []
    assert everything(loaded) == before
    assert loaded.replay.paths == []
    # Not even when told to: TMDb has no yesterday, but for its id export.
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
    told = evaluations_of(result)["raw_discover.pages_complete"].description
    assert told == f"Nothing was requested on {DAY - ONE_DAY}: its facts come from the day's id export."
    # Nothing but the day's own rows has come.
    assert loaded.rows("select * from dim_movie order by 1") == films
    more = {name: rows - before.get(name, 0) for name, rows in loaded.counts().items() if rows != before.get(name)}
    assert more == {"raw_export": FILMS, "fact_movie_daily": FILMS, "load_day": 1, "fetch_log": 1}


def test_a_past_day_without_stored_rows_or_export_is_refused_and_nothing_changes(loaded):
    def missing(day, now):
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


def test_without_its_export_today_is_loaded_all_the_same_with_a_warning(empty):
    def missing(day, now):
        raise ExportNotYetError(f"No export of {day} yet")

    empty.source.export = missing
    result = empty.run(DAY, charts=False)
    assert failures_of(result) == []
    assert failed_checks(result) == ["raw_export.export_stored"]
    check = evaluations_of(result)["raw_export.export_stored"]
    assert (check.severity.value, check.description.split(". ")[0]) == ("WARN", f"No export of {DAY} yet")
    assert_tables_equal(empty, expected.star({DAY: CATALOGUE}))
    # The next run asks for what was missing, and for nothing else.
    del empty.source.export
    empty.replay.reset()
    assert checks_of(empty.run(DAY, charts=False))["raw_export.export_stored"]
    assert empty.replay.paths == [EXPORT]


def test_the_reference_lists_are_asked_once_in_seven_days(empty):
    def asked_on(day, **options):
        empty.replay.reset()
        assert failures_of(empty.run(day, only={"raw_reference"}, **options)) == []
        return empty.replay.paths

    assert asked_on(DAY) == REFERENCE
    assert [asked_on(DAY + days * ONE_DAY) for days in (0, 1, 6)] == [[], [], []]
    assert asked_on(DAY + 7 * ONE_DAY) == REFERENCE
    assert asked_on(DAY + 8 * ONE_DAY) == []
    assert asked_on(DAY + 8 * ONE_DAY, refresh=True) == REFERENCE
    assert asked_on(DAY, today=DAY + 90 * ONE_DAY) == []
    assert asked_on(DAY, today=DAY + 90 * ONE_DAY, refresh=True) == []


def test_a_run_belongs_to_the_day_it_began_even_if_it_goes_on_past_midnight(empty):
    def clock():
        return DAY + ONE_DAY if empty.replay.paths else DAY

    result = empty.run(DAY, today=clock, charts=False)
    assert failures_of(result) == []
    assert sorted(empty.replay.paths) == EVERYTHING
    assert empty.rows("select distinct snapshot_date from raw_details") == [(DAY,)]
    # What the clock says after the run is the truth for those who ask whether today is loaded.
    assert failed_checks(result) == ["fact_movie_daily.today_is_there"]


@pytest.mark.parametrize(
    ("text", "line", "code", "fault"),
    [
        ("code,name,continent,note\nDE,Germany,Europe,\n", 1, "-", "the header is 'code,name,continent,note'"),
        (f"{HEADER}DE,Germany,Europe,\nFR,France,Europe,\nDE,Germany,Asia,\n", 4, "DE", "is already on line 2"),
        (f"{HEADER}DE,Germany,Europe,\nQQ,Nowhere,Asia,\n", 3, "QQ", "not a code of ISO 3166-1 or TMDb's country list"),
        (f"{HEADER}DE,Germany,Europe\n", 2, "DE", "3 columns, it must be 4"),
        ("", 1, "-", "the header is ''"),
    ],
    ids=["header", "duplicate", "unknown-code", "columns", "empty-file"],
)
def test_a_faulty_csv_is_named_by_line_and_code_and_the_table_keeps_what_it_had(
    loaded, tmp_path, text, line, code, fault
):
    (tmp_path / "mine.csv").write_text(text, encoding="utf-8")
    before = loaded.rows("select * from country_continent order by 1"), state_of(loaded)
    result = loaded.run(DAY, only={"country_continent", "dim_country"}, config=path_config(tmp_path / "mine.csv"))
    (message,) = failures_of(result)
    assert message.startswith(f"mine.csv, line {line}, code {code}: {fault}")
    assert message.endswith("The table keeps what it had. Correct the file. Then run again.")
    assert (loaded.rows("select * from country_continent order by 1"), state_of(loaded)) == before
    check = evaluations_of(result)["country_continent.file_is_sound"]
    assert not check.passed
    assert check.blocking
    (record,) = check.metadata["faults"].records
    assert (record.data["line"], record.data["code"] or "-") == (line, code)
    assert record.data["fault"].startswith(fault)
    with pytest.raises(AssertionError, match="dim_country was not materialized"):
        metadata_of(result, "dim_country")


def path_config(path):
    return {"country_continent": {"config": {"path": str(path)}}}


def test_a_changed_csv_moves_countries_at_once_and_only_those(loaded, tmp_path):
    lines = CSV_FILE.read_text(encoding="utf-8").splitlines(keepends=True)
    changed = [line.replace(",Asia,", ",Oceania,") if line.startswith("JP,") else line for line in lines]
    # IT is neither in this country list nor named by a film: its line may go.
    (tmp_path / "mine.csv").write_text("".join(c for c in changed if not c.startswith("IT,")), encoding="utf-8")
    query = "select iso_3166_1, continent, updated_at from dim_country"
    before = {code: (continent, at) for code, continent, at in loaded.rows(query)}
    assert {code: before[code][0] for code in ("JP", "FR", "DE")} == {"JP": "Asia", "FR": "Europe", "DE": "Europe"}
    result = loaded.run(DAY, only={"country_continent"}, config=path_config(tmp_path / "mine.csv"))
    assert failures_of(result) == []
    figures = metadata_of(result, "country_continent")
    assert (figures["rows_updated"], figures["rows_deleted"], figures["rows_inserted"]) == (1, 1, 0)
    after = {code: (continent, at) for code, continent, at in loaded.rows(query)}
    assert (after["JP"][0], after["FR"][0]) == ("Oceania", "Europe")
    assert {code for code in after if after[code][1] > before[code][1]} == {"JP"}
    # And back, from the file of the repository.
    loaded.run(DAY, only={"country_continent"})
    assert {code: row[0] for code, row in before.items()} == dict(
        loaded.rows("select iso_3166_1, continent from dim_country")
    )


def test_a_film_that_tmdb_deletes_keeps_its_row_and_may_come_back(loaded):
    film_id = 9001

    def row():
        return loaded.rows("select title, runtime_minutes, removed_date from dim_movie where movie_id = 9001")

    def shown():
        return film_id in loaded.column("select movie_id from vw_top_movies")

    assert (row(), shown()) == ([("Film 9001", 100, None)], True)
    loaded.replay.catalogue = CATALOGUE.but(gone={film_id})
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


def test_a_film_deleted_outside_discover_is_marked_in_any_order_of_days(loaded):
    """Its 404 is of a day that shows nothing else of it, and that may be rebuilt before the film is known."""
    film_id, later = 9001, DAY + ONE_DAY
    others = [payload for number, payload in CATALOGUE.films.items() if number != film_id]
    loaded.replay.catalogue = catalogue(others).but(gone={film_id}, changed=[film_id])
    assert failures_of(loaded.run(later, charts=False)) == []
    assert f"/movie/{film_id}" in loaded.replay.paths
    removed = "select details_date, removed_date from dim_movie where movie_id = 9001"
    assert loaded.rows(removed) == [(DAY, later)]
    for order in ([later, DAY], [DAY, later]):
        loaded.execute("truncate dim_movie cascade")
        for day in order:
            assert failures_of(loaded.run(day, today=later + ONE_DAY, job="backfill")) == []
        assert loaded.rows(removed) == [(DAY, later)], order


@pytest.mark.parametrize(
    ("films", "gone", "believed"), [(30, 20, True), (30, 21, False), (2100, 21, True), (2100, 22, False)]
)
def test_too_many_404_at_once_are_not_believed(warehouse, monkeypatch, films, gone, believed):
    made = catalogue([film(n) for n in range(1, films + 1)], gone=range(1, gone + 1))
    with platform(warehouse, made, monkeypatch, tmdb_pages=500) as graph:
        result = graph.run(DAY, only=MOVIE_CHAIN)
        assert failures_of(result) == []
        removed = graph.column("select movie_id from dim_movie where removed_date = :day order by 1", day=DAY)
        assert removed == (list(range(1, gone + 1)) if believed else [])
        assert graph.value("select count(*) from dim_movie") == films
        check = evaluations_of(result)["dim_movie.removals_plausible"]
        assert check.passed is believed
        assert check.description.startswith(f"{gone} of {films} films answered 404.")
        assert ("none was marked as removed" in check.description) is not believed
        assert {name: value.value for name, value in check.metadata.items()} == {"requested": films, "not_found": gone}
