"""The Dagster UI in a browser: load one day and backfill three by clicking, then read a check and a chart."""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import requests

from tmdb_assets import partitions
from tmdb_assets.charts.labels import CONTRACT
from tmdb_assets.charts.registry import REPORTS
from tmdb_assets.cli.dev_server import STOPPING
from tmdb_assets.settings import Settings
from tmdb_assets.warehouse.server.open import open_server
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.conftest import UNSAFE
from tmdb_assets_tests.fakes.hostile_page import hostile_page
from tmdb_assets_tests.oracle.compare import Tables, run_as_admin
from tmdb_assets_tests.stage.browser import attacked, watched_page
from tmdb_assets_tests.stage.server_folder import make_server_folder
from tmdb_assets_tests.stage.started_command import started_command
from tmdb_assets_tests.stage.waiting import PATIENCE_S, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Locator, Page

pytestmark = pytest.mark.long

EFFECT_WITHIN_S = 5  # of a click; after that it is repeated
KNOWN_FILM = 603
OWN_REQUESTS = """async (run) => ({
  graphql: (await fetch("/graphql", {method: "POST", headers: {"content-type": "application/json"},
    body: JSON.stringify({query: "{ version }"})})).status,
  download: (await fetch(`/download_debug/${run}`)).status,
  subscription: await new Promise((done) => {
    const socket = new WebSocket(`ws://${location.host}/graphql`, "graphql-ws");
    socket.onopen = () => socket.send(JSON.stringify({type: "connection_init"}));
    socket.onmessage = (message) => done(JSON.parse(message.data).type);
    socket.onerror = () => done("refused");
  }),
})"""
FILLED = "select snapshot_date from raw_export where movie_id = :film and snapshot_date < :today order by 1"


@pytest.fixture(scope="module")
def home() -> Path:
    """A folder for everything that `tmdb-assets dev` stores."""
    return make_server_folder("tmdb-assets-tests-ui-")


@pytest.fixture(scope="module")
def days() -> list[dt.date]:
    """The partitions: today and the three days before."""
    return [partitions.today() - dt.timedelta(days=number) for number in (3, 2, 1, 0)]


@pytest.fixture(scope="module")
def tables(home: Path, days: list[dt.date]) -> Iterator[Tables]:
    """The warehouse of the UI, with one film: past days load the popularity of known films only."""
    server = open_server(Settings.load(), data_dir=home / "data" / "postgres")
    run_as_admin(server, *(f"alter system set {name} = off" for name in UNSAFE), "select pg_reload_conf()")
    warehouse = Warehouse(url=server.url)
    made = Tables(warehouse)
    film = {"film": KNOWN_FILM, "day": days[0]}
    made.execute("insert into dim_movie (movie_id, title, as_of_date) values (:film, 'Known', :day)", **film)
    yield made
    warehouse.close()


