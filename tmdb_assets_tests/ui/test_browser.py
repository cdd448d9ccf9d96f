"""The browser that the other files of this folder rely on: a watched page records everything."""

from __future__ import annotations

from tmdb_assets_tests.stage.browser import watched_page

PAGE = """
<title>Here</title><img src="http://127.0.0.1:1/picture.png">
<script>console.error('seen'); undefined_name</script>
"""


def test_a_watched_page_records_errors_and_requests(browser):
    with watched_page(browser) as watched:
        watched.page.set_content(PAGE)
        assert watched.page.title() == "Here"
        assert watched.faults[:2] == ["seen", "undefined_name is not defined"]
        assert watched.requests == ["http://127.0.0.1:1/picture.png"]
