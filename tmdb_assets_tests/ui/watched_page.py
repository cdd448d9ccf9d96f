"""A page that keeps what went wrong on it and what it asked of the network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


class WatchedPage:
    """A page in a context of its own; `faults` are console errors, warnings and exceptions, `requests` addresses."""

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
    context.set_default_timeout(10_000)
    try:
        yield WatchedPage(context.new_page())
    finally:
        context.close()
