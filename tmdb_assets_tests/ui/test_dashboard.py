"""The dashboard in a browser: what each control changes, and that it requests nothing from a network."""

from __future__ import annotations

import pytest

from tmdb_assets.dashboard.colours import DARK, LIGHT
from tmdb_assets.language import catalogue
from tmdb_assets_tests.cases.dashboard_figures import film
from tmdb_assets_tests.cases.written_page import FILMS, MARKUP, POPULARITY, write

ALL = ["Amélie", "Alien", "Spirited Away", "La Strada", "Heat", MARKUP]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    return write(tmp_path_factory.mktemp("dashboard") / "dashboard.html", FILMS, POPULARITY)


@pytest.fixture
def page(opened, address):
    made = opened(address)
    made.wait_for_selector("html[data-ready]")
    return made


def titles(page):
    """The list, from top to bottom."""
    return page.get_by_role("table", name="Films that match the filters").locator("th.title > a").all_inner_texts()


def cells(page, title):
    """A film's figures in the list: year, popularity, its change in a week, rating and votes."""
    row = page.locator("#films").get_by_role("row").filter(has=page.get_by_role("link", name=title, exact=True))
    return [text.split("\n")[0] for text in row.get_by_role("cell").all_inner_texts()[1:6]]


def status(page):
    return page.get_by_role("search").get_by_role("status").inner_text()


def curves(page):
    """The films drawn, as described to a screen reader."""
    return page.get_by_role("img").get_attribute("aria-label")


@pytest.mark.parametrize(
    ("label", "chosen", "left"),
    [
        ("Genre", "Drama", ["Spirited Away", "La Strada", "Heat"]),
        ("Production continent", "Europe", ["Amélie", "La Strada"]),
        ("Production country", "United States of America", ["Alien", "Heat"]),
        ("Original language", "Japanese", ["Spirited Away"]),
    ],
)
def test_a_choice_leaves_the_films_that_have_it(page, label, chosen, left):
    assert titles(page) == ALL
    page.get_by_role("combobox", name=label, exact=True).select_option(chosen)
    assert titles(page) == left
    assert status(page) == f"{len(left)} of 6 films: {chosen}"
    assert ", ".join(left) in curves(page)
    page.get_by_role("button", name="Reset", exact=True).click()
    assert titles(page) == ALL


def test_years_exclude_films_of_other_or_unknown_years(page):
    page.get_by_label("First release year").fill("1979")
    assert titles(page) == ["Amélie", "Alien", "Spirited Away", "Heat"]
    page.get_by_label("Last release year").fill("1995")
    assert titles(page) == ["Alien", "Heat"]
    assert status(page) == "2 of 6 films: released 1979 to 1995"


def test_figures_are_of_the_last_day_shown(page):
    assert cells(page, "Amélie") == ["2001", "60.0", "+48.0", "7.9", "900"]
    page.get_by_label("Last day").select_option("2026-07-28")
    assert titles(page) == ["Heat", "Alien", "Spirited Away", "Amélie", "La Strada"]
    assert cells(page, "Amélie") == ["2001", "24.0", "+14.0", "7.9", "900"]
    assert cells(page, "Heat")[2] == "–"
    page.get_by_label("First day").select_option("2026-07-29")  # after the last: the two are swapped
    assert page.get_by_label("First day").input_value() == "2026-07-28"
    assert curves(page).endswith("from 2026-07-28 to 2026-07-29. The table below has the figures.")


def test_filters_combine_until_no_film_matches_and_can_be_reset(page):
    page.get_by_role("combobox", name="Genre", exact=True).select_option("Drama")
    page.get_by_role("combobox", name="Original language", exact=True).select_option("French")
    assert titles(page) == ["La Strada"]
    assert page.get_by_role("definition").all_inner_texts() == [
        "1", "30.0", "of all these films", "6.5", "by votes; plain mean 6.5", "300", "100%"
    ]  # fmt: skip
    page.get_by_role("combobox", name="Production country", exact=True).select_option("Japan")
    assert titles(page) == []
    assert page.get_by_text("No film matches these filters.").is_visible()
    page.get_by_role("button", name="Reset the filters").click()
    assert titles(page) == ALL


