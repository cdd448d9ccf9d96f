"""SIGKILL amid the whole catalogue: the pages of an unfinished slice are not asked again."""

from __future__ import annotations

import datetime as dt
import signal
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

from tmdb_assets import partitions
from tmdb_assets.assets.tmdb_source import TmdbSource
from tmdb_assets.settings import PROJECT_ROOT, Settings
from tmdb_assets.tmdb.sandbox import routes
from tmdb_assets_tests.cases.sandbox_sample import FILM, make_sandbox, write_sample
from tmdb_assets_tests.oracle.compare import Tables
from tmdb_assets_tests.stage.platform import Graph, checks_of, command_environment, failures_of
from tmdb_assets_tests.stage.waiting import wait_until

DATED, PAGES, HELD_FROM = 700, 35, 30  # one slice, with more pages than a batch
DEADLINE_S = 60
START = dt.date(1950, 1, 1)
FILMS = [{**FILM, "id": 1000 + n, "release_date": str(START + dt.timedelta(days=n))} for n in range(DATED)]


class HeldDiscover:
    """The sandbox's discover, its pages noted; while it holds, it answers no request from the thirtieth on."""

    def __init__(self):
        self.asked, self.is_held, self.goes_on = [], threading.Event(), threading.Event()
        self._lock = threading.Lock()

    def __call__(self, catalogue, path, query):
        with self._lock:
            self.asked.append(int(query["page"]))
            count = len(self.asked)
        if count > HELD_FROM and not self.goes_on.is_set():
            self.is_held.set()
            return 503, {"status_message": "down"}
        return routes.discover_movies(catalogue, path, query)


@pytest.fixture(autouse=True)
def far_from_midnight():
    if dt.datetime.now(dt.UTC).time() > dt.time(23, 57):
        pytest.skip("midnight UTC is near: the second run would belong to another day")


def test_a_killed_crawl_goes_on_amid_its_slice(database, warehouse, monkeypatch, tmp_path):
    discover, today, tables = HeldDiscover(), partitions.today(), Tables(warehouse)
    monkeypatch.setitem(routes.ROUTES, "/3/discover/movie()", discover)
    tables.counts()  # brings the schema up
    with make_sandbox(write_sample(tmp_path, FILMS), today) as sandbox:
        url = sandbox.start()
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tmdb_assets.cli.main", "run"],
            env=command_environment(
                database,
                SimpleNamespace(token=sandbox.token, url=url),
                TMDB_PAGES="all",
                TMDB_EXPORT_URL=sandbox.export_url,
            ),
            cwd=PROJECT_ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            assert discover.is_held.wait(DEADLINE_S), "the moment did not come"
            films = "select count(*) from raw_discover"
            assert wait_until(lambda: tables.value(films) > 0, DEADLINE_S), "no page was stored"
        finally:
            process.send_signal(signal.SIGKILL)
            said, _ = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == -signal.SIGKILL, said
        stored = tables.column("select distinct (rank - 1) / 20 + 1 from raw_discover")
        assert 20 <= len(stored) < PAGES

        discover.goes_on.set()
        discover.asked.clear()
        given = {"tmdb_token": sandbox.token, "tmdb_api_url": url, "tmdb_export_url": sandbox.export_url}
        graph = Graph(warehouse, TmdbSource(Settings.load(**given, tmdb_pages="all", tmdb_rate_limit=0)), monkeypatch)
        result = graph.run(today, only=("raw_discover",))
        graph.close()
        assert failures_of(result) == []
        assert sorted(discover.asked) == sorted(set(range(1, PAGES + 1)) - set(stored))
        assert graph.value(films) == DATED
        assert graph.value("select count(*) from fetch_slice where finished_at is null") == 0
        assert checks_of(result)["raw_discover.pages_complete"]
