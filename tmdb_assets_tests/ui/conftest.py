"""What the browser tests share: the system's Chromium, started once for this folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tmdb_assets_tests.stage.browser import open_browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser


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
