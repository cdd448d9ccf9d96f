"""The pages of quality in a browser: accessible in both themes, and as wide as a phone."""

from __future__ import annotations

import pytest

from tmdb_assets.dashboard.quality_page import build_pages
from tmdb_assets.dashboard.quality_rows import DayDetails
from tmdb_assets_tests.stage.browser import violations
from tmdb_assets_tests.unit.dashboard.test_quality_page import BEFORE, DAY, FAILS, WARNS, rows

DETAILS = DayDetails(
    [("discover", 9, 120, 6, 5, 121, None, False)], (50, 40, 2), [("dim_movie", "runtime < 0", 3, ["-1"])], 4, 2
)


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.long)])
def test_the_pages_of_quality_pass_axe_and_fit_a_phone(opened, tmp_path, scheme):
    given = rows([WARNS, FAILS], details={DAY: DETAILS}, drift={DAY: [("new keys", ["runtime_2"])]})
    made = build_pages(given, [DAY], [BEFORE, DAY], source="TMDb", is_sample=True)
    for name, content in made.items():
        (tmp_path / name).write_bytes(content)
    page = opened((tmp_path / f"{DAY}.html").as_uri(), color_scheme=scheme, viewport={"width": 390, "height": 844})
    for folded in page.locator("details > summary").all():
        folded.click()
    for name in made:
        page.goto((tmp_path / name).as_uri())
        assert (name, violations(page)) == (name, [])
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
