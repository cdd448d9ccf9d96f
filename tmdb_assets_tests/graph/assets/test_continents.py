"""The CSV of continents in the graph: faulty files change nothing, and dim_country may load at the same time."""

from __future__ import annotations

import csv
import datetime as dt
from functools import partial

import pytest
from dagster import AssetCheckSeverity

from tmdb_assets.assets.continents import CSV_FILE, settle_continents
from tmdb_assets.assets.dimensions import merge_countries
from tmdb_assets.warehouse.loading.contracts import StructuralFaultError
from tmdb_assets.warehouse.loading.load import load
from tmdb_assets.warehouse.loading.merge import MergeCounts, merge_whole
from tmdb_assets.warehouse.schema.dimensions import country_continent, dim_country
from tmdb_assets_tests.cases.awkward import catalogue, sound_films
from tmdb_assets_tests.cases.sound_rows import as_frame, load_rows
from tmdb_assets_tests.oracle.compare import state_of
from tmdb_assets_tests.stage.at_once import in_background, wait_until_blocked
from tmdb_assets_tests.stage.platform import evaluations_of, failures_of, metadata_of, platform
from tmdb_assets_tests.stage.waiting import PATIENCE_S

DAY = dt.date(2026, 7, 29)
CATALOGUE = catalogue(sound_films(30))
HEADER = "iso_3166_1,name,continent,note\n"
LINES = CSV_FILE.read_text(encoding="utf-8").splitlines(keepends=True)
CONTINENTS = "select iso_3166_1, continent from dim_country"


@pytest.fixture
def mine(tmp_path):
    return tmp_path / "mine.csv"


def load_csv(graph, path, *more):
    config = {"country_continent": {"config": {"path": str(path)}}}
    return graph.run(DAY, only={"country_continent", *more}, config=config)


def changed(code, old, new):
    """The file of the repository with one line changed."""
    lines = [line.replace(old, new) if line.startswith(f"{code},") else line for line in LINES]
    assert lines != LINES
    return "".join(lines)


def without(*codes):
    return "".join(line for line in LINES if line[:2] not in codes)


def everything(graph):
    return graph.rows("select * from country_continent order by 1"), state_of(graph), graph.counts()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "mine.csv, line 1, code -: {path} cannot be read: No such file or directory (1 fault in all)"),
        (
            changed("FR", "Europe", "Europa"),
            f"mine.csv, line {[line[:2] for line in LINES].index('FR') + 1}, code FR: the continent is 'Europa', "
            "it must be one of Africa, Antarctica, Asia, Europe, North America, Oceania, South America (1 fault in",
        ),
        (changed("AD", "Andorra", "x" * 501), "mine.csv, line 2, code AD: breaks the rule name max length 500: 'xxx"),
        (
            changed("AD", "Andorra", "And\xf6rra").encode("latin-1", "replace"),
            "mine.csv, line 2, code -: the file is not",
        ),
    ],
    ids=["no-file", "continent", "long", "latin-1"],
)
def test_a_faulty_file_is_refused_with_its_check_and_changes_nothing(loaded, mine, content, message):
    if content is not None:
        mine.write_bytes(content if isinstance(content, bytes) else content.encode())
    before = everything(loaded)
    result = load_csv(loaded, mine, "dim_country")
    (said,) = failures_of(result)
    assert said.startswith(message.format(path=mine))
    assert said.endswith("The table is unchanged. Correct the file. Then run again.")
    assert "\n" not in said
    check = evaluations_of(result)["country_continent.file_is_valid"]
    assert (check.passed, check.blocking) == (False, True)
    (record,) = check.metadata["faults"].records
    assert record.data["fault"] in said
    assert check.description == "1 fault in the file."
    assert everything(loaded) == before
    with pytest.raises(AssertionError, match="dim_country was not materialized"):
        metadata_of(result, "dim_country")


