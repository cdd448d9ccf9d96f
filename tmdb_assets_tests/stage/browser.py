"""The system's Chromium, pages that record their errors and network requests, and what axe finds in them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tmdb_assets_tests.stage.waiting import PATIENCE_S

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]  # of axe, https://github.com/dequelabs/axe-core
REBOUND = "rebound.example"  # a name of another site that leads to this machine
# No background requests, and no sandbox, for which containers lack the rights.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1",
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


def attacked(browser: Browser, target: str, page: str) -> tuple[dict[str, str], set[int]]:
    """What the page `page` (fakes/hostile_page.py) achieved, and the statuses of all answers of `target` to it."""
    with watched_page(browser) as watched:
        statuses: set[int] = set()
        ours = [target, target.replace("127.0.0.1", REBOUND)]
        watched.page.on("response", lambda answer: answer.url.startswith(tuple(ours)) and statuses.add(answer.status))
        watched.page.goto(page)
        achieved: dict[str, str] = watched.page.evaluate("attack()")
        watched.page.goto(ours[1])
        return achieved, statuses


class WatchedPage:
    """A page in its own context; `faults` are console errors, warnings and exceptions, `requests` are URLs."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.faults: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: message.type in {"error", "warning"} and self.faults.append(message.text))
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))


@contextmanager
def watched_page(browser: Browser, **options: Any) -> Iterator[WatchedPage]:
    """Open a page; `options` are those of a browser context: viewport, color_scheme, locale, ..."""
    context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, "locale": "en-GB", **options})
    context.set_default_timeout(PATIENCE_S * 1000)
    try:
        yield WatchedPage(context.new_page())
    finally:
        context.close()


def violations(page: Page, *excluded: str) -> list[tuple[str, str, str]]:
    """The rules of WCAG 2.2, A and AA, that the page breaks: rule, the first place, what to fix.

    `excluded` are selectors of parts that are not ours.
    """
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe: make test installs it")
    context = {"exclude": [[selector] for selector in excluded]} if excluded else None
    found = axe.Axe().run(page, context=context, options={"runOnly": RULES}).response["violations"]
    return [(one["id"], one["nodes"][0]["html"][:120], one["nodes"][0]["failureSummary"]) for one in found]
