"""The filters of the app: every page shows the films that match, by the SQL of the unfiltered page."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from benchmarks.scale import FIRST_DAY, fill
from benchmarks.star import make_dimensions
from tmdb_assets.charts.registry import PICTURES
from tmdb_assets.language import catalogue, use
from tmdb_assets.warehouse.loading.latest_state import KEEP_LOAD_DAY
from tmdb_assets.warehouse.schema.ddl import apply_view
from tmdb_assets.warehouse.schema.views import VIEWS
from tmdb_assets_tests.cases.shown_page import charts_of, shown, titles_of, values_of
from tmdb_assets_tests.oracle.compare import Tables, copied_warehouse
from tmdb_assets_tests.stage.waiting import PATIENCE_S

testing = pytest.importorskip("streamlit.testing.v1", reason="no Streamlit: pip install 'tmdb-assets[viz]'")
# These modules import Streamlit.
from tmdb_assets.viz import reader  # noqa: E402
from tmdb_assets.viz.cached import narrowed, picture_query  # noqa: E402
from tmdb_assets.viz.matching import ALL_FILMS, Filters, narrow  # noqa: E402


@pytest.mark.parametrize("name", PICTURES)
def test_without_a_filter_a_narrowed_query_has_the_rows_of_the_query(name: str, tables: Tables) -> None:
    values = {**PICTURES[name].parameters, "movie_ids": [1, 2], "person_id": 1}
    query = picture_query(name)
    with reader.reading() as connection:
        whole, narrowed = (
            connection.execute(sa.text(text), values).all() for text in (query, narrow(query, ALL_FILMS))
        )
    assert narrowed == whole


def test_a_narrowed_query_holds_only_what_is_chosen_by_its_key(tables: Tables) -> None:
    query, values = narrowed(reader.read_edition(), "select 1", {"day": 1}, Filters(country="France", from_year=1990))
    assert values == {"day": 1, "match_country": ["FR"], "match_from_year": 1990}
    assert "match_genre" not in query
    assert "match_to_year" not in query


def test_the_filters_leave_the_films_that_match(tables: Tables) -> None:
    app = shown("today", genre="Drama")
    assert [found.value for found in app.metric] == ["2", "3.0", "6.3", "30"]  # films 1 and 2
    assert titles_of(app)[0] == "Top 2 films by popularity"
    assert values_of(charts_of(app)[0], "rank", "title") == [(1, "Film 1"), (2, "Film 2")]
    both = shown("today", genre="Drama", country="France")
    assert values_of(charts_of(both)[0], "rank", "title") == [(1, "Film 1")]
    none = shown("top_films", genre="Comedy", country="United States of America")
    assert none.info[0].value.startswith("No film matches the filters in the sidebar.")
    # Each page's figures are those of the matching films, whatever view they come from: here of film 1.
    (genres,) = charts_of(shown("genre_popularity", genre="Drama", country="France"))
    assert values_of(genres, "name", "top_200_percent", "nb_movies") == [("Comedy", 100.0, 1), ("Drama", 100.0, 1)]
    assert charts_of(shown("people", country="United States of America")) == []  # one film, and a person needs two


def test_the_filters_are_in_the_address_and_choose_from_what_is_loaded(tables: Tables) -> None:
    from tmdb_assets.cli.viz import APP

    app = testing.AppTest.from_file(str(APP), default_timeout=PATIENCE_S)
    app.query_params["genre"] = "Drama"
    app.run()
    assert list(app.exception) == []
    assert [box.value for box in app.sidebar.selectbox] == ["Drama", "All", "All", 30, "en"]
    assert app.sidebar.selectbox[0].options == ["All", "Drama", "Comedy"]  # by their films
    assert app.metric[0].value == "2"


@pytest.mark.parametrize(
    ("in_address", "lang", "shown_as", "films"),
    [
        ({"genre": "Drama"}, "fr", "Drama", "2"),
        ({"genre": "Drame"}, "en", "Drama", "2"),  # from a link that was made in French by an older release
        ({"genre": "Drame"}, "fr", "Drama", "2"),
        ({"genre": "Polka"}, "en", "All", "3"),
    ],
)
def test_a_link_means_the_same_in_each_language(tables: Tables, in_address, lang, shown_as, films) -> None:
    from tmdb_assets.cli.viz import APP

    app = testing.AppTest.from_file(str(APP), default_timeout=PATIENCE_S)
    for name, value in {**in_address, "days": "90", "lang": lang}.items():
        app.query_params[name] = value
    app.run()
    assert list(app.exception) == []
    assert (app.sidebar.selectbox[0].value, app.metric[0].value) == (shown_as, films)
    assert app.sidebar.selectbox[3].value == 90
    # A choice is written in English; another language shows the same films.
    with use(lang):  # the harness writes the choices as the app does
        app.sidebar.selectbox[0].select_index(2).run()
        assert app.query_params["genre"] == "Comedy"
        app.sidebar.selectbox[4].set_value("en" if lang == "fr" else "fr").run()
    assert (app.sidebar.selectbox[0].value, app.query_params["genre"]) == ("Comedy", "Comedy")
    assert list(app.exception) == []


@pytest.mark.parametrize("days", ["90 days", "90 jours"])
def test_old_links_name_the_days_in_words(tables: Tables, days) -> None:
    from tmdb_assets.cli.viz import APP

    app = testing.AppTest.from_file(str(APP), default_timeout=PATIENCE_S)
    app.query_params["days"] = days
    app.run()
    assert app.sidebar.selectbox[3].value == 90


def test_the_address_names_the_language_of_the_app(tables: Tables) -> None:
    from tmdb_assets.cli.viz import APP

    app = testing.AppTest.from_file(str(APP), default_timeout=PATIENCE_S)
    app.query_params["lang"] = "fr"
    app.run()
    assert list(app.exception) == []
    shown = [app.title[0].value, *(part.value for part in (*app.caption, *app.subheader, *app.markdown, *app.info))]
    shown += [part.label for part in (*app.metric, *app.sidebar.selectbox, *app.expander)]
    assert {"Aujourd’hui", "Popularité médiane", "Langue", "Données, image, requête"} <= set(shown)
    assert set(shown) & {text for text, french in catalogue("fr").items() if french != text} == set()
    assert titles_of(app)[0].endswith("premiers films par popularité")


@pytest.mark.long
def test_the_top_people_are_those_of_the_view_where_not_everybody_is_summed(server) -> None:
    """With more than 4,000 films; one person has none of these, and so many others that they add up."""
    with copied_warehouse(server) as warehouse:
        with warehouse.begin() as connection:
            make_dimensions(connection, 5_000, FIRST_DAY, FIRST_DAY)
        fill(warehouse, 5_000, 0, 1)
        with warehouse.begin() as connection:
            connection.execute(sa.text(KEEP_LOAD_DAY), {"day": FIRST_DAY})
            for view in VIEWS:
                apply_view(connection, view.name)
            everybody = "select {} from vw_person_popularity where n_movies >= 2 order by popularity desc, person_id"
            added = """
            insert into bridge_movie_crew (movie_id, credit_id, person_id, department, job)
            select l.movie_id, 'more', :person, 'Sound', 'Sound'
            from movie_latest as l order by l.popularity limit :films
            """
            connection.exec_driver_sql(
                "insert into dim_person (person_id, name, as_of_date) select 99999, 'Busy', current_date"
            )
            for table in ("movie_latest", "fact_movie_daily"):
                connection.exec_driver_sql(f"update {table} set popularity = least(popularity, 20)")
            connection.execute(sa.text(added), {"person": 99_999, "films": 900})
            columns = "person_id, name, n_movies, popularity, median_popularity, best_title"
            right = connection.exec_driver_sql(everybody.format(columns)).fetchmany(20)
            assert connection.exec_driver_sql(picture_query("top_people")).all() == right
            assert 99_999 in [person for person, *_ in right]
            # Few films have any popularity: people of others are equal, and the first of them by id are shown.
            for table in ("movie_latest", "fact_movie_daily"):
                connection.exec_driver_sql(f"update {table} set popularity = 0 where movie_id > 3")
            last = connection.exec_driver_sql(everybody.format(columns)).fetchmany(20)[-1][0]
            for bridge in ("cast", "crew"):
                moved = f"delete from bridge_movie_{bridge} where person_id = :person"
                connection.execute(sa.text(moved), {"person": last})
            connection.execute(
                sa.text(added.replace("popularity", "movie_id desc").replace("more", "last")),
                {"person": last, "films": 9},
            )
            right = connection.exec_driver_sql(everybody.format(columns)).fetchmany(20)
            assert right[-1][:4:3] == (last, 0)
            assert connection.exec_driver_sql(picture_query("top_people")).all() == right
