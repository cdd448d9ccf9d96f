"""The views and the pictures as assets: what they record, with real drawing, over a loaded day."""

from __future__ import annotations

import base64
import datetime as dt
import shutil
import struct
import threading
from pkgutil import resolve_name
from types import SimpleNamespace

import pytest
from dagster import DagsterInstance

from tmdb_assets.assets import reports
from tmdb_assets.assets.views import VIEWS
from tmdb_assets.charts import render
from tmdb_assets.charts.registry import REPORTS
from tmdb_assets.warehouse.schema import ddl
from tmdb_assets.warehouse.schema.views import declared_columns, view_columns
from tmdb_assets_tests.cases.appended import actor, in_country, release, worker
from tmdb_assets_tests.cases.awkward import catalogue, sound_films
from tmdb_assets_tests.oracle.compare import copied_warehouse
from tmdb_assets_tests.stage.platform import (
    checks_of,
    evaluations_of,
    failures_of,
    metadata_of,
    platform,
)

DAY = dt.date(2026, 7, 29)
# Three films share a director, two leads and a keyword, and are yet to be released.
PARTS = {
    "credits": {"cast": [actor(1, "a", 0), actor(2, "b", 1)], "crew": [worker(3, "c", "Director", "Directing")]},
    "keywords": {"keywords": [{"id": 7, "name": "storm"}]},
    "release_dates": {"results": [in_country("US", release("2026-08-01", 3, "R"))]},
}
CATALOGUE = catalogue([*(film | PARTS for film in sound_films(30)[:3]), *sound_films(30)[3:]])
NAMES = [view.name for view in VIEWS]
ATTRIBUTION = "This product uses the TMDB API but is not endorsed or certified by TMDB."
SAMPLE_LINE = "Sample figures: the sandbox answers, not TMDb. Set TMDB_TOKEN for real ones."
PICTURES = {report.name: [picture.name for picture in report.pictures] for report in REPORTS}
MEDIAN = "select percentile_cont(0.5) within group (order by popularity) from fact_movie_daily"
# A single day has no movers, and none of its films comes out.
UNTABLED = {"movers_of_the_week_table", "release_calendar_table", "rising_keywords_table"}


@pytest.fixture
def graph(server, loaded_database, monkeypatch, request):
    token = getattr(request, "param", "fake-token")
    with (
        copied_warehouse(server, loaded_database) as warehouse,
        platform(warehouse, catalogue(()), monkeypatch, tmdb_token=token) as made,
    ):
        yield made


@pytest.mark.parametrize(
    ("graph", "source"),
    [
        pytest.param("fake-token", "TMDb", marks=pytest.mark.long, id="real"),
        pytest.param(None, SAMPLE_LINE, id="sandbox"),
    ],
    indirect=["graph"],
)
def test_pictures_are_in_the_metadata_with_their_figures(graph, source, monkeypatch):
    drawn, draw = [], render.to_png
    monkeypatch.setattr(reports, "apart", in_this_process)
    monkeypatch.setattr(render, "to_png", lambda chart: drawn.append(chart.to_json()) or draw(chart))
    result = graph.run(DAY, only={*PICTURES, *NAMES, "forecast_movie_daily"})
    assert failures_of(result) == []
    assert len(drawn) == sum(map(len, PICTURES.values()))
    assert {"SAMPLE DATA" in text for text in drawn} == {source == SAMPLE_LINE}
    assert all(ATTRIBUTION in text and "2026-07-29" in text for text in drawn)
    for asset, pictures in PICTURES.items():
        metadata = metadata_of(result, asset)
        assert (metadata["snapshot_date"], metadata["source"]) == ("2026-07-29", source)
        assert metadata["attribution"] == ATTRIBUTION
        assert set(metadata) == {
            "snapshot_date", "source", "attribution",
            *(f"{name}_{part}" for name in pictures for part in ("table", "picture")),
        } - UNTABLED  # fmt: skip
        for name in pictures:
            width, height = png_size(metadata[f"{name}_picture"], title=name.replace("_", " ").capitalize())
            assert 300 <= width <= 2000
            assert 100 <= height <= 2000
    films, popularity = metadata_of(result, "report_films"), metadata_of(result, "report_popularity")
    (figures,) = films["key_figures_table"].records
    assert figures.data == {
        "films": 30,
        "rating by votes": 6.5,
        "plain mean": 6.5,
        "votes": 3000,
        "median": round(graph.value(MEDIAN), 2),
    }
    top = [(record.data["rank"], record.data["title"]) for record in films["top_films_table"].records]
    assert top == [(place, f"Film {9031 - place}") for place in range(1, 21)]
    genres = {record.data["genre"]: record.data["films"] for record in popularity["genre_popularity_table"].records}
    assert genres == dict(graph.rows("select name, nb_movies from vw_genre_popularity"))
    (continent,) = popularity["continent_popularity_table"].records
    assert (continent.data["produced in"], continent.data["films"]) == ("North America", 30)
    people = metadata_of(result, "report_people")
    assert [record.data["films"] for record in people["top_people_table"].records] == [3, 3, 3]
    (director,) = people["directors_by_rating_table"].records
    assert (director.data["director"], director.data["films"], director.data["votes"]) == ("Person 3", 3, 300)
    assert [record.data["rated"] for record in people["releases_by_country_table"].records] == ["R"] * 3


