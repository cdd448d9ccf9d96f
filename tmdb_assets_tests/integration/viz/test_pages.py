"""The app's pages, run as Streamlit runs them: their figures are the database's, and are new after each load."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from tmdb_assets.charts.registry import PICTURES
from tmdb_assets.language import use
from tmdb_assets.settings import ATTRIBUTION, PROJECT_ROOT, SAMPLE_LINE, Settings
from tmdb_assets.warehouse.loading.similar import find_similar
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.shown_page import charts_of, shown, titles_of, values_of
from tmdb_assets_tests.cases.small_star import AFTER, DAY, SECOND_DAY, load_day, make_star
from tmdb_assets_tests.oracle.compare import Tables, copied_warehouse
from tmdb_assets_tests.stage.waiting import PATIENCE_S

if TYPE_CHECKING:
    pass

testing = pytest.importorskip("streamlit.testing.v1", reason="no Streamlit: pip install 'tmdb-assets[viz]'")
from streamlit import cache_data  # noqa: E402

# The module itself imports Streamlit.
from tmdb_assets.viz import layout, reader  # noqa: E402
from tmdb_assets.viz.pages import PAGES  # noqa: E402

SETTINGS = Settings.load(warehouse_reader_password="a word that passes")
NO_DATA = "No data yet"


@pytest.mark.parametrize("name", [page.path for page in PAGES])
def test_every_page_has_a_chart_the_sample_mark_and_the_attribution(name: str, tables: Tables) -> None:
    app = shown(name)
    assert len(charts_of(app)) >= (name != "quality")
    assert {chart["background"] for chart in charts_of(app)} <= {"white"}
    assert [warning.value for warning in app.warning] == [SAMPLE_LINE]
    assert app.caption[-1].value == ATTRIBUTION
    assert app.caption[0].value.startswith(f"Figures up to {DAY} (UTC), loaded ")
    page = next(page for page in PAGES if page.path == name)
    app = shown(name, genre="Drama")
    says = page.scope or f"Films of {DAY} that match the filters: Drama."
    assert says in [caption.value for caption in app.caption]
    only = {"Only films that match: Drama" in json.dumps(chart["title"]) for chart in charts_of(app)}
    assert only <= {not page.scope}


def test_every_picture_is_on_exactly_one_page() -> None:
    assert sorted(name for page in PAGES for name in page.pictures) == sorted(PICTURES)
    assert len({page.path for page in PAGES}) == len({page.title for page in PAGES}) == len(PAGES)


def test_real_figures_have_no_sample_mark(tables: Tables, monkeypatch) -> None:
    for module in (layout, reader):
        monkeypatch.setattr(module, "get_settings", lambda: Settings.load(tmdb_token="x"))
    app = shown("genre_popularity")
    assert list(app.warning) == []
    assert "SAMPLE" not in app.get("vega_lite_chart")[0].proto.spec


def test_figures_equal_the_databases(tables: Tables) -> None:
    (chart,) = charts_of(shown("genre_popularity"))
    genres = "select name, 100 * top_200_share, median_popularity, nb_movies from vw_genre_popularity order by 2 desc"
    assert values_of(chart, "name", "top_200_percent", "median_popularity", "nb_movies") == tables.rows(genres)
    top = "select rank, title, popularity from vw_top_movies"
    app = shown("top_films")
    assert values_of(charts_of(app)[0], "rank", "title", "popularity") == tables.rows(top)
    said = charts_of(app)[0]["description"]  # the text alternative has the figures
    assert all(f"{title}, " in said for _, title, _ in tables.rows(top)), said
    (table,) = (found.value for found in app.dataframe if "page" in found.value)
    assert list(zip(table["rank"], table["title"], table["popularity"], strict=True)) == tables.rows(top)
    assert table["page"].tolist()[0] == "https://www.themoviedb.org/movie/3"
    assert table["change_7d"].isna().all()  # no day a week before


def test_a_films_similar_films_are_shown_with_what_they_share(tables: Tables) -> None:
    app = shown("film")
    assert "SIMILAR=off" in app.info[0].value
    with tables.warehouse.begin() as connection:
        find_similar(connection)
    cache_data.clear()
    app = shown("film", film="1")
    rows = "select similar_id, because from movie_similar where movie_id = 1 order by rank"
    (table,) = (found.value for found in app.dataframe if "because" in found.value)
    assert list(zip(table["movie_id"], table["because"], strict=True)) == tables.rows(rows) != []
    app.text_input[0].set_value("Film 3").run()
    assert "Film 3" in [heading.value for heading in app.subheader]
    app.text_input[0].set_value("no such film").run()
    assert "No film has this in its title. Try a shorter part of it." in [caption.value for caption in app.caption]


def test_a_film_has_its_figures_changes_facts_and_people(tables: Tables) -> None:
    app = shown("film", film="2")
    assert app.subheader[0].value == "Film 2"
    assert [(found.label, found.value, found.delta) for found in app.metric] == [
        ("Popularity", "2.0", f"on {DAY}"),
        ("Rank", "4", ""),  # films 4 (removed since), 3 and 1 had more
        ("7 days", "–", "no figure then"),
        ("30 days", "–", "no figure then"),
        ("Rating", "6.0", "20 votes"),
    ]
    assert titles_of(app) == ["Popularity of a chosen film"]
    facts = app.table[0].value.iloc[:, 0].to_dict()
    assert facts == {"Genres": "Drama", "Produced in": "United States of America"}
    assert [text.value for text in app.text] == ["Ann (cast)", "Bo (cast)"]
    assert any("TMDb removed this film" in warning.value for warning in shown("film", film="4").warning)
    for wrong in ("99", "x", "9" * 30):
        shown("film", film=wrong)  # without an error


def test_a_continent_shows_its_own_top_ten(tables: Tables) -> None:
    app = shown("continents")
    assert app.selectbox[0].options == ["Europe", "North America"]
    films = {}
    for continent in app.selectbox[0].options:
        app.selectbox[0].select(continent).run()
        films[continent] = values_of(charts_of(app)[1], "rank", "title", "popularity")
        assert titles_of(app)[1].endswith(f" produced in {continent} by popularity")
    # Film 1 spans two countries of Europe and counts once; film 4 is removed.
    assert films == {"Europe": [(1, "Film 3", 8.0), (2, "Film 1", 4.0)], "North America": [(1, "Film 2", 2.0)]}


def test_curves_show_the_chosen_films_even_from_beyond_the_top(tables: Tables) -> None:
    app = shown("trends")
    assert titles_of(app)[1] == "Popularity of the top 3 films"
    app.text_input[0].input("FILM 5").run()
    assert "Found: 1. Choose them below." in [caption.value for caption in app.caption]
    app.multiselect[0].select(5).select(1).run()
    assert titles_of(app)[1] == "Popularity of 2 chosen films"
    points = values_of(charts_of(app)[1], "title", "date", "value")
    facts = "select 'Film ' || movie_id, date_id::text, popularity from fact_movie_daily where movie_id in (1, 5)"
    assert sorted(point for point in points if point[2] == point[2]) == sorted(tables.rows(facts))


def test_a_person_is_found_and_has_films_and_costars(tables: Tables) -> None:
    app = shown("people")
    # Bo: films 3, 1 and 2 (8 + 4 + 2); Ann: 1 and 2. Film 4 is removed.
    assert values_of(charts_of(app)[0], "name", "popularity", "n_movies") == [("Bo", 14.0, 3), ("Ann", 6.0, 2)]
    assert titles_of(app)[0] == "People by popularity"
    assert titles_of(shown("person")) == ["Films of Bo"]
    assert titles_of(shown("person", person="1")) == ["Films of Ann"]
    app = shown("person")
    app.text_input[0].input("AN").run()
    assert titles_of(app) == ["Films of Ann"]
    points = values_of(charts_of(app)[0], "title", "date", "value")
    facts = "select 'Film ' || movie_id, date_id::text, popularity from fact_movie_daily where movie_id in (1, 2)"
    assert sorted(point for point in points if point[2] == point[2]) == sorted(tables.rows(facts))
    assert app.dataframe[-1].value.to_dict("records") == [{"costar_name": "Bo", "n_movies": 2}]
    app.text_input[0].input("%").run()
    assert "No person has this in the name. Try a shorter part of it." in [caption.value for caption in app.caption]


def test_releases_are_those_of_the_chosen_country(tables: Tables) -> None:
    app = shown("releases")
    assert app.selectbox[0].options == ["France", "United States of America"]
    assert values_of(charts_of(app)[0], "title", "release_date", "release_type", "certification") == [
        ("Film 3", "2026-07-12", "Theatrical", "12")
    ]
    app.selectbox[0].select("US").run()
    assert titles_of(app) == ["Releases in United States of America"]
    assert values_of(charts_of(app)[0], "title", "release_type") == [("Film 2", "Digital")]


def test_wildcards_in_a_search_are_literal(tables: Tables) -> None:
    app = shown("trends")
    app.text_input[0].input("_ilm%").run()
    assert "No film has this in its title." in [caption.value for caption in app.caption]


def test_a_new_load_is_shown_at_once(server, monkeypatch) -> None:
    with copied_warehouse(server) as warehouse:
        make_star(warehouse)
        monkeypatch.setattr(reader, "reading_url", lambda: warehouse.url)
        app = shown("top_films")
        first = charts_of(app)[0]
        load_day(warehouse, AFTER, {**SECOND_DAY, 1: (500.0, 7.0, 10)})
        app.run()
        second = charts_of(app)[0]
        reader._engine(warehouse.url).dispose()
    assert values_of(first, "rank", "title")[0] == (1, "Film 3")
    assert values_of(second, "rank", "title", "popularity")[0] == (1, "Film 1", 500.0)
    assert str(AFTER) in json.dumps(second["title"])


def test_figures_are_cached_until_the_next_load(tables: Tables, star: Warehouse) -> None:
    app = shown("genre_popularity")
    before = values_of(charts_of(app)[0], "name")
    assert before == [("Comedy",), ("Drama",)]
    with star.begin() as connection:
        connection.execute(sa.text("update dim_genre set name = name || '!'"))
    assert values_of(charts_of(app.run())[0], "name") == before
    with star.begin() as connection:
        connection.execute(sa.text("update dim_genre set name = rtrim(name, '!')"))


def test_before_the_first_load_a_page_says_what_to_do_and_works_afterwards(warehouse: Warehouse, monkeypatch) -> None:
    monkeypatch.setattr(reader, "reading_url", lambda: warehouse.url)
    app = shown("trends")
    assert (len(charts_of(app)), len(app.info)) == (0, 1)
    assert app.info[0].value.startswith(f"**{NO_DATA}.** Load a day first: `tmdb-assets run`.")
    assert app.caption[-1].value == ATTRIBUTION
    from tmdb_assets.cli.viz import APP

    french = testing.AppTest.from_file(str(APP), default_timeout=PATIENCE_S)
    french.query_params["lang"] = "fr"
    text = french.run().info[0].value
    assert text.startswith("**Pas encore de données.** Chargez d’abord un jour\u00a0: `tmdb-assets run`. Puis "), text
    make_star(warehouse)
    app.button[0].click().run()
    assert (len(charts_of(app)), len(app.info)) == (2, 0)
    reader._engine(warehouse.url).dispose()


def test_the_app_opens_with_the_day_at_a_glance(tables: Tables) -> None:
    from tmdb_assets.cli.viz import APP

    app = testing.AppTest.from_file(str(APP), default_timeout=PATIENCE_S).run()
    assert list(app.exception) == []
    assert titles_of(app) == ["Top 3 films by popularity", "Movers of the week", "Key figures"]
    assert [found.value for found in app.metric] == ["3", "4.0", "6.3", "30"]


def test_a_chart_of_a_page_can_be_taken_as_a_picture(tables: Tables) -> None:
    from tmdb_assets.viz.cached import draw_picture, render_picture

    drawn = draw_picture(reader.read_edition(), "top_films")
    assert render_picture(drawn.spec).startswith(b"\x89PNG")


def test_app_and_dashboard_know_the_same_kinds_of_reasons() -> None:
    from tmdb_assets.viz.similar import KINDS

    script = (PROJECT_ROOT / "tmdb_assets" / "dashboard" / "page" / "film.js").read_text(encoding="utf-8")
    (kinds,) = re.findall(r"const KINDS = \{(.*)\};", script)
    assert tuple(re.findall(r'(\w+): tr\("\1"\)', kinds)) == KINDS


def test_what_films_share_is_said_in_french() -> None:
    from tmdb_assets.viz.similar import reasons

    stored = "genre Drama, 1980s, director Ann Hui, language Cantonese, crew Ex, Inc., keyword drama"
    with use("fr"):
        assert reasons(stored) == (
            "genre Drame, Années 1980, cinéaste Ann Hui, langue Cantonais, équipe Ex, Inc., mot-clé drama"
        )
    assert reasons(stored) == stored
