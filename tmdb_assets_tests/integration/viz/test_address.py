"""The address of a page: it names what is chosen there, by ids, and an address that names what is not there says so."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa

from tmdb_assets.charts.registry import PICTURES
from tmdb_assets_tests.cases.shown_page import charts_of, shown, titles_of, values_of
from tmdb_assets_tests.cases.small_star import DAY
from tmdb_assets_tests.oracle.compare import Tables
from tmdb_assets_tests.stage.waiting import PATIENCE_S

testing = pytest.importorskip("streamlit.testing.v1", reason="no Streamlit: pip install 'tmdb-assets[viz]'")
# These modules import Streamlit.
from tmdb_assets.viz import reader  # noqa: E402
from tmdb_assets.viz.cached import narrowed, picture_query, query_as_run  # noqa: E402
from tmdb_assets.viz.matching import ALL_FILMS, Filters  # noqa: E402

FILTERED = Filters(genre="Drama", country="France", from_year=1900)


def link_of(app) -> dict[str, list[str]]:
    """What the link to copy names."""
    (link,) = [code.value for code in app.code if "select" not in code.value]
    return parse_qs(urlsplit(link).query)


def test_what_is_chosen_on_a_page_stands_in_its_address(tables: Tables) -> None:
    app = shown("film")
    assert ("film" in app.query_params, link_of(app)) == (False, {"film": ["3"]})  # the most popular, as of today
    app.selectbox[0].select(2).run()
    assert (app.query_params["film"], app.subheader[0].value) == ("2", "Film 2")
    app.text_input[0].set_value("Film 5").run()
    assert (app.query_params["film"], app.subheader[0].value) == ("5", "Film 5")
    assert link_of(app) == {"film": ["5"]}
    app = shown("person")
    app.selectbox[0].select(1).run()
    assert (app.query_params["person"], titles_of(app)) == ("1", ["Films of Ann"])
    app = shown("continents")
    app.selectbox[0].select("North America").run()
    assert app.query_params["continent"] == "North America"
    app = shown("releases")
    app.selectbox[0].select("US").run()
    assert app.query_params["release_country"] == "US"
    app = shown("trends")
    app.multiselect[0].select(1).select(2).run()
    assert (app.query_params["films"], link_of(app)) == (["1", "2"], {"films": ["1", "2"]})
    app.multiselect[0].unselect(1).unselect(2).run()
    assert "films" not in app.query_params


def test_an_address_opens_what_it_names(tables: Tables) -> None:
    assert shown("film", film="5").subheader[0].value == "Film 5"  # of no filter, and beyond the top
    assert titles_of(shown("continents", continent="North America"))[1].endswith(
        "produced in North America by popularity"
    )
    assert titles_of(shown("releases", release_country="US")) == ["Releases in United States of America"]
    app = shown("trends", films=["5", "1"])
    assert titles_of(app)[1] == "Popularity of 2 chosen films"
    assert {title for (title,) in values_of(charts_of(app)[1], "title")} == {"Film 1", "Film 5"}


@pytest.mark.parametrize(
    ("page", "name", "text"),
    [
        ("film", "film", "99"),
        ("film", "film", "x`*y*"),
        ("film", "film", "9" * 30),
        ("person", "person", "99"),
        ("continents", "continent", "Mu"),
        ("releases", "release_country", "XX"),
        ("trends", "films", "99"),
    ],
)
def test_an_address_that_names_what_is_not_there_says_what_to_do(tables: Tables, page, name, text) -> None:
    app = shown(page, **{name: text})
    said = [warning.value for warning in app.warning if "not known here" in warning.value]
    assert len(said) == 1
    assert f"`{text.replace('`', '')}`" in said[0]
    assert "choose one" in said[0].lower() or "Choose other films" in said[0]
    assert not [heading.value for heading in app.subheader if heading.value.startswith("Film ")]
    (app.multiselect if page == "trends" else app.selectbox)[0].set_value(
        [1] if page == "trends" else {"film": 1, "person": 1, "continents": "Europe", "releases": "FR"}[page]
    ).run()
    assert not [warning.value for warning in app.warning if "not known here" in warning.value]


def test_the_pages_of_the_navigation_keep_what_was_chosen_on_them(tables: Tables) -> None:
    from tmdb_assets.cli.viz import APP

    app = testing.AppTest.from_file(str(APP), default_timeout=PATIENCE_S)
    app.query_params["film"] = "2"
    app.run()
    links = {link.proto.label: link.proto.query_string for link in app.sidebar.get("page_link")}
    assert (links["A film"], links["Today"]) == ("film=2", "")


@pytest.mark.parametrize("filters", [ALL_FILMS, FILTERED])
@pytest.mark.parametrize("name", PICTURES)
def test_the_query_shown_is_the_one_that_ran_with_its_values(name: str, filters: Filters, tables: Tables) -> None:
    values = {**PICTURES[name].parameters, "movie_ids": [1, 2], "person_id": 1}
    query, values = narrowed(reader.read_edition(), picture_query(name), values, filters)
    with reader.reading() as connection:
        alone = connection.exec_driver_sql(query_as_run(query, values).replace("%", "%%")).all()
        assert alone == connection.execute(sa.text(query), values).all()


def test_values_in_a_shown_query_are_literals() -> None:
    query = "select cast(:day as date), :name, '100%'::text -- a:b, '12:30'"
    text = query_as_run(query, {"day": DAY, "name": "O'Ha:days", "days": 7})
    assert text == f"select cast('{DAY}'::date as date), 'O''Ha:days', '100%'::text -- a:b, '12:30'"
