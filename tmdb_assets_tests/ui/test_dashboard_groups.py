"""The dashboard's groups in a browser: filters, and measures that do not depend on how many films are loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tmdb_assets_tests.cases.dashboard_figures import film
from tmdb_assets_tests.cases.written_page import write

if TYPE_CHECKING:
    from playwright.sync_api import Page

HITS = [film(1, "Hit", genres=[35], vote_average=9.0, vote_count=20_000), film(2, "Other", genres=[35, 28])]
DRAMAS = [film(number, f"Drama {number}", genres=[18]) for number in range(3, 201)]
TAIL = [film(number, f"Tail {number}", genres=[35], countries=["FR"]) for number in range(201, 401)]
POPULARITY: dict[int, list[float | None]] = {number: [9.0, 10.0] for number in range(3, 201)}
POPULARITY |= {1: [700.0, 900.0], 2: [80.0, 120.0]} | {number: [1.0, 1.0] for number in range(201, 401)}


def groups(page: Page, name: str) -> list[list[str]]:
    """The rows of a panel: the group, its share of the top 200, median and films."""
    return [row.split() for row in page.get_by_role("table", name=name).get_by_role("row").all_inner_texts()[1:]]


@pytest.mark.long
def test_a_group_filters_and_shares_do_not_depend_on_how_many_films_are_loaded(
    opened: Callable[..., Page], tmp_path: Path
) -> None:
    narrow = opened(write(tmp_path / "narrow.html", HITS + DRAMAS, POPULARITY))
    narrow.wait_for_selector("html[data-ready]")
    assert groups(narrow, "Genre") == [
        ["Drama", "66%", "10.0", "198"],  # 1,980 of 3,000
        ["Comedy", "34%", "510.0", "2"],
        ["Action", "4%", "120.0", "1"],
    ]
    figures = ["200", "10.0", "of all these films", "7.8", "by votes; plain mean 6.5", "39.9K", "–"]
    assert narrow.get_by_role("definition").all_inner_texts() == figures
    wide = opened(write(tmp_path / "wide.html", HITS + DRAMAS + TAIL, POPULARITY))
    wide.wait_for_selector("html[data-ready]")
    assert groups(wide, "Genre") == [
        ["Drama", "66%", "10.0", "198"],
        ["Comedy", "34%", "1.0", "202"],
        ["Action", "4%", "120.0", "1"],
    ]
    assert wide.get_by_role("definition").all_inner_texts()[1:3] == ["10.0", "of the 200 most popular of these films"]
    assert "Weighted rating, of 10" in wide.get_by_role("term").all_inner_texts()
    assert groups(wide, "Production continent")[1] == ["Europe", "0%", "1.0", "200"]
    wide.get_by_role("radio", name="Median popularity").check()
    assert [name for name, *_ in groups(wide, "Genre")] == ["Drama", "Comedy", "Action"]  # of one film: the last
    wide.get_by_role("radio", name="Films").check()
    assert [name for name, *_ in groups(wide, "Genre")] == ["Comedy", "Drama", "Action"]
    again = opened(wide.url)
    again.wait_for_selector("html[data-ready]")
    assert again.get_by_role("radio", name="Films").is_checked()
    genres = wide.get_by_role("table", name="Genre")
    genres.get_by_role("button", name="Action").click()
    assert wide.get_by_role("combobox", name="Genre", exact=True).input_value() == "28"
    assert genres.get_by_role("button", name="Action").get_attribute("aria-pressed") == "true"
    assert wide.get_by_role("table", name="Films that match the filters").get_by_role("link").count() == 1
    # The other panels have the share of the one film that matches, and the page says of which films shares are.
    assert groups(wide, "Production continent") == [["North", "America", "100%", "120.0", "1"]]
    assert wide.get_by_role("definition").all_inner_texts()[2] == "of all these films"
    assert wide.get_by_text("of the 200 most popular films that match the other filters").is_visible()
    genres.get_by_role("button", name="Action").click()
    assert wide.get_by_role("combobox", name="Genre", exact=True).input_value() == ""
