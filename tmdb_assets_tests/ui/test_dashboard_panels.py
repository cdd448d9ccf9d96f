"""The dashboard's panels and tools in a browser: a film, a person, posters, figures to take along, an empty search."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tmdb_assets_tests.cases.dashboard_figures import film
from tmdb_assets_tests.cases.written_page import write
from tmdb_assets_tests.stage.browser import violations, watched_page

POSTER = "https://image.tmdb.org/t/p/w342/one.jpg"
DETAILS = pd.DataFrame(
    [
        {
            "movie_id": 1,
            "release": "2026-07-26",
            "runtime": 94,
            "overview": "A film <b>of markup</b>.",
            "poster": "/one.jpg",
            "keywords": ["sea", "storm"],
            "releases": [["France", "Theatrical", "2026-07-26", "12"], ["Japan", "Digital", "2026-07-28", None]],
            "similar": [["2", "genre Drama"], ["999", "not on this page"]],
        }
    ]
)
FILMS = [
    film(1, "=HYPERLINK(1)", genres=[18], people=[287, 288], n_directors=1),
    film(2, 'Two, "quoted"', genres=[18, 35], people=[288], release_year=None),
    film(3, "Three", genres=[35]),
]
POPULARITY: dict[int, list[float | None]] = {1: [20.0, *[25.0] * 6, 30.0], 2: [2.0] * 7 + [4.0], 3: [9.0] * 8}
QUERIES = {"films": "select 1 -- the films", "film": "select 550"}


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    path = tmp_path_factory.mktemp("panels") / "dashboard.html"
    return write(path, FILMS, POPULARITY, details=DETAILS, queries=QUERIES)


@pytest.fixture
def page(opened, address):
    made = opened(address)
    made.wait_for_selector("html[data-ready]")
    return made


def test_a_title_opens_the_films_panel_and_back_closes_it(page):
    page.locator("#films").get_by_role("link", name="=HYPERLINK(1)").click()
    panel = page.get_by_role("dialog", name="=HYPERLINK(1)")
    panel.wait_for()
    assert page.url.endswith("#film=1")
    shown = " ".join(panel.inner_text().split())
    for text in (
        "Popularity 30.0 on 2026-07-29",
        "7 days +10.0 +50%, from 20.0",
        "30 days – no figure then",
        "of 3; 7 days ago 1, 30 days ago –",
        "Runtime 94 min",
        "Directed by Zoë Person-0",
        "Cast Zoë Person-1",
        "Keywords sea, storm",
        'Two, "quoted" genre Drama',
        "A film <b>of markup</b>.",
    ):
        assert text in shown, text
    assert "not on this page" not in shown
    assert panel.locator(".release text").all_text_contents() == ["Theatrical", "Digital"]
    panel.get_by_text("Releases in 2 countries").click()
    releases = panel.get_by_role("table", name="Releases by country").get_by_role("row").all_inner_texts()
    assert releases[1:] == ["France\tTheatrical\t2026-07-26\t12", "Japan\tDigital\t2026-07-28\t–"]
    page.go_back()
    panel.wait_for(state="hidden")
    page.go_forward()
    panel.wait_for()
    page.keyboard.press("Escape")
    panel.wait_for(state="hidden")
    assert page.locator(":focus").inner_text() == "=HYPERLINK(1)"
    assert "film=" not in page.url


def test_a_person_has_a_panel_and_a_genre_in_a_panel_filters(page, opened, address):
    page.locator("#films").get_by_role("link", name="=HYPERLINK(1)").click()
    page.get_by_role("dialog").get_by_role("link", name="Zoë Person-1").click()
    person = page.get_by_role("dialog", name="Zoë Person-1")
    rows = person.get_by_role("table", name="Films of Zoë Person-1").get_by_role("row").all_inner_texts()
    assert rows[1:] == ["=HYPERLINK(1)\t2020\tcast\t30.0\t6.5", 'Two, "quoted"\t–\tcast\t4.0\t6.5']
    assert "Popularity together 34.0" in " ".join(person.inner_text().split())
    linked = opened(page.url)  # a link to a person opens the panel
    linked.get_by_role("dialog", name="Zoë Person-1").wait_for()
    person.get_by_role("link", name="=HYPERLINK(1)").click()
    page.get_by_role("dialog", name="=HYPERLINK(1)").get_by_role("button", name="Drama").click()
    assert page.get_by_role("dialog").count() == 0
    assert page.get_by_role("search").get_by_role("status").inner_text() == "2 of 3 films: Drama"


def test_a_poster_is_loaded_only_when_posters_are_switched_on(browser, address):
    with watched_page(browser) as watched:
        watched.page.route(POSTER, lambda route: route.fulfill(status=200, content_type="image/svg+xml", body="<svg/>"))
        watched.page.goto(f"{address}#film=1")
        panel = watched.page.get_by_role("dialog")
        panel.wait_for()
        assert [request for request in watched.requests if request.startswith("http")] == []
        with watched.page.expect_request(POSTER) as asked:
            panel.get_by_role("checkbox", name="Posters, loaded from TMDb").check()
        assert asked.value.headers.get("referer") is None
        assert panel.get_by_text("Image: TMDB").is_visible()
        assert watched.faults == []


def test_figures_can_be_taken_as_a_table_and_a_csv(page):
    page.get_by_text("Data, picture, link of Films", exact=True).click()
    part = page.get_by_role("region", name="Films", exact=True)
    with page.expect_download() as csv:
        part.get_by_role("button", name="CSV").click()
    assert csv.value.suggested_filename == "films.csv"
    assert Path(csv.value.path()).read_text("utf-8-sig").splitlines() == [
        "Title,TMDb id,Year,Popularity,Week before,Change,Rating,Votes",
        "'=HYPERLINK(1),1,2020,30,20,10,6.5,100",
        "Three,3,2020,9,9,0,6.5,100",
        '"Two, ""quoted""",2,,4,2,2,6.5,100',
    ]
    part.get_by_role("button", name="Table").click()
    assert part.get_by_role("table", name="Films", exact=True).get_by_role("row").count() == 4
    part.get_by_role("button", name="Query", exact=True).click()
    assert part.get_by_text("select 1 -- the films").is_visible()