def test_a_film_is_found_by_either_title_and_has_a_curve(page):
    search = page.get_by_role("searchbox", name="Title or person")
    search.fill("千尋")
    assert titles(page) == ["Spirited Away"]
    search.fill("FABULEUX  amelie")
    assert titles(page) == ["Amélie"]
    assert curves(page).startswith("Popularity by day of Amélie, from 2026-07-21 to 2026-07-29.")
    page.get_by_text("The curves as a table").click()
    table = page.get_by_role("table", name="Popularity by day and film")
    table.get_by_role("columnheader").first.wait_for()
    assert table.get_by_role("columnheader").all_inner_texts() == ["Day (UTC)", "Amélie"]
    assert table.get_by_role("row").last.inner_text() == "2026-07-21\t10.0"
    search.fill("zoe person 0")
    assert titles(page) == ["Heat"]
    assert page.get_by_text("with Zoë Person-0", exact=True).is_visible()
    search.fill("amelie")
    page.get_by_role("button", name="Curve of Amélie").click()
    search.fill("")
    page.get_by_role("button", name="Curve of Heat").click()
    assert curves(page).startswith("Popularity by day of Amélie, Heat,")
    assert page.locator("#curves path.curve").count() == 2
    page.get_by_role("button", name="Remove Amélie").click()
    assert curves(page).startswith("Popularity by day of Heat,")


def test_the_list_is_sorted_by_its_headings_with_the_unknown_last(page):
    def sort(name):
        heading = page.locator("#films").get_by_role("columnheader", name=name)
        heading.get_by_role("button").click()
        return titles(page), heading.get_attribute("aria-sort")

    by_votes = ["Alien", "Spirited Away", "Amélie", "Heat", "La Strada"]
    assert sort("Votes") == ([*by_votes, MARKUP], "descending")
    assert sort("Votes") == ([*by_votes[::-1], MARKUP], "ascending")
    assert sort("Year") == (["Amélie", "Spirited Away", "Heat", "Alien", "La Strada", MARKUP], "descending")
    assert sort("Title") == ([MARKUP, "Alien", "Amélie", "Heat", "La Strada", "Spirited Away"], "ascending")
    assert sort("Week") == (["Amélie", "La Strada", "Alien", "Spirited Away", "Heat", MARKUP], "descending")
    assert page.get_by_role("columnheader", name="Votes").get_attribute("aria-sort") == "none"


def test_a_films_panel_links_to_the_film_at_tmdb_without_a_referrer(page):
    page.locator("#films").get_by_role("link", name="Spirited Away").click()
    link = page.get_by_role("dialog", name="Spirited Away").get_by_role("link", name="This film at TMDb")
    found = [link.get_attribute(name) for name in ("href", "target", "rel")]
    assert found == ["https://www.themoviedb.org/movie/3", "_blank", "noopener noreferrer"]


def test_the_address_holds_the_view(page, opened):
    page.get_by_role("combobox", name="Genre", exact=True).select_option("Drama")
    page.get_by_role("columnheader", name="Votes").get_by_role("button").click()
    page.get_by_role("button", name="Curve of Heat").click()
    again = opened(page.url)
    again.wait_for_selector("html[data-ready]")
    assert titles(again) == titles(page) == ["Spirited Away", "Heat", "La Strada"]
    assert curves(again) == curves(page)
    assert again.get_by_role("combobox", name="Genre", exact=True).input_value() == "18"


def test_the_keyboard_is_enough(page):
    keys, focused = page.keyboard, page.locator(":focus")
    keys.press("Tab")
    assert focused.inner_text() == "Skip to the list of films"
    keys.press("Enter")
    assert focused.inner_text() == "Films"
    page.get_by_role("searchbox").focus()
    keys.type("e")
    keys.press("Tab")
    keys.press("d")
    assert titles(page) == ["Spirited Away", "Heat"]  # with an e, dramas
    page.get_by_role("button", name="Curve of Heat").focus()
    keys.press("Space")  # the list is redrawn and keeps its focus
    assert focused.get_attribute("aria-label") == "Curve of Heat"
    assert focused.get_attribute("aria-pressed") == "true"
    assert page.get_by_role("listitem").inner_text().split() == ["1", "Heat", "20.0", "×"]
    page.get_by_role("slider", name="Day").focus()
    keys.press("ArrowLeft")
    assert focused.get_attribute("aria-valuetext") == "2026-07-28"
    assert page.get_by_role("listitem").inner_text().split() == ["1", "Heat", "80.0", "×"]
    assert focused.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"


