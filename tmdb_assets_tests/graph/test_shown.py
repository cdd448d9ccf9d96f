"""What Dagster's UI shows of tables, views and resources before their first run."""

from __future__ import annotations

import re

import pytest

from tmdb_assets.charts.registry import REPORTS
from tmdb_assets.definitions import build_definitions
from tmdb_assets.settings import Settings
from tmdb_assets.warehouse.schema.views import VIEWS
from tmdb_assets_tests.graph.test_definitions import DEPENDENCIES, GROUPS, TABLES

LONGEST_FIRST = 160  # characters of a first sentence: two lines of the UI


@pytest.fixture(scope="module")
def specs():
    return {spec.key.to_user_string(): spec for spec in build_definitions().resolve_all_asset_specs()}


def test_the_database_of_a_table():
    real = {"tmdb_token": "token", "warehouse_url": "postgresql://u:p@h/films"}
    for given, database in (({}, "tmdb_sandbox"), ({"tmdb_token": "token"}, "tmdb"), (real, "films")):
        made = build_definitions(Settings.load(**given)).resolve_all_asset_specs()
        shown = {spec.metadata.get("dagster/table_name", "").partition(".public.")[0] for spec in made}
        assert shown == {database, ""}


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_the_columns_of_a_view_are_known_before_its_first_run(specs, view):
    shown = specs[view.name].metadata["dagster/column_schema"].columns
    assert [(column.name, column.type) for column in shown] == [column[:2] for column in view.columns]
    assert all(column.description for column in shown)
    key = view.key.split(", ")
    assert {column.name for column in shown if not column.constraints.nullable} == set(key)
    assert [column.name for column in shown if column.constraints.unique] == (key if len(key) == 1 else [])


def test_a_description_begins_with_what_the_asset_is_and_says_where_its_pictures_are(specs):
    first = {name: re.split(r"(?<=[.:;]) |\n", spec.description)[0] for name, spec in specs.items()}
    assert {name: text for name, text in first.items() if len(text) > LONGEST_FIRST or text[-1] not in ".:;"} == {}
    shown = {name for name, spec in specs.items() if "[Show Markdown]" in spec.description.split("\n\n")[1]}
    assert shown == {report.name for report in REPORTS}
    where = {name for name, spec in specs.items() if "`path`" in spec.description.split("\n\n")[1]}
    assert where == GROUPS["reports"] - shown


def test_where_the_columns_come_from(specs):
    def sources(name):
        found = specs[name].metadata["dagster/column_lineage"].deps_by_column
        return {
            column: [f"{dep.asset_key.to_user_string()}.{dep.column_name}" for dep in deps]
            for column, deps in found.items()
        }

    assert sources("bridge_movie_genre") == {"movie_id": ["dim_movie.movie_id"], "genre_id": ["dim_genre.genre_id"]}
    assert sources("fact_movie_daily")["popularity"] == ["raw_discover.popularity", "raw_export.popularity"]
    assert sources("dim_movie")["budget_usd"] == ["raw_details.payload", "raw_discover.payload"]
    assert sources("vw_top_movies")["title"] == ["dim_movie.title"]
    for name in TABLES | GROUPS["marts"]:
        for column, deps in sources(name).items():
            assert column in {each.name for each in specs[name].metadata["dagster/column_schema"].columns}
            for parent, _, of in (dep.partition(".") for dep in deps):
                assert parent in DEPENDENCIES[name]
                assert of in {each.name for each in specs[parent].metadata["dagster/column_schema"].columns}


def test_a_resource_shows_what_it_is_and_its_settings_without_secrets():
    login = "hush-hush"
    given = {
        "tmdb_token": login,
        "tmdb_api_url": f"https://me:{login}@api.example/3",
        "warehouse_url": f"postgresql://me:{login}@db.example/films?sslpassword={login}",
        "alert_webhook_url": f"https://hooks.example/{login}",
        "warehouse_reader_password": login,
    }
    made = build_definitions(Settings.load(**given)).get_repository_def()
    shown = {
        name: (definition.resource_fn.__name__, definition.config_schema.default_value)
        for name, definition in made.get_top_level_resources().items()
    }
    assert shown == {
        "warehouse": ("Warehouse", {"server": "db.example:5432", "database": "films"}),
        "tmdb": (
            "TmdbSource",
            {
                "host": "api.example",
                "pages": "100",
                "language": "en-US",
                "rate_limit": 40,
                "details_max_age_days": 30,
                "parts": "credits, keywords, release_dates",
            },
        ),
        "details": ("DayDetails", {}),
        "progress": ("LogProgress", {}),
    }
    assert all(definition.description for definition in made.get_top_level_resources().values())