@pytest.mark.parametrize("name", ["Popularity over time", "Films by genre"])
def test_a_part_can_be_taken_as_a_picture(page, name):
    page.get_by_text(f"Data, picture, link of {name}", exact=True).click()
    tools = page.locator("details.tools", has_text=f"Data, picture, link of {name}")
    with page.expect_download() as png:
        tools.get_by_role("button", name="PNG").click()
    content = Path(png.value.path()).read_bytes()
    assert content.startswith(b"\x89PNG")
    assert len(content) > 5_000


def test_films_are_compared_by_name_up_to_six(page):
    box = page.get_by_label("Compare")
    box.fill("thre")
    assert page.locator("#titles option").evaluate_all("all => all.map((one) => one.value)") == ["Three (2020)"]
    box.fill("Three (2020)")
    box.fill('Two, "quoted" (no year)')
    drawn = page.locator("#legend").get_by_role("link").all_inner_texts()
    assert (drawn, box.input_value()) == (["Three", 'Two, "quoted"'], "")
    assert page.url.endswith("#films=3%2C2")


def test_an_empty_search_says_what_to_change_and_leaves_no_empty_parts(page):
    page.get_by_role("searchbox", name="Title or person").fill("three")
    page.get_by_role("combobox", name="Genre", exact=True).select_option("Drama")
    page.get_by_role("list", name="Filters to remove").wait_for()
    shown = page.locator("main > section:visible, main > .columns > section:visible")
    assert [part.split("\n")[0] for part in shown.all_inner_texts()] == ["Films"]
    offered = page.get_by_role("list", name="Filters to remove").get_by_role("button")
    assert offered.all_inner_texts() == ["Without Drama: 1 film", "Without “three”: 2 films"]
    offered.first.click()
    assert page.get_by_role("search").get_by_role("status").inner_text() == "1 of 3 films: “three”"


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.long)])
def test_the_page_its_panels_and_an_empty_search_pass_axe(opened, address, scheme):
    page = opened(address, color_scheme=scheme)
    page.wait_for_selector("html[data-ready]")
    for part in page.locator("details.tools > summary").all():
        part.click()
    assert violations(page) == []
    page.goto(f"{address}#film=1")
    page.get_by_role("dialog", name="=HYPERLINK(1)").wait_for()
    assert violations(page) == []
    page.goto(f"{address}#person=288")
    page.get_by_role("dialog", name="Zoë Person-1").wait_for()
    assert violations(page) == []
    page.goto(f"{address}#q=nothing")
    page.get_by_role("list", name="Filters to remove").wait_for()
    assert violations(page) == []
