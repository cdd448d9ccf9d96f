"""What the browser tests share: one Chromium, that of the system, for all files of this folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
# Nothing that asks the network by itself, and no sandbox of its own: in containers it has no right to one.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@contextmanager
def open_browser() -> Iterator[Browser]:
    """A real, headless Chromium; raises `FileNotFoundError` where none is installed."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        raise FileNotFoundError(f"no browser: none of {', '.join(PROGRAMS)} is on the PATH")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield made
        made.close()


# Not for the whole session: while Playwright is open, its event loop counts as running in this thread, and whatever
# calls asyncio.run in a later test of this process would fail.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A real, headless Chromium; tests are skipped where none is installed."""
    with ExitStack() as stack:
        try:
            made = stack.enter_context(open_browser())
        except FileNotFoundError as error:
            pytest.skip(str(error))
        yield made
