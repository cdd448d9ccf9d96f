"""How the rate falls after 429s, how it recovers, and what is logged, on virtual time."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tmdb_assets.tmdb.limits.pace import Pace, thread_count
from tmdb_assets_tests.fakes.rate_limited_server import RateLimitedServer
from tmdb_assets_tests.fakes.virtual_time import VirtualTime, most_in_a_window

SLOWER = (
    "TMDb is rate-limiting us (429): slowing down to {} requests a second, back to {} one minute after the last 429."
)
BACK = "TMDb accepts our requests again: back to {}."


@pytest.fixture
def logged():
    return []


@pytest.fixture
def time():
    return VirtualTime()


@pytest.fixture
def pace(time, logged):
    return Pace(40, clock=time.clock, sleep=time.sleep, log=logged.append)


def gaps(pace, count=4):
    """Return the seconds between the next permits."""
    grants = [pace.acquire() for _ in range(count)]
    return [after - before for before, after in itertools.pairwise(grants)]


def test_429s_to_requests_sent_before_a_slowdown_halve_the_rate_once(pace, time, logged):
    sent = [pace.acquire() for _ in range(8)]
    for each in sent:
        pace.refuse(0, each)
    assert gaps(pace)[1:] == pytest.approx([1 / 20] * 2, rel=0.03)
    pace.refuse(0, pace.acquire())
    assert gaps(pace)[1:] == pytest.approx([1 / 10] * 2, rel=0.05)
    time.now += 30
    assert gaps(pace)[1:] == pytest.approx([1 / 30] * 2, rel=0.05)
    time.now += 30
    assert gaps(pace)[1:] == pytest.approx([1 / 40] * 2, rel=0.03)
    pace.accept()
    words = "40 requests a second"
    assert logged == [SLOWER.format("19.6", words), SLOWER.format("9.85", words), BACK.format(words)]


def test_429s_without_a_limit_set_one_for_a_minute(time, logged):
    pace = Pace(0, clock=time.clock, sleep=time.sleep, log=logged.append)
    pace.refuse(0, pace.acquire())
    assert gaps(pace)[1:] == pytest.approx([1 / 20] * 2, rel=0.03)
    time.now += 60
    assert gaps(pace)[1:] == [0] * 2
    pace.accept()
    assert logged == [SLOWER.format("20", "no limit"), BACK.format("no limit")]


@pytest.mark.parametrize("limit", [0.2, 1, 1.5])
def test_the_rate_does_not_fall_below_one_a_second_or_a_lower_limit(time, limit):
    pace = Pace(limit, clock=time.clock, sleep=time.sleep)
    for _ in range(10):
        pace.refuse(0, pace.acquire())
    assert gaps(pace)[0] == pytest.approx(1 / min(1, limit), rel=0.03)


def test_waits_of_five_seconds_and_more_are_logged_once(pace, logged):
    permits = [pace.acquire() for _ in range(3)]
    for wait in (2, 30, 30, 90):
        for sent in permits:
            pace.refuse(wait, sent)
    waits = [line for line in logged if "wait" in line]
    assert waits == [f"TMDb asks us to wait {wait} s (429): nothing is sent until then." for wait in (30, 90)]


def test_the_rate_recovers_only_after_the_wait(pace, time):
    pace.refuse(100, pace.acquire())
    assert gaps(pace)[1:] == pytest.approx([1 / 20] * 2, rel=0.03)


def test_a_limit_that_is_reached_repeatedly_is_rarely_logged():
    assert 1 <= len(RateLimitedServer(20, retry_after=0).play(48, seconds=600).logged) <= 3


@pytest.mark.parametrize(
    ("limit", "rate", "burst", "count", "most_refused"),
    [
        (48, 50, 50, 5000, 0),
        (48, 40, 40, 4000, 6),
        (48, 20, 20, 4000, 20),
        (48, 20, 1, 4000, 40),
        (48, 5, 5, 1000, 50),
        (40, 10, 10, 2000, 25),
        (40, 35, 1, 2000, 10),
        (1000, 50, 50, 2000, 150),
        (0, 50, 50, 2000, 80),
        (0, 10, 10, 1000, 80),
    ],
)
@pytest.mark.parametrize("retry_after", [0, 1])
def test_429s_are_few_and_the_servers_rate_is_used(limit, rate, burst, count, most_refused, retry_after):
    server = RateLimitedServer(rate, burst, retry_after=retry_after).play(limit, count)
    assert server.refused <= most_refused
    assert server.answered_rate >= 0.6 * min(rate, limit or rate)
    assert limit == 0 or most_in_a_window(server.grants) <= limit


def test_a_server_that_accepts_more_than_the_limit_is_used_at_the_limit():
    server = RateLimitedServer(50, retry_after=0).play(48, 5000)
    assert (server.refused, server.logged) == (0, [])
    assert 0.97 * 48 <= server.mean_rate <= 48


@pytest.mark.parametrize(("stray_share", "least_rate"), [(0.001, 20), (0.01, 8), (0.02, 5)])
def test_stray_429s_slow_the_pace_down_without_stopping_it(stray_share, least_rate):
    server = RateLimitedServer(0, retry_after=0, stray_share=stray_share).play(40, 4000)
    assert server.mean_rate >= least_rate


@settings(max_examples=40)
@given(
    limit=st.integers(2, 80),
    share=st.floats(0.2, 1.1),
    burst=st.floats(0.1, 2),
    latency=st.floats(0.001, 2),
    retry_after=st.floats(0, 5),
)
def test_all_requests_are_answered_within_the_limit_by_any_server(limit, share, burst, latency, retry_after):
    rate = max(2.0, limit * share)
    server = RateLimitedServer(rate, max(1, rate * burst), lambda: latency, retry_after).play(limit, 400)
    # A 429 halves the rate, and requests open at that time may be refused too. The rate takes seconds to grow above
    # what the server accepts again.
    open_requests = 1 + min(limit * latency, thread_count(limit, 64))
    assert server.refused <= open_requests * (7 + (server.now - 1000) / 2)
    assert most_in_a_window(server.grants) <= limit


@pytest.mark.parametrize(("limit", "rate"), [(40, 5), (48, 20), (100, 90)])
@pytest.mark.parametrize("retry_after", [0, 1])
def test_the_rate_is_at_the_limit_a_minute_after_the_last_429(limit, rate, retry_after):
    server = RateLimitedServer(rate, retry_after=retry_after).play(limit, seconds=60)
    assert server.mean_rate <= rate * 1.3
    server.rate, lifted = 0, server.now
    server.play(limit, seconds=91)
    assert server.sent_since(lifted + 61, 30) >= 0.97 * limit
    assert most_in_a_window(server.grants) <= limit


def test_a_server_that_refuses_everything_gets_about_one_request_a_second():
    server = RateLimitedServer(1e-9, burst=1e-9, retry_after=0).play(48, seconds=60)
    assert server.sent_since(1000 + 20, 30) <= 1.6


@pytest.mark.parametrize("limit", [1, 5, 20, 40, 60])
@pytest.mark.parametrize("slow_share", [0, 0.01])
def test_slow_answers_do_not_lower_the_mean_rate(limit, slow_share):
    seconds = itertools.cycle([0.06] * 199 + [5.0, 5.0])  # the worst order: in pairs
    server = RateLimitedServer(0, latency=(lambda: 0.06) if not slow_share else lambda: next(seconds)).play(limit, 1500)
    assert 0.97 * limit <= server.mean_rate <= limit