def test_every_code_without_a_line_is_named(loaded, mine):
    # JP is only in TMDb's list, QQ only in dim_country; 7Q is in the list, but is no valid code for dim_country.
    loaded.execute("delete from bridge_movie_country where iso_3166_1 = 'JP'")
    loaded.execute("delete from dim_country where iso_3166_1 = 'JP'")
    loaded.execute("insert into dim_country (iso_3166_1, as_of_date) values ('QQ', :day)", day=DAY)
    loaded.execute(
        "insert into raw_reference (kind, code, payload, fetched_date) values ('country', '7Q', '{}', :day), "
        "('language', 'zz', '{}', :day)",
        day=DAY,
    )
    mine.write_text(without("JP", "AD"), encoding="utf-8")  # AD is in neither
    result = load_csv(loaded, mine)
    assert failures_of(result) == []  # a code that TMDb adds does not stop the countries
    check = evaluations_of(result)["country_continent.file_is_valid"]
    assert (check.passed, check.severity) == (False, AssetCheckSeverity.WARN)
    assert "these codes have no line and so no continent: JP, QQ." in check.description
    assert [(each.data["line"], each.data["code"]) for each in check.metadata["faults"].records] == [
        (None, "JP"),
        (None, "QQ"),
    ]
    # A line for a code that is in no standard is accepted too.
    mine.write_text(without("AD") + "QQ,New,Asia,\n\n\n", encoding="utf-8")
    assert failures_of(load_csv(loaded, mine)) == []
    assert dict(loaded.rows(CONTINENTS))["QQ"] == "Asia"
    assert loaded.rows("select 1 from country_continent where iso_3166_1 = 'AD'") == []


def test_a_changed_file_updates_its_countries_at_once_and_only_those(loaded, mine):
    # IT is neither in this country list nor in a film: its line may go.
    lines = changed("JP", ",Asia,", ",Oceania,").splitlines(keepends=True)
    mine.write_text("".join(line for line in lines if not line.startswith("IT,")), encoding="utf-8")
    query = "select iso_3166_1, continent, updated_at from dim_country"
    before = {code: (continent, at) for code, continent, at in loaded.rows(query)}
    result = load_csv(loaded, mine)
    assert failures_of(result) == []
    figures = metadata_of(result, "country_continent")
    assert (figures["rows_updated"], figures["rows_deleted"], figures["rows_inserted"]) == (1, 1, 0)
    moved = {code: continent for code, continent, at in loaded.rows(query) if (continent, at) != before[code]}
    assert (before["JP"][0], moved) == ("Asia", {"JP": "Oceania"})
    load_csv(loaded, CSV_FILE)
    assert dict(loaded.rows(CONTINENTS)) == {code: row[0] for code, row in before.items()}


def test_before_the_first_request_any_valid_file_is_complete(warehouse, monkeypatch, mine):
    mine.write_text(f"{HEADER}DE,Germany,Europe,\n", encoding="utf-8")
    with platform(warehouse, CATALOGUE, monkeypatch) as graph:
        result = load_csv(graph, mine)
        assert failures_of(result) == []
        assert evaluations_of(result)["country_continent.file_is_valid"].passed
        assert graph.rows("select iso_3166_1, name, continent, note from country_continent") == [
            ("DE", "Germany", "Europe", None)
        ]


def test_a_table_is_replaced_by_all_rows_or_not_at_all(loaded):
    def replace(*rows, expected=None):
        with loaded.warehouse.begin() as connection:
            frames = [as_frame(country_continent, rows)]
            load(
                connection, country_continent, frames, merge=lambda c: merge_whole(c, country_continent, rows=expected)
            )

    before = everything(loaded)
    germany = {"iso_3166_1": "DE", "name": "Germany", "continent": "Europe"}
    with pytest.raises(StructuralFaultError, match=r"^0 rows are staged to replace all of country_continent"):
        replace()
    with pytest.raises(StructuralFaultError, match=r"^1 of 2 rows are staged to replace all of country_con"):
        replace(germany, expected=2)
    assert everything(loaded) == before
    replace(germany, expected=1)
    assert loaded.rows("select iso_3166_1 from country_continent") == [("DE",)]