one_at_a_time = threading.Lock()


def in_this_process(function, *arguments, **named):
    """What `apart` does, where a test sees it."""
    with one_at_a_time:
        return resolve_name(function)(*arguments, **named)


def test_a_report_whose_figures_changed_since_its_drawing_began_is_drawn_with_the_new_ones(graph, monkeypatch):
    read, reads = reports.read_results, []

    def read_changed(warehouse, report):
        day, results = read(warehouse, report)
        reads.append(report.name)
        if reads.count("report_films") == 2:
            graph.execute(
                "update dim_movie set title = 'Renamed' where movie_id = (select max(movie_id) from dim_movie)"
            )
            day, results = read(warehouse, report)
        return day, results

    monkeypatch.setattr(reports, "read_results", read_changed)
    result = graph.run(DAY, only={"report_popularity", "report_films", *NAMES})
    assert reads == ["report_popularity", "report_films", "report_films"]
    titles = [record.data["title"] for record in metadata_of(result, "report_films")["top_films_table"].records]
    assert titles[:2] == ["Renamed", "Film 9029"]


@pytest.mark.parametrize("selected", [None, frozenset()], ids=["by-daemon", "by-command"])
def test_a_run_of_everything_begins_the_others(graph, monkeypatch, selected):
    monkeypatch.setattr(reports, "ahead", lambda *_arguments: "begun")
    monkeypatch.setattr(reports, "_begun", {})
    run = SimpleNamespace(asset_selection=selected)
    reports._begin_others(SimpleNamespace(run=run, instance=graph.instance), graph.warehouse, graph.source)
    drawn_later = {report.name for report in REPORTS if reports.DERIVED & set(report.reads)}
    assert len(reports._begun) == len(REPORTS) - len({reports.LEADING} | drawn_later) > 1


def test_a_report_that_cannot_be_read_fails_alone(graph):
    graph.execute("alter view vw_person_popularity rename to vw_elsewhere")
    result = graph.run(DAY, only={"report_popularity", "report_people"})
    assert [event.step_key for event in result.all_events if event.is_step_failure] == ["report_people"]


def test_a_picture_is_drawn_again_only_when_its_figures_or_its_code_changed(graph, monkeypatch):
    made = []
    graph.instance = DagsterInstance.ephemeral()  # which keeps what was made, unlike the tests' own
    monkeypatch.setattr(
        reports, "apart", lambda *given, **named: made.append(given[1]) or in_this_process(*given, **named)
    )
    only = {"vw_genre_popularity", "vw_continent_popularity", "vw_load_status", "report_popularity"}
    first = metadata_of(graph.run(DAY, only=only), "report_popularity")
    assert len(made) == 1
    assert metadata_of(graph.run(DAY, only=only), "report_popularity") == first
    assert len(made) == 1
    graph.execute("update dim_genre set name = 'Renamed' where genre_id = (select min(genre_id) from dim_genre)")
    other = metadata_of(graph.run(DAY, only=only), "report_popularity")
    assert len(made) == 2
    assert "Renamed" in {record.data["genre"] for record in other["genre_popularity_table"].records}
    assert other["genre_popularity_picture"] != first["genre_popularity_picture"]
    assert other["continent_popularity_picture"] == first["continent_popularity_picture"]
    monkeypatch.setattr(reports, "drawing_code", lambda: "another release")
    assert metadata_of(graph.run(DAY, only=only), "report_popularity") == other
    assert len(made) == 3


