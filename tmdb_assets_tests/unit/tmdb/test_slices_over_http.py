"""Slices of release dates over real loopback HTTP."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from tmdb_assets.tmdb.client import TmdbClient
from tmdb_assets.tmdb.errors import UnauthorizedError
from tmdb_assets.tmdb.slices import crawl_all
from tmdb_assets_tests.cases.dated_films import FIRST, LAST, Listing, skewed
from tmdb_assets_tests.fakes.scripted_server import ScriptedServer, reply


class Discover:
    """The action of a server that lists films to whoever sends the token "right", and notes how else it was asked."""

    def __init__(self, dates):
        self.listing, self.queries = Listing(dates), set()

    def __call__(self, handler):
        query = {name: values[0] for name, values in parse_qs(urlsplit(handler.path).query).items()}
        gte, lte = query.pop("primary_release_date.gte"), query.pop("primary_release_date.lte")
        payload = self.listing.page(gte, lte, int(query.pop("page")))
        self.queries.add(tuple(sorted(query.items())))
        is_allowed = handler.headers["Authorization"] == "Bearer right"
        (reply(200, payload) if is_allowed else reply(401, {"status_code": 7}))(handler)


@pytest.fixture
def discover():
    return Discover(skewed(21_000))


@pytest.fixture
def server(discover):
    with ScriptedServer("/3", discover) as server:
        yield server


def test_over_http(server, discover):
    client = TmdbClient(server.url, "right", rate_limit=0, workers=4)
    pages = list(crawl_all(client, first=FIRST, last=LAST))
    client.close()
    assert {film for page in pages for film in page.page.results} == set(discover.listing.films)
    assert sum(page.is_finished for page in pages) == len({page.slice for page in pages}) >= 3
    assert discover.queries == {
        (
            ("include_adult", "false"),
            ("include_video", "false"),
            ("language", "en-US"),
            ("sort_by", "popularity.desc"),
        )
    }
    assert client.stats.requests < len(pages) + 15


def test_a_refused_token_ends_the_crawl(server):
    client = TmdbClient(server.url, "wrong", rate_limit=0, workers=4)
    with pytest.raises(UnauthorizedError):
        list(crawl_all(client, first=FIRST, last=LAST))
    client.close()
    assert client.stats.requests == 1
