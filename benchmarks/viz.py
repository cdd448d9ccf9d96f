"""Measure the Streamlit app on years of facts: each page's script, and the time from a click to the drawn page.

    python -m benchmarks.viz [--rows 1000000] [--films 100000] [--json FILE]

Fills a private Postgres as `benchmarks.scale` does. Streamlit's test harness runs each page's script: first with empty
caches, then again. Where a browser is installed, it opens each page of the command's server by a click in the
navigation; a page is ready when its script has ended and its charts are drawn. Exit code 0, or 1 when a bound is
missed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from benchmarks.bench import BenchmarkError, bench_folder, machine, private_server
from benchmarks.scale import DAY, FIRST_DAY, fill
from benchmarks.star import make_dimensions
from tmdb_assets.settings import Settings, get_settings
from tmdb_assets.warehouse.loading.latest_state import KEEP_LOAD_DAY
from tmdb_assets.warehouse.schema.ddl import apply_view
from tmdb_assets.warehouse.schema.roles import apply_roles
from tmdb_assets.warehouse.schema.views import VIEWS
from tmdb_assets.warehouse.server.databases import WarehouseUnavailableError
from tmdb_assets.warehouse.server.urls import reader_url, render_url
from tmdb_assets.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    from playwright.sync_api import Page as BrowserPage

MOST_MS = 1000.0  # each page, with empty or warm caches
TIMES = 5
START_S = 60
READER = Settings.load(warehouse_reader_password="a private server's")  # a superuser must not read
WITHOUT_CHARTS = ("quality",)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# Click in the navigation; returns milliseconds until the page's script has ended and its charts are drawn.
OPEN_PAGE = """
async (title) => {
  const started = performance.now();
  const links = document.querySelectorAll('[data-testid=stSidebar] a');
  [...links].find(link => link.innerText.trim().endsWith(title)).click();
  await new Promise((done, fail) => {
    const check = () => {
      const app = document.querySelector('[data-testid=stApp]');
      const charts = [...document.querySelectorAll('[data-testid=stVegaLiteChart]')];
      const heading = document.querySelector('h1');
      if (heading && heading.innerText.startsWith(title) && app.dataset.testScriptState === 'notRunning'
          && charts.length && charts.every(chart => chart.querySelector('svg.marks'))) done();
      else if (performance.now() - started > 30000) fail(new Error(title + ' is not drawn after 30 s'));
      else requestAnimationFrame(check);
    };
    requestAnimationFrame(check);
  });
  return performance.now() - started;
}
"""
Figures = dict[str, dict[str, float]]


def make_years(warehouse: Warehouse, rows: int, films: int) -> None:
    """Fill the star schema with `rows` facts, with every day recorded as loaded, and make the views and roles."""
    days = rows // films
    with warehouse.begin() as connection:
        make_dimensions(connection, films, FIRST_DAY, FIRST_DAY + days * DAY)
    fill(warehouse, films, 0, days)
    with warehouse.begin() as connection:
        for number in range(days):
            connection.execute(sa.text(KEEP_LOAD_DAY), {"day": FIRST_DAY + number * DAY})
        for view in VIEWS:
            apply_view(connection, view.name)
    apply_roles(warehouse.engine, READER, is_embedded=True)


def measure_scripts() -> Figures:
    """Milliseconds of each page's script: the first time with empty caches, and the median of later runs."""
    import streamlit as st
    from streamlit.testing.v1 import AppTest

    from tmdb_assets.viz.pages import PAGES

    def script(path: str) -> None:
        from tmdb_assets.viz.pages import PAGES

        next(page for page in PAGES if page.path == path).show()

    figures: Figures = {}
    for path in [PAGES[0].path, *(page.path for page in PAGES)]:  # the very first run imports and connects
        st.cache_data.clear()
        app, times = AppTest.from_function(script, args=(path,), default_timeout=START_S), []
        for _ in range(1 + TIMES):
            started = time.perf_counter()
            app.run()
            times.append(1000 * (time.perf_counter() - started))
        if app.exception or not (app.get("vega_lite_chart") or app.dataframe):
            raise BenchmarkError(
                f"The page {path} shows no figures: {[found.value for found in (*app.exception, *app.info)]}"
            )
        figures[path] = {"first": times[0], "again": statistics.median(times[1:])}
    return figures