def png_size(markdown, title):
    """Width and height of the picture that a Markdown text of exactly one image holds."""
    head = f"![{title}](data:image/png;base64,"
    assert (markdown[: len(head)], markdown[-1]) == (head, ")")
    content = base64.b64decode(markdown[len(head) : -1], validate=True)
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(content) < 100_000  # Dagster keeps a materialization's metadata three times
    return struct.unpack(">II", content[16:24])


def test_pictures_of_an_empty_warehouse_say_so(warehouse, monkeypatch):
    with platform(warehouse, catalogue(()), monkeypatch) as graph:
        result = graph.run(DAY, only={*PICTURES, *NAMES})
        assert failures_of(result) == []
        for asset, pictures in PICTURES.items():
            metadata = metadata_of(result, asset)
            assert metadata["snapshot_date"] == "None"
            for name in pictures:
                png_size(metadata[f"{name}_picture"], title=name.replace("_", " ").capitalize())


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_a_view_is_described_and_checked(graph, view):
    result = graph.run(DAY, only={view.name})
    rows = graph.value(f"select count(*) from {view.name}")
    metadata = metadata_of(result, view.name)
    assert metadata["dagster/row_count"] == rows > 0
    columns = metadata["dagster/column_schema"].columns
    keys = view.key.split(", ")
    assert [column.name for column in columns if not column.constraints.nullable] == keys
    assert [column.name for column in columns if column.constraints.unique] == (keys if len(keys) == 1 else [])
    assert all(column.description for column in columns)
    with graph.warehouse.begin() as connection:
        assert declared_columns(view) == view_columns(connection, view.name)
    check = evaluations_of(result)[f"{view.name}.contract"]
    assert (check.passed, check.description) == (True, f"{view.name} has {rows} rows, one for each {view.key}.")
    assert {name: value.value for name, value in check.metadata.items()} == {
        "rows": rows,
        f"distinct_{view.key}".replace(", ", "_"): rows,
    }


def test_an_empty_view_is_a_warning_that_says_what_to_do(warehouse, monkeypatch):
    with platform(warehouse, catalogue(()), monkeypatch) as graph:
        result = graph.run(DAY, only=NAMES)
        assert result.success
        may_be_empty = {f"{view.name}.contract" for view in VIEWS if view.may_be_empty}
        assert {name for name, passed in checks_of(result).items() if passed} == may_be_empty
        check = evaluations_of(result)["vw_top_movies.contract"]
        assert check.severity.value == "WARN"
        assert check.description == "vw_top_movies is empty: no day is loaded. Run a day: tmdb-assets run."


def test_a_view_whose_key_repeats_fails_and_stops_the_pictures(graph, tmp_path, monkeypatch):
    changed = shutil.copytree(ddl.SQL_DIR, tmp_path / "sql") / "views" / "vw_genre_popularity.sql"
    right = changed.read_text(encoding="utf-8")
    changed.write_text(right.replace("on t.code = g.genre_id::text", "on true"), encoding="utf-8")
    assert changed.read_text(encoding="utf-8") != right
    monkeypatch.setattr(ddl, "SQL_DIR", tmp_path / "sql")
    result = graph.run(
        DAY, only={"vw_genre_popularity", "vw_continent_popularity", "vw_load_status", "report_popularity"}
    )
    assert not result.success
    check = evaluations_of(result)["vw_genre_popularity.contract"]
    assert (check.passed, check.severity.value) == (False, "ERROR")
    assert check.description == (
        "vw_genre_popularity has 361 rows but 19 values of genre_id. Check the tables that it is made from."
    )
    with pytest.raises(AssertionError, match="report_popularity was not materialized"):
        metadata_of(result, "report_popularity")