def test_the_structure_for_screen_readers(page):
    from playwright.sync_api import expect

    expect(page.get_by_role("search", name="Filters")).to_match_aria_snapshot("""
        - search "Filters":
          - group:
            - searchbox "Title or person"
            - combobox "Genre"
            - combobox "Production continent"
            - combobox "Production country"
            - combobox "Original language"
            - group "Release years":
              - spinbutton "First release year"
              - spinbutton "Last release year"
            - group "Days shown (UTC)":
              - combobox "First day"
              - combobox "Last day, to which the figures refer"
            - button "Reset"
          - status: 6 of 6 films
    """)
    expect(page.get_by_role("main")).to_match_aria_snapshot("""
        - region "Key figures"
        - region "Popularity over time":
          - heading "Popularity over time" [level=2]
          - checkbox "Log scale"
          - img /Popularity by day of Amélie/
          - slider "Day"
          - list "Films drawn"
        - region "Movers of the week":
          - table "Rose most"
          - table "Fell most"
        - region "Films":
          - heading "Films" [level=2]
          - table /Films that match the filters/:
            - rowgroup:
              - row:
                - columnheader "Popularity"
        - region "By genre, production country, language and decade":
          - group "Bars show":
            - radio "Share of the top 200" [checked]
            - radio "Median popularity"
            - radio "Films"
          - table "Genre"
    """)
    assert page.get_by_role("contentinfo").inner_text().endswith("not endorsed or certified by TMDB.")


def test_a_page_without_days_and_one_with_a_single_day(opened, tmp_path):
    page = opened(write(tmp_path / "none.html", [], {}))
    assert page.get_by_role("main").inner_text() == "No data yet\n\nLoad a day first: tmdb-assets run"
    page = opened(write(tmp_path / "one.html", FILMS[:2], {1: [3.0], 2: [4.0]}))
    page.wait_for_selector("html[data-ready]")
    assert titles(page) == ["Alien", "Amélie"]
    assert page.get_by_text("Only one day so far: curves start with the second.").is_visible()
    assert page.get_by_text("Nothing to compare with").is_visible()
    assert page.get_by_role("slider").count() == 0


PLACES = """() => {
  const all = (selector) => [...document.querySelectorAll(selector)].map((element) => element.getBoundingClientRect());
  const [curves] = all("#curves");
  return {
    labels_over_the_edge: all("#curves .label").filter((label) => label.right > curves.right).length,
    heights_of_names: new Set(all("form > label, form legend").map((name) => name.top)).size,
    beyond_the_window: document.documentElement.scrollWidth - innerWidth,
    ground: getComputedStyle(document.body).backgroundColor,
  };
}"""


def test_wide_titles_fit_a_desktop_and_a_phone_light_and_dark(opened, tmp_path):
    films = [film(1, "W" * 40), film(2, "MMMM WWWW " * 8), film(3, "千と千尋の神隠し" * 4)]
    page = opened(write(tmp_path / "wide.html", films, {1: [3.0, 4], 2: [4.0, 5], 3: [1.0, 2]}))
    found = []
    for width, height, scheme in ((1440, 900, "light"), (390, 844, "dark")):
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=scheme)
        page.reload()
        page.wait_for_selector("html[data-ready]")
        found.append(page.evaluate(PLACES))
    desktop, phone = found
    assert (desktop["labels_over_the_edge"], desktop["beyond_the_window"], desktop["heights_of_names"]) == (0, 0, 1)
    assert (phone["labels_over_the_edge"], phone["beyond_the_window"]) == (0, 0)
    assert [places["ground"] for places in found] == [rgb(LIGHT["ground"]), rgb(DARK["ground"])]


def rgb(colour):
    """A colour as a browser reports it."""
    return "rgb({}, {}, {})".format(*bytes.fromhex(colour.removeprefix("#")))


def test_the_page_is_in_french_by_its_address_and_its_button(opened, address):
    page = opened(f"{address}#lang=fr&genre=18")
    page.wait_for_selector("html[data-ready]")
    assert (page.title(), page.locator("html").get_attribute("lang")) == ("Films par popularité", "fr")
    assert status(page) == "3 films sur 6\u00a0: Drame"
    lines = {line.strip() for line in page.locator("body").inner_text().splitlines()}
    lines |= set(page.locator("[aria-label]").evaluate_all("found => found.map((one) => one.ariaLabel)"))
    assert lines & {text for text, french in catalogue("fr").items() if french != text} == set()
    assert {"Note pondérée, sur 10", "Du 22 juillet 2026 au 29 juillet 2026"} <= lines
    page.get_by_role("button", name="English").click()
    page.wait_for_selector("html[lang=en][data-ready]")
    assert status(page) == "3 of 6 films: Drama"
    assert "lang" not in page.url
    assert "genre=18" in page.url
