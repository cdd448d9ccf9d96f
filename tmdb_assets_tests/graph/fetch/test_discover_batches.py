"""Discover interrupted in a batch of pages: the answers are kept, and the next run requests the rest."""

from __future__ import annotations

import datetime as dt
from contextlib import suppress

import pytest

from tmdb_assets.tmdb.client import TmdbClient
from tmdb_assets.tmdb.errors import BadRequestError, UnauthorizedError, UnreachableError
from tmdb_assets_tests.cases.awkward import catalogue, sound_films
from tmdb_assets_tests.stage.platform import failures_of, platform

DAY = dt.date(2026, 7, 29)
CATALOGUE = catalogue(sound_films(200))
PAGES, ANSWERED = 10, 6
ONLY = ("raw_discover",)


class BrokenOff(TmdbClient):
    """Ends after the sixth page with `end`: the answer of a page, or an exception."""

    end: BaseException | None = None

    def __init__(self, *where):
        super().__init__(*where, rate_limit=0, workers=1)  # one page at a time
        self.pages = []

    def fetch_many(self, requests):
        for (key, page), answer in super().fetch_many(requests):
            if self.end is None or page <= ANSWERED:
                self.pages.append(page)
                yield (key, page), answer
            elif isinstance(self.end, (BadRequestError, UnreachableError)):
                yield (key, page), self.end
            else:
                raise self.end


@pytest.fixture
def graph(warehouse, monkeypatch):
    with platform(warehouse, CATALOGUE, monkeypatch) as made:
        made.source.client = BrokenOff(made.replay.url, made.replay.token)
        yield made


@pytest.mark.parametrize(
    "end",
    [
        UnauthorizedError("the token was refused"),
        BadRequestError("the request was refused"),
        UnreachableError("TMDb answers with faults"),
        KeyboardInterrupt(),
        SystemExit(1),
    ],
    ids=lambda end: type(end).__name__,
)
def test_pages_answered_before_the_end_are_stored(graph, end):
    graph.source.client.end = end
    with suppress(KeyboardInterrupt, SystemExit):
        result = graph.run(DAY, only=ONLY)
        assert not result.success
        assert str(end) in failures_of(result)[0]
    assert graph.value("select count(*) from raw_discover") == 20 * ANSWERED
    graph.source.client.end = None
    graph.source.client.pages.clear()
    assert failures_of(graph.run(DAY, only=ONLY)) == []
    assert graph.source.client.pages == list(range(ANSWERED + 1, PAGES + 1))
    assert graph.value("select count(*) from raw_discover") == 200
    # Once complete, no requests are needed.
    graph.source.client.pages.clear()
    assert failures_of(graph.run(DAY, only=ONLY)) == []
    assert graph.source.client.pages == []


def test_a_larger_number_of_pages_requests_only_the_missing_ones(graph):
    settings = graph.source.settings
    for pages, requested in ((4, [1, 2, 3, 4]), (2, []), (4, []), (9, [5, 6, 7, 8, 9]), (500, [10]), (100, [])):
        graph.source.settings = settings.model_copy(update={"tmdb_pages": pages})
        graph.source.client.pages.clear()
        assert failures_of(graph.run(DAY, only=ONLY)) == []
        assert graph.source.client.pages == requested
        assert graph.value("select finished_at is not null from fetch_log where kind = 'discover'")