@pytest.fixture(scope="module")
def address(browser, home: Path, tables: Tables, days: list[dt.date]) -> Iterator[str]:
    """The UI on the sandbox, with the partitions of four days; webserver and daemon end after the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TMDB_", "DAGSTER_"))}
    settings = {"TMDB_ASSETS_HOME": str(home), "TMDB_PAGES": "1", "TMDB_FIRST_DAY": str(days[0])}
    with started_command("dev", "/server_info", {**kept, **settings}, home / "log") as made:
        yield made
    # A line for each event of a run, or of each tick of a sensor, would hide what matters.
    shown = (home / "log").read_text()
    assert [line for line in shown.splitlines() if " DEBUG " in line or "Nothing to report" in line] == []
    assert shown.splitlines()[-1] == STOPPING


def launch(page: Page, days: str, button: str, message: str) -> None:
    """Choose the days in the dialog that the page's Materialize button opens, launch them, and wait for the message.

    The dialog forgets the days if its list of partitions arrives later, and then shows the button, but disabled. Each
    step is repeated until its effect is seen.
    """
    dialog = page.get_by_role("dialog").last  # one fades while the next appears
    offered = dialog.get_by_role("button", name=button, disabled=False)
    assert wait_until(
        lambda: choose(page, dialog, days, offered) and click(offered, until=lambda: not offered.is_visible())
    )
    page.get_by_text(message).wait_for()


def choose(page: Page, dialog: Locator, days: str, offered: Locator) -> bool:
    """Take the next step towards a dialog with these days; say whether it offers to launch them."""
    chosen = dialog.get_by_role("textbox").first
    confirm = dialog.get_by_role("button", name="Confirm")  # shown while upstream assets have not run yet
    if not dialog.is_visible():
        click(page.get_by_role("button", name="Materialize").first, until=chosen.or_(confirm).first.is_visible)
    elif confirm.is_visible():
        click(confirm, until=chosen.is_visible)
    elif chosen.is_visible():
        chosen.fill(days)
        chosen.press("Enter")
        return wait_until(offered.is_visible, EFFECT_WITHIN_S, every=0.1)
    return False


def click(button: Locator, *, until: Callable[[], bool]) -> bool:
    """Click a button; say whether this had its effect within some seconds."""
    from playwright import sync_api

    with suppress(sync_api.TimeoutError):  # it is not there any more, or covered
        button.click(timeout=EFFECT_WITHIN_S * 1000)
    return wait_until(until, EFFECT_WITHIN_S, every=0.1)


def test_days_are_loaded_by_clicking_and_a_check_and_a_chart_are_read(
    address: str, tables: Tables, days: list[dt.date], browser
) -> None:
    *earlier, today = days
    with watched_page(browser) as watched:
        page = watched.page
        page.goto(f"{address}/assets/raw_export?view=partitions")
        launch(page, f"[{earlier[0]}...{earlier[-1]}]", "Launch backfill", "Created backfill")  # 3 partitions
        page.goto(f"{address}/locations/tmdb_assets/jobs/daily")
        launch(page, str(today), "Launch 1 run", "Launched run")
        page.goto("about:blank")  # a page that shows a run's progress takes as much of the processor as the run
        assert wait_until(lambda: has_ended(address, "daily"), every=0.5)
        page.goto(f"{address}/locations/tmdb_assets/jobs/daily/runs")
        page.get_by_text("Success", exact=True).first.wait_for()
        assert tables.value("select count(*) from fact_movie_daily where date_id = :day", day=today) > 0

        read_check(page, address, tables)
        read_chart(page, address, tables)
        read_tables(page, address)

        assert wait_until(lambda: tables.column(FILLED, film=KNOWN_FILM, today=today) == earlier, every=0.5)
        assert wait_until(lambda: shows_all_days(page, address), every=0.5)

        # Errors are not asserted: Dagster's own pages warn of queries that were open when the reader left.
        assert {urlsplit(request).hostname for request in watched.requests} <= {"127.0.0.1", None}


def test_the_page_of_a_run_says_what_to_do_about_a_failed_check(
    address: str, tables: Tables, days: list[dt.date], browser
) -> None:
    film = tables.value("select min(movie_id) from raw_details where snapshot_date = :day", day=days[-1])
    broken = """update raw_details set payload = payload || '{"runtime": "long"}' where movie_id = :film"""
    tables.execute(broken, film=film)
    with watched_page(browser) as watched:
        page = watched.page
        page.goto(f"{address}/assets/dim_movie?view=partitions")
        launch(page, str(days[-1]), "Launch 1 run", "Launched run")
        assert wait_until(lambda: has_ended(address, "__ASSET_JOB"), every=0.5)
        page.goto(f"{address}/runs/{run_ids(address)[0]}?logs=type%3AASSET_CHECK_EVALUATION")
        page.get_by_text("Broken rows are in rejected_row with their reasons").wait_for()
        page.get_by_role("link", name=CONTRACT, exact=True).first.click()
        page.get_by_text("1 of 40 rows broke the contract of dim_movie: runtime_minutes is of kind").wait_for()
        assert page.get_by_text("tmdb-assets rejected --table dim_movie --retry").is_visible()


def test_a_page_of_another_server_changes_and_reads_nothing(address: str, browser) -> None:
    """After the days are loaded: its mutations would delete a run."""
    before = run_ids(address)
    assert len(before) >= 4
    deletion = f'mutation {{ deletePipelineRun(runId: "{before[0]}") {{ __typename }} }}'
    with hostile_page(address, "/graphql", "/graphql", deletion) as page:
        achieved, statuses = attacked(browser, address, page)
    assert achieved == {"image": "refused", "json": "refused", "socket": "refused"}
    assert statuses == {403}
    assert run_ids(address) == before


def test_the_uis_own_page_uses_everything(address: str, browser) -> None:
    run = run_ids(address)[0]
    with watched_page(browser) as watched:
        watched.page.goto(f"{address}/graphql")  # GraphQL's own page
        own = watched.page.evaluate(OWN_REQUESTS, run)
    assert own == {"graphql": 200, "download": 200, "subscription": "connection_ack"}


def runs(address: str) -> list[dict[str, str]]:
    """The runs, as a program that is no browser reads them."""
    query = {"query": "{ runsOrError { ... on Runs { results { runId jobName status } } } }"}
    answer = requests.post(f"{address}/graphql", json=query, timeout=PATIENCE_S).json()
    return list(answer["data"]["runsOrError"]["results"])


def has_ended(address: str, job: str) -> bool:
    return {run["status"] for run in runs(address) if run["jobName"] == job} <= {"SUCCESS", "FAILURE", "CANCELED"}


def run_ids(address: str) -> list[str]:
    return [run["runId"] for run in runs(address)]


def read_check(page: Page, address: str, tables: Tables) -> None:
    """The check of the fact says how many rows it checked, without another click."""
    page.goto(f"{address}/assets/fact_movie_daily?view=checks")
    rows = tables.value("select count(*) from fact_movie_daily")
    page.get_by_text(f"All {rows} rows keep the contract of fact_movie_daily.").wait_for()
    assert page.get_by_text("Passed", exact=True).is_visible()


def read_chart(page: Page, address: str, tables: Tables) -> None:
    """The report's page has its figures in a table; its chart is one click away."""
    page.goto(f"{address}/assets/report_films")
    first = tables.value("select title from vw_top_movies where rank = 1")
    begins = re.compile(f"^{re.escape(first[:12])}")  # the table cuts long titles
    page.get_by_role("cell", name=begins).first.wait_for()
    page.get_by_role("row").filter(has_text="top_films_picture").get_by_text("[Show Markdown]").click()
    chart = page.get_by_role("dialog").get_by_role("img", name="Top films")
    chart.wait_for()
    # Layout sizes: a rectangle on the screen would measure the dialog while it still grows.
    width, natural = chart.evaluate("image => [image.offsetWidth, image.naturalWidth]")
    assert width == natural > 600


def read_tables(page: Page, address: str) -> None:
    """The tables of all reports fit their page."""
    for report in REPORTS:
        page.goto(f"{address}/assets/{report.name}")
        page.get_by_role("cell", name=f"{report.pictures[-1].name}_picture", exact=True).wait_for()
        width, room = page.locator("table").first.evaluate("one => [one.offsetWidth, one.parentElement.clientWidth]")
        assert (report.name, width) <= (report.name, room)


def shows_all_days(page: Page, address: str) -> bool:
    """Whether each of the four partitions counts as materialized."""
    page.goto(f"{address}/assets/raw_export?view=partitions")
    page.get_by_text("4 Partitions Selected").wait_for()
    return wait_until(page.get_by_text("Materialized (4)").is_visible, EFFECT_WITHIN_S, every=0.1)
