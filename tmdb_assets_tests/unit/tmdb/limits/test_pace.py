"""The rate limit, on virtual time."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tmdb_assets.tmdb.limits.pace import Pace, thread_count
from tmdb_assets_tests.fakes.virtual_time import VirtualTime, most_in_a_window


@settings(max_examples=150)
@given(
    rate=st.one_of(st.integers(1, 60), st.floats(1, 60)),
    steps=st.lists(
        st.tuples(st.sampled_from([0.0, 0.0, 0.0, 0.003, 0.4, 3.0]), st.floats(0, 0.5), st.booleans()),
        min_size=2,
        max_size=200,
    ),
)
def test_no_window_of_a_second_holds_more_than_the_limit(rate, steps):
    time = VirtualTime(itertools.cycle([late for _, late, _ in steps]))
    pace = Pace(rate, clock=time.clock, sleep=time.sleep)
    grants = [pace.acquire()]
    for idle, _, is_refused in steps:
        time.now += idle
        if is_refused and idle:
            pace.refuse(0.2, grants[-1])
        grants.append(pace.acquire())
    assert most_in_a_window(grants) <= math.floor(rate)


@settings(max_examples=50)
@given(rate=st.floats(0.05, 0.99), lateness=st.lists(st.floats(0, 2), min_size=1, max_size=20))
def test_below_one_a_second_the_window_is_longer(rate, lateness):
    time = VirtualTime(itertools.cycle(lateness))
    pace = Pace(rate, clock=time.clock, sleep=time.sleep)
    grants = [pace.acquire() for _ in range(30)]
    assert most_in_a_window(grants, 1 / rate) == 1


@pytest.mark.parametrize("rate", [0.5, 1, 7, 40, 1000])
def test_the_mean_rate_is_at_least_97_5_percent_though_sleeps_end_late(rate):
    time = VirtualTime(itertools.cycle([0.0, 0.004, 0.001, 0.02, 0.0]))
    pace = Pace(rate, clock=time.clock, sleep=time.sleep)
    grants = [pace.acquire() for _ in range(2001)]
    assert 0.975 * rate <= 2000 / (grants[-1] - grants[0]) <= rate


def test_permits_are_evenly_spaced():
    time = VirtualTime()
    pace = Pace(40, clock=time.clock, sleep=time.sleep)
    grants = [pace.acquire() for _ in range(200)]
    gaps = [after - before for before, after in itertools.pairwise(grants)]
    assert max(gaps) - min(gaps) < 0.001
    assert gaps[0] == pytest.approx(1 / 40, rel=0.025)


def test_idle_time_is_not_saved_up():
    time = VirtualTime()
    pace = Pace(10, clock=time.clock, sleep=time.sleep)
    pace.acquire()
    time.now += 60
    first, second = pace.acquire(), pace.acquire()
    assert first == 1060
    assert second - first == pytest.approx(0.1, rel=0.025)


@pytest.mark.parametrize("rate", [0, 40])
def test_a_wait_stops_all_permits(rate):
    time = VirtualTime()
    pace = Pace(rate, clock=time.clock, sleep=time.sleep)
    first = pace.acquire()
    pace.refuse(3, first)
    pace.refuse(1, first)
    assert pace.acquire() == pytest.approx(first + 3)


def test_a_wait_stops_a_thread_that_is_already_queued():
    time = VirtualTime()

    def sleep(seconds):
        if not time.slept:
            pace.refuse(5, first)
        time.sleep(seconds)

    pace = Pace(1, clock=time.clock, sleep=sleep)
    first = pace.acquire()
    assert pace.acquire() == pytest.approx(first + 5)
    assert len(time.slept) == 2


def test_no_limit_never_sleeps():
    time = VirtualTime()
    pace = Pace(0, clock=time.clock, sleep=time.sleep)
    assert {pace.acquire() for _ in range(1000)} == {1000.0}
    assert time.slept == []


def test_a_thread_that_stops_waiting_does_not_block_others():
    time = VirtualTime()
    give_up = [True]

    def sleep(seconds):
        if give_up.pop() if give_up else False:
            raise InterruptedError
        time.sleep(seconds)

    pace = Pace(2, clock=time.clock, sleep=sleep)
    first = pace.acquire()
    with pytest.raises(InterruptedError):
        pace.acquire()
    assert pace.acquire() - first == pytest.approx(0.5, rel=0.03)


@pytest.mark.parametrize(("limit", "threads"), [(0, 64), (0.2, 4), (2, 4), (20, 40), (40, 64), (1000, 64)])
def test_no_more_threads_than_the_limit_can_use(limit, threads):
    assert thread_count(limit, 64) == threads


@pytest.mark.parametrize("rate", [-1, math.nan, math.inf])
def test_an_impossible_rate_is_refused(rate):
    with pytest.raises(ValueError, match="rate_limit must be 0 or more"):
        Pace(rate)
