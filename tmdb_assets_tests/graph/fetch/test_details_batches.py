"""Details interrupted in a batch of films: the answers are kept, and the next run requests the rest."""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from itertools import islice

import pytest

from tmdb_assets.tmdb.client import TmdbClient
from tmdb_assets.tmdb.errors import UnauthorizedError, UnreachableError
from tmdb_assets_tests.cases.awkward import catalogue, sound_films
from tmdb_assets_tests.stage.platform import failures_of, platform

DAY = dt.date(2026, 7, 29)
FILMS, ANSWERED = 40, 15
ONLY = ("raw_discover", "raw_details")


class BrokenOff(TmdbClient):
    """Ends with `end`, while there is one, after the details of fifteen films."""

    end: BaseException | None = None

    def details(self, movie_ids):
        answers = super().details(movie_ids)
        if self.end is None:
            yield from answers
        else:
            yield from islice(answers, ANSWERED)
            answers.close()
            raise self.end


@pytest.mark.parametrize(
    "end",
    [UnauthorizedError("the token was refused"), UnreachableError("TMDb answers with faults"), KeyboardInterrupt()],
    ids=lambda end: type(end).__name__,
)
def test_films_answered_before_the_end_are_stored(warehouse, monkeypatch, end):
    with platform(warehouse, catalogue(sound_films(FILMS)), monkeypatch) as graph:
        graph.source.client = client = BrokenOff(graph.replay.url, graph.replay.token, rate_limit=0)
        client.end = end
        with suppress(KeyboardInterrupt):
            result = graph.run(DAY, only=ONLY)
            assert str(end) in failures_of(result)[0]
        assert graph.value("select count(*) from raw_details") == ANSWERED
        client.end = None
        assert failures_of(graph.run(DAY, only=ONLY)) == []
        assert graph.value("select count(*) from raw_details") == FILMS
