"""Accessibility of a page in a browser, as axe finds it (https://github.com/dequelabs/axe-core)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def violations(page: Page, *excluded: str) -> list[tuple[str, str, str]]:
    """The rules of WCAG 2.2, A and AA, that the page breaks: rule, the first place, what to fix.

    `excluded` are selectors of parts that are not ours.
    """
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe: make test installs it")
    context = {"exclude": [[selector] for selector in excluded]} if excluded else None
    found = axe.Axe().run(page, context=context, options={"runOnly": RULES}).response["violations"]
    return [(one["id"], one["nodes"][0]["html"][:120], one["nodes"][0]["failureSummary"]) for one in found]
