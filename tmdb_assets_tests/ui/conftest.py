"""What the browser tests share: the system's Chromium, started once for this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tmdb_assets_tests.stage.browser import open_browser, watched_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tmdb_assets_tests.stage.browser import WatchedPage


# Not for the whole session: while Playwright is open, its event loop counts as running in this thread, and asyncio.run
# in a later test of this process would fail.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A headless Chromium; tests are skipped if none is installed."""
    with ExitStack() as stack:
        try:
            made = stack.enter_context(open_browser())
        except FileNotFoundError as error:
            pytest.skip(str(error))
        yield made


@pytest.fixture
def opened(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages; at the end, none has had an error or requested anything but itself."""
    pages: list[WatchedPage] = []
    with ExitStack() as stack:

        def open_page(address: str, **options: Any) -> Page:
            watched = stack.enter_context(watched_page(browser, **options))
            pages.append(watched)
            watched.page.goto(address)
            return watched.page

        yield open_page
        assert [watched.faults for watched in pages] == [[]] * len(pages)
        requests = {request for watched in pages for request in watched.requests}
        assert [request for request in requests if not request.startswith(("file:", "data:"))] == []
