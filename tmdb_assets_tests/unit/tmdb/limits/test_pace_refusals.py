"""How the pace falls with the 429s of a server that takes less, and comes back, on a clock that the test turns."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tmdb_assets.tmdb.limits.pace import Pace, thread_count
from tmdb_assets.tmdb.limits.rate import AdaptiveRate
from tmdb_assets_tests.fakes.rate_limited_server import RateLimitedServer
from tmdb_assets_tests.fakes.virtual_time import VirtualTime, most_in_a_window


def gaps(pace, count=4):
    """Seconds between the next permits."""
    grants = [pace.acquire() for _ in range(count)]
    return [after - before for before, after in itertools.pairwise(grants)]


def test_a_single_429_lowers_nothing():
    time = VirtualTime()
    pace = Pace(40, clock=time.clock, sleep=time.sleep)
    sent = [pace.acquire() for _ in range(20)]
    assert [pace.refuse(0, sent[-1]) for _ in range(3)] == [None] * 3
    assert gaps(pace) == pytest.approx([1 / (40 * 0.978)] * 3, rel=0.01)


def test_four_429s_lower_to_what_was_taken_once_for_all_that_were_under_way():
    time = VirtualTime()
    pace = Pace(40, clock=time.clock, sleep=time.sleep)
    for taken in range(40):
        sent = pace.acquire()
        if taken < 28:
            pace.accept(sent)
    assert [pace.refuse(0, sent) for _ in range(8)] == [None] * 3 + [pytest.approx(0.9 * 28)] + [None] * 4
    assert gaps(pace)[1:] == pytest.approx([1 / (0.9 * 28)] * 2, rel=0.01)
    sent = pace.acquire()
    assert [pace.refuse(0, sent) for _ in range(4)][-1] == pytest.approx(0.9 * 28 * 0.9, rel=0.5)


def test_429s_that_ask_for_a_wait_count_twice():
    time = VirtualTime()
    pace = Pace(40, clock=time.clock, sleep=time.sleep)
    sent = [pace.acquire() for _ in range(20)]
    for each in sent:
        pace.accept(each)
    assert pace.refuse(1, sent[-1]) is None
    assert pace.refuse(1, sent[-1]) == pytest.approx(40 * 0.978 / 2, rel=0.01)


def test_429s_without_a_limit_set_one_for_a_minute():
    time = VirtualTime()
    pace = Pace(0, clock=time.clock, sleep=time.sleep)
    for _ in range(200):
        time.now += 0.01
        pace.accept(sent := pace.acquire())
    assert [pace.refuse(0, sent) for _ in range(4)][-1] == pytest.approx(90, rel=0.05)
    assert gaps(pace) == pytest.approx([1 / 90] * 3, rel=0.05)
    time.now += AdaptiveRate.RECOVERY_SECONDS
    assert gaps(pace) == [0] * 3


@settings(max_examples=100, deadline=None)
@given(
    limit=st.floats(0.1, 100),
    seconds=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 8), st.booleans()), min_size=1, max_size=60),
)
def test_the_rate_never_passes_the_limit_only_grows_between_429s_and_is_back_a_minute_later(limit, seconds):
    rate, now = AdaptiveRate(limit), 0.0
    for taken, refused, has_wish in seconds:
        now += 1
        for _ in range(taken):
            rate.accept(now)
        for _ in range(refused):
            before = rate.at(now)
            if rate.refuse(now, has_wish=has_wish):
                assert min(limit, 1) <= rate.at(now) <= max(before * 0.9, min(limit, 1))
                assert rate.at(now) >= min(before, 40) / 2 - 1e-9
            else:
                assert rate.at(now) == before
        growing = [rate.at(now + second) for second in range(61)]
        assert growing == sorted(growing)
        assert growing[-1] == limit
        assert max(growing) <= limit


@pytest.mark.parametrize(
    ("limit", "rate", "burst", "count", "most_refused"),
    [
        (48, 50, 50, 2000, 0),
        (60, 50, 50, 2000, 6),
        (40, 35, 1, 2000, 10),
        (40, 5, 5, 500, 30),
        (1000, 50, 50, 2000, 80),
        (0, 50, 50, 2000, 80),
        (0, 10, 10, 1000, 110),
    ],
)
def test_429s_stay_few_and_the_servers_rate_is_used(limit, rate, burst, count, most_refused):
    server = RateLimitedServer(rate, burst).play(limit, count)
    assert server.refused <= most_refused
    assert server.answered_rate >= 0.75 * min(rate, limit or rate)
    assert limit == 0 or most_in_a_window(server.grants) <= limit


def test_a_server_that_takes_more_than_the_limit_refuses_nothing():
    server = RateLimitedServer(50, retry_after=0).play(48, 5000)
    assert (server.refused, server.told) == (0, [])
    assert 0.97 * 48 <= server.mean_rate <= 48
    assert most_in_a_window(server.grants) <= 48


@pytest.mark.parametrize("stray_share", [0.001, 0.01, 0.02])
def test_stray_429s_leave_the_pace_at_four_fifths_at_least(stray_share):
    server = RateLimitedServer(0, retry_after=0, stray_share=stray_share).play(100, seconds=200)
    assert server.mean_rate >= 0.8 * 100
    assert min((rate for _, rate in server.lowered), default=100) >= 50
    assert most_in_a_window(server.grants) <= 100


def test_stray_429s_with_a_wish_cost_little_more_than_the_waits_that_they_ask_for():
    server = RateLimitedServer(0, retry_after=1, stray_share=0.005).play(100, seconds=200)
    waiting = server.refused * 1.0  # some waits are at the same time
    assert server.answered >= 0.75 * 100 * (200 - waiting)


@pytest.mark.parametrize("retry_after", [0, 1])
@pytest.mark.parametrize("burst", [1, 5, 20])
def test_a_limit_of_20_is_found_within_seconds_when_48_are_permitted(retry_after, burst):
    server = RateLimitedServer(20, burst, retry_after=retry_after).play(48, seconds=10)
    # Down from 48: 4 a step and what is under way, as 60 ms make 3; the last step is at most at 8 s.
    assert server.refused <= 20
    found = server.lowered[-1][1]
    assert found <= 20 or burst == 20  # the waits themselves keep it at 20
    server.play(48, seconds=290)
    # From then on up to 8 each time that the pace has grown above 20 again, some three times a minute.
    assert server.refused <= 20 + 290 / 60 * 25
    # With a wish each of them costs a second in which nothing is sent; a server that saves nothing up loses that.
    assert server.answered_rate >= (0.75 if retry_after and burst < 20 else 0.85) * 20
    assert most_in_a_window(server.grants) <= 48


@settings(max_examples=40, deadline=None)
@given(
    limit=st.integers(2, 80),
    share=st.floats(0.2, 1.1),
    burst=st.floats(0.1, 2),
    latency=st.floats(0.001, 2),
    retry_after=st.floats(0, 5),
)
def test_any_lower_limit_of_the_server_is_found(limit, share, burst, latency, retry_after):
    rate = max(2.0, limit * share)
    server = RateLimitedServer(rate, max(1, rate * burst), lambda: latency, retry_after).play(limit, 400)
    under_way = 4 + min(limit * latency, thread_count(limit, 64))
    # It takes four 429s to lower the pace, and then comes what is under way. To get down there are some lowerings at
    # first (0.75**6 < 0.2); from then on one each time that the pace has stood and grown again. Up to 4% are strays.
    lowerings = 7 + (server.now - 1000) / AdaptiveRate.STEADY_SECONDS
    assert server.refused <= under_way * lowerings + 0.04 * len(server.grants)
    assert most_in_a_window(server.grants) <= limit


@pytest.mark.parametrize(("limit", "rate"), [(40, 5), (48, 20), (100, 90)])
@pytest.mark.parametrize("retry_after", [0, 1])
def test_the_pace_is_the_limit_again_a_minute_after_a_storm(limit, rate, retry_after):
    server = RateLimitedServer(rate, retry_after=retry_after).play(limit, seconds=60)
    assert server.mean_rate <= rate * 1.2
    server.rate, lifted = 0, server.now
    server.play(limit, seconds=90)
    assert server.sent_since(lifted + 60, 30) >= 0.97 * limit
    assert most_in_a_window(server.grants) <= limit


def test_a_server_that_refuses_everything_is_asked_once_a_second():
    server = RateLimitedServer(1e-9, burst=1e-9, retry_after=0).play(48, seconds=60)
    assert server.refused <= 60 + 60
    assert server.lowered[-1][1] == 1
    assert server.sent_since(1000 + 20, 30) <= 1.1


@pytest.mark.parametrize("limit", [1, 5, 20, 40, 60])
@pytest.mark.parametrize("slow_share", [0, 0.01])
def test_slow_answers_do_not_lower_the_mean_rate(limit, slow_share):
    seconds = itertools.cycle([0.06] * 199 + [5.0, 5.0])  # the worst order: in pairs
    server = RateLimitedServer(0, latency=(lambda: 0.06) if not slow_share else lambda: next(seconds)).play(limit, 1500)
    assert 0.97 * limit <= server.mean_rate <= limit
