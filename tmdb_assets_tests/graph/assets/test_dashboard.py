"""The dashboard as an asset: what it writes and records, over a star schema small enough to count by hand."""

from __future__ import annotations

import datetime as dt
import inspect
import re

import pytest
from dagster import DagsterInstance

from tmdb_assets.assets import dashboard
from tmdb_assets.assets.dashboard import MOST_DAYS, dashboard_path, read_figures, replace_file
from tmdb_assets.charts.apart import apart
from tmdb_assets.settings import Settings
from tmdb_assets.warehouse import read_popularity
from tmdb_assets.warehouse.read_pictures import read_newest_day
from tmdb_assets.warehouse.schema.roles import READER, apply_roles
from tmdb_assets_tests.cases.awkward import catalogue
from tmdb_assets_tests.cases.small_star import AFTER, BEFORE, DAY, SECOND_DAY, load_day, make_star
from tmdb_assets_tests.stage.opened_page import data_of, popularity_of
from tmdb_assets_tests.stage.platform import failures_of, metadata_of, platform

SAMPLE_LINE = "Sample figures: the sandbox answers, not TMDb. Set TMDB_TOKEN for real ones."


def run(warehouse, monkeypatch, folder, **options):
    """Materialize the dashboard; return its metadata."""
    with platform(warehouse, catalogue(()), monkeypatch, reports_dir=folder, **options) as graph:
        result = graph.run(AFTER, only={"dashboard"})
        assert failures_of(result) == []
        return metadata_of(result, "dashboard")


def test_the_asset_is_downstream_of_everything_its_page_reads():
    sources = map(inspect.getsource, (read_popularity, read_newest_day))
    queries = [dashboard.FILMS, dashboard.DETAILS, dashboard.PEOPLE]
    text = " ".join((*sources, *queries, dashboard.GENRES, dashboard.COUNTRIES, dashboard.LANGUAGES))
    read = re.findall(r"\b(?:from|join) ((?:vw|dim|bridge|fact|movie)_\w+)", text)
    assert set(read) == set(dashboard.READS)


def test_the_page_holds_the_newest_day_and_the_days_before(warehouse, monkeypatch, tmp_path):
    tables = make_star(warehouse)
    metadata = run(warehouse, monkeypatch, tmp_path)
    page = dashboard_path(Settings.load(reports_dir=tmp_path), warehouse.url.database)
    content = page.read_text(encoding="utf-8")
    assert metadata == {
        "path": str(page),
        "bytes": page.stat().st_size,
        "films": 3,
        "days": 2,
        "snapshot_date": str(DAY),
        "source": "TMDb",
        "attribution": "This product uses the TMDB API but is not endorsed or certified by TMDB.",
    }
    assert [*tmp_path.iterdir()] == [page]
    data = data_of(content)
    assert data["days"] == [str(BEFORE), str(DAY)]
    assert data["films"]["id"] == ["3", "1", "2"]  # by popularity; 4 is removed, 5 was not seen on the newest day
    assert data["films"]["votes"] == [SECOND_DAY[film][2] for film in (3, 1, 2)]
    assert data["films"]["rating"] == [None, 7.0, 6.0]
    assert data["exact"] == {"1": [8.0, 4.0, 2.0]}
    history = popularity_of(content)
    assert history[1] == pytest.approx([1.0, 4.0], rel=0.0005)
    assert history[2] == pytest.approx([9.0, 2.0], rel=0.0005)
    assert history[3][0] != history[3][0]  # NaN: the film has no fact on that day
    genres = {name: place for place, (_, name) in enumerate(data["genres"])}
    assert [sorted(of) for of in data["films"]["genres"]] == [[genres["Comedy"]], [0, 1], [genres["Drama"]]]
    assert [row[2] for row in data["countries"]] == ["Europe", "Europe", "North America"]
    counted = dict(tables.rows("select name, nb_movies from vw_genre_popularity"))
    assert counted == {name: sum(place in of for of in data["films"]["genres"]) for name, place in genres.items()}


