"""The Streamlit app in a browser: the command's own server, the database's figures, no requests to a network."""

from __future__ import annotations

import os
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import pytest

from tmdb_assets.charts.labels import format_measure
from tmdb_assets.settings import Settings
from tmdb_assets.warehouse.ledger.check_results import Result, record
from tmdb_assets.warehouse.loading.latest_state import ensure_day
from tmdb_assets.warehouse.schema.roles import apply_roles
from tmdb_assets.warehouse.server.urls import reader_url, render_url
from tmdb_assets_tests.cases.small_star import AFTER, DAY, SECOND_DAY, load_day, make_star
from tmdb_assets_tests.fakes.hostile_page import hostile_page
from tmdb_assets_tests.oracle.compare import Tables, copied_warehouse
from tmdb_assets_tests.stage.browser import WatchedPage, attacked, violations, watched_page
from tmdb_assets_tests.stage.started_command import started_command

pytest.importorskip("streamlit", reason="no Streamlit: pip install 'tmdb-assets[viz]'")

pytestmark = pytest.mark.long

SETTINGS = Settings.load(warehouse_reader_password="a word that passes")
CHART = "[data-testid=stVegaLiteChart] svg.marks"
HEIGHT_OF_THE_SMALLEST_TEXT = """place => Math.min(...[...place.querySelectorAll("svg.marks text")]
    .filter(text => text.textContent.trim())
    .map(text => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a))"""


@pytest.fixture(scope="module")
def tables(server) -> Iterator[Tables]:
    """The tables that the app shows."""
    with copied_warehouse(server) as warehouse:
        made = make_star(warehouse)
        passed = [Result(name, "contract", True, "warn", "Fine.") for name in ("dim_movie", "raw_export")]
        for day in (DAY, AFTER):
            with warehouse.begin() as connection:
                ensure_day(connection, day)
                record(connection, day, passed)
        apply_roles(warehouse.engine, SETTINGS, is_embedded=True)
        yield made


@pytest.fixture(scope="module")
def app(tables: Tables, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the app, which reads as tmdb_reader and ends after the tests."""
    log = tmp_path_factory.mktemp("viz") / "log"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TMDB_", "STREAMLIT_"))}
    settings = {"WAREHOUSE_URL": render_url(reader_url(tables.warehouse.url, SETTINGS)), "TMDB_TOKEN": "not used"}
    with started_command("viz", "/_stcore/health", {**kept, **settings}, log) as address:
        yield address
    assert f"App: {address}  (Ctrl-C stops it)" in log.read_text()


def texts_of(watched: WatchedPage, number: int, title: str) -> list[str]:
    """The texts of the page's chart `number`, once it has this title."""
    chart = watched.page.locator(CHART).nth(number)
    chart.get_by_text(title, exact=True).wait_for()
    found: list[str] = chart.locator("text").all_text_contents()
    return found


def await_address(watched: WatchedPage, path: str, **named: str) -> None:
    """Wait until the address is of this page and names this, in any order."""

    def is_there(url: str) -> bool:
        parts = urlsplit(url)
        return parts.path == path and dict(parse_qsl(parts.query)) == named

    watched.page.wait_for_url(is_there)


def test_pages_show_the_databases_figures_and_use_no_network(app: str, tables: Tables, browser) -> None:
    with watched_page(browser) as watched:
        page = watched.page
        page.goto(app)
        texts_of(watched, 0, "Top 3 films by popularity")
        page.get_by_test_id("stMetricValue").nth(3).wait_for()
        assert page.get_by_test_id("stMetricValue").all_inner_texts() == ["3", "4.0", "6.3", "30"]
        assert tables.rows("select count(*), sum(vote_count) from vw_top_movies") == [(3, 30)]

        page.get_by_role("link", name="Top films").click()
        page.get_by_role("heading", name="Top films").wait_for()  # both pages have a chart of this title
        shown = texts_of(watched, 0, "Top 3 films by popularity")
        films = tables.rows("select title, popularity from vw_top_movies")
        assert [text for text in shown if text.startswith("Film ")] == [title for title, _ in films]
        assert {format_measure(popularity) for _, popularity in films} <= set(shown)

        page.get_by_role("link", name="Continents").click()
        assert "Film 3" in texts_of(watched, 1, "Top 2 films produced in Europe by popularity")
        main = page.get_by_test_id("stMain")
        main.get_by_role("combobox").click()
        page.get_by_role("option", name="North America").click()
        shown = texts_of(watched, 1, "Top film produced in North America by popularity")
        assert [text for text in shown if text.startswith("Film ")] == ["Film 2"]

        page.get_by_role("link", name="Trends", exact=True).click()
        texts_of(watched, 1, "Popularity of the top 3 films")
        main.get_by_role("combobox").click()
        page.get_by_role("option", name="Film 2").click()
        page.keyboard.press("Escape")  # the list of films stays open for more
        texts_of(watched, 1, "Popularity of a chosen film")

        load_day(tables.warehouse, AFTER, {**SECOND_DAY, 2: (700.0, 6.0, 20)})
        page.get_by_role("link", name="Top films").click()
        texts_of(watched, 0, f"Snapshot of {AFTER} (UTC)")
        assert {"Film 2", "700.0"} <= set(texts_of(watched, 0, "Top 3 films by popularity"))

        assert watched.faults == []
        hosts = {
            urlsplit(request).hostname for request in watched.requests if not request.startswith(("data:", "blob:"))
        }
        assert hosts == {"127.0.0.1"}


def test_a_chart_fits_a_phone_in_dark_mode_and_is_legible(app: str, browser) -> None:
    with watched_page(browser, viewport={"width": 390, "height": 844}, color_scheme="dark") as watched:
        watched.page.goto(app)
        texts_of(watched, 0, "Top 3 films by popularity")
        place = watched.page.locator("[data-testid=stVegaLiteChart]").first
        box = place.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
        assert place.evaluate(HEIGHT_OF_THE_SMALLEST_TEXT) >= 9
        assert watched.page.evaluate("document.documentElement.scrollWidth") <= 390
        dark = watched.page.locator("[data-testid=stApp]").evaluate("app => getComputedStyle(app).colorScheme")
        assert dark == "dark"


def test_on_a_phone_the_navigation_closes_when_a_page_is_chosen(app: str, browser) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "user_agent": "Mozilla/5.0 (Linux; Android 16) Mobile Safari"}
    with watched_page(browser, **phone) as watched:
        page = watched.page
        page.goto(app)
        page.get_by_test_id("stExpandSidebarButton").click()
        page.get_by_role("link", name="Top films").click()
        page.get_by_role("heading", name="Top films").wait_for()
        page.get_by_test_id("stExpandSidebarButton").wait_for()