def measure_browser(program: str) -> tuple[float, Figures]:
    """Milliseconds of opening the app, and from the click to each drawn page: the first time, and again."""
    from playwright.sync_api import sync_playwright

    from tmdb_assets.viz.pages import PAGES

    with served() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        page: BrowserPage = browser.new_page(viewport={"width": 1440, "height": 900})
        started = time.perf_counter()
        page.goto(address)
        page.locator("svg.marks").first.wait_for()
        opened = 1000 * (time.perf_counter() - started)
        drawn = [each for each in PAGES if each.path not in WITHOUT_CHARTS]
        order = [*drawn[1:], drawn[0]]  # the first one is open
        figures: Figures = {shown.path: {"first": page.evaluate(OPEN_PAGE, shown.title)} for shown in order}
        again: dict[str, list[float]] = {shown.path: [] for shown in order}
        for _ in range(TIMES):
            for shown in order:
                again[shown.path].append(page.evaluate(OPEN_PAGE, shown.title))
        browser.close()
    for path, times in again.items():
        figures[path]["again"] = statistics.median(times)
    return opened, figures


@contextmanager
def served() -> Iterator[str]:
    """The command's server on a free port, stopped at the end; yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "tmdb_assets.cli.main", "viz", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + START_S
            while not _is_healthy(address):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise BenchmarkError(f"The app does not answer (exit code {process.poll()}).")
                time.sleep(0.1)
            yield address
        finally:
            process.send_signal(signal.SIGTERM)


def _is_healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/_stcore/health", timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, ConnectionError):
        return False


def missed_bounds(figures: dict[str, Figures]) -> list[str]:
    """Print each page's figures; return those over the bound."""
    missed = []
    for where, pages in figures.items():
        for path, times in pages.items():
            print(f"{where}, {path}: " + ", ".join(f"{when} {value:,.0f} ms" for when, value in times.items()))
            missed += [f"{where}, {path}, {when}" for when, value in times.items() if value > MOST_MS]
    for what in missed:
        print(f"OVER the bound of {MOST_MS:g} ms: {what}")
    return missed


def measure() -> tuple[float | None, dict[str, Figures]]:
    """The time of opening the app, None without a browser, and the figures of all pages."""
    figures = {"script": measure_scripts()}
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        print(f"no browser ({', '.join(BROWSERS)}): only the scripts are measured")
        return None, figures
    opened, figures["browser"] = measure_browser(program)
    print(f"the app opened in a browser with empty caches: {opened:,.0f} ms")
    return opened, figures


def _arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.viz", description="Measure the Streamlit app.")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the fact; default: %(default)s")
    parser.add_argument("--films", type=int, default=100_000, help="films a day; default: %(default)s")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to a file")
    found = parser.parse_args(given)
    if found.films < 1 or found.rows < 8 * found.films:
        parser.error("--rows must be at least 8 days of --films, so that there are movers of a week")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Fill, measure and print; return the exit code."""
    given = _arguments(arguments)
    try:
        with bench_folder() as folder, private_server(folder / "postgres") as server:
            about = machine(server)
            print(f"{given.rows:,} facts, {given.films:,} films a day; {about}", flush=True)
            url = sa.make_url(server.replace("postgresql:", "postgresql+psycopg:", 1))
            warehouse = Warehouse(url=url)
            started = time.perf_counter()
            make_years(warehouse, given.rows, given.films)
            warehouse.close()
            print(f"filled in {time.perf_counter() - started:.0f} s", flush=True)
            # The app reads its settings from the environment. Without a token it would read the sandbox's database.
            os.environ |= {"WAREHOUSE_URL": render_url(reader_url(url, READER)), "TMDB_TOKEN": "unused"}
            get_settings.cache_clear()
            opened, figures = measure()
    except (BenchmarkError, WarehouseUnavailableError) as error:
        print(error, file=sys.stderr)
        return 1
    if given.json:
        given.json.write_text(json.dumps({"machine": about, "opened_ms": opened, "figures": figures}, indent=2))
    return 1 if missed_bounds(figures) else 0


if __name__ == "__main__":
    raise SystemExit(main())
