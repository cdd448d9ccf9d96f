"""`make pictures`: the README's pictures of dashboard, app, asset graph and a check report, taken with Chromium.

They are written to `docs/images` and show the sandbox's newest day, so a day has to be loaded (`make run`).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tmdb_assets.charts.labels import CONTRACT
from tmdb_assets.settings import PROJECT_ROOT, Settings
from tmdb_assets_tests.stage.browser import open_browser, watched_page
from tmdb_assets_tests.stage.ports import free_port, listens
from tmdb_assets_tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser

IMAGES = PROJECT_ROOT / "docs" / "images"
SETTLED_MS = 3_000  # the graph moves into place
STATUSES_WITHIN_MS = 60_000
COMMAND = Path(sys.executable).with_name("tmdb-assets")


def main() -> None:
    """Write all pictures, with the sandbox's figures even if a token is set."""
    os.environ["TMDB_TOKEN"] = ""
    IMAGES.mkdir(exist_ok=True)
    page = Settings().reports_folder / "dashboard_tmdb_sandbox.html"
    if not page.is_file():
        sys.exit(f"{page} does not exist: load a day first (make run).")
    with open_browser() as browser:
        take_dashboard(browser, page)
        with served("viz") as url:
            take_app(browser, url)
        with served("dev") as url:
            take_graph(browser, url)
            take_check(browser, url)


def take_dashboard(browser: Browser, file: Path) -> None:
    """Take the top of the dashboard."""
    with watched_page(browser, viewport={"width": 1280, "height": 960}) as watched:
        watched.page.goto(file.as_uri())
        watched.page.get_by_role("heading").first.wait_for()
        watched.page.screenshot(path=IMAGES / "dashboard.png")


def take_app(browser: Browser, url: str) -> None:
    """Take the first page of the Streamlit app."""
    with watched_page(browser, viewport={"width": 1280, "height": 800}) as watched:
        watched.page.goto(url)
        watched.page.locator("[data-testid=stVegaLiteChart] svg.marks").first.wait_for()
        watched.page.wait_for_timeout(SETTLED_MS)
        watched.page.screenshot(path=IMAGES / "app.png")


def take_check(browser: Browser, url: str) -> None:
    """Take the report of the contract of the fact, which counts and names broken rows."""
    with watched_page(browser, viewport={"width": 1280, "height": 720}) as watched:
        watched.page.goto(f"{url}/assets/fact_movie_daily?view=checks&checkDetail={CONTRACT}")
        watched.page.get_by_text("Evaluation result").first.wait_for()
        watched.page.wait_for_timeout(SETTLED_MS)
        watched.page.screenshot(path=IMAGES / "check.png")


def take_graph(browser: Browser, url: str) -> None:
    """Take the graph of all assets by group, left to right in the direction of the data."""
    with watched_page(browser, viewport={"width": 2000, "height": 1200}) as watched:
        page = watched.page
        page.goto(f"{url}/asset-groups")
        page.locator("foreignObject").filter(has_text="reports").first.wait_for()
        page.get_by_label("panel_show_right").last.click()  # the list of groups next to the graph
        page.get_by_text("fetching statuses").first.wait_for(state="detached", timeout=STATUSES_WITHIN_MS)
        page.wait_for_timeout(SETTLED_MS)
        box = page.locator("svg:has(foreignObject)").bounding_box()
        if box is None:
            sys.exit("The graph is not shown.")
        clip = {"x": box["x"], "y": box["y"], "width": box["width"], "height": box["height"]}
        page.screenshot(path=IMAGES / "graph.png", clip=clip)


@contextmanager
def served(command: str) -> Iterator[str]:
    """The address of `tmdb-assets dev` or `viz` on a free port, until the block ends."""
    port = free_port()
    child = subprocess.Popen([COMMAND, command, "--port", str(port)], stdout=subprocess.DEVNULL)
    try:
        if not wait_until(lambda: child.poll() is not None or listens(port)) or child.poll() is not None:
            sys.exit(f"It did not start: see tmdb-assets {command}.")
        yield f"http://127.0.0.1:{port}"
    finally:
        child.terminate()
        child.wait()


if __name__ == "__main__":
    main()