def test_a_page_of_another_server_neither_reads_nor_shows_the_app(app: str, browser) -> None:
    with hostile_page(app, "/_stcore/upload_file/a/b", "/_stcore/stream", "") as page:
        achieved, statuses = attacked(browser, app, page)
    assert achieved == {"image": "refused", "json": "refused", "socket": "refused"}
    assert statuses == {403}


def test_filters_go_along_and_stand_in_the_address_and_a_link_opens_a_person(app: str, browser) -> None:
    with watched_page(browser) as watched:
        page = watched.page
        page.goto(f"{app}/film?film=2&genre=Drama")
        page.get_by_role("link", name="Ann (cast)").click()
        texts_of(watched, 0, "Films of Ann")
        await_address(watched, "/person", person="1", genre="Drama")
        page.get_by_role("link", name="Today").click()
        texts_of(watched, 0, "Only films that match: Drama")
        await_address(watched, "/", genre="Drama")


def test_a_choice_stands_in_the_address_goes_along_and_back_takes_it_back(app: str, browser) -> None:
    with watched_page(browser, viewport={"width": 1280, "height": 800}) as watched:
        page = watched.page
        page.goto(f"{app}/?genre=Drama")
        tiles = page.get_by_test_id("stMetric")
        tiles.nth(3).wait_for()
        assert len({tile.bounding_box()["y"] for tile in tiles.all()}) == 1  # one row

        def choose(film: str) -> None:
            page.get_by_test_id("stMain").get_by_role("combobox").click()
            page.get_by_role("option", name=film).click()
            page.get_by_role("heading", name=film).wait_for()

        page.get_by_role("link", name="A film").click()
        page.get_by_role("heading", name="Similar films").wait_for()
        first = page.get_by_role("heading", name="Film ").first.inner_text()
        second = "Film 2" if first == "Film 1" else "Film 1"
        choose(second)
        await_address(watched, "/film", genre="Drama", film=second[-1])
        page.get_by_role("link", name="Genre popularity").click()
        await_address(watched, "/genre_popularity", genre="Drama")
        page.get_by_role("link", name="A film").click()
        page.get_by_role("heading", name=second).wait_for()
        await_address(watched, "/film", genre="Drama", film=second[-1])
        page.get_by_role("button", name="Copy link").click()
        page.get_by_test_id("stCode").get_by_text(page.url).wait_for()
        page.keyboard.press("Escape")
        for _ in range(3):  # the other page, the choice, the page before it
            page.go_back()
            page.wait_for_load_state()
        page.get_by_role("heading", name=first).wait_for()
        await_address(watched, "/film", genre="Drama")
        assert watched.faults == []


def test_a_click_on_a_title_opens_the_film_and_one_on_the_quality_of_the_day_its_checks(
    app: str, tables: Tables, browser
) -> None:
    first = tables.rows("select movie_id from vw_top_movies order by rank")[0][0]
    with watched_page(browser) as watched:
        page = watched.page
        page.goto(f"{app}/top_films")
        table = page.get_by_test_id("stDataFrame").last
        table.scroll_into_view_if_needed()
        table.click(position={"x": 150, "y": 52})  # the first row's title, below the headings; the table is a canvas
        page.wait_for_url(f"**/film?*film={first}*")
        texts_of(watched, 0, "Popularity of a chosen film")
        page.get_by_role("link", name="All 2 checks of the day passed.").first.click()
        page.wait_for_url("**/quality*")
        page.get_by_role("heading", name="Loaded days").wait_for()


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_app_passes_axe(app: str, browser, scheme: str) -> None:
    with watched_page(browser, color_scheme=scheme) as watched:
        watched.page.goto(app)
        watched.page.locator(CHART).nth(1).wait_for()
        assert violations(watched.page) == []
        watched.page.goto(f"{app}/film?film=2")
        texts_of(watched, 0, "Popularity of a chosen film")
        assert violations(watched.page) == []
        watched.page.goto(f"{app}/quality")
        watched.page.get_by_role("heading", name="Loaded days").wait_for()
        watched.page.get_by_role("link", name="Today").wait_for()  # the navigation comes after the headings
        watched.page.get_by_test_id("stDataFrame").last.wait_for()
        assert violations(watched.page) == []