def test_the_page_is_built_again_only_when_its_figures_changed_or_it_is_not_what_it_was(
    warehouse, monkeypatch, tmp_path
):
    tables, built = make_star(warehouse), []
    monkeypatch.setattr(dashboard, "apart", lambda *given, **named: built.append(given[0]) or apart(*given, **named))
    with platform(warehouse, catalogue(()), monkeypatch, reports_dir=tmp_path) as graph:
        graph.instance = DagsterInstance.ephemeral()  # which keeps what was made, unlike the tests' own

        def run_again():
            return metadata_of(graph.run(AFTER, only={"dashboard"}), "dashboard")

        first = run_again()
        page = tmp_path / first["path"]
        content = page.read_bytes()
        assert (run_again(), len(built)) == (first, 1)
        page.write_bytes(content[:-1])
        assert (run_again(), len(built)) == (first, 2)
        page.unlink()
        assert (run_again(), len(built)) == (first, 3)
        assert page.read_bytes() == content
        tables.execute("update fact_movie_daily set popularity = popularity + 1 where date_id = :day", day=BEFORE)
        run_again()
        assert len(built) == 4
        assert page.read_bytes() != content


def test_only_the_last_days_and_the_most_popular_films_are_read(warehouse, monkeypatch):
    make_star(warehouse)
    load_day(warehouse, DAY + dt.timedelta(days=MOST_DAYS - 1), {1: (5.0, 7.0, 10), 2: (6.0, 6.0, 20)})
    monkeypatch.setattr("tmdb_assets.assets.dashboard.MOST_FILMS", 1)
    with warehouse.begin() as connection:
        figures = read_figures(connection)
    assert figures.n_films == 2
    assert figures.films["movie_id"].tolist() == [2]
    newest = DAY + dt.timedelta(days=MOST_DAYS - 1)
    assert figures.days == [DAY, newest]
    assert sorted(zip(figures.history["date_id"].dt.date, figures.history["popularity"], strict=True)) == [
        (DAY, 2.0),
        (newest, 6.0),
    ]


def test_the_reader_can_make_the_page(warehouse):
    make_star(warehouse)
    settings = Settings.load(warehouse_reader_password="a word that passes")
    apply_roles(warehouse.engine, settings, is_embedded=True)
    with warehouse.begin() as connection:
        connection.exec_driver_sql(f"set local role {READER}")
        assert read_figures(connection).films["movie_id"].tolist() == [3, 1, 2]


def test_an_empty_warehouse_has_a_page_that_says_so(warehouse, monkeypatch, tmp_path):
    make_star(warehouse).execute("truncate fact_movie_daily, movie_latest, load_day")
    metadata = run(warehouse, monkeypatch, tmp_path, tmdb_token=None)
    assert (metadata["films"], metadata["days"], metadata["snapshot_date"]) == (0, 0, "None")
    assert metadata["source"] == SAMPLE_LINE
    content = (tmp_path / metadata["path"]).read_text(encoding="utf-8")
    assert "No data yet" in content
    assert "SAMPLE DATA" in content


def test_each_database_has_its_own_page(tmp_path):
    settings = Settings.load(reports_dir=tmp_path)
    names = ["tmdb", "tmdb_sandbox", "../tmdb", "a/b", "été"]
    pages = {dashboard_path(settings, name) for name in names}
    assert len(pages) == len(names)
    assert {page.parent for page in pages} == {tmp_path}
    assert tmp_path / "dashboard_tmdb_sandbox.html" in pages


def test_a_page_that_cannot_be_written_leaves_the_old_one(tmp_path):
    page = tmp_path / "page.html"
    page.mkdir()  # a file cannot replace a folder
    with pytest.raises(OSError, match="page"):
        replace_file(page, b"new")
    assert [*tmp_path.iterdir()] == [page]
    page.rmdir()
    replace_file(page, b"old")
    replace_file(page, b"new")
    assert page.read_bytes() == b"new"
    assert [*tmp_path.iterdir()] == [page]