@pytest.fixture
def moved(loaded, mine):
    """A file with Japan and Kosovo moved; Kosovo is in TMDb's list, but not yet in dim_country."""
    assert "XK" not in dict(loaded.rows(CONTINENTS))
    loaded.execute(
        "insert into raw_reference (kind, code, name, payload, fetched_date) "
        "values ('country', 'XK', 'Kosovo', '{}', :day)",
        day=DAY,
    )
    mine.write_text(changed("JP", "Asia", "Oceania").replace("XK,Kosovo,Europe", "XK,Kosovo,Asia"), encoding="utf-8")
    return mine


def assert_moved(graph):
    found = dict(graph.rows(CONTINENTS))
    assert [found[code] for code in ("JP", "XK", "FR")] == ["Oceania", "Asia", "Europe"]


@pytest.mark.parametrize("is_csv_first", [True, False], ids=["csv-first", "dimension-first"])
def test_countries_have_the_files_continents_in_either_order(loaded, moved, is_csv_first):
    steps = [lambda: load_csv(loaded, moved), lambda: loaded.run(DAY, only={"dim_country"})]
    for step in steps if is_csv_first else steps[::-1]:
        assert failures_of(step()) == []
    assert_moved(loaded)


def test_a_dimension_loaded_while_the_file_loads_waits_for_it(loaded, moved):
    with loaded.warehouse.begin() as connection:  # what the asset country_continent does, held open
        rows = list(csv.DictReader(moved.read_text(encoding="utf-8").splitlines()))
        merge = partial(merge_whole, table=country_continent, rows=len(rows))
        load(connection, country_continent, [as_frame(country_continent, rows)], merge=merge)
        settle_continents(connection)
        parallel = in_background(lambda: loaded.run(DAY, only={"dim_country"}))
        wait_until_blocked(loaded.warehouse)
    assert failures_of(parallel.result(timeout=PATIENCE_S)) == []
    assert_moved(loaded)


def test_a_file_loaded_while_the_dimension_loads_waits_for_it(loaded, moved):
    with loaded.warehouse.begin() as connection:  # what the asset dim_country does, held open
        rows = [{"iso_3166_1": code, "name": code, "as_of_date": DAY} for code in ("FR", "JP", "XK")]
        load(connection, dim_country, [as_frame(dim_country, rows)], merge=merge_countries)
        parallel = in_background(lambda: load_csv(loaded, moved))
        wait_until_blocked(loaded.warehouse)
    assert failures_of(parallel.result(timeout=PATIENCE_S)) == []
    assert_moved(loaded)


def test_a_stored_continent_is_the_files_whatever_is_staged(loaded):
    rows = [{"iso_3166_1": "JP", "name": "Japan", "continent": "Africa", "as_of_date": DAY}]
    assert load_rows(loaded.warehouse, dim_country, rows).counts == MergeCounts(unchanged=1)
    loaded.execute("update dim_country set continent = 'Africa' where iso_3166_1 = 'JP'")
    assert load_rows(loaded.warehouse, dim_country, rows).counts == MergeCounts(updated=1)
    assert dict(loaded.rows(CONTINENTS))["JP"] == "Asia"


def test_new_countries_are_counted_once_and_get_their_continent_at_once(loaded):
    before = dict(loaded.rows(CONTINENTS))
    rows = [{"iso_3166_1": code, "name": code, "as_of_date": DAY} for code in ("JP", "QQ", "XK")]
    assert load_rows(loaded.warehouse, dim_country, rows, merge=merge_countries).counts == MergeCounts(
        inserted=2, updated=1
    )
    assert dict(loaded.rows(CONTINENTS)) == {**before, "QQ": None, "XK": "Europe"}
