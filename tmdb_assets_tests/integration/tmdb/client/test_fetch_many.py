"""Many requests at once: how many, how fast, and how they end."""

import threading
import time

import pytest

from tmdb_assets.tmdb import errors
from tmdb_assets.tmdb.client import Answer
from tmdb_assets_tests.cases.client_sample import fetch_threads, films
from tmdb_assets_tests.fakes.scripted_server import OK, hang, reply
from tmdb_assets_tests.stage.waiting import PATIENCE_S, wait_until


def test_requests_run_concurrently_up_to_the_number_of_workers(server, connect):
    active, most, lock, crowd = [0], [0], threading.Lock(), threading.Barrier(8)

    def counted(handler):
        with lock:
            active[0] += 1
            most[0] = max(most[0], active[0])
        if crowd.n_waiting or most[0] < 8:
            crowd.wait(PATIENCE_S)
        with lock:
            active[0] -= 1
        reply()(handler)

    server.plays(counted)
    read = []
    source = (read.append(film) or film for film in films(200))
    fetched = connect(workers=8).fetch_many(source)
    assert read == []
    first = next(fetched)
    assert first[1].payload == OK
    assert len(read) == 16
    assert sorted([first[0]] + [key for key, answer in fetched if answer.payload == OK]) == list(range(200))
    assert most[0] == 8
    assert fetch_threads() == []


def test_one_bad_film_does_not_stop_the_others(server, connect):
    server.plays_at("/movie/3", reply(200, b"garbage"))
    server.plays_at("/movie/5", reply(500, {}))
    server.plays_at("/movie/7", reply(422, {}))
    results = dict(connect().fetch_many(films(20)))
    assert len(results) == 20
    failed = {key: type(result).__name__ for key, result in results.items() if not isinstance(result, Answer)}
    assert failed == {3: "UnreadableAnswerError", 5: "UnreachableError", 7: "BadRequestError"}


def test_a_refused_token_stops_everything(server, connect):
    server.plays(reply(401, {"status_code": 7, "status_message": "Invalid API key."}))
    with pytest.raises(errors.UnauthorizedError):
        list(connect(workers=4).fetch_many(films(500)))
    assert len(server.seen) <= 8
    assert fetch_threads() == []


def test_closing_ends_threads_that_wait_for_answers_for_the_rate_limit_and_for_a_retry(server, connect):
    server.plays_at("/movie/0", reply())
    for path, fault in (("/hang", hang), ("/fault", reply(503, {}, {"Retry-After": "90"})), ("/movie", reply())):
        rate = 0.01 if path == "/movie" else 0
        server.plays(fault)
        sources = [films(1)[0], *films(100, path)]
        fetched = connect(workers=4, rate_limit=rate, sleep=None, clock=time.monotonic).fetch_many(sources)
        next(fetched)
        assert fetch_threads()
        started = time.monotonic()
        fetched.close()
        assert time.monotonic() - started < 60  # each wait would last longer
        if path == "/hang":
            server.released.set()
        assert wait_until(lambda: not fetch_threads())
    assert len(server.seen) < 30


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, ValueError])
def test_an_exception_in_the_caller_or_its_source_ends_the_threads(server, connect, interruption):
    def consume(fetched):
        for _ in fetched:
            raise interruption

    def source():
        yield from films(20)
        raise interruption

    with pytest.raises(interruption):
        consume(connect().fetch_many(films(300)))
    assert wait_until(lambda: not fetch_threads())
    with pytest.raises(interruption):
        list(connect().fetch_many(source()))
    assert wait_until(lambda: not fetch_threads())


def test_a_bug_in_a_worker_thread_reaches_the_caller(connect):
    with pytest.raises(TypeError):
        list(connect().fetch_many([("key", None, {})]))


def test_all_threads_share_one_rate_limit(connect, skipped):
    client = connect(rate_limit=20)
    before = skipped.clock()
    assert len(list(client.fetch_many(films(100)))) == 100
    assert 99 / 20 <= skipped.clock() - before <= 99 / 20 / 0.975 + 1
    assert client.stats.peak_rate <= 20


class Bucket:
    """A server that accepts `rate` requests a second (as many at once after a pause), and answers 429 to the others."""

    def __init__(self, rate, clock, headers):
        self.rate, self.clock, self.refusal = rate, clock, reply(429, {"status_code": 25}, headers)
        self.tokens, self.filled, self.refused, self.lock = rate, clock(), 0, threading.Lock()

    def __call__(self, handler):
        with self.lock:
            now = self.clock()
            self.tokens, self.filled = min(self.rate, self.tokens + (now - self.filled) * self.rate), now
            is_accepted = self.tokens >= 1
            self.tokens -= is_accepted
            self.refused += not is_accepted
        (reply() if is_accepted else self.refusal)(handler)


@pytest.mark.parametrize(("limit", "most_refused"), [(45, 0), (60, 25), (0, 50)])
@pytest.mark.parametrize("headers", [{"Retry-After": "1"}, {}])
def test_a_server_that_accepts_fewer_requests_answers_all(server, connect, skipped, limit, most_refused, headers):
    bucket = Bucket(50, skipped.clock, headers)
    server.plays(bucket)
    client, said = connect(rate_limit=limit, retry_seconds=60), []
    client.say = said.append
    assert {type(answer) for _, answer in client.fetch_many(films(500))} == {Answer}
    figures = client.stats.snapshot()
    assert bucket.refused <= most_refused
    assert figures["rate_limited"] == figures["retries"].get("429", 0) == bucket.refused
    assert figures["requests"] == len(server.seen) == 500 + bucket.refused
    assert any("slowing down to" in line for line in said) == bool(bucket.refused)


def test_the_limit_is_used_and_kept_in_real_time(server, connect):
    arrived = []

    def answer_late(handler):
        arrived.append(time.monotonic())
        server.released.wait(0.06)
        reply()(handler)

    def share_used():
        arrived.clear()
        client = connect(rate_limit=50, workers=64, clock=time.monotonic, sleep=None)
        assert len(list(client.fetch_many(films(101)))) == 101
        assert client.stats.peak_rate <= 50
        return 100 / (max(arrived) - min(arrived)) / 50

    server.plays(answer_late)
    assert any(0.5 <= share_used() <= 1 for _ in range(20))  # a busy machine may slow it down
